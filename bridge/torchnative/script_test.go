//go:build torch && cgo

package torchnative_test

import (
	"archive/zip"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
)

// script loads one of the files of testdata/foreign; its README says what they
// compute.
func script(t *testing.T, name string) bridge.Foreign {
	t.Helper()
	open(t)
	s, err := torchnative.OpenScript(bridge.Options{Threads: 1}, filepath.Join("..", "..", "testdata", "foreign", name))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, s.Close(), "closing twice is harmless")
		require.Zero(t, torchnative.LiveHandles())
	})
	return s
}

// x is the first input: two rows.
var x = bridge.NewTensor([]float32{1, 2, 3, -1, 0.5, 0.25}, 2, 3)

// y is tanh(x·w + b) with the fixture's w and b, worked out here.
func y() []float64 {
	w := [3][2]float64{{0.5, -0.25}, {1, 0.125}, {-0.75, 0.375}}
	b := [2]float64{float64(float32(0.1)), float64(float32(-0.2))}
	var out []float64
	for row := range 2 {
		for column := range 2 {
			sum := b[column]
			for k := range 3 {
				sum += float64(x.Float32()[3*row+k]) * w[k][column]
			}
			out = append(out, math.Tanh(sum))
		}
	}
	return out
}

func TestScript(t *testing.T) {
	s := script(t, "network.pt")
	require.Equal(t, []bridge.Slot{{Name: "x"}, {Name: "k"}}, s.Inputs())
	out, err := s.Run(bridge.Tensors{"x": x, "k": bridge.NewTensor([]int64{3, 1 << 40}, 2)})
	require.NoError(t, err)
	require.Len(t, out, 3)
	require.Equal(t, "y", out[0].Name)
	require.EqualValues(t, []int{2, 2}, out[0].Shape)
	require.InDeltaSlice(t, y(), out[0].Float64(), 3e-7, "float32 rounding")

	require.Equal(t, "spectrum", out[1].Name)
	require.EqualValues(t, []int{2, 3, 2}, out[1].Shape, "complex [2,3] as pairs")
	// Σ x exp(−2πi jk/3) of (1, 2, 3): 6, −1.5 + i√3/2, −1.5 − i√3/2
	require.InDeltaSlice(t, []float64{6, 0, -1.5, math.Sqrt(3) / 2, -1.5, -math.Sqrt(3) / 2}, out[1].Float64()[:6], 1e-6)

	require.Equal(t, "twice", out[2].Name)
	require.Equal(t, []int64{7, 1<<41 + 1}, out[2].Data)
}

func TestScriptOfATuple(t *testing.T) {
	s := script(t, "tuple.pt")
	require.Equal(t, []bridge.Slot{{Name: "image"}, {Name: "shift", Optional: true}}, s.Inputs(), "power is no tensor and has a default")
	out, err := s.Run(bridge.Tensors{"image": x})
	require.NoError(t, err)
	require.Len(t, out, 3)
	for i, name := range []string{"out.0", "out.1.0", "out.1.1"} {
		require.Equal(t, name, out[i].Name)
	}
	want := y()
	require.InDeltaSlice(t, want, out[0].Float64(), 3e-7)
	require.Equal(t, "float64", out[1].Type())
	require.Equal(t, out[0].Float64(), out[1].Float64())
	require.InDeltaSlice(t, []float64{want[0], want[2], want[1], want[3]}, out[2].Float64(), 3e-7, "a view, transposed, comes row by row")

	shifted, err := s.Run(bridge.Tensors{"image": x, "shift": bridge.NewTensor([]float32{10, 20}, 2)})
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{want[0] + 10, want[1] + 20, want[2] + 10, want[3] + 20}, shifted[0].Float64(), 3e-6)
}

func TestScriptOfOneTensor(t *testing.T) {
	s := script(t, "single.pt")
	for range 3 { // from the second run on the compiler has seen the shapes
		out, err := s.Run(bridge.Tensors{"x": x})
		require.NoError(t, err)
		require.Len(t, out, 1)
		require.Equal(t, "out.0", out[0].Name)
		require.InDeltaSlice(t, y(), out[0].Float64(), 3e-7)
	}
	out, err := s.Run(bridge.Tensors{"x": bridge.NewTensor([]float32{}, 0, 3)})
	require.NoError(t, err)
	require.EqualValues(t, []int{0, 2}, out[0].Shape)
}

func TestScriptFaults(t *testing.T) {
	s := script(t, "single.pt")
	for want, inputs := range map[string]bridge.Tensors{
		"input x is missing":                         {},
		"no input is named z; there are: x":          {"x": x, "z": x},
		"found 1 elements for the shape [2,3], want": {"x": {Shape: []int{2, 3}, Data: []float32{1}}},
		"elements of type []bool":                    {"x": {Shape: []int{1}, Data: []bool{true}}},
		"mat1 and mat2 shapes cannot be multiplied":  {"x": bridge.NewTensor([]float32{1, 2}, 1, 2)},
		"same dtype": {"x": bridge.NewTensor([]float64{1, 2, 3}, 1, 3)},
	} {
		_, err := s.Run(inputs)
		require.ErrorContains(t, err, "torchnative: run script ../../testdata/foreign/single.pt: ")
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, s.Close())
	_, err := s.Run(bridge.Tensors{"x": x})
	require.ErrorIs(t, err, bridge.ErrClosed)
}

// TestFilesThatAreNoScript: each says what it is.
func TestFilesThatAreNoScript(t *testing.T) {
	open(t)
	dir := t.TempDir()
	archive := func(members ...string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, m := range members {
			_, err := z.Create(m)
			require.NoError(t, err)
		}
		require.NoError(t, z.Close())
		return b.Bytes()
	}
	whole, err := os.ReadFile("../../testdata/foreign/single.pt")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		// the members that torch.save of PyTorch 2 writes
		"state.pt":   {archive("state/data.pkl", "state/byteorder", "state/data/0", "state/version"), "found weights without a network (a state_dict"},
		"old.pt":     {[]byte{0x80, 0x02, 0x8a, 0x0a}, "found weights without a network"},
		"program.pt": {archive("program/archive_format", "program/models/model.json"), "found a program of torch.export"},
		"data.npz":   {archive("x.npy"), "found an archive of another kind; expected a TorchScript file"},
		"text.pt":    {[]byte("hello"), "found no archive"},
		"empty.pt":   {nil, "found no archive"},
		"cut.pt":     {whole[:len(whole)-100], "found no archive"},
		"hollow.pt":  {archive("hollow/constants.pkl", "hollow/data.pkl"), "torchnative: open script"}, // LibTorch's own words
	} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, c.content, 0o600))
		_, err := torchnative.OpenScript(bridge.Options{}, file)
		require.ErrorContains(t, err, "torchnative: open script: "+file+": ", name)
		require.ErrorContains(t, err, c.want, name)
		t.Log(err)
	}
	_, err = torchnative.OpenScript(bridge.Options{}, filepath.Join(dir, "nowhere.pt"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = torchnative.OpenScript(bridge.Options{}, dir)
	require.ErrorContains(t, err, "expected a TorchScript file")
	_, err = torchnative.OpenScript(bridge.Options{}, "../../testdata/foreign/refused.pt")
	require.ErrorContains(t, err, "argument steps of forward: found the type int, want a tensor")
	require.Zero(t, torchnative.LiveHandles())
}
