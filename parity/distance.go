package parity

import (
	"math"
	"math/bits"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// Distance is how far a lies from b, element by element.
type Distance struct {
	Absolute float64 `json:"absolute"` // max|a−b|
	Relative float64 `json:"relative"` // max|a−b| / max|b|; what budgets limit
	L2       float64 `json:"l2"`       // ‖a−b‖ / ‖b‖
	// ULP is the largest number of representable values of the tensor's type
	// between two elements. Near 0 it is large where the difference is nothing.
	ULP uint64 `json:"ulp"`
	// Equal is the share of elements with the same bits.
	Equal float64 `json:"equal"`
	// Finite is false where an element of either is no number; the figures
	// are then the largest there are.
	Finite bool `json:"finite"`
}

// Between measures two tensors of one shape, in the type of a: where b is
// float64 and a float32, b is rounded for ULP and Equal.
func Between(a, b bridge.Tensor) Distance {
	x, y := a.Float64(), b.Float64()
	if len(x) != len(y) || !a.Shape.Equal(b.Shape) {
		return endless()
	}
	_, single := a.Data.([]float32)
	var d Distance
	var largest, difference, norm float64
	equal := 0
	for i := range x {
		apart := math.Abs(x[i] - y[i])
		if math.IsNaN(apart) || math.IsInf(apart, 0) {
			return endless()
		}
		d.Absolute, largest = max(d.Absolute, apart), max(largest, math.Abs(y[i]))
		difference += apart * apart
		norm += y[i] * y[i]
		ulp := apart64(x[i], y[i])
		if single {
			ulp = apart32(float32(x[i]), float32(y[i]))
		}
		d.ULP = max(d.ULP, ulp)
		if ulp == 0 {
			equal++
		}
	}
	if one, two, ok := integers(a, b); ok {
		equal = alike(one, two)
		if d.Absolute == 0 && equal < len(x) { // beyond 2⁵³
			d.Absolute = 1
		}
	}
	d.Finite, d.Equal = true, 1
	if len(x) > 0 {
		d.Equal = float64(equal) / float64(len(x))
	}
	d.Relative, d.L2 = ratio(d.Absolute, largest), ratio(math.Sqrt(difference), math.Sqrt(norm))
	return d
}

// integers gives the elements of two int64 tensors.
func integers(a, b bridge.Tensor) (one, two []int64, ok bool) {
	one, ok = a.Data.([]int64)
	two, also := b.Data.([]int64)
	return one, two, ok && also
}

// alike counts the elements that are equal.
func alike(a, b []int64) int {
	n := 0
	for i := range a {
		if a[i] == b[i] {
			n++
		}
	}
	return n
}

// endless is the distance of what cannot be compared.
func endless() Distance {
	return Distance{Absolute: math.MaxFloat64, Relative: math.MaxFloat64, L2: math.MaxFloat64, ULP: math.MaxUint64}
}

// ratio is a/b, 0 where both are.
func ratio(a, b float64) float64 {
	switch {
	case a == 0:
		return 0
	case b == 0:
		return math.MaxFloat64
	}
	return a / b
}

// apart32 and apart64 count the representable values from a to b; 0 and −0
// are the same.
func apart32(a, b float32) uint64 {
	return between(line(uint64(math.Float32bits(a)), 31), line(uint64(math.Float32bits(b)), 31))
}

func apart64(a, b float64) uint64 {
	return between(line(math.Float64bits(a), 63), line(math.Float64bits(b), 63))
}

// line puts floating-point numbers, sign bit at place sign, on a line of whole
// numbers in their order.
func line(pattern uint64, sign int) int64 {
	magnitude := int64(pattern &^ (1 << sign))
	if pattern>>sign == 1 {
		return -magnitude
	}
	return magnitude
}

func between(a, b int64) uint64 {
	if a < b {
		a, b = b, a
	}
	d, _ := bits.Sub64(uint64(a), uint64(b), 0)
	return d
}
