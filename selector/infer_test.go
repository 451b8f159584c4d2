package selector

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
)

// trainedIn trains a small model into a directory.
func trainedIn(t *testing.T, dir string, change func(*config.TrainingConfig)) {
	t.Helper()
	c := smallConfig(config.TensorFlow)
	c.OutputDir, c.NEpochs = dir, 1
	change(&c)
	raw := smallScan(t)
	if c.Model.Gridsize == 3 {
		raw = nineScan(t)
	}
	_, err := TrainCDIModelWithBackend(t.Context(), raw, nil, c, spied(new(events)))
	require.NoError(t, err)
}

// TestD3NeighborsOfTheBundle: an inference that says nothing about neighbours
// has as many as the training; too few of them are refused before anything
// starts.
func TestD3NeighborsOfTheBundle(t *testing.T) {
	dir := t.TempDir()
	trainedIn(t, dir, func(c *config.TrainingConfig) { c.Model.Gridsize, c.NeighborCount = 3, 9 })
	m, params, err := LoadInferenceBundleWithBackend(t.Context(), dir, smallInference(config.PyTorch), "", spied(new(events)))
	require.NoError(t, err)
	require.Equal(t, 9, params["neighbor_count"])
	p, err := m.Predict(t.Context(), nineScan(t))
	require.NoError(t, err)
	require.Equal(t, 9, p.Channels)
	require.NoError(t, m.Close())

	var seen events
	i := smallInference(config.PyTorch)
	i.NeighborCount = 4
	_, _, err = LoadInferenceBundleWithBackend(t.Context(), dir, i, "", spied(&seen))
	require.EqualError(t, err, `invalid configuration: config: inference.neighbor_count is "4", allowed: gridsize² or more, with gridsize = 3`)
	require.ErrorIs(t, err, ErrInvalidConfig)
	require.Empty(t, seen)
}

// TestD3NamesAllThatDiffers: an unknown name and all settings that contradict
// the bundle come in one error.
func TestD3NamesAllThatDiffers(t *testing.T) {
	dir := t.TempDir()
	trainedIn(t, dir, func(*config.TrainingConfig) {})
	var seen events
	i := smallInference(config.PyTorch)
	i.Model.N, i.Model.AmpActivation = 128, "relu"
	_, _, err := LoadInferenceBundleWithBackend(t.Context(), dir, i, "moon", spied(&seen))
	require.ErrorIs(t, err, ErrInvalidConfig)
	require.ErrorContains(t, err, `no model is named "moon"; there are: autoencoder, diffraction_to_obj`)
	require.ErrorContains(t, err, "model.N is 128 in the configuration and 64 in the bundle, model.amp_activation is relu in the configuration and sigmoid in the bundle; leave them out, or use a model trained with them")
	require.Empty(t, seen)
	i.Model.N = 0
	_, _, err = LoadInferenceBundleWithBackend(t.Context(), dir, i, "", spied(&seen))
	require.ErrorContains(t, err, "; leave it out, or use a model trained with it")
}

// TestD3BundleIsReadOnce: a bundle that was read already serves without its
// file, and stays as it was.
func TestD3BundleIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	trainedIn(t, dir, func(*config.TrainingConfig) {})
	trained, err := bundle.Read(dir)
	require.NoError(t, err)
	again, err := bundle.Read(dir)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	m, params, err := LoadInferenceBundleWithBackend(t.Context(), dir, smallInference(config.PyTorch), "", spied(new(events)), WithBundle(trained))
	require.NoError(t, err)
	require.Equal(t, "pytorch", params["backend"])
	require.Equal(t, "tensorflow", trained.Params["backend"])
	p, err := m.Predict(t.Context(), smallScan(t))
	require.NoError(t, err)
	r, err := m.Stitch(p, config.DefaultReconstruction(), nil)
	require.NoError(t, err)
	require.Equal(t, params, r.Legacy, "the map of this inference, not that of the training")
	require.Equal(t, config.DefaultExecution(), r.Execution)
	require.NoError(t, m.Close())
	require.Equal(t, again, trained)
}
