//go:build torch && cgo

package torchnative_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
	"github.com/ptychobridge/ptychobridge/graph"
)

// recorder compiles testdata/recorder.c, which stands for CUDA graphs on the
// CPU, and gives its path.
func recorder(t *testing.T, flags ...string) string {
	t.Helper()
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc to make a recorder with")
	}
	path := filepath.Join(t.TempDir(), "recorder.so")
	out, err := exec.Command(compiler, append(flags, "-shared", "-fPIC", "-I../../csrc", "testdata/recorder.c", "-o", path)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// recorded opens a backend that records after so many runs; log tells what the
// recorder was called for since it was last called.
func recorded(t *testing.T, warmUp string) (b bridge.Backend, log func() []string) {
	t.Helper()
	b = open(t)
	file := filepath.Join(t.TempDir(), "log")
	t.Setenv("RECORDER_LOG", file)
	require.NoError(t, torchnative.Record(b, recorder(t, "-DWARM_UP="+warmUp, `-DVERSION="`+b.Info().Version+`"`)))
	return b, func() []string {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil
		}
		require.NoError(t, os.Remove(file))
		return strings.Fields(string(text))
	}
}

// TestConformanceRecorded: programs give the same numbers where they are
// recorded at their first run and made again from then on.
func TestConformanceRecorded(t *testing.T) {
	bridgetest.Run(t, func(t *testing.T) bridge.Backend {
		b, log := recorded(t, "0")
		t.Cleanup(func() { require.Contains(t, log(), "replay") })
		return b
	})
	require.Zero(t, torchnative.LiveHandles())
}

// step is a program with all that a recording must keep apart: a rate and rows
// that are fed, a state that is an output and is updated, one that is assigned
// another one.
func step() *graph.Program {
	g := graph.NewBuilder(graph.Float32)
	w, m, v, old := g.State("w", graph.Float32, 3, 2), g.State("m", graph.Float32, 3, 2), g.State("v", graph.Float32, 3, 2), g.State("old", graph.Float32, 3, 2)
	rate, rows := g.Input("rate", graph.Float32), g.Input("rows", graph.Int32, 2)
	taken := graph.Gather(w, rows)
	return &graph.Program{
		Name:    "step",
		Outputs: []graph.Output{{Name: "taken", Node: taken}, {Name: "before", Node: w}, {Name: "turned", Node: graph.Transpose(w, 1, 0)}, {Name: "rate", Node: rate}},
		Updates: []*graph.Node{graph.Adam(w, m, v, graph.AddScalar(w, 1), rate, 0.9, 0.999, 1e-7), graph.Assign(old, w)},
	}
}

func start(t *testing.T, b bridge.Backend) bridge.Session {
	t.Helper()
	s, err := b.Compile(step())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, name := range []string{"w", "m", "v", "old"} {
		require.NoError(t, s.Write(name, bridge.NewTensor([]float32{0, 1, 2, 3, 4, 5}, 3, 2)))
	}
	return s
}

func feeds(k int) bridge.Tensors {
	return bridge.Tensors{"rate": bridge.NewTensor([]float32{0.1 / float32(k+1)}), "rows": bridge.NewTensor([]int32{int32(k % 3), 2}, 2)}
}

// same runs both and compares outputs and states, bit for bit.
func same(t *testing.T, k int, a, b bridge.Session) {
	t.Helper()
	want, err := a.Run("step", feeds(k))
	require.NoError(t, err)
	got, err := b.Run("step", feeds(k))
	require.NoError(t, err)
	require.Equal(t, want, got, "run %d", k)
	for _, name := range []string{"w", "m", "v", "old"} {
		want, err := a.Read(name)
		require.NoError(t, err)
		got, err := b.Read(name)
		require.NoError(t, err)
		require.Equal(t, want, got, "%s after run %d", name, k)
	}
}

func notes(t *testing.T, s bridge.Session) []string {
	t.Helper()
	u, err := s.(bridge.Metered).Usage()
	require.NoError(t, err)
	require.Zero(t, u.PeakGPUBytes, "there is no GPU")
	return u.Notes
}

// TestRecording: plain runs first, then one recording, which every run makes
// again with what is fed to it and what was written meanwhile.
func TestRecording(t *testing.T) {
	b, log := recorded(t, "2")
	plain, s := start(t, open(t)), start(t, b)
	for k, want := range [][]string{nil, nil, {"record", "replay"}, {"replay"}, {"replay"}} {
		same(t, k, plain, s)
		require.Equal(t, want, log(), "run %d", k)
	}
	for _, session := range []bridge.Session{plain, s} {
		require.NoError(t, session.Write("w", bridge.NewTensor([]float32{5, 4, 3, 2, 1, 0}, 3, 2)))
	}
	same(t, 5, plain, s)
	_, err := s.Run("step", bridge.Tensors{"rate": bridge.NewTensor([]float32{1}), "rows": bridge.NewTensor([]int32{0, 3}, 2)})
	require.EqualError(t, err, "torchnative: run step: input rows: 3 is outside of the axis, whose length is 3")
	same(t, 6, plain, s)
	require.Empty(t, notes(t, s))
	require.Equal(t, []string{"replay", "replay"}, log())
	require.NoError(t, s.Close())
	require.Equal(t, []string{"drop"}, log())
}

// TestRecordingFails: the program is run plainly from then on, and why is told.
func TestRecordingFails(t *testing.T) {
	b, log := recorded(t, "1")
	plain, s := start(t, open(t)), start(t, b)
	t.Setenv("RECORDER", "record")
	for k := range 4 {
		same(t, k, plain, s)
	}
	require.Equal(t, []string{"record"}, log(), "it is tried once")
	require.Equal(t, []string{"program step is not run as a CUDA graph: operation not permitted when stream is capturing"}, notes(t, s))
	require.NoError(t, s.Close())
	require.Empty(t, log())
	_, err := s.(bridge.Metered).Usage()
	require.ErrorIs(t, err, bridge.ErrClosed)
}

// TestReplayFails: that is an error of the run.
func TestReplayFails(t *testing.T) {
	b, _ := recorded(t, "0")
	s := start(t, b)
	t.Setenv("RECORDER", "replay")
	_, err := s.Run("step", feeds(0))
	require.EqualError(t, err, "torchnative: run step: operation not permitted when stream is capturing")
}

// TestNotRecorded: what a device cannot do by itself is not recorded.
func TestNotRecorded(t *testing.T) {
	b, log := recorded(t, "0")
	g := graph.NewBuilder(graph.Float64)
	w, m, v := g.State("w", graph.Float64), g.State("m", graph.Float64), g.State("v", graph.Float64)
	s, err := b.Compile(&graph.Program{Name: "step", Updates: []*graph.Node{graph.Adam(w, m, v, w, g.Input("rate", graph.Float64), 0.9, 0.999, 1e-7)}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, name := range []string{"w", "m", "v"} {
		require.NoError(t, s.Write(name, bridge.NewTensor([]float64{1})))
	}
	for range 2 {
		_, err := s.Run("step", bridge.Tensors{"rate": bridge.NewTensor([]float64{0.1})})
		require.NoError(t, err)
	}
	require.Empty(t, log())
	require.Equal(t, []string{"program step is not run as a CUDA graph: its optimizer reads a float64 rate on the host"}, notes(t, s))

	x := g.State("x", graph.Float64, 3)
	numbers := graph.Reshape(g.Input("numbers", graph.Int32, 1, 2), 2)
	_, err = b.Compile(&graph.Program{Name: "odd", Outputs: []graph.Output{{Name: "rows", Node: graph.Gather(x, numbers)}}})
	require.EqualError(t, err, "torchnative: compile odd: program odd takes rows by numbers that are computed (Reshape); on a GPU they must be an input")
}

// TestRecordersThatDoNotFit: each is refused with what is wrong.
func TestRecordersThatDoNotFit(t *testing.T) {
	b := open(t)
	other := recorder(t)
	require.EqualError(t, torchnative.Record(b, other), other+" was built for LibTorch 0, and "+b.Info().Version+" is open")
	old := recorder(t, "-DABI=1")
	require.ErrorContains(t, torchnative.Record(b, old), old+" has interface 1, this program needs ")
	missing := filepath.Join(t.TempDir(), "libptorch_cuda.so")
	require.ErrorContains(t, torchnative.Record(b, missing), missing+": cannot open shared object file")
	require.ErrorContains(t, torchnative.Record(b, b.Info().Path), b.Info().Path+" has no recorder")
}
