package parity

import (
	"fmt"
	"math"

	"github.com/ptychobridge/ptychobridge/report"
)

// divergence is the curves of divergence, and what they show in words.
type divergence struct {
	Charts []report.Chart
	Says   []string
}

// courses lays out the distances over the steps of a training.
func (r *Report) courses() *divergence {
	if len(r.Courses) == 0 {
		return nil
	}
	const axis = "optimizer steps that were made before"
	loss := report.Chart{Title: "Loss", X: axis, Y: "relative distance of the losses", Log: true, Whole: true}
	object := report.Chart{Title: "Predicted object", X: axis, Y: "relative distance (L2) of the object patches", Log: true, Whole: true}
	var c divergence
	for _, of := range r.Courses {
		loss.Lines = append(loss.Lines, report.Line{Name: of.Precision, X: whole(of.Steps), Y: above(of.Loss)})
		object.Lines = append(object.Lines, report.Line{Name: of.Precision, X: whole(of.At), Y: above(of.Object)})
		c.Says = append(c.Says, told("Loss, "+of.Precision, of.Steps, of.Loss)...)
		c.Says = append(c.Says, told("Object, "+of.Precision, of.At, of.Object)...)
	}
	r.limit(&loss, ofCurve)
	r.limit(&object, ofCourse)
	c.Charts = []report.Chart{loss, object}
	return &c
}

// limit draws the limits of a budget into a chart, which reaches from the
// smallest value to the largest, limits too.
func (r *Report) limit(c *report.Chart, b Budget) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range c.Lines {
		for _, v := range l.Y {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	for _, f := range r.Figures {
		name := "limit, " + f.Precision
		if f.Level != Training || f.Budget != b.Name || f.Limit <= 0 || len(c.Levels) > 0 && has(c.Levels, name) {
			continue
		}
		c.Levels = append(c.Levels, report.Level{Name: name, Y: f.Limit})
		low, high = min(low, f.Limit), max(high, f.Limit)
	}
	if low < high {
		room := math.Pow(high/low, .1) // for the names of limits
		c.FromY, c.ToY = low/room, high*room
	}
}

func has(levels []report.Level, name string) bool {
	for _, l := range levels {
		if l.Name == name {
			return true
		}
	}
	return false
}

func whole(steps []int) []float64 {
	out := make([]float64, len(steps))
	for i, k := range steps {
		out[i] = float64(k)
	}
	return out
}

// above keeps what a logarithmic axis can show: not 0, which is no distance,
// and not what is endless.
func above(distances []float64) []float64 {
	out := make([]float64, len(distances))
	for i, d := range distances {
		if out[i] = d; d <= 0 || d >= math.MaxFloat64 {
			out[i] = math.NaN()
		}
	}
	return out
}

// told says where a curve begins and ends.
func told(what string, steps []int, distances []float64) []string {
	n := min(len(steps), len(distances))
	if n == 0 {
		return nil
	}
	equal, largest := 0, 0.
	for _, d := range distances[:n] {
		if d == 0 {
			equal++
		}
		largest = max(largest, d)
	}
	if equal == n {
		return []string{fmt.Sprintf("%s: the same value at all %s.", what, count(n, "point"))}
	}
	text := fmt.Sprintf("%s: %s apart after %s, %s after %s; at most %s.", what,
		short(distances[0]), count(steps[0], "step"), short(distances[n-1]), count(steps[n-1], "step"), short(largest))
	if equal > 0 {
		text += fmt.Sprintf(" The same value, and no point in the curve, at %d of %s.", equal, count(n, "point"))
	}
	return []string{text}
}
