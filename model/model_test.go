package model_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/physics"
)

func settings(n int, change func(*config.ModelConfig)) model.Settings {
	c := config.ModelConfig{
		N: n, Gridsize: 1, NFiltersScale: 2, ModelType: "pinn", PadObject: true, ObjectBig: true, ProbeBig: true,
		ProbeScale: 4, AmpActivation: "sigmoid", PatchMerge: "uniform",
	}
	if change != nil {
		change(&c)
	}
	return model.Settings{
		Model: c, Float: graph.Float32, Patterns: 3, IntensityScale: 20, TrainScale: true,
		Weights: model.Weights{NLL: 1}, Optimizer: model.Optimizer{Beta1: .9, Beta2: .999},
	}
}

// TestParameterCounts compares with the counts of the published network and of
// its reference program, as far as one pattern a group goes.
func TestParameterCounts(t *testing.T) {
	for _, c := range []struct {
		name         string
		n            int
		change       func(*config.ModelConfig)
		count, terms int
	}{
		{"64", 64, nil, 2331772, 44},
		{"128", 128, nil, 4661212, 56},
		{"256", 256, nil, 12912268, 68},
		{"64 without probe_big", 64, func(c *config.ModelConfig) { c.ProbeBig = false }, 2252026, 32},
		{"64 without pad_object", 64, func(c *config.ModelConfig) { c.PadObject = false }, 2399810, 40},
		{"64 with f = 1", 64, func(c *config.ModelConfig) { c.NFiltersScale = 1 }, 585244, 44},
		{"64, gridsize 2", 64, func(c *config.ModelConfig) { c.Gridsize = 2 }, 2340208, 44},
		{"128, gridsize 2", 128, func(c *config.ModelConfig) { c.Gridsize = 2 }, 4667056, 56},
		{"256, gridsize 2", 256, func(c *config.ModelConfig) { c.Gridsize = 2 }, 12916816, 68},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := model.New(settings(c.n, c.change))
			require.Equal(t, c.count, m.Count())
			require.Len(t, m.Parameters(), c.terms+1, "weight tensors and log_scale")
		})
	}
}

func TestInitialWeights(t *testing.T) {
	m := model.New(settings(64, nil))
	weights := m.Initial(42)
	again := m.Initial(42)
	other := m.Initial(43)
	require.Equal(t, weights, again)
	names := map[string]bool{}
	for i, p := range weights {
		require.False(t, names[p.Name], "two parameters are named %s", p.Name)
		names[p.Name] = true
		require.Len(t, p.Data, p.Shape.Size(), p.Name)
		switch len(p.Shape) {
		case 4:
			require.NotEqual(t, other[i].Data, p.Data, p.Name)
			requireGlorot(t, p)
		case 1:
			require.Equal(t, make([]float32, p.Shape[0]), p.Data, p.Name)
		default:
			require.Equal(t, model.LogScale, p.Name)
			require.InDelta(t, math.Log(20), p.Data[0], 1e-6)
		}
	}
}

// requireGlorot: a uniform distribution in ±a has the variance a²/3, and the
// sample's variance strays by about √(0.8/n) of it.
func requireGlorot(t *testing.T, p model.Parameter) {
	t.Helper()
	limit := math.Sqrt(6 / float64(9*(p.Shape[2]+p.Shape[3])))
	var sum, squares float64
	for _, v := range p.Data {
		require.LessOrEqual(t, math.Abs(float64(v)), limit, p.Name)
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(p.Data))
	require.InEpsilon(t, limit*limit/3, squares/n, 5*math.Sqrt(0.8/n), p.Name)
	require.InDelta(t, 0, sum/n, 5*limit/math.Sqrt(3*n), p.Name)
}

// TestAdamRate: t = 1 gives lr·√(1−β₂)/(1−β₁), and the correction fades.
func TestAdamRate(t *testing.T) {
	require.InEpsilon(t, 1e-3*math.Sqrt(1e-3)/0.1, model.AdamRate(1e-3, .9, .999, 1), 1e-12)
	require.InEpsilon(t, 1e-3, model.AdamRate(1e-3, .9, .999, 100000), 1e-9)
}

// TestMixedEnds: in bf16-mixed the first convolution, which sees the data, and
// the last ones, which give the object, stay float32, at every gridsize; those
// between do not.
func TestMixedEnds(t *testing.T) {
	for _, gridsize := range []int{1, 2, 3} {
		s := settings(64, func(c *config.ModelConfig) { c.Gridsize = gridsize })
		s.Mixed, s.Canvas = true, 90
		of := map[graph.DType]int{}
		for _, n := range model.New(s).Predict(2).Nodes() {
			if n.Op != graph.OpConv {
				continue
			}
			of[n.DType]++
			k := n.In[1].Shape
			if n.DType == graph.BFloat16 {
				require.False(t, k[2] == gridsize*gridsize || k[3] == 4*gridsize*gridsize, "gridsize %d: %v", gridsize, k)
			}
		}
		// Of 22: the first one, two in front of the borders with 4 channels, and
		// centre and border head of both decoders stay.
		require.Equal(t, map[graph.DType]int{graph.Float32: 7, graph.BFloat16: 15}, of, "gridsize %d", gridsize)
	}
}

func TestPrograms(t *testing.T) {
	s := settings(64, nil)
	m := model.New(s)
	train, predict := m.Train(2), m.Predict(2)
	require.NoError(t, train.Check())
	require.NoError(t, predict.Check())
	require.Len(t, train.Updates, len(m.Parameters()))
	require.Len(t, m.Moments(), 2*len(m.Parameters()))
	s.TrainScale = false
	m = model.New(s)
	train = m.Train(2)
	require.Len(t, train.Updates, len(m.Parameters())-1, "log_scale is not trained")
	s.TrainProbe, s.Optimizer.Name, s.Modes = true, "sgd", 3
	m = model.New(s)
	train = m.Train(2)
	require.NoError(t, train.Check())
	require.Len(t, train.Updates, 2*(len(m.Parameters())+1), "weights and both parts of the probe, each with its velocity")
	require.Len(t, m.Moments(), len(m.Parameters())+1)
	require.Equal(t, graph.Shape{3, 64, 64}, m.Moments()[len(m.Moments())-1].Shape)
	for _, o := range predict.Outputs {
		require.Equal(t, graph.Shape{2, 64, 64}, o.Node.Shape, o.Name)
	}
}

// TestRates: the decay follows the learning rate, without Adam's correction.
func TestRates(t *testing.T) {
	s := settings(64, nil)
	rates := func(o model.Optimizer) map[string]float64 {
		o.Beta1, o.Beta2 = .9, .999
		s.Optimizer = o
		return model.New(s).Rates(1e-3, 1)
	}
	corrected := model.AdamRate(1e-3, .9, .999, 1)
	require.Equal(t, map[string]float64{model.InputLearningRate: corrected}, rates(model.Optimizer{Name: "adam"}))
	require.Equal(t, map[string]float64{model.InputLearningRate: corrected, model.InputDecay: 1e-3 * .5}, rates(model.Optimizer{Name: "adamw", Decay: .5}))
	require.Equal(t, map[string]float64{model.InputLearningRate: 1e-3}, rates(model.Optimizer{Name: "sgd"}))
}

// TestMaskIsThatOfNormalisation: the mask of the exit wave holds the pixels
// over which the probe is normalised. A constant probe of 1 becomes
// N²/(4·pixels).
func TestMaskIsThatOfNormalisation(t *testing.T) {
	for _, n := range []int{8, 64, 128} {
		ones := make([]complex64, n*n)
		pixels := 0.0
		for p, v := range physics.Disc(n) {
			ones[p] = 1
			pixels += v
		}
		require.InEpsilon(t, float64(n*n)/(4*pixels), real(dataset.NormalizedProbe(ones, n, 4)[0]), 1e-6)
	}
}
