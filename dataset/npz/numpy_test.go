package npz

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbers that testdata/make.py gives to NumPy.
var (
	signed     = []float64{-2, -1, 0, 1, 2, 100}
	unsigned   = []float64{0, 1, 2, 3, 100, 200}
	fractional = []float64{-2.5, -1, 0, 0.125, 2, 1000}
	imaginary  = []float64{1, -1, 0.5, 0, 4, 8}
)

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// numpyFiles calls test with the same arrays as NumPy stores and deflates them.
func numpyFiles(t *testing.T, test func(t *testing.T, f *File)) {
	for _, name := range []string{"numpy.npz", "numpy_deflated.npz"} {
		t.Run(name, func(t *testing.T) { test(t, open(t, filepath.Join("testdata", name))) })
	}
}

func TestNumPyNumbersOfEveryDtype(t *testing.T) {
	numpyFiles(t, func(t *testing.T, f *File) {
		seen := 0
		for _, m := range f.Members() {
			code, order, ok := strings.Cut(m.Key, "_")
			if !ok || code == "text" || code == "half" {
				continue
			}
			want := map[byte][]float64{'i': signed, 'u': unsigned, 'f': fractional, 'c': fractional}[code[0]]
			require.Equal(t, []int{2, 3}, m.Shape, m.Key)
			if code[1:] != "1" {
				require.Equal(t, map[string]string{"le": "<", "be": ">"}[order]+code, m.Descr)
			}
			checkNumbers(t, f, m.Key, want, code[0] == 'c')
			seen++
		}
		require.Equal(t, 2*13, seen) // 13 dtypes in two byte orders
		checkNumbers(t, f, "bool", []float64{0, 1, 0, 1, 1, 0}, false)
	})
}

// checkNumbers reads a key into each type.
func checkNumbers(t *testing.T, f *File, key string, want []float64, isComplex bool) {
	t.Helper()
	c128, err := Read[complex128](f, key)
	require.NoError(t, err, key)
	c64, err := Read[complex64](f, key)
	require.NoError(t, err, key)
	for i, v := range want {
		exact := complex(v, 0)
		if isComplex {
			exact = complex(v, imaginary[i])
		}
		require.Equal(t, exact, c128[i], key)
		require.Equal(t, complex64(exact), c64[i], key)
	}
	f64, err := Read[float64](f, key)
	if isComplex {
		require.ErrorContains(t, err, `element 0: found (-2.5+1i); expected a real number`)
		_, err = Read[int64](f, key)
		require.ErrorContains(t, err, "expected a real number")
		return
	}
	require.NoError(t, err, key)
	require.Equal(t, want, f64, key)
	f32, err := Read[float32](f, key)
	require.NoError(t, err, key)
	for i, v := range want {
		require.Equal(t, float32(v), f32[i], key)
	}
	i64, err := Read[int64](f, key)
	if key[0] == 'f' {
		require.ErrorContains(t, err, "element 0: found -2.5; expected a whole number")
		return
	}
	require.NoError(t, err, key)
	for i, v := range want {
		require.Equal(t, int64(v), i64[i], key)
	}
}

func TestNumPyOrdersShapesAndTexts(t *testing.T) {
	numpyFiles(t, func(t *testing.T, f *File) {
		m, ok := f.Member("fortran")
		require.True(t, ok)
		require.True(t, m.Fortran)
		require.Equal(t, []int{2, 3, 4}, m.Shape)
		got, err := Read[float64](f, "fortran")
		require.NoError(t, err)
		require.Equal(t, upTo(24), got) // numpy.arange(24) in C order

		got, err = Read[float64](f, "scalar")
		require.NoError(t, err)
		require.Equal(t, []float64{2.5}, got)
		m, _ = f.Member("scalar")
		require.Empty(t, m.Shape)

		m, _ = f.Member("empty")
		require.Equal(t, []int{0, 5}, m.Shape)
		got, err = Read[float64](f, "empty")
		require.NoError(t, err)
		require.Empty(t, got)

		got, err = Read[float64](f, "half_extremes")
		require.NoError(t, err)
		require.Equal(t, []float64{0x1p-24, 65504, math.Inf(1), math.Inf(-1)}, got[:4]) // 6e-8 is the smallest half
		require.True(t, math.IsNaN(got[4]))

		for _, key := range []string{"text_le", "text_be"} {
			texts, err := f.Strings(key)
			require.NoError(t, err)
			require.Equal(t, []string{"añ€", "𝄞", ""}, texts)
		}
	})
}

func upTo(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(i)
	}
	return out
}

func TestNumPyDtypesThatAreRefused(t *testing.T) {
	numpyFiles(t, func(t *testing.T, f *File) {
		for key, want := range map[string]string{
			"object":  `key "object": found an object array (dtype "|O"), which is pickled Python and is never read; expected numbers`,
			"record":  `key "record": found dtype "structured"; expected numbers`,
			"date":    `key "date": found dtype "<M8[D]"; expected numbers`,
			"bytes":   `key "bytes": found dtype "|S3"; expected numbers`,
			"text_le": `key "text_le": found dtype "<U3"; expected numbers`,
			"missing": `key "missing": there is no such key; found ["bool" "i1_le"`,
		} {
			_, err := Read[float32](f, key)
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "npz: read: testdata")
		}
		_, err := f.Strings("object")
		require.ErrorContains(t, err, `found dtype "|O"; expected unicode text`)
		m, _ := f.Member("object")
		require.True(t, m.Pickled())
		m, _ = f.Member("u2_be")
		require.True(t, m.Integer())
		m, _ = f.Member("f4_be")
		require.False(t, m.Integer())
	})
}

func TestNumPyFormatVersions(t *testing.T) {
	f := open(t, "testdata/numpy_versions.npz")
	for _, key := range []string{"v1", "v2", "v3"} {
		got, err := Read[float64](f, key)
		require.NoError(t, err)
		require.Equal(t, fractional, got)
	}
}
