// Package report shows what a run gave: objects as pictures, and all of it on
// one page.
//
// Pictures lie as objects do: x, the column, grows to the right and y, the row,
// downwards, so that the first pixel is the one at the top left.
package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Image is a real quantity [Rows, Cols] over object pixels, row by row.
type Image struct {
	// Title stands above the picture, Unit above its colour bar.
	Title, Unit string
	Values      []float64
	Rows, Cols  int
	// OriginX and OriginY are the column and row, in object pixels, of the
	// first value.
	OriginX, OriginY int
	// Valid says which pixels have a value; the others are drawn in a colour
	// that the palette does not have. nil: all.
	Valid []bool
	// Min and Max are the values at the ends of the colour bar; values beyond
	// get the colour of the end. Both 0: the percentiles 0.5 and 99.5 of the
	// valid values.
	Min, Max float64
	Palette  Palette
}

func (im *Image) check() error {
	switch {
	case im.Rows < 1 || im.Cols < 1:
		return fmt.Errorf("image has %d rows and %d columns; expected at least 1 of both", im.Rows, im.Cols)
	case len(im.Values)%im.Cols != 0 || len(im.Values)/im.Cols != im.Rows:
		return fmt.Errorf("image has %d values; expected %d rows of %d columns", len(im.Values), im.Rows, im.Cols)
	case im.Valid != nil && len(im.Valid) != len(im.Values):
		return fmt.Errorf("image has %d marks of valid pixels; expected %d, one for each value, or none", len(im.Valid), len(im.Values))
	case !im.Palette.known():
		return fmt.Errorf("image has palette %d; expected one of this package", im.Palette)
	}
	for i, v := range im.Values {
		if im.valid(i) && (math.IsNaN(v) || math.IsInf(v, 0)) {
			return fmt.Errorf("image has the value %v at row %d, column %d; expected finite values", v, i/im.Cols, i%im.Cols)
		}
	}
	return nil
}

func (im *Image) valid(i int) bool { return im.Valid == nil || im.Valid[i] }

// maxSample is how many values of an image the percentiles look at.
const maxSample = 1 << 20

// colourRange is the range of the colour bar that images share: the first
// one's Min and Max, or percentiles of all. A range without extent is widened.
func colourRange(images []Image) (low, high float64, err error) {
	low, high = images[0].Min, images[0].Max
	if low == 0 && high == 0 {
		if low, high, err = percentiles(images); err != nil {
			return 0, 0, err
		}
		if low == high {
			half := math.Abs(low) / 2
			if half == 0 {
				half = 1
			}
			low, high = low-half, high+half
		}
	}
	// Written so that NaN fails too.
	if !(low < high) || math.IsInf(high-low, 0) {
		return 0, 0, fmt.Errorf("colours range from %g to %g; expected two finite values, the lower first", low, high)
	}
	return low, high, nil
}

func percentiles(images []Image) (low, high float64, err error) {
	var values []float64
	for k := range images {
		step := 1 + len(images[k].Values)/maxSample
		for i := 0; i < len(images[k].Values); i += step {
			if images[k].valid(i) {
				values = append(values, images[k].Values[i])
			}
		}
	}
	if len(values) == 0 {
		return 0, 0, errors.New("no pixel has a value; expected at least one")
	}
	slices.Sort(values)
	last := float64(len(values) - 1)
	return values[int(math.Round(.005*last))], values[int(math.Round(.995*last))], nil
}
