package parity

import (
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ptychobridge/ptychobridge/report"
)

//go:embed page_foreign.html
var foreignHTML string

var foreignTemplate = template.Must(report.Template(partsHTML+foreignHTML, pageCSS))

// WriteForeignHTML writes a comparison of exported models as WriteHTML writes a
// report: verdict, who was compared, the outputs that are images beside their
// difference, figures, files with their hashes.
func WriteForeignHTML(path string, r *ForeignReport) error {
	return writePage(path, foreignTemplate, r.page())
}

// foreignPage is a comparison laid out for the template.
type foreignPage struct {
	Title, Summary string
	State, Verdict string // as of page
	Off            []string
	Failures       []RuntimeFailure
	Key            []report.Fact

	Compared table
	Machine  []report.Fact
	Names    names
	Pictures []outputImages
	Left     string // what is not drawn
	Figures  *figureTable
	Repeats  table
	Files    table
	Settings []report.Fact
	Limits   string
	Notes    []string
}

// drawn is how many outputs are shown as pictures.
const drawn = 12

func (r *ForeignReport) page() *foreignPage {
	n := pairNames(r.Models[0].Backend, r.Models[1].Backend)
	p := &foreignPage{
		Title: "Parity of two exported models", Summary: summary(r.Program, r.Created),
		Failures: r.Failures, Key: r.key(), Compared: r.compared(n), Machine: r.Machine.facts(), Names: n,
		Figures: r.figures(n), Repeats: repeatTable(r.Repeats), Files: r.files(), Settings: r.asked(), Notes: r.Notes,
		Limits: fmt.Sprintf("Where no limit is set, it is %s in float64 and %s in float32, and integers are to be equal: %s.", short(ofForeign.Float64), short(ofForeign.Float32), ofForeign.Reason),
	}
	p.State, p.Verdict, p.Off = r.verdict()
	p.Pictures, p.Left = r.pictures(n)
	return p
}

// sorted are the figures, the worst first.
func (r *ForeignReport) sorted() []Figure {
	all := slices.Clone(r.Figures)
	slices.SortStableFunc(all, worseFirst)
	return all
}

func (r *ForeignReport) key() []report.Fact {
	if len(r.Figures) == 0 {
		return nil
	}
	worst, same := r.sorted()[0], 0
	for _, f := range r.Figures {
		if f.Pair.Finite && f.Pair.Equal == 1 {
			same++
		}
	}
	facts := []report.Fact{{Name: "Largest relative distance", Value: distance(worst.Pair), Note: worst.name()}}
	if worst.Limit >= 0 {
		facts = []report.Fact{
			{Name: "Worst output", Value: worst.times(), Note: worst.name()},
			{Name: "Its relative distance", Value: distance(worst.Pair), Note: worst.Precision},
		}
	}
	return append(facts, report.Fact{Name: "Same bits", Value: integer(same), Note: "of " + count(len(r.Figures), "output")})
}

func (r *ForeignReport) compared(n names) table {
	model := []string{"Model", r.Models[0].Model, r.Models[1].Model}
	return table{
		Class: "who", Head: []string{"Runtime", n.First, n.Second},
		Rows: append([][]string{model}, runtimeRows(r.Models[0].Runtime, r.Models[1].Runtime)...),
	}
}

// pictures draws the outputs that are images, the furthest apart first.
func (r *ForeignReport) pictures(n names) (all []outputImages, left string) {
	places := make([]int, min(len(r.Figures), len(r.Outputs)))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return worseFirst(r.Figures[a], r.Figures[b]) })
	more := 0
	for _, i := range places {
		switch {
		case imageAxis(r.Outputs[i][0].Shape) < 0:
		case len(all) == drawn:
			more++
		default:
			all = append(all, *r.Figures[i].images(r.Outputs[i], n))
		}
	}
	if more > 0 {
		left = fmt.Sprintf("The %d outputs that are nearest to their limits are drawn; %s more are not.", drawn, integer(more))
	}
	return all, left
}

// figures lays out all figures, the worst first; nil without any.
func (r *ForeignReport) figures(n names) *figureTable {
	if len(r.Figures) == 0 {
		return nil
	}
	t := &figureTable{Says: "Outputs", Head: slices.Concat([]string{"Output"}, figureHead[1:])}
	for _, f := range r.sorted() {
		t.Rows = append(t.Rows, f.row(n, false))
	}
	return t
}

func (r *ForeignReport) files() table {
	t := table{Class: "files", Head: []string{"File", "Bytes", "SHA-256"}}
	for _, f := range slices.Concat(r.Models[0].Files, r.Models[1].Files, []File{r.Data}) {
		if f.Path != "" {
			t.Rows = append(t.Rows, []string{f.Path, integer(int(f.Bytes)), f.SHA256})
		}
	}
	return t
}

// asked are the settings.
func (r *ForeignReport) asked() []report.Fact {
	s := r.Settings
	var pairs []string
	for _, first := range slices.Sorted(maps.Keys(s.Map)) {
		pairs = append(pairs, first+" = "+s.Map[first])
	}
	limit := "that of the precision"
	switch {
	case s.Limit < 0:
		limit = "none"
	case s.Limit > 0:
		limit = report.Number(s.Limit)
	}
	threads := "one for each processor"
	if s.Threads > 0 {
		threads = strconv.Itoa(s.Threads)
	}
	return given(
		report.Fact{Name: "Data", Value: r.Data.Path},
		report.Fact{Name: "Signature", Value: s.Signature},
		report.Fact{Name: "Map", Value: strings.Join(pairs, ", ")},
		report.Fact{Name: "Limit", Value: limit},
		report.Fact{Name: "Threads", Value: threads},
	)
}
