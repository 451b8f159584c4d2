package main

import (
	"context"
	"encoding/json"
	"math/cmplx"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/selector"
)

func readRun(t *testing.T, dir string) (run struct {
	Command string
	Backend string
	Model   *modelRecord
	Inputs  []inputRecord
	Files   []string
	Sources map[string]string `json:"settings_from"`
},
) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, fileRun))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &run))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	require.ElementsMatch(t, names, run.Files, "run.json names every file, and no other")
	return run
}

// array reads an array and its shape.
func array[T npz.Element](t *testing.T, path, key string) ([]T, []int) {
	t.Helper()
	f, err := npz.Open(path)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // it was only read
	values, err := npz.Read[T](f, key)
	require.NoError(t, err)
	m, _ := f.Member(key)
	return values, m.Shape
}

// TestInfer: what run reconstructs, infer reconstructs from its model: to the
// bit on the same backend, within float32 rounding on the other; flipped,
// weighed and at gridsize 2 with a patch for each pattern alike.
func TestInfer(t *testing.T) {
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) {
			requireBackend(t, name)
			path := scan(t)
			t.Chdir(t.TempDir())
			how := []string{"--M", "31", "--reconstruction-flip-x", "--transpose", "--weighting", "probe", "--batch-size", "4", "--threads", "2"}
			code, _, stderr := ptycho(t, append([]string{
				"run", "--backend", name, "--train-data-file", path, "--output-dir", "trained", "--nphotons", "1e5", "--neighbor-count", "5",
				"--gridsize", "2", "--object-big=false", "--data-flip-y", "--n-filters-scale", "0.25", "--nepochs", "1", "--warmup-steps", "0",
			}, how...)...)
			require.Equal(t, exitDone, code, stderr)
			want, shape := array[complex64](t, filepath.Join("trained", fileReconstruction), "object")
			for _, other := range selector.Backends() {
				b, err := selector.Open(other, bridge.Options{})
				if err != nil {
					continue
				}
				require.NoError(t, b.Close())
				code, stdout, stderr := ptycho(t, append([]string{"infer", "--backend", other, "--model-path", "trained", "--test-data-file", path, "--output-dir", other}, how...)...)
				require.Equal(t, exitDone, code, stderr)
				require.Contains(t, stdout, filepath.Join(other, fileReconstruction))
				run := readRun(t, other)
				require.Equal(t, []string{"infer", other, name}, []string{run.Command, run.Backend, run.Model.Backend})
				require.Equal(t, "model bundle", run.Sources["data.flip_y"])
				require.Equal(t, "model bundle", run.Sources["training.neighbor_count"])
				object, same := array[complex64](t, filepath.Join(other, fileReconstruction), "object")
				require.Equal(t, shape, same)
				if other == name {
					require.Equal(t, want, object)
				}
				largest := 0.0
				for i, v := range object {
					largest = max(largest, cmplx.Abs(complex128(v-want[i])))
				}
				t.Logf("largest difference of the objects of %s and %s: %.3g", name, other, largest)
				require.Less(t, largest, 1e-3)
				for _, key := range []string{"positions", "origin_xy", "nn_indices", "pattern_indices", "weight"} {
					a, _ := array[float64](t, filepath.Join("trained", fileReconstruction), key)
					b, _ := array[float64](t, filepath.Join(other, fileReconstruction), key)
					require.Equal(t, a, b, key)
				}
			}
		})
	}
}

// TestInferInPortions: a file of more patterns than are kept in memory gives the
// object of run to the bit, on each backend; stored as (N, N, n) it is loaded, and
// gives the same.
func TestInferInPortions(t *testing.T) {
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) {
			requireBackend(t, name)
			path := scan(t)
			t.Chdir(t.TempDir())
			code, _, stderr := ptycho(t, "simulate", "--output", "large.npz", "--patterns", "530", "--nphotons", "1e4", "--step", "3")
			require.Equal(t, exitDone, code, stderr)
			more := []string{"--backend", name, "--test-data-file", "large.npz", "--threads", "2"}
			code, _, stderr = ptycho(t, append([]string{"run", "--train-data-file", path, "--output-dir", "trained", "--n-filters-scale", "0.25", "--nepochs", "1"}, more...)...)
			require.Equal(t, exitDone, code, stderr)
			code, _, stderr = ptycho(t, append([]string{"infer", "--model-path", "trained", "--output-dir", "portions"}, more...)...)
			require.Equal(t, exitDone, code, stderr)

			raw, err := dataset.Load("large.npz", dataset.Options{})
			require.NoError(t, err)
			size := raw.N * raw.N
			turned := make([]float32, len(raw.Amplitude))
			for i, v := range raw.Amplitude {
				turned[i%size*raw.Len()+i/size] = v
			}
			require.NoError(t, npz.Write("large.npz",
				npz.Array{Key: "diffraction", Data: turned, Shape: []int{raw.N, raw.N, raw.Len()}},
				npz.Array{Key: "xcoords", Data: raw.X, Shape: []int{raw.Len()}},
				npz.Array{Key: "ycoords", Data: raw.Y, Shape: []int{raw.Len()}},
				npz.Array{Key: "probeGuess", Data: raw.Probe, Shape: []int{raw.N, raw.N}}))
			code, _, stderr = ptycho(t, append([]string{"infer", "--model-path", "trained", "--output-dir", "loaded"}, more...)...)
			require.Equal(t, exitDone, code, stderr)

			for _, key := range []string{"object", "weight", "positions", "nn_indices", "pattern_indices", "origin_xy"} {
				want, shape := array[complex64](t, filepath.Join("trained", fileReconstruction), key)
				for _, dir := range []string{"portions", "loaded"} {
					got, same := array[complex64](t, filepath.Join(dir, fileReconstruction), key)
					require.Equal(t, shape, same, "%s of %s", key, dir)
					require.Equal(t, want, got, "%s of %s", key, dir)
				}
			}
			run := readRun(t, "portions")
			require.Equal(t, raw.Len(), run.Inputs[0].Patterns)
		})
	}
}

// TestTrainAndInfer: train leaves a model and no reconstruction; the
// autoencoder gives intensities; the same directory rules hold.
func TestTrainAndInfer(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	t.Chdir(t.TempDir())
	code, stdout, stderr := ptycho(t, append([]string{"train", "--train-data-file", path, "--nphotons", "1e5"}, small...)...)
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stderr, "epoch   2/2")
	require.NotContains(t, stdout, "prediction")
	trained := filepath.Join("training_outputs", "1")
	run := readRun(t, trained)
	require.Equal(t, "train", run.Command)
	require.ElementsMatch(t, []string{fileConfig, fileBundle, fileHistory, dirCheckpoints + "/", fileReport, fileRun}, run.Files)
	require.Len(t, losses(t, trained), 3, "names and two epochs")

	infer := func(more ...string) (int, string, string) {
		return ptycho(t, append([]string{"infer", "--model-path", filepath.Join(trained, fileBundle), "--test-data-file", path, "--threads", "2", "--quiet"}, more...)...)
	}
	code, stdout, stderr = infer("--model-name", "autoencoder", "--n-subsample", "7", "--json")
	require.Equal(t, exitDone, code, stderr)
	require.True(t, json.Valid([]byte(stdout)))
	require.Empty(t, stderr)
	second := filepath.Join("training_outputs", "2")
	run = readRun(t, second)
	require.Equal(t, "autoencoder", run.Model.Name)
	require.ElementsMatch(t, []string{fileConfig, filePredictions, fileReconstruction, fileAmplitude, filePhase, fileMetrics, fileComparison, fileReport, fileRun}, run.Files)
	predictions := filepath.Join(second, filePredictions)
	intensity, shape := array[float32](t, predictions, "intensity")
	require.Equal(t, []int{7, 1, 64, 64}, shape)
	sum := 0.0
	for _, v := range intensity {
		require.GreaterOrEqual(t, v, float32(0))
		sum += float64(v)
	}
	require.Positive(t, sum)
	_, shape = array[complex64](t, predictions, "patches")
	require.Equal(t, []int{7, 64, 64, 1}, shape)
	code, stdout, stderr = ptycho(t, "evaluate", second)
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, "objectGuess")

	code, _, stderr = infer("--do-stitching=false", "--output-dir", "patches")
	require.Equal(t, exitDone, code, stderr)
	require.ElementsMatch(t, []string{fileConfig, filePredictions, fileReport, fileRun}, readRun(t, "patches").Files)

	// So does run.
	code, _, stderr = ptycho(t, append([]string{"run", "--train-data-file", path, "--nphotons", "1e5", "--do-stitching=false", "--output-dir", "whole"}, small...)...)
	require.Equal(t, exitDone, code, stderr)
	require.ElementsMatch(t, []string{fileConfig, fileBundle, fileHistory, dirCheckpoints + "/", filePredictions, fileReport, fileRun}, readRun(t, "whole").Files)
	want, _ := array[complex64](t, filepath.Join("patches", filePredictions), "patches")
	patches, shape := array[complex64](t, filepath.Join("whole", filePredictions), "patches")
	require.Equal(t, []int{9, 64, 64, 1}, shape)
	for i := range want {
		require.InDelta(t, 0, cmplx.Abs(complex128(want[i]-patches[i])), 1e-4)
	}

	// Its settings reproduce it.
	code, _, stderr = ptycho(t, "infer", "--model-path", trained, "--config", filepath.Join(second, fileConfig), "--output-dir", "again")
	require.Equal(t, exitDone, code, stderr)
	a, _ := array[complex64](t, filepath.Join(second, fileReconstruction), "object")
	b, _ := array[complex64](t, filepath.Join("again", fileReconstruction), "object")
	require.Equal(t, a, b)

	// What is read is not replaced, other things only with --force.
	code, _, stderr = infer("--output-dir", "again")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "is not empty")
	code, _, stderr = infer("--output-dir", trained, "--force")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "which this run reads")
	require.FileExists(t, filepath.Join(trained, fileBundle))
	code, _, stderr = infer("--output-dir", "again", "--force", "--M", "9")
	require.Equal(t, exitDone, code, stderr)
	require.NoDirExists(t, "again.replaced")
	c, _ := array[complex64](t, filepath.Join("again", fileReconstruction), "object")
	require.NotEqual(t, len(b), len(c), "a smaller M makes a smaller canvas")

	// Ctrl-C leaves nothing.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, _ = ptychoIn(ctx, "infer", "--model-path", trained, "--test-data-file", path, "--output-dir", "gone")
	require.Equal(t, exitInterrupted, code)
	require.NoDirExists(t, "gone")

	// Settings that contradict the model are named with both values.
	for says, more := range map[string][]string{
		"model.gridsize is 2 in the configuration and 1 in the bundle":                {"--set", "model.gridsize=2"},
		"model.pad_object is false in the configuration and true in the bundle":       {"--set", "pad_object=false"},
		`no model is named "guess"; there are: autoencoder, diffraction_to_obj`:       {"--model-name", "guess"},
		`Invalid backend: "jax". InferenceConfig.backend must be 'tensorflow' or 'py`: {"--backend", "jax"},
		"n_subsample is 10, but":  {"--n-subsample", "10"},
		"unknown flag: --nepochs": {"--nepochs", "3"},
		"training.batch_size":     {"--batch-size", "0"},
	} {
		code, stdout, stderr := infer(append(more, "--output-dir", "none")...)
		require.NotEqual(t, exitDone, code)
		require.Contains(t, stderr, says)
		require.Empty(t, stdout)
		require.NoDirExists(t, "none")
	}
}

// TestInferUsage: what is missing is named; no runtime is needed for that.
func TestInferUsage(t *testing.T) {
	dir := t.TempDir()
	modelIn(t, dir)
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, "there is no --model-path", []string{"infer", "--test-data-file", "scan.npz"}},
		{exitUsage, "there is no --test-data-file", []string{"infer", "--model-path", dir}},
		{exitUsage, "nothing is there", []string{"infer", "--model-path", filepath.Join(dir, "none"), "--test-data-file", "scan.npz"}},
		{exitFailed, "no model bundle in this directory", []string{"infer", "--model-path", t.TempDir(), "--test-data-file", "scan.npz"}},
		{exitUsage, "training.neighbor_count", []string{"infer", "--model-path", dir, "--test-data-file", "scan.npz", "--neighbor-count", "3"}},
	} {
		code, stdout, stderr := ptycho(t, c.args...)
		require.Equal(t, c.code, code, stderr)
		require.Contains(t, stderr, c.says)
		require.Empty(t, stdout)
	}
}
