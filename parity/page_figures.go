package parity

import (
	"cmp"
	"slices"
)

// figures are the figures of a level, the worst first.
type figures struct {
	Level, Says string
	Shown       figureTable
	All         *figureTable // nil where all are shown
}

type figureTable struct {
	Says string
	Head []string
	Rows []figureRow
}

type figureRow struct {
	Name, Shape    string
	Precision      string
	Class, Verdict string
	Limit, Why     string
	Cells          []string
}

// shown is how many figures of each precision a level shows before one asks
// for all.
const shown = 4

// figureHead names the columns of a row without a judge.
var figureHead = []string{"Tensor", "Precision", "Verdict", "Limit", "Relative", "Absolute", "L2", "ULP", "Same bits"}

// figures lays out the figures of every level.
func (r *Report) figures(n names) []figures {
	head := slices.Clone(figureHead)
	if r.Judge != nil {
		head = append(head, n.First+" – "+n.Judge, n.Second+" – "+n.Judge)
	}
	var all []figures
	for _, level := range Levels() {
		var of []Figure
		for _, f := range r.Figures {
			if f.Level == level {
				of = append(of, f)
			}
		}
		if len(of) == 0 {
			continue
		}
		slices.SortStableFunc(of, worseFirst)
		t := figures{Level: string(level), Says: says[level]}
		t.Shown = figureTable{Says: t.Level + ", the worst", Head: head}
		every := figureTable{Says: t.Level + ", all", Head: head}
		seen := map[string]int{}
		for _, f := range of {
			line := f.row(n, r.Judge != nil)
			every.Rows = append(every.Rows, line)
			if seen[f.Precision]++; seen[f.Precision] <= shown {
				t.Shown.Rows = append(t.Shown.Rows, line)
			}
		}
		if len(t.Shown.Rows) < len(every.Rows) {
			t.All = &every
		}
		all = append(all, t)
	}
	return all
}

// worseFirst puts figures in order: those outside, then the nearest to their
// limits, then those that are not judged.
func worseFirst(a, b Figure) int {
	if (a.Limit < 0) != (b.Limit < 0) {
		if a.Limit < 0 {
			return 1
		}
		return -1
	}
	if a.Limit < 0 {
		return cmp.Compare(b.Pair.Relative, a.Pair.Relative)
	}
	return cmp.Compare(b.closeness(), a.closeness())
}

// name is what a figure is called; those of exported models are of one
// experiment.
func (f Figure) name() string {
	if f.Level == Foreign {
		return f.Output
	}
	return f.Experiment + ": " + f.Output
}

func (f Figure) row(n names, judge bool) figureRow {
	d := f.Pair
	row := figureRow{
		Name: f.name(), Shape: joined(f.Shape, " × "), Limit: limit(f.Limit), Why: f.Budget, Precision: f.Precision,
		Cells: []string{distance(d), short(d.Absolute), short(d.L2), steps(d.ULP), percent(d.Equal)},
	}
	if judge {
		first, second := none, none
		if f.Judged != nil {
			first, second = distance(f.Judged[0]), distance(f.Judged[1])
		}
		row.Cells = append(row.Cells, first, second)
	}
	switch {
	case f.Limit < 0:
		row.Class, row.Verdict = "unjudged", "not judged"
	case f.Within:
		row.Class, row.Verdict = colour(f.closeness(), 1), "within, "+f.times()
	default:
		row.Class, row.Verdict = colour(f.closeness(), 1), f.times()+", "+n.off(f.Off)
	}
	return row
}
