//go:build torch && cgo

package torchnative_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
	"github.com/ptychobridge/ptychobridge/graph"
)

// TestFaultsInPrograms damages nodes after package graph has checked them:
// whatever a program says, the shim answers with an error.
func TestFaultsInPrograms(t *testing.T) {
	b := open(t)
	for name, fault := range map[string]struct {
		damage func(x, y, sum *graph.Node)
		want   string
	}{
		"shapes that do not fit": {func(x, y, sum *graph.Node) { y.Shape = graph.Shape{2, 4} }, "must match the size"},
		"another shape declared": {func(x, y, sum *graph.Node) { sum.Shape = graph.Shape{6} }, "the value is Float[2, 3], declared is Float[6]"},
		"another type declared":  {func(x, y, sum *graph.Node) { sum.DType = graph.Float64 }, "declared is Double[2, 3]"},
		"an input missing":       {func(x, y, sum *graph.Node) { sum.In = sum.In[:1] }, "is missing"},
		"an axis too many":       {func(x, y, sum *graph.Node) { sum.Op, sum.Attr.Axes = graph.OpSum, []int{5} }, "Dimension out of range"},
		"a slice beyond the end": {func(x, y, sum *graph.Node) { sum.Op, sum.Attr.Start = graph.OpSlice, []int{0, 2} }, "exceeds dimension size"},
		"a start missing":        {func(x, y, sum *graph.Node) { sum.Op, sum.Attr.Start = graph.OpSlice, []int{0} }, "is missing"},
		"a kernel of rank 2":     {func(x, y, sum *graph.Node) { sum.Op = graph.OpConv }, "instruction 2"},
	} {
		t.Run(name, func(t *testing.T) {
			g := graph.NewBuilder(graph.Float32)
			x, y := g.Input("x", graph.Float32, 2, 3), g.Input("y", graph.Float32, 2, 3)
			sum := graph.Add(x, y)
			fault.damage(x, y, sum)
			s, err := b.Compile(&graph.Program{Name: "bad", Outputs: []graph.Output{{Name: "sum", Node: sum}, {Name: "y", Node: y}}})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			feeds := bridge.Tensors{}
			for _, n := range []*graph.Node{x, y} {
				feeds[n.Attr.Name] = bridge.NewTensor(make([]float32, n.Shape.Size()), n.Shape...)
			}
			_, err = s.Run("bad", feeds)
			require.ErrorContains(t, err, "torchnative: run bad: ")
			require.ErrorContains(t, err, fault.want)
			t.Log(err)
		})
	}
	require.Zero(t, torchnative.LiveHandles())
}

// TestFaultsFoundByCompile damages what the shim reads when it makes a
// program; nothing stays behind.
func TestFaultsFoundByCompile(t *testing.T) {
	b := open(t)
	g := graph.NewBuilder(graph.Float32)
	c := g.Const([]float64{1, 2, 3}, 3)
	c.Shape = graph.Shape{4}
	_, err := b.Compile(&graph.Program{Name: "bad", Outputs: []graph.Output{{Name: "c", Node: c}}})
	require.ErrorContains(t, err, "torchnative: compile bad: a constant [4] has 3 elements")
	require.Zero(t, torchnative.LiveHandles())
}

// TestAdamChecksSizes: the fused optimizer walks memory and would read past
// the end of a gradient that is too short.
func TestAdamChecksSizes(t *testing.T) {
	b := open(t)
	g := graph.NewBuilder(graph.Float32)
	w, m, v := g.State("w", graph.Float32, 5), g.State("m", graph.Float32, 5), g.State("v", graph.Float32, 5)
	gradient := g.Input("gradient", graph.Float32, 5)
	step := graph.Adam(w, m, v, gradient, g.Scalar(0.1), 0.9, 0.999, 1e-7)
	gradient.Shape = graph.Shape{3}
	s, err := b.Compile(&graph.Program{Name: "step", Updates: []*graph.Node{step}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, name := range []string{"w", "m", "v"} {
		require.NoError(t, s.Write(name, bridge.NewTensor(make([]float32, 5), 5)))
	}
	_, err = s.Run("step", bridge.Tensors{"gradient": bridge.NewTensor(make([]float32, 3), 3)})
	require.ErrorContains(t, err, "Adam: weights [5], gradient [3]")
}

// TestAnotherDirectory: a process has one LibTorch; asking for a second one is
// an error and not ignored.
func TestAnotherDirectory(t *testing.T) {
	b := open(t)
	first := b.Info().Path
	dir := t.TempDir()
	_, err := torchnative.Open(bridge.Options{Directory: dir})
	require.ErrorIs(t, err, bridge.ErrUnavailable)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "libtorch_cpu.so")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "libtorch_cpu.so"), nil, 0o600))
	_, err = torchnative.Open(bridge.Options{Directory: dir})
	require.NotErrorIs(t, err, bridge.ErrUnavailable)
	require.ErrorContains(t, err, first+" is already open")

	again, err := torchnative.Open(bridge.Options{Directory: filepath.Dir(first)})
	require.NoError(t, err, "the directory that is open may be asked for")
	require.NoError(t, again.Close())
}

// TestMissingLibrary: D7: runs itself in a process of its own, where nothing is
// open yet.
func TestMissingLibrary(t *testing.T) {
	const marker = "PTYCHO_TEST_EMPTY_DIRECTORY"
	if dir := os.Getenv(marker); dir != "" {
		_, err := torchnative.Open(bridge.Options{Directory: dir})
		require.ErrorIs(t, err, bridge.ErrUnavailable)
		require.Regexp(t, `^PyTorch backend selected, but LibTorch could not be opened; looked in:`, err.Error())
		require.ErrorContains(t, err, filepath.Join(dir, "lib", "libtorch_cpu.so")+": cannot open shared object file")
		require.ErrorContains(t, err, "make native shim")
		require.Zero(t, torchnative.LiveHandles())
		t.Log(err)
		return
	}
	inOwnProcess(t, "TestMissingLibrary", marker+"="+t.TempDir())
}

// TestMissingShim: D7: the same for the shim.
func TestMissingShim(t *testing.T) {
	const marker = "PTYCHO_TEST_MISSING_SHIM"
	if os.Getenv(marker) != "" {
		_, err := torchnative.Open(bridge.Options{})
		require.ErrorIs(t, err, bridge.ErrUnavailable)
		require.ErrorContains(t, err, "PyTorch backend selected, but the shim could not be opened")
		require.ErrorContains(t, err, os.Getenv("PTYCHO_SHIM"))
		_, err = torchnative.Open(bridge.Options{})
		require.ErrorContains(t, err, "the shim could not be opened", "a failure can be tried again")
		return
	}
	open(t) // LibTorch must be there for this one
	inOwnProcess(t, "TestMissingShim", marker+"=1", "PTYCHO_SHIM="+filepath.Join(t.TempDir(), "libptorch.so"))
}

func inOwnProcess(t *testing.T, test string, environment ...string) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(exe, "-test.run=^"+test+"$", "-test.v")
	c.Env = append(os.Environ(), environment...)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+test)
}

func TestClosedBackend(t *testing.T) {
	b := open(t)
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	_, err := b.Compile()
	require.ErrorIs(t, err, bridge.ErrClosed)
}
