package graph

import "slices"

// Rewrite copies programs into a new builder, node by node, inputs before
// their users. replace sees each copied node and gives what its users shall
// use in its place: the node itself, or a value that it makes from it. Nodes
// that the programs share are copied once; states, inputs, constants and
// updates are never replaced. The originals stay as they are.
func Rewrite(programs []*Program, replace func(n *Node) *Node) []*Program {
	var order []*Node
	seen := map[*Node]bool{}
	for _, p := range programs {
		for _, n := range p.Nodes() {
			if !seen[n] {
				seen[n] = true
				order = append(order, n)
			}
		}
	}
	if len(order) == 0 {
		return programs
	}
	slices.SortStableFunc(order, func(a, b *Node) int { return a.ID - b.ID })
	to := NewBuilder(order[0].builder.float)
	copies := make(map[*Node]*Node, len(order))
	for _, n := range order {
		copies[n] = to.copied(n, copies, replace)
	}
	out := make([]*Program, len(programs))
	for i, p := range programs {
		c := &Program{Name: p.Name}
		for _, o := range p.Outputs {
			c.Outputs = append(c.Outputs, Output{o.Name, copies[o.Node]})
		}
		for _, u := range p.Updates {
			c.Updates = append(c.Updates, copies[u])
		}
		out[i] = c
	}
	return out
}

func (b *Builder) copied(n *Node, copies map[*Node]*Node, replace func(n *Node) *Node) *Node {
	if n.Op == OpState {
		return b.State(n.Attr.Name, n.DType, n.Shape...)
	}
	in := make([]*Node, len(n.In))
	for i, x := range n.In {
		in[i] = copies[x]
	}
	c := b.add(&Node{Op: n.Op, In: in, Attr: n.Attr, Shape: n.Shape, DType: n.DType})
	if n.Op == OpInput || n.Op == OpConst || n.Op.IsUpdate() {
		return c
	}
	return replace(c)
}
