package bridgetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/cases"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
)

// mixed runs what graph.Mixed makes of a backend's programs. The evaluator does
// not round to BFloat16.
func mixed(t *testing.T, b bridge.Backend) {
	t.Run("rounding", func(t *testing.T) { rounding(t, b) })
	for _, c := range cases.Mixed() {
		t.Run(c.Name, func(t *testing.T) {
			program, feeds := c.Program(graph.Float32)
			program = graph.Mixed([]*graph.Program{program})[0]
			require.True(t, isMixed(program), "nothing of it is BFloat16")
			want, err := eval.Run(program, Arrays(feeds), nil)
			require.NoError(t, err)
			got := once(t, b, program, feeds)
			for _, o := range program.Outputs {
				d := Difference(got[o.Name].Float64(), want[o.Name].Data)
				allowed := c.MixedBudget(o.Name).Mixed
				t.Logf("%s: %.1e, allowed %.1e", o.Name, d, allowed)
				require.LessOrEqual(t, d, allowed, o.Name)
			}
		})
	}
}

func isMixed(p *graph.Program) bool {
	for _, n := range p.Nodes() {
		if n.DType == graph.BFloat16 {
			return true
		}
	}
	return false
}

func once(t *testing.T, b bridge.Backend, p *graph.Program, feeds bridge.Tensors) bridge.Tensors {
	t.Helper()
	session, err := b.Compile(p)
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	got, err := session.Run(p.Name, feeds)
	require.NoError(t, err)
	return got
}

// rounding is to the nearest number of 8 bits, the even one of two that are as
// near. The evaluator has none.
func rounding(t *testing.T, b bridge.Backend) {
	if b.Info().Backend == "evaluator" {
		t.Skip("the evaluator does not round to bfloat16")
	}
	const ulp = 1.0 / 128 // of 1
	in := []float32{1 + ulp/2, 1 + 3*ulp/2, 1 + ulp/2 + ulp/1024, -1 - ulp/4, -0x1.c1cp127, 0x1p-130, float32(math.Inf(-1))}
	want := []float32{1, 1 + 2*ulp, 1 + ulp, -1, -0x1.c2p127, 0x1p-130, float32(math.Inf(-1))}
	builder := graph.NewBuilder(graph.Float32)
	x := builder.Input("x", graph.Float32, len(in))
	p := &graph.Program{Name: "round", Outputs: []graph.Output{{Name: "y", Node: graph.Cast(graph.Cast(x, graph.BFloat16), graph.Float32)}}}
	got := once(t, b, p, bridge.Tensors{"x": bridge.NewTensor(in, len(in))})
	require.Equal(t, want, got["y"].Data)
}
