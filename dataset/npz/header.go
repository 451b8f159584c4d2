package npz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

const (
	magic = "\x93NUMPY"
	// maxHeader bounds the header: that of an array of numbers has some 100
	// bytes.
	maxHeader = 1 << 16
	// maxRank is NumPy's own limit.
	maxRank = 64
	// maxItem is the largest size of an element that is accepted; a text of
	// 2²⁶ characters.
	maxItem = 1 << 28
)

type header struct {
	descr   string
	shape   []int
	fortran bool
	bytes   int // magic, version, length and text
}

// readHeader reads the header of an NPY array of version 1.0, 2.0 or 3.0:
//
//	\x93NUMPY, major, minor, length (2 bytes in 1.0, else 4, little endian),
//	{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
func readHeader(r io.Reader) (header, error) {
	start := make([]byte, 8)
	if err := readFull(r, start); err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	if string(start[:6]) != magic {
		return header{}, fmt.Errorf("header: found %q; expected an NPY array, which begins with %q", start[:6], magic)
	}
	major, minor := start[6], start[7]
	if major < 1 || major > 3 || minor != 0 {
		return header{}, fmt.Errorf("header: found NPY version %d.%d; expected 1.0, 2.0 or 3.0", major, minor)
	}
	width := 2
	if major > 1 {
		width = 4
	}
	length := make([]byte, 4)
	if err := readFull(r, length[:width]); err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	n := binary.LittleEndian.Uint32(length)
	if n > maxHeader {
		return header{}, fmt.Errorf("header: found a length of %d bytes; expected at most %d", n, maxHeader)
	}
	text := make([]byte, n)
	if err := readFull(r, text); err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	if !utf8.Valid(text) && major == 3 {
		return header{}, fmt.Errorf("header: found bytes that are no UTF-8")
	}
	h, err := parseHeader(string(text))
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	h.bytes = len(start) + width + len(text)
	return h, nil
}

// readFull is io.ReadFull with an error that says what is missing.
func readFull(r io.Reader, to []byte) error {
	n, err := io.ReadFull(r, to)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("found %d bytes where %d were expected: the member is truncated: %w", n, len(to), io.ErrUnexpectedEOF)
	}
	return err
}

func parseHeader(text string) (header, error) {
	value, err := parseLiteral(text)
	if err != nil {
		return header{}, err
	}
	dict, ok := value.(map[string]any)
	if !ok {
		return header{}, fmt.Errorf("found %.40q; expected a dictionary", text)
	}
	for key := range dict {
		if key != "descr" && key != "fortran_order" && key != "shape" {
			return header{}, fmt.Errorf("found the key %.40q; expected descr, fortran_order and shape", key)
		}
	}
	var h header
	switch descr := dict["descr"].(type) {
	case string:
		h.descr = descr
	case []any:
		h.descr = "structured"
	default:
		return header{}, fmt.Errorf("found descr %s; expected a dtype such as '<f4'", short(descr))
	}
	if h.fortran, ok = dict["fortran_order"].(bool); !ok {
		return header{}, fmt.Errorf("found fortran_order %s; expected True or False", short(dict["fortran_order"]))
	}
	h.shape, err = parseShape(dict["shape"])
	if err != nil {
		return header{}, err
	}
	return h, checkSize(h)
}

// short is a value as it stands in an error.
func short(value any) string {
	s := fmt.Sprint(value)
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return s
}

func parseShape(value any) ([]int, error) {
	items, ok := value.(tuple)
	if !ok {
		return nil, fmt.Errorf("found shape %s; expected a tuple such as (3, 4)", short(value))
	}
	if len(items) > maxRank {
		return nil, fmt.Errorf("found a shape of %d axes; expected at most %d", len(items), maxRank)
	}
	shape := make([]int, len(items))
	for i, item := range items {
		n, ok := item.(int)
		if !ok {
			return nil, fmt.Errorf("found shape %s; expected whole numbers", short(items))
		}
		shape[i] = n
	}
	return shape, nil
}

// checkSize makes sure that the number of bytes can be computed at all.
func checkSize(h header) error {
	d := parseDtype(h.descr)
	if d.size > maxItem {
		return fmt.Errorf("found dtype %.40q; expected elements of at most %d bytes", h.descr, maxItem)
	}
	total := max(d.size, 1)
	for _, n := range h.shape {
		if n != 0 && total > math.MaxInt64/4/n {
			return fmt.Errorf("found shape %v of dtype %.40q; expected a size that can be stored", h.shape, h.descr)
		}
		total *= max(n, 1)
	}
	return nil
}

// dtype is an element type of NumPy that can be read: kind b, i, u, f, c with
// its size in bytes, or U with four bytes a character. Kind O, objects, and
// kind 0, anything else, have no size.
type dtype struct {
	kind byte
	size int
	big  bool // big endian
}

// parseDtype understands a descr such as <f4, >i2, |b1 or <U12.
func parseDtype(descr string) dtype {
	if len(descr) >= 2 && descr[1] == 'O' {
		return dtype{kind: 'O'}
	}
	if len(descr) < 3 || strings.IndexByte("<>|", descr[0]) < 0 {
		return dtype{}
	}
	d := dtype{kind: descr[1], big: descr[0] == '>'}
	for _, c := range descr[2:] {
		if c < '0' || c > '9' || d.size > maxItem {
			return dtype{}
		}
		d.size = 10*d.size + int(c-'0')
	}
	if descr[0] == '|' && d.size > 1 {
		return dtype{}
	}
	if d.kind == 'U' {
		d.size *= 4
		return d
	}
	switch descr[1:] {
	case "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16":
		return d
	}
	return dtype{}
}
