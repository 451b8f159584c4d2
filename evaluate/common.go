package evaluate

import (
	"errors"
	"fmt"
	"image"
	"math/cmplx"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// minPixels is the smallest number of pixels that are compared: a plane and a
// correlation of fewer say nothing.
const minPixels = 16

// Pair is an object and a reference, cut to their common area. Make it with
// Common.
type Pair struct {
	// Area is where they were cut, in object pixels, half-open.
	Area image.Rectangle
	// Object and Reference are [Area.Dy(), Area.Dx()], row by row.
	Object, Reference []complex128
	// Valid says which pixels have a weight above 0 in both, and Pixels how
	// many these are. The values of others are 0.
	Valid  []bool
	Pixels int
}

// Common cuts an object and a reference to the pixels of area that lie on
// both. An object without Weight has it everywhere. Errors are those of
// Compare.
func Common(object, reference *stitch.Object, area image.Rectangle) (*Pair, error) {
	p, err := common(object, reference, area)
	if err != nil {
		return nil, fmt.Errorf("evaluate: common area: %w", err)
	}
	return p, nil
}

func common(object, reference *stitch.Object, area image.Rectangle) (*Pair, error) {
	if err := check(object); err != nil {
		return nil, fmt.Errorf("object: %w", err)
	}
	if err := check(reference); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	p := &Pair{Area: area.Intersect(bounds(object)).Intersect(bounds(reference))}
	size := p.Area.Dx() * p.Area.Dy()
	p.Object, p.Reference, p.Valid = make([]complex128, size), make([]complex128, size), make([]bool, size)
	zero := true
	for i := range size {
		x, y := p.Area.Min.X+i%p.Area.Dx(), p.Area.Min.Y+i/p.Area.Dx()
		a, b := index(object, x, y), index(reference, x, y)
		if !covered(object, a) || !covered(reference, b) {
			continue
		}
		if err := errors.Join(finite("object", object.Data[a], x, y), finite("reference", reference.Data[b], x, y)); err != nil {
			return nil, err
		}
		p.Object[i], p.Reference[i], p.Valid[i] = complex128(object.Data[a]), complex128(reference.Data[b]), true
		p.Pixels++
		zero = zero && reference.Data[b] == 0
	}
	switch {
	case p.Pixels < minPixels:
		return nil, fmt.Errorf("area %s, object %s and reference %s have %d pixels with a weight in common; expected at least %d; do positions and reference share their origin?",
			extent(area), extent(bounds(object)), extent(bounds(reference)), p.Pixels, minPixels)
	case zero:
		return nil, fmt.Errorf("reference is 0 on all %d common pixels; expected an object", p.Pixels)
	}
	return p, nil
}

func check(o *stitch.Object) error {
	switch {
	case o == nil:
		return errors.New("there is none")
	case o.Rows < 1 || o.Cols < 1:
		return fmt.Errorf("it has %d rows and %d columns; expected at least 1 of both", o.Rows, o.Cols)
	case len(o.Data)%o.Cols != 0 || len(o.Data)/o.Cols != o.Rows:
		return fmt.Errorf("it has %d values; expected %d rows of %d columns", len(o.Data), o.Rows, o.Cols)
	case len(o.Weight) != 0 && len(o.Weight) != len(o.Data):
		return fmt.Errorf("it has %d weights; expected %d, one for each value, or none", len(o.Weight), len(o.Data))
	}
	return nil
}

func finite(name string, v complex64, x, y int) error {
	if z := complex128(v); cmplx.IsNaN(z) || cmplx.IsInf(z) {
		return fmt.Errorf("%s is %v at object pixel (x %d, y %d); expected finite values", name, v, x, y)
	}
	return nil
}

// bounds is the canvas of an object, in object pixels.
func bounds(o *stitch.Object) image.Rectangle {
	return image.Rect(0, 0, o.Cols, o.Rows).Add(image.Pt(o.OriginX, o.OriginY))
}

func index(o *stitch.Object, x, y int) int { return (y-o.OriginY)*o.Cols + x - o.OriginX }

func covered(o *stitch.Object, i int) bool { return len(o.Weight) == 0 || o.Weight[i] > 0 }

// extent words a rectangle.
func extent(r image.Rectangle) string {
	if r.Empty() {
		return "(no pixels)"
	}
	return fmt.Sprintf("(columns %d–%d, rows %d–%d)", r.Min.X, r.Max.X-1, r.Min.Y, r.Max.Y-1)
}

// used are the values of the valid pixels.
func (p *Pair) used(values []float64) []float64 {
	used := make([]float64, 0, p.Pixels)
	for i, valid := range p.Valid {
		if valid {
			used = append(used, values[i])
		}
	}
	return used
}
