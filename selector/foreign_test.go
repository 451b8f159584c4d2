package selector_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/parity"
	"github.com/ptychobridge/ptychobridge/selector"
)

// opened gives a model of testdata/foreign, or skips the test where its runtime
// is missing.
func opened(t *testing.T, name string, open func(path string) (bridge.Foreign, error)) parity.ForeignModel {
	t.Helper()
	required := os.Getenv("PTYCHO_REQUIRE_NATIVE") != ""
	path := filepath.Join("..", "testdata", "foreign", name)
	m, err := open(path)
	if errors.Is(err, bridge.ErrUnavailable) && !required {
		t.Skipf("a runtime is missing: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return parity.ForeignModel{Foreign: m, Name: name}
}

// TestForeignModels holds one function, exported to both runtimes, against
// itself, and finds one that is not.
func TestForeignModels(t *testing.T) {
	saved := func(signature string) parity.ForeignModel {
		return opened(t, "saved_model", func(path string) (bridge.Foreign, error) {
			return selector.OpenSavedModel(path, signature, bridge.Options{Threads: 1})
		})
	}
	script := func(file string) parity.ForeignModel {
		return opened(t, file, func(path string) (bridge.Foreign, error) {
			return selector.OpenTorchScript(path, bridge.Options{Threads: 1})
		})
	}
	data := filepath.Join(t.TempDir(), "data.npz")
	require.NoError(t, npz.Write(data,
		npz.Array{Key: "x", Data: []float32{1, 2, 3, -1, 0.5, 0.25, 0.125, 0, -2}, Shape: []int{3, 3}},
		npz.Array{Key: "k", Data: []int64{5, 1 << 40}, Shape: []int{2}}))

	r, err := parity.CompareForeign(saved(""), script("network.pt"), data, parity.ForeignOptions{Limit: 1e-6})
	require.NoError(t, err)
	require.True(t, r.Within)
	require.Empty(t, r.Notes)
	require.Len(t, r.Figures, 3)
	for i, output := range []string{"spectrum", "twice", "y"} {
		f := r.Figures[i]
		require.Equal(t, output, f.Output)
		t.Logf("%s %v: relative %.2g, bit-equal %.3g", f.Output, f.Shape, f.Pair.Relative, f.Pair.Equal)
	}
	require.Equal(t, []int{3, 3, 2}, r.Figures[0].Shape, "complex numbers as pairs")
	require.Zero(t, r.Figures[1].Pair.Absolute, "integers")

	// one weight is a hundredth too large
	r, err = parity.CompareForeign(saved(""), script("wrong.pt"), data, parity.ForeignOptions{})
	require.NoError(t, err)
	require.False(t, r.Within)
	for _, f := range r.Figures {
		require.Equal(t, f.Output != "y", f.Within, f.Output)
	}

	r, err = parity.CompareForeign(saved("renamed"), script("single.pt"), data, parity.ForeignOptions{})
	require.NoError(t, err)
	require.True(t, r.Within)
	require.Equal(t, "output_0 = out.0", r.Figures[0].Output)
	require.Len(t, r.Notes, 3, "input and output by order, and an array that is not read: %v", r.Notes)
	r, err = parity.CompareForeign(saved("renamed"), script("single.pt"), data, parity.ForeignOptions{Map: map[string]string{"image": "x", "output_0": "out.0"}})
	require.NoError(t, err)
	require.Len(t, r.Notes, 1, "the array that is not read: %v", r.Notes)

	r, err = parity.CompareForeign(saved("transposed"), script("single.pt"), data, parity.ForeignOptions{})
	require.Nil(t, r)
	require.ErrorContains(t, err, "found output out.0 of saved_model float32[2,3] and output out.0 of single.pt float32[3,2]; expected one shape, and axes are not permuted here")
}
