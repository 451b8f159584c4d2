package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode reads a file: its arrays, sorted by name, and its metadata, nil where
// there is none. The arrays share no memory with content. The error matches
// ErrFormat.
func Decode(content []byte) ([]Tensor, map[string]string, error) {
	tensors, metadata, err := decode(content)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: decode: %w: %w", ErrFormat, err)
	}
	return tensors, metadata, nil
}

func decode(content []byte) ([]Tensor, map[string]string, error) {
	header, data, err := split(content)
	if err != nil {
		return nil, nil, err
	}
	var entries []named
	var metadata map[string]string
	err = object(header, func(name string, value json.RawMessage) error {
		if name == metadataName {
			metadata, err = texts(value)
			return err
		}
		if name == "" {
			return errors.New("an array without a name")
		}
		e, err := readEntry(value, len(data))
		entries = append(entries, named{name, e})
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if err := contiguous(entries, len(data)); err != nil {
		return nil, nil, err
	}
	tensors := make([]Tensor, len(entries))
	for i, e := range entries {
		tensors[i] = e.tensor(data[e.Offsets[0]:e.Offsets[1]])
	}
	slices.SortFunc(tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return tensors, metadata, nil
}

// split parts a file in header and elements.
func split(content []byte) (header, data []byte, err error) {
	if len(content) < 8 {
		return nil, nil, fmt.Errorf("%d bytes, but the length of the header alone takes 8", len(content))
	}
	n := binary.LittleEndian.Uint64(content)
	rest := content[8:]
	if n > uint64(len(rest)) || n > largestHeader {
		return nil, nil, fmt.Errorf("a header of %d bytes in a file of %d; at most %d are read", n, len(content), largestHeader)
	}
	header, data = rest[:n], rest[n:]
	if !utf8.Valid(header) {
		return nil, nil, errors.New("header: not UTF-8")
	}
	return bytes.TrimRight(header, " "), data, nil
}

type named struct {
	name string
	entry
}

// tensor copies the elements out of their bytes.
func (e named) tensor(data []byte) Tensor {
	t := Tensor{Name: e.name, Shape: e.Shape}
	n := len(data) / e.DType.size()
	if e.DType == F64 {
		t.F64 = make([]float64, n)
		for i := range t.F64 {
			t.F64[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
		return t
	}
	t.F32 = make([]float32, n)
	for i := range t.F32 {
		t.F32[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return t
}

// contiguous checks that the arrays cover the data without a gap, an overlap
// or a rest, and that no name comes twice.
func contiguous(entries []named, size int) error {
	slices.SortFunc(entries, func(a, b named) int {
		if d := a.Offsets[0] - b.Offsets[0]; d != 0 {
			return d
		}
		return a.Offsets[1] - b.Offsets[1] // empty arrays before the one they share a place with
	})
	at := 0
	for _, e := range entries {
		if e.Offsets[0] != at {
			return fmt.Errorf("%s: data begin at byte %d, but the array before ends at %d", e.name, e.Offsets[0], at)
		}
		at = e.Offsets[1]
	}
	if at != size {
		return fmt.Errorf("the arrays have %d bytes, but the file holds %d", at, size)
	}
	return nil
}

// readEntry reads one array's place; available is how many bytes of data there
// are.
func readEntry(raw json.RawMessage, available int) (e entry, err error) {
	seen := 0
	err = object(raw, func(key string, value json.RawMessage) error {
		seen++
		switch key {
		case "dtype":
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
			if e.DType = DType(text); e.DType != F32 && e.DType != F64 {
				return fmt.Errorf("dtype %q; F32 and F64 are read", text)
			}
			return nil
		case "shape":
			e.Shape, err = wholes(value)
			return err
		case "data_offsets":
			offsets, err := wholes(value)
			if err == nil && len(offsets) != 2 {
				err = fmt.Errorf("data_offsets has %d numbers instead of 2", len(offsets))
			}
			copy(e.Offsets[:], offsets)
			return err
		}
		return fmt.Errorf("unknown entry %q", key)
	})
	if err == nil && seen != 3 {
		err = errors.New("dtype, shape and data_offsets are needed")
	}
	if err != nil {
		return entry{}, err
	}
	return e, e.check(available)
}

// check compares shape, type and place.
func (e entry) check(available int) error {
	if e.Offsets[0] > e.Offsets[1] || e.Offsets[1] > available {
		return fmt.Errorf("data_offsets %v in %d bytes of data", e.Offsets, available)
	}
	n, err := elements(e.Shape, available/e.DType.size())
	if err != nil {
		return err
	}
	if n*e.DType.size() != e.Offsets[1]-e.Offsets[0] {
		return fmt.Errorf("shape %v of %s takes %d bytes, data_offsets %v hold %d", e.Shape, e.DType, n*e.DType.size(), e.Offsets, e.Offsets[1]-e.Offsets[0])
	}
	return nil
}

// wholes reads a list of whole numbers, 0 or more.
func wholes(raw json.RawMessage) ([]int, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, fmt.Errorf("%.40s is no list of whole numbers", raw)
	}
	out := make([]int, len(items))
	for i, item := range items {
		n, err := strconv.ParseUint(string(item), 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%.40s is no whole number that fits", item)
		}
		out[i] = int(n)
	}
	return out, nil
}

// texts reads the metadata, which holds nothing but text.
func texts(raw json.RawMessage) (map[string]string, error) {
	out := map[string]string{}
	err := object(raw, func(key string, value json.RawMessage) error {
		if value[0] != '"' {
			return errors.New("no text")
		}
		var text string
		err := json.Unmarshal(value, &text)
		out[key] = text
		return err
	})
	return out, err
}

// object calls each for the members of a JSON object, in their order. A name
// that comes twice and anything after the object are errors.
func object(raw []byte, each func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	open, err := d.Token()
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	if open != json.Delim('{') {
		return errors.New("no JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return fmt.Errorf("%v where a name belongs", token)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if seen[name] {
			return fmt.Errorf("%s: comes twice", name)
		}
		seen[name] = true
		if err := each(name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("the object does not end: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}
