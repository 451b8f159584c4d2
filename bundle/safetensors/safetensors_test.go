package safetensors_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
)

func sample() []safetensors.Tensor {
	return []safetensors.Tensor{
		{Name: "b", Shape: []int{2, 3}, F32: []float32{1, -2, 3.5, float32(math.Inf(1)), 0, 6}},
		{Name: "a\"ä", Shape: []int{}, F32: []float32{7}},
		{Name: "state", Shape: []int{2}, F64: []float64{math.Pi, math.SmallestNonzeroFloat64}},
		{Name: "empty", Shape: []int{0, 4}, F32: []float32{}},
	}
}

// file puts a header and data together.
func file(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

func TestRoundTrip(t *testing.T) {
	metadata := map[string]string{"format": "pt", "a": ""}
	content, err := safetensors.Encode(sample(), metadata)
	require.NoError(t, err)
	tensors, back, err := safetensors.Decode(content)
	require.NoError(t, err)
	require.Equal(t, metadata, back)
	s := sample()
	require.Equal(t, []safetensors.Tensor{s[1], s[0], s[3], s[2]}, tensors, "sorted by name")
	require.Equal(t, safetensors.F64, tensors[3].DType())
	require.Equal(t, 6, tensors[1].Len())

	shuffled := []safetensors.Tensor{s[3], s[2], s[0], s[1]}
	again, err := safetensors.Encode(shuffled, metadata)
	require.NoError(t, err)
	require.Equal(t, content, again, "the order of the arguments does not matter")
	require.Zero(t, (binary.LittleEndian.Uint64(content)+8)%8, "elements are aligned")

	nothing, err := safetensors.Encode(nil, nil)
	require.NoError(t, err)
	tensors, back, err = safetensors.Decode(nothing)
	require.NoError(t, err)
	require.Empty(t, tensors)
	require.Nil(t, back)
}

// TestBytes is the format's own description, byte by byte: length, header,
// row-major little-endian elements (1.0 is 3f800000, 2.0 is 40000000).
func TestBytes(t *testing.T) {
	content, err := safetensors.Encode([]safetensors.Tensor{{Name: "w", Shape: []int{1, 2}, F32: []float32{1, 2}}}, map[string]string{"k": "v"})
	require.NoError(t, err)
	header := `{"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := file(header, 0)
	want = append(want, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40)
	require.Equal(t, want, content)
}

func TestEncodeRefuses(t *testing.T) {
	for want, tensors := range map[string][]safetensors.Tensor{
		"has 6 elements, but 5":     {{Name: "w", Shape: []int{2, 3}, F32: make([]float32, 5)}},
		"both F32 and F64":          {{Name: "w", Shape: []int{1}, F32: make([]float32, 1), F64: make([]float64, 1)}},
		"two arrays have this name": {{Name: "w", F32: make([]float32, 1)}, {Name: "w", F64: make([]float64, 1)}},
		`the name ""`:               {{F32: make([]float32, 1)}},
		`the name "__metadata__"`:   {{Name: "__metadata__", F32: make([]float32, 1)}},
		"not UTF-8":                 {{Name: "\xff", F32: make([]float32, 1)}},
		"negative side":             {{Name: "w", Shape: []int{-1, -1}, F32: make([]float32, 1)}},
		"more than":                 {{Name: "w", Shape: []int{math.MaxInt, 2}}},
	} {
		_, err := safetensors.Encode(tensors, nil)
		require.ErrorContains(t, err, want)
	}
}

// broken has files that are refused, with a word of the reason.
var broken = []struct {
	content []byte
	want    string
}{
	{nil, "0 bytes"},
	{[]byte("1234567"), "7 bytes"},
	{binary.LittleEndian.AppendUint64(nil, 1), "a header of 1 bytes"},
	{binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "a header of 18446744073709551615 bytes"},
	{append(binary.LittleEndian.AppendUint64(nil, 5<<20), make([]byte, 5<<20)...), "at most 4194304"},
	{file("", 0), "no JSON"},
	{file("[]", 0), "no JSON object"},
	{file("{", 0), "does not end"},
	{file("{} x", 0), "something follows"},
	{file("{}{}", 0), "something follows"},
	{file("{}", 4), "hold"},
	{file("{\"\xff\":1}", 0), "not UTF-8"},
	{file(`{"w":1}`, 0), "w: no JSON object"},
	{file(`{"w":{}}`, 0), "are needed"},
	{file(`{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "without a name"},
	{file(`{"w":{"dtype":"F32","shape":[1]}}`, 4), "are needed"},
	{file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4), `unknown entry "x"`},
	{file(`{"w":{"dtype":"F32","dtype":"F32","shape":[1]}}`, 4), "comes twice"},
	{file(`{"w":{"DTYPE":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "unknown entry"},
	{file(`{"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 8), `dtype "I64"`},
	{file(`{"w":{"dtype":null,"shape":[1],"data_offsets":[0,4]}}`, 4), `dtype ""`},
	{file(`{"w":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}`, 4), "no list"},
	{file(`{"w":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}}`, 4), "no whole number"},
	{file(`{"w":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, 4), "no whole number"},
	{file(`{"w":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, 4), "no whole number"},
	{file(`{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "no whole number"},
	{file(`{"w":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}`, 4), "no whole number"},
	{file(`{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0), "more than 0 elements"},
	{file(`{"w":{"dtype":"F32","shape":[2147483648,2147483648,4],"data_offsets":[0,4]}}`, 4), "more than 1 elements"},
	{file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4), "instead of 2"},
	{file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), "data_offsets [4 0]"},
	{file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, 4), "in 4 bytes"},
	{file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 8), "takes 8 bytes"},
	{file(`{"w":{"dtype":"F64","shape":[1],"data_offsets":[0,4]}}`, 8), "takes 8 bytes"},
	{file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "begin at byte 4"},
	{file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 8), "the file holds 8"},
	{file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "begin at byte 0"},
	{file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "comes twice"},
	{file(`{"__metadata__":{"a":1}}`, 0), "no text"},
	{file(`{"__metadata__":[]}`, 0), "no JSON object"},
	{file(`{"w":`+strings.Repeat("[", 100000)+`}`, 0), "w: "},
}

func TestDecodeRefuses(t *testing.T) {
	for _, b := range broken {
		tensors, metadata, err := safetensors.Decode(b.content)
		require.ErrorIs(t, err, safetensors.ErrFormat, "%.80q", b.content)
		require.ErrorContains(t, err, b.want, "%.80q", b.content)
		require.Nil(t, tensors)
		require.Nil(t, metadata)
	}
}

// TestEveryTruncationIsRefused and every byte too many.
func TestEveryTruncationIsRefused(t *testing.T) {
	content, err := safetensors.Encode(sample(), nil)
	require.NoError(t, err)
	for n := range content {
		_, _, err := safetensors.Decode(content[:n])
		require.ErrorIs(t, err, safetensors.ErrFormat, "%d bytes", n)
	}
	_, _, err = safetensors.Decode(append(content, 0))
	require.ErrorIs(t, err, safetensors.ErrFormat)
}

// FuzzDecode: whatever is accepted is written and read again as the same.
func FuzzDecode(f *testing.F) {
	content, err := safetensors.Encode(sample(), map[string]string{"k": "v"})
	require.NoError(f, err)
	f.Add(content)
	for _, b := range broken {
		if len(b.content) < 1000 {
			f.Add(b.content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		tensors, metadata, err := safetensors.Decode(content)
		if err != nil {
			require.ErrorIs(t, err, safetensors.ErrFormat)
			return
		}
		first, err := safetensors.Encode(tensors, metadata)
		require.NoError(t, err)
		again, _, err := safetensors.Decode(first)
		require.NoError(t, err)
		second, err := safetensors.Encode(again, metadata)
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}
