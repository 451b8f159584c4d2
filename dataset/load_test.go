package dataset

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadAmplitudes(t *testing.T) {
	path := smallFile().write(t)
	raw, err := Load(path, Options{})
	require.NoError(t, err)
	require.Equal(t, smallN, raw.Len())
	require.Equal(t, smallSide, raw.N)
	require.Equal(t, roots(smallCounts()), raw.Amplitude)
	require.Equal(t, []float64{10, 11.5, 13, 10.25, 12}, raw.X)
	require.Equal(t, []float64{20, 20, 21, 22.5, 23}, raw.Y)
	require.Equal(t, smallProbe(), raw.Probe)
	require.Equal(t, make([]int64, smallN), raw.ScanIndex)
	require.True(t, raw.Counts)
	require.Empty(t, raw.Warnings)
	require.Nil(t, raw.Object)
	require.Nil(t, raw.Patches)
	require.Nil(t, raw.Metadata)
	require.NoError(t, raw.Check())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	sum := sha256.Sum256(data)
	require.Equal(t, hex.EncodeToString(sum[:]), raw.SHA256)
	require.Equal(t, path, raw.Path)
}

func TestLoadOptionalArrays(t *testing.T) {
	patches := make([]complex64, smallN*smallSide*smallSide)
	patches[3] = 2 - 1i
	raw, err := smallFile().
		with(keyObject, []complex64{1, 2i, 3, 4, 5, 6}, 2, 3).
		with(keyPatches, patches, smallN, smallSide, smallSide).
		with(keyScan, []int64{0, 0, 1, 1, 2}, smallN).
		with(keyStartX, make([]float64, smallN), smallN).
		with(keyStartY, make([]float64, smallN), smallN).
		with(keyMetadata, `{"nphotons": 1e9, "sample": "würfel"}`).
		with("other", []float64{1}, 1).
		load(t, Options{})
	require.NoError(t, err)
	require.Equal(t, &Image{Rows: 2, Cols: 3, Data: []complex64{1, 2i, 3, 4, 5, 6}}, raw.Object)
	require.Equal(t, patches, raw.Patches)
	require.Equal(t, []int64{0, 0, 1, 1, 2}, raw.ScanIndex)
	require.Equal(t, map[string]any{"nphotons": 1e9, "sample": "würfel"}, raw.Metadata)
	require.Empty(t, raw.Warnings)
}

// last reorders [n, N, N] to [N, N, n].
func last[T any](values []T, n int) []T {
	size := len(values) / n
	out := make([]T, len(values))
	for i, v := range values {
		out[i%size*n+i/size] = v
	}
	return out
}

func TestLoadLayouts(t *testing.T) {
	want := roots(smallCounts())
	turned := last(want, smallN)
	patches := make([]complex64, len(want))
	for i, v := range want {
		patches[i] = complex(v, -v)
	}
	base := smallFile().without(keyPatterns)
	for name, file := range map[string]arrays{
		"n first":                       base.with(keyPatterns, want, 5, 8, 8),
		"n first, trailing 1":           base.with(keyPatterns, want, 5, 8, 8, 1),
		"n last":                        base.with(keyPatterns, turned, 8, 8, 5),
		"n last, trailing 1":            base.with(keyPatterns, turned, 8, 8, 5, 1),
		"old name":                      base.with(keyOld, turned, 8, 8, 5),
		"both names, both orders, same": base.with(keyPatterns, want, 5, 8, 8).with(keyOld, turned, 8, 8, 5),
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := file.with(keyPatches, last(patches, smallN), 8, 8, 5).load(t, Options{})
			require.NoError(t, err)
			require.Equal(t, want, raw.Amplitude)
			require.Equal(t, patches, raw.Patches)
			require.Empty(t, raw.Warnings)
		})
	}
}

func TestLoadAmbiguousLayout(t *testing.T) {
	values := make([]float32, 8*8*8)
	for i := range values {
		values[i] = float32(math.Sqrt(float64(i%100 + 1)))
	}
	raw, err := smallFile().
		with(keyPatterns, values, 8, 8, 8).
		with(keyX, []float64{1, 2, 3, 4, 5, 6, 7, 8}, 8).with(keyY, make([]float64, 8), 8).
		load(t, Options{})
	require.NoError(t, err)
	require.Equal(t, values, raw.Amplitude)
	require.Len(t, raw.Warnings, 1)
	require.Contains(t, raw.Warnings[0], `key "diffraction": found shape [8 8 8] with as many patterns as a side has pixels; taken as (n, N, N)`)
}

// Turns act in the order flip, swap, scale, on positions alone.
func TestLoadCoordinates(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		x, y float64 // of the second position, (11.5, 20) in the file
	}{
		"as they are":         {Options{}, 11.5, 20},
		"flip x":              {Options{FlipX: true}, -11.5, 20},
		"flip y":              {Options{FlipY: true}, 11.5, -20},
		"swap":                {Options{SwapXY: true}, 20, 11.5},
		"flip x, then swap":   {Options{FlipX: true, SwapXY: true}, 20, -11.5},
		"flip y, swap, scale": {Options{FlipY: true, SwapXY: true, CoordScale: 2}, -40, 23},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := smallFile().load(t, c.o)
			require.NoError(t, err)
			require.Equal(t, [2]float64{c.x, c.y}, [2]float64{raw.X[1], raw.Y[1]})
			require.Equal(t, roots(smallCounts()), raw.Amplitude)
		})
	}
}

func TestLoadRealProbeAndOneMode(t *testing.T) {
	probe := make([]float64, 64)
	probe[27] = 2 // row 3, column 3, in the circle
	for _, shape := range [][]int{{8, 8}, {1, 8, 8}} {
		raw, err := smallFile().with(keyProbe, probe, shape...).load(t, Options{})
		require.NoError(t, err)
		require.Equal(t, complex64(2), raw.Probe[27])
	}
}

// set is values with one of them changed.
func set[T any](values []T, at int, v T) []T {
	values[at] = v
	return values
}

func TestLoadFaults(t *testing.T) {
	counts := func() []float32 { return roots(smallCounts()) }
	dark := counts()
	clear(dark[2*64 : 3*64])
	nan, inf := math.NaN(), math.Inf(1)
	f := smallFile
	edge := make([]complex64, 64)
	edge[0] = 1
	for name, c := range map[string]struct {
		file arrays
		want string
	}{
		"no patterns":           {f().without(keyPatterns), `missing key diffraction (or diff3d); found ["probeGuess" "xcoords" "ycoords"]`},
		"no probe, no y":        {f().without(keyProbe).without(keyY), `missing key ycoords, probeGuess; found`},
		"y of another length":   {f().with(keyY, make([]float64, 4), 4), `key "ycoords": found shape [4]; expected [5] as xcoords has`},
		"x of two axes":         {f().with(keyX, make([]float64, 5), 5, 1), `key "xcoords": found shape [5 1]; expected one axis`},
		"no positions":          {f().with(keyX, []float64{}, 0), `key "xcoords": found no positions; expected at least 1`},
		"start of other length": {f().with(keyStartY, make([]float64, 4), 4), `key "ycoords_start": found shape [4]; expected [5]`},
		"x is NaN":              {f().with(keyX, []float64{1, 2, nan, 4, 5}, 5), `key "xcoords": element 2: found NaN; expected finite positions`},
		"y is infinite":         {f().with(keyY, []float64{1, 2, 3, inf, 5}, 5), `key "ycoords": element 3: found +Inf; expected finite positions`},
		"x is complex":          {f().with(keyX, []complex128{1, 2, 3, 4, 5i}, 5), `key "xcoords": element 4: found (0+5i); expected a real number`},
		"two axes":              {f().with(keyPatterns, counts(), 5, 64), `key "diffraction": found shape [5 64]; expected (5, N, N) or (N, N, 5)`},
		"fewer patterns":        {f().with(keyPatterns, counts()[:256], 4, 8, 8), `key "diffraction": found shape [4 8 8]; expected (5, N, N) or (N, N, 5): there are 5 positions`},
		"not square":            {f().with(keyPatterns, counts(), 5, 4, 16), `found shape [5 4 16], patterns of 4×16 pixels; expected square ones`},
		"odd side":              {f().with(keyPatterns, make([]float32, 405), 5, 9, 9), `found patterns of 9×9 pixels; expected an even side of at least 8`},
		"small side":            {f().with(keyPatterns, make([]float32, 180), 5, 6, 6), `found patterns of 6×6 pixels; expected an even side of at least 8`},
		"trailing 2":            {f().with(keyPatterns, make([]float32, 640), 5, 8, 8, 2), `found shape [5 8 8 2]; expected`},
		"two sets of patterns":  {f().with(keyOld, set(counts(), 7, 2), 5, 8, 8), `key "diff3d": found other patterns than in "diffraction"; expected the same, or one of the two keys`},
		"pattern has NaN":       {f().with(keyPatterns, set(counts(), 64+8+3, float32(nan)), 5, 8, 8), `key "diffraction": pattern 1, row 1, column 3: found NaN; expected finite numbers, at least 0`},
		"pattern has infinity":  {f().with(keyPatterns, set(counts(), 0, float32(inf)), 5, 8, 8), `pattern 0, row 0, column 0: found +Inf`},
		"pattern is negative":   {f().with(keyPatterns, set(counts(), 319, -1), 5, 8, 8), `pattern 4, row 7, column 7: found -1; expected finite numbers, at least 0`},
		"one dark pattern":      {f().with(keyPatterns, dark, 5, 8, 8), `key "diffraction": pattern 2: found zeros throughout (1 such patterns of 5); expected light`},
		"all dark":              {f().with(keyPatterns, make([]float32, 320), 5, 8, 8), `key "diffraction": found zeros throughout; expected light in each of the 5 patterns`},
		"pattern too large":     {f().with(keyPatterns, set(make([]float64, 320), 1, 1e300), 5, 8, 8), `key "diffraction": element 1: found 1e+300; expected a number that float32 can hold`},
		"probe of other size":   {f().with(keyProbe, make([]complex64, 16), 4, 4), `key "probeGuess": found shape [4 4]; expected [8 8], the size of the patterns`},
		"probe modes":           {f().with(keyProbe, make([]complex64, 5*64), 5, 8, 8), `key "probeGuess": found 5 probe modes; expected 1 to N/2 = 4`},
		"probe is zero":         {f().with(keyProbe, make([]complex64, 64), 8, 8), `key "probeGuess": found zeros throughout; expected a probe with light`},
		"probe in a corner":     {f().with(keyProbe, edge, 8, 8), `key "probeGuess": found zeros within 2 pixels of the centre`},
		"probe has NaN":         {f().with(keyProbe, set(smallProbe(), 9, complex(0, float32(nan))), 8, 8), `key "probeGuess": element 9: found (0+NaNi); expected finite numbers`},
		"object of one axis":    {f().with(keyObject, []complex64{1}, 1), `key "objectGuess": found shape [1]; expected (rows, columns)`},
		"object is empty":       {f().with(keyObject, []complex64{}, 0, 4), `key "objectGuess": found shape [0 4]; expected (rows, columns)`},
		"object is infinite":    {f().with(keyObject, []complex128{1, complex(inf, 0)}, 1, 2), `key "objectGuess": element 1: found (+Inf+0i); expected finite numbers`},
		"patches of other size": {f().with(keyPatches, make([]complex64, 500), 5, 10, 10), `key "Y": found shape [5 10 10]; expected patches of 8×8 pixels as the patterns have`},
		"patches are fewer":     {f().with(keyPatches, make([]complex64, 256), 4, 8, 8), `key "Y": found shape [4 8 8]; expected (5, N, N)`},
		"scan index is shorter": {f().with(keyScan, []int64{1}, 1), `key "scan_index": found shape [1]; expected [5]`},
		"scan index, fraction":  {f().with(keyScan, []float64{1, 2, 3, 4, .5}, 5), `key "scan_index": element 4: found 0.5; expected a whole number`},
		"metadata no JSON":      {f().with(keyMetadata, "{nphotons: 1}"), `key "_metadata": found text that is no JSON object`},
		"metadata is a list":    {f().with(keyMetadata, "[1]"), `key "_metadata": found text that is no JSON object`},
		"metadata is numbers":   {f().with(keyMetadata, []float64{1}, 1), `key "_metadata": found dtype "<f8" of shape [1]; expected one unicode text that holds JSON`},
		"a probe that is text":  {f().with(keyProbe, "probe"), `key "probeGuess": found text; expected numbers`},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.file.write(t)
			_, err := Load(path, Options{})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "dataset: load: ")
			require.ErrorContains(t, err, path)
		})
	}
}

func TestLoadOptionFaults(t *testing.T) {
	for want, o := range map[string]Options{
		`option kind: found "counts"; expected auto, amplitude or intensity`: {Kind: "counts"},
		`option coord_scale: found -1; expected a number above 0`:            {CoordScale: -1},
		`option coord_scale: found NaN`:                                      {CoordScale: math.NaN()},
		`key "xcoords": element 0: found +Inf`:                               {CoordScale: math.MaxFloat64},
	} {
		_, err := smallFile().load(t, o)
		require.ErrorContains(t, err, want)
	}
}

// rewrite copies an archive and puts body under name, as it is.
func rewrite(t *testing.T, path, name string, body []byte) string {
	t.Helper()
	r, err := zip.OpenReader(path)
	require.NoError(t, err)
	out, err := os.Create(filepath.Join(t.TempDir(), "changed.npz"))
	require.NoError(t, err)
	w := zip.NewWriter(out)
	for _, f := range r.File {
		if f.Name != name {
			require.NoError(t, w.Copy(f))
		}
	}
	m, err := w.Create(name)
	require.NoError(t, err)
	_, err = m.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, out.Close())
	require.NoError(t, r.Close())
	return out.Name()
}

// pickled is the array that numpy.savez makes of a Python object.
func pickled(t *testing.T) []byte {
	t.Helper()
	r, err := zip.OpenReader(filepath.Join("npz", "testdata", "numpy.npz"))
	require.NoError(t, err)
	f, err := r.Open("object.npy")
	require.NoError(t, err)
	body, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return body
}

func TestLoadNeverUnpickles(t *testing.T) {
	path := smallFile().write(t)
	raw, err := Load(rewrite(t, path, "_metadata.npy", pickled(t)), Options{})
	require.NoError(t, err)
	require.Nil(t, raw.Metadata)
	require.Len(t, raw.Warnings, 1)
	require.Contains(t, raw.Warnings[0], `key "_metadata": it is a pickled Python object, which is never read`)

	raw, err = Load(rewrite(t, path, "extra.npy", pickled(t)), Options{})
	require.NoError(t, err)
	require.Len(t, raw.Warnings, 1)
	require.Contains(t, raw.Warnings[0], `key "extra": it is an object array, which is never read`)

	// A scalar object has no shape, which is found first.
	for _, key := range []string{keyProbe, keyX, keyPatterns, keyObject} {
		_, err = Load(rewrite(t, path, key+".npy", pickled(t)), Options{})
		require.ErrorContains(t, err, `key "`+key+`": found`)
	}
	// NumPy's header of an object array of 5.
	body := []byte("\x93NUMPY\x01\x00\x3e\x00{'descr': '|O', 'fortran_order': False, 'shape': (5,), }      \nrest")
	_, err = Load(rewrite(t, path, "xcoords.npy", body), Options{})
	require.ErrorContains(t, err, `key "xcoords": found an object array (dtype "|O"), which is pickled Python and is never read`)
}

// A file that was cut off anywhere is an error, and no panic.
func TestLoadTruncatedFiles(t *testing.T) {
	data, err := os.ReadFile(smallFile().write(t))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "cut.npz")
	for length := 0; length < len(data); length += 41 {
		require.NoError(t, os.WriteFile(path, data[:length], 0o600))
		_, err := Load(path, Options{})
		require.ErrorContains(t, err, path, "cut at %d", length)
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "no.npz"), Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "dataset: load: npz: open: ")
}
