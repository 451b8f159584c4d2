package npz

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Element is what Read converts numbers to.
type Element interface {
	float32 | float64 | complex64 | complex128 | int64
}

// Read gives the array of that key, last index fastest whatever its order in
// the file, converted from any real or complex dtype, bool included. Integers
// beyond 2⁵³ are rounded in floating point. Errors: no such key; a dtype that
// holds no numbers, objects included; damaged or truncated data; values that T
// cannot hold: an imaginary part, a fraction for int64, numbers out of range.
func Read[T Element](f *File, key string) ([]T, error) {
	out, err := read[T](f, key)
	if err != nil {
		return nil, fmt.Errorf("npz: read: %s: key %q: %w", f.path, key, err)
	}
	return out, nil
}

func read[T Element](f *File, key string) ([]T, error) {
	m, err := f.numbers(key)
	if err != nil {
		return nil, err
	}
	var zero T
	if err := m.checkExpansion(int(unsafe.Sizeof(zero))); err != nil {
		return nil, err
	}
	out := make([]T, m.Len())
	if m.zip.Method == zip.Store {
		err = readStored(out, f, m)
	} else {
		err = readDeflated(out, m)
	}
	if err != nil {
		return nil, err
	}
	if m.Fortran {
		out = rowMajor(out, m.Shape)
	}
	return out, nil
}

// numbers gives the member of that key, which must hold numbers.
func (f *File) numbers(key string) (member, error) {
	m, err := f.find(key)
	if err != nil {
		return m, err
	}
	switch m.dtype.kind {
	case 0, 'U':
		return m, fmt.Errorf("found dtype %.40q; expected numbers: bool, i1…i8, u1…u8, f2, f4, f8, c8 or c16", m.Descr)
	case 'O':
		return m, fmt.Errorf("found an object array (dtype %.40q), which is pickled Python and is never read; expected numbers: save it as a plain array", m.Descr)
	}
	return m, nil
}

// readDeflated fills out in order: where a deflate stream goes on is only known
// when what comes before is unpacked.
func readDeflated[T Element](out []T, m member) error {
	s, err := m.data()
	if err != nil {
		return err
	}
	c := newConverter[T](m.dtype)
	for first := 0; first < len(out); first += portion {
		if err := c.read(out[first:min(first+portion, len(out))], first, s.fill); err != nil {
			return err
		}
	}
	return s.finish()
}

func (f *File) find(key string) (member, error) {
	i, ok := f.index[key]
	if !ok {
		return member{}, fmt.Errorf("there is no such key; found %.300q", f.Keys())
	}
	return f.members[i], nil
}

// checkExpansion refuses a large array that takes next to nothing in the file.
// size is that of an element in memory.
func (m member) checkExpansion(size int) error {
	// The header bounds Len by MaxInt64/4 over the dtype's size ≥ 1.
	need := float64(m.Len()) * float64(max(size, m.dtype.size))
	if limit := maxExpansion * float64(m.zip.CompressedSize64); need > freeBytes && need > limit {
		return fmt.Errorf("found an array of %.3g bytes in %d bytes of the file; expected at most %d times as much", need, m.zip.CompressedSize64, maxExpansion)
	}
	return nil
}

// data is the member's stream behind its header.
func (m member) data() (*stream, error) {
	s, err := newStream(m.zip)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, s, int64(m.header)); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return s, nil
}

// rowMajor turns an array whose first index runs fastest into one whose last
// does.
func rowMajor[T Element](in []T, shape []int) []T {
	if len(shape) < 2 || len(in) == 0 {
		return in
	}
	stride := make([]int, len(shape)) // of each axis in `in`
	step := 1
	for axis, n := range shape {
		stride[axis] = step
		step *= n
	}
	out := make([]T, len(in))
	place := make([]int, len(shape))
	from := 0
	for to := range out {
		out[to] = in[from]
		for axis := len(shape) - 1; axis >= 0; axis-- {
			place[axis]++
			from += stride[axis]
			if place[axis] < shape[axis] {
				break
			}
			from -= stride[axis] * shape[axis]
			place[axis] = 0
		}
	}
	return out
}

// Strings gives the texts of a unicode array, without the zeros that NumPy
// fills them up with. Errors as those of Read; a code point that is none.
func (f *File) Strings(key string) ([]string, error) {
	out, err := f.texts(key)
	if err != nil {
		return nil, fmt.Errorf("npz: read: %s: key %q: %w", f.path, key, err)
	}
	return out, nil
}

func (f *File) texts(key string) ([]string, error) {
	m, err := f.find(key)
	if err != nil {
		return nil, err
	}
	if m.dtype.kind != 'U' || m.dtype.size == 0 {
		return nil, fmt.Errorf("found dtype %.40q; expected unicode text such as <U12", m.Descr)
	}
	if m.Fortran && len(m.Shape) > 1 {
		return nil, fmt.Errorf("found text in Fortran order with shape %s; expected C order", short(m.Shape))
	}
	// A string header takes 16 bytes besides its characters.
	if err := m.checkExpansion(m.dtype.size + 16); err != nil {
		return nil, err
	}
	s, err := m.data()
	if err != nil {
		return nil, err
	}
	out := make([]string, m.Len())
	item := make([]byte, m.dtype.size)
	for i := range out {
		if err := readFull(s, item); err != nil {
			return nil, err
		}
		if out[i], err = text(item, m.dtype.big); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return out, s.finish()
}

// text turns UTF-32 into a string.
func text(item []byte, big bool) (string, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	var b strings.Builder
	for at := 0; at < len(item); at += 4 {
		c := order.Uint32(item[at:])
		if c > utf8.MaxRune || !utf8.ValidRune(rune(c)) {
			return "", fmt.Errorf("found code point %#x; expected unicode", c)
		}
		b.WriteRune(rune(c))
	}
	return strings.TrimRight(b.String(), "\x00"), nil
}
