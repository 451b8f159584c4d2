package report

import (
	"image"
	"math"
	"math/cmplx"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// object is an object of rows 20 … 25 and columns 10 … 17 with amplitude
// 1 + column/10 + row/100 and phase 3 + row/10, without a weight at (x 12, y 21).
func object() *stitch.Object {
	o := &stitch.Object{Rows: 6, Cols: 8, OriginX: 10, OriginY: 20, Data: make([]complex64, 48), Weight: make([]float32, 48)}
	for i := range o.Data {
		x, y := 10+i%8, 20+i/8
		if x != 12 || y != 21 {
			o.Data[i] = complex64(cmplx.Rect(1+float64(x)/10+float64(y)/100, 3+float64(y)/10))
			o.Weight[i] = 1
		}
	}
	return o
}

// TestObject: on columns 11 … 14 and rows 21 … 23 the phases 5.1, 5.2, 5.3 lie
// 0.1 apart. Their circular mean weighs each row with its sum of amplitudes,
// in which the value at (12, 21) is missing.
func TestObject(t *testing.T) {
	area := image.Rect(11, 21, 15, 24)
	amplitude, err := Amplitude(object(), area)
	require.NoError(t, err)
	require.Equal(t, []int{3, 4, 11, 21}, []int{amplitude.Rows, amplitude.Cols, amplitude.OriginX, amplitude.OriginY})
	require.InDelta(t, 1+1.1+.21, amplitude.Values[0], 1e-6)
	require.InDelta(t, 1+1.4+.21, amplitude.Values[3], 1e-6, "x grows with the column")
	require.InDelta(t, 1+1.1+.23, amplitude.Values[8], 1e-6, "y grows with the row")
	valid := []bool{true, false, true, true, true, true, true, true, true, true, true, true}
	require.Equal(t, valid, amplitude.Valid)

	phase, err := Phase(object(), area)
	require.NoError(t, err)
	require.Equal(t, valid, phase.Valid)
	require.Equal(t, "rad", phase.Unit)
	// a = Σ over x of 1 + x/10 + y/100
	first, second, third := 3*1.21+1.1+1.3+1.4, 4*1.22+1.1+1.2+1.3+1.4, 4*1.23+1.1+1.2+1.3+1.4
	mean := 5.2 + math.Atan2((third-first)*math.Sin(.1), second+(first+third)*math.Cos(.1))
	for i, p := range phase.Values {
		if valid[i] {
			require.InDelta(t, 5.1+.1*float64(i/4)-mean, p, 1e-6)
		}
	}

	beyond, err := Amplitude(object(), image.Rect(-100, -100, 12, 100))
	require.NoError(t, err)
	require.Equal(t, []int{6, 2, 10, 20}, []int{beyond.Rows, beyond.Cols, beyond.OriginX, beyond.OriginY})
}

// TestComparison: against itself times a factor and a ramp an object looks the
// same in both columns.
func TestComparison(t *testing.T) {
	reference := make([]complex64, 30*40)
	for i := range reference {
		x, y := float64(i%40), float64(i/40)
		if int(x) >= 10 && int(x) < 18 && int(y) >= 20 && int(y) < 26 && (int(x) != 12 || int(y) != 21) {
			reference[i] = complex64(complex128(object().Data[(int(y)-20)*8+int(x)-10]) * cmplx.Rect(2.5, 1+.4*x-.9*y+.2*math.Sin(x*y)))
		}
	}
	o := object()
	for i := range o.Data {
		x, y := float64(10+i%8), float64(20+i/8)
		o.Data[i] = complex64(complex128(o.Data[i]) * cmplx.Rect(1, .2*math.Sin(x*y)))
	}
	rows, err := Comparison(o, reference, 30, 40, image.Rect(0, 0, 40, 40))
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, []string{"Reconstructed amplitude × 2.5", "Reference amplitude", "Reconstructed phase", "Reference phase"},
		[]string{rows[0][0].Title, rows[0][1].Title, rows[1][0].Title, rows[1][1].Title})
	for _, row := range rows {
		require.InDeltaSlice(t, row[1].Values, row[0].Values, 1e-5)
		require.Equal(t, []int{6, 8, 10, 20}, []int{row[0].Rows, row[0].Cols, row[0].OriginX, row[0].OriginY})
	}
	require.InDelta(t, 2.5*(1+1+.2), rows[0][1].Values[0], 1e-5)
	require.False(t, rows[1][0].Valid[8+2])
	require.NoError(t, WriteComparison(filepath.Join(t.TempDir(), "comparison_plot.png"), rows))

	clear(o.Data)
	rows, err = Comparison(o, reference, 30, 40, image.Rect(0, 0, 40, 40))
	require.NoError(t, err, "an object of zeros is a picture too")
	require.NoError(t, WriteComparison(filepath.Join(t.TempDir(), "comparison_plot.png"), rows))
}

func TestObjectErrors(t *testing.T) {
	_, err := Amplitude(nil, image.Rect(0, 0, 1, 1))
	require.EqualError(t, err, "report: amplitude: there is no object")
	broken := object()
	broken.Weight = broken.Weight[1:]
	_, err = Phase(broken, image.Rect(0, 0, 99, 99))
	require.EqualError(t, err, "report: phase: object has 48 values and 47 weights; expected 6 rows of 8 columns of both")
	_, err = Phase(object(), image.Rect(0, 0, 5, 5))
	require.EqualError(t, err, "report: phase: area (0,0)-(5,5) and object (10,20)-(18,26) have no pixel in common; expected at least one")
	_, err = Comparison(object(), make([]complex64, 5), 2, 3, image.Rect(0, 0, 99, 99))
	require.EqualError(t, err, "report: comparison: evaluate: common area: reference: it has 5 values; expected 2 rows of 3 columns")
}
