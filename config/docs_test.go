package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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

// TestLinks: what README and these pages link to in this tree exists.
func TestLinks(t *testing.T) {
	for _, page := range []string{"README.md", "docs/configuration.md", "docs/contract.md"} {
		content, err := os.ReadFile("../" + page)
		require.NoError(t, err)
		links := 0
		for _, piece := range strings.Split(string(content), "](")[1:] {
			target, _, _ := strings.Cut(piece, ")")
			if !strings.HasPrefix(target, "https://") {
				require.FileExists(t, filepath.Join("..", filepath.Dir(page), target), page)
				links++
			}
		}
		require.Positive(t, links, page)
	}
}
