package dataset

import "math"

// MeanPhotons is the mean over the patterns of Σ d², for amplitudes d
// [patterns, n, n] of side n: the photons of a pattern where the amplitudes are
// √counts, and the value of nphotons for such data. Squares and sums are in
// float64. Of no patterns it is no number.
func MeanPhotons(amplitude []float32, n int) float64 {
	sum := 0.0
	for _, d := range amplitude {
		sum += float64(d) * float64(d)
	}
	return sum / (float64(len(amplitude)) / float64(n*n))
}

// NormalizationFactor is what amplitudes [patterns, N, N] of side n = N are
// multiplied by to become the network's, so that a mean pattern has Σ d² = (N/2)²:
//
//	√( (N/2)² / mean over patterns of Σ d² )
//
// It is infinite where all amplitudes are 0, which Load refuses.
func NormalizationFactor(amplitude []float32, n int) float64 {
	half := float64(n) / 2
	return math.Sqrt(half * half / MeanPhotons(amplitude, n))
}

// IntensityScale is s = √nphotons / (N/2): s times a normalised amplitude is
// the amplitude of a pattern of nphotons photons.
func IntensityScale(nphotons float64, n int) float64 {
	return math.Sqrt(nphotons) / (float64(n) / 2)
}

// NormalizedProbe is the probe [P, N, N] as the model uses it:
//
//	P_p / ( probeScale · mean over all N² pixels of |M·P| ),  |P| = √Σ_p |P_p|²
//
// M is 1 where √((i − (N−1)/2)² + (j − (N−1)/2)²) < N/4, and 0 elsewhere. The
// probe must not be zero within M, which Load makes sure of.
func NormalizedProbe(probe []complex64, n int, probeScale float64) []complex64 {
	divisor := complex(probeScale*meanInCircle(probe, n), 0)
	out := make([]complex64, len(probe))
	for p, v := range probe {
		out[p] = complex64(complex128(v) / divisor)
	}
	return out
}

// meanInCircle is the mean over all n² pixels of |M·P|, P being [P, n, n].
func meanInCircle(probe []complex64, n int) float64 {
	centre, radius := float64(n-1)/2, float64(n/4)
	sum := 0.0
	for p := range n * n {
		if math.Hypot(float64(p/n)-centre, float64(p%n)-centre) < radius {
			modulus := 0.0
			for mode := p; mode < len(probe); mode += n * n {
				modulus = math.Hypot(modulus, math.Hypot(float64(real(probe[mode])), float64(imag(probe[mode]))))
			}
			sum += modulus
		}
	}
	return sum / float64(n*n)
}
