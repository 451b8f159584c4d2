package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
)

// TestConvOfLarge: the convolution that enlarges on the way is that of the
// enlarged image, with the same gradients.
func TestConvOfLarge(t *testing.T) {
	b := graph.NewBuilder(graph.Float64)
	n := &network{b: b}
	x := b.Input("x", graph.Float64, 2, 3, 5, 4)
	weights := b.Input("weights", graph.Float64, 2, 6, 10, 3)
	values := map[string]*eval.Array{}
	random := rand.New(rand.NewPCG(1, 2))
	program := func(y *graph.Node) *graph.Program {
		wrt := []*graph.Node{x, b.State("c.kernel", graph.Float64, 3, 3, 4, 3), b.State("c.bias", graph.Float64, 3)}
		p := &graph.Program{Name: "p", Outputs: []graph.Output{{Name: "y", Node: y}}}
		for i, g := range graph.Gradient(graph.Sum(graph.Mul(y, weights), 0, 1, 2, 3), wrt) {
			p.Outputs = append(p.Outputs, graph.Output{Name: wrt[i].Attr.Name, Node: g})
		}
		return p
	}
	fast, slow := program(n.convOfLarge(x, "c", 3)), program(n.conv(graph.Upsample(x), "c", 3))
	for _, s := range append(slow.Inputs(), slow.States()...) {
		a := eval.NewArray(s.Shape...)
		for i := range a.Data {
			a.Data[i] = 2*random.Float64() - 1
		}
		values[s.Attr.Name] = a
	}
	want, err := eval.Run(slow, values, values)
	require.NoError(t, err)
	got, err := eval.Run(fast, values, values)
	require.NoError(t, err)
	for name, w := range want {
		require.Equal(t, w.Shape, got[name].Shape, name)
		for i := range w.Data {
			require.InDelta(t, w.Data[i], got[name].Data[i], 1e-12, "%s[%d]", name, i) // some hundred terms near 1
		}
		require.NotZero(t, math.Abs(w.Data[0]), name)
	}
}
