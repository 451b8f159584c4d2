package evaluate

import "math"

// pearson is the correlation Σ(a−ā)(b−b̄) / √(Σ(a−ā)²·Σ(b−b̄)²), of values
// that are not all the same.
func pearson(a, b []float64) float64 {
	meanA, _ := spread(a)
	meanB, _ := spread(b)
	var ab, aa, bb float64
	for i := range a {
		da, db := a[i]-meanA, b[i]-meanB
		ab, aa, bb = ab+da*db, aa+da*da, bb+db*db
	}
	return max(-1, min(1, ab/math.Sqrt(aa)/math.Sqrt(bb)))
}

// spread is the mean and the standard deviation of values.
func spread(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v
	}
	mean /= n
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / n)
}

// Amplitude is |z| of each value, in a slice of its own.
func Amplitude(z []complex128) []float64 {
	amplitude := make([]float64, len(z))
	for i, v := range z {
		amplitude[i] = math.Hypot(real(v), imag(v))
	}
	return amplitude
}

func conj(z complex128) complex128 { return complex(real(z), -imag(z)) }

func squared(z complex128) float64 { return real(z)*real(z) + imag(z)*imag(z) }
