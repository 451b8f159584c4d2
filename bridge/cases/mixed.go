package cases

import "github.com/ptychobridge/ptychobridge/graph"

// rounded is for programs of graph.Mixed against the evaluator, which does not
// round to BFloat16.
var rounded = Budget{Name: "bfloat16", Mixed: 2e-2, Reason: "a few roundings of 2e-3 of each factor and result, 6e-3 seen; sums average them"}

// rectified is that for gradients behind a rectifier.
var rectified = Budget{Name: "bfloat16, rectified", Mixed: 0.25, Reason: "a rectifier or pooling may choose otherwise where values lie within rounding of each other, a term of some hundred: 8.5e-2 seen"}

// MixedBudget is the allowed distance of an output of a case of Mixed in
// bf16-mixed.
func (c Case) MixedBudget(output string) Budget {
	if c.Kinks && output != result {
		return rectified
	}
	return rounded
}

// MixedBudgets lists those there are.
func MixedBudgets() []Budget { return []Budget{rounded, rectified} }

// Mixed lists uses of the operations that graph.Mixed narrows, with channels
// enough that it does.
func Mixed() []Case {
	relu := func(x []*graph.Node) *graph.Node { return graph.Relu(graph.BiasAdd(graph.Conv(x[0], x[1]), x[2])) }
	image, kernel, bias := in(2, 8, 6, 16), in(3, 3, 16, 24), in(24)
	return []Case{
		{Name: "Conv", Op: graph.OpConv, Inputs: []input{image, kernel}, Make: two(graph.Conv)},
		{Name: "Conv/many channels", Op: graph.OpConv, Inputs: []input{in(3, 8, 8, 128), in(3, 3, 128, 64)}, Make: two(graph.Conv)},
		{Name: "BiasAdd", Op: graph.OpBiasAdd, Inputs: []input{image, kernel, bias}, Make: func(x []*graph.Node) *graph.Node { return graph.BiasAdd(graph.Conv(x[0], x[1]), x[2]) }},
		{Name: "Relu", Op: graph.OpRelu, Kinks: true, Inputs: []input{image, kernel, bias}, Make: relu},
		{Name: "MaxPool", Op: graph.OpMaxPool, Kinks: true, Inputs: []input{image, kernel, bias}, Make: func(x []*graph.Node) *graph.Node { return graph.MaxPool(relu(x)) }},
		{Name: "Upsample", Op: graph.OpUpsample, Kinks: true, Inputs: []input{image, kernel, bias}, Make: func(x []*graph.Node) *graph.Node { return graph.Upsample(relu(x)) }},
		{Name: "Upsample/before a convolution", Op: graph.OpUpsampleGrad, Kinks: true, Inputs: []input{image, kernel, bias, in(3, 3, 24, 8)}, Make: func(x []*graph.Node) *graph.Node {
			return graph.Conv(graph.Upsample(relu(x)), x[3])
		}},
		{Name: "Slice", Op: graph.OpSlice, Kinks: true, Inputs: []input{image, kernel, bias, in(3, 3, 10, 8)}, Make: func(x []*graph.Node) *graph.Node {
			return graph.Conv(graph.Slice(relu(x), []int{0, 0, 0, 14}, []int{2, 8, 6, 10}), x[3])
		}},
	}
}
