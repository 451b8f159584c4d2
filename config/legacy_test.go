package config

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLegacyNames has the names, renames and derived values of the documented
// contract: bigN = N+(g−1)·4, padding_size = (g−1)·4+10, padded_size = bigN+10.
func TestLegacyNames(t *testing.T) {
	c := DefaultTraining()
	seed := uint64(7)
	c.Model.N, c.Model.Gridsize, c.Model.ProbeBig = 128, 2, false
	c.TrainDataFile, c.TestDataFile, c.OutputDir, c.SubsampleSeed = "train.npz", "test.npz", "out", &seed
	c.NGroups, c.NSubsample, c.NeighborPoolSize, c.GradientClipVal = 11, 12, 13, 14
	c.ProbeTrainable = true
	p := LegacyParams{}
	require.NoError(t, p.Update(c))
	require.Equal(t, LegacyParams{
		"object.big": true, "probe.big": false, "probe.mask": false, "probe.trainable": true,
		"intensity_scale.trainable": true, "positions.provided": true, "output_prefix": "out",
		"train_data_file_path": "train.npz", "test_data_file_path": "test.npz",
		"bigN": 132, "padding_size": 14, "padded_size": 142,
		"N": 128, "gridsize": 2, "n_filters_scale": 2.0, "model_type": "pinn", "architecture": "cnn", "pad_object": true,
		"probe_scale": 4.0, "gaussian_smoothing_sigma": 0.0, "amp_activation": "sigmoid", "patch_merge": "probe",
		"batch_size": 16, "nepochs": 50, "mae_weight": 0.0, "nll_weight": 1.0, "realspace_mae_weight": 0.0, "realspace_weight": 0.0,
		"tv_weight": 0.0, "nphotons": 1e9, "n_groups": 11, "n_subsample": 12, "subsample_seed": uint64(7), "neighbor_count": 4,
		"enable_oversampling": false, "neighbor_pool_size": 13, "sequential_sampling": false, "backend": "tensorflow",
		"optimizer": "adam", "learning_rate": 1e-3, "adam_beta1": .9, "adam_beta2": .999, "momentum": .9, "weight_decay": 0.0,
		"scheduler": "plateau", "scheduler_factor": .5, "scheduler_patience": 2, "min_lr": 1e-4, "early_stop_patience": 3, "warmup_steps": 100,
		"gradient_clip_val": 14.0, "gradient_clip_algorithm": "norm", "validation_split": .05, "seed": uint64(42),
		"checkpoint_every": 1, "checkpoint_keep": 3,
	}, p)
}

func TestLegacyUnsetValuesDoNotErase(t *testing.T) {
	p := LegacyParams{"train_data_file_path": "old.npz", "n_groups": 3, "subsample_seed": uint64(1), "output_prefix": "old", "own": "kept", "nepochs": 1}
	c := DefaultTraining()
	c.OutputDir = ""
	require.NoError(t, p.Update(c))
	require.Equal(t, "old.npz", p["train_data_file_path"])
	require.Equal(t, 3, p["n_groups"])
	require.Equal(t, uint64(1), p["subsample_seed"])
	require.Equal(t, "old", p["output_prefix"])
	require.Equal(t, "kept", p["own"])
	require.Equal(t, 50, p["nepochs"], "a set value replaces")
	require.NotContains(t, p, "test_data_file_path")
	for _, f := range table {
		if f.Section == "execution" {
			require.NotContains(t, p, f.Key)
		}
	}
}

func TestLegacyUpdateIsAllOrNothing(t *testing.T) {
	p := LegacyParams{"N": 3}
	c := DefaultTraining()
	c.Seed, c.BatchSize = 1, 0
	require.ErrorContains(t, p.Update(c), "training.batch_size")
	require.Equal(t, LegacyParams{"N": 3}, p)
	i := DefaultInference()
	i.BatchSize = 0
	require.ErrorContains(t, p.UpdateInference(i), "inference.batch_size")
	require.Equal(t, LegacyParams{"N": 3}, p)
	require.ErrorContains(t, LegacyParams(nil).Update(DefaultTraining()), "nil")
}

func TestLegacyInference(t *testing.T) {
	p := LegacyParams{"N": 256, "nepochs": 9}
	c := DefaultInference()
	c.ModelPath, c.TestDataFile, c.NGroups, c.Backend = "m", "t.npz", 5, PyTorch
	require.NoError(t, p.UpdateInference(c))
	require.Equal(t, LegacyParams{
		"N": 256, "nepochs": 9, "model_path": "m", "test_data_file_path": "t.npz", "n_groups": 5,
		"output_prefix": "training_outputs", "backend": "pytorch", "batch_size": 16,
	}, p, "the bundle's model, its neighbours and the training are left")
	c.NeighborCount = 6
	c.Model = DefaultModel()
	c.Model.N = 128
	require.NoError(t, p.UpdateInference(c))
	require.Equal(t, 128, p["N"])
	require.Equal(t, 6, p["neighbor_count"])
	require.Equal(t, 128, p["bigN"])
	require.Equal(t, 138, p["padded_size"])
	require.Equal(t, true, p["object.big"])
}

// TestLegacyJSON: the types of known names survive, and all digits of a seed.
func TestLegacyJSON(t *testing.T) {
	p := LegacyParams{"own": "kept", "number": 1.5}
	c := changed(t).Training
	require.NoError(t, p.Update(c))
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var back LegacyParams
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, p, back)
	require.Equal(t, uint64(9007199254740993), back["subsample_seed"], "2⁵³+1 is no float64")
	for _, bad := range []string{`{"N": "x"}`, `{"N": 1.5}`, `{"N": null}`, `[]`} {
		require.Error(t, json.Unmarshal([]byte(bad), &back), bad)
		require.Equal(t, p, back)
	}
}

func TestDefaultLegacyParamsAreACopy(t *testing.T) {
	t.Cleanup(func() { SetDefaultLegacyParams(nil) })
	first := DefaultLegacyParams()
	require.Empty(t, first)
	require.NoError(t, first.Update(DefaultTraining()))
	require.Empty(t, DefaultLegacyParams(), "a run never changes the process-wide map by itself")
	SetDefaultLegacyParams(first)
	first["N"] = 1
	second := DefaultLegacyParams()
	require.Equal(t, 64, second["N"])
	second["N"] = 2
	require.Equal(t, 64, DefaultLegacyParams()["N"])

	done := make(chan bool)
	for i := range 4 {
		go func() {
			defer func() { done <- true }()
			p := DefaultLegacyParams()
			p["run"] = i
			SetDefaultLegacyParams(p)
		}()
	}
	for range 4 {
		<-done
	}
	require.Contains(t, DefaultLegacyParams(), "run")
}
