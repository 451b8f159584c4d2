package parity

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// TestTensorsOfForeignModels: what one process leaves the other finds, to the
// bit, whatever its name: a single value, nothing at all, −0, the largest
// integers.
func TestTensorsOfForeignModels(t *testing.T) {
	directory := t.TempDir()
	named := []bridge.Named{
		{Name: "a/b:0", Tensor: bridge.NewTensor([]float32{1, -2.5, math.MaxFloat32, float32(math.Copysign(0, -1)), 5, 6}, 3, 1, 2)},
		{Name: "", Tensor: bridge.NewTensor([]float64{math.Pi})},
		{Name: "a/b:0", Tensor: bridge.NewTensor([]int64{math.MaxInt64, math.MinInt64}, 2)},
		{Name: "none", Tensor: bridge.NewTensor([]int32{}, 2, 0)},
		{Name: "narrow", Tensor: bridge.NewTensor([]int32{math.MinInt32, 7}, 1, 2)},
	}
	require.NoError(t, SaveTensors(directory, named))
	found, err := LoadTensors(directory)
	require.NoError(t, err)
	require.Equal(t, named, found)
	require.True(t, math.Signbit(float64(found[0].Data.([]float32)[3])))

	require.NoError(t, SaveTensors(directory, nil))
	found, err = LoadTensors(directory)
	require.NoError(t, err)
	require.Empty(t, found)

	// Infinite values and those that are no numbers are outputs too.
	require.NoError(t, SaveTensors(directory, []bridge.Named{{Name: "y", Tensor: bridge.NewTensor([]float32{float32(math.NaN()), float32(math.Inf(-1))}, 2)}}))
	found, err = LoadTensors(directory)
	require.NoError(t, err)
	require.True(t, math.IsNaN(found[0].Float64()[0]))
	require.True(t, math.IsInf(found[0].Float64()[1], -1))
}

func TestTensorsOfForeignModelsFaults(t *testing.T) {
	directory := t.TempDir()
	err := SaveTensors(directory, []bridge.Named{{Name: "y", Tensor: bridge.Tensor{Data: []float32{1}, Shape: []int{2}}}})
	require.ErrorContains(t, err, "parity: save tensors: y: found 1 elements")
	_, err = LoadTensors(directory)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, SaveTensors(directory, nil))
	for text, says := range map[string]string{
		"{":                             "parity: load tensors: ",
		`[{"array":"a","type":"bool"}]`: `found elements of "bool"`,
		`[{"array":"a","name":"y","type":"int32"}]`: "load tensors: y: ",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, tensorsFile), []byte(text), 0o600))
		_, err = LoadTensors(directory)
		require.ErrorContains(t, err, says)
	}
}
