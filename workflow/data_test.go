package workflow

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
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
	all20, err := choose(raw, 0, 0, false, 1, 1, nil)
	require.NoError(t, err)
	require.Len(t, all20, 20)
	some, err := choose(raw, 9, 6, false, 1, 1, nil)
	require.NoError(t, err)
	require.Len(t, some, 6, "the smaller of both")
	require.True(t, slices.IsSorted(some))
	again, err := choose(raw, 6, 0, false, 1, 1, nil)
	require.NoError(t, err)
	require.Equal(t, some, again)
	own := uint64(9)
	other, err := choose(raw, 6, 0, false, 1, 1, &own)
	require.NoError(t, err)
	require.NotEqual(t, some, other)
	first, err := choose(raw, 6, 0, true, 1, 1, nil)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 3, 4, 5}, first, "sequential")
	grouped, err := choose(raw, 6, 0, false, 2, 1, nil)
	require.NoError(t, err)
	require.Len(t, grouped, 20, "groups are made of all patterns")
	_, err = choose(raw, 21, 0, false, 1, 1, nil)
	require.ErrorContains(t, err, "n_groups is 21, but scan.npz has 20 patterns")
	_, err = choose(raw, 0, 21, false, 1, 1, nil)
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
	filled := has
	require.NoError(t, agree(filled, has))
	filled.ProbeBig = false
	require.ErrorContains(t, agree(filled, has), "model.probe_big is false in the configuration and true in the bundle")
}

// groupedScan is a line of n patterns, 2 apart in x and 1 in y.
func groupedScan(n int) *dataset.Raw {
	raw := scanOf(n, func(int) float32 { return 1 })
	for k := range raw.X {
		raw.X[k] /= 5
	}
	return raw
}

// TestScanOfGroups: what is fed for a group of four are its patterns and their
// offsets; the groups of a second file follow those of the first.
func TestScanOfGroups(t *testing.T) {
	c := smallTraining()
	c.Model.Gridsize, c.ValidationSplit = 2, 0.34
	s, err := newScan(groupedScan(9), nil, c)
	require.NoError(t, err)
	require.Equal(t, []int{4, 9}, []int{s.channels, s.patterns})
	require.Equal(t, []int32{0, 1, 2, 3, 4, 5}, s.training)
	require.Equal(t, []int32{6, 7, 8}, s.validation, "⌊0.34·9⌋ = 3, the last groups")
	require.Equal(t, []int32{0, 1, 2, 3}, s.members[:4], "the nearest on a line")
	offsets := []float64{-3, -1.5, -1, -0.5, 1, 0.5, 3, 1.5}
	require.Equal(t, offsets, s.offsets[:8])
	require.Equal(t, 8+2*7, s.canvas, "offsets up to 3 fit into 2(g−1) + 5 = 7 pixels")
	require.Empty(t, s.warnings)

	s, err = newScan(groupedScan(9), groupedScan(6), c)
	require.NoError(t, err)
	require.Equal(t, 15, s.patterns)
	require.Equal(t, []int32{9, 10, 11, 12, 13, 14}, s.validation)
	require.Equal(t, s.validation, s.object.numbers())
	require.Equal(t, []int64{0, 1, 2, 3}, s.object.nnIndices()[:4], "numbers in the file")
	feeds := s.feeds([]int32{9, 0}, graph.Float64)
	require.Equal(t, []int32{9, 10, 11, 12, 0, 1, 2, 3}, feeds[model.InputIndices].Data)
	require.Equal(t, append(offsets, offsets...), feeds[model.InputOffsets].Float64())
	require.Equal(t, graph.Shape{8, 2}, feeds[model.InputOffsets].Shape)

	x, y := s.object.places(false)
	require.Equal(t, []float64{3, 2}, []float64{x[0], y[0]})
	require.Len(t, x, 6)
	x, y = s.object.places(true)
	require.Equal(t, []float64{0, 0.5, 2, 1.5}, []float64{x[0], y[0], x[1], y[1]})
	require.Len(t, x, 24)
}

// TestSubsampleOfGroups: n_subsample says which patterns are used, n_groups
// how many groups are made of them; numbers are those of the file.
func TestSubsampleOfGroups(t *testing.T) {
	c := smallTraining()
	c.Model.Gridsize, c.NSubsample, c.NGroups = 2, 6, 5
	s, err := newScan(groupedScan(9), nil, c)
	require.NoError(t, err)
	require.Equal(t, 6, s.patterns)
	require.Equal(t, 5, s.object.groups.Len())
	used := s.object.patternIndices()
	require.Len(t, used, 6)
	for _, i := range s.object.nnIndices() {
		require.Contains(t, used, i)
	}
	require.NotEqual(t, []int64{0, 1, 2, 3, 4, 5}, used)
	c.NSubsample = 3
	_, err = newScan(groupedScan(9), nil, c)
	require.ErrorContains(t, err, "scan.npz: dataset: group: gridsize is 2, so a group has gridsize² patterns, but there are 3")
}

func TestOffsetsBeyondTheCanvas(t *testing.T) {
	c := smallTraining()
	c.Model.Gridsize = 2
	far := scanOf(9, func(int) float32 { return 1 }) // offsets up to 15 with patches of 8
	_, err := newScan(far, nil, c)
	require.ErrorIs(t, err, ErrOffsets)
	require.ErrorContains(t, err, "reaches 15 pixels from its mean position, further than a patch of 8×8")
	require.ErrorIs(t, CheckData(far, nil, c, nil), ErrOffsets)
	require.NoError(t, CheckData(groupedScan(9), nil, c, nil))

	near := groupedScan(9)
	for k := range near.X {
		near.X[k] *= 2.5
	}
	s, err := newScan(near, nil, c)
	require.NoError(t, err)
	require.Equal(t, 8+2*9, s.canvas, "offsets up to 7.5: ⌈7.5⌉ + 1 = 9")
	c.Model.PatchMerge = "reference"
	s, err = newScan(near, nil, c)
	require.NoError(t, err)
	require.Equal(t, 8+4+10, s.canvas)
	require.Len(t, s.warnings, 1)
	require.Contains(t, s.warnings[0], "reach 7.5 pixels, but the canvas of patch_merge reference has 7 pixels")

	i := config.DefaultInference()
	i.NeighborCount = 4
	_, err = newInferenceScan(near, i, config.ModelConfig{N: 8, Gridsize: 2, PatchMerge: "uniform"}, 1, 1, 22)
	require.ErrorIs(t, err, ErrOffsets)
	require.ErrorContains(t, err, "need a canvas of 26 pixels; the model was trained on one of 22")
	s, err = newInferenceScan(near, i, config.ModelConfig{N: 8, Gridsize: 2, PatchMerge: "uniform"}, 1, 1, 30)
	require.NoError(t, err)
	require.Equal(t, 30, s.canvas, "the model's own")
}

func TestCheckCanvas(t *testing.T) {
	c := config.ModelConfig{N: 64, Gridsize: 2, PatchMerge: "uniform"}
	for canvas, good := range map[int]bool{0: false, 64: false, 76: false, 78: true, 79: false, 194: true, 196: false} {
		require.Equal(t, good, checkCanvas(canvas, c) == nil, canvas)
	}
	c.Gridsize = 1
	require.NoError(t, checkCanvas(0, c))
}

// TestChannelsFlat: the patches of a group follow one another.
func TestChannelsFlat(t *testing.T) {
	require.Equal(t, []complex64{0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11},
		channelsFlat([]complex64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 3, 2))
}
