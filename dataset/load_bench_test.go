package dataset_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// BenchmarkLoad loads 2,000 patterns of 64×64, 33 MB of float32, with hash and
// checks, from a file that was just written.
func BenchmarkLoad(b *testing.B) {
	raw, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 2000, N: 64, NPhotons: 1e4, Seed: 1})
	require.NoError(b, err)
	n := raw.Len()
	for _, deflate := range []bool{false, true} {
		b.Run(fmt.Sprintf("deflate %v", deflate), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "scan.npz")
			require.NoError(b, npz.Write(path,
				npz.Array{Key: "diffraction", Data: raw.Amplitude, Shape: []int{n, raw.N, raw.N}, Deflate: deflate},
				npz.Array{Key: "xcoords", Data: raw.X, Shape: []int{n}},
				npz.Array{Key: "ycoords", Data: raw.Y, Shape: []int{n}},
				npz.Array{Key: "probeGuess", Data: raw.Probe, Shape: []int{raw.N, raw.N}}))
			b.SetBytes(int64(4 * len(raw.Amplitude)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := dataset.Load(path, dataset.Options{})
				require.NoError(b, err)
			}
		})
	}
}
