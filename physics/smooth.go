package physics

import (
	"math"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Smooth convolves both parts of exit waves [B, N, N] with a 3×3 Gaussian,
//
//	w(d) = exp(−d²/2σ²) / Σ w,  d² = 0, 1 or 2 the squared distance in pixels.
//
// Outside the image lie zeros, so that a wave that reaches the border loses
// some light there. σ is in pixels and above 0.
func Smooth(exit Complex, sigma float64) Complex {
	s := exit.Re.Shape
	kernel := exit.Re.Builder().Const(gaussian3(sigma), 3, 3, 1, 1)
	return exit.both(func(x *graph.Node) *graph.Node {
		return graph.Reshape(graph.Conv(graph.Reshape(x, s[0], s[1], s[2], 1), kernel), s...)
	})
}

// gaussian3 holds the nine weights, row by row.
func gaussian3(sigma float64) []float64 {
	out := make([]float64, 9)
	sum := 0.0
	for i := range out {
		row, col := float64(i/3-1), float64(i%3-1)
		out[i] = math.Exp(-(row*row + col*col) / (2 * sigma * sigma))
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
