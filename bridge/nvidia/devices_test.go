//go:build cgo

package nvidia_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge/nvidia"
)

// TestDevices asks stand-ins for the driver, each in a process of its own,
// which finds nothing but them.
func TestDevices(t *testing.T) {
	const marker = "PTYCHO_TEST_DRIVER"
	if os.Getenv(marker) != "" {
		devices, err := nvidia.Devices()
		fmt.Printf("%+v %v\n", devices, err)
		return
	}
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc to make a driver with")
	}
	ask := func(directory, driver string) string {
		exe, err := os.Executable()
		require.NoError(t, err)
		c := exec.Command(exe, "-test.run=^TestDevices$")
		c.Env = append(os.Environ(), marker+"=1", "LD_LIBRARY_PATH="+directory, "DRIVER="+driver)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	made := func(flags ...string) string {
		directory := t.TempDir()
		out, err := exec.Command(compiler, append(flags, "-shared", "-fPIC", "testdata/driver.c", "-o", filepath.Join(directory, "libcuda.so.1"))...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return directory
	}
	fake := made()
	// 40 and 41 GiB, as the stand-in has it
	require.Contains(t, ask(fake, ""), "[{Name:GPU 40 Bytes:42949672960} {Name:GPU 41 Bytes:44023414784}] <nil>")
	require.Contains(t, ask(fake, "empty"), "[] the NVIDIA driver shows no GPU to this process")
	require.Contains(t, ask(fake, "broken"), "[] the NVIDIA driver says: system has unsupported display driver / cuda driver combination (803)")
	require.Contains(t, ask(fake, "silent"), "[] the NVIDIA driver does not describe its device 1 of 2")
	require.Contains(t, ask(made("-DOLD"), ""), "[] the NVIDIA driver has no function cuDeviceTotalMem_v2")

	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "libcuda.so.1"), []byte("no library"), 0o600))
	require.Contains(t, ask(broken, ""), "[] there is no NVIDIA driver: "+filepath.Join(broken, "libcuda.so.1")+": file too short")
}
