//go:build cgo && !notensorflow

package tfnative

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corepb "github.com/wamuir/graft/tensorflow/core/protobuf/for_core_protos_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// TestSessionConfig reads the options as TensorFlow does.
func TestSessionConfig(t *testing.T) {
	read := func(d bridge.Device) *corepb.ConfigProto {
		raw, err := sessionConfig(3, d)
		require.NoError(t, err)
		c := &corepb.ConfigProto{}
		require.NoError(t, proto.Unmarshal(raw, c))
		require.EqualValues(t, 3, c.IntraOpParallelismThreads)
		return c
	}
	cpu := read(bridge.Device{Kind: bridge.CPU})
	require.Equal(t, map[string]int32{"CPU": 1, "GPU": 0}, cpu.DeviceCount)
	require.Nil(t, cpu.GpuOptions)
	gpu := read(bridge.Device{Kind: bridge.CUDA, Number: 2})
	require.Equal(t, map[string]int32{"CPU": 1, "GPU": 1}, gpu.DeviceCount)
	require.True(t, gpu.GpuOptions.AllowGrowth)
	require.Equal(t, "2", gpu.GpuOptions.VisibleDeviceList)
	require.True(t, gpu.AllowSoftPlacement)
}

// TestTF32: it is off unless it was asked for, a value of the user's stays, and
// what is asked for and cannot be had is an error.
func TestTF32(t *testing.T) {
	t.Setenv(tf32Override, "") // so that it is as it was afterwards
	for _, c := range []struct {
		set  string
		on   bool
		want string
	}{
		{"", false, "TF32 off by NVIDIA_TF32_OVERRIDE=0"},
		{"", true, "TF32 on"},
		{"1", false, "TF32 on by NVIDIA_TF32_OVERRIDE=1"},
		{"1", true, "TF32 on by NVIDIA_TF32_OVERRIDE=1"},
		{"0", false, "TF32 off by NVIDIA_TF32_OVERRIDE=0"},
	} {
		require.NoError(t, os.Unsetenv(tf32Override))
		if c.set != "" {
			require.NoError(t, os.Setenv(tf32Override, c.set))
		}
		got, err := setTF32(c.on)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
	_, err := setTF32(true)
	require.EqualError(t, err, "TF32 was asked for, and NVIDIA_TF32_OVERRIDE=0 is set, by you or by an earlier backend of this process")
}
