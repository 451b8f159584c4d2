package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
)

var (
	building sync.Once
	built    string // the program, without native libraries
	failure  string
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

// program builds the program with cgo off, once.
func program(t *testing.T) string {
	t.Helper()
	building.Do(func() {
		directory, err := os.MkdirTemp("", "ptycho-docs")
		if err != nil {
			failure = err.Error()
			return
		}
		built = filepath.Join(directory, "ptycho")
		c := exec.Command("go", "build", "-o", built, "../cmd/ptycho")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			failure = err.Error() + "\n" + string(out)
		}
	})
	require.Empty(t, failure, "the program does not build")
	return built
}

// output runs the program in a directory and gives what it says on both
// streams, and its exit code.
func output(t *testing.T, directory string, arguments ...string) (string, int) {
	t.Helper()
	c := exec.Command(program(t), arguments...)
	c.Dir = directory
	out, err := c.CombinedOutput()
	if err != nil {
		require.IsType(t, new(exec.ExitError), err, "%v", err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// beforeCommand is what may stand before a command's name.
var beforeCommand = regexp.MustCompile(`^(?:\S*/)?ptycho `)

// commandLines gives the program's command lines in a block, those that are
// continued on the next line in one piece.
func commandLines(b block) []string {
	if b.language == "text" { // what the program says
		return nil
	}
	var out []string
	for _, line := range strings.Split(strings.ReplaceAll(b.text, "\\\n", " "), "\n") {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
		if beforeCommand.MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}

// TestCommandLines: the program knows every command and flag in the pages, and
// their values are of the right kind.
func TestCommandLines(t *testing.T) {
	seen := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			for _, line := range commandLines(b) {
				out, code := output(t, t.TempDir(), append(strings.Fields(line)[1:], "--help")...)
				require.Zero(t, code, "%s: %s\n%s", p.path, line, out)
				if words := strings.Fields(line); !strings.HasPrefix(words[1], "-") {
					require.Contains(t, out, "ptycho "+words[1], "%s: %s: there is no such command", p.path, line)
				}
				seen++
			}
		}
	}
	require.Greater(t, seen, 20, "command lines were found")
}

var flag = regexp.MustCompile("`(--[A-Za-z][A-Za-z0-9_-]*)")

// TestFlags: every flag named in the text of a page is one of some command.
func TestFlags(t *testing.T) {
	known := map[string]bool{}
	for _, command := range []string{"run", "train", "infer", "simulate", "evaluate", "inspect", "parity", "bench", "doctor"} {
		help, _ := output(t, ".", command, "--help")
		for _, m := range regexp.MustCompile(`--[A-Za-z][A-Za-z0-9-]*`).FindAllString(help, -1) {
			known[m] = true
		}
	}
	for _, p := range pages(t) {
		for _, m := range flag.FindAllStringSubmatch(strings.Join(p.prose, "\n"), -1) {
			name := strings.ReplaceAll(m[1], "_", "-")
			family := strings.HasSuffix(name, "-") // --checkpoint-*
			for k := range known {
				family = family && !strings.HasPrefix(k, name)
			}
			if strings.HasSuffix(name, "-") {
				require.False(t, family, "%s: no flag begins with %s", p.path, name)
				continue
			}
			require.True(t, known[name] || name == "--flag", "%s names the flag %s", p.path, name)
		}
	}
}

// TestYAML: blocks of YAML are configurations that are accepted.
func TestYAML(t *testing.T) {
	seen := 0
	for _, p := range pages(t) {
		for _, text := range p.code("yaml") {
			layer, err := config.Parse(p.path, []byte(text))
			require.NoError(t, err)
			_, err = config.Resolve(layer)
			require.NoError(t, err)
			seen++
		}
	}
	require.Positive(t, seen)
}
