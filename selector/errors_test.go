package selector

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
)

// requireGolden compares the text of an error with testdata/errors. dir stands
// for the directory that a machine chose. PTYCHO_UPDATE=1 writes the file anew.
func requireGolden(t *testing.T, name, dir string, err error) {
	t.Helper()
	require.Error(t, err)
	got := err.Error() + "\n"
	if dir != "" {
		got = strings.ReplaceAll(got, dir, "DIR")
	}
	path := filepath.Join("testdata", "errors", name+".txt")
	if os.Getenv("PTYCHO_UPDATE") != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "PTYCHO_UPDATE=1 go test ./selector writes %s", path)
}

// TestErrorTexts: D3, D6, D16: users and programs read these.
func TestErrorTexts(t *testing.T) {
	dir := t.TempDir()
	trainedIn(t, dir, func(*config.TrainingConfig) {})
	train := func(change func(*config.Config)) error {
		c := config.Default()
		c.Training = smallConfig(config.TensorFlow)
		change(&c)
		_, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c.Training, spied(new(events)), WithExecution(c.Execution))
		return err
	}
	load := func(path, model string, change func(*config.InferenceConfig)) error {
		i := smallInference(config.TensorFlow)
		change(&i)
		_, _, err := LoadInferenceBundleWithBackend(t.Context(), path, i, model, spied(new(events)))
		return err
	}
	nothing := func(*config.InferenceConfig) {}
	for name, err := range map[string]error{
		"invalid-backend-training":  train(func(c *config.Config) { c.Training.Backend = "jax" }),
		"invalid-backend-inference": load(dir, "", func(i *config.InferenceConfig) { i.Backend = "Torch" }),
		"invalid-settings": train(func(c *config.Config) {
			c.Training.Model.N, c.Training.LearningRate, c.Training.Optimizer, c.Execution.Device = 100, math.NaN(), "lbfgs", "gpu"
		}),
		"broken-rules": train(func(c *config.Config) {
			c.Training.Model.Gridsize, c.Training.RealspaceMAEWeight, c.Training.WeightDecay = 3, 1, 0.1
		}),
		"not-supported": train(func(c *config.Config) {
			c.Training.PositionsProvided, c.Training.NeighborCount = false, 7
			c.Training.Model.ModelType, c.Training.Model.Gridsize, c.Training.Model.ObjectBig = "supervised", 2, false
		}),
		"all-at-once":           train(func(c *config.Config) { *c = faulty() }),
		"inference-all-at-once": load(dir, "", func(i *config.InferenceConfig) { i.Backend, i.BatchSize, i.NGroups = "", 0, -1 }),
		"more-groups-than-patterns": train(func(c *config.Config) {
			c.Training.Model.Gridsize, c.Training.NGroups = 2, 6
		}),
		"unknown-model-name": load(dir, "probe", nothing),
		"differing-value":    load(dir, "", func(i *config.InferenceConfig) { i.Model.N = 128 }),
		"differing-values":   load(dir, "", func(i *config.InferenceConfig) { i.Model.N, i.Model.PatchMerge = 256, "central" }),
		"no-bundle":          load(filepath.Dir(dir), "", nothing),
		"missing-bundle":     load(filepath.Join(dir, "none"), "", nothing),
	} {
		t.Run(name, func(t *testing.T) { requireGolden(t, name, filepath.Dir(dir), err) })
	}
}

// TestUnavailableTexts: D7, D8: what this build says of a runtime that it does
// not have, or cannot open. A process keeps the library that it has opened, so
// that another one is asked.
func TestUnavailableTexts(t *testing.T) {
	const child, answer = "SELECTOR_TEST_BACKEND", "SELECTOR_TEST_ANSWER"
	if backend := os.Getenv(child); backend != "" {
		_, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, smallConfig(backend), WithLogger(nil))
		require.ErrorIs(t, err, bridge.ErrUnavailable)
		require.NoError(t, os.WriteFile(os.Getenv(answer), []byte(err.Error()), 0o600))
		return
	}
	for _, c := range []struct{ backend, opening, golden string }{
		{config.TensorFlow, "TensorFlow backend selected", tensorflowGolden},
		{config.PyTorch, "PyTorch backend selected", pytorchGolden},
	} {
		t.Run(c.golden, func(t *testing.T) {
			dir, file := t.TempDir(), filepath.Join(t.TempDir(), "answer")
			cmd := exec.Command(os.Args[0], "-test.run=^TestUnavailableTexts$")
			cmd.Env = append(os.Environ(), child+"="+c.backend, answer+"="+file, "PTYCHO_LIBTENSORFLOW="+dir, "PTYCHO_LIBTORCH="+dir)
			output, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", output)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Regexp(t, "^"+c.opening+", but ", string(text))
			requireGolden(t, c.golden, dir, errors.New(string(text)))
		})
	}
}
