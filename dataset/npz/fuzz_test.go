package npz

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzBytes bounds an input, and so the memory that it can ask for.
const fuzzBytes = 1 << 16

// FuzzRead opens any bytes and reads all their arrays in every way. Whatever
// is read without an error has the length that its shape says. To fuzz for a
// short time, give -fuzzminimizetime=1x too: else Go spends it all on making
// its first finds smaller.
func FuzzRead(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
		for at := 0; at < len(seed); at += max(1, len(seed)/7) {
			f.Add(seed[:at])
			mutated := bytes.Clone(seed)
			mutated[at] ^= 0x55
			f.Add(mutated)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > fuzzBytes {
			return
		}
		file, err := openBytes(data)
		if err != nil {
			return
		}
		for _, m := range file.Members() {
			readAll(t, file, m)
		}
	})
}

func seeds(f *testing.F) [][]byte {
	var b bytes.Buffer
	require.NoError(f, Encode(&b, sample()[1:]...)) // the first is large, which is slow
	out := [][]byte{b.Bytes(), archive(f, entry{"a.npy", 0, npy(twoFloats, make([]byte, 8))})}
	paths, err := filepath.Glob("testdata/*.npz")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		out = append(out, data)
	}
	return out
}

func readAll(t *testing.T, f *File, m Member) {
	check := func(n int, err error) {
		if err == nil {
			require.Equal(t, m.Len(), n)
		}
	}
	f32, err := Read[float32](f, m.Key)
	check(len(f32), err)
	if e, begun := NewElements[float32](f, m.Key); begun == nil {
		portions := make([]float32, len(f32))
		second := e.Read(portions)
		if second == nil {
			second = e.Finish()
		}
		if err == nil { // what can be read at once can be read in portions
			require.NoError(t, second)
			require.Equal(t, memory(f32), memory(portions))
		}
	}
	i64, err := Read[int64](f, m.Key)
	check(len(i64), err)
	c64, err := Read[complex64](f, m.Key)
	check(len(c64), err)
	texts, err := f.Strings(m.Key)
	check(len(texts), err)
}
