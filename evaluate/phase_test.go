package evaluate_test

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/evaluate"
)

func field(rows, cols int, phase func(c, r float64) float64) (z []complex128, valid []bool) {
	for i := range rows * cols {
		z = append(z, cmplx.Rect(1+.3*math.Sin(float64(i)), phase(float64(i%cols), float64(i/cols))))
		valid = append(valid, true)
	}
	return z, valid
}

// TestPlane: of a plane nothing is left, and it is told as it is within one
// turn.
func TestPlane(t *testing.T) {
	for _, want := range []evaluate.Plane{{}, {X: .3, Y: -.02, Phase: 1}, {X: -3.1, Y: 2.5, Phase: math.Pi}} {
		z, valid := field(9, 14, func(c, r float64) float64 { return want.X*c + want.Y*r + want.Phase })
		phase, plane := evaluate.FlattenPhase(z, valid, 14)
		require.InDelta(t, want.X, plane.X, 1e-12)
		require.InDelta(t, want.Y, plane.Y, 1e-12)
		require.InDelta(t, 0, math.Abs(cmplx.Phase(cmplx.Rect(1, plane.Phase-want.Phase))), 1e-12)
		for _, p := range phase {
			require.InDelta(t, 0, p, 1e-12)
		}
	}
}

// TestLargePhases: a smooth phase from −2.6 to 2.6, which is uneven along the
// edges, comes back without wraps under a steep ramp, and orthogonal to 1, x
// and y, as what the least-squares plane leaves is.
func TestLargePhases(t *testing.T) {
	const rows, cols = 60, 80
	bump := func(c, r float64) float64 {
		return 5.2*math.Exp(-((c-62)*(c-62)+(r-40)*(r-40))/300) - 2.6*math.Exp(-((c-5)*(c-5)+(r-10)*(r-10))/200)
	}
	z, valid := field(rows, cols, func(c, r float64) float64 { return bump(c, r) + .9*c - 1.7*r })
	phase, plane := evaluate.FlattenPhase(z, valid, cols)
	var sum, x, y float64
	for i, p := range phase {
		c, r := float64(i%cols), float64(i/cols)
		sum, x, y = sum+p, x+p*c, y+p*r
		back := p + plane.X*c + plane.Y*r + plane.Phase
		require.InDelta(t, 0, cmplx.Phase(z[i]*cmplx.Rect(1, -back)), 1e-9)
		if i%cols > 0 {
			require.InDelta(t, bump(c, r)-bump(c-1, r)+.9, p-phase[i-1]+plane.X, 1e-9, "no wrap at column %d, row %d", i%cols, i/cols)
		}
	}
	require.InDelta(t, 0, sum/rows/cols, 1e-9)
	require.InDelta(t, 0, x/rows/cols/cols, 1e-9)
	require.InDelta(t, 0, y/rows/cols/rows, 1e-9)
}

// TestFewPixels: pixels that do not span a plane give no NaN, and invalid ones
// are 0.
func TestFewPixels(t *testing.T) {
	z, _ := field(6, 6, func(c, r float64) float64 { return .2*c + .3*r })
	for name, use := range map[string]func(c, r int) bool{
		"none":       func(int, int) bool { return false },
		"one":        func(c, r int) bool { return c == 2 && r == 3 },
		"a row":      func(_, r int) bool { return r == 4 },
		"a column":   func(c, _ int) bool { return c == 4 },
		"a diagonal": func(c, r int) bool { return c == r },
	} {
		valid := make([]bool, len(z))
		for i := range z {
			valid[i] = use(i%6, i/6)
		}
		phase, _ := evaluate.FlattenPhase(z, valid, 6)
		for _, p := range phase {
			require.InDelta(t, 0, p, 1e-9, name)
		}
	}
}

// TestCentrePhase: about a circular mean near π the phases come back small, in
// place of the two heaps at ±π.
func TestCentrePhase(t *testing.T) {
	z := []complex128{cmplx.Rect(2, math.Pi-.1), cmplx.Rect(2, -math.Pi+.3), 0, 5}
	phase := evaluate.CentrePhase(z, []bool{true, true, true, false})
	require.InDeltaSlice(t, []float64{-.2, .2, 0, 0}, phase, 1e-12)
}
