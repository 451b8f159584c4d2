package selector_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/selector"
)

// batchTolerance is how far the result of a group may depend, in float32, on
// the size of its batch: kernels choose their order of summation by it.
const batchTolerance = 1e-5

// groups makes a network of gridsize 2 under a merge rule.
func groups(rule string) func(*config.ModelConfig) {
	return func(c *config.ModelConfig) { c.Gridsize, c.PatchMerge = 2, rule }
}

// TestGroupsFloat64: gradients of a gridsize-2 network agree on both runtimes for
// each merge rule, and so do 15 steps for the default rule and the one whose
// weights are computed.
func TestGroupsFloat64(t *testing.T) {
	tf, torch := open(t, config.TensorFlow), open(t, config.PyTorch)
	for _, rule := range []string{"uniform", "central", "probe", "reference"} {
		t.Run(rule, func(t *testing.T) {
			tr := newTraining(t, graph.Float64, 0.25, 2, groups(rule))
			requireGradients(t, tr.gradients(t, tf), tr.gradients(t, torch), gradientTolerance64)
			if rule == "central" || rule == "reference" {
				return
			}
			a, b := tr.losses(t, tf, 15), tr.losses(t, torch, 15)
			worst := 0.0
			for k := range a {
				worst = max(worst, relative(a[k], b[k]))
			}
			t.Logf("loss %.6f … %.6f; 15 steps, largest relative difference %.1e, allowed %.0e", a[0], a[14], worst, lossTolerance64)
			require.LessOrEqual(t, worst, lossTolerance64)
			require.Less(t, a[14], a[0], "training lowers the loss")
		})
	}
}

// TestGroupsAgainstEvaluator: gradients of a gridsize-2 network, merged and
// with one patch for the group, are those of the evaluator.
func TestGroupsAgainstEvaluator(t *testing.T) {
	for name, change := range map[string]func(*config.ModelConfig){
		"probe":            groups("probe"),
		"object_big false": func(c *config.ModelConfig) { c.Gridsize, c.ObjectBig = 2, false },
	} {
		tr := newTraining(t, graph.Float64, 0.25, 1, change)
		want := tr.gradients(t, evalnative.Open())
		for _, backend := range selector.Backends() {
			t.Run(name+", "+backend, func(t *testing.T) {
				requireGradients(t, tr.gradients(t, open(t, backend)), want, gradientTolerance64)
			})
		}
	}
}

// predictions of a batch of groups, the outputs of group k one after another.
func (tr training) predictions(t *testing.T, b bridge.Backend, batch int) map[string][]float64 {
	t.Helper()
	s := tr.session(t, b, tr.model.Predict(batch))
	got, err := s.Run(model.PredictName(batch), tr.feeds(batch, func(k int) int { return k }))
	require.NoError(t, err)
	out := map[string][]float64{}
	for name, v := range got {
		out[name] = v.Float64()
	}
	return out
}

// TestGroupInAnyBatch: what comes of a group does not depend on the batch it is
// in. Groups repeat after eight in the larger batches, so that all are seen.
func TestGroupInAnyBatch(t *testing.T) {
	for _, rule := range []string{"uniform", "central", "probe"} {
		tr := newTraining(t, graph.Float32, 0.25, 1, groups(rule))
		for _, name := range selector.Backends() {
			t.Run(rule+", "+name, func(t *testing.T) {
				b := open(t, name)
				want := tr.predictions(t, b, 8)
				for _, batch := range []int{1, 16, 64, 100} {
					got := tr.predictions(t, b, batch)
					worst := 0.0
					for output, values := range got {
						size := len(values) / batch
						for k := range batch {
							worst = max(worst, bridgetest.Difference(values[k*size:(k+1)*size], want[output][k%8*size:(k%8+1)*size]))
						}
					}
					t.Logf("batch %3d, largest difference %.1e, allowed %.0e", batch, worst, batchTolerance)
					require.LessOrEqual(t, worst, batchTolerance)
				}
			})
		}
	}
}

// TestLossIsTheMeanOverGroups: loss and gradient of a batch are the means of
// those of its groups, for groups merged without regard to each other.
func TestLossIsTheMeanOverGroups(t *testing.T) {
	const batch = 3
	tr := newTraining(t, graph.Float64, 0.25, batch, groups("uniform"))
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t, name)
			whole := tr.gradients(t, b)
			s := tr.session(t, b, tr.model.Gradient(1))
			mean := map[string][]float64{}
			for k := range batch {
				one, err := s.Run(model.GradientName(1), tr.feeds(1, func(int) int { return k }))
				require.NoError(t, err)
				for output, v := range one {
					if mean[output] == nil {
						mean[output] = make([]float64, len(v.Float64()))
					}
					for i, x := range v.Float64() {
						mean[output][i] += x / batch
					}
				}
			}
			for output, v := range whole {
				require.LessOrEqual(t, bridgetest.Difference(v.Float64(), mean[output]), gradientTolerance64, output)
			}
		})
	}
}
