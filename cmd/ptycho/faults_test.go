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
		code := Main(t.Context(), []string{command, "--config", file, "--backend", "jax", "--batch-size", "0", "--set", "training.seeds=1", "--precision", "bf16-mixed"}, &stdout, &stderr)
		require.Equal(t, exitUsage, code)
		require.Empty(t, stdout.String())
		require.True(t, strings.HasPrefix(stderr.String(), `ptycho: Invalid backend: "jax". TrainingConfig.backend must be 'tensorflow' or 'pytorch'.`), stderr.String())
		for _, part := range []string{"training.nepochs", "training.batch_size", "training.seeds", "bf16-mixed"} {
			require.Contains(t, stderr.String(), part)
		}
	}
}
