package dataset

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// survey is what a pass over patterns finds, be they amplitudes or counts.
type survey struct {
	patterns  int
	fault     error // the first value that is not finite or below 0
	dark      int   // patterns that are zero throughout
	firstDark int   // the first of them, where there are any
	evidence
}

// evidence is what the numbers say about their kind.
type evidence struct {
	// whole: every value is a whole number, and bits speak against an accident.
	whole     bool
	wholeBits float64
	// squares: every square is a whole number, likewise.
	squares    bool
	squareBits float64
	largest    float64
}

const (
	// wholeTolerance is how far the square of an amplitude may be from a whole
	// number, apart from rounding.
	wholeTolerance = 1e-3
	// enoughBits: the squares are taken for counts where chance would do as
	// well once in 2²⁰ files.
	enoughBits = 20
)

// rounding is the relative error ε of the numbers of m, as float32; 0 for
// integers, of which no evidence is needed.
func rounding(m npz.Member) float64 {
	switch {
	case m.Integer():
		return 0
	case m.ItemSize() == 2:
		return 0x1p-11
	}
	return 0x1p-24
}

// surveyed looks at patterns [n, side, side], of which the first has that number,
// on all processors. With ε = 0 no evidence is gathered.
func surveyed(values []float32, side, first int, epsilon float64) survey {
	size := side * side
	found := make([]survey, len(values)/size)
	inParallel(len(found), func(k int) {
		found[k] = one(values[k*size:(k+1)*size], side, first+k, epsilon)
	})
	all := newSurvey()
	for _, s := range found {
		all.add(s)
	}
	return all
}

// newSurvey is that of no patterns.
func newSurvey() survey { return survey{evidence: evidence{whole: true, squares: true}} }

// one is the survey of the pattern of that number.
func one(values []float32, side, number int, epsilon float64) survey {
	s := survey{patterns: 1, firstDark: number}
	// Numbers from 0 on are ordered as their bits are, and below all others.
	bits := uint32(0)
	for _, v := range values {
		bits = max(bits, math.Float32bits(v))
	}
	largest := math.Float32frombits(bits)
	if bits > math.Float32bits(math.MaxFloat32) {
		if s.fault = fault(values, side, number); s.fault != nil {
			return s
		}
		largest = slices.Max(values) // the only other number from 0 on is −0
	}
	if largest == 0 {
		s.dark = 1
	}
	if epsilon > 0 {
		s.evidence = look(values, epsilon)
	}
	s.largest = float64(largest)
	return s
}

// fault is about the first value that is not finite or below 0.
func fault(values []float32, side, number int) error {
	for p, v := range values {
		if !(v >= 0 && v <= math.MaxFloat32) {
			return fmt.Errorf("pattern %d, row %d, column %d: found %g; expected finite numbers, at least 0", number, p/side, p%side, v)
		}
	}
	return nil
}

// look gathers evidence from values that are stored with the relative error ε.
//
// A stored amplitude a = √c·(1 + δ), |δ| ≤ ε, has the square c + 2δc, so a
// square may be wholeTolerance + 2εc from a whole number: ε = 2⁻²⁴ for float32,
// to which float64 was rounded too, and 2⁻¹¹ for half precision. The wider the
// tolerance the less it says: random numbers meet it with probability 2·tol.
// Pixels with tol > 1/4 (c > 2·10⁶ in float32) therefore have no say, nor have
// those whose square rounds to 0, and the others are worth −log₂(2·tol) bits.
// A whole value v is worth −log₂(ε·v) − 1 bits likewise: from 1/(2ε) on, every
// number that the type holds is whole.
func look(values []float32, epsilon float64) evidence {
	whole, squares, wholeBits, squareBits := true, true, 0.0, 0.0
	for _, v := range values {
		if v == 0 {
			continue
		}
		a := float64(v)
		if whole {
			whole = a == math.Trunc(a)
			if whole && wholeBits < enoughBits {
				wholeBits += max(0, -math.Log2(epsilon*a)-1)
			}
		}
		if !squares {
			if !whole {
				break
			}
			continue
		}
		c := a * a
		nearest := math.RoundToEven(c) // a half is too far from either side
		off := math.Abs(c - nearest)
		if off <= wholeTolerance && squareBits >= enoughBits {
			continue // most values
		}
		tolerance := wholeTolerance + 2*epsilon*c
		if tolerance > 0.25 {
			continue
		}
		if off > tolerance {
			squares = false
		} else if nearest > 0 && squareBits < enoughBits {
			squareBits -= math.Log2(2 * tolerance)
		}
	}
	return evidence{whole: whole, wholeBits: wholeBits, squares: squares, squareBits: squareBits}
}

// add goes on with what was found in the patterns behind these.
func (s *survey) add(next survey) {
	if s.fault == nil {
		s.fault = next.fault
	}
	if s.dark == 0 {
		s.firstDark = next.firstDark
	}
	s.patterns += next.patterns
	s.dark += next.dark
	s.whole, s.wholeBits = s.whole && next.whole, s.wholeBits+next.wholeBits
	s.squares, s.squareBits = s.squares && next.squares, s.squareBits+next.squareBits
	s.largest = max(s.largest, next.largest)
}

// err is what is wrong with the patterns.
func (s *survey) err() error {
	switch {
	case s.fault != nil:
		return s.fault
	case s.dark == 0:
		return nil
	case s.dark == s.patterns:
		return fmt.Errorf("found zeros throughout; expected light in each of the %d patterns", s.patterns)
	}
	return fmt.Errorf("pattern %d: found zeros throughout (%d such patterns of %d); expected light in each: remove them from the file", s.firstDark, s.dark, s.patterns)
}

// settled leaves what is no accident, or the dtype is an integer's.
func (e evidence) settled(m npz.Member) evidence {
	e.whole = e.whole && e.wholeBits >= enoughBits || m.Integer()
	e.squares = e.squares && e.squareBits >= enoughBits
	return e
}

// checkPatterns looks at patterns [n, N, N] whose kind is known.
func checkPatterns(values []float32, side int) error {
	s := surveyed(values, side, 0, 0)
	return s.err()
}

// squareRoots turns counts into amplitudes.
func squareRoots(values []float32) {
	parts := slices.Collect(slices.Chunk(values, 1<<14))
	inParallel(len(parts), func(k int) {
		for i, v := range parts[k] {
			parts[k][i] = float32(math.Sqrt(float64(v)))
		}
	})
}

// inParallel calls do for 0 … n−1 on all processors, in no order.
func inParallel(n int, do func(k int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for k := int(next.Add(1)) - 1; k < n; k = int(next.Add(1)) - 1 {
				do(k)
			}
		})
	}
	workers.Wait()
}
