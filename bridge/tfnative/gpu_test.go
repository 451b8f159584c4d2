//go:build cgo && !notensorflow

package tfnative_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/nvidia"
	"github.com/ptychobridge/ptychobridge/bridge/tfnative"
)

// TestOpenRefusesDevices: D9: a device that is not known is refused before
// anything is opened.
func TestOpenRefusesDevices(t *testing.T) {
	_, err := tfnative.Open(bridge.Options{Device: "tpu"})
	require.EqualError(t, err, `tfnative: open: device "tpu" is not known; expected auto, cpu, cuda or cuda:N`)
	_, err = tfnative.LoadSavedModel(bridge.Options{Device: "cuda"}, "some")
	require.EqualError(t, err, "tfnative: load model some: device cuda: exported models run on the CPU only; use device cpu or auto")
}

// TestGPUInAnotherProcess: D9: asks for GPUs without a driver and with a stand-in for
// one, which shows two that TensorFlow does not find.
func TestGPUInAnotherProcess(t *testing.T) {
	const marker = "TFNATIVE_TEST_DEVICES"
	if devices := os.Getenv(marker); devices != "" {
		for device := range strings.SplitSeq(devices, " ") {
			b, err := tfnative.Open(bridge.Options{Device: device, Threads: 1, Deterministic: true})
			if err != nil {
				fmt.Printf("%s: %v\n", device, err)
				continue
			}
			fmt.Printf("%s gives %s (%s)\n", device, b.Info().Device, b.Info().Setting)
		}
		return
	}
	if _, err := nvidia.Devices(); err == nil {
		t.Skip("there is a GPU")
	}
	path := open(t).Info().Path
	ask := func(devices string, environment ...string) string {
		c := exec.Command(os.Args[0], "-test.run=^TestGPUInAnotherProcess$")
		c.Env = append(append(os.Environ(), marker+"="+devices), environment...)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("%s", out)
		return string(out)
	}

	out := ask("cuda:3 auto")
	require.Contains(t, out, "cuda:3: tfnative: open: device cuda:3: there is no NVIDIA driver: libcuda.so.1: cannot open shared object file")
	require.Contains(t, out, "auto gives cpu (grappler off, oneDNN on)", "nobody has a GPU to miss")

	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc to make a driver with")
	}
	directory := t.TempDir()
	text, err := exec.Command(compiler, "-shared", "-fPIC", "../nvidia/testdata/driver.c", "-o", filepath.Join(directory, "libcuda.so.1")).CombinedOutput()
	require.NoError(t, err, "%s", text)
	out = ask("cuda:99 cuda auto cpu", "LD_LIBRARY_PATH="+directory)
	require.Contains(t, out, "cuda:99: tfnative: open: device cuda:99: there is no device 99: the driver has 2, numbered from 0\n")
	none := path + ": this TensorFlow finds no GPU: it is a build for the CPU, or a library of CUDA that it needs is missing"
	require.Contains(t, out, "cuda: tfnative: open: device cuda:0: "+none)
	require.Contains(t, out, "auto gives cpu (grappler off, oneDNN on, no GPU: "+none)
	require.Contains(t, out, "cpu gives cpu (grappler off, oneDNN on)\n")
}

// TestOnGPU: the conformance suite, in a process of its own, whose switches are
// those of the GPU.
func TestOnGPU(t *testing.T) {
	const marker = "TFNATIVE_TEST_ON_GPU"
	if os.Getenv(marker) != "" {
		bridgetest.Run(t, func(t *testing.T) bridge.Backend {
			b, err := tfnative.Open(bridge.Options{Device: "cuda", Threads: 2, Deterministic: true})
			require.NoError(t, err)
			require.Equal(t, "cuda:0", b.Info().Device)
			t.Cleanup(func() { require.NoError(t, b.Close()) })
			return b
		})
		return
	}
	if _, err := nvidia.Devices(); err != nil {
		t.Skip(err)
	}
	open(t)
	if _, err := tfnative.Open(bridge.Options{Device: "cuda"}); err != nil {
		t.Skip(err)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestOnGPU$", "-test.v")
	c.Env = append(os.Environ(), marker+"=1")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
