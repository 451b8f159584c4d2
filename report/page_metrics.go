package report

import (
	"fmt"
	"image"

	"github.com/ptychobridge/ptychobridge/evaluate"
)

// metricTable is a table of metrics.
type metricTable struct {
	Title, Note string
	Rows        []metricRow
}

// metricRow is a metric of amplitude, phase and complex object.
type metricRow struct{ Name, Meaning, Amplitude, Phase, Complex string }

// metricTables lays out the metrics, those of the objects as they lie and
// those after registration.
func metricTables(m *evaluate.Metrics) []metricTable {
	tables := []metricTable{{
		Title: "As the two lie",
		Note:  "Nothing is shifted or taken off but what each metric says.",
		Rows: []metricRow{
			{"Correlation", "Pearson's, of the phases without their planes; 1 is best", Number(m.AmplitudeCorrelation), Number(m.PhaseCorrelation), ""},
			{"Relative error", "with the best complex factor; 0 is best; a phase ramp counts", "", "", Number(m.ComplexError)},
		},
	}}
	d := m.Detail
	if d == nil {
		return tables
	}
	a, p := d.Amplitude, d.Phase
	rows := []metricRow{
		{"Correlation", "Pearson's; 1 is best", Number(a.Correlation), Number(p.Correlation), ""},
		{"Relative error", "with the best complex factor; 0 is best", "", "", Number(d.Complex.Error)},
		{"MAE", "mean absolute difference; phase in rad", Number(a.MAE), Number(p.MAE), ""},
		{"MSE", "mean squared difference; phase in rad²", Number(a.MSE), Number(p.MSE), ""},
		{"PSNR (dB)", "range of the reference against the errors; more is better", maybe(a.PSNR), maybe(p.PSNR), ""},
		{"PSNR, peak 255 (dB)", "the same for a range of 255, as some tables have it", Number(a.PSNRPeak255), Number(p.PSNRPeak255), ""},
		{"SSIM", "structural similarity; 1 is best", maybe(a.SSIM), maybe(p.SSIM), ""},
		{"MS-SSIM", fmt.Sprintf("the same over several scales: %d", max(a.MSSSIMScales, p.MSSSIMScales)), maybe(a.MSSSIM), maybe(p.MSSSIM), ""},
	}
	for _, c := range []struct {
		name, meaning string
		of            func(f *evaluate.FRC) (evaluate.Crossing, float64)
	}{
		{"FRC below 1/2 from", "cycles per pixel; at most 0.5, more is better", func(f *evaluate.FRC) (evaluate.Crossing, float64) { return f.Half, f.Half.PerPixel }},
		{"FRC below 1/2 for good", "cycles per pixel; later where coarse structures disagree", func(f *evaluate.FRC) (evaluate.Crossing, float64) {
			return f.Half, f.Half.LastRing / float64(max(1, f.Side))
		}},
		{"FRC below 1/7 from", "cycles per pixel", func(f *evaluate.FRC) (evaluate.Crossing, float64) { return f.Seventh, f.Seventh.PerPixel }},
	} {
		cell := func(f *evaluate.FRC) string {
			if f == nil {
				return none
			}
			crossing, v := c.of(f)
			if !crossing.Crossed {
				return "> " + Number(v)
			}
			return Number(v)
		}
		rows = append(rows, metricRow{c.name, c.meaning, cell(a.FRC), cell(p.FRC), cell(d.Complex.FRC)})
	}
	title, shift := "After registration", "The shift is undone"
	if !d.Registered {
		title, shift = "Without registration", "Nothing is shifted"
	}
	return append(tables, metricTable{
		Title: title, Rows: rows,
		Note: fmt.Sprintf("%s, the %s taken from both phases, and the amplitude scaled to the reference's mean.", shift, d.Removed),
	})
}

// facing says what was compared with what.
func facing(m *evaluate.Metrics) []Fact {
	facts := []Fact{
		{"Compared", Integer(m.Pixels) + " pixels", between(m.Area.Rectangle)},
		{"Phase ramp", fmt.Sprintf("x %s, y %s rad/pixel", Number(m.PhaseRamp[0]), Number(m.PhaseRamp[1])), "of the object against the reference"},
	}
	d := m.Detail
	if d == nil {
		return facts
	}
	shift := Fact{"Shift", "none undone", "below half a pixel, not looked for or not found"}
	if d.Registered {
		shift = Fact{"Shift", fmt.Sprintf("x %s, y %s pixels", Number(d.Shift[0]), Number(d.Shift[1])), "of the object against the reference"}
	}
	return append(facts, shift,
		Fact{"Amplitude", "× " + Number(d.AmplitudeFactor), "to the reference's mean"},
		Fact{"Window", fmt.Sprintf("%d × %d pixels", d.Window.Dx(), d.Window.Dy()), "without gaps, for SSIM and FRC: " + between(d.Window.Rectangle)})
}

func between(r image.Rectangle) string {
	if r.Empty() {
		return "no pixel"
	}
	return fmt.Sprintf("x %d … %d, y %d … %d", r.Min.X, r.Max.X-1, r.Min.Y, r.Max.Y-1)
}

// FRC is the chart of the Fourier ring correlations; without lines where there
// are no curves.
func FRC(m *evaluate.Metrics) Chart {
	c := Chart{
		Title: "Fourier ring correlation with the reference",
		X:     "spatial frequency (cycles per object pixel)", Y: "FRC",
		Levels: []Level{{"1/2", .5}, {"1/7", 1. / 7}},
		ToX:    .5, FromY: 0, ToY: 1,
	}
	if m.Detail == nil {
		return c
	}
	state := "after registration"
	if !m.Detail.Registered {
		state = "without registration"
	}
	c.Caption = "Agreement at each fineness of structure, " + state + "; 0.5 cycles per pixel is the finest that pixels can hold."
	for _, one := range []struct {
		name string
		frc  *evaluate.FRC
	}{{"amplitude", m.Detail.Amplitude.FRC}, {"phase", m.Detail.Phase.FRC}, {"complex", m.Detail.Complex.FRC}} {
		if one.frc == nil || one.frc.Side < 1 {
			continue
		}
		l := Line{Name: one.name, Y: one.frc.Curve}
		for ring := range one.frc.Curve {
			l.X = append(l.X, float64(ring)/float64(one.frc.Side))
		}
		c.Lines = append(c.Lines, l)
	}
	return c
}
