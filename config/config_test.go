package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fieldsOf gives a pointer to every setting of c that has a YAML name, by its
// path, so that a field which is not in the table is found.
func fieldsOf(c *Config) map[string]any {
	out := map[string]any{}
	add := func(section string, pointer any) {
		v := reflect.ValueOf(pointer).Elem()
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("yaml"); name != "-" {
				out[section+"."+name] = v.Field(i).Addr().Interface()
			}
		}
	}
	add("model", &c.Training.Model)
	add("data", &c.Data)
	add("training", &c.Training)
	add("reconstruction", &c.Reconstruction)
	add("execution", &c.Execution)
	return out
}

// changed has every setting different from its default, in range.
func changed(t *testing.T) Config {
	t.Helper()
	// Settings whose range a general change would leave.
	texts := map[string]string{
		"model.N": "128", "model.n_filters_scale": "1.0625", "model.model_type": "supervised", "model.amp_activation": "softplus",
		"model.patch_merge": "reference", "data.kind": "intensity", "training.optimizer": "sgd", "training.scheduler": "warmup_cosine",
		"training.gradient_clip_algorithm": "value", "training.nll_weight": "0.30000000000000004", "training.mae_weight": "0.1",
		"reconstruction.weighting": "uniform", "execution.device": "cuda:3", "execution.precision": "bf16-mixed", "training.seed": "18446744073709551615",
		"training.subsample_seed": "9007199254740993", "training.n_groups": "7", "training.n_subsample": "8", "training.neighbor_pool_size": "9",
		"training.train_data_file": "a: b #c", "training.test_data_file": " yes ", "training.output_dir": "1e3", "training.backend": "pytorch",
		"model.architecture":       "cnn",   // the only one there is
		"training.probe_trainable": "false", // the only one for a supervised model
	}
	c := Default()
	fields := fieldsOf(&c)
	for _, f := range Fields() {
		text, given := texts[f.Path()]
		switch p := fields[f.Path()].(type) {
		case *bool:
			*p = !*p
		case *int:
			*p++
		case *float64:
			*p += 0.1
			if *p >= 1 && f.Default != "1" && strings.HasPrefix(f.Default, "0.") {
				*p = 1.0 / 3
			}
		}
		if given {
			require.NoError(t, f.Set(&c, text))
		}
	}
	return c
}

// TestTableIsComplete: every field of the types has one row, of its place and
// type, and the other way round.
func TestTableIsComplete(t *testing.T) {
	c := Default()
	fields := fieldsOf(&c)
	seen := map[string]bool{}
	for _, f := range Fields() {
		require.False(t, seen[f.Path()], "two rows of %s", f.Path())
		seen[f.Path()] = true
		require.Contains(t, fields, f.Path())
		require.Equal(t, reflect.ValueOf(fields[f.Path()]).Pointer(), reflect.ValueOf(f.at(&c)).Pointer(), "%s leads elsewhere", f.Path())
		require.NotEmpty(t, f.Doc, f.Path())
		require.NotEmpty(t, f.Allowed, f.Path())
		require.Equal(t, f.Default, f.Get(c), f.Path())
	}
	require.Len(t, seen, len(fields))
	for _, r := range rules {
		require.True(t, seen[r.key], r.key)
	}
	for _, d := range deferred {
		require.True(t, seen[d.key], d.key)
	}
	for _, i := range idle {
		require.True(t, seen[i.key], i.key)
	}
}

// TestDefaults compares with the defaults of the documented contract.
func TestDefaults(t *testing.T) {
	c := Default()
	require.Equal(t, ModelConfig{
		N: 64, Gridsize: 1, NFiltersScale: 2, ModelType: "pinn", Architecture: "cnn", PadObject: true, ObjectBig: true,
		ProbeBig: true, ProbeScale: 4, AmpActivation: "sigmoid", PatchMerge: "probe",
	}, c.Training.Model)
	require.Equal(t, c.Training.Model, DefaultModel())
	require.Equal(t, TrainingConfig{
		Model: DefaultModel(), BatchSize: 16, NEpochs: 50, NLLWeight: 1, NPhotons: 1e9, NeighborCount: 4, PositionsProvided: true,
		IntensityScaleTrainable: true, OutputDir: "training_outputs", Backend: "tensorflow", Optimizer: "adam", LearningRate: 1e-3,
		AdamBeta1: .9, AdamBeta2: .999, Momentum: .9, Scheduler: "plateau", SchedulerFactor: .5, SchedulerPatience: 2, MinLR: 1e-4,
		WarmupSteps: 100, EarlyStopPatience: 3, GradientClipAlgorithm: "norm", ValidationSplit: .05, Seed: 42, CheckpointEvery: 1, CheckpointKeep: 3,
	}, DefaultTraining())
	require.Equal(t, InferenceConfig{OutputDir: "training_outputs", Backend: "tensorflow", BatchSize: 16}, DefaultInference())
	require.Equal(t, ExecutionConfig{Device: "auto", Deterministic: true, Precision: "float32"}, DefaultExecution())
	require.Equal(t, DataConfig{Kind: "auto", CoordScale: 1}, DefaultData())
	require.Equal(t, ReconstructionConfig{DoStitching: true, Weighting: "probe"}, DefaultReconstruction())
	require.NoError(t, c.Validate())
	require.NoError(t, c.Unsupported())
	require.NoError(t, DefaultInference().Validate())
	require.NoError(t, DefaultExecution().Validate())
	require.NoError(t, DefaultData().Validate())
	require.NoError(t, DefaultModel().Validate())
}

func TestFlags(t *testing.T) {
	flags := map[string]string{}
	for _, f := range Fields() {
		require.NotContains(t, flags, f.Flag)
		require.NotContains(t, f.Flag, "_")
		flags[f.Flag] = f.Path()
	}
	for flag, path := range map[string]string{
		"n-groups": "training.n_groups", "N": "model.N", "M": "reconstruction.M", "data-flip-x": "data.flip_x",
		"reconstruction-flip-x": "reconstruction.flip_x", "swap-xy": "data.swap_xy", "transpose": "reconstruction.transpose",
	} {
		require.Equal(t, path, flags[flag])
	}
	for name, path := range map[string]string{
		"n-groups": "training.n_groups", "n_groups": "training.n_groups", "training.n-groups": "training.n_groups",
		"n_images": "training.n_groups", "n-images": "training.n_groups", "training.n_images": "training.n_groups",
		"data_flip_y": "data.flip_y",
	} {
		f, err := Lookup(name)
		require.NoError(t, err, name)
		require.Equal(t, path, f.Path())
	}
	_, err := Lookup("flip_x")
	require.EqualError(t, err, "flip_x: it could be data.flip_x or reconstruction.flip_x")
	_, err = Lookup("m")
	require.EqualError(t, err, `unknown key "m": sections are model, data, training, reconstruction, execution`)
	_, err = Lookup("model.batch_size")
	require.EqualError(t, err, `unknown key "model.batch_size": it is training.batch_size`)
	for name, want := range map[string]string{
		"training.seeds": "training.seed", "bath-size": "training.batch_size", "model.sead": "training.seed",
		"flipx": "data.flip_x or reconstruction.flip_x", "recontruction": "reconstruction", "data.kinds": "data.kind",
	} {
		_, err = Lookup(name)
		require.EqualError(t, err, fmt.Sprintf("unknown key %q: did you mean %s?", name, want))
	}
	_, err = Lookup("execution.gpu")
	require.EqualError(t, err, `unknown key "execution.gpu": keys of execution are device, threads, deterministic, precision, allow_tf32`)
}

func TestFieldSetAndGet(t *testing.T) {
	c := Default()
	seed, err := Lookup("subsample_seed")
	require.NoError(t, err)
	require.NoError(t, seed.Set(&c, "18446744073709551615"))
	require.Equal(t, uint64(1<<64-1), *c.Training.SubsampleSeed)
	require.Equal(t, "18446744073709551615", seed.Get(c))
	require.NoError(t, seed.Set(&c, ""))
	require.Nil(t, c.Training.SubsampleSeed)

	for _, bad := range []struct{ name, text, want string }{
		{"batch_size", "0", `training.batch_size is "0", allowed: 1 or more`},
		{"batch_size", "016", `training.batch_size is "016", allowed: a whole number in plain digits`},
		{"batch_size", "1.5", `training.batch_size is "1.5", allowed: a whole number in plain digits`},
		{"seed", "-1", `training.seed is "-1", allowed: a whole number from 0 to 2⁶⁴−1 in plain digits`},
		{"nphotons", "NaN", `training.nphotons is "NaN", allowed: a finite number above 0`},
		{"nphotons", "Inf", `training.nphotons is "+Inf", allowed: a finite number above 0`},
		{"nphotons", "1e400", `training.nphotons is "1e400", allowed: a number`},
		{"pad_object", "on", `model.pad_object is "on", allowed: true or false`},
		{"output_dir", "a\x00b", `training.output_dir is "a\x00b", allowed: text`},
		{"device", "cuda:-1", `execution.device is "cuda:-1", allowed: auto, cpu, cuda or cuda:N`},
		{"device", "cuda:", `execution.device is "cuda:", allowed: auto, cpu, cuda or cuda:N`},
		{"N", "65", `model.N is "65", allowed: 64, 128 or 256`},
	} {
		f, err := Lookup(bad.name)
		require.NoError(t, err)
		before := c
		require.EqualError(t, f.Set(&c, bad.text), bad.want)
		require.Equal(t, before, c)
	}
}
