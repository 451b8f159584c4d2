package parity

import (
	"fmt"
	"strings"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// Faulty makes an operation of a backend wrong: its results come out a
// thousandth too large. It is there to show that a report finds a wrong
// kernel, at the level and on the side where it is.
func Faulty(b bridge.Backend, operation string) (bridge.Backend, error) {
	var names []string
	for _, op := range graph.Ops() {
		if op.String() == operation && !op.IsUpdate() {
			return faulty{b, op}, nil
		}
		if !op.IsUpdate() {
			names = append(names, op.String())
		}
	}
	return nil, fmt.Errorf("parity: fault: there is no operation %s; expected one of %s", operation, strings.Join(names, ", "))
}

type faulty struct {
	bridge.Backend
	op graph.Op
}

func (f faulty) Compile(programs ...*graph.Program) (bridge.Session, error) {
	return f.Backend.Compile(graph.Rewrite(programs, func(n *graph.Node) *graph.Node {
		if n.Op == f.op && n.DType.IsFloat() {
			return graph.Scale(n, 1.001)
		}
		return n
	})...)
}
