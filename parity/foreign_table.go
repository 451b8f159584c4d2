package parity

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// nameColumns is how wide the names of outputs stand in the table; longer ones
// have a line of their own.
const nameColumns = 22

// WriteForeignTable writes a comparison of exported models for a terminal of 80
// columns.
func WriteForeignTable(w io.Writer, r *ForeignReport) error {
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
	_, sentence, _ := r.verdict()
	fmt.Fprintln(&t, sentence)
	_, err := io.WriteString(w, t.String())
	return err
}

func (r *ForeignReport) body(t *strings.Builder) {
	for i, m := range r.Models {
		fmt.Fprintf(t, "%s  %s\n   %s %s on %s, %d threads\n", []string{"A", "B"}[i], m.Model, m.Backend, m.Version, m.Device, m.Threads)
	}
	fmt.Fprintf(t, "\nlargest |A − B| / largest |B| of an output:\n\n")
	fmt.Fprintf(t, "%-*s %-7s %9s %9s %7s  %s\n", nameColumns, "output", "type", "relative", "L2", "equal", "verdict")
	for _, f := range r.Figures {
		name := f.Output
		if utf8.RuneCountInString(name) > nameColumns {
			fmt.Fprintln(t, name)
			name = ""
		}
		fmt.Fprintf(t, "%-*s %-7s %9s %9s %5.1f %%  %s\n", nameColumns, name, f.Precision, scientific(f.Pair.Relative), scientific(f.Pair.L2), 100*f.Pair.Equal, f.state())
	}
	fmt.Fprintln(t)
	for _, x := range r.Repeats {
		fmt.Fprintln(t, x.line())
	}
}

// state words the verdict of one figure.
func (f Figure) state() string {
	switch {
	case f.Limit < 0:
		return "not judged"
	case !f.Within:
		return "OFF, allowed " + scientific(f.Limit)
	}
	return "ok"
}

// verdict says how the two models stand, and which outputs are outside, the
// furthest first.
func (r *ForeignReport) verdict() (state, sentence string, where []string) {
	judged := 0
	for _, f := range r.sorted() {
		if f.Limit >= 0 {
			judged++
		}
		if !f.Within {
			where = append(where, fmt.Sprintf("%s: %s", f.name(), f.times()))
		}
	}
	switch {
	case len(r.Failures) > 0:
		return "none", ended(r.Failures), where
	case len(where) > 0:
		return "outside", fmt.Sprintf("Outside the limit, in %s of %s that are judged.", integer(len(where)), count(judged, "output")), where
	case judged == 0:
		return "none", "No verdict: nothing was judged.", nil
	}
	sentence = fmt.Sprintf("Within the limit, in all %s that are judged.", count(judged, "output"))
	if judged == 1 {
		sentence = "Within the limit, in the one output that is judged."
	}
	return "within", sentence, nil
}
