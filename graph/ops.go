package graph

import (
	"fmt"
	"slices"
)

// Op is an operation: a row of the table of shapes and gradients.
type Op uint8

// The operations. What each computes stands at the function that makes it.
const (
	OpInput Op = iota
	OpState
	OpConst
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpNeg
	OpExp
	OpLog
	OpSqrt
	OpSin
	OpCos
	OpTanh
	OpSigmoid
	OpSoftplus
	OpRelu
	OpReluGrad
	OpRound
	OpMatMul
	OpConv
	OpConvGradInput
	OpConvGradKernel
	OpBiasAdd
	OpMaxPool
	OpMaxPoolGrad
	OpUpsample
	OpUpsampleGrad
	OpSum
	OpBroadcast
	OpReshape
	OpTranspose
	OpSlice
	OpPad
	OpConcat
	OpGather
	OpFFT2
	OpIFFT2
	OpCast
	OpAssign
	OpAdam
	opCount
)

// operation is a row of the table.
type operation struct {
	name  string
	arity int // -1: any number of inputs but none
	// shape checks the inputs and sets the shape (and the type, where it is
	// not that of the first input).
	shape func(n *Node) error
	// grad gives the gradient of each input from the gradient dy of the
	// result; a nil entry says that the input carries none. A nil rule says
	// that the operation cannot be differentiated.
	grad func(n, dy *Node) []*Node
}

// table is the whole list. Adding an operation is: a constant, a row here, the
// function that makes it, a line in each bridge and in the evaluator, a case
// in the conformance suite.
var table [opCount]operation

func init() { // in init because the gradient rules make nodes, which look up the table
	table = [opCount]operation{
		OpInput:    {"Input", 0, nil, nil},
		OpState:    {"State", 0, nil, nil},
		OpConst:    {"Const", 0, nil, nil},
		OpAdd:      {"Add", 2, binary, gradAdd},
		OpSub:      {"Sub", 2, binary, gradSub},
		OpMul:      {"Mul", 2, binary, gradMul},
		OpDiv:      {"Div", 2, binary, gradDiv},
		OpNeg:      {"Neg", 1, unary, func(_, dy *Node) []*Node { return []*Node{Neg(dy)} }},
		OpExp:      {"Exp", 1, unary, func(n, dy *Node) []*Node { return []*Node{Mul(dy, n)} }},
		OpLog:      {"Log", 1, unary, func(n, dy *Node) []*Node { return []*Node{Div(dy, n.In[0])} }},
		OpSqrt:     {"Sqrt", 1, unary, func(n, dy *Node) []*Node { return []*Node{Scale(Div(dy, n), 0.5)} }},
		OpSin:      {"Sin", 1, unary, func(n, dy *Node) []*Node { return []*Node{Mul(dy, Cos(n.In[0]))} }},
		OpCos:      {"Cos", 1, unary, func(n, dy *Node) []*Node { return []*Node{Neg(Mul(dy, Sin(n.In[0])))} }},
		OpTanh:     {"Tanh", 1, unary, func(n, dy *Node) []*Node { return []*Node{Mul(dy, oneMinus(Mul(n, n)))} }},
		OpSigmoid:  {"Sigmoid", 1, unary, func(n, dy *Node) []*Node { return []*Node{Mul(dy, Mul(n, oneMinus(n)))} }},
		OpSoftplus: {"Softplus", 1, unary, func(n, dy *Node) []*Node { return []*Node{Mul(dy, Sigmoid(n.In[0]))} }},
		OpRelu:     {"Relu", 1, unary, func(n, dy *Node) []*Node { return []*Node{reluGrad(dy, n)} }},
		OpReluGrad: {"ReluGrad", 2, same, nil},
		OpRound:    {"Round", 1, unary, func(_, _ *Node) []*Node { return []*Node{nil} }},

		OpMatMul:         {"MatMul", 2, shapeMatMul, gradMatMul},
		OpConv:           {"Conv", 2, shapeConv, gradConv},
		OpConvGradInput:  {"ConvGradInput", 2, shapeConvGradInput, nil},
		OpConvGradKernel: {"ConvGradKernel", 2, shapeConvGradKernel, nil},
		OpBiasAdd:        {"BiasAdd", 2, shapeBiasAdd, gradBiasAdd},
		OpMaxPool:        {"MaxPool", 1, shapeMaxPool, func(n, dy *Node) []*Node { return []*Node{maxPoolGrad(n.In[0], n, dy)} }},
		OpMaxPoolGrad:    {"MaxPoolGrad", 3, func(n *Node) error { n.Shape = n.In[0].Shape; return nil }, nil},
		OpUpsample:       {"Upsample", 1, shapeUpsample, func(_, dy *Node) []*Node { return []*Node{upsampleGrad(dy)} }},
		OpUpsampleGrad:   {"UpsampleGrad", 1, shapeMaxPool, func(_, dy *Node) []*Node { return []*Node{Upsample(dy)} }},

		OpSum:       {"Sum", 1, shapeSum, gradSum},
		OpBroadcast: {"Broadcast", 1, shapeBroadcast, func(n, dy *Node) []*Node { return []*Node{sumTo(dy, n.In[0].Shape)} }},
		OpReshape:   {"Reshape", 1, shapeReshape, func(n, dy *Node) []*Node { return []*Node{Reshape(dy, n.In[0].Shape...)} }},
		OpTranspose: {"Transpose", 1, shapeTranspose, gradTranspose},
		OpSlice:     {"Slice", 1, shapeSlice, gradSlice},
		OpPad:       {"Pad", 1, shapePad, func(n, dy *Node) []*Node { return []*Node{Slice(dy, n.Attr.Start, n.In[0].Shape)} }},
		OpConcat:    {"Concat", -1, shapeConcat, gradConcat},
		OpGather:    {"Gather", 2, shapeGather, nil},
		OpFFT2:      {"FFT2", 2, shapeFFT, gradFFT2},
		OpIFFT2:     {"IFFT2", 2, shapeFFT, gradIFFT2},
		OpCast:      {"Cast", 1, func(n *Node) error { n.Shape = n.In[0].Shape; return nil }, func(n, dy *Node) []*Node { return []*Node{Cast(dy, n.In[0].DType)} }},
		OpAssign:    {"Assign", 2, shapeAssign, nil},
		OpAdam:      {"Adam", 5, shapeAdam, nil},
	}
}

// String is the operation's name.
func (op Op) String() string {
	if op < opCount {
		return table[op].name
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// Ops lists every operation, for suites that must leave none out.
func Ops() []Op {
	ops := make([]Op, opCount)
	for i := range ops {
		ops[i] = Op(i)
	}
	return ops
}

// IsUpdate says whether the operation changes a state instead of giving a
// value.
func (op Op) IsUpdate() bool { return op == OpAssign || op == OpAdam }

// Differentiable says whether the operation has a gradient rule.
func (op Op) Differentiable() bool { return table[op].grad != nil }

// ---- elementwise ----

func unary(n *Node) error {
	n.Shape = n.In[0].Shape
	return floats(n)
}

func floats(n *Node) error {
	for _, x := range n.In {
		if !x.DType.IsFloat() || x.DType != n.In[0].DType {
			return fmt.Errorf("inputs must be of one floating-point type")
		}
	}
	return nil
}

func binary(n *Node) (err error) {
	n.Shape, err = broadcast(n.In[0].Shape, n.In[1].Shape)
	if err != nil {
		return err
	}
	return floats(n)
}

func same(n *Node) error {
	if !n.In[0].Shape.Equal(n.In[1].Shape) {
		return fmt.Errorf("shapes differ")
	}
	n.Shape = n.In[0].Shape
	return floats(n)
}

// Add is a + b. Elementwise operations of two values broadcast a scalar, and
// extents of 1 where both have the same rank.
func Add(a, b *Node) *Node { return apply(OpAdd, Attr{}, a, b) }

// Sub is a − b, with the broadcasting of Add.
func Sub(a, b *Node) *Node { return apply(OpSub, Attr{}, a, b) }

// Mul is a·b, element by element, with the broadcasting of Add.
func Mul(a, b *Node) *Node { return apply(OpMul, Attr{}, a, b) }

// Div is a/b, element by element, with the broadcasting of Add; x/0 is ±∞ or
// no number.
func Div(a, b *Node) *Node { return apply(OpDiv, Attr{}, a, b) }

// Neg is −x.
func Neg(x *Node) *Node { return apply(OpNeg, Attr{}, x) }

// Exp is eˣ.
func Exp(x *Node) *Node { return apply(OpExp, Attr{}, x) }

// Log is the natural logarithm; −∞ at 0, below it no number. Losses add an ε.
func Log(x *Node) *Node { return apply(OpLog, Attr{}, x) }

// Sqrt is √x; its derivative at 0 is infinite, and below 0 it is no number.
func Sqrt(x *Node) *Node { return apply(OpSqrt, Attr{}, x) }

// Sin is sin x, x in radians.
func Sin(x *Node) *Node { return apply(OpSin, Attr{}, x) }

// Cos is cos x, x in radians.
func Cos(x *Node) *Node { return apply(OpCos, Attr{}, x) }

// Tanh is the hyperbolic tangent, −1 to 1.
func Tanh(x *Node) *Node { return apply(OpTanh, Attr{}, x) }

// Sigmoid is 1/(1+e⁻ˣ), 0 to 1.
func Sigmoid(x *Node) *Node { return apply(OpSigmoid, Attr{}, x) }

// Softplus is ln(1+eˣ), at least 0; its derivative is Sigmoid.
func Softplus(x *Node) *Node { return apply(OpSoftplus, Attr{}, x) }

// Relu is max(x, 0); its derivative at 0 is 0.
func Relu(x *Node) *Node { return apply(OpRelu, Attr{}, x) }

// reluGrad is dy where y > 0, else 0; y is the result of Relu.
func reluGrad(dy, y *Node) *Node { return apply(OpReluGrad, Attr{}, dy, y) }

// Round is the nearest whole number, the even one of two that are as near; its
// derivative counts as 0.
func Round(x *Node) *Node { return apply(OpRound, Attr{}, x) }

// Positive is 1 where x > 0, else 0, in x's type. It has no gradient.
func Positive(x *Node) *Node { return reluGrad(Broadcast(scalarLike(x, 1), x.Shape...), x) }

// Scale is x·c for a constant c, which is rounded to x's type.
func Scale(x *Node, c float64) *Node { return Mul(x, scalarLike(x, c)) }

// AddScalar is x + c for a constant c, which is rounded to x's type.
func AddScalar(x *Node, c float64) *Node { return Add(x, scalarLike(x, c)) }

func oneMinus(x *Node) *Node { return Sub(scalarLike(x, 1), x) }

func gradAdd(n, dy *Node) []*Node {
	return []*Node{sumTo(dy, n.In[0].Shape), sumTo(dy, n.In[1].Shape)}
}

func gradSub(n, dy *Node) []*Node {
	return []*Node{sumTo(dy, n.In[0].Shape), sumTo(Neg(dy), n.In[1].Shape)}
}

func gradMul(n, dy *Node) []*Node {
	a, b := n.In[0], n.In[1]
	return []*Node{sumTo(Mul(dy, b), a.Shape), sumTo(Mul(dy, a), b.Shape)}
}

func gradDiv(n, dy *Node) []*Node {
	a, b := n.In[0], n.In[1]
	da := Div(dy, b)
	return []*Node{sumTo(da, a.Shape), sumTo(Neg(Mul(da, n)), b.Shape)}
}

// sumTo sums x over the axes along which shape was broadcast to x's shape.
func sumTo(x *Node, shape Shape) *Node {
	if x.Shape.Equal(shape) {
		return x
	}
	var axes []int
	for i := range x.Shape {
		if len(shape) == 0 || shape[i] != x.Shape[i] {
			axes = append(axes, i)
		}
	}
	return Reshape(Sum(x, axes...), shape...)
}

// ---- products and images ----

func shapeMatMul(n *Node) error {
	a, b := n.In[0].Shape, n.In[1].Shape
	r := len(a)
	if r < 2 || len(b) != r || !a[:r-2].Equal(b[:r-2]) {
		return fmt.Errorf("want two values of one rank of at least 2 and with the same leading extents")
	}
	m, k := a[r-2], a[r-1]
	if n.Attr.TransA {
		m, k = k, m
	}
	k2, c := b[r-2], b[r-1]
	if n.Attr.TransB {
		k2, c = c, k2
	}
	if k != k2 {
		return fmt.Errorf("inner extents %d and %d differ", k, k2)
	}
	n.Shape = append(slices.Clone(a[:r-2]), m, c)
	return floats(n)
}

// MatMul is the matrix product of the last two axes, op(a)·op(b) with
// op(x) = xᵀ where asked for, for each index of the leading axes.
func MatMul(a, b *Node, transA, transB bool) *Node {
	return apply(OpMatMul, Attr{TransA: transA, TransB: transB}, a, b)
}

func gradMatMul(n, dy *Node) []*Node {
	a, b, ta, tb := n.In[0], n.In[1], n.Attr.TransA, n.Attr.TransB
	da := MatMul(dy, b, false, !tb)
	if ta {
		da = MatMul(b, dy, tb, true)
	}
	db := MatMul(a, dy, !ta, false)
	if tb {
		db = MatMul(dy, a, true, ta)
	}
	return []*Node{da, db}
}

func shapeConv(n *Node) error {
	x, w := n.In[0].Shape, n.In[1].Shape
	if len(x) != 4 || len(w) != 4 || w[2] != x[3] || w[0]%2 == 0 || w[1]%2 == 0 {
		return fmt.Errorf("want an image [batch,row,column,in] and a kernel [odd,odd,in,out]")
	}
	n.Shape = Shape{x[0], x[1], x[2], w[3]}
	return floats(n)
}

// Conv is the convolution of neural networks (a cross-correlation) with
// stride 1 and as many zeros around the image as keep its size:
//
//	y[b,i,j,o] = Σ_{u,v,c} x[b, i+u−⌊H/2⌋, j+v−⌊W/2⌋, c]·w[u,v,c,o]
//
// x is [batch,row,column,in], the kernel w [H,W,in,out] with H, W odd.
func Conv(x, w *Node) *Node { return apply(OpConv, Attr{}, x, w) }

// ConvWide is Conv that Mixed does not narrow, nor its gradients.
func ConvWide(x, w *Node) *Node { return apply(OpConv, Attr{Wide: true}, x, w) }

func gradConv(n, dy *Node) []*Node {
	x, w, wide := n.In[0], n.In[1], n.Attr.Wide
	return []*Node{
		apply(OpConvGradInput, Attr{Wide: wide}, dy, w),
		apply(OpConvGradKernel, Attr{KernelExtents: [2]int{w.Shape[0], w.Shape[1]}, Wide: wide}, x, dy),
	}
}

func shapeConvGradInput(n *Node) error {
	dy, w := n.In[0].Shape, n.In[1].Shape
	if len(dy) != 4 || len(w) != 4 || dy[3] != w[3] {
		return fmt.Errorf("want dy [batch,row,column,out] and a kernel [h,w,in,out]")
	}
	n.Shape = Shape{dy[0], dy[1], dy[2], w[2]}
	return floats(n)
}

func shapeConvGradKernel(n *Node) error {
	x, dy := n.In[0].Shape, n.In[1].Shape
	if len(x) != 4 || len(dy) != 4 || !x[:3].Equal(dy[:3]) {
		return fmt.Errorf("want x [batch,row,column,in] and dy [batch,row,column,out]")
	}
	n.Shape = Shape{n.Attr.KernelExtents[0], n.Attr.KernelExtents[1], x[3], dy[3]}
	return floats(n)
}

func shapeBiasAdd(n *Node) error {
	x, b := n.In[0].Shape, n.In[1].Shape
	if len(x) < 2 || len(b) != 1 || b[0] != x[len(x)-1] {
		return fmt.Errorf("want a value of rank 2 or more and a bias [channels]")
	}
	n.Shape = x
	return floats(n)
}

// BiasAdd adds b[c] to every element of channel c, the last axis of x.
func BiasAdd(x, b *Node) *Node { return apply(OpBiasAdd, Attr{}, x, b) }

func gradBiasAdd(n, dy *Node) []*Node {
	return []*Node{dy, Sum(dy, leadingAxes(len(n.Shape)-1)...)}
}

func leadingAxes(k int) []int {
	axes := make([]int, k)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

func shapeMaxPool(n *Node) error {
	x := n.In[0].Shape
	if len(x) != 4 || x[1]%2 != 0 || x[2]%2 != 0 {
		return fmt.Errorf("want an image [batch,row,column,channel] with even sides")
	}
	n.Shape = Shape{x[0], x[1] / 2, x[2] / 2, x[3]}
	return floats(n)
}

// MaxPool is the largest of each 2×2 block of rows and columns. Its gradient
// goes to the first largest element in row-major order.
func MaxPool(x *Node) *Node { return apply(OpMaxPool, Attr{}, x) }

func maxPoolGrad(x, y, dy *Node) *Node { return apply(OpMaxPoolGrad, Attr{}, x, y, dy) }

func shapeUpsample(n *Node) error {
	x := n.In[0].Shape
	if len(x) != 4 {
		return fmt.Errorf("want an image [batch,row,column,channel]")
	}
	n.Shape = Shape{x[0], 2 * x[1], 2 * x[2], x[3]}
	return floats(n)
}

// Upsample repeats every pixel twice in both directions:
// y[b,i,j,c] = x[b,⌊i/2⌋,⌊j/2⌋,c].
func Upsample(x *Node) *Node { return apply(OpUpsample, Attr{}, x) }

// upsampleGrad sums each 2×2 block of rows and columns.
func upsampleGrad(dy *Node) *Node { return apply(OpUpsampleGrad, Attr{}, dy) }

// ---- shapes ----

func shapeSum(n *Node) error {
	x := n.In[0].Shape
	last := -1
	n.Shape = Shape{}
	for i := range x {
		if slices.Contains(n.Attr.Axes, i) {
			last++
		} else {
			n.Shape = append(n.Shape, x[i])
		}
	}
	if last+1 != len(n.Attr.Axes) || !slices.IsSorted(n.Attr.Axes) {
		return fmt.Errorf("axes %v must rise and lie inside the shape", n.Attr.Axes)
	}
	return floats(n)
}

// Sum sums over the given axes, which must rise, and leaves them out of the
// shape.
func Sum(x *Node, axes ...int) *Node { return apply(OpSum, Attr{Axes: axes}, x) }

// Mean is the mean of all elements, a scalar of x's type.
func Mean(x *Node) *Node {
	return Scale(Sum(x, leadingAxes(len(x.Shape))...), 1/float64(x.Shape.Size()))
}

func gradSum(n, dy *Node) []*Node {
	x := n.In[0].Shape
	kept := slices.Clone(x)
	for _, a := range n.Attr.Axes {
		kept[a] = 1
	}
	return []*Node{Broadcast(Reshape(dy, kept...), x...)}
}

func shapeBroadcast(n *Node) error {
	s, err := broadcast(n.In[0].Shape, n.Shape)
	if err != nil {
		return err
	}
	if !s.Equal(n.Shape) {
		return fmt.Errorf("%v does not broadcast to %v", n.In[0].Shape, n.Shape)
	}
	return floats(n)
}

// Broadcast repeats a scalar, or a value of the same rank along its extents
// of 1, to the given shape.
func Broadcast(x *Node, shape ...int) *Node { return applyShaped(OpBroadcast, Attr{}, shape, x) }

func shapeReshape(n *Node) error {
	if n.Shape.Size() != n.In[0].Shape.Size() {
		return fmt.Errorf("%v has not as many elements as %v", n.Shape, n.In[0].Shape)
	}
	return nil
}

// Reshape reads the elements in row-major order under another shape.
func Reshape(x *Node, shape ...int) *Node {
	if x.Shape.Equal(shape) {
		return x
	}
	return applyShaped(OpReshape, Attr{}, shape, x)
}

// applyShaped is apply for operations whose shape is given by the caller.
func applyShaped(op Op, attr Attr, shape Shape, x *Node) *Node {
	n := &Node{Op: op, In: []*Node{x}, Attr: attr, DType: x.DType, Shape: slices.Clone(shape)}
	if err := table[op].shape(n); err != nil {
		panic(fmt.Sprintf("graph: %s: BUG: %v", op, err))
	}
	return x.builder.add(n)
}

func shapeTranspose(n *Node) error {
	x, perm := n.In[0].Shape, n.Attr.Perm
	sorted := slices.Sorted(slices.Values(perm))
	if !slices.Equal(sorted, leadingAxes(len(x))) {
		return fmt.Errorf("%v is no permutation of the axes of %v", perm, x)
	}
	n.Shape = make(Shape, len(x))
	for i, p := range perm {
		n.Shape[i] = x[p]
	}
	return nil
}

// Transpose makes axis perm[i] of x axis i of the result; perm is a permutation
// of all axes.
func Transpose(x *Node, perm ...int) *Node { return apply(OpTranspose, Attr{Perm: perm}, x) }

func gradTranspose(n, dy *Node) []*Node {
	inverse := make([]int, len(n.Attr.Perm))
	for i, p := range n.Attr.Perm {
		inverse[p] = i
	}
	return []*Node{Transpose(dy, inverse...)}
}

func shapeSlice(n *Node) error {
	x, start := n.In[0].Shape, n.Attr.Start
	if len(start) != len(x) || len(n.Shape) != len(x) {
		return fmt.Errorf("start %v and size %v must have the rank of %v", start, n.Shape, x)
	}
	for i := range x {
		if start[i] < 0 || n.Shape[i] < 1 || start[i]+n.Shape[i] > x[i] {
			return fmt.Errorf("start %v and size %v reach outside %v", start, n.Shape, x)
		}
	}
	return nil
}

// Slice cuts a block of the given size from x, beginning at index start of
// each axis.
func Slice(x *Node, start, size []int) *Node {
	if x.Shape.Equal(size) {
		return x
	}
	return applyShaped(OpSlice, Attr{Start: slices.Clone(start)}, size, x)
}

func gradSlice(n, dy *Node) []*Node {
	x := n.In[0].Shape
	after := make([]int, len(x))
	for i := range x {
		after[i] = x[i] - n.Attr.Start[i] - n.Shape[i]
	}
	return []*Node{Pad(dy, n.Attr.Start, after)}
}

func shapePad(n *Node) error {
	x := n.In[0].Shape
	if len(n.Attr.Start) != len(x) || len(n.Attr.After) != len(x) {
		return fmt.Errorf("padding %v, %v must have the rank of %v", n.Attr.Start, n.Attr.After, x)
	}
	n.Shape = make(Shape, len(x))
	for i := range x {
		if n.Attr.Start[i] < 0 || n.Attr.After[i] < 0 {
			return fmt.Errorf("padding %v, %v is negative", n.Attr.Start, n.Attr.After)
		}
		n.Shape[i] = n.Attr.Start[i] + x[i] + n.Attr.After[i]
	}
	return nil
}

// Pad puts before[i] zeros before and after[i] zeros behind x along axis i.
func Pad(x *Node, before, after []int) *Node {
	return apply(OpPad, Attr{Start: slices.Clone(before), After: slices.Clone(after)}, x)
}

func shapeConcat(n *Node) error {
	first, axis := n.In[0].Shape, n.Attr.Axes[0]
	if axis < 0 || axis >= len(first) {
		return fmt.Errorf("axis %d lies outside %v", axis, first)
	}
	n.Shape = slices.Clone(first)
	n.Shape[axis] = 0
	for _, x := range n.In {
		if len(x.Shape) != len(first) {
			return fmt.Errorf("ranks differ")
		}
		for i := range first {
			if i != axis && x.Shape[i] != first[i] {
				return fmt.Errorf("extents differ at axis %d", i)
			}
		}
		n.Shape[axis] += x.Shape[axis]
	}
	return floats(n)
}

// Concat joins values along one axis, in order. All other extents agree.
func Concat(axis int, xs ...*Node) *Node { return apply(OpConcat, Attr{Axes: []int{axis}}, xs...) }

func gradConcat(n, dy *Node) []*Node {
	axis := n.Attr.Axes[0]
	start := make([]int, len(n.Shape))
	grads := make([]*Node, len(n.In))
	for i, x := range n.In {
		grads[i] = Slice(dy, start, x.Shape)
		start[axis] += x.Shape[axis]
	}
	return grads
}

func shapeGather(n *Node) error {
	x, idx := n.In[0], n.In[1]
	if len(x.Shape) < 1 || len(idx.Shape) != 1 || idx.DType != Int32 {
		return fmt.Errorf("want a value of rank 1 or more and int32 indices of rank 1")
	}
	n.Shape = append(Shape{idx.Shape[0]}, x.Shape[1:]...)
	return nil
}

// Gather takes the blocks x[indices[k]] of the first axis, in order. Indices
// are int32 and must lie inside the axis; it has no gradient.
func Gather(x, indices *Node) *Node { return apply(OpGather, Attr{}, x, indices) }

// ---- Fourier transform ----

func shapeFFT(n *Node) error {
	re, im := n.In[0].Shape, n.In[1].Shape
	if len(re) < 2 || !re.Equal(im) {
		return fmt.Errorf("want real and imaginary part of one shape of rank 2 or more")
	}
	n.Shape = append(Shape{2}, re...)
	return floats(n)
}

// FFT2 is the two-dimensional discrete Fourier transform over the last two
// axes (H rows, W columns), without a factor and with the zero frequency at
// (0, 0):
//
//	F[u,v] = Σ_{i,j} ψ[i,j]·e^{−2πi(ui/H + vj/W)}
func FFT2(re, im *Node) (fre, fim *Node) { return parts(apply(OpFFT2, Attr{}, re, im)) }

// IFFT2 is the inverse of FFT2, with the factor 1/(H·W) and +i in the exponent.
func IFFT2(re, im *Node) (fre, fim *Node) { return parts(apply(OpIFFT2, Attr{}, re, im)) }

// parts splits [2, …] into the two values of its first axis.
func parts(packed *Node) (re, im *Node) {
	size := slices.Clone(packed.Shape)
	size[0] = 1
	start := make([]int, len(size))
	re = Reshape(Slice(packed, start, size), size[1:]...)
	start = slices.Clone(start)
	start[0] = 1
	im = Reshape(Slice(packed, start, size), size[1:]...)
	return re, im
}

// gradFFT2 is the adjoint of FFT2, H·W times the inverse transform.
func gradFFT2(n, dy *Node) []*Node {
	hw := float64(n.Shape[len(n.Shape)-1] * n.Shape[len(n.Shape)-2])
	re, im := parts(dy)
	re, im = IFFT2(re, im)
	return []*Node{Scale(re, hw), Scale(im, hw)}
}

func gradIFFT2(n, dy *Node) []*Node {
	hw := float64(n.Shape[len(n.Shape)-1] * n.Shape[len(n.Shape)-2])
	re, im := parts(dy)
	re, im = FFT2(re, im)
	return []*Node{Scale(re, 1/hw), Scale(im, 1/hw)}
}

// ---- types and states ----

// Cast rounds x to another floating-point type; its gradient is cast back.
func Cast(x *Node, t DType) *Node {
	if x.DType == t {
		return x
	}
	n := &Node{Op: OpCast, In: []*Node{x}, DType: t, Shape: x.Shape}
	if !t.IsFloat() || !x.DType.IsFloat() {
		panic(fmt.Sprintf("graph: Cast: BUG: %v to %v", x.DType, t))
	}
	return x.builder.add(n)
}

func shapeAssign(n *Node) error {
	s, v := n.In[0], n.In[1]
	if s.Op != OpState || s.DType != v.DType || !s.Shape.Equal(v.Shape) {
		return fmt.Errorf("want a state and a value of its type and shape")
	}
	return nil
}

// Assign is the update state ← value, made after everything else in the run
// has been computed.
func Assign(state, value *Node) *Node { return apply(OpAssign, Attr{}, state, value) }

func shapeAdam(n *Node) error {
	w, lr := n.In[0], n.In[4]
	for i, x := range n.In[:4] {
		if !x.Shape.Equal(w.Shape) || (i < 3 && x.Op != OpState) {
			return fmt.Errorf("want three states and a gradient of one shape")
		}
	}
	if len(lr.Shape) != 0 {
		return fmt.Errorf("want a scalar learning rate")
	}
	return floats(n)
}

// Adam is one step of the Adam optimizer as Keras writes it, made after
// everything else in the run has been computed:
//
//	m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  w ← w − lr·m/(√v + ε)
//
// w, m and v are states; lr is the learning rate of this step with its bias
// correction, lr·√(1−β₂ᵗ)/(1−β₁ᵗ). Source: Kingma and Ba, arXiv 1412.6980,
// the form before its section 2.1.
func Adam(w, m, v, g, lr *Node, beta1, beta2, epsilon float64) *Node {
	return apply(OpAdam, Attr{Beta1: beta1, Beta2: beta2, Epsilon: epsilon}, w, m, v, g, lr)
}
