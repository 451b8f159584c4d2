package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"
)

// entry is one array in a header.
type entry struct {
	DType   DType  `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"` // first byte and the one after the last, from the end of the header
}

// Encode gives the file of the arrays, whatever their order, and of metadata,
// which may be nil. The same arrays give the same bytes. An array whose shape
// and elements do not agree, a name that is empty, used twice, reserved or no
// UTF-8 is an error.
func Encode(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	tensors = ordered(tensors)
	header, size, err := header(tensors, metadata)
	if err != nil {
		return nil, fmt.Errorf("safetensors: encode: %w", err)
	}
	out := make([]byte, 0, 8+len(header)+size)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(header)))
	out = append(out, header...)
	for _, t := range tensors {
		for _, v := range t.F32 {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
		for _, v := range t.F64 {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
	}
	return out, nil
}

// header gives the JSON, padded with spaces to a multiple of eight bytes, and
// the number of bytes of the elements.
func header(tensors []Tensor, metadata map[string]string) ([]byte, int, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	if len(metadata) > 0 {
		if err := member(&b, metadataName, metadata); err != nil {
			return nil, 0, err
		}
	}
	offset := 0
	seen := map[string]bool{}
	for _, t := range tensors {
		err := t.check()
		if err == nil && seen[t.Name] {
			err = fmt.Errorf("two arrays have this name")
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", t.Name, err)
		}
		seen[t.Name] = true
		end := offset + t.Len()*t.DType().size()
		shape := append([]int{}, t.Shape...) // [] and not null
		if err := member(&b, t.Name, entry{t.DType(), shape, [2]int{offset, end}}); err != nil {
			return nil, 0, err
		}
		offset = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > largestHeader {
		return nil, 0, fmt.Errorf("the header has %d bytes, more than %d", b.Len(), largestHeader)
	}
	return b.Bytes(), offset, nil
}

func member(b *bytes.Buffer, name string, value any) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("the name %q is not UTF-8", name)
	}
	if b.Len() > 1 {
		b.WriteByte(',')
	}
	for i, v := range []any{name, value} {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(':')
		}
		b.Write(text)
	}
	return nil
}
