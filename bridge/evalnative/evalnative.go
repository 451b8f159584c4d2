// Package evalnative is the float64 evaluator as a bridge.Backend: slow, but
// it needs no native library, so everything above the bridges can be tried
// with it.
package evalnative

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
)

type backend struct{ closed bool }

// Open gives the evaluator. It computes everything in float64 and rounds
// float32 outputs and states at the end of a run.
func Open() bridge.Backend { return &backend{} }

func (b *backend) Info() bridge.Info {
	return bridge.Info{Backend: "evaluator", Version: "1", Device: "cpu", Threads: 1, Setting: "float64 throughout"}
}

func (b *backend) Close() error {
	b.closed = true
	return nil
}

func (b *backend) Compile(programs ...*graph.Program) (bridge.Session, error) {
	if b.closed {
		return nil, fmt.Errorf("evalnative: compile: the backend is %w", bridge.ErrClosed)
	}
	declared, err := bridge.Declare(programs)
	if err != nil {
		return nil, fmt.Errorf("evalnative: compile: %w", err)
	}
	return &session{declared: declared, states: map[string]*eval.Array{}}, nil
}

type session struct {
	declared *bridge.Declared
	states   map[string]*eval.Array // those that were written
	closed   bool
}

func (s *session) Run(name string, feeds bridge.Tensors) (bridge.Tensors, error) {
	if s.closed {
		return nil, fmt.Errorf("evalnative: run %s: the session is %w", name, bridge.ErrClosed)
	}
	p := s.declared.Programs[name]
	if p == nil {
		return nil, fmt.Errorf("evalnative: run: no program is named %s", name)
	}
	if err := bridge.CheckFeeds(p, p.Inputs(), feeds); err != nil {
		return nil, fmt.Errorf("evalnative: %w", err)
	}
	for _, n := range p.States() {
		if s.states[n.Attr.Name] == nil {
			return nil, fmt.Errorf("evalnative: run %s: state %s was not written", name, n.Attr.Name)
		}
	}
	inputs := map[string]*eval.Array{}
	for k, t := range feeds {
		inputs[k] = &eval.Array{Shape: t.Shape, Data: t.Float64()}
	}
	values, err := eval.Run(p, inputs, s.states)
	if err != nil {
		return nil, fmt.Errorf("evalnative: %w", err)
	}
	for _, n := range p.States() {
		if n.DType == graph.Float32 {
			round(s.states[n.Attr.Name].Data)
		}
	}
	out := bridge.Tensors{}
	for _, o := range p.Outputs {
		out[o.Name] = bridge.FromFloat64(o.Node.DType, values[o.Name].Data, o.Node.Shape...)
	}
	return out, nil
}

// round makes values those of float32: a state is what Read gives of it.
func round(values []float64) {
	for i, v := range values {
		values[i] = float64(float32(v))
	}
}

func (s *session) Read(name string) (bridge.Tensor, error) {
	n, err := s.state("read", name)
	if err != nil {
		return bridge.Tensor{}, err
	}
	a := s.states[name]
	if a == nil {
		return bridge.Tensor{}, fmt.Errorf("evalnative: read: state %s was not written", name)
	}
	return bridge.FromFloat64(n.DType, a.Data, n.Shape...), nil
}

func (s *session) Write(name string, value bridge.Tensor) error {
	n, err := s.state("write", name)
	if err != nil {
		return err
	}
	if err := value.Check(n); err != nil {
		return fmt.Errorf("evalnative: write %s: %w", name, err)
	}
	s.states[name] = &eval.Array{Shape: n.Shape, Data: value.Float64()}
	return nil
}

func (s *session) state(operation, name string) (*graph.Node, error) {
	if s.closed {
		return nil, fmt.Errorf("evalnative: %s %s: the session is %w", operation, name, bridge.ErrClosed)
	}
	n := s.declared.States[name]
	if n == nil {
		return nil, fmt.Errorf("evalnative: %s: no state is named %s", operation, name)
	}
	return n, nil
}

func (s *session) Close() error {
	s.closed = true
	return nil
}
