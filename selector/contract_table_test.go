package selector

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
)

// promises are those of the contract.
const promises = 17

// promise is a row of docs/contract.md. Tests are named folder.Test….
type promise struct{ anywhere, elsewhere []string }

var testName = regexp.MustCompile("`([a-z/]+\\.Test\\w+)`")

// contract reads docs/contract.md.
func contract(t *testing.T) map[int]promise {
	t.Helper()
	content, err := os.ReadFile("../docs/contract.md")
	require.NoError(t, err)
	out := map[int]promise{}
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		var number int
		if _, err := fmt.Sscanf(strings.TrimSpace(cells[0]), "D%d", &number); err != nil {
			continue
		}
		require.Len(t, cells, 4, line)
		require.NotContains(t, out, number)
		out[number] = promise{names(cells[2]), names(cells[3])}
	}
	return out
}

func names(cell string) []string {
	var out []string
	for _, match := range testName.FindAllStringSubmatch(cell, -1) {
		out = append(out, match[1])
	}
	return out
}

// found is a test function of the tree.
type found struct {
	says     string // name and comment
	anywhere bool   // it is built without tags and without cgo
}

// testsOf finds the test functions of a folder.
func testsOf(folder string) (map[string]found, error) {
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	out := map[string]found{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		anywhere, err := builtAnywhere(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				out[f.Name.Name] = found{f.Name.Name + " " + f.Doc.Text(), anywhere}
			}
		}
	}
	return out, nil
}

// builtAnywhere says whether a file has no constraint of its build, or one that
// holds with cgo off and no tag.
func builtAnywhere(file *ast.File) (bool, error) {
	for _, group := range file.Comments {
		for _, line := range group.List {
			if group.Pos() > file.Package || !constraint.IsGoBuild(line.Text) {
				continue
			}
			e, err := constraint.Parse(line.Text)
			if err != nil {
				return false, err
			}
			return e.Eval(func(string) bool { return false }), nil
		}
	}
	return true, nil
}

// proves says what is wrong with a test as the proof of a promise.
func proves(number int, name string, tests map[string]found) error {
	test, ok := tests[name[strings.LastIndex(name, ".")+1:]]
	switch {
	case !ok:
		return errors.New("there is no such test")
	case !regexp.MustCompile(fmt.Sprintf(`D%d(\D|$)`, number)).MatchString(test.says):
		return fmt.Errorf("neither its name nor its comment says D%d", number)
	}
	return nil
}

// TestContractTable: D17: every promise has a row, every row a test that is
// there in every build, and every test of the table exists and names the promise.
func TestContractTable(t *testing.T) {
	rows := contract(t)
	require.Equal(t, promises, len(rows))
	folders := map[string]map[string]found{}
	for number := 1; number <= promises; number++ {
		row, ok := rows[number]
		require.True(t, ok, "D%d", number)
		require.NotEmpty(t, row.anywhere, "D%d", number)
		for k, name := range slices.Concat(row.anywhere, row.elsewhere) {
			folder := name[:strings.LastIndex(name, ".")]
			if folders[folder] == nil {
				var err error
				folders[folder], err = testsOf(folder)
				require.NoError(t, err)
			}
			require.NoError(t, proves(number, name, folders[folder]), "D%d: %s", number, name)
			if k < len(row.anywhere) {
				require.True(t, folders[folder][name[strings.LastIndex(name, ".")+1:]].anywhere, "D%d: %s has to be in every build", number, name)
			}
		}
	}
	// Tests that carry a number of the contract in their name are in the table.
	for _, name := range slices.Sorted(maps.Keys(folders["selector"])) {
		if match := regexp.MustCompile(`^TestD(\d+)`).FindStringSubmatch(name); match != nil {
			var number int
			_, err := fmt.Sscan(match[1], &number)
			require.NoError(t, err)
			require.Contains(t, slices.Concat(rows[number].anywhere, rows[number].elsewhere), "selector."+name)
		}
	}
}

// TestProves: what TestContractTable refuses.
func TestProves(t *testing.T) {
	tests := map[string]found{"TestD12LogLines": {says: "TestD12LogLines"}, "TestOther": {says: "TestOther D4, D1: some"}}
	require.NoError(t, proves(12, "selector.TestD12LogLines", tests))
	require.NoError(t, proves(1, "selector.TestOther", tests))
	require.ErrorContains(t, proves(1, "selector.TestD12LogLines", tests), "says D1")
	require.ErrorContains(t, proves(2, "selector.TestOther", tests), "says D2")
	require.ErrorContains(t, proves(4, "selector.TestNone", tests), "no such test")
	for text, want := range map[string]bool{"": true, "//go:build cgo && torch": false, "//go:build !torch || !cgo": true, "//go:build linux": false} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", text+"\n\npackage x\n", parser.ParseComments)
		require.NoError(t, err)
		got, err := builtAnywhere(file)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
}

// TestD17NoRuntimeIsNeeded: the fakes of these tests are the evaluator behind
// bridge.Backend, under the name of either runtime; and where a runtime has to be
// there, as in CI, a missing one is a failure.
func TestD17NoRuntimeIsNeeded(t *testing.T) {
	c := newCall([]Option{spied(new(events))})
	for _, name := range Backends() {
		b, err := c.open(name, bridge.Options{})
		require.NoError(t, err)
		require.IsType(t, fake{}, b)
		require.IsType(t, evalnative.Open(), b.(fake).Backend)
		require.Equal(t, name, b.Info().Backend)
		require.NoError(t, b.Close())
	}
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^NATIVE_TEST = PTYCHO_REQUIRE_NATIVE=`, string(makefile))
	require.Regexp(t, `(?m)^test-native:.*\n\t\$\(NATIVE_TEST\) -tags torch \./\.\.\.$`, string(makefile))
	require.Regexp(t, `(?m)^test-pure:.*\n\tCGO_ENABLED=0 go test \./\.\.\.$`, string(makefile))
	ci, err := os.ReadFile("../.ci/run")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^make test$`, string(ci))
}
