package parity

import (
	"encoding/json"
	"image"
	"image/color"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/report/reporttest"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// near is a distance of d in all measures.
func near(d float64) Distance {
	return Distance{Absolute: d / 2, Relative: d, L2: d / 3, ULP: uint64(d * 1e16), Equal: .5, Finite: true}
}

// judgedAs is a figure of which both runtimes lie d1 and d2 from the judge.
func judgedAs(level Level, precision, output string, b Budget, limit, d1, d2 float64) Figure {
	f := Figure{
		Level: level, Experiment: "first batch", Precision: precision, Output: output, Shape: []int{2, 64, 64},
		Pair: near(max(d1, d2)), Judged: &[2]Distance{near(d1), near(d2)}, Budget: b.Name, Limit: limit,
	}
	f.judge()
	return f
}

// synthetic is a report with something of everything, within its budgets:
// every level in two precisions, of the operations more than are shown at
// once.
func synthetic(t *testing.T) *Report {
	t.Helper()
	r := &Report{
		Schema: Schema, Created: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Program: "ptycho test",
		Machine: Machine{System: "linux/amd64", CPU: "A processor", Processors: 2, WaitPolicy: "passive"}, DataSHA256: strings.Repeat("0a", 32),
		Settings: Settings{
			Data: "/data/scan.npz", Model: config.DefaultModel(), Batch: 2, Steps: 100, Judged: 3, Seed: 7, Levels: Levels(),
			Floats: []string{"float64", "float32"}, Training: config.DefaultTraining(),
		},
		Runtimes: [2]Runtime{
			{bridge.Info{Backend: "tensorflow", Version: "2.21.0", Path: "/a/long/path/to/libtensorflow.so.2", Device: "cpu", Threads: 2, Setting: "one switch"}, strings.Repeat("1b", 32), 12.25},
			{bridge.Info{Backend: "pytorch", Version: "2.15.0", Path: "/a/long/path/to/libtorch_cpu.so", Device: "cpu", Threads: 2}, strings.Repeat("2c", 32), 9.5},
		},
		Judge:   &Runtime{Info: bridge.Info{Backend: "evaluator", Version: "1", Device: "cpu", Threads: 1}, Seconds: 100},
		Budgets: Budgets(), Notes: []string{"a note"},
		Repeats: []Repeat{
			{Backend: "tensorflow", What: "another process", Threads: 2, Equal: true, Figures: 12345},
			{Backend: "pytorch", What: "1 thread", Threads: 1, Figures: 100, Different: 3, Largest: 2.5e-7, Where: "gradient: first batch: head.w, float32"},
		},
	}
	r.Settings.Training.NEpochs = 5
	of := map[Level]Budget{Operation: ofLayer, Layer: ofLayer, Network: ofNetwork, Physics: ofPhysics, Loss: ofLoss, Gradient: ofGradient, Step: ofWeights, Training: ofCurve}
	for _, precision := range r.Settings.Floats {
		for _, level := range Levels()[:8] {
			b := of[level]
			limit := b.Float64
			if precision == "float32" {
				limit = b.Float32
			}
			outputs := []string{"one", "two"}
			if level == Operation {
				outputs = []string{"one", "two", "three", "four", "five", "six"}
			}
			for i, output := range outputs {
				r.Figures = append(r.Figures, judgedAs(level, precision, output, b, limit, limit*math.Pow(.1, float64(i)), limit*.25))
			}
		}
		r.Figures = append(r.Figures, Figure{Level: Training, Experiment: "course", Precision: precision, Output: "object.re after 10", Pair: near(.25), Budget: ofCourse.Name, Limit: None, Within: true})
		r.Courses = append(r.Courses, Course{
			Precision: precision, Steps: []int{0, 1, 2, 3}, Loss: []float64{0, 1e-16, 1e-13, 1e-12}, At: []int{1, 4}, Object: []float64{1e-15, 1e-9},
		})
	}
	r.Reconstructions = []Reconstructed{reconstructed(t)}
	r.summarise()
	return r
}

// reconstructed is two objects of 48 columns and 40 rows from (−3, 5): the
// second is the first without 0.01 of amplitude at the right half, turned by
// 0.5 rad, and with 0.02 rad more in the lower half.
func reconstructed(t *testing.T) Reconstructed {
	t.Helper()
	const cols, rows = 48, 40
	var both [2]*stitch.Object
	for k := range both {
		o := &stitch.Object{Rows: rows, Cols: cols, OriginX: -3, OriginY: 5, Scanned: image.Rect(-3, 5, cols-3, rows+5)}
		for i := range rows * cols {
			x, y := i%cols, i/cols
			amplitude, phase := .8+.1*math.Sin(float64(x)/3)*math.Cos(float64(y*y)/40), .5*math.Sin(float64(x*y)/100)
			if k == 1 && x >= cols/2 {
				amplitude -= .01
			}
			if k == 1 {
				phase += .5
				if y >= rows/2 {
					phase += .02
				}
			}
			o.Data = append(o.Data, complex64(cmplx.Rect(amplitude, phase)))
			o.Weight = append(o.Weight, 1)
		}
		both[k] = o
	}
	m, err := evaluate.Evaluate(both[0], both[1], both[0].Scanned, evaluate.Options{NoRegistration: true})
	require.NoError(t, err)
	return Reconstructed{
		Precision: "float32", Epochs: 3, Metrics: m, Within: true, Objects: both, Losses: [2][]float64{{3, 2, 1}, {3, 2.1, 1.1}},
	}
}

// written writes a report's page and reads it again, checked.
func written(t *testing.T, r *Report) reporttest.Document {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parity.html")
	require.NoError(t, WriteHTML(path, r))
	return reporttest.Read(t, path)
}

// byClass are the texts of the elements of a class, words of spaces between.
func byClass(d reporttest.Document, name, class string) []string {
	var texts []string
	for _, e := range d.All(name) {
		for _, c := range strings.Fields(e.Attributes["class"]) {
			if c == class {
				texts = append(texts, strings.Join(strings.Fields(e.Text), " "))
			}
		}
	}
	return texts
}

func TestPage(t *testing.T) {
	d := written(t, synthetic(t))
	require.Equal(t, []string{"Parity of tensorflow and pytorch"}, d.Texts("h1"))
	require.Equal(t, []string{
		"Notes", "Who was compared", "Levels", "Layers and gradients", "Divergence over training steps", "Reconstruction, float32",
		"Runtimes compared with themselves", "Figures", "Budgets", "Settings",
	}, d.Texts("h2"))
	// 6 operations and 2 of each of 7 levels in two precisions.
	require.Equal(t, []string{"Within the budget, in all 40 figures that are judged. Figures that are shown and not judged: 2."}, byClass(d, "div", "within"))
	for _, says := range []string{
		strings.Repeat("1b", 32), "/a/long/path/to/libtorch_cpu.so", "one switch", "evaluator, the judge", "ptycho test, 1 March 2026, 12:00:00 UTC",
		"A processor", "a note", "chaotically", "12\u202f345", "all but 3", "Fourier ring correlation between the two objects", ofCurve.Reason,
	} {
		require.True(t, strings.Contains(d.Source, says), says) // without the whole page in the message
	}
	require.Len(t, d.All("img"), 2*(2+2+1+1), "each picture has a colour bar")
	require.Len(t, d.All("svg"), 2+2, "two courses, FRC, losses")
	require.Len(t, d.All("details"), 1, "of the operations alone are more than are shown")
	require.Contains(t, d.Texts("summary"), "All 12 figures of this level")
	require.NotContains(t, d.Source, "NaN")
	// At its limit, against the judge, is the first of each level.
	var layers []string
	for _, table := range d.All("table") {
		if strings.Contains(table.Attributes["class"], "tensors") {
			layers = append(layers, strings.Join(d.Cells(table), " | "))
		}
	}
	require.Equal(t, "one | 1 · 10⁻¹² | 1 · 10⁻¹² | 2.5 · 10⁻¹³ | two | 2.5 · 10⁻¹³ | 1 · 10⁻¹³ | 2.5 · 10⁻¹³ | "+
		"one | 1 · 10⁻¹² | 1 · 10⁻¹² | 2.5 · 10⁻¹³ | two | 2.5 · 10⁻¹³ | 1 · 10⁻¹³ | 2.5 · 10⁻¹³", layers[0], "layers, then network")
	require.Len(t, layers, 4, "layers and gradients in two precisions")
}

// TestPageOff: the verdict names the smallest level that is off, in whichever
// precision, and the side; and so do the cells and the rows.
func TestPageOff(t *testing.T) {
	r := synthetic(t)
	r.Figures = append(r.Figures,
		judgedAs(Gradient, "float64", "head", ofGradient, 1e-8, 1e-3, 0),
		judgedAs(Layer, "float32", "down1", ofLayer, 2e-5, 1e-6, 1e-4))
	r.summarise()
	d := written(t, r)
	verdict := byClass(d, "div", "outside")
	require.Len(t, verdict, 1)
	require.Equal(t, "Outside the budget, first at the level layer: pytorch is off. "+
		"layer, float32: 1 of 3 figures outside; pytorch is off; worst is first batch: down1, 5 × limit "+
		"gradient, float64: 1 of 3 figures outside; tensorflow is off; worst is first batch: head, 100000 × limit", verdict[0])
	require.Contains(t, byClass(d, "td", "h5"), "5 × limitpytorch is off1 of 3 figures outside; worst is first batch: down1")
	require.Contains(t, byClass(d, "td", "h7"), "100000 × limit, tensorflow is off", "in the table of figures")
	require.Contains(t, byClass(d, "strong", "off"), "tensorflow is off", "in the map of tensors")
	// The worst figure of a level is its first row.
	for _, table := range d.All("table") {
		if cells := d.Cells(table); len(cells) > 0 && strings.HasPrefix(cells[0], "first batch: head") {
			require.Equal(t, []string{"float64", "100000 × limit, tensorflow is off", "1 · 10⁻⁸gradient", "0.001", "0.0005"}, cells[1:6])
			return
		}
	}
	require.Fail(t, "no table begins with the worst gradient")
}

// TestPageEndless: what is no number is endless, and a value that is 0
// everywhere has no curve.
func TestPageEndless(t *testing.T) {
	r := synthetic(t)
	f := judgedAs(Network, "float32", "phase", ofNetwork, 2e-5, 0, 0)
	f.Pair, f.Judged[1] = endless(), endless()
	f.judge()
	r.Figures = append(r.Figures, f)
	r.Courses[0].Loss = []float64{0, 0, 0, 0}
	r.Courses[1].Object = []float64{1e-7, math.MaxFloat64}
	r.Reconstructions[0].Objects[0].Data[7] = complex64(complex(math.NaN(), 0))
	r.summarise()
	d := written(t, r)
	require.Contains(t, byClass(d, "div", "outside")[0], "pytorch is off; worst is first batch: phase, ∞ × limit")
	require.Contains(t, byClass(d, "td", "h7"), "∞")
	require.Contains(t, d.Texts("li"), "Loss, float64: the same value at all 4 points.")
	require.Contains(t, d.Texts("li"), "Object, float32: 1 · 10⁻⁷ apart after 1 step, ∞ after 4 steps; at most ∞.")
	require.Contains(t, d.Source, "No pictures: evaluate: common area: object is (NaN&#43;0i) at object pixel (x 4, y 5)")
	require.Empty(t, d.All("img"))
	require.NotContains(t, d.Source, "e&#43;308")
	require.NotContains(t, d.Source, "e+308")
}

// TestPageWithoutJudge: figures that differ name no side, and there is no
// column of a judge.
func TestPageWithoutJudge(t *testing.T) {
	r := synthetic(t)
	r.Judge = nil
	for i := range r.Figures {
		r.Figures[i].Judged = nil
	}
	r.Figures[0].Pair.Relative *= 30
	r.Figures[0].judge()
	r.summarise()
	d := written(t, r)
	require.Contains(t, byClass(d, "div", "outside")[0], "first at the level operation: the two differ. Which is off only a judge could say.")
	require.NotContains(t, d.Source, "evaluator")
	require.Contains(t, d.Source, "There was no judge.")
}

// TestPageFailed: a runtime that did not come to its end comes before all
// else, and a report without figures is a page.
func TestPageFailed(t *testing.T) {
	r := synthetic(t)
	failed := &Report{
		Settings: r.Settings, Runtimes: [2]Runtime{r.Runtimes[0], {}}, Budgets: r.Budgets, Within: true,
		Failures: []RuntimeFailure{{"pytorch", "signal: segmentation fault\nin the library"}},
	}
	d := written(t, failed)
	require.Equal(t, "No verdict: pytorch did not come to the end.", byClass(d, "div", "none")[0])
	require.Equal(t, []string{"signal: segmentation fault\nin the library"}, d.Texts("pre"))
	require.Equal(t, []string{"What failed", "Who was compared", "Budgets", "Settings"}, d.Texts("h2"))
	require.Equal(t, []string{"Parity of first tensorflow and second"}, d.Texts("h1"))

	require.Equal(t, "No verdict: nothing was judged.", byClass(written(t, &Report{Within: true}), "div", "none")[0])
}

// TestPageOfJSON: a report read from JSON, which has no objects, is a page,
// even where an index leads nowhere.
func TestPageOfJSON(t *testing.T) {
	text, err := json.Marshal(synthetic(t))
	require.NoError(t, err)
	var r Report
	require.NoError(t, json.Unmarshal(text, &r))
	r.Levels[0].Worst, r.Levels[1].Worst = 12345, -7
	d := written(t, &r)
	require.Empty(t, d.All("img"))
	require.Contains(t, d.Source, "No pictures: the report does not hold the objects.")
}

// TestPageEscapes: a text from outside is a text on the page, wherever it
// stands.
func TestPageEscapes(t *testing.T) {
	const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.Title}}</style></svg>`
	r := synthetic(t)
	info := bridge.Info{Backend: hostile, Version: hostile, Path: hostile, Device: hostile, Setting: hostile}
	r.Runtimes[0], r.Judge = Runtime{info, hostile, 1}, &Runtime{info, hostile, 1}
	r.Program, r.DataSHA256, r.Machine = hostile, hostile, Machine{hostile, hostile, 1, hostile}
	r.Settings.Data, r.Settings.Levels, r.Settings.Floats, r.Settings.Model.PatchMerge = hostile, []Level{hostile}, []string{hostile}, hostile
	for i := range r.Figures {
		f := &r.Figures[i]
		f.Experiment, f.Precision, f.Output, f.Budget = hostile, hostile, hostile, hostile
		if i%2 == 0 {
			f.Within, f.Off = false, hostile
		}
	}
	r.Levels = nil
	r.summarise()
	r.Courses[0].Precision, r.Reconstructions[0].Precision = hostile, hostile
	r.Reconstructions[0].Metrics.Notes = []string{hostile}
	r.Repeats, r.Budgets = []Repeat{{Backend: hostile, What: hostile, Where: hostile}}, []Budget{{Name: hostile, Reason: hostile}}
	r.Notes, r.Failures = []string{hostile}, []RuntimeFailure{{hostile, hostile}}
	d := written(t, r) // which checks that nothing but the template made elements
	require.Equal(t, []string{hostile}, d.Texts("pre"))
	require.Equal(t, []string{"Parity of " + hostile + " and pytorch"}, d.Texts("h1"))
	require.Contains(t, d.Texts("h2"), "Reconstruction, "+hostile)
	require.Contains(t, d.Texts("li"), hostile)
}

// TestPageDifferences: where the first object is larger the difference is
// orange, and the factor of 0.5 rad between the two phases is none.
func TestPageDifferences(t *testing.T) {
	d := written(t, synthetic(t))
	images := d.All("img")
	amplitude, phase := reporttest.Decoded(t, images[8]), reporttest.Decoded(t, images[10])
	require.Contains(t, images[8].Attributes["alt"], "Difference of the amplitudes: 48 × 40 object pixels from x -3, y 5; colours from −1 to 1 10⁻² amplitude")
	// The turn is the mean of 0.5 and 0.52 but for the weight of the lower half,
	// so that ±0.01 is left.
	require.Contains(t, images[10].Attributes["alt"], "Difference of the phases")
	require.Contains(t, d.Source, "without a factor of −0.51 rad all over")
	redder := func(c color.Color) int {
		r, _, b, _ := c.RGBA()
		return (int(r) - int(b)) / 257
	}
	require.Greater(t, redder(amplitude.At(40, 20)), 80, "without 0.01 in the second")
	require.Less(t, redder(amplitude.At(5, 20)), 5)
	require.Greater(t, redder(phase.At(20, 5)), 80, "0.01 above the mean difference")
	require.Less(t, redder(phase.At(20, 35)), -80)
}

// TestSigned: a small difference is in a unit of a power of ten, and none says
// so.
func TestSigned(t *testing.T) {
	r := reconstructed(t)
	c := &r
	c.Objects[1] = c.Objects[0]
	var o objects
	require.NoError(t, o.draw(c, names{First: "a", Second: "b"}))
	require.Equal(t, "Difference of the amplitudes: none", o.Apart[0].Title)
	require.Equal(t, "Difference of the phases: none", o.Apart[1].Title)
	changed := *c.Objects[0]
	changed.Data = append([]complex64{}, changed.Data...)
	for i := range changed.Data {
		if i%3 == 0 {
			changed.Data[i] *= 1 + 1e-5
		}
	}
	c.Objects[0] = &changed
	require.NoError(t, o.draw(c, names{First: "a", Second: "b"}))
	im := o.Apart[0]
	require.Equal(t, "10⁻⁶ amplitude", im.Unit)
	require.InDelta(t, 9, im.Max, .5, "1e-5 of 0.9")
	require.Equal(t, -im.Max, im.Min)
}

// TestPageNumbers: rounding says neither that all is equal nor that nothing
// is.
func TestPageNumbers(t *testing.T) {
	for want, share := range map[string]float64{"0 %": 0, "< 0.1 %": 1e-9, "12.3 %": .123, "> 99.9 %": .999999, "100 %": 1} {
		require.Equal(t, want, percent(share))
	}
	for want, v := range map[string]float64{"0": 0, "1.2 · 10⁻⁷": 1.234e-7, "0.31": .3123, "14": 14.2, "∞": math.MaxFloat64} {
		require.Equal(t, want, short(v))
	}
	require.Equal(t, "∞", short(math.NaN()))
	for want, ulp := range map[string]uint64{"0": 0, "12\u202f345": 12345, "1.2 · 10⁶": 1234567, "∞": math.MaxUint64} {
		require.Equal(t, want, steps(ulp))
	}
	for i, times := range []float64{0, 1e-4, 5e-3, .05, 1, 1.01, 500, 1e4} {
		require.Equal(t, scale[i].Class, colour(times*2e-5, 2e-5))
	}
	require.Equal(t, []string{"h0", "h7", "unjudged"}, []string{colour(0, 0), colour(1e-300, 0), colour(.3, None)})
	for want, d := range map[string]float64{"< 0.0001 × limit": 1e-13, "< 1 × limit": .99999e-8, "1 × limit": 1e-8, "> 1 × limit": 1.00001e-8, "∞ × limit": math.MaxFloat64} {
		require.Equal(t, want, Figure{Pair: near(d), Limit: 1e-8}.times())
	}
}

// TestPageInBrowser: a browser shows the pages without a fault.
func TestPageInBrowser(t *testing.T) {
	open := reporttest.Browser(t)
	failed := &Report{Failures: []RuntimeFailure{{"pytorch", strings.Repeat("along/", 100)}}}
	for name, r := range map[string]*Report{"within": synthetic(t), "failed": failed} {
		path := filepath.Join(t.TempDir(), "parity.html")
		require.NoError(t, WriteHTML(path, r))
		require.Empty(t, open(path), name)
	}
}

func TestPageErrors(t *testing.T) {
	err := WriteHTML(filepath.Join(t.TempDir(), "none", "parity.html"), synthetic(t))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "parity: write page: ")
}
