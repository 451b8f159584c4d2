package dataset

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	wholeWarning   = "found neither whole numbers nor numbers whose squares are whole"
	declareWarning = "found intensities that are no whole numbers"
)

// photons are noisy counts of that mean, as many as the small scan has pixels.
func photons(mean float64) []float64 {
	out := make([]float64, smallN*smallSide*smallSide)
	noise := rand.NewPCG(3, 0)
	for i := range out {
		out[i] = distuv.Poisson{Lambda: mean, Src: noise}.Rand()
	}
	return out
}

func times(values []float64, factor float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v * factor
	}
	return out
}

func rootsInFloat64(counts []float64) []float64 {
	out := make([]float64, len(counts))
	for i, c := range counts {
		out[i] = math.Sqrt(c)
	}
	return out
}

func integersOf(values []float64) []int64 {
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = int64(v)
	}
	return out
}

// bits are zeros and ones, with light in each pattern: their own squares.
func bits() []float64 {
	out := make([]float64, smallN*smallSide*smallSide)
	for i := range out {
		out[i] = float64(i % 2)
	}
	return out
}

func TestKinds(t *testing.T) {
	counts := photons(30)
	for name, c := range map[string]struct {
		data      any
		kind      string
		amplitude []float32
		counts    bool
		warning   string
	}{
		"counts as float":                                            {counts, KindAuto, roots(counts), true, ""},
		"counts as integers":                                         {integersOf(counts), "", roots(counts), true, ""},
		"counts, declared":                                           {counts, KindIntensity, roots(counts), true, ""},
		"√counts in float32":                                         {roots(counts), KindAuto, roots(counts), true, ""},
		"√counts in float64":                                         {rootsInFloat64(counts), KindAuto, roots(counts), true, ""},
		"√counts, declared":                                          {roots(counts), KindAmplitude, roots(counts), true, ""},
		"√counts of 1e5, float32 rounds":                             {roots(photons(1e5)), KindAuto, roots(photons(1e5)), true, ""},
		"√counts of 1e6, float32 rounds":                             {roots(photons(1e6)), KindAuto, roots(photons(1e6)), true, ""},
		"√counts of 1e7, float32 cannot tell":                        {roots(photons(1e7)), KindAuto, roots(photons(1e7)), false, wholeWarning},
		"normalised amplitudes":                                      {times(rootsInFloat64(counts), 0.37), KindAuto, narrowed(times(rootsInFloat64(counts), 0.37)), false, wholeWarning},
		"tiny amplitudes":                                            {times(rootsInFloat64(counts), 1e-4), KindAuto, narrowed(times(rootsInFloat64(counts), 1e-4)), false, wholeWarning},
		"normalised amplitudes, declared":                            {times(rootsInFloat64(counts), 0.37), KindAmplitude, narrowed(times(rootsInFloat64(counts), 0.37)), false, wholeWarning},
		"scaled counts, declared":                                    {times(counts, 0.37), KindIntensity, roots(times(counts, 0.37)), false, declareWarning},
		"amplitudes of 1e10, where float32 holds whole numbers only": {times(rootsInFloat64(counts), 3.3e9), KindAmplitude, narrowed(times(rootsInFloat64(counts), 3.3e9)), false, wholeWarning},
		"zeros and ones as amplitudes":                               {bits(), KindAmplitude, narrowed(bits()), true, ""},
		"zeros and ones as counts":                                   {bits(), KindAuto, narrowed(bits()), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := smallFile().with(keyPatterns, c.data, smallN, smallSide, smallSide).load(t, Options{Kind: c.kind})
			require.NoError(t, err)
			require.Equal(t, c.counts, raw.Counts)
			requireUlps(t, c.amplitude, raw.Amplitude)
			if c.warning == "" {
				require.Empty(t, raw.Warnings)
				return
			}
			require.Len(t, raw.Warnings, 1)
			require.Contains(t, raw.Warnings[0], `key "diffraction": `+c.warning)
		})
	}
}

// requireUlps lets float32 numbers differ by two units in the last place:
// counts that are no whole numbers are rounded before and after their root.
func requireUlps(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		require.LessOrEqual(t, math.Abs(float64(got[i]-w)), 0x1p-22*float64(w), "element %d", i)
	}
}

func narrowed(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}

// One pixel that is wrong by more than rounding is enough.
func TestOnePixelThatIsNoCount(t *testing.T) {
	values := roots(photons(30))
	values[200] = float32(math.Sqrt(30.01))
	raw, err := smallFile().with(keyPatterns, values, smallN, smallSide, smallSide).load(t, Options{})
	require.NoError(t, err)
	require.False(t, raw.Counts)
	require.Len(t, raw.Warnings, 1)
}

func TestKindThatTheNumbersContradict(t *testing.T) {
	for name, c := range map[string]struct {
		data any
		kind string
		want string
	}{
		"counts as amplitudes":   {photons(30), KindAmplitude, "found whole numbers throughout (largest "},
		"integers as amplitudes": {integersOf(photons(30)), KindAmplitude, "set data.kind to intensity or auto"},
		"√counts as counts":      {roots(photons(30)), KindIntensity, "found numbers whose squares are whole, as amplitudes have; expected photon counts: set data.kind to amplitude or auto"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := smallFile().with(keyPatterns, c.data, smallN, smallSide, smallSide).load(t, Options{Kind: c.kind})
			require.ErrorContains(t, err, `key "diffraction": `)
			require.ErrorContains(t, err, c.want)
		})
	}
}
