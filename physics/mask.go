package physics

import (
	"math"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Mask cuts images [B, N, N] to the disc M in the middle,
//
//	M = 1 where √((i − (N−1)/2)² + (j − (N−1)/2)²) < N/4, else 0.
func Mask(exit Complex) Complex {
	n := exit.Re.Shape[1]
	disc := exit.Re.Builder().Const(Disc(n), 1, n, n)
	return exit.both(func(x *graph.Node) *graph.Node { return graph.Mul(x, disc) })
}

// Disc is the M of Mask for images [N, N], row by row: 1 in the disc, 0
// elsewhere. Where N is no multiple of 4, N/4 is rounded down.
func Disc(n int) []float64 {
	out := make([]float64, n*n)
	centre, radius := float64(n-1)/2, float64(n/4)
	for p := range out {
		if math.Hypot(float64(p/n)-centre, float64(p%n)-centre) < radius {
			out[p] = 1
		}
	}
	return out
}
