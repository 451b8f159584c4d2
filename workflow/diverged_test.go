package workflow

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/dataset"
)

// TestDivergedTrainingIsNoSuccess: a rate that throws the weights out of all
// bounds in the only step leaves a finite training loss behind it, but no model.
func TestDivergedTrainingIsNoSuccess(t *testing.T) {
	for _, share := range []float64{0, 0.3} {
		raw, c := short(t)
		c.Optimizer, c.LearningRate, c.WarmupSteps, c.NEpochs, c.ValidationSplit, c.BatchSize = "sgd", 1e38, 0, 1, share, 5
		c.OutputDir = t.TempDir()
		_, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{})
		require.ErrorContains(t, err, "diverged")
		require.NoFileExists(t, filepath.Join(c.OutputDir, bundle.FileName))
	}
}

// TestHoldBack: ⌊0.29·100⌋ is 29 whatever floating point says, and copies of
// held-back groups are not trained on.
func TestHoldBack(t *testing.T) {
	s := &scan{channels: 1}
	for k := range 100 {
		s.members, s.training = append(s.members, int32(k)), append(s.training, int32(k))
	}
	s.holdBack(0.29)
	require.Len(t, s.validation, 29)
	require.Len(t, s.training, 71)

	s = &scan{channels: 2, members: []int32{0, 1, 2, 3, 4, 5, 0, 1}, training: []int32{0, 1, 2, 3}}
	s.holdBack(0.25)
	require.Equal(t, []int32{3}, s.validation)
	require.Equal(t, []int32{1, 2}, s.training, "group 0 has the patterns of group 3")
}

// TestRefusedBeforeAnythingStarts: what data and settings do not allow is known
// without a backend.
func TestRefusedBeforeAnythingStarts(t *testing.T) {
	raw, c := short(t)
	require.NoError(t, CheckData(raw, nil, c, nil))
	cosine := c
	cosine.Scheduler, cosine.WarmupSteps = "warmup_cosine", 1000
	require.ErrorContains(t, CheckData(raw, nil, cosine, nil), "warmup_steps is 1000")
	outside := *raw
	outside.Object = &dataset.Image{Rows: 64, Cols: 64, Data: make([]complex64, 64*64)}
	supervised := c
	supervised.Model.ModelType = "supervised"
	require.ErrorContains(t, CheckData(&outside, nil, supervised, nil), "reach outside")
}
