//go:build cgo && !notensorflow

package tfnative

import (
	"fmt"

	tf "github.com/wamuir/graft/tensorflow"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// session is a bridge.Session over one TensorFlow session and its graph, which
// holds all programs.
type session struct {
	native   *tf.Session
	programs map[string]*program
	states   map[string]*state
}

// program is where a program lies in the graph.
type program struct {
	source  *graph.Program
	feeds   []*graph.Node
	inputs  []tf.Output // of feeds
	states  []*graph.Node
	outputs []graph.Output
	fetches []tf.Output // of outputs
	targets []*tf.Operation
	rows    []bridge.Rows // to be checked here, where the device does not
}

// state is a variable of the session: what to feed and to run to write it, and
// what to fetch to read it.
type state struct {
	node    *graph.Node
	handle  tf.Output
	input   tf.Output
	assign  *tf.Operation
	value   tf.Output
	written bool
}

// compile makes a session of programs; on failure nothing stays behind.
func compile(programs []*graph.Program, config []byte, gpu bool) (bridge.Session, error) {
	declared, err := bridge.Declare(programs)
	if err != nil {
		return nil, fmt.Errorf("tfnative: compile: %w", err)
	}
	g := tf.NewGraph()
	s := &session{programs: map[string]*program{}, states: map[string]*state{}}
	for i, name := range declared.StateNames() {
		if s.states[name], err = declare(g, i, declared.States[name]); err != nil {
			return nil, fmt.Errorf("tfnative: compile: state %s: %w", name, err)
		}
	}
	for i, p := range programs {
		if s.programs[p.Name], err = lower(g, i, p, s.states); err != nil {
			return nil, fmt.Errorf("tfnative: compile %s: %w", p.Name, err)
		}
		if !gpu {
			continue
		}
		if s.programs[p.Name].rows, err = bridge.TakenRows(p); err != nil {
			return nil, fmt.Errorf("tfnative: compile %s: %w", p.Name, err)
		}
	}
	if s.native, err = tf.NewSession(g, &tf.SessionOptions{Config: config}); err != nil {
		return nil, fmt.Errorf("tfnative: compile: %w", err)
	}
	return s, nil
}

// declare adds the variable of a state. Its resource is the session's own.
func declare(g *tf.Graph, number int, n *graph.Node) (*state, error) {
	name := fmt.Sprintf("state%d_%s", number, notInName.ReplaceAllString(n.Attr.Name, "_"))
	dtype, shape := dataTypes[n.DType], tf.MakeShape(widen(n.Shape)...)
	var err error
	add := func(kind string, a attrs, in ...tf.Input) *tf.Operation {
		if err != nil {
			return nothing
		}
		op, failed := g.AddOperation(tf.OpSpec{Type: kind, Name: name + "/" + kind, Input: in, Attrs: a})
		if failed != nil {
			err = failed
			return nothing
		}
		return op
	}
	handle := add("VarHandleOp", attrs{"dtype": dtype, "shape": shape, "shared_name": name}).Output(0)
	input := add("Placeholder", attrs{"dtype": dtype, "shape": shape}).Output(0)
	s := &state{
		node: n, handle: handle, input: input,
		assign: add("AssignVariableOp", attrs{"dtype": dtype}, handle, input),
		value:  add("ReadVariableOp", attrs{"dtype": dtype}, handle).Output(0),
	}
	return s, err
}

// Run runs a program in one native call.
func (s *session) Run(name string, feeds bridge.Tensors) (bridge.Tensors, error) {
	if s.native == nil {
		return nil, fmt.Errorf("tfnative: run %s: the session is %w", name, bridge.ErrClosed)
	}
	p := s.programs[name]
	if p == nil {
		return nil, fmt.Errorf("tfnative: run: no program is named %s", name)
	}
	if err := bridge.CheckFeeds(p.source, p.feeds, feeds); err != nil {
		return nil, fmt.Errorf("tfnative: %w", err)
	}
	if err := bridge.CheckRows(p.source, p.rows, feeds); err != nil {
		return nil, fmt.Errorf("tfnative: %w", err)
	}
	for _, n := range p.states {
		if !s.states[n.Attr.Name].written {
			return nil, fmt.Errorf("tfnative: run %s: state %s was not written", name, n.Attr.Name)
		}
	}
	defer settle()
	results, err := s.run(p, feeds)
	if err != nil {
		return nil, fmt.Errorf("tfnative: run %s: %w", name, err)
	}
	return results, nil
}

func (s *session) run(p *program, feeds bridge.Tensors) (bridge.Tensors, error) {
	results := make(bridge.Tensors, len(p.outputs))
	if len(p.fetches)+len(p.targets) == 0 {
		return results, nil
	}
	in := make(map[tf.Output]*tf.Tensor, len(p.feeds))
	for i, n := range p.feeds {
		t, err := toNative(feeds[n.Attr.Name], n.DType)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", n.Attr.Name, err)
		}
		in[p.inputs[i]] = t
	}
	out, err := s.native.Run(in, p.fetches, p.targets)
	if err != nil {
		return nil, err
	}
	for i, o := range p.outputs {
		if results[o.Name], err = toHost(out[i], o.Node); err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Name, err)
		}
	}
	return results, nil
}

// Read copies a state to the host.
func (s *session) Read(name string) (bridge.Tensor, error) {
	st, err := s.state("read", name)
	if err != nil {
		return bridge.Tensor{}, err
	}
	if !st.written {
		return bridge.Tensor{}, fmt.Errorf("tfnative: read: state %s was not written", name)
	}
	defer settle()
	out, err := s.native.Run(nil, []tf.Output{st.value}, nil)
	if err != nil {
		return bridge.Tensor{}, fmt.Errorf("tfnative: read %s: %w", name, err)
	}
	t, err := toHost(out[0], st.node)
	if err != nil {
		return bridge.Tensor{}, fmt.Errorf("tfnative: read %s: %w", name, err)
	}
	return t, nil
}

// Write copies a host tensor into a state.
func (s *session) Write(name string, value bridge.Tensor) error {
	st, err := s.state("write", name)
	if err != nil {
		return err
	}
	if err := value.Check(st.node); err != nil {
		return fmt.Errorf("tfnative: write %s: %w", name, err)
	}
	defer settle()
	t, err := toNative(value, st.node.DType)
	if err == nil {
		_, err = s.native.Run(map[tf.Output]*tf.Tensor{st.input: t}, nil, []*tf.Operation{st.assign})
	}
	if err != nil {
		return fmt.Errorf("tfnative: write %s: %w", name, err)
	}
	st.written = true
	return nil
}

func (s *session) state(operation, name string) (*state, error) {
	if s.native == nil {
		return nil, fmt.Errorf("tfnative: %s %s: the session is %w", operation, name, bridge.ErrClosed)
	}
	st := s.states[name]
	if st == nil {
		return nil, fmt.Errorf("tfnative: %s: no state is named %s", operation, name)
	}
	return st, nil
}

// Close frees the session and its states; the graph is freed by the collector.
func (s *session) Close() error {
	if s.native == nil {
		return nil
	}
	native := s.native
	s.native, s.programs, s.states = nil, nil, nil
	if err := native.Close(); err != nil {
		return fmt.Errorf("tfnative: close: %w", err)
	}
	return nil
}
