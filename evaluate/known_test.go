package evaluate_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// known is testdata/known.json; make.py beside it says where it comes from.
type known struct {
	Pairs []struct {
		Rows, Cols      int
		AmplitudeFactor float64 `json:"amplitude_factor"`
		Amplitude       knownQuality
		Phase           knownQuality
		Complex         evaluate.ComplexQuality
	}
}

type knownQuality struct {
	evaluate.Quality
	GaussianSSIM float64 `json:"gaussian_ssim"`
}

// noise is make.py's: a linear congruential generator, −0.5 … 0.5.
func noise(seed uint32, count int) []float64 {
	out := make([]float64, count)
	for i := range out {
		seed = 1664525*seed + 1013904223
		out[i] = float64(seed)/(1<<32) - 0.5
	}
	return out
}

// knownPair makes make.py's objects.
func knownPair(rows, cols int) (object, reference *stitch.Object) {
	var n [5][]float64
	for k := range n {
		n[k] = noise(uint32(k+1), max(2500, rows*cols))
	}
	object, reference = &stitch.Object{Rows: rows, Cols: cols}, &stitch.Object{Rows: rows, Cols: cols}
	for i := range rows * cols {
		c, r, block := float64(i%cols), float64(i/cols), n[4][i/cols/4*50+i%cols/4]
		object.Data = append(object.Data, complex64(cmplx.Rect(
			0.8+0.08*math.Cos(0.7*c+0.3*r)+0.2*block+0.2*n[0][i],
			0.3*math.Sin(0.4*c)+0.8*block+0.6*n[1][i]+0.004*c-0.002*r)))
		reference.Data = append(reference.Data, complex64(cmplx.Rect(
			1.0+0.1*math.Cos(0.7*c+0.3*r+0.2)+0.25*block+0.2*n[2][i],
			0.35*math.Sin(0.4*c+0.1)+0.9*block+0.6*n[3][i]+0.3)))
	}
	return object, reference
}

// largest keeps the largest relative difference of what it has compared.
type largest struct{ value float64 }

func (l *largest) compare(want, got float64) {
	l.value = max(l.value, math.Abs(got-want)/max(1, math.Abs(want)))
}

// knownWithin is the tolerance of values from another program: both compute in
// float64, from objects that were rounded to float32 one ulp apart at most.
const knownWithin = 1e-6

// TestAgainstScikitImage: error, PSNR and SSIM are scikit-image's, MS-SSIM and
// FRC those of a direct computation in NumPy.
func TestAgainstScikitImage(t *testing.T) {
	content, err := os.ReadFile("testdata/known.json")
	require.NoError(t, err)
	var k known
	require.NoError(t, json.Unmarshal(content, &k))
	require.Len(t, k.Pairs, 4)
	for _, want := range k.Pairs {
		t.Run(fmt.Sprintf("%d×%d", want.Rows, want.Cols), func(t *testing.T) {
			object, reference := knownPair(want.Rows, want.Cols)
			m, err := evaluate.Evaluate(object, reference, everywhere, evaluate.Options{NoRegistration: true})
			require.NoError(t, err)
			require.Empty(t, m.Notes)
			d := m.Detail
			require.False(t, d.Registered)
			require.Equal(t, want.Rows*want.Cols, d.Pixels)
			var l largest
			l.compare(want.AmplitudeFactor, d.AmplitudeFactor)
			l.compare(want.Complex.Error, d.Complex.Error)
			compareFRC(t, &l, want.Complex.FRC, d.Complex.FRC)
			compareQuality(t, &l, want.Amplitude.Quality, d.Amplitude)
			compareQuality(t, &l, want.Phase.Quality, d.Phase)
			t.Logf("largest difference %.2g, tolerance %.0e", l.value, knownWithin)
			require.LessOrEqual(t, l.value, knownWithin)
			if d.Phase.MSSSIMScales == 1 {
				// MS-SSIM at one scale is SSIM with a Gaussian window.
				require.InDelta(t, want.Amplitude.GaussianSSIM, *d.Amplitude.MSSSIM, knownWithin)
				require.InDelta(t, want.Phase.GaussianSSIM, *d.Phase.MSSSIM, knownWithin)
			}
		})
	}
}

func compareQuality(t *testing.T, l *largest, want, got evaluate.Quality) {
	t.Helper()
	l.compare(want.Correlation, got.Correlation)
	l.compare(want.MAE, got.MAE)
	l.compare(want.MSE, got.MSE)
	l.compare(*want.PSNR, *got.PSNR)
	l.compare(want.PSNRPeak255, got.PSNRPeak255)
	l.compare(*want.SSIM, *got.SSIM)
	l.compare(*want.MSSSIM, *got.MSSSIM)
	require.Equal(t, want.MSSSIMScales, got.MSSSIMScales)
	compareFRC(t, l, want.FRC, got.FRC)
}

func compareFRC(t *testing.T, l *largest, want, got *evaluate.FRC) {
	t.Helper()
	require.Equal(t, want.Side, got.Side)
	require.Len(t, got.Curve, len(want.Curve))
	for r, v := range want.Curve {
		l.compare(v, got.Curve[r])
	}
	for _, c := range [][2]evaluate.Crossing{{want.Half, got.Half}, {want.Seventh, got.Seventh}} {
		require.Equal(t, c[0].Crossed, c[1].Crossed)
		l.compare(c[0].Ring, c[1].Ring)
		l.compare(c[0].PerPixel, c[1].PerPixel)
		l.compare(c[0].LastRing, c[1].LastRing)
	}
}
