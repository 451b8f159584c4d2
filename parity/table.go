package parity

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes the report for a terminal of 80 columns.
func WriteTable(w io.Writer, r *Report) error {
	var t strings.Builder
	for _, f := range r.Failures {
		fmt.Fprintf(&t, "%s did not finish:\n  %s\n", f.Backend, strings.ReplaceAll(f.Error, "\n", "\n  "))
	}
	if len(r.Figures) > 0 {
		r.body(&t)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&t, "note: %s\n", n)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func (r *Report) body(t *strings.Builder) {
	a, b := r.Runtimes[0], r.Runtimes[1]
	for i, x := range []Runtime{a, b} {
		fmt.Fprintf(t, "%s  %s %s on %s, %d threads, %.0f s\n", []string{"A", "B"}[i], x.Backend, x.Version, x.Device, x.Threads, x.Seconds)
	}
	judge := "none"
	if r.Judge != nil {
		judge = fmt.Sprintf("evaluator, float64, %.0f s", r.Judge.Seconds)
	}
	fmt.Fprintf(t, "E  %s\n", judge)
	fmt.Fprintf(t, "\nlargest |difference| / largest |value| of a tensor, and what the worst figure\ntakes of its budget:\n\n")
	fmt.Fprintf(t, "%-7s %-14s %7s %8s %8s %8s %7s  %s\n", "", "level", "figures", "A−B", "A−E", "B−E", "equal", "verdict")
	for _, l := range r.Levels {
		one, two := "", ""
		if l.Judged != nil {
			one, two = scientific(l.Judged[0]), scientific(l.Judged[1])
		}
		fmt.Fprintf(t, "%-7s %-14s %7d %8s %8s %8s %5.1f %%  %s\n", l.Precision, l.Level, l.Figures, scientific(l.Pair), one, two, 100*l.Equal, r.state(l))
	}
	r.outside(t)
	for _, c := range r.Reconstructions {
		m := c.Metrics
		fmt.Fprintf(t, "\nobjects after %d epochs in %s: phase correlation %.4f, amplitude %.4f,\n  complex error %.2g\n", c.Epochs, c.Precision, m.PhaseCorrelation, m.AmplitudeCorrelation, m.ComplexError)
	}
	for i, x := range r.Repeats {
		if i == 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintln(t, x.line())
	}
	_, sentence, _ := r.verdict(r.names())
	fmt.Fprintf(t, "\n%s\n", strings.ReplaceAll(sentence, ". ", ".\n"))
}

// line words a repeat.
func (x Repeat) line() string {
	same := "the same bits"
	if !x.Equal {
		same = fmt.Sprintf("%d of %d tensors differ, by up to %s", x.Different, x.Figures, scientific(x.Largest))
	}
	return fmt.Sprintf("%s %s: %s", x.Backend, x.What, same)
}

// letters are the sides as the table calls them.
var letters = map[string]string{SideFirst: "A", SideSecond: "B", SideBoth: "A and B", SideUnknown: "A or B"}

// state words a level: in how much of its budget, or who is off.
func (r *Report) state(l Summary) string {
	switch {
	case l.Outside == 0 && l.Worst < 0:
		return "shown only"
	case l.Outside == 0:
		return fmt.Sprintf("ok, %.2g %%", 100*r.Figures[l.Worst].closeness())
	}
	return fmt.Sprintf("%d off: %s", l.Outside, letters[l.Off])
}

// outsideShown is how many figures beyond their budgets are listed.
const outsideShown = 10

func (r *Report) outside(t *strings.Builder) {
	listed := 0
	for _, f := range r.Figures {
		if f.Within {
			continue
		}
		if listed++; listed > outsideShown {
			continue
		}
		if listed == 1 {
			fmt.Fprintln(t)
		}
		d := f.Pair.Relative
		if f.Judged != nil {
			d = max(f.Judged[0].Relative, f.Judged[1].Relative)
		}
		fmt.Fprintf(t, "off: %s %s, %s: %s\n     %s, allowed %s (%s)\n", f.Precision, f.Level, f.Experiment, f.Output, scientific(d), scientific(f.Limit), f.Budget)
	}
	if listed > outsideShown {
		fmt.Fprintf(t, "… and %d more, see the report\n", listed-outsideShown)
	}
}

// scientific words a distance.
func scientific(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v > 1e300:
		return "no number"
	}
	return fmt.Sprintf("%.1e", v)
}
