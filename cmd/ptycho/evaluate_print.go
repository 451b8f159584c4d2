package main

import (
	"fmt"
	"image"
	"strings"

	"github.com/ptychobridge/ptychobridge/evaluate"
)

// table words metrics in lines of at most 80 columns, paths apart.
func table(object, reference *found, m evaluate.Metrics) string {
	var b strings.Builder
	d := m.Detail
	line := func(format string, arguments ...any) { fmt.Fprintf(&b, format+"\n", arguments...) }
	line("object      %s (%s)", object.path, object.key)
	line("reference   %s (%s)", reference.path, reference.key)
	line("area        %s, %d pixels", words(d.Area.Rectangle), d.Pixels)
	line("window      %s", words(d.Window.Rectangle))
	if d.Registered {
		line("shift       x %+.2f, y %+.2f pixels, undone", d.Shift[0], d.Shift[1])
	} else {
		line("shift       none undone: below half a pixel, not looked for or not found")
	}
	line("phase ramp  x %+.5f, y %+.5f rad/pixel%s", m.PhaseRamp[0], m.PhaseRamp[1], map[string]string{evaluate.RemovePlane: ", undone"}[d.Removed])
	line("amplitude   × %.4g", d.AmplitudeFactor)
	line("")
	line("%-34s %12s %12s %12s", "", "amplitude", "phase", "complex")
	row := func(name string, cells ...string) { line("%-34s %12s %12s %12s", name, cells[0], cells[1], cells[2]) }
	row("as they lie: correlation", number(m.AmplitudeCorrelation), number(m.PhaseCorrelation), "")
	row("             relative error", "", "", number(m.ComplexError))
	a, p := d.Amplitude, d.Phase
	row("correlation", number(a.Correlation), number(p.Correlation), "")
	row("relative error", "", "", number(d.Complex.Error))
	row("MAE (phase: rad)", number(a.MAE), number(p.MAE), "")
	row("MSE", number(a.MSE), number(p.MSE), "")
	row("PSNR, dB", maybe(a.PSNR), maybe(p.PSNR), "")
	row("PSNR for a peak of 255, dB", number(a.PSNRPeak255), number(p.PSNRPeak255), "")
	row("SSIM", maybe(a.SSIM), maybe(p.SSIM), "")
	row(fmt.Sprintf("MS-SSIM, scales: %d", a.MSSSIMScales), maybe(a.MSSSIM), maybe(p.MSSSIM), "")
	for _, c := range []struct {
		name string
		of   func(f *evaluate.FRC) evaluate.Crossing
	}{
		{"1/2", func(f *evaluate.FRC) evaluate.Crossing { return f.Half }},
		{"1/7", func(f *evaluate.FRC) evaluate.Crossing { return f.Seventh }},
	} {
		var rings, perPixel, last []string
		for _, f := range []*evaluate.FRC{a.FRC, p.FRC, d.Complex.FRC} {
			ring, at, end := "–", "–", "–"
			if f != nil {
				x := c.of(f)
				ring, at, end = crossing(x, x.Ring, "%.2f"), crossing(x, x.PerPixel, "%.4f"), crossing(x, x.LastRing, "%.2f")
			}
			rings, perPixel, last = append(rings, ring), append(perPixel, at), append(last, end)
		}
		row("FRC below "+c.name+" from ring", rings...)
		row("                   cycles/pixel", perPixel...)
		if c.name == "1/2" {
			row("             for good from ring", last...)
		}
	}
	return b.String()
}

func words(r image.Rectangle) string {
	return fmt.Sprintf("x %d … %d, y %d … %d", r.Min.X, r.Max.X-1, r.Min.Y, r.Max.Y-1)
}

func number(v float64) string { return fmt.Sprintf("%.4g", v) }

func maybe(v *float64) string {
	if v == nil {
		return "–"
	}
	return number(*v)
}

// crossing marks a curve that is above its threshold at its end.
func crossing(c evaluate.Crossing, v float64, format string) string {
	text := fmt.Sprintf(format, v)
	if !c.Crossed {
		return "> " + text
	}
	return text
}
