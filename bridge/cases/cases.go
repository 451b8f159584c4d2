// Package cases is the table of uses of every operation of package graph, with
// inputs made from fixed seeds and the distance that is allowed between a
// backend and the float64 evaluator. The conformance suite (bridgetest) runs it
// as tests, package parity as a report.
package cases

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// input is a random value: its shape and the interval of its elements.
type input struct {
	shape    graph.Shape
	low, top float64
}

func in(shape ...int) input                    { return input{shape, -1, 1} }
func between(a, b float64, shape ...int) input { return input{shape, a, b} }
func (i input) with(low, top float64) input    { return input{i.shape, low, top} }
func one(f func(x *graph.Node) *graph.Node) make1 {
	return func(x []*graph.Node) *graph.Node { return f(x[0]) }
}

func two(f func(a, b *graph.Node) *graph.Node) make1 {
	return func(x []*graph.Node) *graph.Node { return f(x[0], x[1]) }
}

type make1 = func(x []*graph.Node) *graph.Node

// Case is one way to use an operation. Its gradient is that of
// Σ weights·result, for random weights, with respect to every input.
type Case struct {
	Name   string
	Op     graph.Op // that the case is about; others may take part
	Inputs []input  // random values: shapes and intervals
	Make   make1    // the result from the inputs
	Kind   Kind     // how far a backend may be off
	// Kinks says that the inputs hold ties or zeros at which finite
	// differences mean nothing; backends must still agree there.
	Kinks bool
	// steps: elements are whole quarters, so that ties occur.
	steps bool
}

// Kind groups operations by how far float32 kernels may lie apart.
type Kind int

// The kinds, see Kind.Budget.
const (
	Exact          Kind = iota // elements are moved
	Arithmetic                 // a few roundings for each element
	Transcendental             // exp, tanh and the like
	Reduction                  // sums, matrix products, convolutions
	Fourier                    // Fourier transforms
)

// Budget is how far two computations of the same thing may lie apart, as
// max|a−b|/max|b|, in each precision, and why.
type Budget struct {
	Name    string  `json:"name"`
	Float64 float64 `json:"float64"`
	Float32 float64 `json:"float32"`
	Reason  string  `json:"reason"`
	// Mixed is that in bf16-mixed, of a float64 evaluator that does not round.
	Mixed float64 `json:"bf16_mixed"`
}

// Limit is the number for a precision.
func (b Budget) Limit(t graph.DType) float64 {
	if t == graph.Float64 {
		return b.Float64
	}
	return b.Float32
}

// rounding64 is the limit of all operations in float64: a few thousand
// roundings of 1.1e-16.
const rounding64 = 1e-12

var budgets = [...]Budget{
	Exact:          {Name: "exact", Float64: rounding64, Float32: 0, Reason: "elements are moved, not computed"},
	Arithmetic:     {Name: "arithmetic", Float64: rounding64, Float32: 3e-7, Reason: "a few roundings of 6e-8, relative to the largest element"},
	Transcendental: {Name: "transcendental", Float64: rounding64, Float32: 1e-6, Reason: "vectorised polynomials: 2.4e-7 seen for tanh, twice in a gradient"},
	Reduction:      {Name: "reduction", Float64: rounding64, Float32: 5e-6, Reason: "sums of up to some thousand products in any order: 1.1e-6 seen"},
	Fourier:        {Name: "Fourier", Float64: rounding64, Float32: 2e-6, Reason: "1.8e-7 seen at N = 64, then sums in the gradient"},
}

// Budget is the allowed distance of a backend from the float64 evaluator,
// forward and gradient.
func (k Kind) Budget() Budget { return budgets[k] }

// result names the output of a case that is no gradient.
const result = "result"

// Budget is the allowed distance of an output of the case.
func (c Case) Budget(output string) Budget {
	if output == result {
		return c.Kind.Budget()
	}
	return c.Kind.Gradient().Budget()
}

// Gradient is the kind of the gradients of an operation: moves may add there.
func (k Kind) Gradient() Kind {
	if k == Exact {
		return Arithmetic
	}
	return k
}

// Cases is the table: every operation of graph that has inputs, but the
// updates, which Run tries by themselves.
func Cases() []Case {
	near := func(x input) input { return x.with(0.3, 2) } // away from poles and branch points
	all := []Case{
		{Name: "Add", Op: graph.OpAdd, Inputs: []input{in(3, 5), in(3, 5)}, Make: two(graph.Add), Kind: Arithmetic},
		{Name: "Add/scalar", Op: graph.OpAdd, Inputs: []input{in(), in(2, 3, 4)}, Make: two(graph.Add), Kind: Reduction},
		{Name: "Add/rows and columns", Op: graph.OpAdd, Inputs: []input{in(1, 7, 1), in(3, 1, 5)}, Make: two(graph.Add), Kind: Reduction},
		{Name: "Sub", Op: graph.OpSub, Inputs: []input{in(3, 5), in(1, 5)}, Make: two(graph.Sub), Kind: Reduction},
		{Name: "Mul", Op: graph.OpMul, Inputs: []input{in(3, 5), in(3, 5)}, Make: two(graph.Mul), Kind: Arithmetic},
		{Name: "Mul/probe over a batch", Op: graph.OpMul, Inputs: []input{in(1, 16, 12), in(3, 16, 12)}, Make: two(graph.Mul), Kind: Reduction},
		{Name: "Mul/same value twice", Op: graph.OpMul, Inputs: []input{in(4, 3)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Mul(x, x) }), Kind: Arithmetic},
		{Name: "Div", Op: graph.OpDiv, Inputs: []input{in(3, 5), near(in(3, 5))}, Make: two(graph.Div), Kind: Arithmetic},
		{Name: "Div/by a scalar", Op: graph.OpDiv, Inputs: []input{in(3, 5), near(in())}, Make: two(graph.Div), Kind: Reduction},
		{Name: "Neg", Op: graph.OpNeg, Inputs: []input{in(7)}, Make: one(graph.Neg), Kind: Exact},
		{Name: "Exp", Op: graph.OpExp, Inputs: []input{between(-4, 4, 3, 50)}, Make: one(graph.Exp), Kind: Transcendental},
		{Name: "Log", Op: graph.OpLog, Inputs: []input{between(0.01, 9, 3, 50)}, Make: one(graph.Log), Kind: Transcendental},
		{Name: "Sqrt", Op: graph.OpSqrt, Inputs: []input{between(0.01, 9, 3, 50)}, Make: one(graph.Sqrt), Kind: Arithmetic},
		{Name: "Sin", Op: graph.OpSin, Inputs: []input{between(-7, 7, 3, 50)}, Make: one(graph.Sin), Kind: Transcendental},
		{Name: "Cos", Op: graph.OpCos, Inputs: []input{between(-7, 7, 3, 50)}, Make: one(graph.Cos), Kind: Transcendental},
		{Name: "Tanh", Op: graph.OpTanh, Inputs: []input{between(-4, 4, 3, 50)}, Make: one(graph.Tanh), Kind: Transcendental},
		{Name: "Sigmoid", Op: graph.OpSigmoid, Inputs: []input{between(-9, 9, 3, 50)}, Make: one(graph.Sigmoid), Kind: Transcendental},
		{Name: "Softplus", Op: graph.OpSoftplus, Inputs: []input{between(-40, 40, 3, 50)}, Make: one(graph.Softplus), Kind: Transcendental},
		{Name: "Relu", Op: graph.OpRelu, Inputs: []input{in(3, 8, 6, 5)}, Make: one(graph.Relu), Kind: Exact},
		{Name: "Relu/at zero", Op: graph.OpRelu, Inputs: []input{in(60)}, Make: one(graph.Relu), Kind: Exact, Kinks: true, steps: true},
		{Name: "Round", Op: graph.OpRound, Inputs: []input{in(7, 6)}, Make: roundedTo(4), Kind: Arithmetic},
		{Name: "Round/ties", Op: graph.OpRound, Inputs: []input{in(60)}, Make: roundedTo(6), Kind: Arithmetic, Kinks: true, steps: true},
		{Name: "MatMul", Op: graph.OpMatMul, Inputs: []input{in(5, 7), in(7, 3)}, Make: matMul(false, false), Kind: Reduction},
		{Name: "MatMul/first transposed", Op: graph.OpMatMul, Inputs: []input{in(3, 7, 5), in(3, 7, 4)}, Make: matMul(true, false), Kind: Reduction},
		{Name: "MatMul/second transposed", Op: graph.OpMatMul, Inputs: []input{in(2, 3, 5, 7), in(2, 3, 4, 7)}, Make: matMul(false, true), Kind: Reduction},
		{Name: "MatMul/both transposed", Op: graph.OpMatMul, Inputs: []input{in(2, 7, 5), in(2, 4, 7)}, Make: matMul(true, true), Kind: Reduction},
		{Name: "Conv", Op: graph.OpConv, Inputs: []input{in(2, 6, 5, 3), in(3, 3, 3, 4)}, Make: two(graph.Conv), Kind: Reduction},
		{Name: "Conv/one channel in", Op: graph.OpConv, Inputs: []input{in(3, 16, 12, 1), in(3, 3, 1, 32)}, Make: two(graph.Conv), Kind: Reduction},
		{Name: "Conv/one channel out", Op: graph.OpConv, Inputs: []input{in(3, 16, 12, 60), in(3, 3, 60, 1)}, Make: two(graph.Conv), Kind: Reduction},
		{Name: "Conv/one to one", Op: graph.OpConv, Inputs: []input{in(2, 6, 4, 1), in(3, 3, 1, 1)}, Make: two(graph.Conv), Kind: Reduction},
		{Name: "Conv/batch of one", Op: graph.OpConv, Inputs: []input{in(1, 8, 8, 32), in(3, 3, 32, 16)}, Make: two(graph.Conv), Kind: Reduction},
		{Name: "Conv/of a slice", Op: graph.OpConv, Inputs: []input{in(2, 6, 8, 9), in(3, 3, 4, 5)}, Kind: Reduction, Make: two(func(x, w *graph.Node) *graph.Node {
			return graph.Conv(graph.Slice(x, []int{0, 0, 0, 5}, []int{2, 6, 8, 4}), w)
		})},
		{Name: "Conv/long and flat kernel", Op: graph.OpConv, Inputs: []input{in(2, 6, 8, 2), in(1, 5, 2, 3)}, Make: two(graph.Conv), Kind: Reduction},
		{Name: "BiasAdd", Op: graph.OpBiasAdd, Inputs: []input{in(2, 6, 5, 3), in(3)}, Make: two(graph.BiasAdd), Kind: Reduction},
		{Name: "BiasAdd/convolution, relu", Op: graph.OpBiasAdd, Inputs: []input{in(2, 6, 5, 3), in(3, 3, 3, 4), in(4)}, Kind: Reduction, Make: func(x []*graph.Node) *graph.Node {
			return graph.Relu(graph.BiasAdd(graph.Conv(x[0], x[1]), x[2]))
		}},
		{Name: "MaxPool", Op: graph.OpMaxPool, Inputs: []input{in(2, 6, 8, 3)}, Make: one(graph.MaxPool), Kind: Exact},
		{Name: "MaxPool/ties", Op: graph.OpMaxPool, Inputs: []input{in(2, 8, 6, 5)}, Make: one(graph.MaxPool), Kind: Exact, Kinks: true, steps: true},
		{Name: "Upsample", Op: graph.OpUpsample, Inputs: []input{in(2, 3, 5, 4)}, Make: one(graph.Upsample), Kind: Arithmetic},
		{Name: "Sum/all", Op: graph.OpSum, Inputs: []input{in(3, 5, 4)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Sum(x, 0, 1, 2) }), Kind: Reduction},
		{Name: "Sum/first and last", Op: graph.OpSum, Inputs: []input{in(3, 5, 4)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Sum(x, 0, 2) }), Kind: Reduction},
		{Name: "Broadcast", Op: graph.OpBroadcast, Inputs: []input{in(3, 1, 4)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Broadcast(x, 3, 5, 4) }), Kind: Reduction},
		{Name: "Broadcast/scalar", Op: graph.OpBroadcast, Inputs: []input{in()}, Make: one(func(x *graph.Node) *graph.Node { return graph.Broadcast(x, 2, 3) }), Kind: Reduction},
		{Name: "Reshape", Op: graph.OpReshape, Inputs: []input{in(3, 4, 5)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Reshape(x, 2, 30) }), Kind: Exact},
		{Name: "Transpose", Op: graph.OpTranspose, Inputs: []input{in(2, 3, 4, 5)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Transpose(x, 3, 0, 2, 1) }), Kind: Exact},
		{Name: "Slice", Op: graph.OpSlice, Inputs: []input{in(4, 6, 5)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Slice(x, []int{1, 0, 2}, []int{2, 5, 3}) }), Kind: Exact},
		{Name: "Pad", Op: graph.OpPad, Inputs: []input{in(2, 3, 4)}, Make: one(func(x *graph.Node) *graph.Node { return graph.Pad(x, []int{0, 1, 2}, []int{1, 0, 3}) }), Kind: Exact},
		{Name: "Concat", Op: graph.OpConcat, Inputs: []input{in(2, 3, 4), in(2, 1, 4), in(2, 2, 4)}, Make: func(x []*graph.Node) *graph.Node { return graph.Concat(1, x...) }, Kind: Exact},
		{Name: "Cast", Op: graph.OpCast, Inputs: []input{in(3, 4)}, Kind: Arithmetic, Make: one(func(x *graph.Node) *graph.Node {
			wide := graph.Cast(x, graph.Float64)
			return graph.Cast(graph.Mul(wide, wide), x.DType)
		})},
		{Name: "FFT2", Op: graph.OpFFT2, Inputs: []input{in(3, 8, 6), in(3, 8, 6)}, Make: transformed(graph.FFT2), Kind: Fourier},
		{Name: "FFT2/64", Op: graph.OpFFT2, Inputs: []input{in(2, 64, 64), in(2, 64, 64)}, Make: transformed(graph.FFT2), Kind: Fourier},
		{Name: "FFT2/odd", Op: graph.OpFFT2, Inputs: []input{in(5, 3), in(5, 3)}, Make: transformed(graph.FFT2), Kind: Fourier},
		{Name: "IFFT2", Op: graph.OpIFFT2, Inputs: []input{in(3, 8, 6), in(3, 8, 6)}, Make: transformed(graph.IFFT2), Kind: Fourier},
	}
	return append(all, wholeExpressions()...)
}

// wholeExpressions are uses that a lowering might treat as one, and operations
// on values that a runtime may keep as views of others.
func wholeExpressions() []Case {
	return append(ofViews(), []Case{
		{Name: "Relu/input used twice", Op: graph.OpRelu, Inputs: []input{in(4, 6)}, Kind: Arithmetic, Make: one(func(x *graph.Node) *graph.Node {
			y := graph.AddScalar(x, 0.1)
			return graph.Add(graph.Relu(y), y)
		})},
		{Name: "BiasAdd/convolution used twice", Op: graph.OpBiasAdd, Inputs: []input{in(2, 4, 4, 3), in(3, 3, 3, 2), in(2)}, Kind: Reduction, Make: func(x []*graph.Node) *graph.Node {
			y := graph.Conv(x[0], x[1])
			return graph.Mul(graph.BiasAdd(y, x[2]), y)
		}},
		{Name: "Sum/mean of a small loss", Op: graph.OpSum, Inputs: []input{between(0.5, 2, 3, 4)}, Kind: Reduction, Make: one(func(x *graph.Node) *graph.Node {
			return graph.Mean(graph.Scale(graph.Log(x), math.E))
		})},
	}...)
}

// ofViews applies operations that read memory in their own order, or write in
// place, to values that share another's memory: repeated, cut, turned.
func ofViews() []Case {
	views := []struct {
		name string
		in   input
		make func(x *graph.Node) *graph.Node // gives [2,4,6,3]
	}{
		{"broadcast", in(2, 1, 6, 1), func(x *graph.Node) *graph.Node { return graph.Broadcast(x, 2, 4, 6, 3) }},
		{"slice", in(3, 5, 7, 4), func(x *graph.Node) *graph.Node { return graph.Slice(x, []int{1, 0, 1, 1}, []int{2, 4, 6, 3}) }},
		{"transpose", in(3, 6, 2, 4), func(x *graph.Node) *graph.Node { return graph.Transpose(x, 2, 3, 1, 0) }},
		{"reshape of transpose", in(6, 4, 3, 2), func(x *graph.Node) *graph.Node {
			return graph.Reshape(graph.Transpose(x, 3, 1, 0, 2), 2, 4, 6, 3)
		}},
	}
	operations := []struct {
		name  string
		op    graph.Op
		apply func(x *graph.Node) *graph.Node
	}{
		{"relu", graph.OpRelu, graph.Relu},
		{"relu, then sum", graph.OpRelu, func(x *graph.Node) *graph.Node { return graph.Sum(graph.Relu(graph.Neg(x)), 1, 2) }},
		{"max-pool", graph.OpMaxPool, graph.MaxPool},
		{"upsample", graph.OpUpsample, graph.Upsample},
		{"FFT2", graph.OpFFT2, func(x *graph.Node) *graph.Node {
			re, im := graph.FFT2(x, x)
			return graph.Add(re, im)
		}},
		{"matmul", graph.OpMatMul, func(x *graph.Node) *graph.Node { return graph.MatMul(x, x, true, false) }},
		{"conv", graph.OpConv, func(x *graph.Node) *graph.Node {
			kernel := make([]float64, 9*3*2)
			for i := range kernel {
				kernel[i] = float64(i%5) - 1.5
			}
			return graph.Conv(x, x.Builder().Const(kernel, 3, 3, 3, 2))
		}},
		{"pad", graph.OpPad, func(x *graph.Node) *graph.Node { return graph.Pad(x, []int{0, 1, 0, 0}, []int{0, 0, 2, 0}) }},
	}
	var cases []Case
	for _, v := range views {
		for _, o := range operations {
			// Repeated values tie in every pool.
			kinks := v.name == "broadcast" && o.op == graph.OpMaxPool
			cases = append(cases, Case{
				Name: o.name + " of " + v.name, Op: o.op, Inputs: []input{v.in}, Kind: Reduction, Kinks: kinks,
				Make: one(func(x *graph.Node) *graph.Node { return o.apply(v.make(x)) }),
			})
		}
	}
	return cases
}

func matMul(ta, tb bool) make1 {
	return func(x []*graph.Node) *graph.Node { return graph.MatMul(x[0], x[1], ta, tb) }
}

// roundedTo is x·round(factor·x), so that there is a gradient to look at.
func roundedTo(factor float64) make1 {
	return one(func(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Round(graph.Scale(x, factor))) })
}

// transformed uses both parts of a transform, the real one twice as much.
func transformed(f func(re, im *graph.Node) (*graph.Node, *graph.Node)) make1 {
	return func(x []*graph.Node) *graph.Node {
		re, im := f(x[0], x[1])
		return graph.Concat(0, graph.Scale(re, 2), im)
	}
}

// Offsets makes up offsets [groups·channels, 2] of the patterns of groups from
// their mean position, (x, y) in pixels: each within reach, with mean 0 over its
// group.
func Offsets(random *rand.Rand, groups, channels int, reach float64) []float64 {
	out := make([]float64, 2*groups*channels)
	for axis := range 2 {
		for first := axis; first < len(out); first += 2 * channels {
			mean := 0.0
			for i := first; i < first+2*channels; i += 2 {
				out[i] = reach * (random.Float64() - 0.5)
				mean += out[i] / float64(channels)
			}
			for i := first; i < first+2*channels; i += 2 {
				out[i] -= mean
			}
		}
	}
	return out
}

// Program makes the program of a case, with the outputs result and
// gradient.0, gradient.1, …, and its feeds. Feeds are numbers of float32, so
// that both precisions and the evaluator see the same values.
func (c Case) Program(dtype graph.DType) (*graph.Program, bridge.Tensors) {
	b := graph.NewBuilder(dtype)
	random := rand.New(rand.NewPCG(7, uint64(len(c.Name))))
	feeds := bridge.Tensors{}
	feed := func(name string, i input) *graph.Node {
		values := make([]float64, i.shape.Size())
		for k := range values {
			values[k] = i.low + (i.top-i.low)*random.Float64()
			if c.steps {
				values[k] = math.Round(4*values[k]) / 4
			}
			values[k] = float64(float32(values[k]))
		}
		feeds[name] = bridge.FromFloat64(dtype, values, i.shape...)
		return b.Input(name, dtype, i.shape...)
	}
	var inputs []*graph.Node
	for k, i := range c.Inputs {
		inputs = append(inputs, feed(fmt.Sprintf("input.%d", k), i))
	}
	made := c.Make(inputs)
	weights := feed("weights", input{made.Shape, -1, 1})
	axes := make([]int, len(made.Shape))
	for k := range axes {
		axes[k] = k
	}
	loss := graph.Sum(graph.Mul(made, weights), axes...)
	p := &graph.Program{Name: "case", Outputs: []graph.Output{{Name: result, Node: made}}}
	for k, g := range graph.Gradient(loss, inputs) {
		p.Outputs = append(p.Outputs, graph.Output{Name: fmt.Sprintf("gradient.%d", k), Node: g})
	}
	if len(p.Inputs()) < len(feeds) { // a gradient that does not depend on an input
		p.Outputs = append(p.Outputs, graph.Output{Name: "loss", Node: loss})
	}
	return p, feeds
}
