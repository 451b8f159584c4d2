package dataset

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// minSide is the smallest side of a pattern: an eighth of the smallest network.
const minSide = 8

func checkSide(n int) error {
	if n < minSide || n%2 != 0 {
		return fmt.Errorf("found patterns of %d×%d pixels; expected an even side of at least %d", n, n, minSide)
	}
	return nil
}

func checkPositions(values []float64) error {
	for i, v := range values {
		if !finite(v) {
			return fmt.Errorf("element %d: found %g; expected finite positions in object pixels", i, v)
		}
	}
	return nil
}

// doubtUnits says what speaks against positions being in object pixels: a scan
// that covers no pixel, or whose patterns cannot overlap. It is empty where
// nothing does.
func doubtUnits(x, y []float64, n int) string {
	if len(x) < 2 {
		return ""
	}
	width, height := slices.Max(x)-slices.Min(x), slices.Max(y)-slices.Min(y)
	const advice = "positions count object pixels; set data.coord_scale to pixels per unit if these do not"
	if max(width, height) < 1 {
		return fmt.Sprintf("the positions span %g × %g pixels: %s", width, height, advice)
	}
	// n positions on width × height lie about √(area/n) apart.
	apart := math.Sqrt(max(width, 1) * max(height, 1) / float64(len(x)))
	if apart >= float64(n) {
		return fmt.Sprintf("neighbouring positions lie some %.3g pixels apart, and patterns have %d: %s", apart, n, advice)
	}
	return ""
}

func checkFinite(values []complex64) error {
	for i, v := range values {
		if !finite(float64(real(v))) || !finite(float64(imag(v))) {
			return fmt.Errorf("element %d: found %g; expected finite numbers", i, v)
		}
	}
	return nil
}

// checkModes: more modes than N/2 are a stack of something else.
func checkModes(modes, side int) error {
	if modes < 1 || modes > side/2 {
		return fmt.Errorf("found %d probe modes; expected 1 to N/2 = %d", modes, side/2)
	}
	return nil
}

// checkProbe makes sure that NormalizedProbe has something to divide by.
func checkProbe(probe []complex64, side int) error {
	if err := checkModes(len(probe)/(side*side), side); err != nil {
		return err
	}
	if err := checkFinite(probe); err != nil {
		return err
	}
	all := true
	for _, v := range probe {
		all = all && v == 0
	}
	switch {
	case all:
		return errors.New("found zeros throughout; expected a probe with light")
	case meanInCircle(probe, side) == 0:
		return fmt.Errorf("found zeros within %d pixels of the centre; expected a probe in the middle of its array", side/4)
	}
	return nil
}
