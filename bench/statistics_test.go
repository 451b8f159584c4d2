package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpread: by hand. Of 1, 2, 4, 8 the quartiles lie at places 0.75, 1.5 and
// 2.25: 1.75, 3 and 5.
func TestSpread(t *testing.T) {
	values := []float64{8, 1, 4, 2}
	require.Equal(t, Spread{Median: 3, Q1: 1.75, Q3: 5, Min: 1, Max: 8}, NewSpread(values))
	require.Equal(t, []float64{8, 1, 4, 2}, values, "they stay in their order")
	require.Equal(t, Spread{Median: 4, Q1: 3, Q3: 6, Min: 1, Max: 9}, NewSpread([]float64{9, 3, 1, 4, 6}))
	require.Equal(t, Spread{Median: 7, Q1: 7, Q3: 7, Min: 7, Max: 7}, NewSpread([]float64{7}))
	require.Zero(t, NewSpread(nil))
}

// TestRatios: a machine that is ten times slower for a round leaves the ratio
// alone, where that of the medians is off.
func TestRatios(t *testing.T) {
	a, b := []float64{20, 2, 30}, []float64{10, 1, 10}
	require.Equal(t, []float64{2, 2, 3}, Ratios(a, b))
	require.InDelta(t, 2, NewSpread(Ratios(a, b)).Median, 0)
}

// TestInverse: 4 patterns in 0.5 s are 8 a second.
func TestInverse(t *testing.T) {
	require.Equal(t, []float64{8, 2}, inverse(4, []float64{0.5, 2}))
}

// TestRelative: the largest difference by the largest modulus of the second:
// |3+4i| = 5 off at a largest |−10|.
func TestRelative(t *testing.T) {
	abs := func(v float64) float64 { return max(v, -v) }
	require.InDelta(t, 0.2, relative([]float64{1, -8}, []float64{1.5, -10}, abs), 1e-15)
	require.Zero(t, relative([]float64{0}, []float64{0}, abs))
}

func TestRefused(t *testing.T) {
	good := &Check{Object: 9e-4, Intensity: 1e-6, Loss: 1e-9}
	require.Empty(t, refused(Ready{Check: good}, Settings{Precision: "float32"}))
	require.Contains(t, refused(Ready{Check: good}, Settings{Precision: "float64"}), "its object is 9.0e-04 from expected.npz, allowed 1e-06")
	require.Contains(t, refused(Ready{Check: &Check{Loss: 2e-3}}, Settings{Precision: "float32"}), "its loss is 2.0e-03")
	require.Contains(t, refused(Ready{Check: &Check{Intensity: -1}}, Settings{Precision: "float32"}), "its intensity")
	require.Empty(t, refused(Ready{Check: &Check{Loss: 2e-3}}, Settings{Precision: "float32", AllowTF32: true}))
	require.Contains(t, refused(Ready{}, Settings{Precision: "float32"}), "did not say")
}
