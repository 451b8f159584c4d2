package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// width of the table, in columns.
const width = 80

// WriteTable writes the report for a terminal of 80 columns.
func WriteTable(w io.Writer, r *Report) error {
	var t strings.Builder
	r.machine(&t)
	for _, m := range r.Matches {
		m.write(&t, r.Plan)
	}
	for _, l := range []*Local{r.Load, r.Stitch} {
		if l != nil {
			l.write(&t)
		}
	}
	for _, f := range r.Failures {
		fmt.Fprintln(&t)
		wrap(&t, "", fmt.Sprintf("FAILED: %s, %s: %s", f.Contestant, f.Match, f.Error))
	}
	for _, n := range r.Notes {
		fmt.Fprintln(&t)
		wrap(&t, "", "note: "+n)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func (r *Report) machine(t *strings.Builder) {
	m := r.Machine
	cpu := m.CPU
	if cpu == "" {
		cpu = "unknown processor"
	}
	load := "unknown"
	if m.LoadBefore != nil && m.LoadAfter != nil {
		load = fmt.Sprintf("%.1f before, %.1f after", *m.LoadBefore, *m.LoadAfter)
	}
	wrap(t, "", fmt.Sprintf("%s, %d processors, %s; load average %s", cpu, m.Processors, m.System, load))
	wrap(t, "", r.Program)
	wrap(t, "", fmt.Sprintf("%d rounds after %d to warm up; median and quartiles of the rounds", r.Plan.Rounds, r.Plan.Warmup))
}

// letter is the short name of the i-th contestant.
func letter(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return fmt.Sprint(i + 1)
}

func (m Match) write(t *strings.Builder, p Plan) {
	s := m.Settings
	fmt.Fprintln(t)
	wrap(t, "", fmt.Sprintf("N %d, gridsize %d, n_filters_scale %g, %s, %s; %d steps or predictions a turn; first predictions against the %s's",
		s.N, s.Gridsize, s.NFiltersScale, s.Precision, s, p.Count, m.Expected))
	letters := map[string]string{}
	for i, c := range m.Contestants {
		letters[c.Name] = letter(i)
		c.write(t, letter(i))
	}
	last := ""
	for _, x := range m.Series {
		if x.What != last {
			x.head(t)
		}
		last = x.What
		x.write(t, letters[x.Contestant])
	}
}

func (c Side) write(t *strings.Builder, letter string) {
	text := fmt.Sprintf("%s %s", c.Name, c.Version)
	if c.Device != "" {
		text += " on " + c.Device
	}
	text += fmt.Sprintf(", threads %d, wait policy %s, ready in %.1f s", c.Threads, c.WaitPolicy, c.Start)
	if c.Peak > 0 {
		text += fmt.Sprintf(", peak memory %.0f MB", c.Peak)
	}
	if c.PeakGPU > 0 {
		text += fmt.Sprintf(", of the GPU %.0f MB", c.PeakGPU)
	}
	if k := c.Check; k != nil {
		text += fmt.Sprintf("; off by object %.0e, intensity %.0e, loss %.0e", k.Object, k.Intensity, k.Loss)
	}
	for _, note := range c.Notes {
		text += "; " + note
	}
	wrap(t, letter+"  ", text)
}

// titles of the tasks.
var titles = map[string]string{WhatStep: "training step", WhatPredict: "prediction", WhatStartup: "start to first step"}

const columns = "%-3s%-20s %9s %19s %9s %5s %10s"

func (x Series) head(t *strings.Builder) {
	rate, ratio, spread := "", "", ""
	if x.PerSecond != nil {
		rate = "pattern/s"
	}
	ratio, spread = "÷ A", "quartiles"
	fmt.Fprintf(t, "\n%s\n", strings.TrimRight(fmt.Sprintf("%-23s %9s %19s %9s %5s %10s", titles[x.What], "median", "quartiles", rate, ratio, spread), " "))
}

func (x Series) write(t *strings.Builder, letter string) {
	rate, ratio, spread := "", "1", ""
	if x.PerSecond != nil {
		rate = short(x.PerSecond.Median)
	}
	if x.Ratio != nil {
		ratio, spread = short(x.Ratio.Median), short(x.Ratio.Q1)+"…"+short(x.Ratio.Q3)
	}
	unit, factor := "ms", 1e3
	if x.Seconds.Median >= 1 {
		unit, factor = "s", 1
	}
	quartiles := fmt.Sprintf("%s…%s %s", short(factor*x.Seconds.Q1), short(factor*x.Seconds.Q3), unit)
	fmt.Fprintln(t, strings.TrimRight(fmt.Sprintf(columns, letter, cut(x.Contestant, 20), short(factor*x.Seconds.Median)+" "+unit, quartiles, rate, ratio, spread), " "))
}

func (l Local) write(t *strings.Builder) {
	fmt.Fprintln(t)
	wrap(t, "", l.What+"; Go, in the program's own process")
	fmt.Fprintf(t, "%-34s %9s %21s\n", l.Unit, "median", "quartiles")
	for _, x := range l.Rows {
		fmt.Fprintf(t, "%-34s %9s %21s\n", cut(x.Name, 34), short(x.Value.Median), short(x.Value.Q1)+"…"+short(x.Value.Q3))
	}
}

// short writes three digits that count.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// cut shortens a name to a number of columns.
func cut(s string, columns int) string {
	if r := []rune(s); len(r) > columns {
		return string(r[:columns-1]) + "…"
	}
	return s
}

// wrap writes text in lines of the table's width, those after the first
// indented by the head. A word that is longer has a line of its own and is cut.
func wrap(t *strings.Builder, head, text string) {
	indent := strings.Repeat(" ", max(2, utf8.RuneCountInString(head)))
	line := head
	empty := true
	for word := range strings.FieldsSeq(text) {
		word = cut(word, width-utf8.RuneCountInString(indent))
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			fmt.Fprintln(t, line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	fmt.Fprintln(t, line)
}
