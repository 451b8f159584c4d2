package parity

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

//go:embed page.html
var pageHTML string

// partsHTML is what this page shares with that of exported models.
//
//go:embed page_parts.html
var partsHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(report.Template(partsHTML+pageHTML, pageCSS))

// WriteHTML writes a report as one file that needs nothing else, as
// report.WriteHTML does: verdict, who was compared, heat maps, curves,
// pictures, tables. Texts may come from anywhere; they are escaped. A distance
// that is no number is shown as ∞; where there are no figures, or objects that
// cannot be drawn, the page says so. Errors are those of the file system.
func WriteHTML(path string, r *Report) error { return writePage(path, pageTemplate, r.page()) }

func writePage(path string, t *template.Template, of any) error {
	var b bytes.Buffer
	err := t.Execute(&b, of)
	if err == nil {
		err = wholefile.WriteBytes(path, b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("parity: write page: %s: %w", path, err)
	}
	return nil
}

// page is a report laid out for the template.
type page struct {
	Title, Summary string
	State          string // within, outside or none
	Verdict        string // a sentence
	Off            []string
	Failures       []RuntimeFailure
	Key            []report.Fact

	Compared  table
	Machine   []report.Fact
	Names     names
	Scale     []swatch
	Levels    *heat
	Layers    []heat // by precision
	Gradients []heat
	Courses   *divergence
	Objects   []objects
	Repeats   table
	Figures   []figures
	Budgets   table
	Suite     []report.Fact
	Settings  []report.Setting
	Notes     []string
}

// table is a table of texts; there is none without rows.
type table struct {
	Class string
	Head  []string
	Rows  [][]string
}

func (r *Report) page() *page {
	n := r.names()
	p := &page{
		Title:    fmt.Sprintf("Parity of %s and %s", n.First, n.Second),
		Summary:  summary(r.Program, r.Created),
		Failures: r.Failures, Key: r.key(),
		Compared: r.compared(n), Machine: r.Machine.facts(),
		Names: n, Scale: scale, Levels: r.levelHeat(n), Layers: r.tensorHeat(n, Layer, Network), Gradients: r.tensorHeat(n, Gradient),
		Courses: r.courses(), Objects: r.objects(n), Repeats: repeatTable(r.Repeats), Figures: r.figures(n),
		Budgets: budgetTable(r.Budgets), Suite: r.suite(), Settings: r.Settings.listed(), Notes: r.Notes,
	}
	p.State, p.Verdict, p.Off = r.verdict(n)
	return p
}

// summary is the line below the title.
func summary(program string, created time.Time) string {
	var parts []string
	if program != "" {
		parts = append(parts, program)
	}
	if !created.IsZero() {
		parts = append(parts, created.Format("2 January 2006, 15:04:05 MST"))
	}
	return strings.Join(parts, ", ")
}

// names are what the page calls the two runtimes and the judge, "" without
// one.
type names struct{ First, Second, Judge string }

// pairNames are those of two, told apart where they are called the same.
func pairNames(first, second string) names {
	if first == second || first == "" || second == "" {
		first, second = strings.TrimSpace("first "+first), strings.TrimSpace("second "+second)
	}
	return names{First: first, Second: second}
}

func (r *Report) names() names {
	n := pairNames(r.Runtimes[0].Backend, r.Runtimes[1].Backend)
	if r.Judge == nil {
		return n
	}
	n.Judge = r.Judge.Backend
	if n.Judge == "" || n.Judge == n.First || n.Judge == n.Second {
		n.Judge = strings.TrimSpace("judge " + n.Judge)
	}
	return n
}

// off says which side is off.
func (n names) off(side string) string {
	switch side {
	case SideNone:
		return ""
	case SideFirst:
		return n.First + " is off"
	case SideSecond:
		return n.Second + " is off"
	case SideBoth:
		return "both are off"
	}
	return "the two differ"
}

// verdict says how the two stand, and where they are outside their budgets,
// the smallest level first.
func (r *Report) verdict(n names) (state, sentence string, where []string) {
	off := slices.DeleteFunc(slices.Clone(r.Levels), func(l Summary) bool { return l.Outside == 0 })
	slices.SortStableFunc(off, func(a, b Summary) int { return a.Level.order() - b.Level.order() })
	for _, l := range off {
		line := fmt.Sprintf("%s, %s: %s of %s outside; %s", l.Level, l.Precision, integer(l.Outside), count(l.Figures, "figure"), n.off(l.Off))
		if f := r.worst(l); f != nil {
			line += fmt.Sprintf("; worst is %s, %s", f.name(), f.times())
		}
		where = append(where, line)
	}
	judged := 0
	for _, f := range r.Figures {
		if f.Limit >= 0 {
			judged++
		}
	}
	switch {
	case len(r.Failures) > 0:
		return "none", ended(r.Failures), where
	case len(off) > 0:
		sentence = fmt.Sprintf("Outside the budget, first at the level %s: %s.", off[0].Level, n.off(off[0].Off))
		if off[0].Off == SideUnknown {
			sentence += " Which is off only a judge could say."
		}
		return "outside", sentence, where
	case judged == 0:
		return "none", "No verdict: nothing was judged.", nil
	case !r.Within:
		return "outside", "Outside the budget.", nil
	}
	sentence = fmt.Sprintf("Within the budget, in all %s that are judged.", count(judged, "figure"))
	if more := len(r.Figures) - judged; more > 0 {
		sentence += fmt.Sprintf(" Figures that are shown and not judged: %s.", integer(more))
	}
	return "within", sentence, nil
}

// ended says who did not come to the end.
func ended(failures []RuntimeFailure) string {
	var names []string
	for _, f := range failures {
		names = append(names, cmp.Or(f.Backend, "a runtime"))
	}
	return fmt.Sprintf("No verdict: %s did not come to the end.", strings.Join(names, " and "))
}

// worst is the figure that Worst of a level names.
func (r *Report) worst(l Summary) *Figure {
	if l.Worst < 0 || l.Worst >= len(r.Figures) {
		return nil
	}
	return &r.Figures[l.Worst]
}

// precisions lists those of the levels, in their order.
func (r *Report) precisions() []string {
	var all []string
	for _, l := range r.Levels {
		if !slices.Contains(all, l.Precision) {
			all = append(all, l.Precision)
		}
	}
	return all
}

// key are the numbers that are looked for first.
func (r *Report) key() []report.Fact {
	var facts []report.Fact
	for _, precision := range r.precisions() {
		var worst *Figure
		all, same := 0, 0
		for i, f := range r.Figures {
			if f.Precision != precision {
				continue
			}
			all++
			if f.Pair.Finite && f.Pair.Equal == 1 {
				same++
			}
			if f.Limit >= 0 && (worst == nil || f.closeness() > worst.closeness()) {
				worst = &r.Figures[i]
			}
		}
		if worst != nil {
			facts = append(facts, report.Fact{Name: precision + ", worst figure", Value: worst.times(), Note: fmt.Sprintf("%s: %s", worst.Level, worst.name())})
		}
		facts = append(facts, report.Fact{Name: precision + ", same bits", Value: integer(same), Note: "of " + count(all, "figure")})
	}
	return facts
}
