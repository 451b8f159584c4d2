package dataset

import (
	"fmt"
	"math"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// What the patterns of a file hold.
const (
	KindAuto      = "auto"      // counts where all are whole numbers, else amplitudes
	KindAmplitude = "amplitude" // √counts
	KindIntensity = "intensity" // counts
)

// evidence is what the numbers say about their kind.
type evidence struct {
	// whole: every value is a whole number, and that is no accident, or the
	// dtype is an integer's.
	whole bool
	// squares: every square is a whole number, and that is no accident.
	squares bool
	largest float64
}

const (
	// wholeTolerance is how far the square of an amplitude may be from a whole
	// number, apart from rounding.
	wholeTolerance = 1e-3
	// enoughBits: the squares are taken for counts where chance would do as
	// well once in 2²⁰ files.
	enoughBits = 20
)

// look gathers evidence from values as they were read from m.
//
// A stored amplitude a = √c·(1 + δ), |δ| ≤ ε, has the square c + 2δc, so a
// square may be wholeTolerance + 2εc from a whole number: ε = 2⁻²⁴ for float32,
// to which float64 was rounded too, and 2⁻¹¹ for half precision. The wider the
// tolerance the less it says: random numbers meet it with probability 2·tol.
// Pixels with tol > 1/4 (c > 2·10⁶ in float32) therefore have no say, nor have
// those whose square rounds to 0, and the others are worth −log₂(2·tol) bits.
// A whole value v is worth −log₂(ε·v) − 1 bits likewise: from 1/(2ε) on, every
// number that the type holds is whole.
func look(values []float32, m npz.Member) evidence {
	rounding := 0x1p-24
	if m.ItemSize() == 2 {
		rounding = 0x1p-11
	}
	e := evidence{whole: true, squares: true}
	bits, wholeBits := 0.0, 0.0
	for _, v := range values {
		a := float64(v)
		e.largest = max(e.largest, a)
		e.whole = e.whole && a == math.Trunc(a)
		if e.whole && a > 0 && wholeBits < enoughBits {
			wholeBits += max(0, -math.Log2(rounding*a)-1)
		}
		if !e.squares || a == 0 {
			continue
		}
		c := a * a
		tolerance := wholeTolerance + 2*rounding*c
		if tolerance > 0.25 {
			continue
		}
		nearest := math.Round(c)
		if math.Abs(c-nearest) > tolerance {
			e.squares = false
		} else if nearest > 0 && bits < enoughBits {
			bits -= math.Log2(2 * tolerance)
		}
	}
	e.whole = e.whole && wholeBits >= enoughBits || m.Integer()
	e.squares = e.squares && bits >= enoughBits
	return e
}

// verdict is what the patterns are taken for.
type verdict struct {
	intensity bool
	counts    bool
	warning   string
}

// judge weighs the declared kind against the evidence.
func judge(kind string, e evidence) (verdict, error) {
	// 0 and 1 are their own squares: such numbers contradict nothing.
	counts := e.whole && e.largest > 1
	switch {
	case kind == KindAmplitude && counts:
		return verdict{}, fmt.Errorf("found whole numbers throughout (largest %g), as photon counts are; expected amplitudes, their square roots: set data.kind to %s or %s", e.largest, KindIntensity, KindAuto)
	case kind == KindIntensity && e.squares && !e.whole:
		return verdict{}, fmt.Errorf("found numbers whose squares are whole, as amplitudes have; expected photon counts: set data.kind to %s or %s", KindAmplitude, KindAuto)
	case kind == KindIntensity && !e.whole:
		return verdict{intensity: true, warning: "found intensities that are no whole numbers: taken as declared, but these are no photon counts"}, nil
	case kind == KindIntensity, kind != KindAmplitude && e.whole:
		return verdict{intensity: true, counts: true}, nil
	case e.squares, e.whole:
		return verdict{counts: true}, nil
	}
	return verdict{warning: "found neither whole numbers nor numbers whose squares are whole: taken as amplitudes, but not of photon counts"}, nil
}

// squareRoots turns counts into amplitudes.
func squareRoots(values []float32) {
	for i, v := range values {
		values[i] = float32(math.Sqrt(float64(v)))
	}
}
