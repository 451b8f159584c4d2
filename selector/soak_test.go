package selector_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/selector"
)

// How far resident memory may grow between the warm-up and the end of a soak:
// what runtimes move about, and a leak that would not matter in a day.
const (
	looseGrowth   = 8 << 20 // bytes; 5.2 MB seen over 2,000 steps, 0.9 MB on LibTorch
	growthForStep = 1 << 10 // bytes a step
)

// TestSoak trains a small network and sees that memory stays flat and handles
// end at zero. PTYCHO_SOAK makes it 2,000 steps.
func TestSoak(t *testing.T) {
	steps := 200
	if os.Getenv("PTYCHO_SOAK") != "" {
		steps = 2000
	}
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t, name)
			tr := newTraining(t, graph.Float32, 0.25, 1)
			s := tr.session(t, b, tr.model.Train(1))
			step := func(k int) {
				_, err := s.Run(model.TrainName(1), bridge.Tensors{
					model.InputIndices:      bridge.NewTensor([]int32{int32(k % tr.settings.Patterns)}, 1),
					model.InputLearningRate: bridge.NewTensor([]float32{1e-4}),
				})
				require.NoError(t, err)
			}
			for k := range 100 {
				step(k)
			}
			before := resident(t)
			for k := range steps {
				step(k)
			}
			after := resident(t)
			t.Logf("resident memory after 100 steps %.1f MB, after %d more %.1f MB", float64(before)/1e6, steps, float64(after)/1e6)
			require.Less(t, after-before, int64(looseGrowth+growthForStep*steps))
			require.NoError(t, s.Close())
			if name == config.PyTorch {
				require.Zero(t, torchnative.LiveHandles())
			}
		})
	}
}

// resident is the memory of the process that is in RAM, after a collection.
func resident(t *testing.T) int64 {
	t.Helper()
	runtime.GC()
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("resident memory is read from /proc: %v", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(content))[1], 10, 64)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}

// BenchmarkStep is one training step of the network of the default size with a
// batch of 16 patterns (the eight of the golden file, twice).
func BenchmarkStep(b *testing.B) {
	for _, name := range selector.Backends() {
		b.Run(name, func(b *testing.B) { benchmark(b, name, true) })
	}
}

// BenchmarkPredict is the prediction of such a batch.
func BenchmarkPredict(b *testing.B) {
	for _, name := range selector.Backends() {
		b.Run(name, func(b *testing.B) { benchmark(b, name, false) })
	}
}

func benchmark(b *testing.B, name string, train bool) {
	const batch = 16
	tr := newTraining(b, graph.Float32, 2, batch)
	backend := open(b, name)
	program := tr.model.Predict(batch)
	if train {
		program = tr.model.Train(batch)
	}
	s := tr.session(b, backend, program)
	indices := make([]int32, batch)
	for i := range indices {
		indices[i] = int32(i % tr.settings.Patterns)
	}
	feeds := bridge.Tensors{model.InputIndices: bridge.NewTensor(indices, batch)}
	if train {
		feeds[model.InputLearningRate] = bridge.NewTensor([]float32{1e-4})
	}
	for b.Loop() {
		if _, err := s.Run(program.Name, feeds); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "patterns/s")
	b.Logf("%+v", backend.Info())
}
