//go:build cgo && !notensorflow

package tfnative_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/galeone/tfgo"
	"github.com/stretchr/testify/require"
	tf "github.com/wamuir/graft/tensorflow"
	"github.com/wamuir/graft/tensorflow/core/framework/graph_go_proto"
	corepb "github.com/wamuir/graft/tensorflow/core/protobuf/for_core_protos_go_proto"
	"github.com/wamuir/graft/tensorflow/op"
	"google.golang.org/protobuf/proto"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/tfnative"
)

// TestTfgo runs tfgo's own tensors on the library that graft was bound to.
func TestTfgo(t *testing.T) {
	open(t)
	root := tfgo.NewRoot()
	a := tfgo.NewTensor(root, tfgo.Const(root, [2][3]float32{{1, 2, 3}, {-1, 0, 5}}))
	b := tfgo.Const(root, [3][1]float32{{10}, {100}, {1000}})
	product := a.MatMul(b).Output
	shifted := tfgo.NewTensor(root, product).Add(tfgo.Const(root, float32(0.5))).Output
	out := tfgo.Exec(root, []tf.Output{product, shifted}, nil, nil)
	require.Equal(t, [][]float32{{3210}, {4990}}, out[0].Value(), "1·10 + 2·100 + 3·1000, −1·10 + 5·1000")
	require.Equal(t, [][]float32{{3210.5}, {4990.5}}, out[1].Value())
}

// writeModel exports y = x·[[1,10],[100,1000]] for x of shape [?,2], an int64, a
// complex number and a truth value, the way that other programs do.
func writeModel(t *testing.T) string {
	t.Helper()
	root := op.NewScope()
	x := op.Placeholder(root.SubScope("x"), tf.Float, op.PlaceholderShape(tf.MakeShape(-1, 2)))
	w := op.Const(root.SubScope("w"), [2][2]float32{{1, 10}, {100, 1000}})
	op.MatMul(root.SubScope("y"), x, w)
	op.Const(root.SubScope("number"), int64(1<<40))
	op.Const(root.SubScope("complex"), []complex64{complex(1, -2)})
	op.Const(root.SubScope("truth"), true)
	return writeGraph(t, root, nil)
}

// writeGraph writes a SavedModel into a new directory.
func writeGraph(t *testing.T, root *op.Scope, signatures map[string]*corepb.SignatureDef) string {
	t.Helper()
	g, err := root.Finalize()
	require.NoError(t, err)
	var text bytes.Buffer
	_, err = g.WriteTo(&text)
	require.NoError(t, err)
	def := &graph_go_proto.GraphDef{}
	require.NoError(t, proto.Unmarshal(text.Bytes(), def))
	model, err := proto.Marshal(&corepb.SavedModel{
		SavedModelSchemaVersion: 1,
		MetaGraphs: []*corepb.MetaGraphDef{{
			MetaInfoDef: &corepb.MetaGraphDef_MetaInfoDef{Tags: []string{"serve"}},
			GraphDef:    def, SignatureDef: signatures,
		}},
	})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "saved_model.pb"), model, 0o600))
	return dir
}

func TestSavedModel(t *testing.T) {
	open(t)
	m, err := tfnative.LoadSavedModel(bridge.Options{Threads: 1}, writeModel(t))
	require.NoError(t, err)
	x := bridge.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	out, err := m.Run(bridge.Tensors{"x/Placeholder": x}, "y/MatMul:0", "x/Placeholder")
	require.ErrorContains(t, err, "fed and fetched", "TensorFlow's own words for a run that asks for an input")
	require.Nil(t, out)

	out, err = m.Run(bridge.Tensors{"x/Placeholder:0": x}, "y/MatMul")
	require.NoError(t, err)
	// rows (a, b) become (a + 100b, 10a + 1000b)
	require.Equal(t, bridge.NewTensor([]float32{201, 2010, 403, 4030, 605, 6050}, 3, 2), out["y/MatMul"])

	out, err = m.Run(nil, "number/Const", "complex/Const")
	require.NoError(t, err)
	require.Equal(t, []int64{1 << 40}, out["number/Const"].Data)
	require.Equal(t, bridge.NewTensor([]float32{1, -2}, 1, 2), out["complex/Const"])

	for name, c := range map[string]struct {
		feeds  bridge.Tensors
		wanted string
	}{
		"op z not found":  {bridge.Tensors{"x/Placeholder": x}, "z"},
		"has 1 outputs":   {bridge.Tensors{"x/Placeholder": x}, "y/MatMul:1"},
		"want operation:": {bridge.Tensors{"x/Placeholder": x}, "y/MatMul:-1"},
		"op w2 not found": {bridge.Tensors{"w2": x}, "y/MatMul"},
		"elements":        {bridge.Tensors{"x/Placeholder": {Shape: []int{3, 2}, Data: []float32{1}}}, "y/MatMul"},
		"int32":           {bridge.Tensors{"x/Placeholder": bridge.NewTensor([]int32{1, 2}, 1, 2)}, "y/MatMul"},
		"[1,3]":           {bridge.Tensors{"x/Placeholder": bridge.NewTensor([]float32{1, 2, 3}, 1, 3)}, "y/MatMul"},
		"must feed":       {nil, "y/MatMul"},
		"type 10":         {nil, "truth/Const"},
	} {
		_, err := m.Run(c.feeds, c.wanted)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "tfnative: run model")
	}
}

func TestSavedModelThatCannotBeLoaded(t *testing.T) {
	open(t)
	missing := filepath.Join(t.TempDir(), "nowhere")
	_, err := tfnative.LoadSavedModel(bridge.Options{}, missing)
	require.ErrorContains(t, err, "tfnative: load model "+missing)

	garbage := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(garbage, "saved_model.pb"), []byte("no protocol buffer"), 0o600))
	_, err = tfnative.LoadSavedModel(bridge.Options{}, garbage)
	require.ErrorContains(t, err, garbage)

	_, err = tfnative.LoadSavedModel(bridge.Options{}, writeModel(t), "train")
	require.ErrorContains(t, err, "train", "a tag that the model does not have")
}
