package workflow

// light is the intensity Σ |P|² [N, N] of a probe [modes, N, N].
func light(probe []complex64, n int) []float32 {
	out := make([]float32, n*n)
	for i, p := range probe {
		out[i%(n*n)] += real(p)*real(p) + imag(p)*imag(p)
	}
	return out
}
