package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks: what the pages link to in this tree exists, headings included.
func TestLinks(t *testing.T) {
	seen := 0
	for _, p := range pages(t) {
		for _, line := range p.prose {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if !strings.HasPrefix(m[1], "https://") {
					checkLink(t, p.path, m[1])
					seen++
				}
			}
		}
	}
	require.Greater(t, seen, 40, "links were found")
}

func checkLink(t *testing.T, from, target string) {
	t.Helper()
	file, heading, hasHeading := strings.Cut(target, "#")
	path := from
	if file != "" {
		path = filepath.Join(filepath.Dir(from), file) // ../docs/x.md of README.md
	}
	_, err := os.Stat(path)
	require.NoError(t, err, "%s links to %s", from, target)
	if hasHeading {
		require.Contains(t, anchors(read(t, path)), heading, "%s links to %s", from, target)
	}
}

// anchors gives the names by which GitHub links to the headings of a page.
func anchors(p page) []string {
	var out []string
	for _, line := range p.prose {
		hashes, title, ok := strings.Cut(line, " ")
		if !ok || hashes == "" || strings.Trim(hashes, "#") != "" {
			continue
		}
		out = append(out, anchor(title))
	}
	return out
}

// anchor is a title in lower case, spaces as hyphens, punctuation left out.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

func TestAnchor(t *testing.T) {
	// As github.com shows them.
	require.Equal(t, "reconstructionnpz", anchor("reconstruction.npz"))
	require.Equal(t, "ptycho-doctor", anchor("ptycho doctor"))
	require.Equal(t, "what-differs-and-why", anchor("What differs and why"))
}

// TestIndex: the index has every page.
func TestIndex(t *testing.T) {
	index, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, p := range pages(t) {
		if filepath.Base(p.path) != "README.md" {
			require.Contains(t, string(index), "]("+p.path+")")
		}
	}
}
