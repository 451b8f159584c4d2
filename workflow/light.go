package workflow

import (
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// how says how patches [n, n] are laid down.
func how(c config.ReconstructionConfig, probe []complex64, n int) stitch.Options {
	o := stitch.Options{M: c.M, FlipX: c.FlipX, FlipY: c.FlipY, Transpose: c.Transpose}
	if c.Weighting == config.WeightingProbe {
		o.Weight = light(probe, n)
	}
	return o
}

// light is the intensity Σ |P|² [N, N] of a probe [modes, N, N].
func light(probe []complex64, n int) []float32 {
	out := make([]float32, n*n)
	for i, p := range probe {
		out[i%(n*n)] += real(p)*real(p) + imag(p)*imag(p)
	}
	return out
}
