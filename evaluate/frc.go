package evaluate

import (
	"image"
	"math"
)

// minFRC is the smallest side of a window with an FRC.
const minFRC = 8

// FRC is a Fourier ring correlation of two images a and b, after Saxton and
// Baumeister, J. Microsc. 127, 127 (1982):
//
//	FRC(r) = Re Σ A·B* / √(Σ |A|² · Σ |B|²)
//
// over the frequencies of ring r, where A and B are the transforms of the images
// without their means under a Hann window. Frequencies (u, v) in cycles per
// pixel belong to ring round(√(u² + v²)·Side), which on a square is the rounded
// distance from the zero frequency in pixels of the transform. A ring without
// signal has 0. The zero frequency went with the means, so ring 0 is 1 by
// definition.
//
// A ring of few pixels is noisy, and a fixed threshold takes no account of that
// (van Heel and Schatz, J. Struct. Biol. 151, 250, 2005): a crossing among the
// first rings says little.
type FRC struct {
	// Side is the smaller side in pixels of what was transformed, the middle of
	// the window: ring r stands for r/Side cycles per pixel.
	Side int `json:"side"`
	// Half and Seventh say where the curve first falls below 1/2 and 1/7, the
	// latter after Rosenthal and Henderson, J. Mol. Biol. 333, 721 (2003).
	Half    Crossing `json:"half"`
	Seventh Crossing `json:"one_seventh"`
	// Curve has a value for each ring from 0 to the last below Nyquist's
	// frequency, ⌊Side/2⌋ of them.
	Curve []float64 `json:"curve,omitempty"`
}

// Crossing is where a curve first falls below a threshold, interpolated
// linearly between rings.
type Crossing struct {
	Ring     float64 `json:"ring"`      // the length of the curve where it never does
	PerPixel float64 `json:"per_pixel"` // the same in cycles per pixel, at most 0.5
	Crossed  bool    `json:"crossed"`   // whether the curve falls below the threshold at all
	// LastRing is where the curve falls below the threshold for good. It is
	// larger than Ring where wide structures disagree and fine ones do not, as
	// wherever a reconstruction has lost its lowest frequencies; but noise can
	// lift single rings at the end too.
	LastRing float64 `json:"last_ring"`
}

// realFRC is the FRC of two real images [·, cols], nil where they are too
// small.
func realFRC(a, b []float64, cols int) *FRC {
	return newFRC(widened(a), widened(b), cols)
}

func widened(values []float64) []complex128 {
	out := make([]complex128, len(values))
	for i, v := range values {
		out[i] = complex(v, 0)
	}
	return out
}

// complexFRC is the FRC of the complex objects, the first turned by the phase
// that brings it closest to the second.
func (p *Pair) complexFRC(window image.Rectangle) *FRC {
	a, b := cut(p.Object, p.Area, window), cut(p.Reference, p.Area, window)
	turn := unit(argument(inner(a, b)))
	for i := range a {
		a[i] *= turn
	}
	return newFRC(a, b, window.Dx())
}

// inner is Σ a*·b.
func inner(a, b []complex128) complex128 {
	var sum complex128
	for i := range a {
		sum += conj(a[i]) * b[i]
	}
	return sum
}

func newFRC(a, b []complex128, cols int) *FRC {
	rows := len(a) / max(1, cols)
	if min(rows, cols) < minFRC {
		return nil
	}
	fastRows, fastCols := fastLength(rows), fastLength(cols)
	a, b = centralPart(a, cols, fastRows, fastCols), centralPart(b, cols, fastRows, fastCols)
	rows, cols = fastRows, fastCols
	taper(a, rows, cols, true)
	taper(b, rows, cols, true)
	transform(a, rows, cols)
	transform(b, rows, cols)
	f := &FRC{Side: min(rows, cols)}
	f.Curve = ringCorrelation(a, b, rows, cols, f.Side)
	f.Half, f.Seventh = f.crossing(1./2), f.crossing(1./7)
	return f
}

// ringCorrelation is the curve of two spectra [rows, cols].
func ringCorrelation(a, b []complex128, rows, cols, side int) []float64 {
	rings := side / 2
	ab, aa, bb := make([]float64, rings), make([]float64, rings), make([]float64, rings)
	for i := range a {
		u, v := frequency(i%cols, cols), frequency(i/cols, rows)
		r := int(math.Round(math.Hypot(u, v) * float64(side)))
		if r < rings {
			ab[r] += real(a[i] * conj(b[i]))
			aa[r] += squared(a[i])
			bb[r] += squared(b[i])
		}
	}
	curve := make([]float64, rings)
	for r := range curve {
		if norm := math.Sqrt(aa[r]) * math.Sqrt(bb[r]); norm > 0 {
			curve[r] = max(-1, min(1, ab[r]/norm))
		}
	}
	curve[0] = 1
	return curve
}

func (f *FRC) crossing(threshold float64) Crossing {
	length := float64(len(f.Curve))
	c := Crossing{Ring: length, LastRing: length}
	for r := 1; r < len(f.Curve); r++ { // at 0 the curve is 1
		before, v := f.Curve[r-1], f.Curve[r]
		if v >= threshold {
			c.LastRing = length
		} else if before >= threshold {
			c.LastRing = float64(r-1) + (before-threshold)/(before-v)
			if !c.Crossed {
				c.Ring, c.Crossed = c.LastRing, true
			}
		}
	}
	c.PerPixel = c.Ring / float64(f.Side)
	return c
}
