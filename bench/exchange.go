package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/ptychobridge/ptychobridge/bridge/cases"
	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
)

// Keys of data.npz and expected.npz.
const (
	keyAmplitude = "amplitude"
	keyProbe     = "probe"
	keyIndices   = "indices"
	keyOffsets   = "offsets"
	keyObject    = "object"
	keyIntensity = "intensity"
	keyLoss      = "loss"
)

// Prepare writes bench.json, data.npz and weights.safetensors into a directory,
// of at most so many of the first patterns of a scan, whole groups, and gives the
// settings with what the data decided. Expect adds expected.npz.
//
// Groups are consecutive patterns; at gridsize 2 and above data.npz also holds
// made-up offsets [P, 2] from their mean position, (x, y) in pixels.
func Prepare(directory string, s Settings, raw *dataset.Raw, most int) (Settings, error) {
	s, err := prepare(directory, s, raw, most)
	if err != nil {
		return s, fmt.Errorf("bench: prepare: %w", err)
	}
	return s, nil
}

func prepare(directory string, s Settings, raw *dataset.Raw, most int) (Settings, error) {
	if raw.N != s.N {
		return s, fmt.Errorf("%s: patterns are %d×%d; N is %d", raw.Path, raw.N, raw.N, s.N)
	}
	c := s.channels()
	patterns := min(raw.Len(), most) / c * c
	if patterns == 0 {
		return s, fmt.Errorf("%s: found %d patterns; expected at least the %d of a group", raw.Path, raw.Len(), c)
	}
	s = s.withData(raw, patterns)
	if err := s.write(directory); err != nil {
		return s, err
	}
	factor := dataset.NormalizationFactor(raw.Amplitude, s.N)
	x := make([]float32, patterns*s.N*s.N)
	for i := range x {
		x[i] = float32(float64(raw.Amplitude[i]) * factor)
	}
	var indices []int64
	for _, i := range s.checkedIndices() {
		indices = append(indices, int64(i))
	}
	probe := dataset.NormalizedProbe(raw.Probe, s.N, s.config().ProbeScale)
	shape := []int{s.N, s.N}
	if modes := raw.Modes(); modes > 1 {
		shape = []int{modes, s.N, s.N}
	}
	arrays := []npz.Array{
		{Key: keyAmplitude, Data: x, Shape: []int{patterns, s.N, s.N}},
		{Key: keyProbe, Data: probe, Shape: shape},
		{Key: keyIndices, Data: indices, Shape: []int{len(indices)}},
	}
	if c > 1 {
		arrays = append(arrays, npz.Array{Key: keyOffsets, Data: s.offsets(), Shape: []int{patterns, 2}})
	}
	if err := npz.Write(filepath.Join(directory, fileData), arrays...); err != nil {
		return s, err
	}
	return s, s.writeWeights(directory, raw.Modes())
}

// writeWeights writes the initial weights of the seed.
func (s Settings) writeWeights(directory string, modes int) error {
	var tensors []safetensors.Tensor
	for _, p := range s.model(graph.Float32, false, modes).Initial(s.Seed) {
		tensors = append(tensors, safetensors.Tensor{Name: p.Name, Shape: p.Shape, F32: p.Data})
	}
	content, err := safetensors.Encode(tensors, nil)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, fileWeights), content, 0o600)
}

// indices are the patterns of the k-th batch: the next groups, modulo all.
func (s Settings) indices(k int) []int32 {
	count := s.Batch * s.channels()
	out := make([]int32, count)
	for i := range out {
		out[i] = int32((k*count + i) % s.Patterns)
	}
	return out
}

// offsets makes up offsets [P, 2] within reach whose mean over each group is 0.
func (s Settings) offsets() []float32 {
	c := s.channels()
	wide := cases.Offsets(rand.New(rand.NewPCG(s.Seed, 1)), s.Patterns/c, c, reach)
	out := make([]float32, len(wide))
	for i, v := range wide {
		out[i] = float32(v)
	}
	return out
}

// content is what a contestant computes with.
type content struct {
	Settings
	amplitude []float32   // [P, N, N]
	probe     []complex64 // [modes, N, N]
	offset    []float32   // [P, 2], nil at gridsize 1
	weights   []model.Parameter
}

// readContent reads what Prepare wrote.
func readContent(directory string) (content, error) {
	var c content
	var err error
	if c.Settings, err = ReadSettings(directory); err != nil {
		return c, err
	}
	f, err := npz.Open(filepath.Join(directory, fileData))
	if err != nil {
		return c, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if c.amplitude, err = npz.Read[float32](f, keyAmplitude); err != nil {
		return c, err
	}
	if c.probe, err = npz.Read[complex64](f, keyProbe); err != nil {
		return c, err
	}
	if c.channels() > 1 {
		if c.offset, err = npz.Read[float32](f, keyOffsets); err != nil {
			return c, err
		}
	}
	size := c.N * c.N
	if len(c.amplitude) != c.Patterns*size || len(c.probe) == 0 || len(c.probe)%size != 0 || c.Patterns < 1 || (c.offset != nil && len(c.offset) != 2*c.Patterns) {
		return c, fmt.Errorf("%s: its arrays do not go with %s", filepath.Join(directory, fileData), fileSettings)
	}
	c.weights, err = readWeights(filepath.Join(directory, fileWeights))
	return c, err
}

func readWeights(path string) ([]model.Parameter, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tensors, _, err := safetensors.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var out []model.Parameter
	for _, t := range tensors {
		out = append(out, model.Parameter{Name: t.Name, Shape: t.Shape, Data: t.F32})
	}
	return out, nil
}
