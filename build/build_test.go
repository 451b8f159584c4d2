//go:build linux

package build

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPinned(t *testing.T) {
	sets := map[string]int{}
	for _, p := range Pinned() {
		sets[p.Set]++
		require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{64}$`), p.SHA256, p.Name)
		require.Regexp(t, regexp.MustCompile(`^[0-9]+\.[0-9.]+$`), p.Version, p.Name)
	}
	require.Equal(t, 1, sets["tensorflow"])
	require.Equal(t, 3, sets["torch"], "LibTorch and the two CUDA libraries that its CPU half loads")
	require.Contains(t, sets, "tensorflow-gpu")
	require.Contains(t, sets, "torch-gpu")
}

// TestCUDAHeaders: libptorch_cuda.so is built with headers from two wheels of one
// version.
func TestCUDAHeaders(t *testing.T) {
	versions := map[string]string{}
	for _, p := range Pinned() {
		if p.Set == "torch-gpu" {
			versions[p.Name] = p.Version
		}
	}
	require.NotEmpty(t, versions["nvidia-cuda-crt"])
	require.Equal(t, versions["nvidia-cuda-runtime"], versions["nvidia-cuda-crt"])
}

// TestDirectories also holds fetch.sh to its word: both have the same rule.
func TestDirectories(t *testing.T) {
	root := t.TempDir()
	t.Setenv("PTYCHO_CACHE", root)
	for set, f := range map[string]func() (string, error){"tensorflow": TensorFlowDir, "torch": TorchDir} {
		dir, err := f()
		require.NoError(t, err)
		require.Equal(t, filepath.Join(root, set+"-"+Version(set)), dir)
		require.Equal(t, dir, shellDir(t, set))
	}

	t.Setenv("PTYCHO_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", root)
	dir, err := TorchDir()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "ptychobridge", "torch-"+Version("torch")), dir)
	require.Equal(t, dir, shellDir(t, "torch"))

	// What is relative is refused by both, not looked for in two places.
	for variable, value := range map[string]string{"PTYCHO_CACHE": "own cache", "XDG_CACHE_HOME": "."} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			_, err := TensorFlowDir()
			require.ErrorContains(t, err, "relative")
			require.ErrorContains(t, err, "PTYCHO_CACHE")
			out, err := shell("set_dir tensorflow")
			require.Error(t, err)
			require.Contains(t, out, "is a relative path")
			require.Contains(t, out, "PTYCHO_CACHE as an absolute one")
		})
	}

	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	_, err = TorchDir()
	require.ErrorContains(t, err, "PTYCHO_CACHE")
}
