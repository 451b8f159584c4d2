package dataset

import "math/cmplx"

const (
	// probeRadius is that of the default probe, as a share of N.
	probeRadius = 0.17
	// defocus is the phase at the edge of the default probe's disc, in rad,
	// along a row; along a column it is 1.3 times as much, so that x and y
	// can be told apart.
	defocus     = 0.5
	astigmatism = 1.3
)

// DefaultProbe is the probe [N, N] of simulations: a disc of radius R = 0.17·N
// around (N/2, N/2), blurred with σ = 1 pixel, with the phase
// 0.5·(x² + 1.3·y²)/R² of a mild defocus.
func DefaultProbe(n int) []complex64 {
	radius := probeRadius * float64(n)
	disc := make([]float64, n*n)
	for p := range disc {
		if x, y := fromCentre(p, n); x*x+y*y < radius*radius {
			disc[p] = 1
		}
	}
	disc = blur(disc, n, n, 1)
	probe := make([]complex64, n*n)
	for p, a := range disc {
		x, y := fromCentre(p, n)
		probe[p] = complex64(cmplx.Rect(a, defocus*(x*x+astigmatism*y*y)/(radius*radius)))
	}
	return probe
}

// fromCentre gives column and row of pixel p, counted from (N/2, N/2).
func fromCentre(p, n int) (x, y float64) {
	return float64(p%n - n/2), float64(p/n - n/2)
}
