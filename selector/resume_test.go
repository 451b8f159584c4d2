package selector_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/selector"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// resumable is a training of 3 epochs of 2 steps on a runtime: 9 patterns, of
// which one is held back, in batches of 5 and 3.
type resumable struct {
	t         *testing.T
	raw       *dataset.Raw
	config    config.TrainingConfig
	execution config.ExecutionConfig
}

func newResumable(t *testing.T, backend, precision string) *resumable {
	t.Helper()
	raw, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 9, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	c := config.Default().Training
	c.Model.NFiltersScale = 0.25
	c.Backend, c.BatchSize, c.NEpochs, c.NPhotons, c.ValidationSplit, c.WarmupSteps = backend, 5, 3, 1e5, 0.12, 3
	e := config.DefaultExecution()
	e.Threads, e.Precision = 2, precision
	return &resumable{t, raw, c, e}
}

// train trains into dir and stops after a number of steps; 0: never.
func (r *resumable) train(dir, backend string, stop int, options ...selector.Option) (*workflow.Results, error) {
	c := r.config
	c.OutputDir, c.Backend = dir, backend
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	options = append(options, selector.WithExecution(r.execution), selector.WithLogger(nil), selector.WithProgress(func(p workflow.Progress) {
		if p.Stage != workflow.StageStep {
			return
		}
		if stop--; stop == 0 {
			cancel()
		}
	}))
	return selector.TrainCDIModelWithBackend(ctx, r.raw, nil, c, options...)
}

// resumed trains, stops after some steps and goes on, on another backend
// maybe.
func (r *resumable) resumed(dir string, stop int, then string) *workflow.Results {
	_, err := r.train(dir, r.config.Backend, stop)
	require.ErrorIs(r.t, err, context.Canceled, "D15")
	results, err := r.train(dir, then, 0, selector.WithResume(dir))
	require.NoError(r.t, err)
	return results
}

// tensors are those of the last checkpoint: the weights and what the optimizer
// remembers, in full precision.
func tensors(t *testing.T, dir string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Read(filepath.Join(dir, workflow.CheckpointDirectory, "epoch-0003.ptycho.zip"))
	require.NoError(t, err)
	return b
}

func untimed(history []workflow.Epoch) []workflow.Epoch {
	for i := range history {
		history[i].Seconds = 0
	}
	return history
}

// TestResumeIsExact: on each runtime, stopped at any step and resumed, a
// training has to the bit the weights, the optimizer's states and the history
// of one that never stopped. Step 2 is the last of an epoch, before its
// validation.
func TestResumeIsExact(t *testing.T) {
	for _, name := range selector.Backends() {
		for precision, stops := range map[string][]int{"float32": {1, 2, 3, 5}, "float64": {3}} {
			t.Run(name+" "+precision, func(t *testing.T) {
				open(t, name)
				r := newResumable(t, name, precision)
				straight := t.TempDir()
				want, err := r.train(straight, name, 0)
				require.NoError(t, err)
				require.Equal(t, 6, want.Steps)
				for _, stop := range stops {
					dir := t.TempDir()
					got := r.resumed(dir, stop, name)
					require.Equal(t, untimed(want.History), untimed(got.History), "stopped after %d steps", stop)
					require.Equal(t, tensors(t, straight).Weights, tensors(t, dir).Weights)
					require.Equal(t, tensors(t, straight).Training.Tensors, tensors(t, dir).Training.Tensors)
				}
			})
		}
	}
}

// TestD14ResumeOnTheOther: a training goes on on the other runtime, in float64
// to rounding as on the first, and says so.
func TestD14ResumeOnTheOther(t *testing.T) {
	names := selector.Backends()
	for i, first := range names {
		second := names[1-i]
		t.Run(first+" then "+second, func(t *testing.T) {
			open(t, first)
			open(t, second)
			r := newResumable(t, first, "float64")
			want, err := r.train(t.TempDir(), first, 0)
			require.NoError(t, err)
			got := r.resumed(t.TempDir(), 3, second)
			require.Len(t, got.History, 3)
			largest := 0.0
			for k := range want.History {
				a, b := want.History[k], got.History[k]
				for _, d := range []float64{(a.TrainLoss - b.TrainLoss) / a.TrainLoss, (a.ValidationLoss - b.ValidationLoss) / a.ValidationLoss} {
					largest = max(largest, math.Abs(d))
				}
			}
			t.Logf("largest relative difference of a loss: %.2g, allowed %.2g", largest, lossTolerance64)
			require.LessOrEqual(t, largest, lossTolerance64)
			require.Len(t, got.Segments, 2)
			require.Equal(t, []string{first, second}, []string{got.Segments[0].Backend, got.Segments[1].Backend})
			require.Equal(t, []int{0, 3, 3, 6}, []int{got.Segments[0].FromStep, got.Segments[0].ToStep, got.Segments[1].FromStep, got.Segments[1].ToStep})
			require.NotEqual(t, got.Segments[0].Library, got.Segments[1].Library)
			require.Equal(t, second, got.Backend, "D10")
		})
	}
}
