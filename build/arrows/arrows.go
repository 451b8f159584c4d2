// Package arrows holds the picture of the packages in DESIGN.md as a table,
// and a test that no import points upwards in it.
package arrows

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/ptychobridge/ptychobridge"

// rows is the picture from top to bottom; a package may import those of the
// rows below its own. A folder below a listed one belongs to the same row,
// and may be imported from there.
var rows = [][]string{
	{"cmd", "docs"},
	{"selector", "parity", "bench"},
	{"workflow", "bridge/tfnative", "bridge/torchnative", "physics/physicstest"},
	{"bundle", "report"},
	{"model", "evaluate", "bridge/evalnative", "bridge/bridgetest"},
	{"physics", "dataset", "stitch", "bridge"}, // bridge/cases too
	{"graph/eval"},
	{"graph", "config", "build", "wholefile"},
}

// runtimes are named by the selector only.
var runtimes = []string{"bridge/tfnative", "bridge/torchnative"}

// outside lists what the lowest packages may import besides the standard
// library.
var outside = map[string][]string{
	"graph":  {},
	"config": {"go.yaml.in/yaml/v3"},
	"build":  {},
}

// Import is one import in one file.
type Import struct {
	File string // slash-separated path from the root of the module
	Path string
}

// Imports reads the imports of all Go files below root, for all build tags.
func Imports(root string) ([]Import, error) {
	var all []Import
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "out") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all = append(all, Import{filepath.ToSlash(relative), p})
		}
		return nil
	})
	return all, err
}

// Check says what is wrong with an import, or nil. Tests may import upwards,
// but they do not name a runtime either.
func (i Import) Check() error {
	from := path.Dir(i.File)
	test := strings.HasSuffix(i.File, "_test.go")
	row, entry := place(from)
	if row < 0 {
		return fmt.Errorf("%s: package %s is not in the picture of DESIGN.md; give it a row in build/arrows", i.File, from)
	}
	to, ours := strings.CutPrefix(i.Path, module+"/")
	if !ours {
		return checkOutside(i, entry, test)
	}
	if slices.Contains(runtimes, to) && entry != "selector" && entry != to {
		return fmt.Errorf("%s: only the selector names %s", i.File, to)
	}
	toRow, toEntry := place(to)
	if !test && toRow <= row && toEntry != entry {
		return fmt.Errorf("%s: the import of %s points up or sideways", i.File, to)
	}
	return nil
}

func checkOutside(i Import, entry string, test bool) error {
	allowed, limited := outside[entry]
	standard := !strings.Contains(strings.Split(i.Path, "/")[0], ".")
	if test || standard || !limited || slices.Contains(allowed, i.Path) {
		return nil
	}
	return fmt.Errorf("%s: %s may not import %s", i.File, entry, i.Path)
}

// place gives the row of a package and its entry there, the longest one that
// it is in or below; -1 where there is none.
func place(pkg string) (int, string) {
	row, entry := -1, ""
	for r, names := range rows {
		for _, name := range names {
			if (pkg == name || strings.HasPrefix(pkg, name+"/")) && len(name) > len(entry) {
				row, entry = r, name
			}
		}
	}
	return row, entry
}
