package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/selector"
)

// TestMain is the program itself where the test has started it.
func TestMain(m *testing.M) {
	if os.Getenv("PTYCHO_EXAMPLE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program runs the program in the working directory.
func program(t *testing.T, arguments ...string) (stdout, stderr string, err error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), self, arguments...)
	c.Env = append(os.Environ(), "PTYCHO_EXAMPLE=1")
	var out, log strings.Builder
	c.Stdout, c.Stderr = &out, &log
	err = c.Run()
	return out.String(), log.String(), err
}

// TestProgram reconstructs a small scan where a runtime is there, and sees what
// is said where it is not.
func TestProgram(t *testing.T) {
	t.Chdir(t.TempDir())
	scan, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 9, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	require.NoError(t, scan.Write("scan.npz"))
	for _, backend := range selector.Backends() {
		t.Run(backend, func(t *testing.T) {
			stdout, stderr, err := program(t, "-backend", backend, "scan.npz")
			b, missing := selector.Open(backend, bridge.Options{})
			if errors.Is(missing, bridge.ErrUnavailable) && os.Getenv("PTYCHO_REQUIRE_NATIVE") == "" {
				require.Error(t, err)
				require.Empty(t, stdout)
				require.Contains(t, stderr, missing.Error())
				require.NoFileExists(t, "amplitude.png")
				t.Skipf("%s is missing, and the program says so", backend)
			}
			require.NoError(t, missing)
			require.NoError(t, b.Close())
			require.NoError(t, err, stderr)
			var deviance float64
			_, err = fmt.Sscanf(stdout, "deviance per pixel: %g\n", &deviance)
			require.NoError(t, err, stdout)
			require.Greater(t, deviance, 0.0)
			picture, err := os.ReadFile("amplitude.png")
			require.NoError(t, err)
			require.Equal(t, "\x89PNG", string(picture[:4]))
			require.NoError(t, os.Remove("amplitude.png"))
			entries, err := os.ReadDir(".")
			require.NoError(t, err)
			require.Len(t, entries, 1, "nothing but the picture is written")
		})
	}
}

// TestProgramWithoutFile: no argument is an error and no panic.
func TestProgramWithoutFile(t *testing.T) {
	stdout, stderr, err := program(t)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Empty(t, stdout)
	require.Contains(t, stderr, "dataset: load:")
	require.NotContains(t, stderr, "panic")
}

// TestQuoted: docs/library.md shows this program, of 20 lines without package
// and imports.
func TestQuoted(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	guide, err := os.ReadFile("../library.md")
	require.NoError(t, err)
	require.Contains(t, string(guide), "```go\n"+string(source)+"```\n")
	_, body, found := strings.Cut(string(source), "\n)\n")
	require.True(t, found)
	lines := strings.FieldsFunc(body, func(r rune) bool { return r == '\n' })
	require.Len(t, lines, 20)
}

// TestQuotedExamples: what else of Go stands in docs/library.md is from the
// examples of the selector.
func TestQuotedExamples(t *testing.T) {
	guide, err := os.ReadFile("../library.md")
	require.NoError(t, err)
	examples, err := os.ReadFile("../../selector/example_test.go")
	require.NoError(t, err)
	blocks := strings.Split(string(guide), "```go\n")[2:] // after the program
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		code, _, closed := strings.Cut(b, "```")
		require.True(t, closed)
		require.Contains(t, unindented(string(examples)), unindented(code))
	}
}

// unindented is text whose lines begin with what is not a tab.
func unindented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimLeft(line, "\t"))
	}
	return out.String()
}
