package workflow

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
)

// scanOf makes a scan of n patterns of 8×8, each of one value.
func scanOf(n int, value func(k int) float32) *dataset.Raw {
	raw := &dataset.Raw{Path: "scan.npz", N: 8, Counts: true}
	for k := range n {
		for range 64 {
			raw.Amplitude = append(raw.Amplitude, value(k))
		}
		raw.X, raw.Y = append(raw.X, float64(10*k)), append(raw.Y, float64(k)+0.5)
	}
	for range 64 {
		raw.Probe = append(raw.Probe, 1)
	}
	return raw
}

func smallTraining() config.TrainingConfig {
	c := config.Default().Training
	c.Model.N = 8
	return c
}

func TestScanHoldsBackTheLast(t *testing.T) {
	c := smallTraining()
	c.ValidationSplit = 0.05
	s, err := newScan(scanOf(59, func(k int) float32 { return float32(k + 1) }), nil, c)
	require.NoError(t, err)
	require.Len(t, s.training, 57)
	require.Equal(t, []int32{57, 58}, s.validation, "⌊0.05·59⌋ = 2, the last of the file")
	require.Len(t, s.object.indices, 59, "all patterns are reconstructed")
	c.ValidationSplit = 0
	s, err = newScan(scanOf(59, func(int) float32 { return 1 }), nil, c)
	require.NoError(t, err)
	require.Empty(t, s.validation)
}

// TestScanNormalises: two patterns of 64 pixels of 1 and of 3 have
// Σd² = 64 and 576, mean 320, so that X = d·√(16/320).
func TestScanNormalises(t *testing.T) {
	c := smallTraining()
	raw := scanOf(2, func(k int) float32 { return float32(1 + 2*k) })
	s, err := newScan(raw, nil, c)
	require.NoError(t, err)
	require.InEpsilon(t, 0.22360679774997896, s.factor, 1e-12)
	require.InEpsilon(t, 320.0, s.photons, 1e-12)
	require.InEpsilon(t, 0.22360679774997896, s.amplitude[0], 1e-6)
	require.InEpsilon(t, 3*0.22360679774997896, s.amplitude[64], 1e-6)
	require.Equal(t, float32(3), raw.Amplitude[64], "the caller's data stay as they are")

	test := scanOf(1, func(int) float32 { return 10 })
	s, err = newScan(raw, test, c)
	require.NoError(t, err)
	require.InEpsilon(t, 0.22360679774997896, s.factor, 1e-12, "the factor is that of the training patterns")
	require.Equal(t, []int32{0, 1}, s.training)
	require.Equal(t, []int32{2}, s.validation)
	require.Equal(t, []int32{2}, s.object.numbers())
	require.InEpsilon(t, 2.2360679774997896, s.amplitude[128], 1e-6)
}

func TestChoose(t *testing.T) {
	raw := scanOf(20, func(int) float32 { return 1 })
	all20, err := choose(raw, 0, 0, 1, nil)
	require.NoError(t, err)
	require.Len(t, all20, 20)
	some, err := choose(raw, 9, 6, 1, nil)
	require.NoError(t, err)
	require.Len(t, some, 6, "the smaller of both")
	require.True(t, slices.IsSorted(some))
	again, err := choose(raw, 6, 0, 1, nil)
	require.NoError(t, err)
	require.Equal(t, some, again)
	own := uint64(9)
	other, err := choose(raw, 6, 0, 1, &own)
	require.NoError(t, err)
	require.NotEqual(t, some, other)
	_, err = choose(raw, 21, 0, 1, nil)
	require.ErrorContains(t, err, "n_groups is 21, but scan.npz has 20 patterns")
	_, err = choose(raw, 0, 21, 1, nil)
	require.ErrorContains(t, err, "n_subsample is 21")
}

func TestOtherSideIsRefused(t *testing.T) {
	c := smallTraining()
	c.Model.N = 64
	_, err := newScan(scanOf(2, func(int) float32 { return 1 }), nil, c)
	require.ErrorContains(t, err, "scan.npz: patterns are 8×8; expected 64×64")
	c.Model.N = 8
	broken := scanOf(2, func(int) float32 { return 1 })
	broken.X = broken.X[:1]
	_, err = newScan(broken, nil, c)
	require.Error(t, err, "data of a caller's own making are checked")
}

func TestShuffledAndBatches(t *testing.T) {
	patterns := []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	a, b := shuffled(patterns, 1, 1), shuffled(patterns, 1, 2)
	require.Equal(t, a, shuffled(patterns, 1, 1))
	require.NotEqual(t, a, b)
	require.NotEqual(t, a, shuffled(patterns, 2, 1))
	require.ElementsMatch(t, patterns, a)
	require.Equal(t, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, patterns)

	require.Equal(t, []int{4, 2}, batchSizes(10, 4))
	require.Equal(t, []int{5}, batchSizes(10, 5))
	require.Equal(t, []int{3}, batchSizes(3, 5))
	require.Empty(t, batchSizes(0, 5))
	var sizes []int
	require.NoError(t, batches(t.Context(), patterns, 4, func(b []int32) error {
		sizes = append(sizes, len(b))
		return nil
	}))
	require.Equal(t, []int{4, 4, 2}, sizes)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, batches(ctx, patterns, 4, func([]int32) error { return nil }), context.Canceled)
}

func TestHistoryCSV(t *testing.T) {
	text, err := HistoryCSV([]Epoch{{Epoch: 1, TrainLoss: -3.5e6, ValidationLoss: 2, LearningRate: 1e-3, TrainDeviance: 1.5, ValidationDeviance: 1.25, BrightShare: 0.5, Seconds: 0.12345}})
	require.NoError(t, err)
	require.Equal(t, "epoch,train_loss,validation_loss,learning_rate,train_deviance,validation_deviance,bright_share,seconds\n1,-3.5e+06,2,0.001,1.5,1.25,0.5,0.123\n", string(text))
}

// TestAgree: what is set and differs is refused, what is not set is not.
func TestAgree(t *testing.T) {
	has := config.DefaultModel()
	require.NoError(t, agree(config.ModelConfig{}, has))
	require.NoError(t, agree(config.ModelConfig{N: 64}, has))
	require.ErrorContains(t, agree(config.ModelConfig{N: 128}, has), "model.N is 128 in the configuration and 64 in the bundle")
	require.ErrorContains(t, agree(config.ModelConfig{ProbeMask: true}, has), "model.probe_mask")
}
