package dataset

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
)

const (
	// linesCover is about the share of the object that lies under lines.
	linesCover         = 0.3
	minWidth, maxWidth = 1.5, 5.0 // of a line in pixels
	minLine, maxLine   = 0.15, 0.6
	maxLineAbsorption  = 0.35
	maxLinesPhase      = 2.4 // rad, where many lines cross
)

// lines is an object of straight lines, or fibres, that run through the whole
// of it at random places and angles. Each has a width, a phase of 0.15 … 0.6 rad
// and an absorption of 0 … 0.35 of its own, so that amplitude and phase are not
// copies of each other; where lines cross, phases add, up to 2.4 rad, and
// transmissions multiply.
func lines(rows, cols int, r *rand.Rand) *Image {
	phase, transmission := make([]float64, rows*cols), make([]float64, rows*cols)
	for p := range transmission {
		transmission[p] = 1
	}
	// A line of mean width that crosses a square covers width·side of side².
	side := math.Sqrt(float64(rows) * float64(cols))
	for range int(math.Ceil(linesCover * side / ((minWidth + maxWidth) / 2))) {
		x, y := r.Float64()*float64(cols), r.Float64()*float64(rows)
		sin, cos := math.Sincos(math.Pi * r.Float64())
		width := minWidth + (maxWidth-minWidth)*r.Float64()
		phi, absorbed := minLine+(maxLine-minLine)*r.Float64(), maxLineAbsorption*r.Float64()
		alongLine(rows, cols, x, y, cos, sin, width, func(p int, covered float64) {
			phase[p] += phi * covered
			transmission[p] *= 1 - absorbed*covered
		})
	}
	object := &Image{Rows: rows, Cols: cols, Data: make([]complex64, rows*cols)}
	for p := range object.Data {
		object.Data[p] = complex64(cmplx.Rect(transmission[p], min(phase[p], maxLinesPhase)))
	}
	return object
}

// alongLine visits the pixels that a line of some width through (x, y) in the
// direction (cos, sin) covers, with the share of each that it covers: 1 within,
// falling to 0 over one pixel at its edges. It goes along the axis that the line
// follows more, so that the time grows with the line and not with the object.
func alongLine(rows, cols int, x, y, cos, sin, width float64, visit func(p int, covered float64)) {
	steep := math.Abs(sin) > math.Abs(cos)
	length, across := cols, rows
	if steep {
		x, y, cos, sin = y, x, sin, cos
		length, across = rows, cols
	}
	reach := (width/2 + 1) / math.Abs(cos)
	for u := range length {
		middle := y + (float64(u)-x)*sin/cos
		for v := max(0, int(math.Ceil(middle-reach))); v <= min(across-1, int(math.Floor(middle+reach))); v++ {
			distance := math.Abs(float64(v)-middle) * math.Abs(cos)
			covered := min(1, width/2+0.5-distance)
			if covered <= 0 {
				continue
			}
			if steep {
				visit(u*cols+v, covered)
			} else {
				visit(v*cols+u, covered)
			}
		}
	}
}
