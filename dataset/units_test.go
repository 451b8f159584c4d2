package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDoubtUnits(t *testing.T) {
	metres := []float64{0, 1e-6, 2e-6}
	require.Contains(t, doubtUnits(metres, metres, 64), "span 2e-06 × 2e-06 pixels")
	far := []float64{0, 1000, 2000, 3000}
	require.Contains(t, doubtUnits(far, far, 64), "some 1.5e+03 pixels apart, and patterns have 64", "√(3000²/4) = 1500")
	near := []float64{0, 10, 20, 30}
	require.Empty(t, doubtUnits(near, near, 64))
	require.Empty(t, doubtUnits(near, make([]float64, 4), 64), "a line")
	require.Empty(t, doubtUnits(metres[:1], metres[:1], 64))
}
