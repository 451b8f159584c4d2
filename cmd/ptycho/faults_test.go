package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAllFaultsAtOnce: D6: a command line with a bad backend, settings out of
// range, an unknown one and one that is not supported names them all.
func TestAllFaultsAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.yaml")
	require.NoError(t, os.WriteFile(file, []byte("training:\n  nepochs: -1\n"), 0o644))
	for _, command := range []string{"run", "train"} {
		var stdout, stderr strings.Builder
		code := Main(t.Context(), []string{command, "--config", file, "--backend", "jax", "--batch-size", "0", "--set", "training.seeds=1", "--set", "positions_provided=false"}, &stdout, &stderr)
		require.Equal(t, exitUsage, code)
		require.Empty(t, stdout.String())
		require.True(t, strings.HasPrefix(stderr.String(), `ptycho: Invalid backend: "jax". TrainingConfig.backend must be 'tensorflow' or 'pytorch'.`), stderr.String())
		for _, part := range []string{"training.nepochs", "training.batch_size", "training.seeds", "positions_provided"} {
			require.Contains(t, stderr.String(), part)
		}
	}
}

// TestFaultsAreAlike: a setting that cannot be accepted has the same text in a
// run and in an inference, on the command line and between settings, and those
// of a file and of the command line are one list.
func TestFaultsAreAlike(t *testing.T) {
	modelDir := t.TempDir()
	modelIn(t, modelDir) // of gridsize 2
	said := func(arguments ...string) string {
		code, stdout, stderr := ptycho(t, arguments...)
		require.Equal(t, exitUsage, code)
		require.Empty(t, stdout)
		return stderr
	}
	const opening = "ptycho: invalid configuration: config: "
	for _, c := range []struct{ value, says string }{
		{"0", opening + "command line: training.neighbor_count is \"0\", allowed: 1 or more\n"},
		{"3", opening + "command line: training.neighbor_count is \"3\", allowed: gridsize² or more, with gridsize = 2\n"},
	} {
		require.Equal(t, c.says, said("run", "--gridsize", "2", "--neighbor-count", c.value))
		require.Equal(t, c.says, said("infer", "--model-path", modelDir, "--test-data-file", "x.npz", "--neighbor-count", c.value))
	}
	file := filepath.Join(t.TempDir(), "run.yaml")
	require.NoError(t, os.WriteFile(file, []byte("training:\n  nepochs: -1\n"), 0o644))
	require.Equal(t, opening+"2 settings cannot be accepted:\n  "+file+":2: training.nepochs is \"-1\", allowed: 1 or more\n"+
		"  command line: training.batch_size is \"0\", allowed: 1 or more\n", said("run", "--config", file, "--batch-size", "0"))

	code, stdout, _ := ptycho(t, "infer", "--help")
	require.Equal(t, exitDone, code)
	require.Regexp(t, `--neighbor-count int[^-]*default: that of the\s+model\n`, stdout)
	require.NotContains(t, stdout, "(default 4)")
}
