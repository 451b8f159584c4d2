package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
)

func TestCheckSlots(t *testing.T) {
	slots := []bridge.Slot{{Name: "x", DType: "float32", Shape: []int{-1, 3}}, {Name: "k", Optional: true}}
	x := bridge.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	require.NoError(t, bridge.CheckSlots(slots, bridge.Tensors{"x": x}))
	require.NoError(t, bridge.CheckSlots(slots, bridge.Tensors{"x": x, "k": bridge.NewTensor([]int64{7})}))
	for want, inputs := range map[string]bridge.Tensors{
		"input x is missing": {},
		"input x: found float64[2,3], expected float32[?,3]":   {"x": bridge.NewTensor(x.Float64(), 2, 3)},
		"input x: found float32[3,2], expected float32[?,3]":   {"x": bridge.NewTensor(x.Float32(), 3, 2)},
		"input x: found float32[6], expected float32[?,3]":     {"x": bridge.NewTensor(x.Float32(), 6)},
		"input k: found 1 elements for the shape [2], want 2":  {"x": x, "k": bridge.NewTensor([]int64{7}, 2)},
		"input k: found elements of type []string, want []flo": {"x": x, "k": {Data: []string{"a"}}},
		"no input is named z; there are: x, k":                 {"x": x, "z": x},
	} {
		require.ErrorContains(t, bridge.CheckSlots(slots, inputs), want)
	}
}

func TestInt64(t *testing.T) {
	k := bridge.NewTensor([]int64{-3, 1 << 40}, 2)
	require.Equal(t, "int64", k.Type())
	require.Equal(t, []float64{-3, 1 << 40}, k.Float64())
}
