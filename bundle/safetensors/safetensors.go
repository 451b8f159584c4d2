// Package safetensors writes and reads named arrays in the safetensors format:
// eight bytes with the header's length, little-endian; the header, a JSON
// object that gives type, shape and place of every array; the raw elements,
// little-endian and row-major. Reading is strict: a file whose header and data
// do not account for each other to the byte is refused, and nothing is
// allocated that the file does not hold.
package safetensors

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// DType is the type of an array's elements.
type DType string

// The types that are written and read.
const (
	F32 DType = "F32"
	F64 DType = "F64"
)

// size is the number of bytes of one element.
func (d DType) size() int {
	if d == F64 {
		return 8
	}
	return 4
}

// ErrFormat is matched by every error of Decode.
var ErrFormat = errors.New("not a valid safetensors file")

// metadataName is the header's entry that is no array.
const metadataName = "__metadata__"

// largestHeader is the most that a header may have, in bytes.
const largestHeader = 4 << 20

// Tensor is a named array. Exactly one of F32 and F64 holds its elements,
// row-major; a scalar has an empty shape and one element.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
}

// DType is the type of the elements.
func (t Tensor) DType() DType {
	if t.F64 != nil {
		return F64
	}
	return F32
}

// Len is the number of elements.
func (t Tensor) Len() int { return len(t.F32) + len(t.F64) }

// elements is the product of a shape. It fails on negative sides and where the
// product is above most.
func elements(shape []int, most int) (int, error) {
	n := 1
	for _, side := range shape {
		if side < 0 {
			return 0, fmt.Errorf("shape %v has a negative side", shape)
		}
		if side > 0 && n > most/side {
			return 0, fmt.Errorf("shape %v has more than %d elements", shape, most)
		}
		n *= side
	}
	return n, nil
}

func (t Tensor) check() error {
	if t.Name == "" || t.Name == metadataName {
		return fmt.Errorf("an array cannot have the name %q", t.Name)
	}
	if t.F32 != nil && t.F64 != nil {
		return errors.New("both F32 and F64 are given")
	}
	n, err := elements(t.Shape, math.MaxInt)
	if err != nil {
		return err
	}
	if n != t.Len() {
		return fmt.Errorf("shape %v has %d elements, but %d are given", t.Shape, n, t.Len())
	}
	return nil
}

// ordered is the order of arrays in a file: the wider type first, so that
// every element is aligned, then by name.
func ordered(tensors []Tensor) []Tensor {
	return slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int {
		if d := b.DType().size() - a.DType().size(); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
}
