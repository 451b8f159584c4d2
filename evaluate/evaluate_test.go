package evaluate_test

import (
	"encoding/json"
	"image"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// formula makes an object [rows, cols] with its first pixel at (x, y), out of
// amplitude and phase as functions of column and row.
func formula(rows, cols, x, y int, amplitude, phase func(c, r float64) float64) *stitch.Object {
	o := &stitch.Object{Rows: rows, Cols: cols, OriginX: x, OriginY: y}
	for i := range rows * cols {
		c, r := float64(x+i%cols), float64(y+i/cols)
		o.Data = append(o.Data, complex64(cmplx.Rect(amplitude(c, r), phase(c, r))))
		o.Weight = append(o.Weight, 1)
	}
	return o
}

func someAmplitude(c, r float64) float64 { return 1 + .2*math.Cos(.7*c+.3*r) }
func somePhase(c, r float64) float64     { return .5*math.Sin(.4*c) + .3*math.Cos(.9*r) }

func otherAmplitude(c, r float64) float64 { return 1 + .2*math.Cos(.7*c+.4*r) }
func otherPhase(c, r float64) float64 {
	return .5*math.Sin(.4*c+.3) + .3*math.Cos(.9*r) + .2*math.Sin(.1*r*c)
}

// change multiplies an object by factor·e^{i(ax+by)}.
func change(o *stitch.Object, factor complex128, a, b float64) *stitch.Object {
	changed := *o
	changed.Data = make([]complex64, len(o.Data))
	for i, v := range o.Data {
		x, y := float64(o.OriginX+i%o.Cols), float64(o.OriginY+i/o.Cols)
		changed.Data[i] = complex64(complex128(v) * factor * cmplx.Rect(1, a*x+b*y))
	}
	return &changed
}

var everywhere = image.Rect(-1000, -1000, 1000, 1000)

// TestKnownValues: the figures are NumPy's for the same two objects, 13×17:
// numpy.corrcoef of abs and of angle less its plane by numpy.linalg.lstsq, and
// the norm that lstsq of one complex factor leaves. No phase wraps here.
func TestKnownValues(t *testing.T) {
	object := formula(13, 17, 0, 0, someAmplitude, somePhase)
	reference := formula(13, 17, 0, 0, otherAmplitude, otherPhase)
	m, err := evaluate.Compare(object, reference.Data, 13, 17, everywhere)
	require.NoError(t, err)
	require.InDelta(t, 0.8803543148137223, m.PhaseCorrelation, 1e-7)
	require.InDelta(t, 0.7629638227137548, m.AmplitudeCorrelation, 1e-7)
	require.InDelta(t, 0.19838723330160435, m.ComplexError, 1e-7)
	require.InDelta(t, 0.00187199, m.PhaseRamp[0], 1e-7)
	require.InDelta(t, 0.00578655, m.PhaseRamp[1], 1e-7)
	require.Equal(t, 13*17, m.Pixels)
	require.Equal(t, image.Rect(0, 0, 17, 13), m.Area.Rectangle)
	require.Empty(t, m.Notes)
}

// TestByHand: of the object 1 and the reference 1 + i·s, s = ±1 in turn, the
// best factor is 1 and the error √(1/2). Of amplitudes 1, 2 against 2, 1 in
// turn the correlation is −1.
func TestByHand(t *testing.T) {
	sign := func(c, _ float64) float64 { return 1 - 2*math.Mod(c, 2) }
	one := func(_, _ float64) float64 { return 1 }
	object := formula(4, 6, 0, 0, one, func(_, _ float64) float64 { return 0 })
	reference := formula(4, 6, 0, 0, func(_, _ float64) float64 { return math.Sqrt2 }, func(c, r float64) float64 { return math.Pi / 4 * sign(c, r) })
	m, err := evaluate.CompareObjects(object, reference, everywhere)
	require.NoError(t, err)
	require.InDelta(t, math.Sqrt(.5), m.ComplexError, 1e-7)

	object = formula(4, 6, 0, 0, func(c, r float64) float64 { return 1.5 - sign(c, r)/2 }, somePhase)
	reference = formula(4, 6, 0, 0, func(c, r float64) float64 { return 1.5 + sign(c, r)/2 }, somePhase)
	m, err = evaluate.CompareObjects(object, reference, everywhere)
	require.NoError(t, err)
	require.InDelta(t, -1, m.AmplitudeCorrelation, 1e-12)
	require.InDelta(t, 1, m.PhaseCorrelation, 1e-7)
	// Σ o·r = 24·2, Σ o² = Σ r² = 24·2.5: √(1 − 0.8²) = 0.6
	require.InDelta(t, .6, m.ComplexError, 1e-7)
}

// TestInvariance: a complex factor changes nothing, wherever it turns the
// phases; a ramp of any slope changes the complex error and nothing else, and
// is told as it is.
func TestInvariance(t *testing.T) {
	object := formula(23, 31, 5, -4, someAmplitude, somePhase)
	reference := formula(30, 30, 8, -9, otherAmplitude, otherPhase)
	area := image.Rect(6, -3, 33, 20)
	plain, err := evaluate.CompareObjects(object, reference, area)
	require.NoError(t, err)
	require.Equal(t, image.Rect(8, -3, 33, 19), plain.Area.Rectangle)
	text, err := json.Marshal(plain.Area)
	require.NoError(t, err)
	require.JSONEq(t, `{"x": [8, 33], "y": [-3, 19]}`, string(text))
	for _, phase := range []float64{0, 1, 3, math.Pi, -2.5} {
		m, err := evaluate.CompareObjects(change(object, cmplx.Rect(3.7, phase), 0, 0), change(reference, cmplx.Rect(.2, 2*phase), 0, 0), area)
		require.NoError(t, err)
		require.InDelta(t, plain.PhaseCorrelation, m.PhaseCorrelation, 1e-6)
		require.InDelta(t, plain.AmplitudeCorrelation, m.AmplitudeCorrelation, 1e-6)
		require.InDelta(t, plain.ComplexError, m.ComplexError, 1e-6)
		require.InDeltaSlice(t, plain.PhaseRamp[:], m.PhaseRamp[:], 1e-6)
	}
	for _, ramp := range [][2]float64{{.01, .4}, {-.3, .02}, {2.9, -3}, {1.5, 0}} {
		m, err := evaluate.CompareObjects(change(object, 1i, ramp[0], ramp[1]), reference, area)
		require.NoError(t, err)
		require.InDelta(t, plain.PhaseCorrelation, m.PhaseCorrelation, 1e-6)
		require.InDelta(t, plain.AmplitudeCorrelation, m.AmplitudeCorrelation, 1e-6)
		require.InDelta(t, plain.PhaseRamp[0]+ramp[0], m.PhaseRamp[0], 1e-6)
		require.InDelta(t, plain.PhaseRamp[1]+ramp[1], m.PhaseRamp[1], 1e-6)
		require.Greater(t, m.ComplexError, plain.ComplexError+.1)
	}
}

// TestOrientation: the same object scores 1; transposed, flipped or moved by
// one pixel it does not.
func TestOrientation(t *testing.T) {
	const n = 24
	object := formula(n, n, 0, 0, someAmplitude, func(c, r float64) float64 {
		return math.Exp(-((c-5)*(c-5) + (r-16)*(r-16)/4) / 12) // in the lower left
	})
	score := func(from func(x, y int) (int, int)) evaluate.Metrics {
		reference := make([]complex64, n*n)
		for y := range n {
			for x := range n {
				a, b := from(x, y)
				reference[y*n+x] = object.Data[b*n+a]
			}
		}
		m, err := evaluate.Compare(object, reference, n, n, everywhere)
		require.NoError(t, err)
		return m
	}
	same := score(func(x, y int) (int, int) { return x, y })
	require.InDelta(t, 1, same.PhaseCorrelation, 1e-12)
	require.InDelta(t, 1, same.AmplitudeCorrelation, 1e-12)
	require.InDelta(t, 0, same.ComplexError, 1e-12)
	for name, from := range map[string]func(x, y int) (int, int){
		"transposed": func(x, y int) (int, int) { return y, x },
		"flipped x":  func(x, y int) (int, int) { return n - 1 - x, y },
		"flipped y":  func(x, y int) (int, int) { return x, n - 1 - y },
	} {
		m := score(from)
		require.Less(t, m.PhaseCorrelation, .5, name)
		require.Less(t, m.AmplitudeCorrelation, .5, name)
		require.Greater(t, m.ComplexError, .2, name)
	}

	// An origin that is wrong by one pixel in x costs, and the right one does
	// not: the reference is found at (x = column, y = row).
	larger := formula(40, 50, 0, 0, someAmplitude, somePhase)
	part := formula(n, n, 11, 7, someAmplitude, somePhase)
	m, err := evaluate.Compare(part, larger.Data, 40, 50, everywhere)
	require.NoError(t, err)
	require.InDelta(t, 1, m.PhaseCorrelation, 1e-12)
	part.OriginX++
	m, err = evaluate.Compare(part, larger.Data, 40, 50, everywhere)
	require.NoError(t, err)
	require.Less(t, m.AmplitudeCorrelation, .9)
}

// TestPixels: only pixels with a weight count, whatever the others hold.
func TestPixels(t *testing.T) {
	object := formula(10, 12, 3, 2, someAmplitude, somePhase)
	reference := formula(20, 20, 0, 0, someAmplitude, somePhase)
	for i := range object.Data {
		if i%3 == 0 {
			object.Weight[i], object.Data[i] = 0, complex(float32(math.NaN()), 7)
		}
	}
	m, err := evaluate.Compare(object, reference.Data, 20, 20, image.Rect(5, 1, 11, 9))
	require.NoError(t, err)
	require.Equal(t, image.Rect(5, 2, 11, 9), m.Area.Rectangle)
	require.Equal(t, 28, m.Pixels, "two thirds of 6×7")
	require.InDelta(t, 1, m.PhaseCorrelation, 1e-12)
	require.InDelta(t, 0, m.ComplexError, 1e-12)
}

// TestCollapse: what is flat has correlation 0 and a note, also after rounding
// to float32, and the metrics remain JSON.
func TestCollapse(t *testing.T) {
	flat := func(value float64) func(c, r float64) float64 { return func(_, _ float64) float64 { return value } }
	reference := formula(16, 16, 0, 0, someAmplitude, somePhase)
	object := change(formula(16, 16, 0, 0, someAmplitude, flat(math.Pi)), 1, .11, .23)
	m, err := evaluate.CompareObjects(object, reference, everywhere)
	require.NoError(t, err)
	require.Zero(t, m.PhaseCorrelation)
	require.InDelta(t, 1, m.AmplitudeCorrelation, 1e-6)
	require.Equal(t, []string{"the phase of the object is flat, so its correlation is given as 0"}, m.Notes)

	object = change(formula(16, 16, 0, 0, flat(.3), somePhase), 1, .7, 0)
	m, err = evaluate.CompareObjects(reference, object, everywhere)
	require.NoError(t, err)
	require.Zero(t, m.AmplitudeCorrelation)
	require.InDelta(t, 1, m.PhaseCorrelation, 1e-6)
	require.Equal(t, []string{"the amplitude of the reference is flat, so its correlation is given as 0"}, m.Notes)

	object = formula(16, 16, 0, 0, flat(0), flat(0))
	m, err = evaluate.CompareObjects(object, reference, everywhere)
	require.NoError(t, err)
	require.Equal(t, 1., m.ComplexError)
	require.Len(t, m.Notes, 2)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.Contains(t, string(text), `"phase_correlation":0,"amplitude_correlation":0,"complex_error":1`)
	var back evaluate.Metrics
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, m, back)
}

// TestNoise: the correlation of unrelated phases is near 0 and the error of
// unrelated objects near 1. Of 900 pixels the correlation's deviation is 0.03.
func TestNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	noise := func() *stitch.Object {
		return formula(30, 30, 0, 0, func(_, _ float64) float64 { return 1 + rng.Float64() }, func(_, _ float64) float64 { return 6.2 * rng.Float64() })
	}
	m, err := evaluate.CompareObjects(noise(), noise(), everywhere)
	require.NoError(t, err)
	require.InDelta(t, 0, m.PhaseCorrelation, .15)
	require.InDelta(t, 0, m.AmplitudeCorrelation, .15)
	require.InDelta(t, 1, m.ComplexError, .05)
}

func TestErrors(t *testing.T) {
	good := func() *stitch.Object { return formula(8, 8, 10, 20, someAmplitude, somePhase) }
	with := func(edit func(o *stitch.Object)) *stitch.Object {
		o := good()
		edit(o)
		return o
	}
	for _, c := range []struct {
		name              string
		object, reference *stitch.Object
		area              image.Rectangle
		want              string
	}{
		{"no object", nil, good(), everywhere, "object: there is none"},
		{"no reference", good(), nil, everywhere, "reference: there is none"},
		{"no rows", good(), &stitch.Object{Cols: 3}, everywhere, "reference: it has 0 rows and 3 columns; expected at least 1 of both"},
		{"values", good(), with(func(o *stitch.Object) { o.Rows = 9 }), everywhere, "reference: it has 64 values; expected 9 rows of 8 columns"},
		{"weights", with(func(o *stitch.Object) { o.Weight = o.Weight[:7] }), good(), everywhere, "object: it has 7 weights; expected 64, one for each value, or none"},
		{
			"apart", good(), with(func(o *stitch.Object) { o.OriginX = 100 }), image.Rect(0, 0, 50, 60),
			"area (columns 0–49, rows 0–59), object (columns 10–17, rows 20–27) and reference (columns 100–107, rows 20–27) have 0 pixels with a weight in common; expected at least 16; do positions and reference share their origin?",
		},
		{
			"15 pixels", good(), good(), image.Rect(10, 20, 15, 23),
			"area (columns 10–14, rows 20–22), object (columns 10–17, rows 20–27) and reference (columns 10–17, rows 20–27) have 15 pixels with a weight in common; expected at least 16; do positions and reference share their origin?",
		},
		{
			"no area", good(), good(),
			image.Rectangle{},
			"area (no pixels), object (columns 10–17, rows 20–27) and reference (columns 10–17, rows 20–27) have 0 pixels with a weight in common; expected at least 16; do positions and reference share their origin?",
		},
		{"NaN", good(), with(func(o *stitch.Object) { o.Data[8*2+3] = complex(float32(math.NaN()), 0) }), everywhere, "reference is (NaN+0i) at object pixel (x 13, y 22); expected finite values"},
		{"Inf", with(func(o *stitch.Object) { o.Data[8*5+1] = complex(0, float32(math.Inf(-1))) }), good(), everywhere, "object is (0-Infi) at object pixel (x 11, y 25); expected finite values"},
		{"zero", good(), with(func(o *stitch.Object) { clear(o.Data) }), everywhere, "reference is 0 on all 64 common pixels; expected an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := evaluate.CompareObjects(c.object, c.reference, c.area)
			require.EqualError(t, err, "evaluate: common area: "+c.want)
		})
	}
	_, err := evaluate.Compare(good(), make([]complex64, 5), 2, 3, everywhere)
	require.EqualError(t, err, "evaluate: common area: reference: it has 5 values; expected 2 rows of 3 columns")
	m, err := evaluate.CompareObjects(good(), good(), image.Rect(10, 20, 14, 24))
	require.NoError(t, err, "16 pixels are enough")
	require.Equal(t, 16, m.Pixels)
}
