// Package evaluate compares a reconstructed object with a reference: Compare and
// CompareObjects as the two lie, Evaluate after registration too. Both give
// Metrics, whose numbers are always finite and whose Notes say which of them mean
// little; what has no meaning is left out. Objects are stitch.Objects, of which
// only the pixels with a weight above 0 count.
//
// Ptychography leaves a complex factor and a linear phase ramp of the object
// undetermined. No metric of Compare sees the factor, and the correlations do
// not see the ramp either. Evaluate adds metrics that need the objects to lie on
// each other: it undoes a shift, the ramp and the factor first.
package evaluate

import (
	"fmt"
	"image"
	"math"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// Metrics say how well an object agrees with a reference on the pixels that
// they have in common. All numbers are finite.
type Metrics struct {
	// PhaseCorrelation is Pearson's correlation, −1 to 1, of the phases, each
	// without its own plane, see FlattenPhase. 0, with a note, where one of
	// them is flat.
	PhaseCorrelation float64 `json:"phase_correlation"`
	// AmplitudeCorrelation is Pearson's correlation, −1 to 1, of the
	// amplitudes. 0, with a note, where one of them is flat.
	AmplitudeCorrelation float64 `json:"amplitude_correlation"`
	// ComplexError is min ‖c·object − reference‖ / ‖reference‖ over complex
	// factors c: 0 where the two agree, 1 where they have nothing in common.
	// A phase ramp between them counts as an error.
	ComplexError float64 `json:"complex_error"`
	// PhaseRamp is the slope (x, y) of the object's phase plane minus that of
	// the reference's, in radians a pixel within ±π. Where it is large, so is
	// ComplexError, however good the object.
	PhaseRamp [2]float64 `json:"phase_ramp"`
	// Pixels is the number of pixels that were compared.
	Pixels int `json:"pixels"`
	// Area is the common area in object pixels, half-open. Pixels of it on
	// which nothing landed were left out.
	Area Area `json:"area"`
	// Detail holds the metrics after registration; only Evaluate gives it.
	Detail *Detail `json:"detail,omitempty"`
	// Notes say what makes a number mean less than it seems to.
	Notes []string `json:"notes,omitempty"`
}

// Compare compares an object with a reference [refRows, refCols], row by row,
// whose pixel (row r, column c) is the object pixel (x = c, y = r). It uses the
// pixels of area that lie on both and that have a weight above 0.
//
// Errors: sizes and lengths that do not agree, fewer than 16 pixels in common,
// and there, values that are not finite or a reference that is 0 throughout.
func Compare(object *stitch.Object, reference []complex64, refRows, refCols int, area image.Rectangle) (Metrics, error) {
	return CompareObjects(object, &stitch.Object{Rows: refRows, Cols: refCols, Data: reference}, area)
}

// CompareObjects compares an object with another one that takes the place of
// the reference, as for the reconstructions of two backends. Pixels and errors
// are as for Compare.
func CompareObjects(object, reference *stitch.Object, area image.Rectangle) (Metrics, error) {
	p, err := Common(object, reference, area)
	if err != nil {
		return Metrics{}, err
	}
	return p.Metrics(), nil
}

// Metrics compares the two objects of a pair, as CompareObjects does; Detail
// stays nil.
func (p *Pair) Metrics() Metrics {
	m := Metrics{Pixels: p.Pixels, Area: Area{p.Area}, ComplexError: p.complexError()}
	phase, plane := FlattenPhase(p.Object, p.Valid, p.Area.Dx())
	refPhase, refPlane := FlattenPhase(p.Reference, p.Valid, p.Area.Dx())
	m.PhaseRamp = [2]float64{wrap(plane.X - refPlane.X), wrap(plane.Y - refPlane.Y)}

	m.PhaseCorrelation = m.correlate("phase", p.used(phase), p.used(refPhase), flatPhase)
	m.AmplitudeCorrelation = m.correlate("amplitude", p.used(Amplitude(p.Object)), p.used(Amplitude(p.Reference)), flatAmplitude)
	return m
}

// correlate is Pearson's correlation, or 0 and a note where it has no meaning.
func (m *Metrics) correlate(quantity string, object, reference []float64, flat func([]float64) bool) float64 {
	meaning := true
	for _, of := range []struct {
		name   string
		values []float64
	}{{"object", object}, {"reference", reference}} {
		if flat(of.values) {
			m.Notes = append(m.Notes, fmt.Sprintf("the %s of the %s is flat, so its correlation is given as 0", quantity, of.name))
			meaning = false
		}
	}
	if !meaning {
		return 0
	}
	return pearson(object, reference)
}

// rounding is a relative deviation below which values in float32 are the same
// value, rounded.
const rounding = 1e-6

func flatPhase(phase []float64) bool {
	_, deviation := spread(phase)
	return deviation < rounding
}

func flatAmplitude(amplitude []float64) bool {
	mean, deviation := spread(amplitude)
	return deviation <= rounding*mean
}

// complexError is min ‖c·object − reference‖ / ‖reference‖, at
// c = ⟨object, reference⟩ / ‖object‖².
func (p *Pair) complexError() float64 {
	var inner complex128
	var object, reference, difference float64
	for i, valid := range p.Valid {
		if valid {
			inner += conj(p.Object[i]) * p.Reference[i]
			object += squared(p.Object[i])
			reference += squared(p.Reference[i])
		}
	}
	if object == 0 {
		return 1
	}
	c := inner / complex(object, 0)
	for i, valid := range p.Valid {
		if valid {
			difference += squared(c*p.Object[i] - p.Reference[i])
		}
	}
	return math.Sqrt(difference / reference)
}
