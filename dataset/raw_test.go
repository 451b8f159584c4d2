package dataset

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func smallRaw() *Raw {
	patches := make([]complex64, smallN*smallSide*smallSide)
	for i := range patches {
		patches[i] = complex(float32(i), 1)
	}
	return &Raw{
		N: smallSide, Amplitude: roots(smallCounts()), Probe: smallProbe(), Counts: true, Patches: patches,
		X: []float64{10, 11.5, 13, 10.25, 12}, Y: []float64{20, 20, 21, 22.5, 23}, ScanIndex: []int64{0, 0, 1, 1, 2},
		Object:   &Image{Rows: 2, Cols: 3, Data: []complex64{1, 2i, 3, 4, 5, 6}},
		Metadata: map[string]any{"nphotons": 1e9, "sample": "würfel", "parts": []any{1.5, true, nil}},
	}
}

func TestWriteAndLoad(t *testing.T) {
	for name, change := range map[string]func(*Raw){
		"everything": func(*Raw) {},
		"the least": func(r *Raw) {
			r.Object, r.Patches, r.Metadata = nil, nil, nil
			r.ScanIndex = make([]int64, smallN)
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := smallRaw()
			change(want)
			path := filepath.Join(t.TempDir(), "scan.npz")
			require.NoError(t, want.Write(path))
			got, err := Load(path, Options{Kind: KindAmplitude})
			require.NoError(t, err)
			require.Len(t, got.SHA256, 64)
			want.Path, want.SHA256 = path, got.SHA256
			require.Equal(t, want, got)

			again := filepath.Join(t.TempDir(), "again.npz")
			require.NoError(t, got.Write(again))
			second, err := Load(again, Options{})
			require.NoError(t, err)
			require.Equal(t, got.SHA256, second.SHA256, "the same scan must give the same bytes")
		})
	}
}

func TestWriteRefusesWhatLoadWould(t *testing.T) {
	for want, change := range map[string]func(*Raw){
		"found patterns of 7×7 pixels; expected an even side": func(r *Raw) { r.N = 7 },
		"found no positions":                                                          func(r *Raw) { r.X = nil },
		"found 4 y positions; expected 5":                                             func(r *Raw) { r.Y = r.Y[1:] },
		"found 319 amplitudes; expected 320":                                          func(r *Raw) { r.Amplitude = r.Amplitude[1:] },
		"found 0 values of the probe; expected 64":                                    func(r *Raw) { r.Probe = nil },
		"found 1 scan indices; expected 5":                                            func(r *Raw) { r.ScanIndex = r.ScanIndex[:1] },
		"found 1 values of the patches; expected 320":                                 func(r *Raw) { r.Patches = r.Patches[:1] },
		"found an object of 6 values; expected 2×4":                                   func(r *Raw) { r.Object.Cols = 4 },
		`key "xcoords": element 1: found NaN`:                                         func(r *Raw) { r.X[1] = math.NaN() },
		`key "diffraction": pattern 0, row 0, column 1: found -1`:                     func(r *Raw) { r.Amplitude[1] = -1 },
		`key "probeGuess": found zeros throughout`:                                    func(r *Raw) { clear(r.Probe) },
		`key "objectGuess": element 0: found (+Inf+0i)`:                               func(r *Raw) { r.Object.Data[0] = complex64(complex(math.Inf(1), 0)) },
		`key "_metadata": json: unsupported value: NaN`:                               func(r *Raw) { r.Metadata["nphotons"] = math.NaN() },
		`key "diffraction": pattern 1: found zeros throughout (1 such patterns of 5)`: func(r *Raw) { clear(r.Amplitude[64:128]) },
	} {
		r := smallRaw()
		change(r)
		path := filepath.Join(t.TempDir(), "scan.npz")
		err := r.Write(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "dataset: write: "+path)
		_, err = os.Stat(path)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestSubset(t *testing.T) {
	r := smallRaw()
	s := r.Subset([]int{3, 1})
	require.NoError(t, s.Check())
	require.Equal(t, 2, s.Len())
	require.Equal(t, []float64{10.25, 11.5}, s.X)
	require.Equal(t, []float64{22.5, 20}, s.Y)
	require.Equal(t, []int64{1, 0}, s.ScanIndex)
	require.Equal(t, slices.Concat(r.Amplitude[192:256], r.Amplitude[64:128]), s.Amplitude)
	require.Equal(t, slices.Concat(r.Patches[192:256], r.Patches[64:128]), s.Patches)
	require.Equal(t, r.Object, s.Object)
	s.Amplitude[0], s.X[0] = 99, 99
	require.Equal(t, smallRaw(), r, "the scan itself must not change")
}

func TestSubsample(t *testing.T) {
	chosen := Subsample(1000, 100, 7)
	require.Len(t, chosen, 100)
	for i := 1; i < len(chosen); i++ {
		require.Less(t, chosen[i-1], chosen[i])
	}
	require.GreaterOrEqual(t, chosen[0], 0)
	require.Less(t, chosen[99], 1000)
	require.Equal(t, chosen, Subsample(1000, 100, 7))
	require.NotEqual(t, chosen, Subsample(1000, 100, 8))
	require.Equal(t, []int{0, 1, 2}, Subsample(3, 5, 1))
	require.Empty(t, Subsample(3, 0, 1))
	require.Empty(t, Subsample(3, -1, 1))
	// Every number is as likely as any other: 4000 of 10 taken 3 times give
	// 1200 each, with a deviation of √(4000·0.3·0.7) = 29.
	var hits [10]int
	for seed := range uint64(4000) {
		for _, i := range Subsample(10, 3, seed) {
			hits[i]++
		}
	}
	for _, h := range hits {
		require.InDelta(t, 1200, h, 5*29)
	}
}
