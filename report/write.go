package report

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"

	"github.com/ptychobridge/ptychobridge/wholefile"
)

// WriteImage writes an image as a PNG file with a title, axes in object pixels
// and a colour bar. Each value is a square of 2 or more screen pixels, without
// smoothing; images of more than 2048 pixels a side get one or less.
//
// Pictures are written under another name and renamed, so that a file is whole
// or as it was before. Errors: sizes and lengths that do not agree, values that
// are not finite, a range that is none, no valid value, and those of the file
// system.
func WriteImage(path string, im Image) error {
	return write("image", path, [][]Image{{im}})
}

// WriteComparison writes rows of images as one PNG file, as WriteImage does.
// All images must have one size. A row has the palette and the unit of its first
// image and one range of colours: that of its first image, or the percentiles
// of them all.
func WriteComparison(path string, rows [][]Image) error {
	return write("comparison", path, rows)
}

func write(what, path string, rows [][]Image) error {
	err := checkRows(rows)
	var f *figure
	if err == nil {
		f, err = newFigure(rows)
	}
	var picture bytes.Buffer
	if err == nil {
		err = png.Encode(&picture, f.draw())
	}
	if err == nil {
		err = wholefile.WriteBytes(path, picture.Bytes())
	}
	if err != nil {
		return fmt.Errorf("report: write %s: %s: %w", what, path, err)
	}
	return nil
}

func checkRows(rows [][]Image) error {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return errors.New("there are no images; expected at least one")
	}
	first := rows[0][0]
	for _, row := range rows {
		if len(row) != len(rows[0]) {
			return fmt.Errorf("rows have %d and %d images; expected as many in each", len(rows[0]), len(row))
		}
		for _, im := range row {
			if err := im.check(); err != nil {
				return err
			}
			if im.Rows != first.Rows || im.Cols != first.Cols {
				return fmt.Errorf("images have %d×%d and %d×%d pixels; expected one size", first.Rows, first.Cols, im.Rows, im.Cols)
			}
		}
	}
	return nil
}
