package workflow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// trainedModel is a small model, trained for a step on the scan of that seed.
func trainedModel(t *testing.T, change func(*config.TrainingConfig)) (*bundle.Bundle, *dataset.Raw) {
	t.Helper()
	raw, err := dataset.Simulate(dataset.SimulateOptions{Object: dataset.ObjectSiemens, Scan: dataset.ScanSpiral, Patterns: 7, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	c := config.Default().Training
	c.Model.NFiltersScale, c.Model.PadObject, c.NPhotons, c.NEpochs, c.BatchSize, c.NGroups = 0.125, false, 1e5, 1, 2, 4
	c.OutputDir, c.CheckpointEvery, c.WarmupSteps = t.TempDir(), 0, 0
	change(&c)
	_, err = trainOn(t.Context(), evalnative.Open(), raw, c, Options{})
	require.NoError(t, err)
	b, err := bundle.Read(c.OutputDir)
	require.NoError(t, err)
	return b, raw
}

// written writes the counts of a scan, or its amplitudes where roots is true.
func written(t *testing.T, raw *dataset.Raw, roots, deflate bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scan.npz")
	values := slices.Clone(raw.Amplitude)
	for i, v := range values {
		if !roots {
			values[i] = float32(math.Round(float64(v) * float64(v)))
		}
	}
	n := raw.Len()
	require.NoError(t, npz.Write(path,
		npz.Array{Key: "diffraction", Data: values, Shape: []int{n, raw.N, raw.N}, Deflate: deflate},
		npz.Array{Key: "xcoords", Data: raw.X, Shape: []int{n}},
		npz.Array{Key: "ycoords", Data: raw.Y, Shape: []int{n}},
		npz.Array{Key: "probeGuess", Data: raw.Probe, Shape: []int{raw.N, raw.N}}))
	return path
}

func opened(t *testing.T, path string) *dataset.Source {
	t.Helper()
	s, err := dataset.Open(path, dataset.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestReconstructIsPredictAndStitch: a scan that stays in its file gives the same
// results to the bit, in portions of every size, all patterns and some of them.
func TestReconstructIsPredictAndStitch(t *testing.T) {
	trained, raw := trainedModel(t, func(*config.TrainingConfig) {})
	how := config.DefaultReconstruction()
	how.FlipX, how.M = true, 31
	for _, used := range []int{0, 5} { // patterns; 0: all of them
		c := config.DefaultInference()
		c.BatchSize, c.NSubsample = 2, used
		m, err := OpenModel(evalnative.Open(), trained, c, config.DefaultExecution(), DiffractionToObject)
		require.NoError(t, err)
		path := written(t, raw, false, true)
		loaded, err := dataset.Load(path, dataset.Options{})
		require.NoError(t, err)
		p, err := m.Predict(t.Context(), loaded)
		require.NoError(t, err)
		want, err := m.Stitch(p, how, nil)
		require.NoError(t, err)
		require.Len(t, want.PatternIndices, cmp.Or(used, 7))
		want.ObjTensorFull, want.Times = nil, Times{}
		for _, file := range []string{path, written(t, raw, true, false)} {
			for _, block := range []int{1, 4, 0} { // portions of 2, 4, all patterns
				m.block = block
				var done []int
				m.Tell(func(p Progress) {
					require.Equal(t, len(want.PatternIndices), p.Total)
					done = append(done, p.Done)
				})
				source := opened(t, file)
				got, err := m.Reconstruct(t.Context(), source, how, nil)
				require.NoError(t, err)
				require.Positive(t, got.Times.Predict)
				require.GreaterOrEqual(t, got.Times.Total, got.Times.Predict+got.Times.Stitch)
				got.Times = Times{}
				require.Equal(t, want, got, "%s in portions of %d", file, m.blockSize())
				require.Equal(t, len(want.PatternIndices), done[len(done)-1])
				require.Len(t, done, (len(want.PatternIndices)+1)/2)
				again, err := m.Reconstruct(t.Context(), source, how, nil)
				require.NoError(t, err, "a source may be read again")
				require.Equal(t, want.Object, again.Object)
			}
		}
		require.NoError(t, m.Close())
	}
}

func TestReconstructRefuses(t *testing.T) {
	trained, raw := trainedModel(t, func(c *config.TrainingConfig) { c.Model.Gridsize, c.NGroups = 2, 0 })
	source := opened(t, written(t, raw, true, false))
	c := config.DefaultInference()
	m, err := OpenModel(evalnative.Open(), trained, c, config.DefaultExecution(), DiffractionToObject)
	require.NoError(t, err)
	require.False(t, m.Streams())
	_, err = m.Reconstruct(t.Context(), source, config.DefaultReconstruction(), nil)
	require.ErrorContains(t, err, "workflow: reconstruct: the model diffraction_to_obj has gridsize 2; expected diffraction_to_obj at gridsize 1: load the scan and call Predict")
	require.NoError(t, m.Close())
	_, err = m.Reconstruct(t.Context(), source, config.DefaultReconstruction(), nil)
	require.ErrorContains(t, err, "closed")
}

// TestReconstructStops: it ends where it is cancelled between two portions, and
// where reading fails.
func TestReconstructStops(t *testing.T) {
	trained, raw := trainedModel(t, func(*config.TrainingConfig) {})
	c := config.DefaultInference()
	c.BatchSize = 2
	m, err := OpenModel(evalnative.Open(), trained, c, config.DefaultExecution(), DiffractionToObject)
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // nothing was written
	m.block = 2
	source := opened(t, written(t, raw, true, false))
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	m.Tell(func(Progress) {
		calls++
		cancel()
	})
	_, err = m.Reconstruct(ctx, source, config.DefaultReconstruction(), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, calls)
	m.Tell(nil)

	twice := raw.Subset([]int{0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6}) // more than is read ahead
	path := written(t, twice, true, false)
	broken, err := dataset.Open(path, dataset.Options{})
	require.NoError(t, err)
	m.Tell(func(p Progress) { // the file can no longer be read
		if p.Done == 2 {
			require.NoError(t, broken.Close())
		}
	})
	_, err = m.Reconstruct(t.Context(), broken, config.DefaultReconstruction(), nil)
	require.ErrorContains(t, err, path)
}

// TestBeside: calls come in order, an error ends them and reaches whoever gives
// more, and giving waits while much is under way.
func TestBeside(t *testing.T) {
	var seen []complex64
	b := newBeside(func(p []complex64) error {
		seen = append(seen, p...)
		return nil
	})
	for k := range 100 {
		require.NoError(t, b.give([]complex64{complex(float32(k), 0)}))
	}
	require.NoError(t, b.end())
	require.Len(t, seen, 100)
	require.True(t, slices.IsSortedFunc(seen, func(a, b complex64) int { return int(real(a) - real(b)) }))

	fault := errors.New("fault")
	b = newBeside(func(p []complex64) error {
		if real(p[0]) == 3 {
			return fault
		}
		return nil
	})
	var err error
	for k := 0; err == nil; k++ {
		require.Less(t, k, 10, "an error reaches whoever gives more")
		err = b.give([]complex64{complex(float32(k), 0)})
		time.Sleep(time.Millisecond)
	}
	require.ErrorIs(t, err, fault)
	require.ErrorIs(t, b.end(), fault)
}

func TestBlockSize(t *testing.T) {
	for _, c := range []struct{ n, batch, want int }{
		{64, 16, 512}, // 8 MiB of 16 KiB
		{128, 16, 128},
		{256, 100, 100}, // a batch at least
		{64, 100, 500},  // full batches
	} {
		m := &Model{config: config.InferenceConfig{BatchSize: c.batch}}
		m.set.Model.N = c.n
		require.Equal(t, c.want, m.blockSize(), fmt.Sprint(c))
	}
}
