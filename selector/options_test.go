package selector_test

import (
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/selector"
)

// weightTolerance64 is how far the weights of two float64 trainings may lie
// apart after 20 steps, max|a−b|/max|b| of each tensor.
const weightTolerance64 = 1e-7

// with is a training with other settings. True patches and dark probe modes
// are written where the settings need them.
func (tr training) with(change func(*model.Settings)) training {
	change(&tr.settings)
	s := tr.settings
	tr.model, tr.data = model.New(s), maps.Clone(tr.data)
	n := s.Model.N
	if s.Modes > 1 {
		for _, name := range []string{model.StateProbeRe, model.StateProbeIm} {
			modes := append(tr.data[name].Float64(), make([]float64, (s.Modes-1)*n*n)...)
			tr.data[name] = bridge.FromFloat64(s.Float, modes, s.Modes, n, n)
		}
	}
	if s.NeedsTruth() {
		amplitude, phase := make([]float64, s.Patterns*n*n), make([]float64, s.Patterns*n*n)
		for i := range amplitude {
			amplitude[i], phase[i] = float64(i%7)/6, 3.1*math.Sin(float64(i)/5)
		}
		tr.data[model.StateTruthAmplitude] = bridge.FromFloat64(s.Float, amplitude, s.Patterns, n, n)
		tr.data[model.StateTruthPhase] = bridge.FromFloat64(s.Float, phase, s.Patterns, n, n)
	}
	return tr
}

// lit gives the dark modes light.
func (tr training) lit() training {
	for _, name := range []string{model.StateProbeRe, model.StateProbeIm} {
		t := tr.data[name]
		values := t.Float64()
		n := tr.settings.Model.N
		for i := n * n; i < len(values); i++ {
			values[i] = values[i%(n*n)] * math.Cos(float64(i)/9)
		}
		tr.data[name] = bridge.FromFloat64(tr.settings.Float, values, t.Shape...)
	}
	return tr
}

// options are the choices for the physics and the losses.
var options = map[string]func(*model.Settings){
	"probe_mask":               func(s *model.Settings) { s.Model.ProbeMask = true },
	"gaussian_smoothing_sigma": func(s *model.Settings) { s.Model.GaussianSmoothingSigma = 0.8 },
	"both, and three modes":    func(s *model.Settings) { s.Model.ProbeMask, s.Model.GaussianSmoothingSigma, s.Modes = true, 0.8, 3 },
	"probe_trainable":          func(s *model.Settings) { s.TrainProbe, s.Modes, s.BrightThreshold = true, 2, 5 },
	"mixed losses": func(s *model.Settings) {
		s.Weights = model.Weights{NLL: 0.3, MAE: 0.7, Realspace: 1e3, RealspaceMAE: 2, TV: 3}
	},
	"supervised": func(s *model.Settings) { s.Model.ModelType = "supervised" },
	"supervised and smooth": func(s *model.Settings) {
		s.Model.ModelType, s.Model.AmpActivation, s.Weights = "supervised", "softplus", model.Weights{Realspace: 1, TV: 1}
	},
}

// TestOptionsAgainstEvaluator compares losses and all gradients in float64.
func TestOptionsAgainstEvaluator(t *testing.T) {
	for name, change := range options {
		tr := newTraining(t, graph.Float64, 0.25, 1).with(change).lit()
		want := tr.gradients(t, evalnative.Open())
		for _, backend := range selector.Backends() {
			t.Run(name+"/"+backend, func(t *testing.T) { requireGradients(t, tr.gradients(t, open(t, backend)), want, gradientTolerance64) })
		}
	}
}

// TestDarkModes: probe modes without light change neither loss nor gradients,
// and modes with light do.
func TestDarkModes(t *testing.T) {
	b := evalnative.Open()
	one := newTraining(t, graph.Float64, 0.25, 2)
	want := one.gradients(t, b)
	three := one.with(func(s *model.Settings) { s.Modes = 3 })
	requireGradients(t, three.gradients(t, b), want, 1e-12)
	require.NotEqual(t, want[model.OutputLoss], three.lit().gradients(t, b)[model.OutputLoss])
}

// TestProbeGradient: a small step against the gradient of the probe
// lowers the loss by its squared norm.
func TestProbeGradient(t *testing.T) {
	b := evalnative.Open()
	tr := newTraining(t, graph.Float64, 0.25, 1).with(func(s *model.Settings) { s.TrainProbe = true })
	before := tr.gradients(t, b)
	const step = 1e-12
	expected := 0.0
	for _, name := range []string{model.StateProbeRe, model.StateProbeIm} {
		values := tr.data[name].Float64()
		for i, g := range before[name].Float64() {
			values[i] -= step * g
			expected += step * g * g
		}
		tr.data[name] = bridge.FromFloat64(graph.Float64, values, tr.data[name].Shape...)
	}
	fall := before[model.OutputLoss].Scalar() - tr.gradients(t, b)[model.OutputLoss].Scalar()
	t.Logf("the loss fell by %.6g, expected %.6g", fall, expected)
	require.InEpsilon(t, expected, fall, 1e-3)
}

// optimizers are the choices for the step. Without clipping, sgd diverges on
// these losses.
var optimizers = map[string]model.Optimizer{
	"adam":                 {Name: "adam"},
	"adam, norm clipped":   {Name: "adam", Clip: 1},
	"adamw, value clipped": {Name: "adamw", Decay: 0.1, Clip: 0.5, ClipValue: true},
	"sgd, norm clipped":    {Name: "sgd", Decay: 0.1, Clip: 1},
}

func withOptimizer(o model.Optimizer) func(*model.Settings) {
	o.Beta1, o.Beta2, o.Momentum = .9, .999, .9
	return func(s *model.Settings) { s.Optimizer = o }
}

// TestOptimizersAgainstEvaluator compares losses and weights of 20 steps in
// float64.
func TestOptimizersAgainstEvaluator(t *testing.T) {
	const steps = 20
	for name, o := range optimizers {
		tr := newTraining(t, graph.Float64, 0.25, 1).with(withOptimizer(o))
		judge := tr.session(t, evalnative.Open(), tr.model.Train(1))
		want := tr.steps(t, judge, steps)
		for _, backend := range selector.Backends() {
			t.Run(name+"/"+backend, func(t *testing.T) {
				s := tr.session(t, open(t, backend), tr.model.Train(1))
				got := tr.steps(t, s, steps)
				loss, weights := 0.0, 0.0
				for k := range want {
					loss = max(loss, relative(got[k], want[k]))
				}
				for _, p := range tr.model.Parameters() {
					a, err := s.Read(p.Name)
					require.NoError(t, err)
					b, err := judge.Read(p.Name)
					require.NoError(t, err)
					weights = max(weights, bridgetest.Difference(a.Float64(), b.Float64()))
				}
				t.Logf("loss %.1e, allowed %.0e; weights %.1e, allowed %.0e", loss, lossTolerance64, weights, weightTolerance64)
				require.LessOrEqual(t, loss, lossTolerance64)
				require.LessOrEqual(t, weights, weightTolerance64)
			})
		}
	}
}

// byHand is an optimizer written out: weights, and its moments (m the velocity
// of sgd), by the names of the parameters.
type byHand struct {
	model.Optimizer
	w, m, v map[string][]float64
}

// step makes step k = 1, 2, … of a learning rate of 1e-3.
func (h byHand) step(gradients bridge.Tensors, k int) {
	norm := 0.0
	for name := range h.w {
		for _, g := range gradients[name].Float64() {
			norm += g * g
		}
	}
	rate := 1e-3 * math.Sqrt(1-math.Pow(h.Beta2, float64(k))) / (1 - math.Pow(h.Beta1, float64(k)))
	for name, w := range h.w {
		m, v := h.m[name], h.v[name]
		for i, g := range gradients[name].Float64() {
			switch {
			case h.ClipValue:
				g = math.Max(-h.Clip, math.Min(h.Clip, g))
			case h.Clip > 0:
				g *= h.Clip / math.Max(math.Sqrt(norm), h.Clip)
			}
			decay := 0.0
			if strings.HasSuffix(name, ".kernel") {
				decay = 1e-3 * h.Decay * w[i]
			}
			if h.Name == "sgd" {
				m[i] = h.Momentum*m[i] - 1e-3*g
				w[i] += m[i] - decay
				continue
			}
			m[i] = h.Beta1*m[i] + (1-h.Beta1)*g
			v[i] = h.Beta2*v[i] + (1-h.Beta2)*g*g
			w[i] -= decay + rate*m[i]/(math.Sqrt(v[i])+1e-7)
		}
	}
}

// TestOptimizerSteps compares two steps with the formulas written out, from
// the gradients of the gradient program.
func TestOptimizerSteps(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			tr := newTraining(t, graph.Float64, 0.25, 1).with(withOptimizer(o))
			s := tr.session(t, evalnative.Open(), tr.model.Train(1), tr.model.Gradient(1))
			h := byHand{tr.settings.Optimizer, map[string][]float64{}, map[string][]float64{}, map[string][]float64{}}
			for _, p := range tr.model.Parameters() {
				w, err := s.Read(p.Name)
				require.NoError(t, err)
				h.w[p.Name], h.m[p.Name], h.v[p.Name] = w.Float64(), make([]float64, p.Shape.Size()), make([]float64, p.Shape.Size())
			}
			indices := bridge.NewTensor([]int32{3}, 1)
			for k := 1; k <= 2; k++ {
				gradients, err := s.Run(model.GradientName(1), bridge.Tensors{model.InputIndices: indices})
				require.NoError(t, err)
				h.step(gradients, k)
				feeds := bridge.Tensors{model.InputIndices: indices}
				for name, rate := range tr.model.Rates(1e-3, k) {
					feeds[name] = bridge.FromFloat64(graph.Float64, []float64{rate})
				}
				_, err = s.Run(model.TrainName(1), feeds)
				require.NoError(t, err)
			}
			for name, want := range h.w {
				got, err := s.Read(name)
				require.NoError(t, err)
				require.LessOrEqual(t, bridgetest.Difference(got.Float64(), want), 1e-10, name)
			}
		})
	}
}
