package parity

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
)

func f32(v ...float32) bridge.Tensor { return bridge.NewTensor(v, len(v)) }
func f64(v ...float64) bridge.Tensor { return bridge.NewTensor(v, len(v)) }

// TestBetween: numbers worked out by hand.
func TestBetween(t *testing.T) {
	next := math.Nextafter32(2, 3) // 2 + 2⁻²²
	d := Between(f32(1, next, -3, 0), f32(1, 2, -3.5, float32(math.Copysign(0, -1))))
	require.InDelta(t, 0.5, d.Absolute, 0)
	require.InDelta(t, 0.5/3.5, d.Relative, 1e-15)
	require.InDelta(t, math.Sqrt(0.25+math.Pow(2, -44))/math.Sqrt(1+4+3.5*3.5), d.L2, 1e-15)
	require.Equal(t, uint64(1<<21), d.ULP, "from 3 to 3.5 there are ½ / 2⁻²² numbers of float32")
	require.InDelta(t, 0.5, d.Equal, 0, "1 and the two zeros")
	require.True(t, d.Finite)

	require.Equal(t, uint64(1), Between(f32(next), f32(2)).ULP)
	require.Equal(t, uint64(1<<29), Between(f64(float64(next)), f64(2)).ULP, "2⁻²² is 2²⁹ steps of float64 at 2")
	tiny := math.SmallestNonzeroFloat32
	require.Equal(t, uint64(2), Between(f32(float32(tiny)), f32(-float32(tiny))).ULP, "across zero")

	require.Equal(t, Distance{Equal: 1, Finite: true}, Between(f32(0, 7), f32(0, 7)))
	require.Equal(t, Distance{Equal: 1, Finite: true}, Between(f32(), f32()))
	require.InDelta(t, math.MaxFloat64, Between(f32(1), f32(0)).Relative, 0, "anything is far from nothing")
	big := func(v int64) bridge.Tensor { return bridge.NewTensor([]int64{v, 7}, 2) }
	d = Between(big(1<<53), big(1<<53+1))
	require.InDelta(t, 0.5, d.Equal, 0, "float64 does not tell them apart")
	require.Positive(t, d.Relative)
	for name, v := range map[string][2]bridge.Tensor{
		"other shape":       {bridge.NewTensor([]float32{1, 2}, 2, 1), bridge.NewTensor([]float32{1, 2}, 1, 2)},
		"NaN in the first":  {f32(float32(math.NaN())), f32(1)},
		"NaN in both":       {f64(math.NaN()), f64(math.NaN())},
		"infinite":          {f64(math.Inf(1)), f64(1)},
		"infinite in both":  {f64(math.Inf(1)), f64(math.Inf(1))},
		"different lengths": {f32(1, 2), f32(1)},
	} {
		require.Equal(t, endless(), Between(v[0], v[1]), name)
		require.False(t, Between(v[0], v[1]).Finite, name)
	}
}
