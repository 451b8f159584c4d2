package selector

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
)

// TestTruthIsNeeded: without true patches, nothing begins.
func TestTruthIsNeeded(t *testing.T) {
	raw := *smallScan(t)
	raw.Path, raw.Object = "scan.npz", nil
	supervised := func(c *config.TrainingConfig) { c.Model.ModelType = "supervised" }
	for _, change := range []func(*config.TrainingConfig){
		supervised,
		func(c *config.TrainingConfig) { c.RealspaceWeight, c.RealspaceMAEWeight = 1, 1 },
	} {
		c := smallConfig(config.TensorFlow)
		change(&c)
		var seen events
		legacy := config.LegacyParams{}
		_, err := TrainCDIModelWithBackend(t.Context(), &raw, nil, c, spied(&seen), WithLegacyParams(legacy))
		require.ErrorIs(t, err, ErrInvalidConfig)
		require.ErrorContains(t, err, "the data scan.npz have neither Y nor objectGuess")
		_, err = TrainCDIModelWithBackend(t.Context(), smallScan(t), &raw, c, spied(&seen), WithLegacyParams(legacy))
		require.ErrorContains(t, err, "scan.npz", "the test data need them too")
		require.Empty(t, seen)
		require.Empty(t, legacy)
	}
	c := smallConfig(config.TensorFlow)
	c.RealspaceWeight, c.TVWeight = 1, 1
	_, err := TrainCDIModelWithBackend(t.Context(), &raw, nil, c, spied(new(events)))
	require.NoError(t, err, "total variation needs none")

	raw = *smallScan(t)
	raw.X = slices.Clone(raw.X)
	raw.X[2] = 5
	supervised(&c)
	_, err = TrainCDIModelWithBackend(t.Context(), &raw, nil, c, spied(new(events)))
	require.ErrorContains(t, err, `1 of 5 patches of 64×64 pixels reach outside "objectGuess"`)
}

// TestTruth: Y comes before objectGuess, and only its shape over its largest
// amplitude counts for a sigmoid; other activations see it as it is.
func TestTruth(t *testing.T) {
	raw := smallScan(t)
	train := func(raw, test *dataset.Raw, activation string) (loss, divisor float64) {
		c := smallConfig(config.TensorFlow)
		c.Model.ModelType, c.Model.AmpActivation, c.NEpochs = "supervised", activation, 1
		r, err := TrainCDIModelWithBackend(t.Context(), raw, test, c, spied(new(events)))
		require.NoError(t, err)
		return r.History[0].ValidationLoss, r.TruthDivisor
	}
	want, divisor := train(raw, nil, "sigmoid")
	require.InDelta(t, 0.9, divisor, 0.11, "amplitudes of a smooth object reach up to 1")

	own := *raw
	var err error
	own.Patches, err = raw.TruePatches(raw.X, raw.Y)
	require.NoError(t, err)
	for i := range own.Patches {
		own.Patches[i] *= 3
	}
	own.Object = nil
	got, thrice := train(&own, nil, "sigmoid")
	require.InEpsilon(t, 3*divisor, thrice, 1e-6)
	require.InEpsilon(t, want, got, 1e-6)

	swish, one := train(raw, nil, "swish")
	require.Equal(t, 1.0, one)
	other, _ := train(&own, nil, "swish")
	require.Greater(t, other, swish+0.5, "amplitudes near 2 and not 0.7 are far from those of the first weights")

	first, _ := train(raw, raw.Subset([]int{4}), "sigmoid")
	second, _ := train(raw.Subset([]int{0, 1, 2, 3, 4}), raw.Subset([]int{4, 1}), "sigmoid")
	require.NotEqual(t, first, second, "the test file's own patches are its truth")
}

// TestProbeIsTrained: the probe in the bundle moves away from the normalised
// one, and a training that begins with a wrong probe ends at a lower loss.
func TestProbeIsTrained(t *testing.T) {
	raw := *smallScan(t)
	wrong := slices.Clone(raw.Probe)
	for p := range wrong {
		wrong[p] *= complex(1, float32(p%64-32)/32)
	}
	raw.Probe = wrong
	train := func(trainable bool) (float64, []float32) {
		c := smallConfig(config.TensorFlow)
		c.ProbeTrainable, c.OutputDir, c.NEpochs, c.WarmupSteps, c.LearningRate = trainable, t.TempDir(), 6, 0, 1e-2
		r, err := TrainCDIModelWithBackend(t.Context(), &raw, nil, c, spied(new(events)))
		require.NoError(t, err)
		trained, err := bundle.Read(r.BundlePath)
		require.NoError(t, err)
		probe, _ := trained.Weight(bundle.Probe)
		require.Equal(t, []int{2, 64, 64}, probe.Shape)
		return r.History[len(r.History)-1].TrainLoss, probe.F32
	}
	fixed, same := train(false)
	free, moved := train(true)
	for p, v := range dataset.NormalizedProbe(wrong, 64, 4) {
		require.Equal(t, []float32{real(v), imag(v)}, []float32{same[p], same[64*64+p]})
	}
	largest := 0.0
	for p := range moved {
		largest = max(largest, float64(moved[p]-same[p]), float64(same[p]-moved[p]))
	}
	t.Logf("loss %.6g with the probe fixed, %.6g with it trained; largest change of the probe %.3g", fixed, free, largest)
	require.Greater(t, largest, 1e-2)
	require.Less(t, free, fixed)
}

// TestModesInBundle: a bundle keeps all modes of the probe, trained or not,
// and predicts with them.
func TestModesInBundle(t *testing.T) {
	raw := modesScan(t)
	c := smallConfig(config.TensorFlow)
	c.OutputDir, c.ProbeTrainable = t.TempDir(), true
	_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, spied(new(events)))
	require.NoError(t, err)
	trained, err := bundle.Read(filepath.Dir(r.BundlePath))
	require.NoError(t, err)
	require.Equal(t, 3, trained.Modes())
	probe, _ := trained.Weight(bundle.Probe)
	require.Equal(t, []int{2, 3, 64, 64}, probe.Shape)
	m, _, err := LoadInferenceBundleWithBackend(t.Context(), c.OutputDir, smallInference(config.PyTorch), "", spied(new(events)))
	require.NoError(t, err)
	p, err := m.Predict(t.Context(), raw)
	require.NoError(t, err)
	requireClose(t, r.ObjTensorFull, p.Patches)
	require.NoError(t, m.Close())
}

// TestIntensityScaleIsTrained: where the probe is too dim for the data, a
// trained log_scale rises and gains on a fixed one.
func TestIntensityScaleIsTrained(t *testing.T) {
	raw := smallScan(t)
	train := func(trainable bool) (loss, logScale float64) {
		c := smallConfig(config.TensorFlow)
		c.IntensityScaleTrainable, c.Model.ProbeScale, c.NEpochs, c.WarmupSteps, c.LearningRate = trainable, 12, 6, 0, 1e-2
		r, err := TrainCDIModelWithBackend(t.Context(), raw, nil, c, spied(new(events)))
		require.NoError(t, err)
		return r.History[len(r.History)-1].TrainLoss, r.LogScale
	}
	fixed, start := train(false)
	free, end := train(true)
	t.Logf("loss %.6g with log_scale %.4f, %.6g with %.4f", fixed, start, free, end)
	require.Greater(t, end, start+0.05)
	require.Less(t, free, fixed)
}
