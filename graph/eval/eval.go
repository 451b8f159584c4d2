// Package eval runs graph programs in float64 with slow and obvious code. It
// is the judge of the native runtimes: where they differ from it by more than
// rounding, they are wrong. Run takes a program and Arrays by their names and
// gives Arrays; there is no session and nothing to close. Package
// bridge/evalnative makes a bridge.Backend of it.
package eval

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Array is a value: row-major elements under a shape. Indices are whole
// numbers in float64.
type Array struct {
	Shape graph.Shape
	Data  []float64 // Shape.Size() of them
}

// NewArray makes an array of zeros; without extents, a scalar.
func NewArray(shape ...int) *Array {
	return &Array{Shape: shape, Data: make([]float64, graph.Shape(shape).Size())}
}

// Run computes the outputs of a program from its inputs and states, by their
// names, and then makes its updates in the arrays of states. Everything is
// computed in float64 whatever the types in the graph: constants are not
// rounded, and Cast does nothing. The outputs share no memory with inputs or
// states. An error names an input or state that is missing or has another
// shape, or an index outside its axis.
func Run(p *graph.Program, inputs, states map[string]*Array) (map[string]*Array, error) {
	values := map[*graph.Node]*Array{}
	lastUse := lastUses(p)
	for i, n := range p.Nodes() {
		in := make([]*Array, len(n.In))
		for k, x := range n.In {
			in[k] = values[x]
		}
		v, err := value(n, in, inputs, states)
		if err != nil {
			return nil, fmt.Errorf("eval: run %s: %v: %w", p.Name, n, err)
		}
		values[n] = v
		for _, x := range n.In {
			if lastUse[x] == i {
				delete(values, x)
			}
		}
	}
	out := map[string]*Array{}
	for _, o := range p.Outputs {
		v := values[o.Node]
		out[o.Name] = &Array{Shape: v.Shape, Data: append([]float64(nil), v.Data...)}
	}
	return out, nil
}

// lastUses gives the place of the last node that reads each value; outputs
// are never released.
func lastUses(p *graph.Program) map[*graph.Node]int {
	last := map[*graph.Node]int{}
	for i, n := range p.Nodes() {
		for _, x := range n.In {
			last[x] = i
		}
	}
	for _, o := range p.Outputs {
		last[o.Node] = -1
	}
	return last
}

func value(n *graph.Node, in []*Array, inputs, states map[string]*Array) (*Array, error) {
	switch n.Op {
	case graph.OpInput:
		return named(n, inputs)
	case graph.OpState:
		v, err := named(n, states)
		if err != nil {
			return nil, err
		}
		return &Array{Shape: v.Shape, Data: append([]float64(nil), v.Data...)}, nil
	case graph.OpConst:
		return &Array{Shape: n.Shape, Data: n.Attr.Data}, nil
	case graph.OpAssign:
		copy(states[n.In[0].Attr.Name].Data, in[1].Data)
		return nil, nil
	case graph.OpAdam:
		adam(n, in, states)
		return nil, nil
	}
	f := kernels[n.Op]
	if f == nil {
		panic(fmt.Sprintf("eval: BUG: no kernel for %s", n.Op))
	}
	out := NewArray(n.Shape...)
	return out, f(n, in, out)
}

func named(n *graph.Node, from map[string]*Array) (*Array, error) {
	v := from[n.Attr.Name]
	if v == nil {
		return nil, fmt.Errorf("%s has no value", n.Attr.Name)
	}
	if !v.Shape.Equal(n.Shape) || len(v.Data) != n.Shape.Size() {
		return nil, fmt.Errorf("%s has shape %v, want %v", n.Attr.Name, v.Shape, n.Shape)
	}
	return v, nil
}
