package model

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Parameter is a named value of the network: a convolution kernel
// [row, column, in, out], a bias [out] or the scalar log_scale.
type Parameter struct {
	Name  string // of its state, such as encoder.0.conv0.kernel
	Shape graph.Shape
	Data  []float32 // row-major; nil where only name and shape are told
}

// LogScale is the name of the one scalar parameter: the logarithm of the
// intensity scale by which the network's input is divided and its predicted
// amplitude multiplied.
const LogScale = "log_scale"

// initial gives the values at which training begins: Glorot-uniform kernels,
// in ±√(6/(fan_in + fan_out)) (Glorot and Bengio, AISTATS 2010), zero biases,
// log_scale = ln(intensity scale). Each kernel draws from a stream of its own
// made of the seed and its name, so that it does not depend on what other
// parameters there are.
func initial(p Parameter, seed uint64, intensityScale float64) []float32 {
	data := make([]float32, p.Shape.Size())
	switch len(p.Shape) {
	case 0:
		data[0] = float32(math.Log(intensityScale))
	case 4:
		area := p.Shape[0] * p.Shape[1]
		limit := math.Sqrt(6 / float64(area*(p.Shape[2]+p.Shape[3])))
		h := fnv.New64a()
		_, _ = h.Write([]byte(p.Name)) // a hash never fails
		random := rand.New(rand.NewPCG(seed, h.Sum64()))
		for i := range data {
			data[i] = float32(limit * (2*random.Float64() - 1))
		}
	}
	return data
}
