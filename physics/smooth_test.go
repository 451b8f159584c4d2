package physics_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/physics"
)

// TestSmooth compares with the nine weights written out, on images without
// symmetry; outside lie zeros.
func TestSmooth(t *testing.T) {
	const n, sigma = 6, 0.7
	re, im := random(30, 2*n*n, -1, 1), random(31, 2*n*n, -1, 1)
	b := graph.NewBuilder(graph.Float64)
	smooth := physics.Smooth(physics.Complex{Re: b.Const(re, 2, n, n), Im: b.Const(im, 2, n, n)}, sigma)
	got := evaluate(t, nil, smooth.Re, smooth.Im)
	weight := func(d2 int) float64 { return math.Exp(-float64(d2) / (2 * sigma * sigma)) }
	total := 1 + 4*weight(1) + 4*weight(2)
	for part, image := range [][]float64{re, im} {
		for p := range image {
			want := 0.0
			for u := -1; u <= 1; u++ {
				for v := -1; v <= 1; v++ {
					i, j := p/n%n+u, p%n+v
					if i >= 0 && i < n && j >= 0 && j < n {
						want += weight(u*u+v*v) / total * image[p/(n*n)*n*n+i*n+j]
					}
				}
			}
			require.InDelta(t, want, got[part][p], rounding)
		}
	}
}

// TestMask: with N = 8 the disc of radius 2 around (3.5, 3.5) holds the pixels
// at distances √0.5 and √2.5, four and eight of them.
func TestMask(t *testing.T) {
	b := graph.NewBuilder(graph.Float64)
	ones := b.Const(random(32, 64, 1, 1), 1, 8, 8)
	got := evaluate(t, nil, physics.Mask(physics.Complex{Re: ones, Im: ones}).Im)[0]
	want := make([]float64, 64)
	for _, p := range []int{19, 20, 26, 27, 28, 29, 34, 35, 36, 37, 43, 44} {
		want[p] = 1
	}
	require.Equal(t, want, got)
}

// TestModes: the intensity of several modes is the sum of those of each, with
// different objects and modes, and a mode without light adds nothing.
func TestModes(t *testing.T) {
	const batch, modes, n = 2, 3, 8
	size := n * n
	objectRe, objectIm := random(33, batch*size, -1, 1), random(34, batch*size, -1, 1)
	probeRe, probeIm := random(35, modes*size, -1, 1), random(36, modes*size, -1, 1)
	for p := range size {
		probeRe[size+p], probeIm[size+p] = 0, 0
	}
	b := graph.NewBuilder(graph.Float64)
	object := physics.Complex{Re: b.Const(objectRe, batch, n, n), Im: b.Const(objectIm, batch, n, n)}
	mode := func(first, count int) physics.Complex {
		return physics.Complex{
			Re: b.Const(probeRe[first*size:(first+count)*size], count, n, n),
			Im: b.Const(probeIm[first*size:(first+count)*size], count, n, n),
		}
	}
	all := physics.SumModes(physics.Diffract(physics.Illuminate(object, mode(0, modes))), modes)
	first := physics.Diffract(object.Mul(mode(0, 1)))
	third := physics.Diffract(physics.Illuminate(object, mode(2, 1)))
	got := evaluate(t, nil, all, graph.Add(first, third))
	require.Equal(t, graph.Shape{batch, n, n}, all.Shape)
	require.InDeltaSlice(t, got[1], got[0], rounding)
}

// TestOptionAdjoints: see TestAdjoints.
func TestOptionAdjoints(t *testing.T) {
	const modes, n = 3, 8
	for name, apply := range map[string]func(*graph.Builder, physics.Complex) physics.Complex{
		"smooth": func(_ *graph.Builder, x physics.Complex) physics.Complex { return physics.Smooth(x, 0.9) },
		"mask":   func(_ *graph.Builder, x physics.Complex) physics.Complex { return physics.Mask(x) },
		"modes, of the object": func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.Illuminate(x, physics.Complex{Re: b.Const(random(40, modes*n*n, -1, 1), modes, n, n), Im: b.Const(random(41, modes*n*n, -1, 1), modes, n, n)})
		},
		"modes, of the probe": func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.Illuminate(physics.Complex{Re: b.Const(random(42, n*n, -1, 1), 1, n, n), Im: b.Const(random(43, n*n, -1, 1), 1, n, n)}, x)
		},
	} {
		t.Run(name, func(t *testing.T) { requireAdjoint(t, []int{2, n, n}, apply) })
	}
}
