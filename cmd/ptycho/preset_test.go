package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
)

// TestPresetIsBelow: a file goes before the preset, and a flag before both.
func TestPresetIsBelow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.yaml")
	require.NoError(t, os.WriteFile(file, []byte("training:\n  nepochs: 5\n  batch_size: 6\n"), 0o644))
	var s settings
	c := &cobra.Command{}
	s.register(c, allSections...)
	s.registerPreset(c)
	require.NoError(t, c.ParseFlags([]string{"--preset", "fast", "--config", file, "--batch-size", "7"}))
	layers, err := s.layers(c)
	require.NoError(t, err)
	r, err := config.Resolve(layers...)
	require.NoError(t, err)
	got := r.Config.Training
	require.Equal(t, []any{7, 5, 1.0, "warmup_cosine"}, []any{got.BatchSize, got.NEpochs, got.Model.NFiltersScale, got.Scheduler})
	require.Equal(t, "preset fast", r.Sources["training.scheduler"])
	require.Equal(t, file, r.Sources["training.nepochs"])
}
