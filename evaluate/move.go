package evaluate

import (
	"image"
	"math"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// lobes is the reach, in pixels, of the interpolation.
const lobes = 3

// move gives an object on area whose pixel (x, y) is the object at (x, y) +
// shift. Whole pixels are moved as they are. Fractions are interpolated with
// Lanczos' windowed sinc of three lobes: a Fourier shift would wrap the object
// around and ring from its edges, a bilinear one blur what is compared. The
// slopes of plane, which an interpolation would not follow, are taken off
// before and put on again afterwards. Pixels within 3 of one without a weight
// have none.
func move(o *stitch.Object, shift [2]float64, plane Plane, area image.Rectangle) *stitch.Object {
	wholeX, tapsX := taps(shift[0], plane.X)
	wholeY, tapsY := taps(shift[1], plane.Y)
	area = area.Intersect(bounds(o).Sub(image.Pt(wholeX, wholeY)))
	out := &stitch.Object{
		Rows: area.Dy(), Cols: area.Dx(), OriginX: area.Min.X, OriginY: area.Min.Y,
		Data: make([]complex64, area.Dx()*area.Dy()), Weight: make([]float32, area.Dx()*area.Dy()),
	}
	for i := range out.Data {
		x, y := area.Min.X+i%area.Dx()+wholeX, area.Min.Y+i/area.Dx()+wholeY
		if v, ok := interpolate(o, x, y, tapsX, tapsY); ok {
			out.Data[i], out.Weight[i] = complex64(v), 1
		}
	}
	return out
}

// tap is a neighbour, so many pixels away, and its weight.
type tap struct {
	offset int
	weight complex128
}

// taps splits a shift into whole pixels and an interpolation half a pixel or
// less from there. Its weights are real ones that sum to 1, turned by the ramp
// of slope between the neighbour and the place in between.
func taps(shift, slope float64) (whole int, out []tap) {
	nearest := math.Round(shift)
	fraction := shift - nearest
	if math.Abs(fraction) < resolution/2 {
		return int(nearest), []tap{{0, 1}}
	}
	sum := 0.
	for offset := -lobes; offset <= lobes; offset++ {
		d := float64(offset) - fraction
		if math.Abs(d) < lobes {
			w := sinc(d) * sinc(d/lobes)
			out = append(out, tap{offset, complex(w, 0) * unit(-slope*d)})
			sum += w
		}
	}
	for i := range out {
		out[i].weight /= complex(sum, 0)
	}
	return int(nearest), out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// interpolate sums the neighbours of pixel (x, y), all of which must have a
// weight and be finite.
func interpolate(o *stitch.Object, x, y int, tapsX, tapsY []tap) (complex128, bool) {
	var sum complex128
	for _, ty := range tapsY {
		for _, tx := range tapsX {
			at := image.Pt(x+tx.offset, y+ty.offset)
			if !at.In(bounds(o)) {
				return 0, false
			}
			i := index(o, at.X, at.Y)
			if !covered(o, i) || finite("object", o.Data[i], at.X, at.Y) != nil {
				return 0, false
			}
			sum += ty.weight * tx.weight * complex128(o.Data[i])
		}
	}
	return sum, true
}
