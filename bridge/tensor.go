package bridge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Tensor is a host value: row-major elements under a shape. Data is a
// []float32, []float64 or []int32 of as many elements; an empty shape is a
// scalar. Check finds out whether it is so.
type Tensor struct {
	Shape graph.Shape
	Data  any
}

// Tensors are host values by name: of inputs, outputs or states.
type Tensors map[string]Tensor

// NewTensor makes a tensor from its elements, which it keeps, and its shape,
// which is not checked here.
func NewTensor[E float32 | float64 | int32 | int64](data []E, shape ...int) Tensor {
	return Tensor{Shape: shape, Data: data}
}

// ValueOf makes a tensor of zeros in the type and shape of a node.
func ValueOf(n *graph.Node) Tensor {
	size := n.Shape.Size()
	switch n.DType {
	case graph.Float64:
		return Tensor{Shape: n.Shape, Data: make([]float64, size)}
	case graph.Int32:
		return Tensor{Shape: n.Shape, Data: make([]int32, size)}
	}
	return Tensor{Shape: n.Shape, Data: make([]float32, size)}
}

// FromFloat64 rounds values to a tensor of type t, float32 or float64.
func FromFloat64(t graph.DType, values []float64, shape ...int) Tensor {
	if t == graph.Float64 {
		return Tensor{Shape: shape, Data: slices.Clone(values)}
	}
	rounded := make([]float32, len(values))
	for i, v := range values {
		rounded[i] = float32(v)
	}
	return Tensor{Shape: shape, Data: rounded}
}

// Float64 gives a copy of the elements as float64, exactly.
func (t Tensor) Float64() []float64 {
	switch d := t.Data.(type) {
	case []float64:
		return slices.Clone(d)
	case []float32:
		return widen(d)
	case []int32:
		return widen(d)
	case []int64:
		return widen(d)
	}
	panic(fmt.Sprintf("bridge: Tensor.Float64: BUG: elements of type %T", t.Data))
}

func widen[E float32 | int32 | int64](in []E) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

// Float32 gives the elements as float32, rounded where they are float64; those
// of a float32 tensor are not copied. Of an int32 tensor it panics.
func (t Tensor) Float32() []float32 {
	switch d := t.Data.(type) {
	case []float32:
		return d
	case []float64:
		out := make([]float32, len(d))
		for i, v := range d {
			out[i] = float32(v)
		}
		return out
	}
	panic(fmt.Sprintf("bridge: Tensor.Float32: BUG: elements of type %T", t.Data))
}

// Scalar gives the first element; of a tensor without elements it panics.
func (t Tensor) Scalar() float64 { return t.Float64()[0] }

// describe gives type, shape and number of elements, or what is wrong.
func (t Tensor) describe() (graph.DType, int, error) {
	switch d := t.Data.(type) {
	case []float32:
		return graph.Float32, len(d), nil
	case []float64:
		return graph.Float64, len(d), nil
	case []int32:
		return graph.Int32, len(d), nil
	}
	return 0, 0, fmt.Errorf("found elements of type %T, want []float32, []float64 or []int32", t.Data)
}

// Check compares the tensor with the node that it is a value for. The error says
// which type, shape or number of elements was found and which is wanted.
func (t Tensor) Check(n *graph.Node) error {
	dtype, count, err := t.describe()
	if err != nil {
		return err
	}
	if dtype != n.DType || !t.Shape.Equal(n.Shape) {
		return fmt.Errorf("found %v%v, want %v%v", dtype, t.Shape, n.DType, n.Shape)
	}
	if count != t.Shape.Size() {
		return fmt.Errorf("found %d elements for the shape %v, want %d", count, t.Shape, t.Shape.Size())
	}
	return nil
}

// CheckFeeds compares the feeds with the inputs of a program: all there, none
// besides, types and shapes as declared. The error names program and input.
// Every session calls it.
func CheckFeeds(p *graph.Program, inputs []*graph.Node, feeds Tensors) error {
	wanted := make([]string, 0, len(inputs))
	for _, n := range inputs {
		name := n.Attr.Name
		wanted = append(wanted, name)
		t, ok := feeds[name]
		if !ok {
			return fmt.Errorf("run %s: input %s is missing", p.Name, name)
		}
		if err := t.Check(n); err != nil {
			return fmt.Errorf("run %s: input %s: %w", p.Name, name, err)
		}
	}
	if len(feeds) == len(inputs) {
		return nil
	}
	for name := range feeds {
		if !slices.Contains(wanted, name) {
			return fmt.Errorf("run %s: no input is named %s; there are: %s", p.Name, name, strings.Join(wanted, ", "))
		}
	}
	return nil
}
