package evaluate

import "math"

// MaxPSNR is the PSNR in dB that is given in place of larger and infinite
// ones; it is far beyond what float32 can tell.
const MaxPSNR = 300

// differences are the mean absolute and the mean squared difference.
func differences(a, b []float64) (mae, mse float64) {
	for i := range a {
		d := a[i] - b[i]
		mae, mse = mae+math.Abs(d), mse+d*d
	}
	n := float64(len(a))
	return mae / n, mse / n
}

// psnr is 10·log₁₀(peak²/mse), at most MaxPSNR.
func psnr(mse, peak float64) float64 {
	if mse == 0 {
		return MaxPSNR
	}
	return min(MaxPSNR, 20*math.Log10(peak)-10*math.Log10(mse))
}

func extremes(values []float64) (low, high float64) {
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// unitPhase takes a phase in (−π, π] to 0 … 1.
func unitPhase(phase float64) float64 { return (phase + math.Pi) / (2 * math.Pi) }
