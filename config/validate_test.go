package config

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// faultsOf gives what Validate finds as key → what is allowed.
func faultsOf(t *testing.T, err error) map[string]string {
	t.Helper()
	if err == nil {
		return map[string]string{}
	}
	var faults Faults
	require.ErrorAs(t, err, &faults)
	out := map[string]string{}
	for _, f := range faults {
		out[f.Key] = f.Want
	}
	return out
}

func TestValidateNamesAllFaults(t *testing.T) {
	c := Default()
	c.Training.Model.N = 100
	c.Training.ValidationSplit = 1
	c.Training.LearningRate = math.NaN()
	c.Data.CoordScale = math.Inf(1)
	c.Execution.Device = "gpu"
	c.Reconstruction.M = -1
	c.Training.Backend = "" // the selector's to judge
	err := c.Validate()
	require.EqualError(t, err, `config: 6 settings cannot be accepted:
  model.N is "100", allowed: 64, 128 or 256
  data.coord_scale is "+Inf", allowed: a finite number above 0
  training.learning_rate is "NaN", allowed: a finite number above 0
  training.validation_split is "1", allowed: 0 or more and below 1
  reconstruction.M is "-1", allowed: 0 to 256
  execution.device is "gpu", allowed: auto, cpu, cuda or cuda:N`)
	var one Fault
	require.ErrorAs(t, err, &one)
	require.Equal(t, "100", one.Value)

	require.Len(t, faultsOf(t, c.Training.Validate()), 3)
	require.Len(t, faultsOf(t, c.Training.Model.Validate()), 1)
	require.Len(t, faultsOf(t, c.Data.Validate()), 1)
	require.Len(t, faultsOf(t, c.Execution.Validate()), 1)
	c.Training.Backend = "jax"
	require.NotContains(t, faultsOf(t, c.Validate()), "training.backend")
}

// TestRules has for each rule what keeps it and what breaks it, at the edge.
func TestRules(t *testing.T) {
	for _, r := range []struct {
		name   string
		change func(*Config)
		key    string // of the fault; empty: none
	}{
		{"realspace MAE alone", func(c *Config) { c.Training.RealspaceMAEWeight = 1 }, "training.realspace_mae_weight"},
		{"realspace MAE with its weight", func(c *Config) { c.Training.RealspaceMAEWeight, c.Training.RealspaceWeight = 1, .1 }, ""},
		{"nothing fitted", func(c *Config) { c.Training.NLLWeight = 0 }, "training.nll_weight"},
		{"total variation alone", func(c *Config) { c.Training.TVWeight = 1 }, "training.tv_weight"},
		{"total variation with its weight", func(c *Config) { c.Training.TVWeight, c.Training.RealspaceWeight = 1, .1 }, ""},
		{"real space without a loss", func(c *Config) { c.Training.RealspaceWeight = 1 }, "training.realspace_weight"},
		{"probe of a supervised model", func(c *Config) { c.Training.Model.ModelType, c.Training.ProbeTrainable = "supervised", true }, "training.probe_trainable"},
		{"supervised without physics", func(c *Config) { c.Training.Model.ModelType, c.Training.NLLWeight = "supervised", 0 }, ""},
		{"decay with adam", func(c *Config) { c.Training.WeightDecay = .1 }, "training.weight_decay"},
		{"decay with adamw", func(c *Config) { c.Training.WeightDecay, c.Training.Optimizer = .1, "adamw" }, ""},
		{"negative clipping", func(c *Config) { c.Training.GradientClipVal = -1 }, "training.gradient_clip_val"},
		{"negative smoothing", func(c *Config) { c.Training.Model.GaussianSmoothingSigma = -1 }, "model.gaussian_smoothing_sigma"},
		{"MAE only", func(c *Config) { c.Training.NLLWeight, c.Training.MAEWeight = 0, 1 }, ""},
		{"neighbours for g = 2", func(c *Config) { c.Training.Model.Gridsize = 2 }, ""},
		{"too few neighbours for g = 2", func(c *Config) { c.Training.Model.Gridsize, c.Training.NeighborCount = 2, 3 }, "training.neighbor_count"},
		{"too few neighbours for g = 3", func(c *Config) { c.Training.Model.Gridsize, c.Training.NeighborCount = 3, 8 }, "training.neighbor_count"},
		{"neighbours for g = 3", func(c *Config) { c.Training.Model.Gridsize, c.Training.NeighborCount = 3, 9 }, ""},
		{"g² overflows", func(c *Config) { c.Training.Model.Gridsize = 1 << 32 }, "training.neighbor_count"},
		{"pool too small", func(c *Config) { c.Training.Model.Gridsize, c.Training.NeighborPoolSize = 2, 3 }, "training.neighbor_pool_size"},
		{"groups of a subsample", func(c *Config) { c.Training.NSubsample, c.Training.NGroups = 10, 10 }, ""},
		{"more groups than the subsample", func(c *Config) { c.Training.NSubsample, c.Training.NGroups = 10, 11 }, "training.n_groups"},
		{"fewer patterns than a group has", func(c *Config) { c.Training.Model.Gridsize, c.Training.NSubsample = 2, 3 }, "training.n_subsample"},
		{"oversampling at g = 1", func(c *Config) {
			c.Training.NSubsample, c.Training.NGroups, c.Training.EnableOversampling = 10, 11, true
		}, "training.n_groups"},
		{"oversampling at g = 2", func(c *Config) {
			c.Training.NSubsample, c.Training.NGroups, c.Training.EnableOversampling, c.Training.Model.Gridsize = 10, 11, true, 2
		}, ""},
		{"M = N", func(c *Config) { c.Reconstruction.M = 64 }, ""},
		{"M above N/2 of a central merge", func(c *Config) { c.Reconstruction.M, c.Training.Model.PatchMerge = 33, "central" }, "reconstruction.M"},
		{"M of N/2 of a central merge", func(c *Config) { c.Reconstruction.M, c.Training.Model.PatchMerge = 32, "central" }, ""},
		{"M above N/2 without probe_big", func(c *Config) { c.Reconstruction.M, c.Training.Model.ProbeBig = 33, false }, "reconstruction.M"},
		{"M above N", func(c *Config) { c.Reconstruction.M = 65 }, "reconstruction.M"},
		// Smallest counts of the network's table: 32f, 16f and 8f.
		{"33 channels at N = 64", func(c *Config) { c.Training.Model.NFiltersScale = 33. / 32 }, ""},
		{"16.5 channels at N = 128", func(c *Config) { c.Training.Model.N, c.Training.Model.NFiltersScale = 128, 33./32 }, "model.n_filters_scale"},
		{"17 channels at N = 128", func(c *Config) { c.Training.Model.N, c.Training.Model.NFiltersScale = 128, 17./16 }, ""},
		{"8.5 channels at N = 256", func(c *Config) { c.Training.Model.N, c.Training.Model.NFiltersScale = 256, 17./16 }, "model.n_filters_scale"},
		{"9 channels at N = 256", func(c *Config) { c.Training.Model.N, c.Training.Model.NFiltersScale = 256, 9./8 }, ""},
		{"fractions of channels", func(c *Config) { c.Training.Model.NFiltersScale = .3 }, "model.n_filters_scale"},
		{"f = 1/4", func(c *Config) { c.Training.Model.NFiltersScale = .25 }, ""},
		{"nothing left beside the border", func(c *Config) { c.Training.Model.NFiltersScale = .125 }, "model.n_filters_scale"},
		{"no border kept", func(c *Config) { c.Training.Model.NFiltersScale, c.Training.Model.PadObject = .125, false }, ""},
	} {
		t.Run(r.name, func(t *testing.T) {
			c := Default()
			r.change(&c)
			faults := faultsOf(t, c.Validate())
			if r.key == "" {
				require.Empty(t, faults)
				return
			}
			require.Len(t, faults, 1)
			require.Contains(t, faults, r.key)
		})
	}
}

func TestValidateInference(t *testing.T) {
	c := DefaultInference()
	c.Model = ModelConfig{N: 128} // the rest is the bundle's
	require.NoError(t, c.Validate())
	c.BatchSize, c.ModelPath, c.Model.N = 0, "a\nb", 3
	require.Equal(t, map[string]string{
		"inference.batch_size": "1 or more", "inference.model_path": text.text, "model.N": "64, 128 or 256",
	}, faultsOf(t, c.Validate()))

	c = DefaultInference()
	c.Model = DefaultModel()
	c.Model.Gridsize = 3
	require.NoError(t, c.Validate(), "as many neighbours as the bundle has")
	c.NeighborCount = 4
	require.Equal(t, map[string]string{"inference.neighbor_count": "gridsize² or more, with gridsize = 3"}, faultsOf(t, c.Validate()))
	c.NeighborCount = -1
	require.Equal(t, map[string]string{"inference.neighbor_count": "1 or more"}, faultsOf(t, c.Validate()))

	whole := Default()
	whole.Training.TestDataFile, whole.Training.NGroups, whole.Training.BatchSize = "t.npz", 3, 5
	require.Equal(t, InferenceConfig{
		Model: DefaultModel(), ModelPath: "m", TestDataFile: "t.npz", NGroups: 3, NeighborCount: 4,
		OutputDir: "training_outputs", Backend: "tensorflow", BatchSize: 5,
	}, whole.Inference("m"))
}

// TestUnsupported: D16: each row of the table is refused by name, all at once, and
// what is next to it is not.
func TestUnsupported(t *testing.T) {
	for _, c := range []struct{ key, text, supported string }{
		{"training.positions_provided", "false", "true"},
	} {
		f, err := Lookup(c.key)
		require.NoError(t, err)
		config := Default()
		require.NoError(t, f.Set(&config, c.text))
		var refused NotSupported
		require.ErrorAs(t, config.Unsupported(), &refused)
		require.Len(t, refused, 1)
		require.Equal(t, c.key, refused[0].Key)
		require.Equal(t, c.text, refused[0].Value)
		require.NoError(t, f.Set(&config, c.supported))
		require.NoError(t, config.Unsupported(), "%s = %s", c.key, c.supported)
	}
	all := changed(t)
	var refused NotSupported
	require.ErrorAs(t, all.Unsupported(), &refused)
	require.Len(t, refused, len(DeferredFeatures()))
	require.ErrorContains(t, all.Unsupported(), "\n  training.positions_provided \"false\" is not supported by this version, which has true")

	c := Default()
	c.Training.Model.ProbeBig, c.Training.Model.ObjectBig, c.Training.Model.AmpActivation = false, false, "swish"
	c.Training.NSubsample, c.Training.MAEWeight, c.Execution.Device, c.Execution.AllowTF32 = 5, .5, "cuda:1", true
	require.NoError(t, c.Unsupported())
}
