package dataset

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

const (
	// goldenTolerance is for float32 numbers that the reference computed:
	// max |a − b| / max |b|.
	goldenTolerance = 1e-6
	golden          = "../testdata/golden/a_inputs_gs1.npz"
)

func goldenReal(t *testing.T, key string) []float64 {
	t.Helper()
	f, err := npz.Open(golden)
	require.NoError(t, err)
	values, err := npz.Read[float64](f, key)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return values
}

func goldenComplex(t *testing.T, key string) []complex64 {
	t.Helper()
	f, err := npz.Open(golden)
	require.NoError(t, err)
	values, err := npz.Read[complex64](f, key)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return values
}

// near compares by max |got − want| / max |want|.
func near(t *testing.T, name string, got, want []float64) {
	t.Helper()
	require.Len(t, got, len(want))
	difference, largest := 0.0, 0.0
	for i, w := range want {
		difference = max(difference, abs(got[i]-w))
		largest = max(largest, abs(w))
	}
	t.Logf("%s: largest difference %.2g of %.4g, tolerance %.0e", name, difference/largest, largest, goldenTolerance)
	require.LessOrEqual(t, difference/largest, goldenTolerance, name)
}

func abs(v float64) float64 { return max(v, -v) }

func parts(values []complex64) []float64 {
	out := make([]float64, 0, 2*len(values))
	for _, v := range values {
		out = append(out, float64(real(v)), float64(imag(v)))
	}
	return out
}

func widened(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// Normalisation and probe are those of the reference program, whose arrays
// testdata/golden/README.md describes.
func TestGoldenNormalisation(t *testing.T) {
	n := int(goldenReal(t, "N")[0])
	amplitude := narrowed(goldenReal(t, "diffraction"))
	factor := NormalizationFactor(amplitude, n)
	near(t, "X_norm_factor", []float64{factor}, goldenReal(t, "X_norm_factor"))

	x := make([]float32, len(amplitude))
	for i, d := range amplitude {
		x[i] = float32(float64(d) * factor)
	}
	near(t, "X", widened(x), goldenReal(t, "X"))
	// A normalised pattern has (N/2)² on average, by the definition.
	near(t, "mean of X²", []float64{MeanPhotons(x, n)}, []float64{float64(n) * float64(n) / 4})

	scale := IntensityScale(goldenReal(t, "nphotons")[0], n)
	near(t, "intensity_scale", []float64{scale}, goldenReal(t, "intensity_scale"))
}

func TestGoldenProbe(t *testing.T) {
	n := int(goldenReal(t, "N")[0])
	got := NormalizedProbe(goldenComplex(t, "probeGuess"), n, goldenReal(t, "probe_scale")[0])
	near(t, "probe", parts(got), parts(goldenComplex(t, "probe")))
}

// All files of the reference can be read, and each has arrays.
func TestGoldenFilesAreComplete(t *testing.T) {
	for name, members := range map[string]int{
		"a_inputs_gs1.npz": 17, "b_forward_gs1.npz": 15, "b_forward_gs1_shifted.npz": 6, "c_translate.npz": 3, "d_losses_gs1.npz": 8,
	} {
		f, err := npz.Open(filepath.Join("..", "testdata", "golden", name))
		require.NoError(t, err)
		require.Len(t, f.Members(), members, name)
		for _, m := range f.Members() {
			values, err := npz.Read[complex128](f, m.Key)
			require.NoError(t, err)
			require.Len(t, values, m.Len())
		}
		require.NoError(t, f.Close())
	}
}

// measured is the path of a file of the experiment, which is not part of the
// project.
func measured(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("PTYCHO_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: put the file there, or set PTYCHO_DATA to its folder", path)
	}
	return path
}

func TestMeasuredSiemensStar(t *testing.T) {
	raw, err := Load(measured(t, "siemens_star_n64.npz"), Options{})
	require.NoError(t, err)
	require.Empty(t, raw.Warnings)
	require.Equal(t, 516, raw.Len()) // the data's README
	require.Equal(t, 64, raw.N)
	require.True(t, raw.Counts)
	photons := MeanPhotons(raw.Amplitude, raw.N)
	t.Logf("mean photons of a pattern: %.3f, normalisation factor %.9g", photons, NormalizationFactor(raw.Amplitude, raw.N))
	require.InEpsilon(t, 440557, photons, 1e-5)
	require.Equal(t, [2]int{241, 240}, [2]int{raw.Object.Rows, raw.Object.Cols})
	for k := range raw.Len() {
		require.True(t, raw.X[k] > 32 && raw.X[k] < 240-32, "x %g", raw.X[k])
		require.True(t, raw.Y[k] > 32 && raw.Y[k] < 241-32, "y %g", raw.Y[k])
	}
	// The README again: Σ|probe|² is the mean photon count within 2 %.
	sum := 0.0
	for _, v := range parts(raw.Probe) {
		sum += v * v
	}
	require.InEpsilon(t, photons, sum, 0.02)
}
