package docs

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNumPyScript: the script of data-formats.md writes a file that the
// program accepts. PTYCHO_PYTHON names a Python with NumPy other than python3.
func TestNumPyScript(t *testing.T) {
	python := cmp.Or(os.Getenv("PTYCHO_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import numpy").Run(); err != nil {
		t.Skipf("%s has no NumPy: %v", python, err)
	}
	scripts := read(t, "data-formats.md").code("python")
	require.Len(t, scripts, 1)
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "write.py"), []byte(scripts[0]), 0o600))
	c := exec.Command(python, "write.py")
	c.Dir = directory
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)

	said, code := output(t, directory, "inspect", "scan.npz")
	require.Zero(t, code, said)
	// Ten by nine positions, 7 pixels apart, from (40, 40): x to 103, y to 96.
	require.Contains(t, said, "90 of 64×64")
	require.Contains(t, said, "x 40 … 103, y 40 … 96 object pixels")
	require.Contains(t, said, "metadata      nphotons: ")
	require.NotContains(t, said, "warning")
}
