package evaluate

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// transform replaces an image [rows, cols] by its Fourier transform, not
// normalised, zero frequency first.
func transform(z []complex128, rows, cols int) {
	line := fourier.NewCmplxFFT(cols)
	for r := range rows {
		line.Coefficients(z[r*cols:(r+1)*cols], z[r*cols:(r+1)*cols])
	}
	line = fourier.NewCmplxFFT(rows)
	column := make([]complex128, rows)
	for c := range cols {
		for r := range column {
			column[r] = z[r*cols+c]
		}
		line.Coefficients(column, column)
		for r, v := range column {
			z[r*cols+c] = v
		}
	}
}

// frequency is that of coefficient k of n in cycles per pixel, −1/2 … 1/2.
func frequency(k, n int) float64 {
	if k > (n-1)/2 {
		k -= n
	}
	return float64(k) / float64(n)
}

// hann is sin²(πi/(n−1)), i = 0 … n−1.
func hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		sin := math.Sin(math.Pi * float64(i) / float64(n-1))
		w[i] = sin * sin
	}
	return w
}

// taper takes the mean from an image [rows, cols] and multiplies it by Hann
// windows along both axes. plain is the mean of all pixels; else it is weighted
// by the window, so that nothing of the window is left.
func taper(z []complex128, rows, cols int, plain bool) {
	down, right := hann(rows), hann(cols)
	var sum complex128
	total := 0.
	for i, v := range z {
		w := 1.
		if !plain {
			w = down[i/cols] * right[i%cols]
		}
		sum, total = sum+complex(w, 0)*v, total+w
	}
	mean := sum / complex(total, 0)
	for i := range z {
		z[i] = (z[i] - mean) * complex(down[i/cols]*right[i%cols], 0)
	}
}

const (
	// anyLength is the largest side that is transformed whatever it is.
	anyLength = 128
	// largestFactor is the largest prime factor of longer sides: time grows
	// with the sum of the factors.
	largestFactor = 31
)

// fastLength is n, or for a large n with a large prime factor the next smaller
// number without one, a few pixels less.
func fastLength(n int) int {
	for n > anyLength && !smooth(n) {
		n--
	}
	return n
}

func smooth(n int) bool {
	for f := 2; f <= largestFactor; f++ {
		for n%f == 0 {
			n /= f
		}
	}
	return n == 1
}

// centralPart copies the middle [rows, cols] of an image with lines of the
// given length.
func centralPart(z []complex128, line, rows, cols int) []complex128 {
	top, left := (len(z)/line-rows)/2, (line-cols)/2
	out := make([]complex128, 0, rows*cols)
	for r := range rows {
		at := (top+r)*line + left
		out = append(out, z[at:at+cols]...)
	}
	return out
}
