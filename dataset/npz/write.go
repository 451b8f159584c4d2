package npz

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ptychobridge/ptychobridge/wholefile"
)

// Array is an array to be written.
type Array struct {
	// Key is its name in the archive, without .npy.
	Key string
	// Data is a []float32, []float64, []complex64, []complex128, []int64 or a
	// string, which becomes a single unicode value; last index fastest.
	Data any
	// Shape is empty for a single value.
	Shape []int
	// Deflate compresses the array.
	Deflate bool
}

// Write writes an archive of NPY 1.0 arrays in C order, little endian. The
// file appears under its name complete or not at all, in place of what was
// there: it is written under another name in the same directory, synchronised
// to the disk and renamed. The same arrays give the same bytes. Errors: an
// empty key, one with a slash or one that occurs twice; a shape that does not
// fit the data; data of another type; whatever the file system says.
func Write(path string, arrays ...Array) error {
	err := wholefile.Write(path, func(w io.Writer) error { return Encode(w, arrays...) })
	if err != nil {
		return fmt.Errorf("npz: write: %s: %w", path, err)
	}
	return nil
}

// Encode writes the bytes of an archive to w. Errors as those of Write.
func Encode(w io.Writer, arrays ...Array) error {
	archive := zip.NewWriter(w)
	seen := map[string]bool{}
	for _, a := range arrays {
		if a.Key == "" || strings.Contains(a.Key, "/") || seen[a.Key] {
			return fmt.Errorf("key %q: expected keys that are not empty, without a slash, each once", a.Key)
		}
		seen[a.Key] = true
		if err := a.encode(archive); err != nil {
			return fmt.Errorf("key %q: %w", a.Key, err)
		}
	}
	return archive.Close()
}

// epoch is the time of every member: the first that ZIP can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func (a Array) encode(archive *zip.Writer) error {
	descr, n := a.describe()
	if descr == "" {
		return fmt.Errorf("found data of type %T; expected a slice of float32, float64, complex64, complex128 or int64, or a string", a.Data)
	}
	negative := slices.ContainsFunc(a.Shape, func(d int) bool { return d < 0 })
	if size := (Member{Shape: a.Shape}).Len(); size != n || negative {
		return fmt.Errorf("found %d values; expected %d for shape %v", n, size, a.Shape)
	}
	h := &zip.FileHeader{Name: a.Key + ".npy", Method: zip.Store, Modified: epoch}
	if a.Deflate {
		h.Method = zip.Deflate
	}
	w, err := archive.CreateHeader(h)
	if err != nil {
		return err
	}
	if _, err := w.Write(encodeHeader(descr, a.Shape)); err != nil {
		return err
	}
	return encodeData(w, a.Data)
}

// describe gives the dtype and the number of elements.
func (a Array) describe() (string, int) {
	switch data := a.Data.(type) {
	case []float32:
		return "<f4", len(data)
	case []float64:
		return "<f8", len(data)
	case []complex64:
		return "<c8", len(data)
	case []complex128:
		return "<c16", len(data)
	case []int64:
		return "<i8", len(data)
	case string:
		return fmt.Sprintf("<U%d", len([]rune(padded(data)))), 1
	}
	return "", 0
}

// padded makes the empty string what NumPy makes it: one zero.
func padded(s string) string {
	if s == "" {
		return "\x00"
	}
	return s
}

// encodeHeader writes a header that ends in a newline at a multiple of 64
// bytes, as NumPy does.
func encodeHeader(descr string, shape []int) []byte {
	var dims strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&dims, "%d, ", n)
	}
	list := strings.TrimSuffix(dims.String(), " ")
	if len(shape) > 1 {
		list = strings.TrimSuffix(list, ",")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, list)
	const before = len(magic) + 4
	fill := 63 - (before+len(text))%64
	text += strings.Repeat(" ", fill) + "\n"
	out := append([]byte(magic), 1, 0)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(text)))
	return append(out, text...)
}

// encodeData writes the elements in pieces, so that a large array is not held
// twice.
func encodeData(w io.Writer, data any) error {
	switch data := data.(type) {
	case []float32:
		return pieces(w, data, appendFloat32)
	case []float64:
		return pieces(w, data, appendFloat64)
	case []complex64:
		return pieces(w, data, func(to []byte, v complex64) []byte {
			return appendFloat32(appendFloat32(to, real(v)), imag(v))
		})
	case []complex128:
		return pieces(w, data, func(to []byte, v complex128) []byte {
			return appendFloat64(appendFloat64(to, real(v)), imag(v))
		})
	case []int64:
		return pieces(w, data, func(to []byte, v int64) []byte {
			return binary.LittleEndian.AppendUint64(to, uint64(v))
		})
	case string:
		return pieces(w, []rune(padded(data)), func(to []byte, v rune) []byte {
			return binary.LittleEndian.AppendUint32(to, uint32(v))
		})
	}
	panic(fmt.Sprintf("npz: BUG: no encoding of %T", data))
}

func appendFloat32(to []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(to, math.Float32bits(v))
}

func appendFloat64(to []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(to, math.Float64bits(v))
}

func pieces[T any](w io.Writer, data []T, appendItem func([]byte, T) []byte) error {
	var bytes []byte
	for part := range slices.Chunk(data, chunk) {
		bytes = bytes[:0]
		for _, v := range part {
			bytes = appendItem(bytes, v)
		}
		if _, err := w.Write(bytes); err != nil {
			return err
		}
	}
	return nil
}
