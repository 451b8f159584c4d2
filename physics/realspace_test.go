package physics_test

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
	"github.com/ptychobridge/ptychobridge/physics"
)

// TestTotalVariation: rows rise by 1 and columns by 2 in the real part, by 0
// and −3 in the imaginary one: ¼·(1 + 2 + 0 + 3).
func TestTotalVariation(t *testing.T) {
	const n = 5
	re, im := make([]float64, 2*n*n), make([]float64, 2*n*n)
	for p := range re {
		i, j := float64(p/n%n), float64(p%n)
		re[p], im[p] = i+2*j, -3*j
	}
	b := graph.NewBuilder(graph.Float64)
	got := evaluate(t, nil, physics.TotalVariation(physics.Complex{Re: b.Const(re, 2, n, n), Im: b.Const(im, 2, n, n)}))
	require.InDelta(t, 1.5, got[0][0], rounding)
}

// TestPhaseMAE compares with the argument of e^{i(φ−φ')}.
func TestPhaseMAE(t *testing.T) {
	a, b := random(50, 40, -math.Pi, math.Pi), random(51, 40, -math.Pi, math.Pi)
	a[0], b[0] = 3, -3 // 0.28 rad apart through π
	a[1], b[1] = math.Pi, -math.Pi
	a[2], b[2] = 9.5, -1 // 10.5 − 4π = −2.07
	want := 0.0
	for i := range a {
		want += math.Abs(cmplx.Phase(cmplx.Rect(1, a[i]-b[i]))) / 40
	}
	g := graph.NewBuilder(graph.Float64)
	x := g.Input("x", graph.Float64, 40)
	loss := physics.PhaseMAE(x, g.Const(b, 40))
	got := evaluate(t, map[string]*eval.Array{"x": array(a, 40)}, loss, graph.Gradient(loss, []*graph.Node{x})[0])
	require.InDelta(t, want, got[0][0], rounding)
	require.InDelta(t, -1./40, got[1][0], rounding, "3 rad rises through π towards −3 rad")
}

// TestObjectMAE compares with the modulus; its derivative is 0 where both
// agree, and not infinite.
func TestObjectMAE(t *testing.T) {
	values := random(52, 80, -1, 1)
	re, im, truthRe, truthIm := values[:20], values[20:40], values[40:60], values[60:]
	re[7], im[7] = truthRe[7], truthIm[7]
	want := 0.0
	for i := range re {
		want += math.Hypot(re[i]-truthRe[i], im[i]-truthIm[i]) / 20
	}
	b := graph.NewBuilder(graph.Float64)
	x := physics.Complex{Re: b.Input("re", graph.Float64, 1, 4, 5), Im: b.Const(im, 1, 4, 5)}
	loss := physics.ObjectMAE(x, physics.Complex{Re: b.Const(truthRe, 1, 4, 5), Im: b.Const(truthIm, 1, 4, 5)})
	got := evaluate(t, map[string]*eval.Array{"re": array(re, 1, 4, 5)}, loss, graph.Gradient(loss, []*graph.Node{x.Re})[0])
	require.InDelta(t, want, got[0][0], 1e-6, "ModulusEpsilon adds up to 1e-6")
	require.Zero(t, got[1][7])
	require.InDelta(t, (re[3]-truthRe[3])/math.Hypot(re[3]-truthRe[3], im[3]-truthIm[3])/20, got[1][3], 1e-9)
}

// TestRealspaceGradients compares with central differences.
func TestRealspaceGradients(t *testing.T) {
	const n, step = 4, 1e-6
	truth := random(53, n*n, -1, 1)
	for name, make := range map[string]func(x physics.Complex, truth *graph.Node) *graph.Node{
		"total variation": func(x physics.Complex, _ *graph.Node) *graph.Node { return physics.TotalVariation(x) },
		"object": func(x physics.Complex, truth *graph.Node) *graph.Node {
			return physics.ObjectMAE(x, physics.Complex{Re: truth, Im: graph.Neg(truth)})
		},
		"MAE":   func(x physics.Complex, truth *graph.Node) *graph.Node { return physics.MAE(x.Re, truth) },
		"phase": func(x physics.Complex, truth *graph.Node) *graph.Node { return physics.PhaseMAE(x.Re, truth) },
	} {
		t.Run(name, func(t *testing.T) {
			b := graph.NewBuilder(graph.Float64)
			x := b.Input("x", graph.Float64, 1, n, n)
			loss := make(physics.Complex{Re: x, Im: graph.Mul(x, x)}, b.Const(truth, 1, n, n))
			gradient := graph.Gradient(loss, []*graph.Node{x})[0]
			at := random(54, n*n, -1, 1)
			want := evaluate(t, map[string]*eval.Array{"x": array(at, 1, n, n)}, gradient)[0]
			for p := range at {
				difference := 0.0
				for _, side := range []float64{1, -1} {
					moved := append([]float64(nil), at...)
					moved[p] += side * step
					difference += side * evaluate(t, map[string]*eval.Array{"x": array(moved, 1, n, n)}, loss)[0][0]
				}
				require.InDelta(t, difference/(2*step), want[p], 1e-8, "pixel %d", p)
			}
		})
	}
}

// TestBright: three of four pixels lie above 5; one is exactly 5.
func TestBright(t *testing.T) {
	b := graph.NewBuilder(graph.Float32)
	require.Equal(t, 0.75, evaluate(t, nil, physics.Bright(b.Const([]float64{6, 5, 5.5, 1e6}, 1, 2, 2), 5))[0][0])
}
