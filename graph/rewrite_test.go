package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
)

// TestRewrite doubles every product in two programs that share a state and a
// product: outputs and updates see the doubled values, the originals do not.
func TestRewrite(t *testing.T) {
	b := graph.NewBuilder(graph.Float64)
	x, w := b.Input("x", graph.Float64, 2), b.State("w", graph.Float64, 2)
	product := graph.Mul(x, w)
	programs := []*graph.Program{
		{Name: "look", Outputs: []graph.Output{{Name: "sum", Node: graph.Add(product, x)}}},
		{Name: "step", Outputs: []graph.Output{{Name: "product", Node: product}}, Updates: []*graph.Node{graph.Assign(w, graph.Mul(product, product))}},
	}
	doubled := graph.Rewrite(programs, func(n *graph.Node) *graph.Node {
		if n.Op == graph.OpMul {
			return graph.Add(n, n)
		}
		return n
	})
	run := func(p *graph.Program) (map[string]*eval.Array, []float64) {
		states := map[string]*eval.Array{"w": {Shape: graph.Shape{2}, Data: []float64{3, 5}}}
		out, err := eval.Run(p, map[string]*eval.Array{"x": {Shape: graph.Shape{2}, Data: []float64{1, 10}}}, states)
		require.NoError(t, err)
		return out, states["w"].Data
	}
	for _, c := range []struct {
		programs     []*graph.Program
		sum, product []float64
		w            []float64
	}{
		{programs, []float64{4, 60}, []float64{3, 50}, []float64{9, 2500}},
		{doubled, []float64{7, 110}, []float64{6, 100}, []float64{72, 20000}}, // (2·3)²·2, (2·50)²·2
	} {
		require.NoError(t, c.programs[0].Check())
		require.NoError(t, c.programs[1].Check())
		look, _ := run(c.programs[0])
		require.Equal(t, c.sum, look["sum"].Data)
		step, w := run(c.programs[1])
		require.Equal(t, c.product, step["product"].Data)
		require.Equal(t, c.w, w)
	}
	require.Len(t, doubled[1].States(), 1)
}
