package stitch_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/stitch"
)

func TestErrors(t *testing.T) {
	const n = 4
	nan, inf := math.NaN(), math.Inf(1)
	patches := make([]complex64, 2*n*n)
	bad := func(v complex64) []complex64 {
		p := make([]complex64, 2*n*n)
		p[n*n+2*n+1] = v
		return p
	}
	weights := func(p int, v float32) []float32 {
		w := make([]float32, n*n)
		w[5], w[p] = 1, v
		return w
	}
	two := []float64{0, 1}
	for _, c := range []struct {
		name    string
		patches []complex64
		n       int
		x, y    []float64
		options stitch.Options
		want    string
	}{
		{"no side", patches, 0, two, two, stitch.Options{}, "patch side N is 0; expected 1 … 16384"},
		{"negative side", patches, -4, two, two, stitch.Options{}, "patch side N is -4; expected 1 … 16384"},
		{"side whose square overflows", patches, 1 << 32, two, two, stitch.Options{}, "patch side N is 4294967296; expected 1 … 16384"},
		{"no positions", nil, n, nil, nil, stitch.Options{}, "there are no positions; expected at least one patch"},
		{"unlike positions", patches, n, two, []float64{1}, stitch.Options{}, "there are 2 x and 1 y positions; expected as many of one as of the other"},
		{"too few values", patches[1:], n, two, two, stitch.Options{}, "31 values for 2 positions; expected 2 patches of 4×4 pixels"},
		{"too many patches", make([]complex64, 3*n*n), n, two, two, stitch.Options{}, "48 values for 2 positions; expected 2 patches of 4×4 pixels"},
		{"M too large", patches, n, two, two, stitch.Options{M: 5}, "M is 5; expected 1 … 4, the side of a patch"},
		{"M negative", patches, n, two, two, stitch.Options{M: -1}, "M is -1; expected 1 … 4, the side of a patch"},
		{"NaN in x", patches, n, []float64{0, nan}, two, stitch.Options{}, "position 1 is (x NaN, y 1); expected object pixels within ±1e+09"},
		{"Inf in y", patches, n, two, []float64{inf, 0}, stitch.Options{}, "position 0 is (x 0, y +Inf); expected object pixels within ±1e+09"},
		{"too far", patches, n, []float64{0, 2e9}, two, stitch.Options{}, "position 1 is (x 2e+09, y 1); expected object pixels within ±1e+09"},
		{"positions in nanometres", patches, n, []float64{0, 1e6}, []float64{0, 2e6}, stitch.Options{M: 2}, "positions span 2000002 rows and 1000002 columns; expected at most 134217728 pixels; are the coordinates in object pixels?"},
		{"NaN", bad(complex(float32(nan), 0)), n, two, two, stitch.Options{M: 4}, "patch 1, row 2, column 1 is (NaN+0i); expected finite values"},
		{"Inf", bad(complex(0, float32(inf))), n, two, two, stitch.Options{M: 4}, "patch 1, row 2, column 1 is (0+Infi); expected finite values"},
		{"number of weights", patches, n, two, two, stitch.Options{Weight: make([]float32, 3)}, "there are 3 weights; expected 4×4"},
		{"negative weight", patches, n, two, two, stitch.Options{Weight: weights(6, -1)}, "weight at row 1, column 2 is -1; expected finite and at least 0"},
		{"NaN weight", patches, n, two, two, stitch.Options{Weight: weights(6, float32(nan))}, "weight at row 1, column 2 is NaN; expected finite and at least 0"},
		{"infinite weight", patches, n, two, two, stitch.Options{Weight: weights(6, float32(inf))}, "weight at row 1, column 2 is +Inf; expected finite and at least 0"},
		{"no weight in the square", patches, n, two, two, stitch.Options{M: 1, Weight: weights(0, 1)}, "all weights in the central 1×1 pixels are 0; expected some above 0, or a larger M"},
	} {
		t.Run(c.name, func(t *testing.T) {
			object, err := stitch.Patches(c.patches, c.n, c.x, c.y, c.options)
			require.EqualError(t, err, "stitch: patches: "+c.want)
			require.Nil(t, object)
		})
	}
}

// TestUnusedPixels: what lies outside the square is not looked at.
func TestUnusedPixels(t *testing.T) {
	const n = 4
	patches := make([]complex64, n*n)
	patches[0] = complex(float32(math.NaN()), 0)
	object, err := stitch.Patches(patches, n, []float64{0}, []float64{0}, stitch.Options{M: 2})
	require.NoError(t, err)
	require.Equal(t, make([]complex64, 4), object.Data)
}
