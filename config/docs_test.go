package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDeferredIsDocumented: docs/deferred.md is the table of what is refused by
// name. PTYCHO_UPDATE=1 writes it anew.
func TestDeferredIsDocumented(t *testing.T) {
	const path = "../docs/deferred.md"
	var want strings.Builder
	want.WriteString("# Deferred features\n\nSettings that are part of the contract and not supported by this version. They are\nrefused by name before anything starts. Made from `config/deferred.go`.\n\n| setting | refused | this version has |\n|---|---|---|\n")
	for _, d := range DeferredFeatures() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", d.Key, d.Value, d.Supported)
	}
	if os.Getenv("PTYCHO_UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(want.String()), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(got), "it is stale: PTYCHO_UPDATE=1 go test ./config")
}
