// Package bridgetest is the conformance suite of the backends: every operation
// of package graph, forward and gradient, in float32 and float64, against the
// float64 evaluator; what is rounded to bfloat16; updates; and the behaviour of sessions. A new backend calls
// Run in a test; Cases is the table, and an operation that neither it nor the
// tests of updates and sessions use fails Run.
package bridgetest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/cases"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
)

// Run tries everything on backends that open gives. open must register the
// closing of what it opens, or skip the test where there is nothing to open.
func Run(t *testing.T, open func(t *testing.T) bridge.Backend) {
	t.Run("operations", func(t *testing.T) { operations(t, open(t)) })
	t.Run("mixed", func(t *testing.T) { mixed(t, open(t)) })
	t.Run("updates", func(t *testing.T) { updates(t, open(t)) })
	t.Run("sessions", func(t *testing.T) { sessions(t, open(t)) })
}

func operations(t *testing.T, b bridge.Backend) {
	var table strings.Builder
	seen := map[graph.Op]bool{}
	for _, c := range cases.Cases() {
		for _, dtype := range []graph.DType{graph.Float64, graph.Float32} {
			t.Run(c.Name+"/"+dtype.String(), func(t *testing.T) {
				forward, gradient := compare(t, b, c, dtype, seen)
				fmt.Fprintf(&table, "%-32s %-8v forward %8.1e  gradient %8.1e  allowed %.0e\n", c.Name, dtype, forward, gradient, c.Kind.Budget().Limit(dtype))
			})
		}
	}
	t.Logf("largest |difference| / largest |value| against the float64 evaluator:\n%s", table.String())
	for _, op := range graph.Ops() {
		elsewhere := op.IsUpdate() || op == graph.OpGather || op == graph.OpState // updates and sessions try these
		require.True(t, seen[op] || elsewhere, "no case of the suite uses %s", op)
	}
}

// compare runs forward and gradient of a case and checks both.
func compare(t *testing.T, b bridge.Backend, c cases.Case, dtype graph.DType, seen map[graph.Op]bool) (forward, gradient float64) {
	program, feeds := c.Program(dtype)
	for _, n := range program.Nodes() {
		seen[n.Op] = true
	}
	want, err := eval.Run(program, Arrays(feeds), nil)
	require.NoError(t, err)
	session, err := b.Compile(program)
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	got, err := session.Run(program.Name, feeds)
	require.NoError(t, err)
	require.Len(t, got, len(program.Outputs))
	for _, o := range program.Outputs {
		require.NoError(t, got[o.Name].Check(o.Node), o.Name)
		d := Difference(got[o.Name].Float64(), want[o.Name].Data)
		allowed := c.Budget(o.Name).Limit(dtype)
		require.LessOrEqual(t, d, allowed, "%s of %s in %v", o.Name, c.Name, dtype)
		if o.Name == "result" {
			forward = d
		} else {
			gradient = math.Max(gradient, d)
		}
	}
	return forward, gradient
}

// Arrays makes feeds the inputs of the evaluator, eval.Run.
func Arrays(feeds bridge.Tensors) map[string]*eval.Array {
	out := map[string]*eval.Array{}
	for name, t := range feeds {
		out[name] = &eval.Array{Shape: t.Shape, Data: t.Float64()}
	}
	return out
}

// Difference is max|a−b| / max|b| for two lists of one length: 0 where they are
// equal, infinite where a value is not a number.
func Difference(a, b []float64) float64 {
	var largest, apart float64
	for i := range b {
		d := math.Abs(a[i] - b[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		apart, largest = math.Max(apart, d), math.Max(largest, math.Abs(b[i]))
	}
	if apart == 0 {
		return 0
	}
	return apart / largest
}
