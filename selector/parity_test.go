package selector_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/physics/physicstest"
	"github.com/ptychobridge/ptychobridge/selector"
)

const golden = "../testdata/golden"

// How far two runs of the same training may lie apart.
const (
	lossTolerance64     = 1e-10 // float64, relative, each of 15 steps: rounding of 1e-16, grown by the steps
	gradientTolerance64 = 1e-8  // float64, max|a−b|/max|b| of each tensor: the worst tensor cancels four digits
	firstTolerance32    = 1e-5  // float32, relative, first loss: rounding of the network
	lateTolerance32     = 1e-3  // float32, relative, after 50 steps: training amplifies rounding
)

// open opens a backend or skips the test where it is missing, unless
// PTYCHO_REQUIRE_NATIVE says that it must be there.
func open(t testing.TB, name string) bridge.Backend {
	t.Helper()
	required := os.Getenv("PTYCHO_REQUIRE_NATIVE") != "" // read first: go test's cache then knows of it
	b, err := selector.Open(name, bridge.Options{Threads: 2})
	if errors.Is(err, bridge.ErrUnavailable) && !required {
		t.Skipf("%s is missing: %v", name, err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestGolden(t *testing.T) {
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) {
			physicstest.Golden(t, open(t, name), golden, physicstest.Float32Tolerance)
		})
	}
}

// training is a network on the eight patterns of the golden file.
type training struct {
	model    *model.Model
	settings model.Settings
	data     bridge.Tensors // states that are no weights
	batch    int
}

func newTraining(t testing.TB, float graph.DType, filters float64, batch int, changes ...func(*config.ModelConfig)) training {
	t.Helper()
	f, err := npz.Open(golden + "/a_inputs_gs1.npz")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	x, err := npz.Read[float64](f, "X")
	require.NoError(t, err)
	probe, err := npz.Read[complex128](f, "probe")
	require.NoError(t, err)
	scale, err := npz.Read[float64](f, "intensity_scale")
	require.NoError(t, err)
	c := config.Default().Training
	c.Model.NFiltersScale = filters
	for _, change := range changes {
		change(&c.Model)
	}
	n := c.Model.N
	re, im := make([]float64, len(probe)), make([]float64, len(probe))
	for i, p := range probe {
		re[i], im[i] = real(p), imag(p)
	}
	s := model.Settings{
		Model: c.Model, Float: float, Patterns: len(x) / (n * n), Canvas: n + 18, IntensityScale: scale[0], TrainScale: true,
		Weights: model.Weights{NLL: 1}, Optimizer: model.Optimizer{Beta1: c.AdamBeta1, Beta2: c.AdamBeta2, Momentum: c.Momentum},
	}
	return training{model: model.New(s), settings: s, batch: batch, data: bridge.Tensors{
		model.StateAmplitude: bridge.FromFloat64(float, x, s.Patterns, n, n),
		model.StateProbeRe:   bridge.FromFloat64(float, re, 1, n, n),
		model.StateProbeIm:   bridge.FromFloat64(float, im, 1, n, n),
	}}
}

// session starts from the weights of seed 42.
func (tr training) session(t testing.TB, b bridge.Backend, programs ...*graph.Program) bridge.Session {
	t.Helper()
	s, err := b.Compile(programs...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for name, v := range tr.data {
		require.NoError(t, s.Write(name, v))
	}
	widened := func(p model.Parameter) bridge.Tensor {
		t := bridge.NewTensor(p.Data, p.Shape...)
		return bridge.FromFloat64(tr.settings.Float, t.Float64(), p.Shape...)
	}
	for _, p := range tr.model.Initial(42) {
		require.NoError(t, s.Write(p.Name, widened(p)))
	}
	if !slices.ContainsFunc(programs, func(p *graph.Program) bool { return len(p.Updates) > 0 }) {
		return s
	}
	for _, p := range tr.model.Moments() {
		p.Data = make([]float32, p.Shape.Size())
		require.NoError(t, s.Write(p.Name, widened(p)))
	}
	return s
}

// feeds are a batch of groups: group k has the patterns from first(k) on. Its
// offsets, where it has several patterns, depend on its patterns alone.
func (tr training) feeds(batch int, first func(k int) int) bridge.Tensors {
	c := tr.settings.Model.Gridsize * tr.settings.Model.Gridsize
	indices := make([]int32, 0, batch*c)
	var offsets []float64
	for k := range batch {
		var sum [2]float64
		for i := range c {
			p := (first(k) + i) % tr.settings.Patterns
			indices = append(indices, int32(p))
			d := [2]float64{math.Mod(5.3*float64(p), 7) - 3, math.Mod(2.9*float64(p), 8) - 4}
			offsets = append(offsets, d[0], d[1])
			sum[0], sum[1] = sum[0]+d[0], sum[1]+d[1]
		}
		for i := range c {
			offsets[2*(k*c+i)] -= sum[0] / float64(c)
			offsets[2*(k*c+i)+1] -= sum[1] / float64(c)
		}
	}
	feeds := bridge.Tensors{model.InputIndices: bridge.NewTensor(indices, len(indices))}
	if c > 1 {
		feeds[model.InputOffsets] = bridge.FromFloat64(tr.settings.Float, offsets, len(indices), 2)
	}
	return feeds
}

// losses gives the loss before each of some optimizer steps.
func (tr training) losses(t *testing.T, b bridge.Backend, steps int) []float64 {
	t.Helper()
	return tr.steps(t, tr.session(t, b, tr.model.Train(tr.batch)), steps)
}

// steps makes optimizer steps in a session with the train program.
func (tr training) steps(t *testing.T, s bridge.Session, steps int) []float64 {
	t.Helper()
	out := make([]float64, steps)
	for k := range out {
		feeds := tr.feeds(tr.batch, func(i int) int { return k*tr.batch + i*3 })
		for name, v := range tr.model.Rates(1e-3, k+1) {
			feeds[name] = bridge.FromFloat64(tr.settings.Float, []float64{v})
		}
		got, err := s.Run(model.TrainName(tr.batch), feeds)
		require.NoError(t, err)
		out[k] = got[model.OutputLoss].Scalar()
	}
	return out
}

// gradients gives loss, deviance and the gradient of every parameter.
func (tr training) gradients(t *testing.T, b bridge.Backend) bridge.Tensors {
	t.Helper()
	s := tr.session(t, b, tr.model.Gradient(tr.batch))
	out, err := s.Run(model.GradientName(tr.batch), tr.feeds(tr.batch, func(k int) int { return k }))
	require.NoError(t, err)
	return out
}

func relative(a, b float64) float64 { return math.Abs(a-b) / math.Abs(b) }

// TestTrainingFloat64: both runtimes do the same mathematics.
func TestTrainingFloat64(t *testing.T) {
	tf, torch := open(t, config.TensorFlow), open(t, config.PyTorch)
	tr := newTraining(t, graph.Float64, 0.5, 4)
	requireGradients(t, tr.gradients(t, tf), tr.gradients(t, torch), gradientTolerance64)
	a, b := tr.losses(t, tf, 15), tr.losses(t, torch, 15)
	worst := 0.0
	for k := range a {
		worst = max(worst, relative(a[k], b[k]))
	}
	t.Logf("loss %.6f … %.6f; 15 steps, largest relative difference %.1e, allowed %.0e", a[0], a[14], worst, lossTolerance64)
	require.LessOrEqual(t, worst, lossTolerance64)
	require.Less(t, a[14], a[0], "training lowers the loss")
}

// TestTrainingAgainstEvaluator: each runtime's gradients are those of the
// evaluator, so that both are right and not only alike.
func TestTrainingAgainstEvaluator(t *testing.T) {
	tr := newTraining(t, graph.Float64, 0.25, 1)
	want := tr.gradients(t, evalnative.Open())
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) { requireGradients(t, tr.gradients(t, open(t, name)), want, gradientTolerance64) })
	}
}

func requireGradients(t *testing.T, a, b bridge.Tensors, tolerance float64) {
	t.Helper()
	require.Len(t, a, len(b))
	worst, where := 0.0, ""
	for name := range b {
		d := bridgetest.Difference(a[name].Float64(), b[name].Float64())
		require.LessOrEqual(t, d, tolerance, name)
		if d >= worst {
			worst, where = d, name
		}
	}
	t.Logf("%d tensors, largest difference %.1e in %s, allowed %.0e", len(b), worst, where, tolerance)
}

// TestTrainingFloat32: kernels differ, results stay close.
func TestTrainingFloat32(t *testing.T) {
	tf, torch := open(t, config.TensorFlow), open(t, config.PyTorch)
	tr := newTraining(t, graph.Float32, 0.5, 4)
	const steps = 51
	a, b := tr.losses(t, tf, steps), tr.losses(t, torch, steps)
	t.Logf("first loss: %.1e, allowed %.0e; after 50 steps: %.1e, allowed %.0e", relative(a[0], b[0]), firstTolerance32, relative(a[50], b[50]), lateTolerance32)
	require.LessOrEqual(t, relative(a[0], b[0]), firstTolerance32)
	require.LessOrEqual(t, relative(a[50], b[50]), lateTolerance32)
	for i, name := range selector.Backends() {
		again := tr.losses(t, open(t, name), steps)
		require.Equal(t, [][]float64{a, b}[i], again, fmt.Sprintf("%s gives the same bits at every run", name))
	}
}
