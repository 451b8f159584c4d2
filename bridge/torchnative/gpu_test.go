//go:build torch && cgo

package torchnative_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/nvidia"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
)

// TestOnGPU: in a process of its own, which opens CUDA first: the conformance
// suite, and steps that become a CUDA graph beside those of the CPU.
func TestOnGPU(t *testing.T) {
	const marker = "PTYCHO_TEST_ON_GPU"
	if os.Getenv(marker) == "" {
		if _, err := nvidia.Devices(); err != nil {
			t.Skip(err)
		}
		half := filepath.Join(filepath.Dir(open(t).Info().Path), "libtorch_cuda.so")
		if _, err := os.Stat(half); err != nil {
			t.Skipf("no CUDA half of LibTorch: %v", err)
		}
		inOwnProcess(t, "TestOnGPU", marker+"=1")
		return
	}
	gpu := func(t *testing.T) bridge.Backend {
		b, err := torchnative.Open(bridge.Options{Device: "cuda", Threads: 2, Deterministic: true})
		require.NoError(t, err)
		require.Equal(t, "cuda:0", b.Info().Device)
		require.NotEmpty(t, b.Info().GPU)
		t.Cleanup(func() { require.NoError(t, b.Close()) })
		return b
	}
	bridgetest.Run(t, gpu)

	t.Run("graph", func(t *testing.T) {
		b := gpu(t)
		t.Log(b.Info().Setting)
		onCPU, onGPU := start(t, open(t)), start(t, b)
		for k := range 8 {
			want, err := onCPU.Run("step", feeds(k))
			require.NoError(t, err)
			got, err := onGPU.Run("step", feeds(k))
			require.NoError(t, err)
			for name := range want {
				require.InDeltaSlice(t, want[name].Float64(), got[name].Float64(), 1e-5, "%s of step %d", name, k)
			}
		}
		u, err := onGPU.(bridge.Metered).Usage()
		require.NoError(t, err)
		require.Empty(t, u.Notes)
		require.Positive(t, u.PeakGPUBytes)
	})
	require.Zero(t, torchnative.LiveHandles())
}
