//go:build torch && cgo

package torchnative

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// TestSettings: what a result says of the switches on a GPU, those of the
// environment included where they are stronger.
func TestSettings(t *testing.T) {
	t.Setenv("OMP_WAIT_POLICY", "active")
	t.Setenv("GOMP_SPINCOUNT", "77")
	require.Equal(t, "channels-last, OMP_WAIT_POLICY=active, GOMP_SPINCOUNT=77", settings{device: bridge.Device{Kind: bridge.CPU}, tf32: true}.String())
	for _, c := range []struct {
		override            string
		tf32, deterministic bool
		want                string
	}{
		{"", false, true, "TF32 off, deterministic on"},
		{"", true, false, "TF32 on, deterministic off"},
		{"0", false, true, "TF32 off, deterministic on"},
		{"0", true, true, "TF32 on but NVIDIA_TF32_OVERRIDE=0, deterministic on"},
		{"1", false, true, "TF32 off but NVIDIA_TF32_OVERRIDE=1, deterministic on"},
		{"1", true, true, "TF32 on, deterministic on"},
	} {
		t.Setenv("NVIDIA_TF32_OVERRIDE", c.override)
		s := settings{device: bridge.Device{Kind: bridge.CUDA}, tf32: c.tf32, deterministic: c.deterministic}
		require.Equal(t, "channels-last, OMP_WAIT_POLICY=active, GOMP_SPINCOUNT=77, "+c.want+", no CUDA graphs: "+cuda.without, s.String())
	}
}
