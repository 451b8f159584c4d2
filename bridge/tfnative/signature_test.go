//go:build cgo && !notensorflow

package tfnative_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	tf "github.com/wamuir/graft/tensorflow"
	"github.com/wamuir/graft/tensorflow/core/framework/tensor_shape_go_proto"
	"github.com/wamuir/graft/tensorflow/core/framework/types_go_proto"
	corepb "github.com/wamuir/graft/tensorflow/core/protobuf/for_core_protos_go_proto"
	"github.com/wamuir/graft/tensorflow/op"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/tfnative"
)

// foreign holds models of both runtimes; its README says what they compute.
var foreign = filepath.Join("..", "..", "testdata", "foreign")

// values are inputs or outputs of a signature.
type values map[string]*corepb.TensorInfo

// value describes a value of the graph; −1 stands for any length.
func value(x tf.Output, lengths ...int64) *corepb.TensorInfo {
	shape := &tensor_shape_go_proto.TensorShapeProto{UnknownRank: lengths == nil}
	for _, d := range lengths {
		shape.Dim = append(shape.Dim, &tensor_shape_go_proto.TensorShapeProto_Dim{Size: d})
	}
	return &corepb.TensorInfo{
		Encoding: &corepb.TensorInfo_Name{Name: x.Op.Name() + ":0"}, Dtype: types_go_proto.DataType(x.DataType()), TensorShape: shape,
	}
}

// TestFixture writes testdata/foreign/saved_model where PTYCHO_UPDATE is set.
func TestFixture(t *testing.T) {
	open(t)
	if os.Getenv("PTYCHO_UPDATE") == "" {
		t.Skip("PTYCHO_UPDATE is not set")
	}
	root := op.NewScope()
	x := op.Placeholder(root.SubScope("x"), tf.Float, op.PlaceholderShape(tf.MakeShape(-1, 3)))
	k := op.Placeholder(root.SubScope("k"), tf.Int64, op.PlaceholderShape(tf.MakeShape(-1)))
	w := op.Const(root.SubScope("w"), [3][2]float32{{0.5, -0.25}, {1, 0.125}, {-0.75, 0.375}})
	b := op.Const(root.SubScope("b"), []float32{0.1, -0.2})
	y := op.Tanh(root, op.Add(root.SubScope("sum"), op.MatMul(root, x, w), b))
	spectrum := op.FFT(root, op.Complex(root, x, op.ZerosLike(root, x)))
	twice := op.Add(root.SubScope("odd"), op.Mul(root, k, op.Const(root.SubScope("two"), int64(2))), op.Const(root.SubScope("one"), int64(1)))
	transposed := op.Transpose(root, y, op.Const(root.SubScope("permutation"), []int32{1, 0}))
	dir := writeGraph(t, root, map[string]*corepb.SignatureDef{
		tfnative.ServingSignature: {
			Inputs:  values{"x": value(x, -1, 3), "k": value(k, -1)},
			Outputs: values{"y": value(y, -1, 2), "spectrum": value(spectrum, -1, 3), "twice": value(twice, -1)},
		},
		"renamed":    {Inputs: values{"image": value(x, -1, 3)}, Outputs: values{"output_0": value(y, -1, 2)}},
		"transposed": {Inputs: values{"x": value(x, -1, 3)}, Outputs: values{"out.0": value(transposed, 2, -1)}},
	})
	text, err := os.ReadFile(filepath.Join(dir, "saved_model.pb"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(foreign, "saved_model"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "saved_model", "saved_model.pb"), text, 0o600))
}

func TestSignature(t *testing.T) {
	open(t)
	m, err := tfnative.OpenSavedModel(bridge.Options{Threads: 1}, filepath.Join(foreign, "saved_model"), "")
	require.NoError(t, err)
	require.Equal(t, []bridge.Slot{{Name: "k", DType: "int64", Shape: []int{-1}}, {Name: "x", DType: "float32", Shape: []int{-1, 3}}}, m.Inputs())
	x, k := bridge.NewTensor([]float32{1, 2, 3}, 1, 3), bridge.NewTensor([]int64{1 << 40}, 1)
	out, err := m.Run(bridge.Tensors{"x": x, "k": k})
	require.NoError(t, err)
	require.Len(t, out, 3)
	require.Equal(t, "spectrum", out[0].Name)
	require.EqualValues(t, []int{1, 3, 2}, out[0].Shape, "complex [1,3] as pairs")
	// Σ x exp(−2πi jk/3): 6, −1.5 + i√3/2, −1.5 − i√3/2
	require.InDeltaSlice(t, []float64{6, 0, -1.5, math.Sqrt(3) / 2, -1.5, -math.Sqrt(3) / 2}, out[0].Float64(), 1e-6)
	require.Equal(t, "twice", out[1].Name)
	require.Equal(t, []int64{1<<41 + 1}, out[1].Data)
	require.Equal(t, "y", out[2].Name)
	// 0.1 + 0.5·1 + 1·2 − 0.75·3, −0.2 − 0.25·1 + 0.125·2 + 0.375·3
	require.InDeltaSlice(t, []float64{math.Tanh(0.35), math.Tanh(0.925)}, out[2].Float64(), 3e-7)

	for want, inputs := range map[string]bridge.Tensors{
		"input x is missing":                                       {"k": k},
		"input k: found int32[1], expected int64[?]":               {"x": x, "k": bridge.NewTensor([]int32{1}, 1)},
		"input x: found float32[3,1], expected float32[?,3]":       {"k": k, "x": bridge.NewTensor([]float32{1, 2, 3}, 3, 1)},
		"input x: found float32[3], expected float32[?,3]":         {"k": k, "x": bridge.NewTensor([]float32{1, 2, 3}, 3)},
		"no input is named z; there are: k, x":                     {"k": k, "x": x, "z": x},
		"input x: found 1 elements for the shape [1,3], want 3":    {"k": k, "x": {Shape: []int{1, 3}, Data: []float32{1}}},
		"input x: found elements of type []bool, want []float32, ": {"k": k, "x": {Shape: []int{1, 3}, Data: []bool{true}}},
	} {
		_, err := m.Run(inputs)
		require.ErrorContains(t, err, "tfnative: run model ../../testdata/foreign/saved_model: ")
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	_, err = m.Run(bridge.Tensors{"x": x, "k": k})
	require.ErrorIs(t, err, bridge.ErrClosed)
}

func TestSignaturesThatCannotBeUsed(t *testing.T) {
	open(t)
	fails := func(dir, signature, want string) {
		t.Helper()
		_, err := tfnative.OpenSavedModel(bridge.Options{}, dir, signature)
		require.ErrorContains(t, err, "tfnative: open model "+dir+": ")
		require.ErrorContains(t, err, want)
	}
	dir := t.TempDir()
	fails(filepath.Join(dir, "nowhere"), "", "no such file")
	fails(dir, "", "found no saved_model.pb; expected the directory of a SavedModel")
	file := filepath.Join(dir, "saved_model.pb")
	require.NoError(t, os.WriteFile(file, []byte("no protocol buffer"), 0o600))
	fails(dir, "", "found no SavedModel")
	fails(file, "", "found a file; expected the directory")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	fails(dir, "", "found graphs with the tags (none); expected one with [serve]")
	fails(filepath.Join(foreign, "saved_model"), "train", "found the signatures renamed, serving_default, transposed; expected train")
	fails(writeModel(t), "", "found the signatures (none); expected serving_default")

	sparse := &corepb.TensorInfo{Encoding: &corepb.TensorInfo_CooSparse_{}}
	with := func(signatures func(text, x, y *corepb.TensorInfo) map[string]*corepb.SignatureDef) string {
		root := op.NewScope()
		text := op.Placeholder(root.SubScope("text"), tf.String)
		x := op.Placeholder(root.SubScope("x"), tf.Float)
		op.NoOp(root.SubScope("init"))
		return writeGraph(t, root, signatures(value(text), value(x), value(op.Neg(root, x))))
	}
	only := func(s *corepb.SignatureDef) string {
		return with(func(text, _, _ *corepb.TensorInfo) map[string]*corepb.SignatureDef {
			if s.Inputs["text"] != nil {
				s.Inputs["text"] = text
			}
			return map[string]*corepb.SignatureDef{"only": s}
		})
	}
	fails(only(&corepb.SignatureDef{Inputs: values{"text": {}}}), "", "input text: found elements of DT_STRING")
	fails(only(&corepb.SignatureDef{Inputs: values{"s": sparse}}), "", "input s: found a sparse or composite tensor")
	fails(only(&corepb.SignatureDef{Outputs: values{"s": sparse}}), "", "output s: found a sparse or composite tensor")

	// the only one there is, of any rank, besides the one that sets it up
	m, err := tfnative.OpenSavedModel(bridge.Options{}, with(func(_, x, y *corepb.TensorInfo) map[string]*corepb.SignatureDef {
		return map[string]*corepb.SignatureDef{
			"only":                  {Inputs: values{"x": x}, Outputs: values{"y_10": y, "y_9": y}},
			"__saved_model_init_op": {Outputs: values{"__saved_model_init_op": {Encoding: &corepb.TensorInfo_Name{Name: "init/NoOp"}}}},
		}
	}), "")
	require.NoError(t, err)
	require.Equal(t, []bridge.Slot{{Name: "x", DType: "float32"}}, m.Inputs())
	out, err := m.Run(bridge.Tensors{"x": bridge.NewTensor([]float32{1, 2}, 1, 1, 2)})
	require.NoError(t, err)
	require.Equal(t, "y_9", out[0].Name, "9 before 10")
	require.Equal(t, []float32{-1, -2}, out[1].Data)
	_, err = m.Run(bridge.Tensors{"x": bridge.NewTensor([]int32{1}, 1)})
	require.ErrorContains(t, err, "found int32[1], expected float32 of any shape")
}
