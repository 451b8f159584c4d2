//go:build cgo && !notensorflow

package tfnative_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/tfnative"
	"github.com/ptychobridge/ptychobridge/graph"
)

func requireMissing(t *testing.T, err error, dir string) {
	t.Helper()
	require.ErrorIs(t, err, bridge.ErrUnavailable)
	require.Regexp(t, `^TensorFlow backend selected, but TensorFlow could not be opened; looked in:\n`, err.Error())
	require.ErrorContains(t, err, filepath.Join(dir, "libtensorflow_"))
	require.ErrorContains(t, err, "make native")
}

// TestOpenFindsNoLibrary: D8: each place that was looked in, in the loader's words.
func TestOpenFindsNoLibrary(t *testing.T) {
	dir := t.TempDir()
	_, err := tfnative.Open(bridge.Options{Directory: dir})
	requireMissing(t, err, dir)
	require.ErrorContains(t, err, dir+"/libtensorflow", "the loader's own words")

	t.Run("of this name", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "libtensorflow_framework.so.2"), []byte("no library"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "libtensorflow_cc.so.2"), []byte("no library"), 0o600))
		_, err := tfnative.Open(bridge.Options{Directory: dir})
		require.Error(t, err)
		require.ErrorContains(t, err, dir)
	})
	t.Run("after another was opened", func(t *testing.T) {
		b := open(t)
		empty := t.TempDir()
		_, err := tfnative.Open(bridge.Options{Directory: empty})
		requireMissing(t, err, empty)
		_, err = tfnative.Open(bridge.Options{Directory: dir})
		require.NotErrorIs(t, err, bridge.ErrUnavailable)
		require.ErrorContains(t, err, "another TensorFlow is open in this process")
		require.ErrorContains(t, err, b.Info().Path)
		again, err := tfnative.Open(bridge.Options{Directory: filepath.Dir(b.Info().Path)})
		require.NoError(t, err, "the same library by its name")
		require.NoError(t, again.Close())
	})
}

// TestOpenInAnotherProcess opens TensorFlow where nothing was opened before:
// by the directory of the environment that is empty, and quietly.
func TestOpenInAnotherProcess(t *testing.T) {
	if dir := os.Getenv("TFNATIVE_TEST_EMPTY"); dir != "" {
		_, err := tfnative.Open(bridge.Options{})
		requireMissing(t, err, dir)
		return
	}
	if os.Getenv("TFNATIVE_TEST_QUIET") != "" {
		b, err := tfnative.Open(bridge.Options{})
		require.NoError(t, err)
		_, err = b.Compile()
		require.NoError(t, err)
		return
	}
	b := open(t)
	child := func(environment ...string) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOpenInAnotherProcess$")
		cmd.Env = append(os.Environ(), environment...)
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", text)
		return string(text)
	}
	dir := t.TempDir()
	child("TFNATIVE_TEST_EMPTY="+dir, "PTYCHO_LIBTENSORFLOW="+dir)
	here := "PTYCHO_LIBTENSORFLOW=" + filepath.Dir(b.Info().Path)
	require.Equal(t, "PASS\n", child("TFNATIVE_TEST_QUIET=1", here), "nothing but the test's own output")
	require.Contains(t, child("TFNATIVE_TEST_QUIET=1", here, "TF_CPP_MIN_LOG_LEVEL=0"), "oneDNN custom operations", "a user who sets the log level sees all")
}

func TestInfo(t *testing.T) {
	info := open(t).Info()
	require.Equal(t, "tensorflow", info.Backend)
	require.Regexp(t, `^2\.\d+\.\d+`, info.Version)
	require.FileExists(t, info.Path)
	require.Equal(t, "cpu", info.Device)
	require.Equal(t, 2, info.Threads)
	require.Contains(t, []string{"grappler off, oneDNN on", "grappler off, oneDNN off"}, info.Setting)
}

func TestClosedBackend(t *testing.T) {
	b := open(t)
	require.NoError(t, b.Close())
	_, err := b.Compile(&graph.Program{Name: "p"})
	require.ErrorIs(t, err, bridge.ErrClosed)
	require.NoError(t, b.Close(), "closing twice is harmless")
}
