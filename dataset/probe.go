package dataset

import (
	"math"
	"math/cmplx"
)

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

const (
	// airyRadius is the first zero of the lens's focus, as a share of N.
	airyRadius = 0.08
	// lensDefocus is the phase in rad at the rim of the lens against its
	// middle; it widens the focus to about the default probe's disc.
	lensDefocus = 6.5
	// lensStretch narrows the probe along a column, so that x and y can be told
	// apart.
	lensStretch = 1.15
	// firstZero is that of J₁.
	firstZero = 3.8317059702075125
	lensRings = 64 // of the integral over the lens
)

// TailsProbe is a probe [N, N] as they are measured: the defocused focus of a
// round lens,
//
//	P = ∫₀¹ J₀(v·ρ)·e^{6.5i·ρ²}·ρ dρ,  v = 3.83·√(x² + (1.15·y)²)/(0.08·N)
//
// with bright and dark rings and tails that end only with the window: the
// amplitude at the edges is some 5 to 10 % of the largest, and a tenth of the
// light falls outside of the central N/2 square.
func TailsProbe(n int) []complex64 {
	var rings [lensRings]complex128
	for i := range rings {
		rho := (float64(i) + 0.5) / lensRings
		rings[i] = cmplx.Rect(rho, lensDefocus*rho*rho)
	}
	probe := make([]complex64, n*n)
	for p := range probe {
		x, y := fromCentre(p, n)
		v := firstZero * math.Hypot(x, lensStretch*y) / (airyRadius * float64(n))
		sum := complex128(0)
		for i, ring := range rings {
			sum += ring * complex(math.J0(v*(float64(i)+0.5)/lensRings), 0)
		}
		probe[p] = complex64(sum / lensRings)
	}
	return probe
}

// fromCentre gives column and row of pixel p, counted from (N/2, N/2).
func fromCentre(p, n int) (x, y float64) {
	return float64(p%n - n/2), float64(p/n - n/2)
}
