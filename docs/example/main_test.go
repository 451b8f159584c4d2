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
