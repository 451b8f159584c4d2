package graph

import (
	"fmt"
	"slices"
	"strings"
)

// DType is the element type of a value. Complex numbers are pairs of real
// values; there is no complex type.
type DType uint8

// The element types. Int32 is for indices only. BFloat16 has the range of
// Float32 and 8 bits of precision (a relative rounding of 2⁻⁹); it is for
// values within a program, see Mixed: no input, output or state is of it.
const (
	Float32 DType = iota
	Float64
	Int32
	BFloat16
)

// String gives the name as numpy writes it.
func (t DType) String() string {
	switch t {
	case Float32:
		return "float32"
	case Float64:
		return "float64"
	case Int32:
		return "int32"
	case BFloat16:
		return "bfloat16"
	}
	return fmt.Sprintf("DType(%d)", uint8(t))
}

// Size is the number of bytes of one element.
func (t DType) Size() int {
	switch t {
	case Float64:
		return 8
	case BFloat16:
		return 2
	}
	return 4
}

// IsFloat says whether values of the type can carry a gradient.
func (t DType) IsFloat() bool { return t == Float32 || t == Float64 || t == BFloat16 }

// Shape holds the extents of a value, outermost first (row-major). An empty
// shape is a scalar.
type Shape []int

// Size is the number of elements: the product of the extents, 1 for a scalar.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal says whether both shapes have the same rank and extents; an extent of 1
// is not a scalar.
func (s Shape) Equal(o Shape) bool { return slices.Equal(s, o) }

// String gives the shape in the form [16,64,64,1].
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = fmt.Sprint(d)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// broadcast gives the shape of an elementwise operation on a and b: one of
// them is a scalar, or both have the same rank and each pair of extents is
// equal or contains a 1.
func broadcast(a, b Shape) (Shape, error) {
	if len(a) == 0 {
		return b, nil
	}
	if len(b) == 0 {
		return a, nil
	}
	if len(a) != len(b) {
		return nil, fmt.Errorf("shapes %v and %v differ in rank", a, b)
	}
	out := make(Shape, len(a))
	for i := range a {
		switch {
		case a[i] == b[i], b[i] == 1:
			out[i] = a[i]
		case a[i] == 1:
			out[i] = b[i]
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast at axis %d", a, b, i)
		}
	}
	return out, nil
}
