package report

import (
	"fmt"
	"image"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Amplitude is the picture of an object's amplitude on area, as far as the
// canvas holds it. Errors: no object, lengths that do not agree, no pixel of
// area on the canvas.
func Amplitude(o *stitch.Object, area image.Rectangle) (Image, error) {
	c, err := crop(o, area)
	if err != nil {
		return Image{}, fmt.Errorf("report: amplitude: %w", err)
	}
	return c.image("Reconstructed amplitude", "amplitude", evaluate.Amplitude(c.values)), nil
}

// Phase is the picture of an object's phase on area, in radians within (−π, π]
// about its circular mean. Errors as for Amplitude.
func Phase(o *stitch.Object, area image.Rectangle) (Image, error) {
	c, err := crop(o, area)
	if err != nil {
		return Image{}, fmt.Errorf("report: phase: %w", err)
	}
	return c.image("Reconstructed phase", "rad", evaluate.CentrePhase(c.values, c.valid)), nil
}

// Comparison gives the pictures of an object beside a reference, for
// WriteComparison: amplitudes above, the object's scaled to the reference's
// mean, and phases below, each without its own plane, see
// evaluate.FlattenPhase. Reference, area and errors are those of
// evaluate.Compare.
func Comparison(object *stitch.Object, reference []complex64, refRows, refCols int, area image.Rectangle) ([][]Image, error) {
	p, err := evaluate.Common(object, &stitch.Object{Rows: refRows, Cols: refCols, Data: reference}, area)
	if err != nil {
		return nil, fmt.Errorf("report: comparison: %w", err)
	}
	c := cut{area: p.Area, valid: p.Valid}
	amplitude, refAmplitude := evaluate.Amplitude(p.Object), evaluate.Amplitude(p.Reference)
	factor := sum(refAmplitude) / sum(amplitude)
	if sum(amplitude) == 0 {
		factor = 1
	}
	for i := range amplitude {
		amplitude[i] *= factor
	}
	phase, _ := evaluate.FlattenPhase(p.Object, p.Valid, p.Area.Dx())
	refPhase, _ := evaluate.FlattenPhase(p.Reference, p.Valid, p.Area.Dx())
	return [][]Image{
		{c.image(fmt.Sprintf("Reconstructed amplitude × %.3g", factor), "amplitude", amplitude), c.image("Reference amplitude", "amplitude", refAmplitude)},
		{c.image("Reconstructed phase", "rad", phase), c.image("Reference phase", "rad", refPhase)},
	}, nil
}

// sum adds values; those of pixels without a weight are 0.
func sum(values []float64) float64 {
	total := 0.
	for _, v := range values {
		total += v
	}
	return total
}

// cut is a part of an object.
type cut struct {
	area   image.Rectangle
	values []complex128 // 0 where not valid
	valid  []bool
}

func crop(o *stitch.Object, area image.Rectangle) (*cut, error) {
	switch {
	case o == nil:
		return nil, fmt.Errorf("there is no object")
	case o.Cols < 1 || len(o.Data)%o.Cols != 0 || len(o.Data)/o.Cols != o.Rows || len(o.Weight) != len(o.Data):
		return nil, fmt.Errorf("object has %d values and %d weights; expected %d rows of %d columns of both", len(o.Data), len(o.Weight), o.Rows, o.Cols)
	}
	canvas := image.Rect(0, 0, o.Cols, o.Rows).Add(image.Pt(o.OriginX, o.OriginY))
	c := &cut{area: area.Intersect(canvas)}
	if c.area.Empty() {
		return nil, fmt.Errorf("area %v and object %v have no pixel in common; expected at least one", area, canvas)
	}
	for y := c.area.Min.Y; y < c.area.Max.Y; y++ {
		for x := c.area.Min.X; x < c.area.Max.X; x++ {
			i := (y-o.OriginY)*o.Cols + x - o.OriginX
			valid := o.Weight[i] > 0
			value := complex128(0)
			if valid {
				value = complex128(o.Data[i])
			}
			c.values, c.valid = append(c.values, value), append(c.valid, valid)
		}
	}
	return c, nil
}

// image is the picture of a quantity on the cut.
func (c *cut) image(title, unit string, values []float64) Image {
	return Image{
		Title: title, Unit: unit, Values: values, Valid: c.valid,
		Rows: c.area.Dy(), Cols: c.area.Dx(), OriginX: c.area.Min.X, OriginY: c.area.Min.Y,
	}
}
