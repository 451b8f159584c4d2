package evaluate

import (
	"errors"
	"fmt"
	"image"
	"math"
	"math/cmplx"

	"github.com/ptychobridge/ptychobridge/stitch"
)

const (
	// perPixel is the number of steps of a pixel to which a shift is found, and
	// resolution the step in pixels.
	perPixel   = 100
	resolution = 1. / perPixel
	// maxRounds bounds how often the object is moved and looked at again.
	maxRounds = 8
	// minRegistration is the smallest side of a window with a registration.
	minRegistration = 8
	// worse is a fall of the likeness that no registration may bring.
	worse = 1e-3
	// small is the length in pixels below which a shift that would bring one is
	// no sign of a fault: the objects lie on each other as well as they can.
	small = .5
)

// errStays says that a small shift is better left as it is.
var errStays = errors.New("a shift of less than half a pixel would make the two less alike")

// register finds the shift (x, y) of the object against the reference and gives
// the pair with the shift undone.
//
// The shift is the peak of the cross-correlation of the complex objects, each
// without the plane of its phase and its mean, under a Hann window; first in
// whole pixels, then on grids of 1/10 and 1/100 of a pixel by a matrix-multiply
// Fourier transform (Guizar-Sicairos, Thurman and Fienup, Opt. Lett. 33, 156,
// 2008). The window holds different parts of the two as long as they are
// shifted, so the object is moved and looked at again until it stays. A factor
// and a phase ramp make no difference. Shifts of up to a quarter of the window
// are found.
//
// Errors, which leave the object where it is: a window that is too small, no
// structure, a shift that leaves too few pixels or makes the two less alike;
// errStays where that one is small.
func register(object, reference *stitch.Object, area image.Rectangle, p *Pair) (*Pair, [2]float64, error) {
	_, plane := FlattenPhase(p.Object, p.Valid, p.Area.Dx())
	moved, shift := p, [2]float64{}
	for range maxRounds {
		more, err := moved.displacement()
		if err != nil {
			return nil, shift, err
		}
		if more == [2]float64{} {
			break
		}
		for axis := range shift {
			shift[axis] = math.Round((shift[axis]+more[axis])*perPixel) / perPixel
		}
		moved, err = common(move(object, shift, plane, area), reference, area)
		if err != nil {
			return nil, shift, fmt.Errorf("after a shift of (x %.2f, y %.2f) pixels: %w", shift[0], shift[1], err)
		}
		if math.Hypot(more[0], more[1]) < 1.5*resolution {
			break
		}
	}
	if before, after := p.likeness(), moved.likeness(); after < before-worse {
		if math.Hypot(shift[0], shift[1]) < small {
			return nil, shift, errStays
		}
		return nil, shift, fmt.Errorf("a shift of (x %.2f, y %.2f) pixels would lower the complex correlation from %.3f to %.3f", shift[0], shift[1], before, after)
	}
	return moved, shift, nil
}

// flattened gives both objects without the planes of their phases.
func (p *Pair) flattened() *Pair {
	_, plane := FlattenPhase(p.Object, p.Valid, p.Area.Dx())
	_, refPlane := FlattenPhase(p.Reference, p.Valid, p.Area.Dx())
	return p.without(plane, refPlane)
}

// likeness is |Σ a*b| / (‖a‖·‖b‖) of the objects without planes and means, 0 … 1.
func (p *Pair) likeness() float64 {
	f := p.flattened()
	a, b := usedOf(f.Object, p.Valid), usedOf(f.Reference, p.Valid)
	subtractMean(a)
	subtractMean(b)
	norm := math.Sqrt(real(inner(a, a))) * math.Sqrt(real(inner(b, b)))
	if norm == 0 {
		return 0
	}
	return cmplx.Abs(inner(a, b)) / norm
}

func usedOf(z []complex128, valid []bool) []complex128 {
	var out []complex128
	for i, v := range z {
		if valid[i] {
			out = append(out, v)
		}
	}
	return out
}

func subtractMean(z []complex128) {
	var sum complex128
	for _, v := range z {
		sum += v
	}
	sum /= complex(float64(len(z)), 0)
	for i := range z {
		z[i] -= sum
	}
}

// displacement is where the cross-correlation peaks, (x, y) in pixels.
func (p *Pair) displacement() ([2]float64, error) {
	window := p.window()
	if window.Dx() < minRegistration || window.Dy() < minRegistration {
		return [2]float64{}, fmt.Errorf("the largest rectangle without gaps has %d×%d pixels; expected %d or more on each side", window.Dy(), window.Dx(), minRegistration)
	}
	f := p.flattened()
	rows, cols := fastLength(window.Dy()), fastLength(window.Dx())
	a := centralPart(cut(f.Object, p.Area, window), window.Dx(), rows, cols)
	b := centralPart(cut(f.Reference, p.Area, window), window.Dx(), rows, cols)
	for _, z := range [][]complex128{a, b} {
		size := norm(z)
		taper(z, rows, cols, false)
		if norm(z) <= rounding*size {
			return [2]float64{}, errors.New("one of the two has no structure")
		}
		transform(z, rows, cols)
	}
	for i := range a {
		a[i] *= conj(b[i])
	}
	return peak(a, rows, cols), nil
}

func norm(z []complex128) float64 { return math.Sqrt(real(inner(z, z))) }

// peak is where |Σ C·e^{2πi(ux + vy)}| over the frequencies (u, v) of a cross
// spectrum C is largest.
func peak(spectrum []complex128, rows, cols int) [2]float64 {
	x, y := wholePeak(spectrum, rows, cols)
	for _, step := range []float64{0.1, resolution} {
		atX, atY := steps(x, step, 10), steps(y, step, 10)
		best := largest(correlation(spectrum, rows, cols, atX, atY))
		x, y = atX[best%len(atX)], atY[best/len(atX)]
	}
	return [2]float64{x, y}
}

// wholePeak is the peak in whole pixels, up to a quarter of the sides away.
func wholePeak(spectrum []complex128, rows, cols int) (x, y float64) {
	z := make([]complex128, len(spectrum))
	for i, v := range spectrum {
		z[i] = conj(v) // the conjugate of a transform is an inverse one
	}
	transform(z, rows, cols)
	for i := range z {
		if math.Abs(frequency(i%cols, cols)) > 1./4 || math.Abs(frequency(i/cols, rows)) > 1./4 {
			z[i] = 0
		}
	}
	best := largest(z)
	return math.Round(frequency(best%cols, cols) * float64(cols)), math.Round(frequency(best/cols, rows) * float64(rows))
}

// steps are the places middle − reach·step … middle + reach·step.
func steps(middle, step float64, reach int) []float64 {
	out := make([]float64, 2*reach+1)
	for i := range out {
		out[i] = middle + float64(i-reach)*step
	}
	return out
}

// correlation is the correlation at all places (x, y), row by row: two
// multiplications by matrices e^{2πivy} and e^{2πiux}.
func correlation(spectrum []complex128, rows, cols int, x, y []float64) []complex128 {
	half := make([]complex128, len(y)*cols)
	for i, at := range y {
		for r := range rows {
			wave := unit(2 * math.Pi * frequency(r, rows) * at)
			for c, v := range spectrum[r*cols : (r+1)*cols] {
				half[i*cols+c] += wave * v
			}
		}
	}
	out := make([]complex128, len(y)*len(x))
	for j, at := range x {
		for c := range cols {
			wave := unit(2 * math.Pi * frequency(c, cols) * at)
			for i := range y {
				out[i*len(x)+j] += wave * half[i*cols+c]
			}
		}
	}
	return out
}

func largest(z []complex128) int {
	best := 0
	for i, v := range z {
		if squared(v) > squared(z[best]) {
			best = i
		}
	}
	return best
}
