package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Chart is curves over one axis.
type Chart struct {
	Title, Caption string
	X, Y           string // the axes' names, with units
	Lines          []Line // at most three are told apart by colour and dashes
	Levels         []Level
	// Log draws y logarithmically where all values are above 0.
	Log bool
	// Whole says that x are whole numbers.
	Whole bool
	// FromX, ToX, FromY and ToY are in the range of the axes, whether a curve
	// reaches there or not, where From is below To.
	FromX, ToX, FromY, ToY float64
}

// Line is a curve through points; where a value is not finite it has a gap.
type Line struct {
	Name string
	X, Y []float64
}

// Level is a horizontal line.
type Level struct {
	Name string
	Y    float64
}

// The picture of a chart in units of its own; letters are as large as a phone
// needs them when the picture fills its screen.
const (
	chartWidth, chartHeight  = 360, 236
	chartLeft, chartRight    = 50, 348
	chartTop, chartBottom    = 34, 196
	letter                   = 6 // of the mean letter's width
	maxPoints                = 2000
	swatch, swatchGap, apart = 22, 4, 10 // of a legend
)

// plotted is a chart ready to be drawn.
type plotted struct {
	Title, Caption, X, Y string
	Description          string // for those who do not see it
	XTicks, YTicks       []place
	Lines                []path
	Levels               []place
}

// place is a label at a point of an axis.
type place struct {
	At    string
	Label string
}

// path is a curve and its entry in the legend.
type path struct {
	Name          string
	D             string // points and lines, in SVG's language
	Number        int    // 1 is the first
	SwatchX, Text string // where its entry is
}

// plot draws a chart; nil where no point is finite.
func (c Chart) plot() *plotted {
	c = c.scaled()
	x, y := c.axes()
	if x == nil {
		return nil
	}
	p := &plotted{Title: c.Title, Caption: c.Caption, X: c.X, Y: c.Y}
	smallest := 0.
	if c.Whole {
		smallest = 1
	}
	for _, t := range ticks(x.low, x.high, 6, smallest) {
		p.XTicks = append(p.XTicks, place{x.at(t.value), t.label})
	}
	for _, t := range y.ticks() {
		p.YTicks = append(p.YTicks, place{y.at(t.value), t.label})
	}
	for _, l := range c.Levels {
		if l.Y >= y.low && l.Y <= y.high {
			p.Levels = append(p.Levels, place{y.at(l.Y), l.Name})
		}
	}
	var told []string
	for _, l := range c.Lines {
		d, ends := l.path(x, y)
		if d == "" {
			continue
		}
		p.Lines = append(p.Lines, path{Name: l.Name, D: d, Number: len(p.Lines)%3 + 1})
		told = append(told, fmt.Sprintf("%s from %s to %s", l.Name, Number(ends[0]), Number(ends[1])))
	}
	p.legend()
	p.Description = fmt.Sprintf("%s over %s: %s.", c.Y, c.X, strings.Join(told, "; "))
	return p
}

// scaled takes a power of ten out of the values of a linear axis, into its
// name, where labels would not fit beside it otherwise.
func (c Chart) scaled() Chart {
	_, y := c.axes()
	if y == nil || y.log || y.largest() == 0 || y.largest() >= 1e-3 && y.largest() < 1e5 {
		return c
	}
	power := int(math.Floor(math.Log10(y.largest())))
	unit := math.Pow(10, float64(power))
	lines, levels := slices.Clone(c.Lines), slices.Clone(c.Levels)
	for i, l := range lines {
		lines[i].Y = make([]float64, len(l.Y))
		for k, v := range l.Y {
			lines[i].Y[k] = v / unit
		}
	}
	for i := range levels {
		levels[i].Y /= unit
	}
	c.Lines, c.Levels, c.FromY, c.ToY = lines, levels, c.FromY/unit, c.ToY/unit
	c.Y += " (" + Power(power) + ")"
	return c
}

func (a *axis) largest() float64 { return max(math.Abs(a.low), math.Abs(a.high)) }

// legend places the entries from the right end to the left. One line alone needs
// none.
func (p *plotted) legend() {
	if len(p.Lines) < 2 {
		return
	}
	at := chartRight
	for i := len(p.Lines) - 1; i >= 0; i-- {
		at -= swatch + swatchGap + letter*utf8.RuneCountInString(p.Lines[i].Name)
		p.Lines[i].SwatchX, p.Lines[i].Text = strconv.Itoa(at), strconv.Itoa(at+swatch+swatchGap)
		at -= apart
	}
}

// axis maps a range of values onto one of the picture.
type axis struct {
	low, high float64
	from, to  float64
	log       bool
}

// axes are the axes that hold all finite points, nil where there are none.
func (c Chart) axes() (x, y *axis) {
	x = &axis{low: math.Inf(1), high: math.Inf(-1), from: chartLeft, to: chartRight}
	y = &axis{low: math.Inf(1), high: math.Inf(-1), from: chartBottom, to: chartTop}
	for _, l := range c.Lines {
		for i := range l.finite() {
			x.take(l.X[i])
			y.take(l.Y[i])
		}
	}
	if x.low > x.high {
		return nil, nil
	}
	y.log = c.Log && y.low > 0
	if c.FromX < c.ToX {
		x.take(c.FromX)
		x.take(c.ToX)
	}
	if c.FromY < c.ToY {
		y.take(c.FromY)
		y.take(c.ToY)
	} else {
		y.pad()
	}
	x.widen()
	y.widen()
	return x, y
}

func (a *axis) take(v float64) { a.low, a.high = min(a.low, v), max(a.high, v) }

// pad leaves some room at both ends.
func (a *axis) pad() {
	if a.log {
		room := math.Pow(a.high/a.low, .04)
		a.low, a.high = a.low/room, a.high*room
		return
	}
	room := .04 * (a.high - a.low)
	a.low, a.high = a.low-room, a.high+room
}

// widen gives a range an extent where it has none.
func (a *axis) widen() {
	const least = 1e-9 // of the value; digits beyond are not shown
	if a.high-a.low > least*max(math.Abs(a.low), math.Abs(a.high)) {
		return
	}
	half := .5
	if a.log || math.Abs(a.low) > 10 || math.Abs(a.low) < .5 && a.low != 0 {
		half = math.Abs(a.low) / 2
	}
	a.low, a.high = a.low-half, a.high+half
}

func (a *axis) share(v float64) float64 {
	if a.log {
		return math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return (v - a.low) / (a.high - a.low)
}

func (a *axis) at(v float64) string {
	return strconv.FormatFloat(a.from+a.share(v)*(a.to-a.from), 'f', 1, 64)
}

// ticks of a logarithmic axis are 1, 2 and 5 times powers of ten, or, where
// that is many, every so many powers alone.
func (a *axis) ticks() []tick {
	if !a.log {
		return ticks(a.low, a.high, 5, 0)
	}
	var all, powers []tick
	for k := math.Floor(math.Log10(a.low)); k <= math.Log10(a.high); k++ {
		for _, factor := range []float64{1, 2, 5} {
			v := factor * math.Pow(10, k)
			if v < a.low || v > a.high {
				continue
			}
			t := tick{v, Number(v)}
			if factor == 1 {
				if v < 1e-3 || v >= 1e4 {
					t.label = Power(int(k))
				}
				powers = append(powers, t)
			}
			all = append(all, t)
		}
	}
	switch {
	case len(all) < 2: // less than one step
		return ticks(a.low, a.high, 4, 0)
	case len(all) > maxTicks:
		return every(1+(len(powers)-1)/maxTicks, powers)
	}
	return all
}

// maxTicks is how many labels a logarithmic axis has room for.
const maxTicks = 8

// every gives one tick of so many.
func every(step int, all []tick) []tick {
	var some []tick
	for i := 0; i < len(all); i += step {
		some = append(some, all[i])
	}
	return some
}

// finite gives the indices of points that can be drawn.
func (l Line) finite() func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range min(len(l.X), len(l.Y)) {
			if v := l.X[i] + l.Y[i]; math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			if !yield(i) {
				return
			}
		}
	}
}

// path gives a curve in SVG's language and its first and last value. A point
// without neighbours is a line of no length, which round ends make a dot. Of
// more than maxPoints, every so many is drawn, and the last.
func (l Line) path(x, y *axis) (d string, ends [2]float64) {
	var b strings.Builder
	n := min(len(l.X), len(l.Y))
	step := 1 + (n-1)/maxPoints
	before := -2 * step // index of the point before
	last := -1
	alone := false
	for i := range l.finite() {
		if last = i; i%step != 0 && i != n-1 {
			continue
		}
		if b.Len() == 0 {
			ends[0] = l.Y[i]
		}
		at := x.at(l.X[i]) + " " + y.at(l.Y[i])
		if i-before <= step {
			b.WriteString("L" + at)
			alone = false
		} else {
			if alone {
				b.WriteString("h0")
			}
			b.WriteString("M" + at)
			alone = true
		}
		before = i
	}
	if b.Len() == 0 {
		return "", ends
	}
	if alone {
		b.WriteString("h0")
	}
	ends[1] = l.Y[last]
	return b.String(), ends
}
