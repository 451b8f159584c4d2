//go:build torch && cgo

package torchnative_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
)

// TestNetworkRecorded trains a small network by recorded steps: losses,
// weights and predictions are those of plain ones, to the bit.
func TestNetworkRecorded(t *testing.T) {
	const patterns, batch = 4, 2
	c := config.DefaultModel()
	c.NFiltersScale = 0.25
	m := model.New(model.Settings{
		Model: c, Float: graph.Float32, Patterns: patterns, IntensityScale: 30, TrainScale: true, TrainProbe: true,
		Weights: model.Weights{NLL: 1}, Optimizer: model.Optimizer{Name: "adam", Beta1: 0.9, Beta2: 0.999}, BrightThreshold: 5,
	})
	train := func(b bridge.Backend) (outputs []bridge.Tensors, states map[string]bridge.Tensor, told []string) {
		programs := []*graph.Program{m.Train(batch), m.Predict(batch), m.Evaluate(batch)}
		s, err := b.Compile(programs...)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		declared, err := bridge.Declare(programs)
		require.NoError(t, err)
		random := rand.New(rand.NewPCG(1, 2))
		for _, name := range declared.StateNames() {
			n := declared.States[name]
			values := make([]float32, n.Shape.Size())
			for i := range values {
				values[i] = 0.1 * random.Float32()
			}
			require.NoError(t, s.Write(name, bridge.NewTensor(values, n.Shape...)))
		}
		for k := range 4 {
			feeds := bridge.Tensors{model.InputIndices: bridge.NewTensor([]int32{int32(k), 0}, batch)}
			predicted, err := s.Run(model.PredictName(batch), feeds)
			require.NoError(t, err)
			evaluated, err := s.Run(model.EvaluateName(batch), feeds)
			require.NoError(t, err)
			for name, v := range m.Rates(1e-3, k+1) {
				feeds[name] = bridge.FromFloat64(graph.Float32, []float64{v})
			}
			trained, err := s.Run(model.TrainName(batch), feeds)
			require.NoError(t, err)
			outputs = append(outputs, predicted, evaluated, trained)
		}
		states = map[string]bridge.Tensor{}
		for _, name := range declared.StateNames() {
			states[name], err = s.Read(name)
			require.NoError(t, err)
		}
		return outputs, states, notes(t, s)
	}
	b, log := recorded(t, "1")
	outputs, states, told := train(b)
	require.Empty(t, told, "all programs are recorded")
	calls := map[string]int{}
	for _, call := range log() {
		calls[call]++
	}
	require.Equal(t, map[string]int{"record": 3, "replay": 9, "drop": 3}, calls, "four runs of three programs, the first of each plain")
	wantOutputs, wantStates, _ := train(open(t))
	require.Equal(t, wantOutputs, outputs)
	require.Equal(t, wantStates, states)
	first, last := outputs[2][model.OutputLoss].Scalar(), outputs[11][model.OutputLoss].Scalar()
	require.NotEqual(t, first, last, "it trains")
}
