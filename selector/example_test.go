package selector_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/selector"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// A scan is read, a network trained on it, and the object reconstructed.
// Nothing is written, because OutputDir is empty.
func ExampleRunCDIExampleWithBackend() {
	scan, err := dataset.Load("scan.npz", dataset.Options{})
	if err != nil {
		fmt.Println(err) // names the file, the key, what was found and what was expected
		return
	}
	cfg := config.DefaultTraining()
	cfg.Backend = config.TensorFlow // or config.PyTorch; nothing else changes
	cfg.Model.N = scan.N
	cfg.NPhotons = dataset.MeanPhotons(scan.Amplitude, scan.N)
	cfg.NEpochs = 2 // the default is 50
	cfg.OutputDir = ""

	amplitude, phase, results, err := selector.RunCDIExampleWithBackend(context.Background(), scan, nil, cfg,
		selector.DoStitching(true), selector.WithLogger(nil))
	if err != nil {
		fmt.Println(err) // where the runtime is missing: which, and how to get it
		return
	}
	fmt.Println("backend:", results.Backend)
	fmt.Println("epochs:", len(results.History))
	fmt.Println("patches:", results.Groups, "of", cfg.Model.N, "pixels a side")
	fmt.Println("amplitude and phase of one size:", amplitude.Rows == phase.Rows && amplitude.Cols == phase.Cols)
	fmt.Println("object pixel of the first value:", results.OriginXY)
}

// A model is trained and kept. Ctrl-C ends the training at the next step and
// leaves a checkpoint.
func ExampleTrainCDIModelWithBackend() {
	scan, err := dataset.Load("scan.npz", dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := config.DefaultTraining()
	cfg.Backend = config.PyTorch
	cfg.NPhotons = dataset.MeanPhotons(scan.Amplitude, scan.N)
	cfg.NEpochs = 2
	cfg.OutputDir = "training_outputs/1"

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	results, err := selector.TrainCDIModelWithBackend(ctx, scan, nil, cfg,
		selector.WithLogger(nil),
		selector.WithProgress(func(p workflow.Progress) {
			if p.Stage == workflow.StageEpoch {
				fmt.Printf("epoch %d of %d\n", p.Epoch.Epoch, p.Epochs)
			}
		}))
	var interrupted *workflow.Interrupted
	if errors.As(err, &interrupted) {
		fmt.Println("to go on: selector.WithResume with", interrupted.Checkpoint)
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(filepath.ToSlash(results.BundlePath))
}

// A training that was stopped goes on from its newest checkpoint, here after
// the first step. With the same settings it ends with the numbers of a training
// that was never stopped.
func ExampleWithResume() {
	scan, err := dataset.Load("scan.npz", dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := config.DefaultTraining()
	cfg.NPhotons = dataset.MeanPhotons(scan.Amplitude, scan.N)
	cfg.BatchSize, cfg.NEpochs, cfg.OutputDir = 4, 2, "training_outputs/2"

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err = selector.TrainCDIModelWithBackend(ctx, scan, nil, cfg, selector.WithLogger(nil),
		selector.WithProgress(func(p workflow.Progress) {
			if p.Stage == workflow.StageStep {
				cancel()
			}
		}))
	if !errors.Is(err, context.Canceled) {
		fmt.Println(err)
		return
	}
	results, err := selector.TrainCDIModelWithBackend(context.Background(), scan, nil, cfg, selector.WithLogger(nil),
		selector.WithResume(cfg.OutputDir))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range results.Segments {
		fmt.Printf("%s: steps %d to %d\n", s.Backend, s.FromStep+1, s.ToStep)
	}
}

// A scan is reconstructed with a trained model, on either backend, whichever
// trained it. The settings of the network come from the bundle.
func ExampleLoadInferenceBundleWithBackend() {
	cfg := config.DefaultInference()
	cfg.Backend = config.PyTorch
	ctx := context.Background()
	model, params, err := selector.LoadInferenceBundleWithBackend(ctx, "training_outputs/3", cfg, "diffraction_to_obj", selector.WithLogger(nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer model.Close() //nolint:errcheck // its errors are those of freeing memory

	scan, err := dataset.Load("scan.npz", dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	prediction, err := model.Predict(ctx, scan)
	if err != nil {
		fmt.Println(err)
		return
	}
	how := config.DefaultReconstruction()
	how.DoStitching = true
	results, err := model.Stitch(prediction, how, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("N, gridsize:", params["N"], params["gridsize"])
	fmt.Println("values of patches:", len(prediction.Patches), "=", results.Groups, "·", prediction.N, "·", prediction.N)
	fmt.Println("stitched:", results.Object != nil)
}

// What is wrong with settings is said before anything has been opened or
// written, all of it at once.
func ExampleCheck() {
	c := config.Default()
	c.Training.NEpochs = 0
	c.Training.LearningRate = -1
	err := selector.Check(c)
	fmt.Println(err)
	fmt.Println(errors.Is(err, selector.ErrInvalidConfig))

	c = config.Default()
	c.Training.Backend = "jax"
	err = selector.Check(c)
	fmt.Println(err)
	fmt.Println(errors.Is(err, selector.ErrInvalidBackend))
	// Output:
	// invalid configuration: config: 2 settings cannot be accepted:
	//   training.nepochs is "0", allowed: 1 or more
	//   training.learning_rate is "-1", allowed: a finite number above 0
	// true
	// Invalid backend: "jax". TrainingConfig.backend must be 'tensorflow' or 'pytorch'.
	// true
}

// What a caller can tell apart when a model does not load.
func ExampleLoadInferenceBundleWithBackend_errors() {
	load := func(dir string) {
		model, _, err := selector.LoadInferenceBundleWithBackend(context.Background(), dir, config.DefaultInference(), "", selector.WithLogger(nil))
		switch {
		case err == nil:
			defer model.Close() //nolint:errcheck // its errors are those of freeing memory
		case errors.Is(err, bundle.ErrMissing), errors.Is(err, bundle.ErrNoBundle):
			fmt.Println("no model there: ask for another path")
		case errors.Is(err, bundle.ErrDamaged), errors.Is(err, bundle.ErrForeign), errors.Is(err, bundle.ErrNewer):
			fmt.Println("a file that this version does not read:", err)
		case errors.Is(err, bridge.ErrUnavailable):
			fmt.Println("the runtime has to be installed:", err)
		default:
			fmt.Println(err)
		}
	}
	load("no/such/run")
	load(".") // a directory without a model
	// Output:
	// no model there: ask for another path
	// no model there: ask for another path
}

// TestExamples runs the examples that need a runtime, in a directory with the
// files that they name. Where their runtime is missing, they must say so.
func TestExamples(t *testing.T) {
	t.Chdir(t.TempDir())
	scan, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 9, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	require.NoError(t, scan.Write("scan.npz"))
	cfg := config.DefaultTraining()
	cfg.Model.NFiltersScale, cfg.NPhotons, cfg.NEpochs, cfg.OutputDir = 0.25, 1e5, 1, filepath.Join("training_outputs", "3")
	_, err = workflow.Train(t.Context(), evalnative.Open(), scan, nil, cfg, workflow.Options{
		Execution: config.DefaultExecution(), Data: config.DefaultData(), Reconstruction: config.DefaultReconstruction(),
	})
	require.NoError(t, err)

	// The canvas begins half of M = 20 before the first positions.
	first := fmt.Sprint([2]int{int(slices.Min(scan.X)) - 10, int(slices.Min(scan.Y)) - 10})

	for _, c := range []struct {
		name, backend string
		example       func()
		want          string
	}{
		{"run", config.TensorFlow, ExampleRunCDIExampleWithBackend, "backend: tensorflow\nepochs: 2\npatches: 9 of 64 pixels a side\namplitude and phase of one size: true\nobject pixel of the first value: " + first + "\n"},
		{"train", config.PyTorch, ExampleTrainCDIModelWithBackend, "epoch 1 of 2\nepoch 2 of 2\ntraining_outputs/1/model.ptycho.zip\n"},
		{"resume", config.TensorFlow, ExampleWithResume, "tensorflow: steps 1 to 1\ntensorflow: steps 2 to 6\n"},
		{"load", config.PyTorch, ExampleLoadInferenceBundleWithBackend, "N, gridsize: 64 1\nvalues of patches: 36864 = 9 · 64 · 64\nstitched: true\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			printed := printedBy(t, c.example)
			required := os.Getenv("PTYCHO_REQUIRE_NATIVE") != "" // as in open
			b, err := selector.Open(c.backend, bridge.Options{})
			if errors.Is(err, bridge.ErrUnavailable) && !required {
				require.Equal(t, err.Error()+"\n", printed)
				t.Skipf("%s is missing, and the example says so", c.backend)
			}
			require.NoError(t, err)
			require.NoError(t, b.Close())
			require.Equal(t, c.want, printed)
		})
	}
}

// printedBy gives what a function writes to standard output.
func printedBy(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // it is only read from here on
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	f()
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(content)
}
