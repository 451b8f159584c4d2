package parity

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// heat is a table whose cells are coloured by how near they are to their
// limits.
type heat struct {
	Title string
	Of    string // what a row is
	Head  []string
	Rows  []heatRow
}

type heatRow struct {
	Name, Note, Off string
	Cells           []heatCell
}

// Words are the parts of a name between which a line may end.
func (h heatRow) Words() []string { return strings.SplitAfter(h.Name, ".") }

// heatCell has the class of its colour; "" is none.
type heatCell struct{ Class, Text, Note, Off string }

// swatch is a colour of the scale with its meaning.
type swatch struct{ Class, Label string }

// scale are the colours by the distance as a multiple of the limit: blues
// within, which darken towards it, oranges beyond.
var scale = []swatch{
	{"h0", "equal"},
	{"h1", "to 1/1000"},
	{"h2", "to 1/100"},
	{"h3", "to 1/10"},
	{"h4", "to the limit"},
	{"h5", "to 10 ×"},
	{"h6", "to 1000 ×"},
	{"h7", "beyond"},
	{"unjudged", "not judged"},
}

// colour is the class for a distance and its limit.
func colour(distance, limit float64) string {
	if limit < 0 {
		return "unjudged"
	}
	if distance == 0 {
		return "h0"
	}
	for i, times := range []float64{1e-3, 1e-2, 1e-1, 1, 10, 1000} {
		if distance <= times*limit {
			return fmt.Sprintf("h%d", i+1)
		}
	}
	return "h7"
}

// levelHeat has the figure nearest to its limit of each level and precision;
// nil where there are no levels.
func (r *Report) levelHeat(n names) *heat {
	precisions := r.precisions()
	if len(precisions) == 0 {
		return nil
	}
	h := &heat{Title: "Levels", Of: "Level", Head: precisions}
	for _, level := range Levels() {
		row := heatRow{Name: string(level), Note: says[level], Cells: make([]heatCell, len(precisions))}
		found := false
		for _, l := range r.Levels {
			if l.Level == level {
				row.Cells[slices.Index(precisions, l.Precision)] = r.levelCell(l, n)
				found = true
			}
		}
		if found {
			h.Rows = append(h.Rows, row)
		}
	}
	return h
}

func (r *Report) levelCell(l Summary, n names) heatCell {
	f := r.worst(l)
	if f == nil {
		return heatCell{Class: "unjudged", Text: "not judged", Note: count(l.Figures, "figure")}
	}
	c := heatCell{Class: colour(f.closeness(), 1), Text: f.times(), Note: fmt.Sprintf("%s; nearest is %s", count(l.Figures, "figure"), f.name())}
	if l.Outside > 0 {
		c.Off = n.off(l.Off)
		c.Note = fmt.Sprintf("%s of %s outside; worst is %s", integer(l.Outside), count(l.Figures, "figure"), f.name())
	}
	return c
}

// says what the levels are.
var says = map[Level]string{
	Operation:      "every operation of the table, forward and gradient",
	Layer:          "values between the blocks of the network",
	Network:        "amplitude and phase of the object patches",
	Physics:        "object patches to predicted intensities",
	Loss:           "loss and deviance",
	Gradient:       "of the loss, by each parameter",
	Step:           "weights and moments after one optimizer step",
	Training:       "losses, and the predicted object, over the steps",
	Reconstruction: "the stitched object of a whole training",
}

// tensorHeat has all figures of some levels, a table for each precision: the
// distances of the two from each other and from the judge.
func (r *Report) tensorHeat(n names, levels ...Level) []heat {
	var all []heat
	for _, precision := range r.precisions() {
		h := heat{Title: precision, Of: "Tensor", Head: []string{n.First + " – " + n.Second}}
		if r.Judge != nil {
			h.Head = append(h.Head, n.First+" – "+n.Judge, n.Second+" – "+n.Judge)
		}
		for _, f := range r.Figures {
			if f.Precision == precision && slices.Contains(levels, f.Level) {
				h.Rows = append(h.Rows, f.heatRow(n, len(h.Head)))
			}
		}
		if len(h.Rows) > 0 {
			all = append(all, h)
		}
	}
	return all
}

func (f Figure) heatRow(n names, columns int) heatRow {
	pair := f.Limit
	if f.Judged != nil {
		pair *= 2 // the two may lie on either side of the judge
	}
	row := heatRow{Name: f.Output, Cells: make([]heatCell, columns)}
	row.Cells[0] = heatCell{Class: colour(f.Pair.Relative, pair), Text: distance(f.Pair)}
	if f.Judged != nil && columns == 3 {
		for i, d := range f.Judged {
			row.Cells[1+i] = heatCell{Class: colour(d.Relative, f.Limit), Text: distance(d)}
		}
	}
	if !f.Within {
		row.Off = n.off(f.Off)
	}
	return row
}

// distance writes the relative distance; 0 says that values are equal, 0 and
// −0 too.
func distance(d Distance) string {
	if d.Relative == 0 && d.Finite {
		return "0"
	}
	if !d.Finite {
		return short(math.Inf(1))
	}
	return short(d.Relative)
}
