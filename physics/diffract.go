package physics

import "github.com/ptychobridge/ptychobridge/graph"

// Diffract gives the far-field intensity of exit waves [B, N, N], N even, on
// the detector, zero frequency at (N/2, N/2):
//
//	I = fftshift |FFT2(ψ)|² / N²
//
// so that Σ I = Σ |ψ|². The shift is made by the factor (−1)^{i+j} on ψ, which
// is exact. The amplitude is √I.
func Diffract(exit Complex) *graph.Node {
	n := exit.Re.Shape[1]
	signs := make([]float64, n*n)
	for i := range signs {
		signs[i] = 1 - 2*float64((i/n+i%n)%2)
	}
	sign := exit.Re.Builder().Const(signs, 1, n, n)
	re, im := graph.FFT2(graph.Mul(exit.Re, sign), graph.Mul(exit.Im, sign))
	return graph.Scale(Complex{re, im}.SquaredModulus(), 1/float64(n*n))
}
