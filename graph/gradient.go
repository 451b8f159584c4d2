package graph

import "fmt"

// Gradient gives the derivative of the scalar loss with respect to each value
// of wrt, by reverse accumulation of the table's gradient rules. A value that
// the loss does not depend on has a gradient of zeros. It panics where an
// operation without a gradient rule stands between loss and a value of wrt.
func Gradient(loss *Node, wrt []*Node) []*Node {
	if loss.Shape.Size() != 1 || len(loss.Shape) != 0 {
		panic(fmt.Sprintf("graph: Gradient: BUG: the loss %v is no scalar", loss))
	}
	depends := dependants(loss.builder, wrt, loss.ID)
	grads := make(map[*Node]*Node, len(depends))
	grads[loss] = scalarLike(loss, 1)
	for id := loss.ID; id >= 0; id-- {
		n := loss.builder.nodes[id]
		dy := grads[n]
		if dy == nil || !depends[n] || len(n.In) == 0 {
			continue
		}
		rule := table[n.Op].grad
		if rule == nil {
			panic(fmt.Sprintf("graph: Gradient: BUG: %v has no gradient rule", n))
		}
		for i, g := range rule(n, dy) {
			x := n.In[i]
			if g == nil || !depends[x] {
				continue
			}
			if old := grads[x]; old != nil {
				g = Add(old, g)
			}
			grads[x] = g
		}
	}
	out := make([]*Node, len(wrt))
	for i, x := range wrt {
		out[i] = grads[x]
		if out[i] == nil {
			out[i] = Broadcast(scalarLike(x, 0), x.Shape...)
		}
	}
	return out
}

// dependants marks the nodes up to number last that depend on a value of wrt.
func dependants(b *Builder, wrt []*Node, last int) map[*Node]bool {
	marked := map[*Node]bool{}
	for _, x := range wrt {
		marked[x] = true
	}
	for _, n := range b.nodes[:last+1] {
		for _, x := range n.In {
			if marked[x] && n.DType.IsFloat() {
				marked[n] = true
			}
		}
	}
	return marked
}
