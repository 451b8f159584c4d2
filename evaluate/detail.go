package evaluate

import (
	"errors"
	"fmt"
	"image"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// What Options.Remove takes from the phases.
const (
	RemovePlane = "plane" // the least-squares plane, see FlattenPhase
	RemoveMean  = "mean"  // the circular mean, see CentrePhase
)

// Options say how Evaluate prepares the two objects.
type Options struct {
	// NoRegistration leaves the object where it is.
	NoRegistration bool
	// Remove is what is taken from both phases, RemovePlane or RemoveMean;
	// empty means RemovePlane.
	Remove string
}

// Detail holds the metrics that need the two objects to lie on each other. The
// object's shift is undone, plane or mean is taken from both phases, and the
// object's amplitude is multiplied so that its mean is the reference's.
//
// The shift is the peak of the cross-correlation of the complex objects, found
// to 1/100 of a pixel by a matrix-multiply Fourier transform (Guizar-Sicairos,
// Thurman and Fienup, Opt. Lett. 33, 156, 2008). Shifts of up to a quarter of
// the window are found.
//
// Means over pixels go over all valid ones. SSIM, MS-SSIM and FRC need a
// rectangle without gaps and use Window.
type Detail struct {
	// Shift (x, y) in pixels is how far the object lay from the reference: a
	// feature at x of the reference is at x + Shift of the object. It is 0
	// where nothing was registered.
	Shift [2]float64 `json:"shift_xy"`
	// Registered says whether a shift was looked for, found and undone. A note
	// says why not, but for one below half a pixel that is better left as it is.
	Registered bool `json:"registered"`
	// Removed is what was taken from both phases: plane or mean.
	Removed string `json:"removed_from_phase"`
	// Pixels is the number of pixels that were compared, Area their bounding
	// area in pixels of the reference, half-open, after registration.
	Pixels int  `json:"pixels"`
	Area   Area `json:"area"`
	// Window is the largest rectangle in Area all of whose pixels are valid.
	Window Area `json:"window"`
	// AmplitudeFactor is the mean of the reference's amplitude by that of the
	// object's.
	AmplitudeFactor float64 `json:"amplitude_factor"`

	Amplitude Quality        `json:"amplitude"` // errors in units of the reference's amplitude
	Phase     Quality        `json:"phase"`     // errors in radians
	Complex   ComplexQuality `json:"complex"`
}

// Quality says how well one real quantity agrees with the reference's. What
// has no meaning is left out, and a note says so.
type Quality struct {
	// Correlation is Pearson's, 0 with a note where one side is flat.
	Correlation float64 `json:"correlation"`
	// MAE is the mean absolute difference, MSE the mean squared one, over all
	// valid pixels.
	MAE float64 `json:"mae"`
	MSE float64 `json:"mse"`
	// PSNR is 10·log₁₀(R²/MSE) in dB, R the range of the reference, at most
	// MaxPSNR. Left out where the reference is flat.
	PSNR *float64 `json:"psnr,omitempty"`
	// PSNRPeak255 is PSNR with R = 255, whatever the range, as some published
	// tables have it.
	PSNRPeak255 float64 `json:"psnr_peak255"`
	// SSIM is the mean structural similarity, see the function SSIM; for an
	// amplitude with the range of the reference, for a phase φ of
	// (φ+π)/2π with range 1. Left out where Window is too small.
	SSIM *float64 `json:"ssim,omitempty"`
	// MSSSIM is that over several scales, see the function MSSSIM, and
	// MSSSIMScales their number.
	MSSSIM       *float64 `json:"ms_ssim,omitempty"`
	MSSSIMScales int      `json:"ms_ssim_scales,omitempty"`
	// FRC is the Fourier ring correlation on Window.
	FRC *FRC `json:"frc,omitempty"`
}

// ComplexQuality says how well the complex objects agree.
type ComplexQuality struct {
	// Error is Metrics.ComplexError after registration and without the planes
	// of the phases, where these were removed.
	Error float64 `json:"error"`
	// FRC is the Fourier ring correlation of the complex objects on Window,
	// after one phase that all pixels share.
	FRC *FRC `json:"frc,omitempty"`
}

// Evaluate gives the metrics of CompareObjects, which are those of the objects
// as they lie, and with them Metrics.Detail. Pixels and errors are as for
// Compare, and an unknown Options.Remove is an error.
func Evaluate(object, reference *stitch.Object, area image.Rectangle, o Options) (Metrics, error) {
	m, err := evaluate(object, reference, area, o)
	if err != nil {
		return Metrics{}, fmt.Errorf("evaluate: %w", err)
	}
	return m, nil
}

func evaluate(object, reference *stitch.Object, area image.Rectangle, o Options) (Metrics, error) {
	if o.Remove == "" {
		o.Remove = RemovePlane
	}
	if o.Remove != RemovePlane && o.Remove != RemoveMean {
		return Metrics{}, fmt.Errorf("to remove from the phases: found %q; expected %s or %s", o.Remove, RemovePlane, RemoveMean)
	}
	p, err := common(object, reference, area)
	if err != nil {
		return Metrics{}, fmt.Errorf("common area: %w", err)
	}
	m := p.Metrics()
	d := &Detail{Removed: o.Remove}
	m.Detail = d
	if !o.NoRegistration {
		moved, shift, err := register(object, reference, area, p)
		switch {
		case err == nil:
			p, d.Shift, d.Registered = moved, shift, true
		case !errors.Is(err, errStays):
			m.note("not registered: %v", err)
		}
	}
	d.Pixels, d.Area, d.Window = p.Pixels, Area{p.Area}, Area{p.window()}
	if whole := d.Window.Dx() * d.Window.Dy(); 2*whole < d.Pixels {
		m.note("SSIM, MS-SSIM and FRC use the largest rectangle without gaps, %d of %d pixels", whole, d.Pixels)
	}
	m.fill(p)
	return m, nil
}

// fill computes the metrics of two objects that lie on each other.
func (m *Metrics) fill(p *Pair) {
	d := m.Detail
	phase, refPhase := CentrePhase(p.Object, p.Valid), CentrePhase(p.Reference, p.Valid)
	if d.Removed == RemovePlane {
		var plane, refPlane Plane
		phase, plane = FlattenPhase(p.Object, p.Valid, p.Area.Dx())
		refPhase, refPlane = FlattenPhase(p.Reference, p.Valid, p.Area.Dx())
		p = p.without(plane, refPlane)
	}
	amplitude, refAmplitude := Amplitude(p.Object), Amplitude(p.Reference)
	d.AmplitudeFactor = m.amplitudeFactor(p.used(amplitude), p.used(refAmplitude))
	for i := range amplitude {
		amplitude[i] *= d.AmplitudeFactor
	}
	low, high := extremes(p.used(refAmplitude))
	d.Amplitude = m.quality(&comparison{
		pair: p, window: d.Window.Rectangle, name: "amplitude", values: amplitude, reference: refAmplitude,
		similar: func(v float64) float64 { return v }, span: high - low, flat: flatAmplitude,
	})
	d.Phase = m.quality(&comparison{
		pair: p, window: d.Window.Rectangle, name: "phase", values: phase, reference: refPhase,
		similar: unitPhase, span: 1, flat: flatPhase,
	})
	d.Complex = ComplexQuality{Error: p.complexError(), FRC: p.complexFRC(d.Window.Rectangle)}
}

func (m *Metrics) amplitudeFactor(object, reference []float64) float64 {
	mean, _ := spread(object)
	refMean, _ := spread(reference)
	if mean == 0 {
		m.note("the object is 0 throughout, so its amplitude is not scaled")
		return 1
	}
	return refMean / mean
}

// without is the pair without the planes of its phases.
func (p *Pair) without(object, reference Plane) *Pair {
	out := *p
	cols := p.Area.Dx()
	out.Object, out.Reference = make([]complex128, len(p.Object)), make([]complex128, len(p.Object))
	for i := range p.Object {
		out.Object[i] = p.Object[i] * unit(-object.at(i%cols, i/cols))
		out.Reference[i] = p.Reference[i] * unit(-reference.at(i%cols, i/cols))
	}
	return &out
}

// comparison is one real quantity of both objects [Area], with what its
// metrics need.
type comparison struct {
	pair              *Pair
	window            image.Rectangle
	name              string
	values, reference []float64
	similar           func(float64) float64 // maps values for SSIM
	span              float64               // range of the mapped values
	flat              func([]float64) bool
}

// quality computes the metrics of one quantity.
func (m *Metrics) quality(c *comparison) Quality {
	values, reference := c.pair.used(c.values), c.pair.used(c.reference)
	q := Quality{}
	var said Metrics // Compare has told already what is flat
	q.Correlation = said.correlate(c.name, values, reference, c.flat)
	q.MAE, q.MSE = differences(values, reference)
	if low, high := extremes(reference); high > low {
		v := psnr(q.MSE, high-low)
		q.PSNR = &v
	} else {
		m.note("the %s of the reference is flat, so there is no PSNR", c.name)
	}
	q.PSNRPeak255 = psnr(q.MSE, 255)
	q.FRC = realFRC(c.pair.cut(c.values, c.window), c.pair.cut(c.reference, c.window), c.window.Dx())
	if q.FRC == nil {
		m.note("the window of %d×%d pixels is too small for an FRC of the %s", c.window.Dy(), c.window.Dx(), c.name)
	}
	m.similarity(c, &q)
	return q
}

func (m *Metrics) similarity(c *comparison, q *Quality) {
	a, b := c.pair.cut(c.values, c.window), c.pair.cut(c.reference, c.window)
	for i := range a {
		a[i], b[i] = c.similar(a[i]), c.similar(b[i])
	}
	if v, err := SSIM(a, b, c.window.Dx(), c.span); err != nil {
		m.note("no SSIM of the %s: %v", c.name, err)
	} else {
		q.SSIM = &v
	}
	if v, scales, err := MSSSIM(a, b, c.window.Dx(), c.span); err != nil {
		m.note("no MS-SSIM of the %s: %v", c.name, err)
	} else {
		q.MSSSIM, q.MSSSIMScales = &v, scales
	}
}

func (m *Metrics) note(format string, arguments ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, arguments...))
}

// WithoutCurves is m without the curves of its FRCs, for where arrays are in
// the way.
func (m Metrics) WithoutCurves() Metrics {
	if m.Detail == nil {
		return m
	}
	d := *m.Detail
	for _, frc := range []**FRC{&d.Amplitude.FRC, &d.Phase.FRC, &d.Complex.FRC} {
		if *frc != nil {
			short := **frc
			short.Curve = nil
			*frc = &short
		}
	}
	m.Detail = &d
	return m
}
