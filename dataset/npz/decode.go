package npz

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

const (
	// portion is the number of elements that are read at a time: their bytes
	// stay in the processor's cache until they are checked and converted.
	portion = 1 << 15
	// chunk is the number of elements that are converted at a time.
	chunk = 4096
)

// converter reads elements of the file's type as T.
type converter[T Element] struct {
	dtype  dtype
	same   bool     // the file's bytes are those of T in memory, but perhaps for their order
	raw    []byte   // a portion of the file, unless same
	values *scratch // unless same
}

func newConverter[T Element](d dtype) *converter[T] {
	c := &converter[T]{dtype: d, same: littleEndian && sameType[T](d)}
	if !c.same {
		c.raw, c.values = make([]byte, portion*d.size), &scratch{}
	}
	return c
}

// sameType says that T is the file's type.
func sameType[T Element](d dtype) bool {
	var zero T
	switch any(zero).(type) {
	case float32:
		return d.kind == 'f' && d.size == 4
	case float64:
		return d.kind == 'f' && d.size == 8
	case complex64:
		return d.kind == 'c' && d.size == 8
	case complex128:
		return d.kind == 'c' && d.size == 16
	case int64:
		return d.kind == 'i' && d.size == 8
	}
	return false
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// memory is the memory of the elements. Every pattern of bits is a value of an
// Element.
func memory[T Element](elements []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(elements))), len(elements)*int(unsafe.Sizeof(zero)))
}

// read fills out, at most a portion, whose first element has that number in the
// file. fill is called once and gives the file's bytes.
func (c *converter[T]) read(out []T, first int, fill func([]byte) error) error {
	bytes := c.raw
	if c.same {
		bytes = memory(out)
	} else {
		bytes = bytes[:len(out)*c.dtype.size]
	}
	if err := fill(bytes); err != nil {
		return fmt.Errorf("elements from %d on: %w", first, err)
	}
	if c.dtype.big {
		swap(bytes, c.dtype)
	}
	for at := 0; at < len(out) && !c.same; at += chunk {
		end := min(at+chunk, len(out))
		if i, err := c.values.convert(any(out[at:end]), bytes[at*c.dtype.size:end*c.dtype.size], c.dtype); err != nil {
			return fmt.Errorf("element %d: %w", first+at+i, err)
		}
	}
	return nil
}

// swap reverses the bytes of every number.
func swap(bytes []byte, d dtype) {
	size := d.size
	if d.kind == 'c' {
		size /= 2
	}
	for at := 0; at < len(bytes); at += size {
		slices.Reverse(bytes[at : at+size])
	}
}

// scratch holds a chunk between the file's type and the caller's.
type scratch struct {
	real    [chunk]float64
	complex [chunk]complex128
}

// convert fills out, a slice of an Element, from little-endian bytes. With an
// error comes the place of the element.
func (s *scratch) convert(out any, bytes []byte, d dtype) (int, error) {
	switch out := out.(type) {
	case []float32:
		if at, ok, err := singles(out, bytes, d); ok {
			return at, err
		}
		values := s.real[:len(out)]
		if at, err := s.reals(values, bytes, d); err != nil {
			return at, err
		}
		return narrow(out, values)
	case []float64:
		return s.reals(out, bytes, d)
	case []complex64:
		values := s.complex[:len(out)]
		s.complexes(values, bytes, d)
		return narrowComplex(out, values)
	case []complex128:
		s.complexes(out, bytes, d)
		return 0, nil
	case []int64:
		if d.kind == 'b' || d.kind == 'i' || d.kind == 'u' {
			return integers(out, bytes, d)
		}
		values := s.real[:len(out)]
		if at, err := s.reals(values, bytes, d); err != nil {
			return at, err
		}
		return whole(out, values)
	}
	panic(fmt.Sprintf("npz: BUG: no conversion to %T", out))
}

// singles decodes the types that patterns mostly have without a detour; ok says
// that it is one of them.
func singles(out []float32, bytes []byte, d dtype) (at int, ok bool, err error) {
	switch {
	case d.kind == 'f' && d.size == 8:
		for i := range out {
			v := math.Float64frombits(binary.LittleEndian.Uint64(bytes[8*i:]))
			f := float32(v)
			out[i] = f
			if f-f != 0 && overflows(v) { // the difference is 0 where f is finite
				return i, true, tooLarge(v)
			}
		}
	case d.kind == 'u' && d.size == 2:
		for i := range out {
			out[i] = float32(binary.LittleEndian.Uint16(bytes[2*i:]))
		}
	case d.kind == 'u' && d.size == 4:
		for i := range out {
			out[i] = float32(binary.LittleEndian.Uint32(bytes[4*i:]))
		}
	case d.kind == 'i' && d.size == 4:
		for i := range out {
			out[i] = float32(int32(binary.LittleEndian.Uint32(bytes[4*i:])))
		}
	default:
		return 0, false, nil
	}
	return 0, true, nil
}

// reals decodes to float64; complex numbers must have no imaginary part.
func (s *scratch) reals(out []float64, bytes []byte, d dtype) (int, error) {
	if d.kind != 'c' {
		decodeReal(out, bytes, d)
		return 0, nil
	}
	values := s.complex[:len(out)]
	s.complexes(values, bytes, d)
	for i, v := range values {
		if imag(v) != 0 {
			return i, fmt.Errorf("found %g; expected a real number", v)
		}
		out[i] = real(v)
	}
	return 0, nil
}

func (s *scratch) complexes(out []complex128, bytes []byte, d dtype) {
	switch {
	case d.kind == 'c' && d.size == 8:
		for i := range out {
			b := bytes[8*i : 8*i+8]
			re := math.Float32frombits(binary.LittleEndian.Uint32(b))
			im := math.Float32frombits(binary.LittleEndian.Uint32(b[4:]))
			out[i] = complex(float64(re), float64(im))
		}
	case d.kind == 'c':
		for i := range out {
			b := bytes[16*i : 16*i+16]
			re := math.Float64frombits(binary.LittleEndian.Uint64(b))
			im := math.Float64frombits(binary.LittleEndian.Uint64(b[8:]))
			out[i] = complex(re, im)
		}
	default:
		values := s.real[:len(out)]
		decodeReal(values, bytes, d)
		for i, v := range values {
			out[i] = complex(v, 0)
		}
	}
}

// decodeReal decodes every dtype but the complex ones.
func decodeReal(out []float64, bytes []byte, d dtype) {
	switch {
	case d.kind == 'f' && d.size == 2:
		for i := range out {
			out[i] = half(binary.LittleEndian.Uint16(bytes[2*i:]))
		}
	case d.kind == 'f' && d.size == 4:
		for i := range out {
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*i:])))
		}
	case d.kind == 'f':
		for i := range out {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(bytes[8*i:]))
		}
	case d.kind == 'u' && d.size == 8:
		for i := range out {
			out[i] = float64(binary.LittleEndian.Uint64(bytes[8*i:]))
		}
	default:
		for i := range out {
			out[i] = float64(integer(bytes[i*d.size:], d))
		}
	}
}

// integer reads one bool or integer; one of kind u8 wraps around beyond 2⁶³.
func integer(b []byte, d dtype) int64 {
	signed := d.kind == 'i'
	switch d.size {
	case 1:
		if signed {
			return int64(int8(b[0]))
		}
		if d.kind == 'b' {
			return int64(min(b[0], 1))
		}
		return int64(b[0])
	case 2:
		v := binary.LittleEndian.Uint16(b)
		if signed {
			return int64(int16(v))
		}
		return int64(v)
	case 4:
		v := binary.LittleEndian.Uint32(b)
		if signed {
			return int64(int32(v))
		}
		return int64(v)
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func integers(out []int64, bytes []byte, d dtype) (int, error) {
	for i := range out {
		out[i] = integer(bytes[i*d.size:], d)
		if d.kind == 'u' && out[i] < 0 {
			return i, fmt.Errorf("found %d; expected at most %d", uint64(out[i]), math.MaxInt64)
		}
	}
	return 0, nil
}

// half decodes IEEE half precision: a sign, 5 bits of exponent, 10 of fraction.
func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		v = math.Inf(1)
		if fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if bits>>15 == 1 {
		v = -v
	}
	return v
}

func narrow(out []float32, values []float64) (int, error) {
	for i, v := range values {
		out[i] = float32(v)
		if overflows(v) {
			return i, tooLarge(v)
		}
	}
	return 0, nil
}

func tooLarge(v float64) error {
	return fmt.Errorf("found %g; expected a number that float32 can hold", v)
}

func narrowComplex(out []complex64, values []complex128) (int, error) {
	for i, v := range values {
		out[i] = complex64(v)
		if overflows(real(v)) || overflows(imag(v)) {
			return i, fmt.Errorf("found %g; expected a number that complex64 can hold", v)
		}
	}
	return 0, nil
}

// overflows says that a finite v becomes infinite as float32.
func overflows(v float64) bool {
	return math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0)
}

func whole(out []int64, values []float64) (int, error) {
	const limit = 1 << 63
	for i, v := range values {
		if v != math.Trunc(v) || !(v >= -limit && v < limit) {
			return i, fmt.Errorf("found %g; expected a whole number", v)
		}
		out[i] = int64(v)
	}
	return 0, nil
}
