package bridgetest

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/cases"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
)

// finiteStep and finiteTolerance: a central difference errs by step²/6 times
// the third derivative (a few times 1e-11 here, up to 1e-9 near the ends of
// the intervals) and by 1e-16/step times the loss (about 1e-11 to 1e-9 for
// losses up to some hundred).
const (
	finiteStep      = 1e-5
	finiteTolerance = 2e-7
)

// TestGradientsByFiniteDifferences moves every element (at most 40 of each
// input) of every case up and down and compares the change of the loss with
// the gradient that the rules give. The graphs are of float32 so that casts
// stay in them; the evaluator computes in float64 all the same.
func TestGradientsByFiniteDifferences(t *testing.T) {
	checked := map[graph.Op]bool{}
	for _, c := range cases.Cases() {
		if c.Kinks {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p, feeds := c.Program(graph.Float32)
			out, err := eval.Run(p, Arrays(feeds), nil)
			require.NoError(t, err)
			for k := range c.Inputs {
				got := out[fmt.Sprintf("gradient.%d", k)].Data
				checkGradient(t, p, feeds, fmt.Sprintf("input.%d", k), got)
			}
		})
		for _, n := range nodesOfResult(c) {
			checked[n.Op] = true
		}
	}
	for _, op := range graph.Ops() {
		if op.Differentiable() && op != graph.OpUpsampleGrad { // made by Upsample's rule only; tried as a case of its gradient
			require.True(t, checked[op], "no case differentiates %s", op)
		}
	}
}

func nodesOfResult(c cases.Case) []*graph.Node {
	p, _ := c.Program(graph.Float32)
	return (&graph.Program{Name: "forward", Outputs: p.Outputs[:1]}).Nodes()
}

func checkGradient(t *testing.T, p *graph.Program, feeds bridge.Tensors, name string, got []float64) {
	forward := &graph.Program{Name: "forward", Outputs: p.Outputs[:1]}
	arrays := Arrays(feeds)
	loss := func() float64 {
		out, err := eval.Run(forward, arrays, nil)
		require.NoError(t, err)
		sum := 0.0
		for i, v := range out["result"].Data {
			sum += v * arrays["weights"].Data[i]
		}
		return sum
	}
	x := arrays[name].Data
	largest := 0.0
	for _, g := range got {
		largest = math.Max(largest, math.Abs(g))
	}
	stride := max(1, len(x)/40)
	for i := 0; i < len(x); i += stride {
		kept := x[i]
		x[i] = kept + finiteStep
		up := loss()
		x[i] = kept - finiteStep
		down := loss()
		x[i] = kept
		want := (up - down) / (2 * finiteStep)
		require.InDelta(t, want, got[i], finiteTolerance*math.Max(1, largest), "%s[%d]", name, i)
	}
}
