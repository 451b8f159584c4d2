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

func f32(values ...float32) bridge.Tensor { return bridge.NewTensor(values, len(values)) }

func compile(t *testing.T, b bridge.Backend, programs ...*graph.Program) bridge.Session {
	t.Helper()
	s, err := b.Compile(programs...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func run(t *testing.T, s bridge.Session, program string, feeds bridge.Tensors) bridge.Tensors {
	t.Helper()
	out, err := s.Run(program, feeds)
	require.NoError(t, err)
	return out
}

// updates checks that outputs and updates see the states as they were before
// the run, and the optimizer against the evaluator.
func updates(t *testing.T, b bridge.Backend) {
	t.Run("swap", func(t *testing.T) {
		g := graph.NewBuilder(graph.Float32)
		x, y := g.State("x", graph.Float32, 2), g.State("y", graph.Float32, 2)
		s := compile(t, b, &graph.Program{
			Name:    "swap",
			Outputs: []graph.Output{{Name: "x", Node: x}, {Name: "sum", Node: graph.Add(x, y)}},
			Updates: []*graph.Node{graph.Assign(x, y), graph.Assign(y, x)},
		})
		require.NoError(t, s.Write("x", f32(1, 2)))
		require.NoError(t, s.Write("y", f32(10, 20)))
		out := run(t, s, "swap", bridge.Tensors{})
		require.Equal(t, []float32{1, 2}, out["x"].Data, "an output that is a state is its value before the updates")
		require.Equal(t, []float32{11, 22}, out["sum"].Data)
		requireState(t, s, "x", 10, 20)
		requireState(t, s, "y", 1, 2)
		require.Equal(t, []float32{1, 2}, out["x"].Data, "outputs do not change afterwards")
	})
	t.Run("programs share states", func(t *testing.T) {
		g := graph.NewBuilder(graph.Float32)
		x := g.State("x", graph.Float32, 2)
		add := g.Input("add", graph.Float32, 2)
		s := compile(t, b,
			&graph.Program{Name: "step", Updates: []*graph.Node{graph.Assign(x, graph.Add(x, add))}},
			&graph.Program{Name: "look", Outputs: []graph.Output{{Name: "x", Node: graph.Scale(x, 1)}}})
		require.NoError(t, s.Write("x", f32(1, 2)))
		for range 3 {
			run(t, s, "step", bridge.Tensors{"add": f32(1, -1)})
		}
		require.Equal(t, []float32{4, -1}, run(t, s, "look", nil)["x"].Data)
	})
	for _, dtype := range []graph.DType{graph.Float64, graph.Float32} {
		t.Run("Adam/"+dtype.String(), func(t *testing.T) { adam(t, b, dtype) })
	}
}

func requireState(t *testing.T, s bridge.Session, name string, want ...float32) {
	t.Helper()
	got, err := s.Read(name)
	require.NoError(t, err)
	require.Equal(t, want, got.Data, name)
}

// adam trains two tensors, one of them a kernel of rank 4, for five steps on
// loss = Σ w⁴/4 − w and compares weights and moments.
func adam(t *testing.T, b bridge.Backend, dtype graph.DType) {
	const beta1, beta2, rate = 0.9, 0.999, 0.01
	g := graph.NewBuilder(dtype)
	lr := g.Input("rate", dtype)
	var updates []*graph.Node
	states := map[string]*eval.Array{}
	for name, shape := range map[string][]int{"kernel": {3, 3, 2, 4}, "bias": {5}} {
		w, m, v := g.State(name, dtype, shape...), g.State(name+".m", dtype, shape...), g.State(name+".v", dtype, shape...)
		grad := graph.AddScalar(graph.Mul(w, graph.Mul(w, w)), -1)
		updates = append(updates, graph.Adam(w, m, v, grad, lr, beta1, beta2, 1e-7))
		states[name], states[name+".m"], states[name+".v"] = eval.NewArray(shape...), eval.NewArray(shape...), eval.NewArray(shape...)
		for i := range states[name].Data {
			states[name].Data[i] = float64(i%7)/4 - 0.5
		}
	}
	p := &graph.Program{Name: "step", Updates: updates}
	s := compile(t, b, p)
	for name, a := range states {
		require.NoError(t, s.Write(name, bridge.FromFloat64(dtype, a.Data, a.Shape...)))
	}
	for step := 1; step <= 5; step++ {
		corrected := rate * math.Sqrt(1-math.Pow(beta2, float64(step))) / (1 - math.Pow(beta1, float64(step)))
		feeds := bridge.Tensors{"rate": bridge.FromFloat64(dtype, []float64{corrected})}
		run(t, s, "step", feeds)
		_, err := eval.Run(p, Arrays(feeds), states)
		require.NoError(t, err)
	}
	for name, want := range states {
		got, err := s.Read(name)
		require.NoError(t, err)
		d := Difference(got.Float64(), want.Data)
		t.Logf("%-10s after 5 steps: %.1e", name, d)
		require.LessOrEqual(t, d, cases.Transcendental.Budget().Limit(dtype), name)
	}
}

// sessions checks the contract of package bridge beyond numbers.
func sessions(t *testing.T, b bridge.Backend) {
	g := graph.NewBuilder(graph.Float32)
	table := g.State("table", graph.Float32, 4, 2)
	indices := g.Input("indices", graph.Int32, 3)
	weights := g.Input("weights", graph.Float32, 2)
	rows := graph.Gather(table, indices)
	weighted := graph.Mul(rows, graph.Reshape(weights, 1, 2))
	p := &graph.Program{Name: "rows", Outputs: []graph.Output{{Name: "rows", Node: rows}, {Name: "weighted", Node: weighted}}}
	s := compile(t, b, p)
	values := bridge.NewTensor([]float32{0, 1, 10, 11, 20, 21, 30, 31}, 4, 2)
	feeds := func(i ...int32) bridge.Tensors {
		return bridge.Tensors{"indices": bridge.NewTensor(i, len(i)), "weights": f32(1, 2)}
	}

	_, err := s.Run("rows", feeds(0, 0, 0))
	require.ErrorContains(t, err, "table", "a state that was not written is named")
	_, err = s.Read("table")
	require.ErrorContains(t, err, "table")
	require.NoError(t, s.Write("table", values))

	t.Run("gather", func(t *testing.T) {
		out := run(t, s, "rows", feeds(3, 1, 3))
		require.Equal(t, []float32{30, 31, 10, 11, 30, 31}, out["rows"].Data)
		require.Equal(t, []float32{30, 62, 10, 22, 30, 62}, out["weighted"].Data)
	})
	t.Run("index outside", func(t *testing.T) {
		for _, bad := range []int32{4, -1, math.MaxInt32} {
			_, err := s.Run("rows", feeds(0, bad, 0))
			require.ErrorContains(t, err, "rows", "index %d", bad)
		}
		require.Equal(t, []float32{0, 1, 10, 11, 20, 21}, run(t, s, "rows", feeds(0, 1, 2))["rows"].Data, "the session is still usable")
	})
	t.Run("read and write", func(t *testing.T) {
		got, err := s.Read("table")
		require.NoError(t, err)
		require.Equal(t, values, got)
		require.ErrorContains(t, s.Write("table", f32(1, 2)), "table")
		require.ErrorContains(t, s.Write("table", bridge.NewTensor(make([]float64, 8), 4, 2)), "float64")
		require.ErrorContains(t, s.Write("chair", values), "chair")
		_, err = s.Read("chair")
		require.ErrorContains(t, err, "chair")
	})
	t.Run("feeds", func(t *testing.T) {
		for name, change := range map[string]func(bridge.Tensors){
			"weights":  func(f bridge.Tensors) { delete(f, "weights") },
			"cushions": func(f bridge.Tensors) { f["cushions"] = f32(1) },
			"indices":  func(f bridge.Tensors) { f["indices"] = bridge.NewTensor([]int32{1}, 1) },
			"float32":  func(f bridge.Tensors) { f["indices"] = f32(1, 2, 3) },
			"elements": func(f bridge.Tensors) { f["indices"] = bridge.Tensor{Shape: graph.Shape{3}, Data: []int32{1}} },
		} {
			f := feeds(0, 1, 2)
			change(f)
			_, err := s.Run("rows", f)
			require.ErrorContains(t, err, name)
		}
		_, err := s.Run("columns", feeds(0, 1, 2))
		require.ErrorContains(t, err, "columns")
	})
	t.Run("sessions stay apart", func(t *testing.T) {
		other := compile(t, b, p)
		require.NoError(t, other.Write("table", bridge.NewTensor(make([]float32, 8), 4, 2)))
		require.Equal(t, float32(31), run(t, s, "rows", feeds(3, 3, 3))["rows"].Float32()[1])
		require.Equal(t, float32(0), run(t, other, "rows", feeds(3, 3, 3))["rows"].Float32()[1])
	})
	t.Run("bad programs", func(t *testing.T) {
		_, err := b.Compile(p, p)
		require.ErrorContains(t, err, "rows")
		_, err = b.Compile(p, &graph.Program{Name: "other", Outputs: []graph.Output{{Name: "t", Node: graph.NewBuilder(graph.Float64).State("table", graph.Float64, 3)}}})
		require.ErrorContains(t, err, "table")
	})
	t.Run("closed", func(t *testing.T) {
		closed, err := b.Compile(p)
		require.NoError(t, err)
		require.NoError(t, closed.Close())
		require.NoError(t, closed.Close(), "closing twice is harmless")
		_, err = closed.Run("rows", feeds(0, 1, 2))
		require.ErrorIs(t, err, bridge.ErrClosed)
		_, err = closed.Read("table")
		require.ErrorIs(t, err, bridge.ErrClosed)
		require.ErrorIs(t, closed.Write("table", values), bridge.ErrClosed)
	})
}
