package graph_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
)

// smallNetwork is a step of a network of every kind of layer, whose first
// convolution has one channel, as the last one has: loss, all gradients.
func smallNetwork() *graph.Program {
	b := graph.NewBuilder(graph.Float32)
	var weights []*graph.Node
	conv := func(x *graph.Node, name string, out int) *graph.Node {
		w := b.State(name, graph.Float32, 3, 3, x.Shape[3], out)
		bias := b.State(name+".bias", graph.Float32, out)
		weights = append(weights, w, bias)
		return graph.BiasAdd(graph.Conv(x, w), bias)
	}
	x := graph.Relu(conv(b.Input("x", graph.Float32, 2, 8, 4, 1), "first", 8))
	x = graph.MaxPool(graph.Relu(conv(x, "second", 16)))
	x = graph.Upsample(graph.Relu(conv(x, "third", 12)))
	x = graph.Slice(x, []int{0, 0, 0, 4}, []int{2, 8, 4, 8})
	x = graph.Tanh(conv(graph.Relu(conv(x, "fourth", 8)), "last", 1))
	loss := graph.Sum(graph.Mul(x, x), 0, 1, 2, 3)
	p := &graph.Program{Name: "step", Outputs: []graph.Output{{Name: "loss", Node: loss}}}
	for i, g := range graph.Gradient(loss, weights) {
		p.Outputs = append(p.Outputs, graph.Output{Name: weights[i].Attr.Name, Node: g})
	}
	return p
}

// TestMixed: convolutions between many channels, their gradients and all that
// lies between them are of BFloat16, the rest is as it was; without rounding,
// as in the evaluator, the results are the same to the bit.
func TestMixed(t *testing.T) {
	p := smallNetwork()
	mixed := graph.Mixed([]*graph.Program{p})[0]
	require.NoError(t, mixed.Check())
	count := func(p *graph.Program, d graph.DType) map[string]int {
		found := map[string]int{}
		for _, n := range p.Nodes() {
			if n.DType == d {
				found[n.Op.String()]++
			}
		}
		return found
	}
	narrow, wide := count(mixed, graph.BFloat16), count(mixed, graph.Float32)
	require.Positive(t, narrow["Cast"])
	delete(narrow, "Cast")
	require.Equal(t, map[string]int{
		"Conv": 3, "BiasAdd": 3, "Relu": 3, "MaxPool": 1, "Upsample": 1, "Slice": 1, // second, third, fourth
		"ConvGradInput": 3, "ConvGradKernel": 3, "ReluGrad": 3, "MaxPoolGrad": 1,
	}, narrow)
	require.Equal(t, []int{2, 1, 2, 1}, []int{wide["Conv"], wide["ConvGradInput"], wide["ConvGradKernel"], wide["ReluGrad"]}, "first and last")
	require.Equal(t, 10, wide["State"])
	require.Empty(t, count(p, graph.BFloat16), "the original stays")

	random := rand.New(rand.NewPCG(3, 5))
	arrays := func(nodes []*graph.Node) map[string]*eval.Array {
		out := map[string]*eval.Array{}
		for _, n := range nodes {
			a := eval.NewArray(n.Shape...)
			for i := range a.Data {
				a.Data[i] = random.Float64() - 0.4
			}
			out[n.Attr.Name] = a
		}
		return out
	}
	inputs, states := arrays(p.Inputs()), arrays(p.States())
	want, err := eval.Run(p, inputs, states)
	require.NoError(t, err)
	got, err := eval.Run(mixed, inputs, states)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NotZero(t, got["loss"].Data[0])
}

// TestConvWideStaysWide: it and its gradients, however many channels.
func TestConvWideStaysWide(t *testing.T) {
	b := graph.NewBuilder(graph.Float32)
	x, w := b.Input("x", graph.Float32, 1, 4, 4, 16), b.State("w", graph.Float32, 3, 3, 16, 16)
	loss := graph.Sum(graph.ConvWide(x, w), 0, 1, 2, 3)
	p := &graph.Program{Name: "p", Outputs: []graph.Output{{Name: "loss", Node: loss}}}
	for i, g := range graph.Gradient(loss, []*graph.Node{x, w}) {
		p.Outputs = append(p.Outputs, graph.Output{Name: []string{"x", "w"}[i], Node: g})
	}
	for _, n := range graph.Mixed([]*graph.Program{p})[0].Nodes() {
		require.Equal(t, graph.Float32, n.DType, n)
	}
}

// TestMixedLeavesFloat64: only float32 is narrowed.
func TestMixedLeavesFloat64(t *testing.T) {
	b := graph.NewBuilder(graph.Float64)
	y := graph.Conv(b.Input("x", graph.Float64, 1, 4, 4, 8), b.Input("w", graph.Float64, 3, 3, 8, 8))
	p := graph.Mixed([]*graph.Program{{Name: "p", Outputs: []graph.Output{{Name: "y", Node: y}}}})[0]
	for _, n := range p.Nodes() {
		require.Equal(t, graph.Float64, n.DType)
	}
}

// TestBFloat16StaysWithin: no session can be fed with it or give it.
func TestBFloat16StaysWithin(t *testing.T) {
	b := graph.NewBuilder(graph.Float32)
	x := b.Input("x", graph.Float32, 3)
	for name, n := range map[string]*graph.Node{
		"output": graph.Cast(x, graph.BFloat16),
		"input":  graph.Cast(b.Input("narrow", graph.BFloat16, 3), graph.Float32),
		"state":  graph.Cast(b.State("narrow", graph.BFloat16, 3), graph.Float32),
	} {
		err := (&graph.Program{Name: "p", Outputs: []graph.Output{{Name: "y", Node: n}}}).Check()
		require.ErrorContains(t, err, "values of bfloat16 stay within a program", name)
	}
}
