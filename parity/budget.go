package parity

import (
	"github.com/ptychobridge/ptychobridge/bridge/cases"
	"github.com/ptychobridge/ptychobridge/graph"
)

// Budget is how far two computations of one thing may lie apart, as
// max|a−b|/max|b|, in each precision, and why.
type Budget = cases.Budget

// None is the limit of what is shown and not judged.
const None = -1

// The budgets of all levels above single operations, whose budgets are those
// of the conformance suite (cases.Kind.Budget), and of models that other programs
// exported. Up to some hundred steps of a training the limits in float64 say that
// both runtimes do the same mathematics; those in float32 say what rounding may
// do. Those in bf16-mixed are distances from the evaluator, which does not round
// to bfloat16 (a relative 2e-3): an activation is off by some of them. Gradients
// are shown and not judged: where terms cancel, the worst tensor of a batch of one
// was off by 0.6 of its largest value, on both runtimes alike, which were 0.02
// apart. docs/parity.md has what a report of two runtimes on the CPU takes of them.
var (
	ofLayer    = budget("layer", 1e-12, 2e-5, 1e-1, "up to 12 convolutions after one another, each a sum of some thousand products")
	ofNetwork  = budget("network", 1e-12, 2e-5, 5e-2, "layers, then sigmoid, tanh, swish")
	ofPhysics  = budget("physics", 1e-12, 5e-6, 5e-6, "sin, cos, a product and a Fourier transform; intensities square the error")
	ofLoss     = budget("loss", 1e-12, 1e-6, 2e-3, "a mean over all pixels in float64 of intensities in float32")
	ofGradient = budget("gradient", 1e-8, 1e-2, None, "sums over the batch and all pixels; in the worst tensor four digits cancel")
	ofWeights  = budget("weights after a step", 1e-8, 2e-1, None, "Adam's first step is the rate times the sign of the gradient, so where a gradient is rounding a weight goes the other way: twice the rate, relative to the largest weight")
	ofMoments  = budget("moments after a step", 1e-8, 2e-2, None, "the gradient, and its square")
	ofCurve    = budget("loss over steps", 1e-8, 1e-3, 5e-2, "rounding grows from step to step")
	ofLate     = budget("loss after 100 steps", 1e-6, None, None, "float32 losses lie 1e-3 apart by then and more with each step: shown as a curve")
	ofCourse   = budget("object over steps", 1e-6, None, None, "float32 weights drift apart after tens of steps, and patches of a network in training with them: shown as a curve, judged in the reconstruction")

	ofHistory = budget("history", 0.02, 0.1, 0.2, "losses of the epochs, relative to their fall: those of two trainings follow each other and do not agree digit by digit, in float64 neither, see object")
	ofObject  = budget("object", 0.1, 0.2, 0.3, "complex error between the two objects after one complex factor, where their light fell; the last digit grows from step to step at the full rate, so that some hundred steps bring float64 to where float32 was after some ten")

	ofForeign = budget("foreign", 1e-8, 1e-4, None, "a network of any depth, exported by another program; set --limit for the one at hand")
)

// Budgets lists them all, single operations first.
func Budgets() []Budget {
	all := []Budget{}
	for _, k := range []cases.Kind{cases.Exact, cases.Arithmetic, cases.Transcendental, cases.Reduction, cases.Fourier} {
		all = append(all, k.Budget())
	}
	all = append(all, cases.MixedBudgets()...)
	return append(all, ofForeign, ofLayer, ofNetwork, ofPhysics, ofLoss, ofGradient, ofWeights, ofMoments, ofCurve, ofLate, ofCourse, ofHistory, ofObject)
}

func budget(name string, float64, float32, mixed float64, reason string) Budget {
	return Budget{Name: name, Float64: float64, Float32: float32, Mixed: mixed, Reason: reason}
}

// limitOf is the limit of a budget in a precision.
func limitOf(b Budget, precision string) float64 {
	switch precision {
	case graph.Float64.String():
		return b.Float64
	case Mixed:
		return b.Mixed
	}
	return b.Float32
}
