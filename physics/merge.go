package physics

import (
	"fmt"
	"math"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Rule says how the overlapping patches of a group are weighted when they are
// merged to one object. Its text is the setting patch_merge.
type Rule string

// The rules.
const (
	// Uniform weights the whole patch with 1.
	Uniform Rule = "uniform"
	// CentralSquare weights the central square of side N/2 with 1, the rest
	// with 0.
	CentralSquare Rule = "central"
	// ProbeLight weights each pixel by the light that it gets, |P|².
	ProbeLight Rule = "probe"
	// Reference is what the reference program computes: the numerator is not
	// weighted, the denominator counts only the central square, and offsets
	// are centred by their mean over the whole batch, so that the border is
	// amplified up to a thousand times. It is there to run models trained
	// with it and to compare, never as a default.
	Reference Rule = "reference"
)

const (
	// mergeEpsilon keeps 0/0 away where no patch lies. It is relative to
	// weights of mean or largest value 1 and so far below the rounding of any
	// that matter that a constant object stays constant.
	mergeEpsilon = 1e-12
	// referenceEpsilon is the reference program's own constant.
	referenceEpsilon = 1e-3
)

// Weight is w [1, N, N] of a rule for patches of side n. The probe [P, N, N]
// of one or more modes is read by the rule ProbeLight only, which takes
//
//	w = Σ_p |P_p|² / mean over all pixels of Σ_p |P_p|²
//
// The rule Reference has no one weight and is a bug here.
func Weight(b *graph.Builder, n int, rule Rule, probe Complex) *graph.Node {
	switch rule {
	case Uniform:
		return b.Const(square(n, n), 1, n, n)
	case CentralSquare:
		return b.Const(square(n, n/2), 1, n, n)
	case ProbeLight:
		light := graph.Reshape(graph.Sum(probe.SquaredModulus(), 0), 1, n, n)
		return graph.Div(light, graph.Mean(light))
	}
	panic(fmt.Sprintf("physics: Weight: BUG: rule %q", rule))
}

// Merge puts the patches of each group onto one canvas by the rules Uniform,
// CentralSquare and Reference; for ProbeLight see MergeWeighted. patches are [B·C, N, N]
// with the C patches of a group one after the other, offsets [B·C, 2] the
// offsets d_c = r_c − r̄ as (x, y); the canvas is [B, side, side] with side ≥ N
// and side − N even. Where nothing lands the canvas is 0. Under Reference
//
//	canvas = Σ_c shift(o_c, d_c − d̄) / (Σ_c shift(w, d_c − d̄) + ε),  ε = 0.001,
//
// with w of CentralSquare and d̄ the mean over all offsets of the batch.
func Merge(patches Complex, offsets *graph.Node, channels, side int, rule Rule) Complex {
	n := patches.Re.Shape[1]
	b := patches.Re.Builder()
	if rule != Reference {
		return MergeWeighted(patches, Weight(b, n, rule, Complex{}), offsets, channels, side)
	}
	count := float64(offsets.Shape[0])
	mean := graph.Scale(graph.Reshape(graph.Sum(offsets, 0), 1, 2), 1/count)
	place := placer(graph.Sub(offsets, mean), channels, side)
	norm := graph.AddScalar(place(repeated(Weight(b, n, CentralSquare, Complex{}), patches.Re.Shape)), referenceEpsilon)
	return patches.both(func(x *graph.Node) *graph.Node { return graph.Div(place(x), norm) })
}

// MergeWeighted puts the patches of each group onto one canvas, each pixel
// with its weight w [1, N, N], see Weight:
//
//	canvas = Σ_c shift(w·o_c, d_c) / (Σ_c shift(w, d_c) + ε),  ε = 10⁻¹²,
//
// with the shapes of Merge.
func MergeWeighted(patches Complex, weight, offsets *graph.Node, channels, side int) Complex {
	place := placer(offsets, channels, side)
	norm := graph.AddScalar(place(repeated(weight, patches.Re.Shape)), mergeEpsilon)
	return patches.both(func(x *graph.Node) *graph.Node { return graph.Div(place(graph.Mul(x, weight)), norm) })
}

// placer shifts images [B·C, N, N] by their offsets on canvases of one side
// and sums those of each group.
func placer(offsets *graph.Node, channels, side int) func(*graph.Node) *graph.Node {
	shifter := NewShifter(offsets, side)
	return func(x *graph.Node) *graph.Node {
		return sumGroups(shifter.Shift(PadCentred(x, side)), channels)
	}
}

func repeated(image *graph.Node, shape graph.Shape) *graph.Node {
	return graph.Broadcast(image, shape...)
}

// MergeSingle is Merge for groups of one pattern, whose offset is 0: nothing
// moves, so the canvas of side N is the patch itself under the rule's weights.
// Under Uniform the patch comes back unchanged. The probe is that of Weight.
func MergeSingle(patch Complex, rule Rule, probe Complex) Complex {
	b, n := patch.Re.Builder(), patch.Re.Shape[1]
	var factor *graph.Node
	switch rule {
	case Uniform:
		return patch
	case Reference:
		factor = graph.Div(b.Scalar(1), graph.AddScalar(Weight(b, n, CentralSquare, probe), referenceEpsilon))
	default:
		w := Weight(b, n, rule, probe)
		factor = graph.Div(w, graph.AddScalar(w, mergeEpsilon))
	}
	return patch.both(func(x *graph.Node) *graph.Node { return graph.Mul(x, factor) })
}

// Side is the side Q of the canvas of groups of g² patterns whose offsets
// |d_c|, x and y taken apart, reach that many pixels:
//
//	Q = N + 2·max(2(g−1) + 5, ⌈reach⌉ + 1)
//
// Under the rule Reference it is N + 4(g−1) + 10 whatever the offsets are, as
// in the reference program. For single patterns nothing moves, and it is N.
func Side(n, gridsize int, reach float64, rule Rule) int {
	if gridsize == 1 {
		return n
	}
	margin := 2*(gridsize-1) + 5
	if rule != Reference {
		margin = max(margin, int(math.Ceil(reach))+1)
	}
	return n + 2*margin
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

// Central is the central n×n of images [B, side, side], as [B, n, n]: rows and
// columns from (side − n)/2 on. The inverse of PadCentred where side − n is even.
func Central(image *graph.Node, n int) *graph.Node {
	margin := (image.Shape[1] - n) / 2
	return graph.Slice(image, []int{0, margin, margin}, []int{image.Shape[0], n, n})
}

// PadCentred puts images [B, N, N] in the middle of canvases [B, side, side],
// zeros around them: pixel (0, 0) comes to ((side − N)/2, (side − N)/2). side − N
// is even.
func PadCentred(image *graph.Node, side int) *graph.Node {
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
