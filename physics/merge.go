package physics

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Rule says how the overlapping patches of a group are weighted when they are
// merged to one object.
type Rule string

// The rules of this version.
const (
	// Uniform weights the whole patch with 1.
	Uniform Rule = "uniform"
	// Reference is what the reference program computes: the numerator is not
	// weighted, the denominator counts only the central square, and offsets
	// are centred by their mean over the whole batch, so that the border is
	// amplified up to a thousand times. It is there to run models trained
	// with it and to compare, never as a default.
	Reference Rule = "reference"
)

const (
	// uniformEpsilon keeps 0/0 away where no patch lies; small beside the
	// weights, so that a constant object stays constant.
	uniformEpsilon = 1e-6
	// referenceEpsilon is the reference program's own constant.
	referenceEpsilon = 1e-3
)

// Merge puts the patches of each group onto one canvas:
//
//	canvas = Σ_c shift(w·o_c, d_c) / (Σ_c shift(w, d_c) + ε)
//
// patches are [B·C, N, N] with the C patches of a group one after the other,
// offsets [B·C, 2] the offsets d_c = r_c − r̄ as (x, y); the canvas is
// [B, side, side] with side ≥ N and side − N even. Where nothing lands the
// canvas is 0.
func Merge(patches Complex, offsets *graph.Node, channels, side int, rule Rule) Complex {
	n := patches.Re.Shape[1]
	b := patches.Re.Builder()
	var mask []float64
	epsilon := uniformEpsilon
	switch rule {
	case Uniform:
		mask = square(n, n)
	case Reference:
		mask = square(n, n/2)
		epsilon = referenceEpsilon
		count := float64(offsets.Shape[0])
		mean := graph.Scale(graph.Reshape(graph.Sum(offsets, 0), 1, 2), 1/count)
		offsets = graph.Sub(offsets, mean)
	default:
		panic(fmt.Sprintf("physics: Merge: BUG: rule %q", rule))
	}
	shifter := NewShifter(offsets, side)
	place := func(x *graph.Node) *graph.Node {
		return sumGroups(shifter.Shift(padCentred(x, side)), channels)
	}
	weights := graph.Broadcast(b.Const(mask, 1, n, n), patches.Re.Shape...)
	norm := graph.AddScalar(place(weights), epsilon)
	return patches.both(func(x *graph.Node) *graph.Node { return graph.Div(place(x), norm) })
}

// MergeSingle is Merge for groups of one pattern, whose offset is 0: nothing
// moves, so the canvas of side N is the patch itself under the rule's
// weights. Under Uniform the patch comes back unchanged.
func MergeSingle(patch Complex, rule Rule) Complex {
	if rule == Uniform {
		return patch
	}
	n := patch.Re.Shape[1]
	factor := square(n, n/2)
	for i, w := range factor {
		factor[i] = 1 / (w + referenceEpsilon)
	}
	f := patch.Re.Builder().Const(factor, 1, n, n)
	return patch.both(func(x *graph.Node) *graph.Node { return graph.Mul(x, f) })
}

// Extract cuts from each canvas [B, side, side] the patches that the beam saw
// at the offsets of its group [B·C, 2]: shift by −d_c, then the central n×n.
// The result is [B·C, n, n].
func Extract(canvas Complex, offsets *graph.Node, channels, n int) Complex {
	side := canvas.Re.Shape[1]
	shifter := NewShifter(graph.Neg(offsets), side)
	return canvas.both(func(x *graph.Node) *graph.Node {
		return Central(shifter.Shift(repeatGroups(x, channels)), n)
	})
}

// Central is the central n×n of images [B, side, side].
func Central(image *graph.Node, n int) *graph.Node {
	margin := (image.Shape[1] - n) / 2
	return graph.Slice(image, []int{0, margin, margin}, []int{image.Shape[0], n, n})
}

func padCentred(image *graph.Node, side int) *graph.Node {
	margin := (side - image.Shape[1]) / 2
	return graph.Pad(image, []int{0, margin, margin}, []int{0, margin, margin})
}

// sumGroups sums the C images of each group.
func sumGroups(x *graph.Node, channels int) *graph.Node {
	s := x.Shape
	return graph.Sum(graph.Reshape(x, s[0]/channels, channels, s[1], s[2]), 1)
}

// repeatGroups gives each group's image to each of its C patterns.
func repeatGroups(x *graph.Node, channels int) *graph.Node {
	s := x.Shape
	spread := graph.Broadcast(graph.Reshape(x, s[0], 1, s[1], s[2]), s[0], channels, s[1], s[2])
	return graph.Reshape(spread, s[0]*channels, s[1], s[2])
}

// square is 1 in the central m×m of an n×n image, 0 elsewhere.
func square(n, m int) []float64 {
	out := make([]float64, n*n)
	first := (n - m) / 2
	for i := first; i < first+m; i++ {
		for j := first; j < first+m; j++ {
			out[i*n+j] = 1
		}
	}
	return out
}
