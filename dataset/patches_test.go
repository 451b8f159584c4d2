package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTruePatches: on an object that is linear in row and column, bilinear
// samples are exact.
func TestTruePatches(t *testing.T) {
	o := &Image{Rows: 13, Cols: 20, Data: make([]complex64, 13*20)}
	for p := range o.Data {
		o.Data[p] = complex(float32(p%20), float32(2*(p/20)))
	}
	r := &Raw{Path: "scan.npz", N: 8, Object: o}
	x, y := []float64{4, 16, 7.25}, []float64{4, 9, 5.5}
	got, err := r.TruePatches(x, y)
	require.NoError(t, err)
	for k := range x {
		for p := range 64 {
			want := complex(float32(x[k]-4+float64(p%8)), float32(2*(y[k]-4+float64(p/8))))
			require.Equal(t, want, got[k*64+p], "patch %d, pixel %d", k, p)
		}
	}
	_, err = r.TruePatches([]float64{4, 16.01, 3.9}, []float64{4, 9, 9})
	require.ErrorContains(t, err, `scan.npz: 2 of 3 patches of 8×8 pixels reach outside "objectGuess", the first of them around x = 16.01, y = 9; found 13×20 pixels`)
	_, err = r.TruePatches([]float64{4}, []float64{9.5})
	require.ErrorContains(t, err, "1 of 1 patches")
	_, err = (&Raw{Path: "scan.npz", N: 8}).TruePatches(x, y)
	require.ErrorContains(t, err, `scan.npz: there is no "objectGuess" to cut them from`)
}

// TestSimulatedTruth: patches that were cut are those whose light was counted.
func TestSimulatedTruth(t *testing.T) {
	raw, err := Simulate(SimulateOptions{Patterns: 3, N: 16, NPhotons: 1e9, Seed: 2, Scan: ScanSpiral})
	require.NoError(t, err)
	got, err := raw.TruePatches(raw.X, raw.Y)
	require.NoError(t, err)
	wave := make([]complex128, 256)
	for k := range raw.X {
		patch(wave, raw.Object, 16, raw.X[k], raw.Y[k])
		for p, v := range wave {
			require.InDelta(t, real(v), float64(real(got[k*256+p])), 1e-6)
			require.InDelta(t, imag(v), float64(imag(got[k*256+p])), 1e-6)
		}
	}
}
