package workflow

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
)

// TestWeighting: two patches of one pixel row overlap; where the probe of the
// first is dark and that of the second bright, the second counts for more, and
// several modes add their intensities.
func TestWeighting(t *testing.T) {
	const n = 2
	// Mode 1 lights pixel (0, 0), mode 2 pixel (0, 1); the lower row is dark
	// but for a little.
	probe := []complex64{1i, 0, .1, .1, 0, 3, 0, 0}
	require.InDeltaSlice(t, []float32{1, 9, .01, .01}, light(probe, n), 1e-6)

	r := &Results{}
	s := &scan{n: n, object: part{groups: &dataset.Groups{Channels: 1, Indices: []int32{0, 1}, Centre: []float64{1, 1, 2, 1}}}}
	o := Options{Logger: slog.New(slog.DiscardHandler), Reconstruction: config.DefaultReconstruction()}
	o.Reconstruction.M = n
	stitched := func() {
		canvas, err := newStitcher(s, probe, o.Reconstruction, false)
		require.NoError(t, err)
		require.NoError(t, canvas.Add([]complex64{1, 1, 1, 1, 2, 2, 2, 2}))
		require.NoError(t, r.stitch(canvas, o))
	}
	o.Reconstruction.Weighting = config.WeightingUniform
	stitched()
	require.Equal(t, []complex64{1, 1.5, 2}, r.Object.Data[:3])

	o.Reconstruction.Weighting = config.WeightingProbe
	stitched()
	require.InDelta(t, (9*1+1*2)/10., real(r.Object.Data[1]), 1e-6, "pixel (0, 1) of the first, (0, 0) of the second")
	require.InDelta(t, 1.5, real(r.Object.Data[4]), 1e-6)
	require.InDeltaSlice(t, []float32{1, 10, 9}, r.Object.Weight[:3], 1e-6)
}
