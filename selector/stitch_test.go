package selector

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// TestStitchedPrediction: what a run reconstructs, its bundle reconstructs, with
// a patch for each pattern of a group, turned, and weighed by the probe.
func TestStitchedPrediction(t *testing.T) {
	raw := smallScan(t)
	c := smallConfig(config.TensorFlow)
	c.Model.Gridsize, c.Model.ObjectBig, c.NEpochs, c.OutputDir = 2, false, 1, t.TempDir()
	how := config.ReconstructionConfig{M: 31, DoStitching: true, FlipX: true, Transpose: true, Weighting: config.WeightingProbe}
	_, _, want, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, spied(new(events)), WithReconstruction(how))
	require.NoError(t, err)

	var told []workflow.Progress
	m, _, err := LoadInferenceBundleWithBackend(t.Context(), c.OutputDir, smallInference(config.PyTorch), "", spied(new(events)),
		WithProgress(func(p workflow.Progress) { told = append(told, p) }))
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // a fake
	p, err := m.Predict(t.Context(), raw)
	require.NoError(t, err)
	require.Len(t, told, 3, "5 groups in batches of 2")
	require.Equal(t, workflow.Progress{Stage: workflow.StagePredict, Done: 5, Total: 5}, told[2])

	got, err := m.Stitch(p, how, nil)
	require.NoError(t, err)
	require.Equal(t, want.GlobalOffsets, got.GlobalOffsets)
	require.Equal(t, want.NNIndices, got.NNIndices)
	require.Equal(t, want.PatternIndices, got.PatternIndices)
	require.Equal(t, []any{want.OriginXY, want.Uncovered, want.Groups, want.Channels, want.Canvas, want.Parameters}, []any{got.OriginXY, got.Uncovered, got.Groups, got.Channels, got.Canvas, got.Parameters})
	require.Equal(t, []any{"pytorch", want.Normalization, want.IntensityScale, want.Seed}, []any{got.Backend, got.Normalization, got.IntensityScale, got.Seed})
	require.InDelta(t, want.LogScale, got.LogScale, 1e-6)
	require.Equal(t, want.Object.Rows, got.Object.Rows)
	requireClose(t, want.Object.Data, got.Object.Data)
	require.Len(t, got.ReconAmp.Data, len(want.ReconAmp.Data))

	how.DoStitching = false
	got, err = m.Stitch(p, how, nil)
	require.NoError(t, err)
	require.Nil(t, got.Object)
	require.Nil(t, got.ReconPhase)
	require.Equal(t, p.Patches, got.ObjTensorFull)

	_, err = m.Stitch(&workflow.Prediction{N: 64, Patches: p.Patches}, how, nil)
	require.ErrorContains(t, err, "expected one that Predict of this model made")
}
