package workflow

import (
	"fmt"
	"math"
	"math/cmplx"
)

// What object patches of a network that has collapsed look like: this kind of
// training can fall into a state in which the phase is the same everywhere
// (often saturated at ±π) or the amplitude is, and does not leave it.
const (
	flatPhase     = 0.01 // radians: circular standard deviation below it is a collapse; trained objects have some 0.1 and more
	flatAmplitude = 1e-3 // likewise of the amplitude, relative to its mean; weak objects have some 0.02
)

// Spread says how much object patches vary over the pixels that the beam sees.
type Spread struct {
	Phase     float64 `json:"phase"`     // circular standard deviation √(−2 ln R) in radians
	Amplitude float64 `json:"amplitude"` // standard deviation over mean
}

// spreading gathers the spread of patches [·, n, n] in their central n/2
// square, each patch without its own mean phase, which the measurement leaves
// free.
type spreading struct {
	n            int
	directions   float64
	sum, squares float64
	count        int
}

func newSpread(n int) *spreading { return &spreading{n: n} }

func (s *spreading) add(patches []complex64) {
	n := s.n
	for at := 0; at < len(patches); at += n * n {
		var mean complex128
		for i := n / 4; i < n-n/4; i++ {
			for j := n / 4; j < n-n/4; j++ {
				z := complex128(patches[at+i*n+j])
				a := cmplx.Abs(z)
				mean += z
				s.sum += a
				s.squares += a * a
				s.count++
			}
		}
		s.directions += cmplx.Abs(mean)
	}
}

func (s *spreading) value() Spread {
	if s.count == 0 || s.sum == 0 {
		return Spread{}
	}
	average := s.sum / float64(s.count)
	resultant := min(1, s.directions/s.sum)
	return Spread{
		Phase:     math.Sqrt(-2 * math.Log(max(resultant, math.SmallestNonzeroFloat64))),
		Amplitude: math.Sqrt(max(0, s.squares/float64(s.count)-average*average)) / average,
	}
}

// Collapsed says what is wrong with patches of that spread and what to do; it
// is empty where they vary as an object's do.
func (s Spread) Collapsed() string {
	what := ""
	switch {
	case s.Phase < flatPhase && s.Amplitude < flatAmplitude:
		what = "amplitude and phase are"
	case s.Phase < flatPhase:
		what = "the phase is"
	case s.Amplitude < flatAmplitude:
		what = "the amplitude is"
	default:
		return ""
	}
	return fmt.Sprintf("%s the same all over the object patches: the object is flat, or the training has collapsed. Try another --seed, a longer --warmup-steps or a lower --learning-rate, and check --nphotons", what)
}
