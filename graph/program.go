package graph

import (
	"fmt"
	"slices"
)

// Output is a named result of a program.
type Output struct {
	Name string // under which Run gives it; each once in a program
	Node *Node  // the value; no update
}

// Program is a computation that a session can run by its name: it is fed its
// inputs, gives its outputs, and then makes its updates. Outputs are computed
// from the states as they were before the updates.
type Program struct {
	Name    string   // each once in a session
	Outputs []Output // what a run gives; may be none
	Updates []*Node  // nodes of Assign and Adam; a state is changed by at most one
}

// Nodes lists the nodes that the program needs, inputs before their users and
// the updates last: the order in which they may be run.
func (p *Program) Nodes() []*Node {
	needed := map[*Node]bool{}
	var stack []*Node
	for _, o := range p.Outputs {
		stack = append(stack, o.Node)
	}
	stack = append(stack, p.Updates...)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !needed[n] {
			needed[n] = true
			stack = append(stack, n.In...)
		}
	}
	nodes := make([]*Node, 0, len(needed))
	for n := range needed {
		nodes = append(nodes, n)
	}
	// Updates come last, so that every value is read before it changes.
	slices.SortFunc(nodes, func(a, b *Node) int {
		if u, v := a.Op.IsUpdate(), b.Op.IsUpdate(); u != v {
			if u {
				return 1
			}
			return -1
		}
		return a.ID - b.ID
	})
	return nodes
}

// Inputs lists the values that must be fed, by rising ID. An Input that no
// output and no update depends on is not among them.
func (p *Program) Inputs() []*Node { return p.ofOp(OpInput) }

// States lists the states that the program reads or changes, by rising ID.
func (p *Program) States() []*Node { return p.ofOp(OpState) }

func (p *Program) ofOp(op Op) []*Node {
	var found []*Node
	for _, n := range p.Nodes() {
		if n.Op == op {
			found = append(found, n)
		}
	}
	return found
}

// Check finds programs that no session could run: names that stand twice,
// nodes of several builders, updates that are none or that change one state
// twice, outputs that are updates, inputs, states or outputs of BFloat16. The error names program and culprit.
func (p *Program) Check() error {
	names := map[string]bool{}
	for _, n := range p.Inputs() {
		if names[n.Attr.Name] {
			return fmt.Errorf("graph: program %s: two inputs are named %s", p.Name, n.Attr.Name)
		}
		names[n.Attr.Name] = true
	}
	if err := p.checkBorders(); err != nil {
		return err
	}
	names = map[string]bool{}
	for _, o := range p.Outputs {
		if names[o.Name] {
			return fmt.Errorf("graph: program %s: two outputs are named %s", p.Name, o.Name)
		}
		if o.Node.Op.IsUpdate() {
			return fmt.Errorf("graph: program %s: output %s is an update", p.Name, o.Name)
		}
		names[o.Name] = true
	}
	changed := map[*Node]bool{}
	for _, u := range p.Updates {
		if !u.Op.IsUpdate() {
			return fmt.Errorf("graph: program %s: %v is no update", p.Name, u)
		}
		for _, s := range changedStates(u) {
			if changed[s] {
				return fmt.Errorf("graph: program %s: state %s is changed twice", p.Name, s.Attr.Name)
			}
			changed[s] = true
		}
	}
	nodes := p.Nodes()
	for _, n := range nodes {
		if n.builder != nodes[0].builder {
			return fmt.Errorf("graph: program %s: nodes of two builders", p.Name)
		}
	}
	return nil
}

// checkBorders refuses values of BFloat16 that come in or go out.
func (p *Program) checkBorders() error {
	var all []*Node
	all = append(append(all, p.Inputs()...), p.States()...)
	for _, o := range p.Outputs {
		all = append(all, o.Node)
	}
	for _, n := range all {
		if n.DType == BFloat16 {
			return fmt.Errorf("graph: program %s: %v: values of bfloat16 stay within a program", p.Name, n)
		}
	}
	return nil
}

func changedStates(update *Node) []*Node {
	if update.Op == OpAdam {
		return update.In[:3]
	}
	return update.In[:1]
}
