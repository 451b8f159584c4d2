//go:build cgo && !notensorflow

package tfnative_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

func compile(t *testing.T, programs ...*graph.Program) bridge.Session {
	t.Helper()
	s, err := open(t).Compile(programs...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestFailedRunChangesNothing makes an index outside its table fail one output
// of a program whose other outputs and updates could all be computed.
func TestFailedRunChangesNothing(t *testing.T) {
	g := graph.NewBuilder(graph.Float32)
	x, table := g.State("x", graph.Float32, 2), g.State("table", graph.Float32, 3, 2)
	m, v := g.State("m", graph.Float32, 3, 2), g.State("v", graph.Float32, 3, 2)
	index := g.Input("index", graph.Int32, 1)
	s := compile(t, &graph.Program{
		Name:    "take a row",
		Outputs: []graph.Output{{Name: "row", Node: graph.Gather(table, index)}},
		Updates: []*graph.Node{
			graph.Assign(x, graph.AddScalar(x, 1)),
			graph.Adam(table, m, v, table, g.Scalar(0.1), 0.9, 0.999, 1e-7),
		},
	})
	start := map[string]bridge.Tensor{
		"x":     bridge.NewTensor([]float32{1, 2}, 2),
		"table": bridge.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 3, 2),
		"m":     bridge.NewTensor(make([]float32, 6), 3, 2),
		"v":     bridge.NewTensor(make([]float32, 6), 3, 2),
	}
	for name, value := range start {
		require.NoError(t, s.Write(name, value))
	}
	_, err := s.Run("take a row", bridge.Tensors{"index": bridge.NewTensor([]int32{3}, 1)})
	require.ErrorContains(t, err, "tfnative: run take a row: ")
	require.ErrorContains(t, err, "3 is not in [0, 3)")
	for name, want := range start {
		got, err := s.Read(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	out, err := s.Run("take a row", bridge.Tensors{"index": bridge.NewTensor([]int32{2}, 1)})
	require.NoError(t, err)
	require.Equal(t, []float32{5, 6}, out["row"].Data)
	got, err := s.Read("table")
	require.NoError(t, err)
	require.NotEqual(t, start["table"], got, "the update was made")
}

// TestStatesStayApart assigns one state and an input to others, which then
// share memory inside TensorFlow, and trains one of them.
func TestStatesStayApart(t *testing.T) {
	g := graph.NewBuilder(graph.Float32)
	state := func(name string) *graph.Node { return g.State(name, graph.Float32, 2) }
	w, kept, m, v, fed := state("w"), state("kept"), state("m"), state("v"), state("fed")
	input := g.Input("input", graph.Float32, 2)
	s := compile(t,
		&graph.Program{Name: "keep", Updates: []*graph.Node{graph.Assign(kept, w), graph.Assign(fed, input)}},
		&graph.Program{Name: "step", Outputs: []graph.Output{{Name: "before", Node: w}}, Updates: []*graph.Node{
			graph.Adam(w, m, v, g.Const([]float64{1, -1}, 2), g.Scalar(0.5), 0, 0, 0),
		}})
	for _, name := range []string{"m", "v", "kept", "fed"} {
		require.NoError(t, s.Write(name, bridge.NewTensor([]float32{0, 0}, 2)))
	}
	require.NoError(t, s.Write("w", bridge.NewTensor([]float32{1, 2}, 2)))
	feed := []float32{7, 8}
	_, err := s.Run("keep", bridge.Tensors{"input": bridge.NewTensor(feed, 2)})
	require.NoError(t, err)
	feed[0] = 99
	out, err := s.Run("step", nil)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2}, out["before"].Data)
	// with both betas 0 a step is w − 0.5·g/|g|
	for name, want := range map[string][]float32{"w": {0.5, 2.5}, "kept": {1, 2}, "fed": {7, 8}, "m": {1, -1}, "v": {1, 1}} {
		got, err := s.Read(name)
		require.NoError(t, err)
		require.Equal(t, want, got.Data, name)
	}
}

// TestOddPrograms tries what no network does: names that TensorFlow does not
// allow, an input as an output, one value under two names, nothing at all.
func TestOddPrograms(t *testing.T) {
	g := graph.NewBuilder(graph.Float64)
	x := g.Input("x ", graph.Float64, 2)
	y := graph.Concat(0, x)
	s := compile(t,
		&graph.Program{Name: "a/b: ü", Outputs: []graph.Output{{Name: "x", Node: x}, {Name: "y", Node: y}, {Name: "again", Node: y}}},
		&graph.Program{Name: "a/b? ü", Outputs: []graph.Output{{Name: "x", Node: x}}},
		&graph.Program{Name: "nothing"})
	feeds := bridge.Tensors{"x ": bridge.NewTensor([]float64{1, 2}, 2)}
	out, err := s.Run("a/b: ü", feeds)
	require.NoError(t, err)
	require.Equal(t, bridge.Tensors{"x": feeds["x "], "y": feeds["x "], "again": feeds["x "]}, out)
	out, err = s.Run("nothing", nil)
	require.NoError(t, err)
	require.Empty(t, out)
}

// TestMemoryIsFlat turns over 2,000 · 2 · 64 KiB = 250 MiB of native tensors
// after a warm-up of half as much, without the collector's own rhythm. What
// waits for it may be 32 MiB of native and 16 MiB of Go's tensors.
func TestMemoryIsFlat(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	g := graph.NewBuilder(graph.Float32)
	x := g.Input("x", graph.Float32, 128, 128)
	w, m, v := g.State("w", graph.Float32, 128, 128), g.State("m", graph.Float32, 128, 128), g.State("v", graph.Float32, 128, 128)
	s := compile(t, &graph.Program{
		Name:    "step",
		Outputs: []graph.Output{{Name: "product", Node: graph.Mul(x, w)}},
		Updates: []*graph.Node{graph.Adam(w, m, v, x, g.Scalar(1e-3), 0.9, 0.999, 1e-7)},
	})
	feeds := bridge.Tensors{"x": bridge.NewTensor(make([]float32, 128*128), 128, 128)}
	for _, name := range []string{"w", "m", "v"} {
		require.NoError(t, s.Write(name, feeds["x"]))
	}
	steps := func(n int) {
		for range n {
			_, err := s.Run("step", feeds)
			require.NoError(t, err)
		}
	}
	steps(1000)
	before := residentMiB(t)
	steps(2000)
	grown := residentMiB(t) - before
	t.Logf("resident: %d MiB before, %+d MiB after 2,000 steps", before, grown)
	require.Less(t, grown, 64)
}

// TestSameNumbersAtEveryRun trains a kernel that two threads work on in two
// sessions: every bit must agree.
func TestSameNumbersAtEveryRun(t *testing.T) {
	g := graph.NewBuilder(graph.Float32)
	x := g.Input("x", graph.Float32, 4, 32, 32, 16)
	w, m, v := g.State("w", graph.Float32, 3, 3, 16, 16), g.State("m", graph.Float32, 3, 3, 16, 16), g.State("v", graph.Float32, 3, 3, 16, 16)
	y := graph.Tanh(graph.Conv(x, w))
	loss := graph.Mean(graph.Mul(y, y))
	p := &graph.Program{
		Name:    "step",
		Outputs: []graph.Output{{Name: "loss", Node: loss}},
		Updates: []*graph.Node{graph.Adam(w, m, v, graph.Gradient(loss, []*graph.Node{w})[0], g.Scalar(1e-2), 0.9, 0.999, 1e-7)},
	}
	random := rand.New(rand.NewPCG(1, 2))
	normal := func(shape graph.Shape) bridge.Tensor {
		data := make([]float32, shape.Size())
		for i := range data {
			data[i] = float32(random.NormFloat64())
		}
		return bridge.NewTensor(data, shape...)
	}
	feeds, start := bridge.Tensors{"x": normal(x.Shape)}, normal(w.Shape)
	train := func() (losses []float64, trained bridge.Tensor) {
		s := compile(t, p)
		require.NoError(t, s.Write("w", start))
		for _, name := range []string{"m", "v"} {
			require.NoError(t, s.Write(name, bridge.NewTensor(make([]float32, w.Shape.Size()), w.Shape...)))
		}
		for range 10 {
			out, err := s.Run("step", feeds)
			require.NoError(t, err)
			losses = append(losses, out["loss"].Scalar())
		}
		trained, err := s.Read("w")
		require.NoError(t, err)
		return losses, trained
	}
	losses, trained := train()
	again, trainedAgain := train()
	require.Equal(t, losses, again)
	require.Equal(t, trained, trainedAgain)
	require.Less(t, losses[9], losses[0], "it trains")
}

// residentMiB is the resident memory of this process.
func residentMiB(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var size, resident int
	_, err = fmt.Sscan(string(text), &size, &resident)
	require.NoError(t, err)
	return resident * os.Getpagesize() >> 20
}
