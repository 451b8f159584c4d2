package workflow

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"
)

// patchesOf makes two patches of 8×8; the outer half is noise that the beam
// does not see.
func patchesOf(value func(k, i, j int) complex128) []complex64 {
	var out []complex64
	for k := range 2 {
		for i := range 8 {
			for j := range 8 {
				v := value(k, i, j)
				if i < 2 || i >= 6 || j < 2 || j >= 6 {
					v = cmplx.Rect(1+float64(i), float64(j))
				}
				out = append(out, complex64(v))
			}
		}
	}
	return out
}

func spreadOf(patches []complex64) Spread {
	s := newSpread(8)
	s.add(patches[:64])
	s.add(patches[64:])
	return s.value()
}

// TestSpread: phases ±a in equal parts have R = cos a, amplitudes 1 and 3 the
// mean 2 and the standard deviation 1.
func TestSpread(t *testing.T) {
	s := spreadOf(patchesOf(func(k, _, j int) complex128 {
		return cmplx.Rect(float64(1+2*(j%2)), float64(k)+0.2*float64(1-2*(j/2%2)))
	}))
	require.InDelta(t, math.Sqrt(-2*math.Log(math.Cos(0.2))), s.Phase, 1e-6, "each patch's own phase, 0 and 1, does not count")
	require.InDelta(t, 0.5, s.Amplitude, 1e-6)
	require.Empty(t, s.Collapsed())
}

func TestCollapsed(t *testing.T) {
	flat := spreadOf(patchesOf(func(_, i, _ int) complex128 { return complex(-1-float64(i), 0) }))
	require.Contains(t, flat.Collapsed(), "the phase is the same")
	require.Contains(t, flat.Collapsed(), "--warmup-steps")
	even := spreadOf(patchesOf(func(_, i, _ int) complex128 { return cmplx.Rect(0.5, float64(i)) }))
	require.Contains(t, even.Collapsed(), "the amplitude is the same")
	both := spreadOf(patchesOf(func(k, _, _ int) complex128 { return cmplx.Rect(0.5, float64(k)) }))
	require.Contains(t, both.Collapsed(), "amplitude and phase are")
	require.NotEmpty(t, spreadOf(make([]complex64, 128)).Collapsed(), "an object of zeros")
}
