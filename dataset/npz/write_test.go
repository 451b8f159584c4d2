package npz

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample has every type, more than one chunk, and both methods.
func sample() []Array {
	long := make([]float32, 3*chunk+5)
	for i := range long {
		long[i] = float32(i) / 3
	}
	return []Array{
		{Key: "f4", Data: long, Shape: []int{len(long)}, Deflate: true},
		{Key: "f8", Data: []float64{1, -2.5, 1e300, 4, 5, 6}, Shape: []int{1, 2, 3}},
		{Key: "c8", Data: []complex64{1 + 2i, -3i}, Shape: []int{2, 1}},
		{Key: "c16", Data: []complex128{1.5 + 2i, -3i}, Shape: []int{2}, Deflate: true},
		{Key: "i8", Data: []int64{-1 << 62, 7}, Shape: []int{2}},
		{Key: "scalar", Data: []float64{0.25}},
		{Key: "none", Data: []float32{}, Shape: []int{0, 4}},
		{Key: "text", Data: "añ€ 𝄞"},
		{Key: "empty_text", Data: ""},
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.npz")
	require.NoError(t, Write(path, sample()...))
	f := open(t, path)
	require.Equal(t, []string{"f4", "f8", "c8", "c16", "i8", "scalar", "none", "text", "empty_text"}, f.Keys())
	for _, a := range sample() {
		m, _ := f.Member(a.Key)
		require.Len(t, m.Shape, len(a.Shape), a.Key)
		var got any
		var err error
		switch a.Data.(type) {
		case []float32:
			got, err = Read[float32](f, a.Key)
		case []float64:
			got, err = Read[float64](f, a.Key)
		case []complex64:
			got, err = Read[complex64](f, a.Key)
		case []complex128:
			got, err = Read[complex128](f, a.Key)
		case []int64:
			got, err = Read[int64](f, a.Key)
		case string:
			var texts []string
			texts, err = f.Strings(a.Key)
			got = texts[0]
		}
		require.NoError(t, err, a.Key)
		require.Equal(t, a.Data, got, a.Key)
	}
}

func TestSameArraysGiveSameBytes(t *testing.T) {
	var first, second bytes.Buffer
	require.NoError(t, Encode(&first, sample()...))
	require.NoError(t, Encode(&second, sample()...))
	require.Equal(t, first.Bytes(), second.Bytes())
}

// The data of an array begin at a multiple of 64 bytes, as in NumPy's files.
func TestHeaderIsAligned(t *testing.T) {
	for rank := range 40 {
		shape := make([]int, rank)
		h := encodeHeader("<f4", shape)
		require.Zero(t, len(h)%64, "rank %d", rank)
		require.Equal(t, byte('\n'), h[len(h)-1])
	}
}

func TestWriteReplacesAtOnceOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.npz")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	err := Write(path, Array{Key: "a", Data: []float32{1}}, Array{Key: "b", Data: []float32{1}, Shape: []int{2}})
	require.EqualError(t, err, `npz: write: `+path+`: key "b": found 1 values; expected 2 for shape [2]`)
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(old))
	onlyFile(t, dir)

	require.NoError(t, Write(path, Array{Key: "a", Data: []float32{1}}))
	f := open(t, path)
	require.Equal(t, []string{"a"}, f.Keys())
	onlyFile(t, dir)
}

func onlyFile(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "a temporary file was left behind")
}

func TestWriteFaults(t *testing.T) {
	one := []float32{1}
	for want, arrays := range map[string][]Array{
		`key "": expected keys that are not empty`:     {{Key: "", Data: one}},
		`key "a/b": expected keys`:                     {{Key: "a/b", Data: one}},
		`key "a": expected keys`:                       {{Key: "a", Data: one}, {Key: "a", Data: one}},
		`key "a": found data of type []int`:            {{Key: "a", Data: []int{1}, Shape: []int{1}}},
		`found 1 values; expected 1 for shape [-1 -1]`: {{Key: "a", Data: one, Shape: []int{-1, -1}}},
	} {
		require.ErrorContains(t, Encode(&bytes.Buffer{}, arrays...), want)
	}
	err := Write(filepath.Join(t.TempDir(), "no", "such.npz"), Array{Key: "a", Data: one})
	require.ErrorIs(t, err, os.ErrNotExist)
}
