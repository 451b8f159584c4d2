//go:build torch && cgo

package torchnative_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/nvidia"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
)

// TestDevices: D9: a device that is not known is refused before anything is
// opened.
func TestDevices(t *testing.T) {
	_, err := torchnative.Open(bridge.Options{Device: "tpu"})
	require.EqualError(t, err, `torchnative: open: device "tpu" is not known; expected auto, cpu, cuda or cuda:N`)
	_, err = torchnative.OpenScript(bridge.Options{Device: "cuda"}, "some.pt")
	require.EqualError(t, err, "torchnative: open script: device cuda: exported models run on the CPU only; use device cpu or auto")
}

// TestCUDAAfterCPU: D9: LibTorch does not look for CUDA a second time.
func TestCUDAAfterCPU(t *testing.T) {
	if _, err := nvidia.Devices(); err == nil {
		t.Skip("there is a GPU, and another test may have opened CUDA")
	}
	open(t)
	_, err := torchnative.Open(bridge.Options{Device: "cuda"})
	require.NotErrorIs(t, err, bridge.ErrUnavailable)
	require.ErrorContains(t, err, "torchnative: open: device cuda:0: this process has opened LibTorch for the CPU; let its first backend be one on a GPU, or use another process")
	b, err := torchnative.Open(bridge.Options{})
	require.NoError(t, err)
	require.Equal(t, "cpu", b.Info().Device, "auto")
	require.NotContains(t, b.Info().Setting, "no GPU", "nobody has one to miss")
	require.NoError(t, b.Close())
}

// TestCUDAInOwnProcess: D9: asks for GPUs in processes that have opened nothing yet,
// without a driver and with a stand-in for one.
func TestCUDAInOwnProcess(t *testing.T) {
	const marker = "PTYCHO_TEST_DEVICES"
	if devices := os.Getenv(marker); devices != "" {
		for device := range strings.SplitSeq(devices, " ") {
			b, err := torchnative.Open(bridge.Options{Device: device, Threads: 1})
			if err != nil {
				fmt.Printf("%s: %v\n", device, err)
				continue
			}
			fmt.Printf("%s gives %s (%s)\n", device, b.Info().Device, b.Info().Setting)
			fmt.Printf("recorder: %v\n", torchnative.Record(b, graphs()))
		}
		return
	}
	b := open(t)
	half := filepath.Join(filepath.Dir(b.Info().Path), "libtorch_cuda.so")
	ask := func(driver, devices string) string {
		exe, err := os.Executable()
		require.NoError(t, err)
		c := exec.Command(exe, "-test.run=^TestCUDAInOwnProcess$")
		c.Env = append(os.Environ(), marker+"="+devices)
		if driver != "" {
			c.Env = append(c.Env, "LD_LIBRARY_PATH="+driver)
		}
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("%s", out)
		return string(out)
	}
	fake := func() string {
		compiler, err := exec.LookPath("gcc")
		if err != nil {
			t.Skip("no gcc to make a driver with")
		}
		directory := t.TempDir()
		out, err := exec.Command(compiler, "-shared", "-fPIC", "../nvidia/testdata/driver.c", "-o", filepath.Join(directory, "libcuda.so.1")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return directory
	}
	_, statErr := os.Stat(half)
	without := statErr != nil
	missing := "could not be opened: " + half + ": cannot open shared object file"

	t.Run("no driver", func(t *testing.T) {
		if _, err := nvidia.Devices(); err == nil {
			t.Skip("there is one")
		}
		out := ask("", "cuda:99 cuda auto cuda")
		require.Contains(t, out, "cuda:99: torchnative: open: device cuda:99: ")
		require.Contains(t, out, "there is no NVIDIA driver: libcuda.so.1: cannot open shared object file")
		require.Contains(t, out, "cuda: torchnative: open: device cuda:0: ")
		require.Contains(t, out, "auto gives cpu (channels-last, OMP_WAIT_POLICY=passive, GOMP_SPINCOUNT=2000)", "nobody has a GPU to miss")
		require.Equal(t, without, strings.Contains(out, missing))
		if without {
			require.Equal(t, 3, strings.Count(out, missing), "the last one names the cause too, not that LibTorch is open")
		}
	})
	t.Run("only the CPU half", func(t *testing.T) {
		if !without {
			t.Skip("there is CUDA's half: " + half)
		}
		out := ask(fake(), "cuda:1 auto")
		require.Contains(t, out, "device cuda:1: the CUDA half of LibTorch, or a library of CUDA that it needs, "+missing)
		require.NotContains(t, out, "driver")
		require.Contains(t, out, "auto gives cpu (")
		require.Contains(t, out, "no GPU: the CUDA half of LibTorch, or a library of CUDA that it needs, "+missing)
	})
	t.Run("a driver that does not fit", func(t *testing.T) {
		if without {
			t.Skip("no CUDA half of LibTorch: " + half)
		}
		out := ask(fake(), "cuda:1 auto")
		require.Contains(t, out, "cuda:1: torchnative: open: device cuda:1: ")
		require.Contains(t, out, "auto gives cpu (")
		require.Contains(t, out, "no GPU: ")
		if _, err := os.Stat(graphs()); err == nil {
			require.Contains(t, out, "recorder: <nil>")
		}
	})
}

// graphs is the library with the recorder of CUDA graphs, where there is one.
func graphs() string {
	return filepath.Join(filepath.Dir(os.Getenv("PTYCHO_SHIM")), "libptorch_cuda.so")
}
