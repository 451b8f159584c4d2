package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestDeferredIsDocumented: D16: docs/deferred.md is the table of what is refused by
// name.
func TestDeferredIsDocumented(t *testing.T) {
	var want strings.Builder
	want.WriteString("# Deferred features\n\nSettings that are part of the contract and not supported by this version. They are\nrefused by name before anything starts. Made from `config/deferred.go`.\n\n| setting | refused | this version has |\n|---|---|---|\n")
	for _, d := range DeferredFeatures() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", d.Key, d.Value, d.Supported)
	}
	requireGenerated(t, "../docs/deferred.md", want.String())
}
