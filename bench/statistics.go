package bench

import (
	"math"
	"slices"
)

// Spread describes repeated measurements.
type Spread struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"` // lower quartile
	Q3     float64 `json:"q3"` // upper quartile
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// NewSpread gives the quartiles of values, interpolated linearly between the
// sorted ones: the share p lies at place p·(n − 1), counted from 0. values are
// not changed; of none everything is 0.
func NewSpread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(values))
	return Spread{Median: quantile(s, 0.5), Q1: quantile(s, 0.25), Q3: quantile(s, 0.75), Min: s[0], Max: s[len(s)-1]}
}

func quantile(sorted []float64, p float64) float64 {
	place := p * float64(len(sorted)-1)
	low := int(math.Floor(place))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (place-float64(low))*(sorted[high]-sorted[low])
}

// Ratios divides round by round: what slows the machine for a while slows both
// of a round, and drops out.
func Ratios(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return out
}
