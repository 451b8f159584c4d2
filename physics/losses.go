package physics

import (
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/graph"
)

// LogEpsilon is added to an intensity before its logarithm is taken, so that
// a dark pixel gives no infinity. Intensities are in units in which a mean
// pattern of the training holds nphotons: one photon is 1 where nphotons is what
// was measured, and the constant is far below that.
const LogEpsilon = config.LogEpsilon

// PoissonNLL is the mean over all pixels of the negative logarithm of the
// Poisson likelihood, without its factorial term:
//
//	mean(λ − y·ln(λ + ε)),  ε = LogEpsilon
//
// λ is the predicted and y the measured intensity, of one shape, both ≥ 0; the
// result is a scalar. It is computed in float64: its values are near −3e6 and
// differ in the last digits. They depend on nphotons and on the light in the
// patterns, so that those of two data sets cannot be compared; see Deviance.
func PoissonNLL(predicted, measured *graph.Node) *graph.Node {
	l, y := graph.Cast(predicted, graph.Float64), graph.Cast(measured, graph.Float64)
	return graph.Mean(graph.Sub(l, graph.Mul(y, graph.Log(graph.AddScalar(l, LogEpsilon)))))
}

// Deviance is the Poisson deviance per pixel (McCullagh and Nelder, Generalized
// Linear Models, 1989),
//
//	2·mean(y·ln((y + ε)/(λ + ε)) − (y − λ)),  ε = LogEpsilon,
//
// of the measured intensity y and the predicted one λ, of one shape, as a scalar
// in float64. It is in the units of the intensities and scales with them, so
// multiply by the measured counts per unit to have it in counts. It is near 1
// for a fit at the photon noise where λ is above a few counts.
func Deviance(predicted, measured *graph.Node) *graph.Node {
	l, y := graph.Cast(predicted, graph.Float64), graph.Cast(measured, graph.Float64)
	ratio := graph.Sub(graph.Log(graph.AddScalar(y, LogEpsilon)), graph.Log(graph.AddScalar(l, LogEpsilon)))
	return graph.Scale(graph.Mean(graph.Sub(graph.Mul(y, ratio), graph.Sub(y, l))), 2)
}

// AmplitudeMAE is the mean absolute difference of the amplitudes,
//
//	mean |√(λ + ε) − √y|,  ε = LogEpsilon,
//
// given the predicted intensity λ and the measured amplitude √y of one shape, as
// a scalar in float64. The constant keeps the derivative of the root finite on
// dark pixels.
func AmplitudeMAE(predicted, amplitude *graph.Node) *graph.Node {
	l, a := graph.Cast(predicted, graph.Float64), graph.Cast(amplitude, graph.Float64)
	d := graph.Sub(graph.Sqrt(graph.AddScalar(l, LogEpsilon)), a)
	return graph.Mean(absolute(d))
}

// Bright is the share of pixels, 0 to 1, in which the predicted intensity is
// above a threshold in the same units, as a scalar in float64. It has no
// gradient.
func Bright(predicted *graph.Node, threshold float64) *graph.Node {
	return graph.Mean(graph.Cast(graph.Positive(graph.AddScalar(predicted, -threshold)), graph.Float64))
}
