package selector

import (
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// mixedApart is how far the patches of a model that was trained in bf16-mixed
// for a few steps lie from those of the same training in float32, as a complex
// distance: 1e-3 to 3e-3 seen; the two trainings share only their beginning.
const mixedApart = 0.05

// TestMixedNative: trainings in bf16-mixed follow those in float32 for some
// steps, and differ, on both runtimes; run.json names the precision.
func TestMixedNative(t *testing.T) {
	raw := smallScan(t)
	train := func(backend, precision string) *workflow.Results {
		c := smallConfig(backend)
		c.Model.NFiltersScale = 0.5
		e := config.DefaultExecution()
		e.Precision = precision
		_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, WithExecution(e), WithLogger(nil))
		require.NoError(t, err)
		require.Equal(t, precision, r.Precision)
		return r
	}
	for _, backend := range Backends() {
		t.Run(backend, func(t *testing.T) {
			native(t, backend)
			wide, narrow := train(backend, "float32"), train(backend, model.PrecisionMixed)
			require.NotEqual(t, wide.History[1].TrainLoss, narrow.History[1].TrainLoss)
			apart := distance(narrow.ObjTensorFull, wide.ObjTensorFull)
			t.Logf("complex error of the patches %.1e, allowed %.1e", apart, mixedApart)
			require.Less(t, apart, mixedApart)
			require.NotZero(t, apart)
		})
	}
}

// distance is √(Σ|a−b|² / Σ|b|²).
func distance(a, b []complex64) float64 {
	var apart, all float64
	for i := range b {
		d := cmplx.Abs(complex128(a[i] - b[i]))
		apart, all = apart+d*d, all+float64(real(b[i])*real(b[i])+imag(b[i])*imag(b[i]))
	}
	return math.Sqrt(apart / all)
}

// TestSlowBFloat16IsTold: on a processor that cannot multiply bfloat16 numbers
// a warning says so, and nothing else changes.
func TestSlowBFloat16IsTold(t *testing.T) {
	for _, c := range []struct {
		precision string
		fast      bool
		told      int
	}{{model.PrecisionMixed, false, 1}, {model.PrecisionMixed, true, 0}, {"float32", false, 0}} {
		var seen events
		e := config.DefaultExecution()
		e.Precision = c.precision
		_, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, smallConfig(config.PyTorch), WithExecution(e), spied(&seen),
			func(call *call) { call.fastBFloat16 = func() bool { return c.fast } })
		require.NoError(t, err)
		require.Equal(t, c.told, strings.Count(strings.Join(seen, "\n"), "neither AVX512-BF16 nor AMX-BF16"), "%v", c)
	}
}
