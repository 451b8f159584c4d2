package physics

import (
	"math"

	"github.com/ptychobridge/ptychobridge/graph"
)

// ModulusEpsilon is added to |Δ|² before the root is taken, so that the
// derivative is finite where Δ = 0: an error of at most 1e-6 in |Δ|.
const ModulusEpsilon = 1e-12

// TotalVariation is the mean |forward difference| of an object [B, N, N], over
// real and imaginary part, along rows and columns, the anisotropic form of what
// Rudin, Osher and Fatemi (Physica D 60, 259, 1992) minimise:
//
//	¼·( mean|re[i+1,j]−re[i,j]| + mean|re[i,j+1]−re[i,j]| + the same of im ).
//
// It is a scalar, computed in float64, in units of the amplitude per pixel.
func TotalVariation(object Complex) *graph.Node {
	sum := func(x *graph.Node) *graph.Node {
		x = graph.Cast(x, graph.Float64)
		return graph.Add(meanStep(x, 1), meanStep(x, 2))
	}
	return graph.Scale(graph.Add(sum(object.Re), sum(object.Im)), 0.25)
}

// meanStep is the mean |difference| of neighbours along an axis.
func meanStep(x *graph.Node, axis int) *graph.Node {
	size := append([]int(nil), x.Shape...)
	size[axis]--
	start := make([]int, len(size))
	here := graph.Slice(x, start, size)
	start[axis] = 1
	return graph.Mean(absolute(graph.Sub(graph.Slice(x, start, size), here)))
}

// ObjectMAE is the mean modulus of the difference of two objects of one shape,
//
//	mean √( (re−re')² + (im−im')² + ε ),  ε = ModulusEpsilon,
//
// a scalar, computed in float64. A factor e^{ic} between the two counts as a
// difference.
func ObjectMAE(object, truth Complex) *graph.Node {
	d := Complex{difference(object.Re, truth.Re), difference(object.Im, truth.Im)}
	return graph.Mean(graph.Sqrt(graph.AddScalar(d.SquaredModulus(), ModulusEpsilon)))
}

// MAE is the mean absolute difference of two real values of one shape, a scalar
// in float64, in their units.
func MAE(a, b *graph.Node) *graph.Node { return graph.Mean(absolute(difference(a, b))) }

// PhaseMAE is the mean distance of two phases on the circle, in radians,
//
//	mean |arg(e^{i(φ−φ')})| = mean |d − 2π·round(d/2π)|,  d = φ − φ',
//
// computed in float64. Its derivative is ±1, so that a step leads the shorter
// way round.
func PhaseMAE(phase, truth *graph.Node) *graph.Node {
	d := difference(phase, truth)
	turns := graph.Round(graph.Scale(d, 1/(2*math.Pi)))
	return graph.Mean(absolute(graph.Sub(d, graph.Scale(turns, 2*math.Pi))))
}

func difference(a, b *graph.Node) *graph.Node {
	return graph.Sub(graph.Cast(a, graph.Float64), graph.Cast(b, graph.Float64))
}

// absolute is |x|; its derivative at 0 is 0.
func absolute(x *graph.Node) *graph.Node { return graph.Add(graph.Relu(x), graph.Relu(graph.Neg(x))) }
