package arrows

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImportsPointDown(t *testing.T) {
	imports, err := Imports("../..")
	require.NoError(t, err)
	require.Greater(t, len(imports), 100, "the tree was not found")
	for _, i := range imports {
		if err := i.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ file, path, want string }{
		{"workflow/train.go", module + "/bridge", ""},
		{"workflow/train.go", module + "/bridge/tfnative", "only the selector names bridge/tfnative"},
		{"cmd/ptycho/doctor.go", module + "/bridge/torchnative", "only the selector names bridge/torchnative"},
		{"selector/open.go", module + "/bridge/torchnative", ""},
		{"workflow/train_test.go", module + "/bridge/torchnative", "only the selector"},
		{"bridge/torchnative/some_test.go", module + "/bridge/torchnative", ""},
		{"physics/merge.go", module + "/model", "points up"},
		{"physics/merge.go", module + "/dataset", "points up or sideways"},
		{"physics/merge_test.go", module + "/model", ""},
		{"dataset/raw.go", module + "/dataset/npz", ""},
		{"bridge/bridge.go", module + "/graph", ""},
		{"graph/node.go", module + "/graph/eval", "points up"},
		{"graph/node.go", "slices", ""},
		{"graph/node.go", "gonum.org/v1/gonum/mat", "graph may not import gonum.org/v1/gonum/mat"},
		{"graph/eval/fft.go", "gonum.org/v1/gonum/dsp/fourier", ""},
		{"config/load.go", "go.yaml.in/yaml/v3", ""},
		{"config/load.go", module + "/graph", "points up or sideways"},
		{"kitchen/sink.go", "fmt", "not in the picture"},
	} {
		err := Import{c.file, c.path}.Check()
		if c.want == "" {
			require.NoError(t, err, "%s imports %s", c.file, c.path)
		} else {
			require.ErrorContains(t, err, c.want, "%s imports %s", c.file, c.path)
		}
	}
}
