package dataset

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// intensities gives Σ_p fftshift |FFT2(P_p·patch)|² / N², summed over the modes
// of the probe, for each position [n, N, N]. The object must hold all patches.
func intensities(object *Image, probe []complex64, n int, x, y []float64) []float32 {
	size := n * n
	out := make([]float32, len(x)*size)
	seen, wave := make([]complex128, size), make([]complex128, size)
	fft := newFFT2(n)
	for k := range x {
		patch(seen, object, n, x[k], y[k])
		for mode := 0; mode < len(probe); mode += size {
			for p, v := range seen {
				wave[p] = v * complex128(probe[mode+p])
			}
			fft.transform(wave)
			addSquares(out[k*size:(k+1)*size], wave, n)
		}
	}
	return out
}

// patch samples the object around (x, y): patch pixel (i, j) is object pixel
// (y − N/2 + i, x − N/2 + j), bilinear.
func patch(to []complex128, object *Image, n int, x, y float64) {
	left, top := math.Floor(x), math.Floor(y)
	u, v := complex(x-left, 0), complex(y-top, 0)
	row, col := int(top)-n/2, int(left)-n/2
	for i := range n {
		for j := range n {
			at := func(down, right int) complex128 {
				return complex128(object.Data[(row+i+down)*object.Cols+col+j+right])
			}
			to[i*n+j] = (1-v)*((1-u)*at(0, 0)+u*at(0, 1)) + v*((1-u)*at(1, 0)+u*at(1, 1))
		}
	}
}

// addSquares moves the zero frequency to (N/2, N/2).
func addSquares(to []float32, spectrum []complex128, n int) {
	for p, v := range spectrum {
		row, col := (p/n+n/2)%n, (p%n+n/2)%n
		to[row*n+col] += float32((real(v)*real(v) + imag(v)*imag(v)) / float64(n*n))
	}
}

// fft2 is a two-dimensional transform of n×n numbers, not normalised.
type fft2 struct {
	n    int
	line *fourier.CmplxFFT
	from []complex128
	to   []complex128
}

func newFFT2(n int) *fft2 {
	return &fft2{n: n, line: fourier.NewCmplxFFT(n), from: make([]complex128, n), to: make([]complex128, n)}
}

func (f *fft2) transform(data []complex128) {
	for i := range f.n {
		f.along(data, i*f.n, 1)
	}
	for j := range f.n {
		f.along(data, j, f.n)
	}
}

// along transforms n numbers that lie stride apart.
func (f *fft2) along(data []complex128, first, stride int) {
	for k := range f.from {
		f.from[k] = data[first+k*stride]
	}
	f.line.Coefficients(f.to, f.from)
	for k, v := range f.to {
		data[first+k*stride] = v
	}
}
