package stitch

import (
	"fmt"
	"image"
	"math"
)

// maxCanvas is the largest canvas in pixels: 2²⁷, some 11,600 in a square, or
// 5 GB while it is summed. More than that comes from positions in wrong units.
const maxCanvas = 1 << 27

// canvas sums weighted patches. bounds are object pixels, half-open.
type canvas struct {
	bounds image.Rectangle
	sum    []complex128
	weight []float64
}

// footprint is the rectangle of pixels on which an M×M square lands.
func footprint(m int, x, y float64) image.Rectangle {
	left, right := int(math.Floor(x)), int(math.Ceil(x))
	top, bottom := int(math.Floor(y)), int(math.Ceil(y))
	return image.Rect(left, top, right+m, bottom+m).Sub(image.Pt(m/2, m/2))
}

func newCanvas(x, y []float64, m int) (*canvas, error) {
	bounds := footprint(m, x[0], y[0])
	for k := range x {
		bounds = bounds.Union(footprint(m, x[k], y[k]))
	}
	cols, rows := bounds.Dx(), bounds.Dy()
	if rows > maxCanvas/cols {
		return nil, fmt.Errorf("positions span %d rows and %d columns; expected at most %d pixels; are the coordinates in object pixels?", rows, cols, maxCanvas)
	}
	return &canvas{bounds: bounds, sum: make([]complex128, rows*cols), weight: make([]float64, rows*cols)}, nil
}

// add lays a weighted square and its weights [M, M] at the position of its
// patch. Each of the four neighbours takes its bilinear share of the whole
// square.
func (c *canvas) add(square []complex128, weight []float64, m int, x, y float64) {
	corner := footprint(m, x, y).Min.Sub(c.bounds.Min)
	right, down := x-math.Floor(x), y-math.Floor(y)
	for dy, shareY := range [2]float64{1 - down, down} {
		for dx, shareX := range [2]float64{1 - right, right} {
			share := shareX * shareY
			if share == 0 {
				continue
			}
			for i := range m {
				at := (corner.Y+dy+i)*c.bounds.Dx() + corner.X + dx
				addRow(c.sum[at:at+m], square[i*m:(i+1)*m], share)
				for j, w := range weight[i*m : (i+1)*m] {
					c.weight[at+j] += share * w
				}
			}
		}
	}
}

func addRow(sum, values []complex128, share float64) {
	for j, v := range values {
		sum[j] += complex(share*real(v), share*imag(v))
	}
}

// divide gives the object that was summed.
func (c *canvas) divide() *Object {
	object := &Object{
		Rows: c.bounds.Dy(), Cols: c.bounds.Dx(),
		OriginX: c.bounds.Min.X, OriginY: c.bounds.Min.Y,
		Data: make([]complex64, len(c.sum)), Weight: make([]float32, len(c.sum)),
	}
	for p, w := range c.weight {
		// A weight too small for float32 is no weight, so that Data is 0
		// exactly where Weight is.
		if float32(w) > 0 {
			object.Data[p] = complex(float32(real(c.sum[p])/w), float32(imag(c.sum[p])/w))
			object.Weight[p] = float32(min(w, math.MaxFloat32))
		}
	}
	return object
}
