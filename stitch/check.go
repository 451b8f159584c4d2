package stitch

import (
	"errors"
	"fmt"
	"math"
)

// maxPosition bounds the positions, so that pixel numbers stay exact in
// float64 and fit an int.
const maxPosition = 1e9

// maxSide bounds the side of a patch, so that N² fits an int.
const maxSide = 1 << 14

func check(n int, x, y []float64, o Options) error {
	switch {
	case n < 1 || n > maxSide:
		return fmt.Errorf("patch side N is %d; expected 1 … %d", n, maxSide)
	case len(x) == 0:
		return errors.New("there are no positions; expected at least one patch")
	case len(y) != len(x):
		return fmt.Errorf("there are %d x and %d y positions; expected as many of one as of the other", len(x), len(y))
	case o.M < 1 || o.M > n:
		return fmt.Errorf("M is %d; expected 1 … %d, the side of a patch", o.M, n)
	}
	for k := range x {
		// Written so that NaN fails too.
		if !(math.Abs(x[k]) <= maxPosition && math.Abs(y[k]) <= maxPosition) {
			return fmt.Errorf("position %d is (x %g, y %g); expected object pixels within ±%g", k, x[k], y[k], maxPosition)
		}
	}
	if o.Weight == nil {
		return nil
	}
	return checkWeight(o.Weight, n, o)
}

func checkWeight(weight []float32, n int, o Options) error {
	if len(weight) != n*n {
		return fmt.Errorf("there are %d weights; expected %d×%d", len(weight), n, n)
	}
	for p, w := range weight {
		if !(w >= 0 && w <= math.MaxFloat32) {
			return fmt.Errorf("weight at row %d, column %d is %g; expected finite and at least 0", p/n, p%n, w)
		}
	}
	for _, p := range centralPixels(n, o) {
		if weight[p] > 0 {
			return nil
		}
	}
	return fmt.Errorf("all weights in the central %d×%d pixels are 0; expected some above 0, or a larger M", o.M, o.M)
}
