//go:build cgo && !notensorflow

package tfnative

import (
	"fmt"
	"regexp"
	"slices"

	tf "github.com/wamuir/graft/tensorflow"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// lowering adds the operations of one program to a TensorFlow graph. The first
// error stays; after it nothing is added.
type lowering struct {
	graph  *tf.Graph
	states map[string]*state
	place  map[*graph.Node]tf.Output
	prefix string
	node   *graph.Node // being lowered
	count  int         // operations added
	err    error
}

type attrs = map[string]any

// rule gives the value of a node from those of its inputs.
type rule func(l *lowering, n *graph.Node, in []tf.Output) tf.Output

// rules has a line for every operation that gives a value.
var rules = map[graph.Op]rule{
	graph.OpInput:    lowerInput,
	graph.OpState:    lowerState,
	graph.OpConst:    lowerConst,
	graph.OpAdd:      plain("AddV2"),
	graph.OpSub:      plain("Sub"),
	graph.OpMul:      plain("Mul"),
	graph.OpDiv:      plain("RealDiv"),
	graph.OpNeg:      plain("Neg"),
	graph.OpExp:      plain("Exp"),
	graph.OpLog:      plain("Log"),
	graph.OpSqrt:     plain("Sqrt"),
	graph.OpSin:      plain("Sin"),
	graph.OpCos:      plain("Cos"),
	graph.OpTanh:     plain("Tanh"),
	graph.OpSigmoid:  plain("Sigmoid"),
	graph.OpSoftplus: plain("Softplus"),
	graph.OpRelu:     plain("Relu"),
	graph.OpReluGrad: plain("ReluGrad"), // dy, y
	graph.OpRound:    plain("Rint"),

	graph.OpMatMul:         lowerMatMul,
	graph.OpConv:           with("Conv2D", same),
	graph.OpConvGradInput:  lowerConvGradInput,
	graph.OpConvGradKernel: lowerConvGradKernel,
	graph.OpBiasAdd:        plain("BiasAdd"),
	graph.OpMaxPool:        with("MaxPool", blocks),
	graph.OpMaxPoolGrad:    with("MaxPoolGrad", blocks), // x, y, dy
	graph.OpUpsample:       lowerUpsample("ResizeNearestNeighbor"),
	graph.OpUpsampleGrad:   lowerUpsample("ResizeNearestNeighborGrad"),

	graph.OpSum: func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		return l.add("Sum", nil, in[0], l.ints(n.Attr.Axes))
	},
	graph.OpBroadcast: toShape("BroadcastTo"),
	graph.OpReshape:   toShape("Reshape"),
	graph.OpTranspose: func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		return l.add("Transpose", nil, in[0], l.ints(n.Attr.Perm))
	},
	graph.OpSlice: func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		return l.add("Slice", nil, in[0], l.ints(n.Attr.Start), l.ints(n.Shape))
	},
	graph.OpPad: lowerPad,
	graph.OpConcat: func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		if len(in) == 1 {
			return in[0]
		}
		return l.add("ConcatV2", nil, tf.OutputList(in), l.scalar(n.Attr.Axes[0]))
	},
	graph.OpGather: func(l *lowering, _ *graph.Node, in []tf.Output) tf.Output {
		return l.add("GatherV2", nil, in[0], in[1], l.scalar(0))
	},
	graph.OpFFT2:  lowerFFT("FFT2D"),
	graph.OpIFFT2: lowerFFT("IFFT2D"),
	graph.OpCast: func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		return l.add("Cast", attrs{"DstT": dataTypes[n.DType]}, in[0])
	},
}

var (
	same   = attrs{"strides": []int64{1, 1, 1, 1}, "padding": "SAME", "data_format": "NHWC"}
	blocks = attrs{"ksize": []int64{1, 2, 2, 1}, "strides": []int64{1, 2, 2, 1}, "padding": "VALID", "data_format": "NHWC"}
)

// notInName is what TensorFlow does not allow in the names of operations.
var notInName = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// lower adds a program. Its number makes the names of its operations unique.
func lower(g *tf.Graph, number int, p *graph.Program, states map[string]*state) (*program, error) {
	l := &lowering{
		graph: g, states: states, place: map[*graph.Node]tf.Output{},
		prefix: fmt.Sprintf("program%d_%s", number, notInName.ReplaceAllString(p.Name, "_")),
	}
	made := &program{source: p, feeds: p.Inputs(), states: p.States(), outputs: p.Outputs}
	for _, n := range p.Nodes() {
		if n.Op.IsUpdate() {
			continue
		}
		translate := rules[n.Op]
		if translate == nil {
			return nil, fmt.Errorf("operation %s is not known", n.Op)
		}
		l.node = n
		in := make([]tf.Output, len(n.In))
		for k, x := range n.In {
			in[k] = l.place[x]
		}
		l.place[n] = translate(l, n, in)
		if l.err != nil {
			return nil, fmt.Errorf("%v: %w", n, l.err)
		}
	}
	for _, n := range made.feeds {
		made.inputs = append(made.inputs, l.place[n])
	}
	for _, o := range p.Outputs {
		// A value that is fed cannot be fetched, its copy can.
		l.node = o.Node
		made.fetches = append(made.fetches, l.add("Identity", nil, l.place[o.Node]))
	}
	if len(p.Updates) > 0 {
		made.targets = []*tf.Operation{l.updates(p, made.fetches)}
	}
	return made, l.err
}

// add adds an operation with one result.
func (l *lowering) add(kind string, a attrs, in ...tf.Input) tf.Output {
	return l.after(nil, kind, a, in...).Output(0)
}

// after adds an operation that runs after others.
func (l *lowering) after(before []*tf.Operation, kind string, a attrs, in ...tf.Input) *tf.Operation {
	if l.err != nil {
		return nothing
	}
	l.count++
	name := fmt.Sprintf("%s/%s_%d/%s_%d", l.prefix, l.node.Op, l.node.ID, kind, l.count)
	var op *tf.Operation
	op, l.err = l.graph.AddOperation(tf.OpSpec{Type: kind, Name: name, Input: in, Attrs: a, ControlDependencies: before})
	if l.err != nil {
		return nothing
	}
	return op
}

// nothing stands for operations that could not be added.
var nothing = &tf.Operation{}

// constant adds a constant of a native tensor.
func (l *lowering) constant(t *tf.Tensor, err error) tf.Output {
	if l.err == nil {
		l.err = err
	}
	if l.err != nil {
		return nothing.Output(0)
	}
	return l.add("Const", attrs{"dtype": t.DataType(), "value": t})
}

func (l *lowering) ints(values []int) tf.Output {
	narrow := make([]int32, len(values))
	for i, v := range values {
		narrow[i] = int32(v)
	}
	return l.constant(toNative(bridge.NewTensor(narrow, len(narrow)), graph.Int32))
}

func (l *lowering) scalar(v int) tf.Output {
	return l.constant(toNative(bridge.NewTensor([]int32{int32(v)}), graph.Int32))
}

func (l *lowering) float(t graph.DType, v float64) tf.Output {
	return l.constant(toNative(bridge.FromFloat64(t, []float64{v}), t))
}

// plain is an operation that TensorFlow has just so.
func plain(kind string) rule { return with(kind, nil) }

func with(kind string, a attrs) rule {
	return func(l *lowering, _ *graph.Node, in []tf.Output) tf.Output {
		list := make([]tf.Input, len(in))
		for i, x := range in {
			list[i] = x
		}
		return l.add(kind, a, list...)
	}
}

// toShape is an operation that takes the shape of its result.
func toShape(kind string) rule {
	return func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		return l.add(kind, nil, in[0], l.ints(n.Shape))
	}
}

func lowerInput(l *lowering, n *graph.Node, _ []tf.Output) tf.Output {
	return l.add("Placeholder", attrs{"dtype": dataTypes[n.DType], "shape": tf.MakeShape(widen(n.Shape)...)})
}

func lowerState(l *lowering, n *graph.Node, _ []tf.Output) tf.Output {
	return l.add("ReadVariableOp", attrs{"dtype": dataTypes[n.DType]}, l.states[n.Attr.Name].handle)
}

func lowerConst(l *lowering, n *graph.Node, _ []tf.Output) tf.Output {
	return l.constant(toNative(bridge.FromFloat64(n.DType, n.Attr.Data, n.Shape...), n.DType))
}

func lowerMatMul(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
	if len(n.Shape) == 2 {
		return l.add("MatMul", attrs{"transpose_a": n.Attr.TransA, "transpose_b": n.Attr.TransB}, in[0], in[1])
	}
	return l.add("BatchMatMulV2", attrs{"adj_x": n.Attr.TransA, "adj_y": n.Attr.TransB}, in[0], in[1])
}

// lowerConvGradInput has the inputs dy and w.
func lowerConvGradInput(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
	return l.add("Conv2DBackpropInput", same, l.ints(n.Shape), in[1], in[0])
}

// lowerConvGradKernel has the inputs x and dy.
func lowerConvGradKernel(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
	return l.add("Conv2DBackpropFilter", same, in[0], l.ints(n.Shape), in[1])
}

// lowerUpsample: with half pixel centres both directions take the 2×2 block of
// each pixel.
func lowerUpsample(kind string) rule {
	return func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		return l.add(kind, attrs{"half_pixel_centers": true}, in[0], l.ints(n.Shape[1:3]))
	}
}

func lowerPad(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
	var both []int32
	for i := range n.Attr.Start {
		both = append(both, int32(n.Attr.Start[i]), int32(n.Attr.After[i]))
	}
	return l.add("Pad", nil, in[0], l.constant(toNative(bridge.NewTensor(both, len(both)/2, 2), graph.Int32)))
}

// lowerFFT joins the parts to complex numbers and takes them apart again.
func lowerFFT(kind string) rule {
	return func(l *lowering, n *graph.Node, in []tf.Output) tf.Output {
		wide, float := tf.Complex64, dataTypes[n.DType]
		if n.DType == graph.Float64 {
			wide = tf.Complex128
		}
		psi := l.add("Complex", attrs{"Tout": wide}, in[0], in[1])
		f := l.add(kind, nil, psi)
		re := l.add("Real", attrs{"Tout": float}, f)
		im := l.add("Imag", attrs{"Tout": float}, f)
		return l.add("Pack", attrs{"axis": int64(0)}, tf.OutputList{re, im})
	}
}

// updates adds the updates and gives the operation that stands for all of
// them. They run after every output and every new value has been computed, so
// that those see the states as before and a run that fails changes nothing.
// TensorFlow writes a new value into a state's memory only where no other
// value still refers to it, and else makes a copy.
func (l *lowering) updates(p *graph.Program, outputs []tf.Output) *tf.Operation {
	needed := slices.Clone(outputs)
	values := make([][]tf.Output, len(p.Updates))
	for i, u := range p.Updates {
		l.node = u
		values[i] = l.newValues(u)
		needed = append(needed, values[i]...)
	}
	barrier := l.after(operations(needed), "NoOp", nil)
	updated := make([]*tf.Operation, len(p.Updates))
	for i, u := range p.Updates {
		l.node = u
		updated[i] = l.update(barrier, u, values[i])
	}
	return l.after(updated, "NoOp", nil)
}

// operations lists the operations that give the values, each once.
func operations(values []tf.Output) []*tf.Operation {
	var all []*tf.Operation
	for _, v := range values {
		if !slices.Contains(all, v.Op) {
			all = append(all, v.Op)
		}
	}
	return all
}

// newValues gives what an update needs besides the states: for Assign the
// value, for Adam gradient, learning rate and v − g².
func (l *lowering) newValues(u *graph.Node) []tf.Output {
	if u.Op == graph.OpAssign {
		return []tf.Output{l.place[u.In[1]]}
	}
	v, g, lr := l.place[u.In[2]], l.place[u.In[3]], l.place[u.In[4]]
	return []tf.Output{g, lr, l.add("Sub", nil, v, l.add("Square", nil, g))}
}

func (l *lowering) update(barrier *tf.Operation, u *graph.Node, values []tf.Output) *tf.Operation {
	if u.Op == graph.OpAssign {
		return l.after([]*tf.Operation{barrier}, "AssignVariableOp", attrs{"dtype": dataTypes[u.In[0].DType]}, l.handle(u.In[0]), values[0])
	}
	return l.adam(barrier, u, values[0], values[1], values[2])
}

// adam is one step in two operations. TensorFlow's Adam computes 1 − β₂ in the
// type of the state, which for 0.999 in float32 is 1.3·10⁻⁵ off; so v is
// updated before, v ← v − (1−β₂)(v − g²), and Adam, given β₂ = 1, leaves it as
// it is. The learning rate comes with its bias correction: with the powers of
// both betas 0, TensorFlow's own is a factor of 1.
func (l *lowering) adam(barrier *tf.Operation, u *graph.Node, g, lr, delta tf.Output) *tf.Operation {
	t, w, m, v := u.DType, l.handle(u.In[0]), l.handle(u.In[1]), l.handle(u.In[2])
	second := l.after([]*tf.Operation{barrier}, "ResourceApplyGradientDescent", nil, v, l.float(t, 1-u.Attr.Beta2), delta)
	zero, one := l.float(t, 0), l.float(t, 1)
	return l.after([]*tf.Operation{second}, "ResourceApplyAdam", nil,
		w, m, v, zero, zero, lr, l.float(t, u.Attr.Beta1), one, l.float(t, u.Attr.Epsilon), g)
}

func (l *lowering) handle(n *graph.Node) tf.Output { return l.states[n.Attr.Name].handle }
