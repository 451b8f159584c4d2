package parity

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/report"
)

// outputImages are the first images of a pair of outputs and their difference.
type outputImages struct {
	Name, Verdict string
	Both          []report.Image // with one range of colours
	Apart         []report.Image // first minus second
	Caption       string
	Missing       string // why there are no pictures
}

// imageAxis finds the image in a shape: the first of two axes beside one
// another that are not of length 1, −1 where there are none. Of several, those
// are taken whose shorter side is the longest, then the squarest, then the last:
// so rows and columns are found with channels before or behind them.
func imageAxis(shape graph.Shape) int {
	best, shorter, longer := -1, 0, 0
	for a := range len(shape) - 1 {
		lo, hi := min(shape[a], shape[a+1]), max(shape[a], shape[a+1])
		if lo > 1 && (lo > shorter || lo == shorter && hi <= longer) {
			best, shorter, longer = a, lo, hi
		}
	}
	return best
}

// firstImage takes the image on two axes, at the first place of the others.
func firstImage(t bridge.Tensor, axis int) report.Image {
	rows, cols := t.Shape[axis], t.Shape[axis+1]
	apart := t.Shape[axis+2:].Size()
	all := t.Float64()
	im := report.Image{Rows: rows, Cols: cols, Values: make([]float64, rows*cols), Valid: make([]bool, rows*cols)}
	for i := range im.Values {
		im.Values[i] = all[i*apart]
		im.Valid[i] = math.Abs(im.Values[i]) < largestDrawn
	}
	return im
}

// largestDrawn bounds values that have a colour: the range of the colours must
// be a number.
const largestDrawn = 1e300

// place writes where an image lies in an array, as NumPy would have it.
func place(shape graph.Shape, axis int) string {
	words := make([]string, len(shape))
	for i := range words {
		if words[i] = "0"; i == axis || i == axis+1 {
			words[i] = ":"
		}
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// images draws the first image of a pair of outputs; nil where there is none.
func (f Figure) images(p [2]bridge.Named, n names) *outputImages {
	axis := imageAxis(p[0].Shape)
	if axis < 0 {
		return nil
	}
	o := &outputImages{Name: f.name(), Verdict: f.pageState()}
	a, b := firstImage(p[0].Tensor, axis), firstImage(p[1].Tensor, axis)
	d := report.Image{Rows: a.Rows, Cols: a.Cols, Values: make([]float64, len(a.Values)), Valid: make([]bool, len(a.Values))}
	for i := range d.Values {
		if d.Valid[i] = a.Valid[i] && b.Valid[i]; d.Valid[i] {
			d.Values[i] = a.Values[i] - b.Values[i]
		}
	}
	if !slices.Contains(d.Valid, true) {
		o.Missing = fmt.Sprintf("No pictures: no pixel of %s has a finite number below 10³⁰⁰ in both.", place(p[0].Shape, axis))
		return o
	}
	a.Title, b.Title, d.Title = n.First, n.Second, "Difference"
	o.Both, o.Apart = []report.Image{a, b}, []report.Image{signed(d)}
	o.Caption = fmt.Sprintf("%s of the shape %s. The difference is %s minus %s.", place(p[0].Shape, axis), joined(p[0].Shape, " × "), n.First, n.Second)
	return o
}

// pageState words how a figure stands.
func (f Figure) pageState() string {
	text := fmt.Sprintf("Relative distance %s", distance(f.Pair))
	switch {
	case f.Limit < 0:
		return text + ", not judged."
	case f.Within:
		return text + ", within the limit of " + short(f.Limit) + "."
	}
	return text + ", outside the limit of " + short(f.Limit) + "."
}
