package bench

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// simulated is a scan of nine patterns.
func simulated(t *testing.T) *dataset.Raw {
	t.Helper()
	raw, err := dataset.Simulate(dataset.SimulateOptions{Object: dataset.ObjectSiemens, Patterns: 9, N: 64, NPhotons: 1e5, Seed: 4})
	require.NoError(t, err)
	return raw
}

// exchange prepares a directory for a tiny network.
func exchange(t *testing.T, gridsize, batch int) (string, Settings) {
	t.Helper()
	directory := t.TempDir()
	s, err := Prepare(directory, NewSettings(64, gridsize, 0.25, batch, 1, "float32", 3), simulated(t), 8)
	require.NoError(t, err)
	return directory, s
}

// TestPrepare: what peers read is what the protocol says.
func TestPrepare(t *testing.T) {
	directory, s := exchange(t, 1, 3)
	require.Equal(t, 8, s.Patterns)
	text, err := os.ReadFile(filepath.Join(directory, "bench.json"))
	require.NoError(t, err)
	var keys map[string]any
	require.NoError(t, json.Unmarshal(text, &keys))
	for _, k := range []string{
		"n", "gridsize", "n_filters_scale", "batch", "threads", "precision", "device", "allow_tf32", "seed", "learning_rate", "beta1", "beta2", "epsilon", "intensity_scale", "log_scale", "patterns",
	} {
		require.Contains(t, keys, k)
	}
	require.Len(t, keys, 16)
	back, err := ReadSettings(directory)
	require.NoError(t, err)
	require.Equal(t, s, back)

	f, err := npz.Open(filepath.Join(directory, "data.npz"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // it was only read
	for key, want := range map[string]npz.Member{
		"amplitude": {Key: "amplitude", Descr: "<f4", Shape: []int{8, 64, 64}},
		"probe":     {Key: "probe", Descr: "<c8", Shape: []int{64, 64}},
		"indices":   {Key: "indices", Descr: "<i8", Shape: []int{3}},
	} {
		m, ok := f.Member(key)
		require.True(t, ok, key)
		require.Equal(t, want, m)
	}
	// Batches are consecutive patterns modulo all.
	require.Equal(t, []int32{0, 1, 2}, s.indices(0))
	require.Equal(t, []int32{6, 7, 0}, s.indices(2))
	weights, err := readWeights(filepath.Join(directory, "weights.safetensors"))
	require.NoError(t, err)
	shapes := map[string][]int{}
	for _, w := range weights {
		shapes[w.Name] = w.Shape
	}
	require.Equal(t, []int{3, 3, 1, 8}, shapes["encoder.0.conv0.kernel"], "HWIO: 32 filters times 0.25")
	require.Contains(t, shapes, "log_scale")
}

// TestPrepareGroups: whole groups only, with offsets whose mean over a group is 0.
func TestPrepareGroups(t *testing.T) {
	directory := t.TempDir()
	s, err := Prepare(directory, NewSettings(64, 2, 0.25, 1, 1, "float32", 3), simulated(t), 7)
	require.NoError(t, err)
	require.Equal(t, 4, s.Patterns)
	c, err := readContent(directory)
	require.NoError(t, err)
	require.Len(t, c.offset, 8)
	for axis := range 2 {
		sum := c.offset[axis] + c.offset[axis+2] + c.offset[axis+4] + c.offset[axis+6]
		require.InDelta(t, 0, sum, 1e-5)
		require.NotZero(t, c.offset[axis])
	}
	_, err = Prepare(directory, NewSettings(64, 2, 0.25, 1, 1, "float32", 3), simulated(t), 3)
	require.ErrorContains(t, err, "at least the 4 of a group")
	_, err = Prepare(directory, NewSettings(128, 1, 0.25, 1, 1, "float32", 3), simulated(t), 3)
	require.ErrorContains(t, err, "patterns are 64×64; N is 128")
}

// TestNetwork: the evaluator is within rounding of itself in float64, and its
// steps move it away from there.
func TestNetwork(t *testing.T) {
	for _, gridsize := range []int{1, 2} {
		directory, _ := exchange(t, gridsize, 1)
		require.NoError(t, Expect(directory, evalnative.Open()))
		n, err := Open(directory, evalnative.Open())
		require.NoError(t, err)
		near, err := n.Check(directory)
		require.NoError(t, err)
		require.Empty(t, refused(Ready{Check: near}, Settings{Precision: "float32"}), near)
		require.Less(t, near.Object, 1e-6)
		seconds, err := n.Do(t.Context(), Step, 2)
		require.NoError(t, err)
		require.Positive(t, seconds)
		require.Equal(t, 2, n.steps)
		far, err := n.Check(directory)
		require.NoError(t, err)
		require.Greater(t, far.Object, 1e-4)
		_, err = n.Do(t.Context(), Predict, 1)
		require.NoError(t, err)
		require.Equal(t, 1, n.batches)
		require.NoError(t, n.Close())
	}
}

// TestLargeBatches: of a batch of 17 groups the first 16 are compared, whatever
// the others are.
func TestLargeBatches(t *testing.T) {
	directory, s := exchange(t, 1, 17)
	require.Equal(t, []int32{0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}, s.checkedIndices(), "of eight patterns")
	require.NoError(t, Expect(directory, evalnative.Open()))
	n, err := Open(directory, evalnative.Open())
	require.NoError(t, err)
	defer n.Close() //nolint:errcheck // it is the evaluator
	near, err := n.Check(directory)
	require.NoError(t, err)
	require.Empty(t, refused(Ready{Check: near}, Settings{Precision: "float32"}), near)
	for _, name := range []string{fileData, fileExpected} {
		f, err := npz.Open(filepath.Join(directory, name))
		require.NoError(t, err)
		key := map[string]string{fileData: keyIndices, fileExpected: keyObject}[name]
		m, ok := f.Member(key)
		require.True(t, ok)
		require.Equal(t, 16, m.Shape[0], key)
		require.NoError(t, f.Close())
	}
	_, err = n.Do(t.Context(), Predict, 1)
	require.NoError(t, err, "of all 17")
}

// TestDevices: a match is on one device, which has a name.
func TestDevices(t *testing.T) {
	s := NewSettings(64, 1, 0.25, 4, 1, "float32", 3)
	require.NoError(t, s.Validate())
	require.Equal(t, "batch 4, threads 1", s.String())
	s.Device, s.AllowTF32 = "cuda:1", true
	require.NoError(t, s.Validate())
	require.Equal(t, "batch 4, threads 1, cuda:1, TF32", s.String())
	for device, says := range map[string]string{"auto": "expected cpu, cuda or cuda:N", "": "expected cpu", "tpu": "not known"} {
		s.Device = device
		require.ErrorContains(t, s.Validate(), says)
	}
}

func TestNetworkIsStopped(t *testing.T) {
	directory, _ := exchange(t, 1, 1)
	n, err := Open(directory, evalnative.Open())
	require.NoError(t, err)
	defer n.Close() //nolint:errcheck // it is the evaluator
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.Do(ctx, Step, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestOpenRefuses(t *testing.T) {
	_, err := Open(t.TempDir(), evalnative.Open())
	require.ErrorContains(t, err, "bench.json")
	directory, s := exchange(t, 1, 1)
	s.Patterns = 100
	require.NoError(t, s.write(directory))
	_, err = Open(directory, evalnative.Open())
	require.ErrorContains(t, err, "data.npz: its arrays do not go with bench.json")
	s.Precision = "bf16"
	require.NoError(t, s.write(directory))
	_, err = Open(directory, evalnative.Open())
	require.ErrorContains(t, err, `precision "bf16" is not known; expected float32, float64 or bf16-mixed`)
}

// fakeWorker answers half a second for each.
type fakeWorker struct{ steps int }

func (w *fakeWorker) Do(_ context.Context, _ Task, count int) (float64, error) {
	w.steps += count
	return 0.5 * float64(count), nil
}

// onGPU is a worker that tells what it has used.
type onGPU struct{ fakeWorker }

func (*onGPU) Usage() (bridge.Usage, error) {
	return bridge.Usage{PeakGPUBytes: 3e9, Notes: []string{"no graph"}}, nil
}

func TestServeTellsUsage(t *testing.T) {
	var out strings.Builder
	require.NoError(t, Serve(t.Context(), strings.NewReader(`{"do":"step","count":1}`), &out, Ready{}, &onGPU{}))
	var a Answer
	require.NoError(t, json.Unmarshal([]byte(strings.Split(out.String(), "\n")[1]), &a))
	require.InDelta(t, 3000, a.PeakGPUMB, 0, "10⁶ bytes")
	require.Equal(t, []string{"no graph"}, a.Notes)
}

func TestServe(t *testing.T) {
	var out strings.Builder
	w := &fakeWorker{}
	in := strings.NewReader("{\"do\":\"step\",\"count\":3}\n{\"do\":\"predict\",\"count\":1}\n{\"do\":\"quit\"}\n{\"do\":\"step\",\"count\":5}\n")
	require.NoError(t, Serve(t.Context(), in, &out, Ready{Name: "fake"}, w))
	require.Equal(t, 4, w.steps, "nothing after quit")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], `"name":"fake"`)
	var a Answer
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &a))
	require.InDelta(t, 1.5, a.Seconds, 0)

	for text, says := range map[string]string{
		`{"do":"dance","count":1}`: "expected step, predict or quit",
		`{"do":"step"}`:            "expected a count of 1 or more",
		`step`:                     "invalid character",
	} {
		out.Reset()
		require.ErrorContains(t, Serve(t.Context(), strings.NewReader(text+"\n"), &out, Ready{}, w), says)
		require.Contains(t, out.String(), `"error":"request`)
	}
}
