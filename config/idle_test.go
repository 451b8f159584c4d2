package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// idleCases have, for each setting that may have no effect, the settings beside
// which it has none, and the change that gives it one.
var idleCases = map[string]struct{ value, without, with string }{
	"model.probe_big":                  {"true", "pad_object=false", "pad_object=true"},
	"model.patch_merge":                {"central", "object_big=false gridsize=2", "gridsize=2"},
	"training.mae_weight":              {"0.5", "model_type=supervised", ""},
	"training.nll_weight":              {"1", "model_type=supervised", ""},
	"training.subsample_seed":          {"3", "gridsize=2 n_groups=5", "n_groups=5"},
	"training.neighbor_count":          {"5", "", "gridsize=2"},
	"training.enable_oversampling":     {"true", "", "gridsize=2"},
	"training.neighbor_pool_size":      {"6", "gridsize=2", "gridsize=2 enable_oversampling=true"},
	"training.sequential_sampling":     {"true", "gridsize=2 n_subsample=9", "n_subsample=9"},
	"training.adam_beta1":              {"0.8", "optimizer=sgd", "optimizer=adamw"},
	"training.adam_beta2":              {"0.8", "optimizer=sgd", ""},
	"training.momentum":                {"0.9", "optimizer=adamw", "optimizer=sgd"},
	"training.scheduler_factor":        {"0.9", "scheduler=constant", "scheduler=exponential"},
	"training.scheduler_patience":      {"4", "scheduler=exponential", ""},
	"training.min_lr":                  {"1e-5", "scheduler=constant", "scheduler=warmup_cosine"},
	"training.gradient_clip_algorithm": {"value", "", "gradient_clip_val=1"},
	"training.validation_split":        {"0.1", "test_data_file=t.npz", ""},
	"training.checkpoint_keep":         {"1", "checkpoint_every=0", "checkpoint_every=2"},
	"execution.allow_tf32":             {"true", "device=cpu", "device=cuda:1"},
	"reconstruction.M":                 {"30", "do_stitching=false", ""},
	"reconstruction.flip_x":            {"true", "do_stitching=false", ""},
	"reconstruction.flip_y":            {"true", "do_stitching=false", ""},
	"reconstruction.transpose":         {"true", "do_stitching=false", ""},
	"reconstruction.weighting":         {"uniform", "do_stitching=false", ""},
}

func given(t *testing.T, pairs string) Layer {
	t.Helper()
	l := Layer{Source: "flag"}
	for _, pair := range strings.Fields(pairs) {
		key, value, _ := strings.Cut(pair, "=")
		require.NoError(t, l.Set(key, value))
	}
	return l
}

// TestIdle: each setting is named where it was given and has no effect, and
// only there.
func TestIdle(t *testing.T) {
	require.Len(t, idleCases, len(idle))
	for _, i := range idle {
		c, ok := idleCases[i.key]
		require.True(t, ok, i.key)
		own := i.key + "=" + c.value
		require.Equal(t, []string{"flag: " + i.key + " has no effect " + i.doc}, resolved(t, given(t, own+" "+c.without)).Warnings)
		require.Empty(t, resolved(t, given(t, own+" "+c.with)).Warnings, i.key)
		require.Empty(t, resolved(t, given(t, c.without)).Warnings, "%s was not given", i.key)
	}
}

// TestIdleOfWholeFiles: the record of a run names every setting; in it only
// what is not the default was meant.
func TestIdleOfWholeFiles(t *testing.T) {
	c := Default()
	text, err := c.YAML()
	require.NoError(t, err)
	require.Empty(t, resolved(t, parsed(t, string(text))).Warnings)
	require.Equal(t, []string{"run.yaml:2: training.momentum has no effect with optimizer adam or adamw"},
		resolved(t, parsed(t, "training:\n  momentum: 0.9")).Warnings, "a file that says it on its own")

	c.Training.Momentum, c.Training.Scheduler = 0.8, "constant"
	text, err = c.YAML()
	require.NoError(t, err)
	warnings := resolved(t, parsed(t, string(text))).Warnings
	require.Len(t, warnings, 1, "scheduler_factor, scheduler_patience and min_lr are defaults there")
	require.Regexp(t, `^run.yaml:\d+: training.momentum has no effect`, warnings[0])
	require.Len(t, resolved(t, parsed(t, string(text)), given(t, "momentum=0.9")).Warnings, 1, "a flag says it itself")

	// A model's settings as an inference takes them over: nobody is warned again.
	bundle := Layer{Source: "model bundle"}
	for _, f := range Fields() {
		if f.Section == "model" || f.Section == "training" && !inferenceKeys[f.Key] {
			require.NoError(t, bundle.Set(f.Path(), f.Default))
		}
	}
	require.NoError(t, bundle.Set("validation_split", "0.1"))
	require.NoError(t, bundle.Set("neighbor_count", "5"))
	require.Empty(t, resolved(t, bundle, given(t, "test_data_file=t.npz")).Warnings)
}
