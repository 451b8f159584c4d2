//go:build cgo && !notensorflow

package tfnative

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wamuir/graft/tensorflow/core/framework/types_go_proto"
	corepb "github.com/wamuir/graft/tensorflow/core/protobuf/for_core_protos_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// ServingSignature is the signature that exporters write unless told otherwise.
const ServingSignature = "serving_default"

// initSignature is no function of the model: it sets it up.
const initSignature = "__saved_model_init_op"

// signed is a bridge.Foreign: a SavedModel with one of its signatures.
type signed struct {
	model   *SavedModel // nil once closed
	dir     string
	inputs  []bridge.Slot
	places  map[string]string // value of the graph by the name of an input
	outputs []place
}

// place is an output and its value in the graph.
type place struct{ name, value string }

// OpenSavedModel loads the SavedModel of a directory as LoadSavedModel does, to
// be run by the names of one of its signatures; empty means serving_default,
// or the only one there is. Inputs and outputs stand in the order of their
// names, numbers at the end by their value.
//
// Errors: those of Open; no such directory; a directory that holds no
// SavedModel; no such signature, with those there are; inputs or outputs that
// are no plain tensors of float32, float64, int32 or int64 (outputs may be
// complex too).
func OpenSavedModel(o bridge.Options, dir, signature string) (bridge.Foreign, error) {
	if _, err := Open(o); err != nil {
		return nil, err
	}
	s := &signed{dir: dir, places: map[string]string{}}
	if err := s.read(signature); err != nil {
		return nil, fmt.Errorf("tfnative: open model %s: %w", dir, err)
	}
	var err error
	s.model, err = LoadSavedModel(o, dir)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *signed) read(name string) error {
	g, err := readGraph(s.dir)
	if err != nil {
		return err
	}
	chosen, err := choose(g.GetSignatureDef(), name)
	if err != nil {
		return err
	}
	for _, name := range inOrder(chosen.GetInputs()) {
		info := chosen.GetInputs()[name]
		slot := bridge.Slot{Name: name, Shape: shapeOf(info)}
		if slot.DType, err = typeOf(info); err != nil {
			return fmt.Errorf("input %s: %w", name, err)
		}
		s.inputs = append(s.inputs, slot)
		s.places[name] = info.GetName()
	}
	for _, name := range inOrder(chosen.GetOutputs()) {
		value := chosen.GetOutputs()[name].GetName()
		if value == "" {
			return fmt.Errorf("output %s: %w", name, errNoTensor)
		}
		s.outputs = append(s.outputs, place{name, value})
	}
	return nil
}

func (s *signed) Inputs() []bridge.Slot { return s.inputs }

func (s *signed) Run(inputs bridge.Tensors) ([]bridge.Named, error) {
	if s.model == nil {
		return nil, fmt.Errorf("tfnative: run model %s: it is %w", s.dir, bridge.ErrClosed)
	}
	if err := bridge.CheckSlots(s.inputs, inputs); err != nil {
		return nil, fmt.Errorf("tfnative: run model %s: %w", s.dir, err)
	}
	feeds, wanted := bridge.Tensors{}, make([]string, len(s.outputs))
	for name, t := range inputs {
		feeds[s.places[name]] = t
	}
	for i, o := range s.outputs {
		wanted[i] = o.value
	}
	results, err := s.model.Run(feeds, wanted...)
	if err != nil {
		return nil, err
	}
	out := make([]bridge.Named, len(s.outputs))
	for i, o := range s.outputs {
		out[i] = bridge.Named{Name: o.name, Tensor: results[o.value]}
	}
	return out, nil
}

// Close leaves the model to the collector, as tfgo does.
func (s *signed) Close() error {
	s.model = nil
	return nil
}

// readGraph reads the description of the graph with the tag serve.
func readGraph(dir string) (*corepb.MetaGraphDef, error) {
	const expected = "expected the directory of a SavedModel, which holds saved_model.pb"
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("found a file; %s", expected)
	}
	text, err := os.ReadFile(filepath.Join(dir, "saved_model.pb"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("found no saved_model.pb; %s", expected)
	}
	if err != nil {
		return nil, err
	}
	model := &corepb.SavedModel{}
	if err := proto.Unmarshal(text, model); err != nil {
		return nil, fmt.Errorf("saved_model.pb: found no SavedModel (%w); %s", err, expected)
	}
	var found []string
	for _, g := range model.GetMetaGraphs() {
		tags := g.GetMetaInfoDef().GetTags()
		if slices.Equal(tags, []string{"serve"}) {
			return g, nil
		}
		found = append(found, fmt.Sprint(tags))
	}
	return nil, fmt.Errorf("saved_model.pb: found graphs with the tags %s; expected one with [serve]", listed(found))
}

func choose(all map[string]*corepb.SignatureDef, name string) (*corepb.SignatureDef, error) {
	names := inOrder(all)
	names = slices.DeleteFunc(names, func(n string) bool { return n == initSignature })
	if name == "" {
		name = ServingSignature
		if len(names) == 1 {
			name = names[0]
		}
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("found the signatures %s; expected %s", listed(names), name)
	}
	return all[name], nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	return strings.Join(names, ", ")
}

// inOrder sorts names, output_2 before output_10.
func inOrder[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		x, y := strings.TrimRight(a, "0123456789"), strings.TrimRight(b, "0123456789")
		if x == y && len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
}

var errNoTensor = errors.New("found a sparse or composite tensor; expected a plain one")

func typeOf(info *corepb.TensorInfo) (string, error) {
	if info.GetName() == "" {
		return "", errNoTensor
	}
	switch info.GetDtype() {
	case types_go_proto.DataType_DT_FLOAT:
		return "float32", nil
	case types_go_proto.DataType_DT_DOUBLE:
		return "float64", nil
	case types_go_proto.DataType_DT_INT32:
		return "int32", nil
	case types_go_proto.DataType_DT_INT64:
		return "int64", nil
	}
	return "", fmt.Errorf("found elements of %s; expected float32, float64, int32 or int64", info.GetDtype())
}

// shapeOf gives the shape, with −1 for any length; nil for any rank.
func shapeOf(info *corepb.TensorInfo) []int {
	if info.GetTensorShape() == nil || info.GetTensorShape().GetUnknownRank() {
		return nil
	}
	shape := []int{}
	for _, d := range info.GetTensorShape().GetDim() {
		shape = append(shape, int(d.GetSize()))
	}
	return shape
}
