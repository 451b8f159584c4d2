// Package graph describes a computation as a small neutral graph of tensor
// operations, from a closed table in which each operation has its shape rule
// and its gradient rule side by side. A Builder makes the inputs, states and
// constants; a function for each operation makes a Node from others; Gradient
// differentiates; a Program names what is to be computed and which states
// change. Every node has its shape and type from the moment it is made.
//
// A graph knows nothing of the runtime that will execute it. Values are
// row-major; images are [batch, row, column, channel]; complex numbers are
// pairs (re, im) of real values. Where a number has no meaning (ln −1, 1/0),
// runtimes give what IEEE 754 does, and nothing is guarded here. Functions of
// this package panic with the word BUG when shapes or types do not fit, since
// graphs are made by this program and not by its users.
package graph

import "fmt"

// Node is one value of a graph: the result of an operation. Its fields must
// not be changed after it has been made.
type Node struct {
	ID    int     // position in the builder's order; inputs have smaller numbers
	Op    Op      // that makes the value
	In    []*Node // what it is made from, in the order of the function's arguments
	Attr  Attr    // what the operation needs besides
	Shape Shape   // of the value; an update (Assign, Adam) has none that counts
	DType DType   // of its elements

	builder *Builder
}

// Attr holds what an operation needs besides its inputs. Each operation's row
// in the table says which fields it reads.
type Attr struct {
	Name          string    // OpInput, OpState: the name
	Data          []float64 // OpConst: the elements, rounded to the node's type when run
	Axes          []int     // OpSum: the axes summed over; OpConcat: the one axis
	Perm          []int     // OpTranspose: axis Perm[i] of the input becomes axis i
	Start         []int     // OpSlice: first index of each axis; OpPad: zeros before
	After         []int     // OpPad: zeros after
	TransA        bool      // OpMatMul: the first factor is transposed
	TransB        bool      // OpMatMul: the second factor is transposed
	Beta1, Beta2  float64   // OpAdam
	Epsilon       float64   // OpAdam
	KernelExtents [2]int    // OpConvGradKernel: rows and columns of the kernel
	Wide          bool      // OpConv and its gradients: Mixed leaves it as it is
}

// String describes the node for error messages: number, operation, name where
// it has one, type and shape.
func (n *Node) String() string {
	name := ""
	if n.Attr.Name != "" {
		name = " " + n.Attr.Name
	}
	return fmt.Sprintf("#%d %s%s %s%v", n.ID, n.Op, name, n.DType, n.Shape)
}

// Builder makes the nodes of one or more programs and fixes their
// floating-point type.
type Builder struct {
	float DType
	nodes []*Node
	state map[string]*Node
}

// NewBuilder makes a builder whose constants are of type float, Float32 or
// Float64. Inputs and states say their types themselves.
func NewBuilder(float DType) *Builder {
	if !float.IsFloat() {
		panic(fmt.Sprintf("graph: NewBuilder: BUG: %v is no floating-point type", float))
	}
	return &Builder{float: float, state: map[string]*Node{}}
}

// Float is the type that NewBuilder was given: that of Const and Scalar.
func (b *Builder) Float() DType { return b.float }

// Builder gives the builder that made the node, for constants beside it: all
// nodes of a program must be of one.
func (n *Node) Builder() *Builder { return n.builder }

func (b *Builder) add(n *Node) *Node {
	n.ID, n.builder = len(b.nodes), b
	b.nodes = append(b.nodes, n)
	return n
}

// Input makes a value that is fed at each run, under its name. Unlike State,
// each call makes a node of its own, and a program may use only one of a name.
func (b *Builder) Input(name string, t DType, shape ...int) *Node {
	return b.add(&Node{Op: OpInput, Attr: Attr{Name: name}, DType: t, Shape: shape})
}

// State makes a value that stays on the device between runs, under its name.
// Asking twice for one name gives the same node.
func (b *Builder) State(name string, t DType, shape ...int) *Node {
	if n, ok := b.state[name]; ok {
		if n.DType != t || !n.Shape.Equal(shape) {
			panic(fmt.Sprintf("graph: State %s: BUG: %v%v was declared as %v%v", name, t, Shape(shape), n.DType, n.Shape))
		}
		return n
	}
	n := b.add(&Node{Op: OpState, Attr: Attr{Name: name}, DType: t, Shape: shape})
	b.state[name] = n
	return n
}

// Const makes a constant of the given shape from row-major data.
func (b *Builder) Const(data []float64, shape ...int) *Node {
	if len(data) != Shape(shape).Size() {
		panic(fmt.Sprintf("graph: Const: BUG: %d elements for shape %v", len(data), Shape(shape)))
	}
	return b.add(&Node{Op: OpConst, Attr: Attr{Data: data}, DType: b.float, Shape: shape})
}

// Scalar makes a constant of the builder's type with an empty shape.
func (b *Builder) Scalar(v float64) *Node { return b.Const([]float64{v}) }

// scalarLike makes a constant scalar of n's type.
func scalarLike(n *Node, v float64) *Node {
	return n.builder.add(&Node{Op: OpConst, Attr: Attr{Data: []float64{v}}, DType: n.DType})
}

// apply makes the node of an operation after checking its inputs by the
// operation's row of the table.
func apply(op Op, attr Attr, in ...*Node) *Node {
	row := &table[op]
	if row.arity >= 0 && len(in) != row.arity {
		panic(fmt.Sprintf("graph: %s: BUG: %d inputs, want %d", op, len(in), row.arity))
	}
	n := &Node{Op: op, In: in, Attr: attr, DType: in[0].DType}
	for _, x := range in {
		if x.builder != in[0].builder {
			panic(fmt.Sprintf("graph: %s: BUG: inputs of two builders", op))
		}
	}
	if err := row.shape(n); err != nil {
		panic(fmt.Sprintf("graph: %s: BUG: %v; inputs %v", op, err, in))
	}
	return in[0].builder.add(n)
}
