package stitch_test

import (
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/stitch"
)

func TestScannedArea(t *testing.T) {
	for _, c := range []struct {
		name string
		x, y []float64
		want image.Rectangle
	}{
		{"whole numbers", []float64{3, 7, 5}, []float64{-2, 4, 9}, image.Rect(3, -2, 8, 10)},
		{"pixel centres inside the box only", []float64{2.1, 6.9}, []float64{-1.5, 3.5}, image.Rect(3, -1, 7, 4)},
		{"the sample scan", []float64{36, 200.446}, []float64{36, 201.959}, image.Rect(36, 36, 201, 202)}, // rows 36–201, columns 36–200, as its README says
		{"one position", []float64{4.4}, []float64{7.6}, image.Rect(4, 8, 5, 9)},
		{"no centre between", []float64{4.2, 4.4}, []float64{1, 3}, image.Rect(4, 1, 5, 4)},
		{"none", nil, nil, image.Rectangle{}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, stitch.ScannedArea(c.x, c.y)) })
	}
}

// TestUncovered: squares of side 4 at x = 0 and 10 reach columns −2 … 1 and
// 8 … 11; of the scanned columns 0 … 10 the six 2 … 7 are missed. Side 10
// reaches −5 … 4 and 5 … 14, and no smaller one closes the gap: 9 reaches
// −4 … 4 and 6 … 14.
func TestUncovered(t *testing.T) {
	const n = 16
	patches := make([]complex64, 2*n*n)
	x, y := []float64{0, 10}, []float64{0, 0}
	object, err := stitch.Patches(patches, n, x, y, stitch.Options{M: 4})
	require.NoError(t, err)
	require.InDelta(t, 6./11, object.Uncovered, 1e-15)
	require.Equal(t, 10, object.SuggestedM)
	require.Equal(t, image.Rect(0, 0, 11, 1), object.Scanned)

	object, err = stitch.Patches(patches, n, x, y, stitch.Options{M: object.SuggestedM})
	require.NoError(t, err)
	require.Zero(t, object.Uncovered)
	require.Zero(t, object.SuggestedM)

	object, err = stitch.Patches(patches, n, x, y, stitch.Options{M: 9})
	require.NoError(t, err)
	require.InDelta(t, 1./11, object.Uncovered, 1e-15)
	require.Equal(t, 10, object.SuggestedM)

	object, err = stitch.Patches(patches, n, []float64{0, 40}, y, stitch.Options{M: 4})
	require.NoError(t, err)
	require.Zero(t, object.SuggestedM, "patches of 16 cannot reach across 40")
	require.InDelta(t, 36./41, object.Uncovered, 1e-15, "of columns 0 … 40 those from 2 to 37 are bare")
}

// TestUncoveredAsymmetric: with x and y exchanged the gap lies in rows.
func TestUncoveredAsymmetric(t *testing.T) {
	const n = 16
	x, y := []float64{0, 3, 0, 3}, []float64{0, 0, 9, 9}
	object, err := stitch.Patches(make([]complex64, 4*n*n), n, x, y, stitch.Options{M: 4})
	require.NoError(t, err)
	// Rows −2 … 1 and 7 … 10 of 0 … 9: 5 rows of 10 are bare over all columns.
	require.InDelta(t, .5, object.Uncovered, 1e-15)
	require.Equal(t, image.Rect(0, 0, 4, 10), object.Scanned)
	// Side 9 reaches rows −4 … 4 and 5 … 13, side 8 only −4 … 3.
	require.Equal(t, 9, object.SuggestedM)
}

// TestUncoveredHull: three positions make a triangle of 13, 11, … 1 pixels in
// its rows 0 … 6, 49 in all. Squares of side 12 reach −6 … 5 on both axes, all
// of the triangle, though not the corner (12, 6) of the box. Side 11 reaches
// −5 … 5: column 6 is bare in the rows 0 … 3 that have it. With x and y exchanged
// the same holds; a position on an edge and some that come twice change nothing.
func TestUncoveredHull(t *testing.T) {
	const n = 16
	x, y := []float64{0, 12, 0, 0, 0, 12}, []float64{0, 0, 6, 0, 2, 0}
	for _, c := range []struct {
		m         int
		uncovered float64
		suggested int
	}{{12, 0, 0}, {11, 4. / 49, 12}} {
		for range 2 {
			object, err := stitch.Patches(make([]complex64, len(x)*n*n), n, x, y, stitch.Options{M: c.m})
			require.NoError(t, err)
			require.InDelta(t, c.uncovered, object.Uncovered, 1e-15)
			require.Equal(t, c.suggested, object.SuggestedM)
			x, y = y, x
		}
	}
	// A slanted line between pixel centres has no pixel, nor anything to miss.
	object, err := stitch.Patches(make([]complex64, 2*n*n), n, []float64{.5, 30.5}, []float64{0, 30}, stitch.Options{M: 2})
	require.NoError(t, err)
	require.Zero(t, object.Uncovered)
}

// TestGapsOfWeights: a gap that the weights make is no matter of M.
func TestGapsOfWeights(t *testing.T) {
	const n = 8
	weight := make([]float32, n*n)
	weight[4*n+4] = 1 // the centre only
	object, err := stitch.Patches(make([]complex64, 2*n*n), n, []float64{0, 2}, []float64{0, 0}, stitch.Options{M: 6, Weight: weight})
	require.NoError(t, err)
	require.InDelta(t, 1./3, object.Uncovered, 1e-15)
	require.Zero(t, object.SuggestedM)
}
