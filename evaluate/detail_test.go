package evaluate_test

import (
	"encoding/json"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// A scene of bumps that no symmetry maps onto itself, as functions of place, so
// that it can be had at any fraction of a pixel.
func sceneAmplitude(c, r float64) float64 { return 1 - .3*bump(c, r, 1) }
func scenePhase(c, r float64) float64     { return 1.2 * bump(c, r, 2) }

func bump(c, r float64, stream uint64) float64 {
	rng := rand.New(rand.NewPCG(9, stream))
	sum := 0.
	for range 60 {
		x, y, width := 80*rng.Float64(), 70*rng.Float64(), 1.5+3*rng.Float64()
		sum += (rng.Float64() - .3) * math.Exp(-((c-x)*(c-x)+(r-y)*(r-y))/(2*width*width))
	}
	return sum
}

// scene is the scene on [rows, cols] from (x, y) on, moved by (dx, dy).
func scene(rows, cols, x, y int, dx, dy float64) *stitch.Object {
	return formula(rows, cols, x, y,
		func(c, r float64) float64 { return sceneAmplitude(c-dx, r-dy) },
		func(c, r float64) float64 { return scenePhase(c-dx, r-dy) })
}

func evaluated(t *testing.T, object, reference *stitch.Object, o evaluate.Options) evaluate.Metrics {
	t.Helper()
	m, err := evaluate.Evaluate(object, reference, everywhere, o)
	require.NoError(t, err)
	return m
}

// TestRegistration: a copy that was moved by any fraction of a pixel, turned,
// ramped and multiplied, is found where it is, and then agrees.
func TestRegistration(t *testing.T) {
	reference := scene(64, 72, 4, 3, 0, 0)
	const within = 0.05
	worst := 0.
	for _, shift := range [][2]float64{{1.3, -2.7}, {0, 0}, {-.5, .5}, {.07, 0}, {-7.25, 5.4}, {3, 2}} {
		for _, ramp := range [][2]float64{{}, {.6, -.25}} {
			object := change(scene(64, 72, 4, 3, shift[0], shift[1]), 3i, ramp[0], ramp[1])
			m := evaluated(t, object, reference, evaluate.Options{})
			d := m.Detail
			require.True(t, d.Registered)
			for axis := range shift {
				worst = max(worst, math.Abs(d.Shift[axis]-shift[axis]))
			}
			require.Greater(t, d.Phase.Correlation, .999, "%v: %+v", shift, d.Shift)
			require.Greater(t, d.Amplitude.Correlation, .999)
			require.Less(t, d.Complex.Error, .01)
			require.Less(t, d.Phase.MAE, .01)
			require.InDelta(t, 1./3, d.AmplitudeFactor, .001)
			require.Greater(t, *d.Phase.SSIM, .999)
			require.Greater(t, *d.Amplitude.MSSSIM, .99)
		}
	}
	t.Logf("worst shift by %.3f pixels, tolerance %.2f", worst, within)
	require.LessOrEqual(t, worst, within)
}

// TestRegistrationUnderNoise: unrelated noise of a third of the signal moves
// the shift by less than the tolerance.
func TestRegistrationUnderNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	object := scene(64, 72, 4, 3, 1.3, -2.7)
	for i := range object.Data {
		object.Data[i] += complex(float32(.1*rng.NormFloat64()), float32(.1*rng.NormFloat64()))
	}
	m := evaluated(t, object, scene(64, 72, 4, 3, 0, 0), evaluate.Options{})
	require.InDelta(t, 1.3, m.Detail.Shift[0], .05)
	require.InDelta(t, -2.7, m.Detail.Shift[1], .05)
}

// TestShiftAndOrigin: whole pixels of a shift are no interpolation, so the same
// object with a wrong origin agrees exactly, and the place of its pixels counts.
func TestShiftAndOrigin(t *testing.T) {
	reference := scene(64, 72, 0, 0, 0, 0)
	object := scene(40, 44, 12, 9, 0, 0)
	object.OriginX, object.OriginY = 14, 8 // 2 columns right, 1 row up
	m := evaluated(t, object, reference, evaluate.Options{})
	require.Equal(t, [2]float64{2, -1}, m.Detail.Shift)
	require.Equal(t, image.Rect(12, 9, 56, 49), m.Detail.Area.Rectangle)
	require.InDelta(t, 0, m.Detail.Complex.Error, 1e-6)
	require.Greater(t, m.ComplexError, .05, "the plain metrics are of the objects as they lie")

	still := evaluated(t, object, reference, evaluate.Options{NoRegistration: true})
	require.False(t, still.Detail.Registered)
	require.Equal(t, [2]float64{}, still.Detail.Shift)
	require.Equal(t, image.Rect(14, 8, 58, 48), still.Detail.Area.Rectangle)
	require.Less(t, still.Detail.Phase.Correlation, .9)
	require.Equal(t, m.PhaseCorrelation, still.PhaseCorrelation)
}

// TestTurnedScores: transposed and flipped objects score low even after
// registration, which must not find a shift that pleases.
func TestTurnedScores(t *testing.T) {
	const n = 64
	reference := scene(n, n, 0, 0, 0, 0)
	same := evaluated(t, reference, reference, evaluate.Options{})
	for name, from := range map[string]func(x, y int) int{
		"transposed": func(x, y int) int { return x*n + y },
		"flipped x":  func(x, y int) int { return y*n + n - 1 - x },
		"flipped y":  func(x, y int) int { return (n-1-y)*n + x },
		"conjugate":  nil,
	} {
		object := *reference
		object.Data = slices.Clone(reference.Data)
		for i := range object.Data {
			if from == nil {
				object.Data[i] = complex(real(reference.Data[i]), -imag(reference.Data[i]))
			} else {
				object.Data[i] = reference.Data[from(i%n, i/n)]
			}
		}
		d := evaluated(t, &object, reference, evaluate.Options{}).Detail
		require.Less(t, d.Phase.Correlation, .6, name)
		require.Greater(t, d.Phase.MAE, 5*same.Detail.Phase.MAE+.05, name)
		require.Less(t, *d.Phase.MSSSIM, .9, name)
		require.Less(t, d.Phase.FRC.Half.Ring, 10., name)
		require.Greater(t, d.Complex.Error, .2, name)
	}
}

// TestEvaluateInvariance: a complex factor and a ramp of the object change
// nothing, within the rounding of float32; with the mean alone taken off, a
// ramp does.
func TestEvaluateInvariance(t *testing.T) {
	object, reference := knownPair(60, 53)
	plain := evaluated(t, object, reference, evaluate.Options{}).Detail
	changed := evaluated(t, change(object, -2+5i, .3, -1.1), reference, evaluate.Options{}).Detail
	require.InDelta(t, plain.AmplitudeFactor/math.Sqrt(29), changed.AmplitudeFactor, 1e-6)
	for _, pair := range [][2]evaluate.Quality{{plain.Amplitude, changed.Amplitude}, {plain.Phase, changed.Phase}} {
		var l largest
		compareQuality(t, &l, pair[0], pair[1])
		require.Less(t, l.value, 1e-4)
	}
	require.InDelta(t, plain.Complex.Error, changed.Complex.Error, 1e-5)

	mean := evaluate.Options{Remove: evaluate.RemoveMean}
	a := evaluated(t, object, reference, mean).Detail
	b := evaluated(t, change(object, -2+5i, 0, 0), reference, mean).Detail
	require.InDelta(t, a.Phase.MAE, b.Phase.MAE, 1e-5)
	require.Equal(t, evaluate.RemoveMean, b.Removed)
	c := evaluated(t, change(object, 1, .03, 0), reference, mean).Detail
	require.Greater(t, c.Phase.MAE, a.Phase.MAE+.1)
	require.Equal(t, a.Shift, c.Shift, "no ramp moves the registration")
}

// TestEqualObjects: MSE 0 gives the largest PSNR and not infinity, and curves
// that never fall end at their length, half a cycle per pixel.
func TestEqualObjects(t *testing.T) {
	object, _ := knownPair(40, 48)
	m := evaluated(t, object, object, evaluate.Options{})
	require.Empty(t, m.Notes)
	d := m.Detail
	require.Equal(t, [2]float64{}, d.Shift)
	for _, q := range []evaluate.Quality{d.Amplitude, d.Phase} {
		require.Zero(t, q.MSE)
		require.EqualValues(t, evaluate.MaxPSNR, *q.PSNR)
		require.EqualValues(t, evaluate.MaxPSNR, q.PSNRPeak255)
		require.InDelta(t, 1, *q.SSIM, 1e-12)
		require.InDelta(t, 1, *q.MSSSIM, 1e-12)
		require.Equal(t, 2, q.MSSSIMScales)
		require.Equal(t, evaluate.Crossing{Ring: 20, PerPixel: .5, LastRing: 20}, q.FRC.Half)
		require.Equal(t, q.FRC.Half, q.FRC.Seventh)
		require.Len(t, q.FRC.Curve, 20)
	}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	var back evaluate.Metrics
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, m, back)

	short := m.WithoutCurves()
	require.Nil(t, short.Detail.Phase.FRC.Curve)
	require.Equal(t, d.Phase.FRC.Half, short.Detail.Phase.FRC.Half)
	require.Len(t, m.Detail.Phase.FRC.Curve, 20, "m itself keeps them")
}

// TestGaps: pixels without a weight count in nothing: means go over the others,
// windows are the largest rectangle of them.
func TestGaps(t *testing.T) {
	object, reference := knownPair(40, 48)
	object.Weight = make([]float32, len(object.Data))
	for i := range object.Weight {
		if i%48 != 30 && (i/48 != 33 || i%48 >= 8) { // a column, and a part of a row
			object.Weight[i] = 1
		} else {
			object.Data[i] = 77
		}
	}
	m := evaluated(t, object, reference, evaluate.Options{NoRegistration: true})
	d := m.Detail
	require.Equal(t, 40*48-40-8, d.Pixels)
	require.Equal(t, image.Rect(0, 0, 30, 33), d.Window.Rectangle, "30 columns of 33 rows, against 22 of 40")
	require.Empty(t, m.Notes)
	require.Equal(t, 30, d.Phase.FRC.Side)

	// The windowed metrics are those of the window by itself, planes apart.
	mean := evaluate.Options{NoRegistration: true, Remove: evaluate.RemoveMean}
	whole, err := evaluate.Evaluate(object, reference, everywhere, mean)
	require.NoError(t, err)
	part, err := evaluate.Evaluate(object, reference, d.Window.Rectangle, mean)
	require.NoError(t, err)
	require.InDeltaSlice(t, part.Detail.Amplitude.FRC.Curve, whole.Detail.Amplitude.FRC.Curve, 1e-9)

	// Registration leaves gaps alone too: 3 pixels on each side of one go.
	m = evaluated(t, moveGaps(object), reference, evaluate.Options{})
	require.True(t, m.Detail.Registered)
	require.Less(t, m.Detail.Amplitude.MAE, .1)

	for i := range object.Weight {
		if i%6 == 0 || i/48%6 == 0 {
			object.Weight[i] = 0
		}
	}
	// 40 columns of 33 rows are left, less 6 pixels of the part of a row.
	m = evaluated(t, object, reference, evaluate.Options{})
	require.Equal(t, []string{
		"not registered: the largest rectangle without gaps has 5×5 pixels; expected 8 or more on each side",
		"SSIM, MS-SSIM and FRC use the largest rectangle without gaps, 25 of 1314 pixels",
		"the window of 5×5 pixels is too small for an FRC of the amplitude",
		"no SSIM of the amplitude: 5×5 pixels are fewer than its window of 7×7",
		"no MS-SSIM of the amplitude: 5×5 pixels are fewer than its window of 11×11",
		"the window of 5×5 pixels is too small for an FRC of the phase",
		"no SSIM of the phase: 5×5 pixels are fewer than its window of 7×7",
		"no MS-SSIM of the phase: 5×5 pixels are fewer than its window of 11×11",
	}, m.Notes)
	require.Nil(t, m.Detail.Phase.SSIM)
	require.Positive(t, m.Detail.Phase.MAE)
}

// moveGaps gives an object the origin (1, 0): whole pixels.
func moveGaps(o *stitch.Object) *stitch.Object {
	moved := *o
	moved.OriginX = 1
	return &moved
}

// TestSmallShiftStays: where the middle of an object, which the window of the
// registration weighs most, lies a fraction of a pixel off and the rest does
// not, undoing that would make the two less alike. They lie on each other as
// well as they can, and no note alarms; a shift of pixels is one.
func TestSmallShiftStays(t *testing.T) {
	for _, c := range []struct {
		shift [2]float64
		notes int
	}{{[2]float64{.3, -.2}, 0}, {[2]float64{2.6, -1.3}, 1}} {
		rng := rand.New(rand.NewPCG(5, 5))
		reference, object := scene(64, 72, 4, 3, 0, 0), scene(64, 72, 4, 3, c.shift[0], c.shift[1])
		for i := range object.Data {
			if x, y := i%72, i/72; x < 16 || x >= 56 || y < 12 || y >= 52 {
				reference.Data[i] += complex(float32(.2*rng.NormFloat64()), float32(.2*rng.NormFloat64()))
				object.Data[i] = reference.Data[i]
			}
		}
		m := evaluated(t, object, reference, evaluate.Options{})
		require.False(t, m.Detail.Registered)
		require.Zero(t, m.Detail.Shift)
		require.Len(t, m.Notes, c.notes, "%v", m.Notes)
		for _, note := range m.Notes {
			require.Regexp(t, `^not registered: a shift of \(x [1-3]\.\d\d, y -\d\.\d\d\) pixels would lower the complex correlation`, note)
		}
	}
}

// TestCollapsedObjects: what is flat has no registration, and the metrics stay
// finite.
func TestCollapsedObjects(t *testing.T) {
	_, reference := knownPair(32, 32)
	flat := func(value complex64) *stitch.Object {
		o := &stitch.Object{Rows: 32, Cols: 32, Data: make([]complex64, 1024)}
		for i := range o.Data {
			o.Data[i] = value
		}
		return o
	}
	for _, object := range []*stitch.Object{flat(-.7i), flat(0), change(flat(2), 1, .4, -.3)} {
		m := evaluated(t, object, reference, evaluate.Options{})
		require.Contains(t, m.Notes, "not registered: one of the two has no structure")
		require.Zero(t, m.Detail.Phase.Correlation)
		text, err := json.Marshal(m)
		require.NoError(t, err, "finite numbers only")
		require.NotContains(t, string(text), "null")
	}
	m := evaluated(t, reference, flat(1), evaluate.Options{})
	require.Contains(t, m.Notes, "the amplitude of the reference is flat, so there is no PSNR")
	require.Contains(t, m.Notes, "no SSIM of the amplitude: its values range over 0; expected more than 0")
	require.Nil(t, m.Detail.Amplitude.PSNR)
	require.NotNil(t, m.Detail.Phase.SSIM, "the range of a phase is fixed")
}

// TestUnrelated: the FRC of unrelated noise is near 0. A ring of r frequencies
// and their conjugates has πr pairs, and the Hann window makes some six
// neighbours alike, so at ring 30 the deviation is about √(6/(2π·30)) = 0.18.
func TestUnrelated(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	speckle := func() *stitch.Object {
		return formula(90, 90, 0, 0, func(_, _ float64) float64 { return 1 + .3*rng.Float64() }, func(_, _ float64) float64 { return rng.Float64() })
	}
	d := evaluated(t, speckle(), speckle(), evaluate.Options{NoRegistration: true}).Detail
	for _, frc := range []*evaluate.FRC{d.Amplitude.FRC, d.Phase.FRC, d.Complex.FRC} {
		mean := 0.
		for _, v := range frc.Curve[10:] {
			mean += v / float64(len(frc.Curve)-10)
		}
		require.InDelta(t, 0, mean, .1)
		require.Less(t, frc.Half.Ring, 6.)
		require.True(t, frc.Half.Crossed)
	}
}

// TestLongSides: sides with a large prime factor are cut by a few pixels.
func TestLongSides(t *testing.T) {
	object, reference := formula(17, 149, 0, 0, someAmplitude, somePhase), formula(17, 149, 0, 0, otherAmplitude, otherPhase)
	d := evaluated(t, object, reference, evaluate.Options{NoRegistration: true}).Detail
	require.Equal(t, 17, d.Phase.FRC.Side)
	d = evaluated(t, transposed(object), transposed(reference), evaluate.Options{NoRegistration: true}).Detail
	require.Equal(t, image.Rect(0, 0, 17, 149), d.Window.Rectangle)
	square := formula(149, 149, 0, 0, someAmplitude, somePhase)
	d = evaluated(t, square, square, evaluate.Options{NoRegistration: true}).Detail
	require.Equal(t, 147, d.Phase.FRC.Side, "149 is prime and 148 = 4·37; 147 = 3·7·7")
}

func transposed(o *stitch.Object) *stitch.Object {
	out := &stitch.Object{Rows: o.Cols, Cols: o.Rows, Data: make([]complex64, len(o.Data))}
	for i, v := range o.Data {
		out.Data[i%o.Cols*o.Rows+i/o.Cols] = v
	}
	return out
}

func TestEvaluateErrors(t *testing.T) {
	o, reference := knownPair(20, 20)
	_, err := evaluate.Evaluate(o, reference, everywhere, evaluate.Options{Remove: "tilt"})
	require.EqualError(t, err, `evaluate: to remove from the phases: found "tilt"; expected plane or mean`)
	_, err = evaluate.Evaluate(o, reference, image.Rect(100, 0, 200, 20), evaluate.Options{})
	require.ErrorContains(t, err, "evaluate: common area: area (columns 100–199, rows 0–19)")
	_, err = evaluate.Evaluate(nil, reference, everywhere, evaluate.Options{})
	require.EqualError(t, err, "evaluate: common area: object: there is none")
	_, err = evaluate.SSIM(make([]float64, 36), make([]float64, 36), 6, 1)
	require.EqualError(t, err, "6×6 pixels are fewer than its window of 7×7")
}
