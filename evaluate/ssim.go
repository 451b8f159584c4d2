package evaluate

import (
	"fmt"
	"math"
)

// The constants of structural similarity.
const (
	ssimSide     = 7 // of the uniform window
	ssimK1       = 0.01
	ssimK2       = 0.03
	msssimSide   = 11  // of the Gaussian window
	msssimSpread = 1.5 // its standard deviation
)

// SSIM is the mean structural similarity of two images [·, cols] of values
// with a range of span, after Wang, Bovik, Sheikh and Simoncelli, IEEE Trans.
// Image Process. 13, 600 (2004):
//
//	(2·āb̄ + C₁)·(2·σ_ab + C₂) / ((ā² + b̄² + C₁)·(σ_a² + σ_b² + C₂))
//
// with means over uniform windows of 7×7 pixels, unbiased variances,
// C₁ = (0.01·span)² and C₂ = (0.03·span)², averaged over all windows that lie
// within the image. scikit-image's default is the same. Errors: an image
// smaller than a window, a span that is not above 0.
func SSIM(a, b []float64, cols int, span float64) (float64, error) {
	if err := checkSimilar(a, cols, ssimSide, span); err != nil {
		return 0, err
	}
	uniform := make([]float64, ssimSide)
	for i := range uniform {
		uniform[i] = 1. / ssimSide
	}
	const pixels = ssimSide * ssimSide
	luminance, contrast := similarities(a, b, cols, uniform, pixels/(pixels-1.), span)
	sum := 0.
	for i := range luminance {
		sum += luminance[i] * contrast[i]
	}
	return sum / float64(len(luminance)), nil
}

// msssimWeights are the exponents of the five scales in Wang's paper.
var msssimWeights = [...]float64{0.0448, 0.2856, 0.3001, 0.2363, 0.1333}

// MSSSIM is the multi-scale structural similarity of two images [·, cols] of
// values with a range of span, after Wang, Simoncelli and Bovik, Asilomar Conf.
// Signals Syst. Comput. 2, 1398 (2003):
//
//	l_M^{w_M} · Π_s cs_s^{w_s}
//
// with windows that are Gaussians of σ = 1.5 on 11×11 pixels, cs_s the mean of
// the second factor of SSIM at scale s and l_M that of the whole SSIM in place
// of cs_M at the last scale. From scale to scale images are averaged over 2×2
// pixels; an odd last row or column is left out. Five scales need sides of 176
// pixels; smaller images have fewer, as many as leave sides of 11 pixels, with
// the first weights divided by their sum. A negative mean counts as 0. Errors:
// those of SSIM, for 11×11 pixels.
func MSSSIM(a, b []float64, cols int, span float64) (value float64, scales int, err error) {
	if err := checkSimilar(a, cols, msssimSide, span); err != nil {
		return 0, 0, err
	}
	window := make([]float64, msssimSide)
	sum := 0.
	for i := range window {
		d := float64(i-msssimSide/2) / msssimSpread
		window[i] = math.Exp(-d * d / 2)
		sum += window[i]
	}
	for i := range window {
		window[i] /= sum
	}
	scales = scalesOf(min(cols, len(a)/cols))
	total := 0.
	for _, w := range msssimWeights[:scales] {
		total += w
	}
	value = 1
	for s, w := range msssimWeights[:scales] {
		luminance, contrast := similarities(a, b, cols, window, 1, span)
		mean := 0.
		for i := range luminance {
			factor := contrast[i]
			if s == scales-1 {
				factor *= luminance[i]
			}
			mean += factor / float64(len(luminance))
		}
		value *= math.Pow(max(0, mean), w/total)
		a, b, cols = halved(a, cols), halved(b, cols), cols/2
	}
	return value, scales, nil
}

// scalesOf is the number of scales of images with that smallest side.
func scalesOf(side int) int {
	scales := 1
	for scales < len(msssimWeights) && side/2 >= msssimSide {
		side /= 2
		scales++
	}
	return scales
}

func checkSimilar(a []float64, cols, side int, span float64) error {
	switch {
	case cols < side || len(a)/cols < side:
		return fmt.Errorf("%d×%d pixels are fewer than its window of %d×%d", len(a)/max(1, cols), cols, side, side)
	case !(span > 0):
		return fmt.Errorf("its values range over %g; expected more than 0", span)
	}
	return nil
}

// similarities gives the two factors of SSIM for every place of the window
// whose row and column are the given weights, which sum to 1; variances are
// multiplied by unbias.
func similarities(a, b []float64, cols int, window []float64, unbias, span float64) (luminance, contrast []float64) {
	c1, c2 := ssimK1*span*ssimK1*span, ssimK2*span*ssimK2*span
	mean := func(of func(i int) float64) []float64 { return windowed(of, len(a)/cols, cols, window) }
	ma, mb := mean(func(i int) float64 { return a[i] }), mean(func(i int) float64 { return b[i] })
	aa, bb := mean(func(i int) float64 { return a[i] * a[i] }), mean(func(i int) float64 { return b[i] * b[i] })
	ab := mean(func(i int) float64 { return a[i] * b[i] })
	luminance, contrast = make([]float64, len(ma)), make([]float64, len(ma))
	for i := range ma {
		va, vb, vab := unbias*(aa[i]-ma[i]*ma[i]), unbias*(bb[i]-mb[i]*mb[i]), unbias*(ab[i]-ma[i]*mb[i])
		luminance[i] = (2*ma[i]*mb[i] + c1) / (ma[i]*ma[i] + mb[i]*mb[i] + c1)
		contrast[i] = (2*vab + c2) / (va + vb + c2)
	}
	return luminance, contrast
}

// windowed averages values over a window at every place where it lies within
// the image, which makes [rows−side+1, cols−side+1] of [rows, cols].
func windowed(of func(i int) float64, rows, cols int, window []float64) []float64 {
	side := len(window)
	outCols := cols - side + 1
	along := make([]float64, rows*outCols)
	for r := range rows {
		for c := range outCols {
			sum := 0.
			for k, w := range window {
				sum += w * of(r*cols+c+k)
			}
			along[r*outCols+c] = sum
		}
	}
	out := make([]float64, (rows-side+1)*outCols)
	for i := range out {
		sum := 0.
		for k, w := range window {
			sum += w * along[i+k*outCols]
		}
		out[i] = sum
	}
	return out
}

// halved averages over 2×2 pixels.
func halved(a []float64, cols int) []float64 {
	rows := len(a) / cols
	out := make([]float64, 0, rows/2*(cols/2))
	for r := 0; r+1 < rows; r += 2 {
		for c := 0; c+1 < cols; c += 2 {
			i := r*cols + c
			out = append(out, (a[i]+a[i+1]+a[i+cols]+a[i+cols+1])/4)
		}
	}
	return out
}
