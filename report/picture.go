package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math"
	"strconv"
)

// maxPageSide is how many pixels a side a picture in a page has at most.
const maxPageSide = 1024

// picture is an image as the page shows it: its pixels and its colour bar as
// PNGs in the page, its axes and labels as text around them.
type picture struct {
	Title, Unit, Alt string
	Pixels, Bar      template.URL
	Rows, Cols       int
	Thinned          int // every so many pixels one is shown; 1: all
	X, Y, Colours    []mark
	Width            string // of the widest that it should be shown, in rem
}

// mark is a label at a percentage of an axis.
type mark struct{ At, Label string }

// pictures makes the pictures of a row of images that share a range of colours.
func pictures(row []Image) ([]picture, error) {
	if err := checkRows([][]Image{row}); err != nil {
		return nil, err
	}
	low, high, err := colourRange(row)
	if err != nil {
		return nil, err
	}
	palette := row[0].Palette
	var out []picture
	for i := range row {
		p, err := row[i].picture(palette, low, high)
		if err != nil {
			return nil, err
		}
		p.Unit = row[0].Unit
		out = append(out, p)
	}
	return out, nil
}

func (im *Image) picture(palette Palette, low, high float64) (p picture, err error) {
	p = picture{
		Title: im.Title, Rows: im.Rows, Cols: im.Cols,
		Thinned: 1 + (max(im.Rows, im.Cols)-1)/maxPageSide,
		Alt: fmt.Sprintf("%s: %d × %d object pixels from x %d, y %d; colours from %s to %s %s",
			im.Title, im.Cols, im.Rows, im.OriginX, im.OriginY, Number(low), Number(high), im.Unit),
	}
	if p.Pixels, err = encode(im.shades(palette, low, high, p.Thinned)); err != nil {
		return p, err
	}
	if p.Bar, err = encode(bar(palette)); err != nil {
		return p, err
	}
	p.X = pixelMarks(im.OriginX, im.Cols)
	p.Y = pixelMarks(im.OriginY, im.Rows)
	for _, t := range ticks(low, high, 7, 0) {
		p.Colours = append(p.Colours, mark{percent((high - t.value) / (high - low)), t.label})
	}
	p.Width = strconv.FormatFloat(max(9, 32*min(1, float64(im.Cols)/float64(im.Rows))), 'f', 1, 64)
	return p, nil
}

// pixelMarks are ticks at the centres of pixels.
func pixelMarks(origin, n int) []mark {
	var marks []mark
	for _, t := range ticks(float64(origin), float64(origin+n-1), 5, 1) {
		marks = append(marks, mark{percent((t.value - float64(origin) + .5) / float64(n)), t.label})
	}
	return marks
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) }

// shades is how many colours of a palette a picture of a page has, besides
// that of pixels without a value.
const shades = 255

// indexed gives a palette's colours from the lowest value to the highest, and
// behind them that of pixels without a value.
func indexed(p Palette) color.Palette {
	var colours color.Palette
	for i := range shades {
		colours = append(colours, p.at(float64(i)/(shades-1)))
	}
	return append(colours, p.missing())
}

// shades draws every step-th pixel.
func (im *Image) shades(p Palette, low, high float64, step int) *image.Paletted {
	cols, rows := (im.Cols+step-1)/step, (im.Rows+step-1)/step
	out := image.NewPaletted(image.Rect(0, 0, cols, rows), indexed(p))
	for y := range rows {
		for x := range cols {
			i := y*step*im.Cols + x*step
			shade := uint8(shades)
			if im.valid(i) {
				value := min(max(im.Values[i], low), high)
				shade = uint8(math.Round((value - low) / (high - low) * (shades - 1)))
			}
			out.SetColorIndex(x, y, shade)
		}
	}
	return out
}

// bar is a colour bar, the highest value at the top.
func bar(p Palette) *image.Paletted {
	out := image.NewPaletted(image.Rect(0, 0, 1, shades), indexed(p))
	for y := range shades {
		out.SetColorIndex(0, y, uint8(shades-1-y))
	}
	return out
}

// encode puts a picture into an address.
func encode(picture image.Image) (template.URL, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}
