//go:build cgo && !notensorflow

package tfnative

import (
	"fmt"
	"strconv"

	corepb "github.com/wamuir/graft/tensorflow/core/protobuf/for_core_protos_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// sessionConfig is the ConfigProto of every session: each operation on the CPU
// with the given number of threads. A second operation may run beside the
// first, which makes a training step 7 % faster with two threads, since few
// operations keep both busy to their end; the numbers do not depend on it.
// Grappler, which rewrites graphs before they run, is off: ours gain nothing
// from it and start sooner without. A GPU's memory is taken as it is needed, and
// what has no kernel there runs on the CPU, as integers do.
func sessionConfig(threads int, device bridge.Device) ([]byte, error) {
	c := &corepb.ConfigProto{
		DeviceCount:               map[string]int32{"CPU": 1, "GPU": 0},
		IntraOpParallelismThreads: int32(threads),
		InterOpParallelismThreads: int32(min(threads, 2)),
		UsePerSessionThreads:      true,
		GraphOptions: &corepb.GraphOptions{
			RewriteOptions: &corepb.RewriterConfig{DisableMetaOptimizer: true},
		},
	}
	if device.Kind == bridge.CUDA {
		c.DeviceCount["GPU"] = 1
		c.AllowSoftPlacement = true
		c.GpuOptions = &corepb.GPUOptions{AllowGrowth: true, VisibleDeviceList: strconv.Itoa(device.Number)}
	}
	config, err := proto.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("session options: %w", err)
	}
	return config, nil
}
