package dataset

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// arrays is a file in the making.
type arrays map[string]npz.Array

// A small scan: 5 patterns of 8×8, asymmetric in every direction. Pattern k has
// k + row·10 + column + 2 counts.
const (
	smallN    = 5
	smallSide = 8
)

func smallCounts() []float64 {
	var out []float64
	for k := range smallN {
		for p := range smallSide * smallSide {
			out = append(out, float64(k+p/smallSide*10+p%smallSide+2))
		}
	}
	return out
}

func roots(counts []float64) []float32 {
	out := make([]float32, len(counts))
	for i, c := range counts {
		out[i] = float32(math.Sqrt(c))
	}
	return out
}

func smallProbe() []complex64 {
	probe := make([]complex64, smallSide*smallSide)
	for p := range probe {
		probe[p] = complex(float32(p+1), float32(p%3))
	}
	return probe
}

func smallFile() arrays {
	return arrays{
		keyPatterns: {Data: roots(smallCounts()), Shape: []int{smallN, smallSide, smallSide}},
		keyX:        {Data: []float64{10, 11.5, 13, 10.25, 12}, Shape: []int{smallN}},
		keyY:        {Data: []float64{20, 20, 21, 22.5, 23}, Shape: []int{smallN}},
		keyProbe:    {Data: smallProbe(), Shape: []int{smallSide, smallSide}},
	}
}

// with is the file with a change.
func (a arrays) with(key string, data any, shape ...int) arrays {
	out := maps.Clone(a)
	out[key] = npz.Array{Data: data, Shape: shape}
	return out
}

func (a arrays) without(key string) arrays {
	out := maps.Clone(a)
	delete(out, key)
	return out
}

// write gives the path of the file.
func (a arrays) write(t *testing.T) string {
	t.Helper()
	var list []npz.Array
	for _, key := range slices.Sorted(maps.Keys(a)) {
		item := a[key]
		item.Key = key
		list = append(list, item)
	}
	path := filepath.Join(t.TempDir(), "scan.npz")
	require.NoError(t, npz.Write(path, list...))
	return path
}

func (a arrays) load(t *testing.T, o Options) (*Raw, error) {
	t.Helper()
	path := a.write(t)
	raw, err := Load(path, o)
	requireSource(t, path, o, raw, err)
	return raw, err
}
