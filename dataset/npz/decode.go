package npz

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

// chunk is the number of elements that are converted at a time.
const chunk = 4096

// decode fills out from the elements of r.
func decode[T Element](out []T, r io.Reader, d dtype) error {
	raw := make([]byte, chunk*d.size)
	var values scratch
	for first := 0; first < len(out); first += chunk {
		part := out[first:min(first+chunk, len(out))]
		bytes := raw[:len(part)*d.size]
		if err := readFull(r, bytes); err != nil {
			return fmt.Errorf("elements from %d on: %w", first, err)
		}
		if d.big {
			swap(bytes, d)
		}
		if at, err := values.convert(any(part), bytes, d); err != nil {
			return fmt.Errorf("element %d: %w", first+at, err)
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
			return i, fmt.Errorf("found %g; expected a number that float32 can hold", v)
		}
	}
	return 0, nil
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
