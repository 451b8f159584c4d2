package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is a Markdown file, line by line, with what is code told apart.
type page struct {
	path   string // from this directory
	prose  []string
	blocks []block
}

// block is a code block.
type block struct {
	language string // empty: indented, or not named
	text     string
}

// pages reads README.md and all pages of this directory.
func pages(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []page
	for _, path := range append(paths, "../README.md") {
		all = append(all, read(t, path))
	}
	return all
}

func read(t *testing.T, path string) page {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	p := page{path: path}
	var code []string
	fenced, language := false, ""
	end := func() {
		if len(code) > 0 {
			p.blocks = append(p.blocks, block{language, strings.Join(code, "\n") + "\n"})
		}
		code, language = nil, ""
	}
	for _, line := range strings.Split(string(content), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence:
			end()
			fenced, language = !fenced, fence
		case fenced:
			code = append(code, line)
		case strings.HasPrefix(line, "    "):
			code = append(code, strings.TrimSpace(line))
		default:
			end()
			p.prose = append(p.prose, line)
		}
	}
	require.False(t, fenced, "%s: a code block does not end", path)
	end()
	return p
}

// code gives the blocks of a language.
func (p page) code(language string) []string {
	var out []string
	for _, b := range p.blocks {
		if b.language == language {
			out = append(out, b.text)
		}
	}
	return out
}
