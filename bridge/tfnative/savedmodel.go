//go:build cgo && !notensorflow

package tfnative

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/galeone/tfgo" // speaks to graft, see tfalias
	tf "github.com/wamuir/graft/tensorflow"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// SavedModel is a network that another program exported in TensorFlow's
// SavedModel format. It can be run, not trained. Its memory is freed by the
// collector when it is no longer used.
type SavedModel struct {
	dir   string
	model *tfgo.Model
}

// LoadSavedModel opens TensorFlow as Open does and loads the graph with the
// given tags, or with the tag serve where there are none, from the directory
// that holds saved_model.pb. Errors: those of Open, and what TensorFlow says of
// the directory.
func LoadSavedModel(o bridge.Options, dir string, tags ...string) (*SavedModel, error) {
	opened, err := Open(o)
	if err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		tags = []string{"serve"}
	}
	m := &SavedModel{dir: dir}
	options := &tf.SessionOptions{Config: opened.(*backend).config}
	err = recovered(func() { m.model = tfgo.LoadModel(dir, tags, options) })
	if err != nil {
		return nil, fmt.Errorf("tfnative: load model %s: %w", dir, err)
	}
	return m, nil
}

// Run feeds values of the graph and gives others. Values are named as
// TensorFlow does: an operation and the number of its result, such as
// serving_default_x:0; without a number it is 0. Elements must be float32,
// float64 or int32. Errors: a value that is not there, other elements, and what
// TensorFlow says of the run.
func (m *SavedModel) Run(feeds bridge.Tensors, wanted ...string) (bridge.Tensors, error) {
	defer settle()
	out, err := m.run(feeds, wanted)
	if err != nil {
		return nil, fmt.Errorf("tfnative: run model %s: %w", m.dir, err)
	}
	return out, nil
}

func (m *SavedModel) run(feeds bridge.Tensors, wanted []string) (bridge.Tensors, error) {
	in := make(map[tf.Output]*tf.Tensor, len(feeds))
	for name, t := range feeds {
		place, err := m.find(name)
		if err != nil {
			return nil, err
		}
		if in[place], err = checkedNative(t); err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
	}
	fetches := make([]tf.Output, len(wanted))
	for i, name := range wanted {
		var err error
		if fetches[i], err = m.find(name); err != nil {
			return nil, err
		}
	}
	var values []*tf.Tensor
	if err := recovered(func() { values = m.model.Exec(fetches, in) }); err != nil {
		return nil, err
	}
	results := make(bridge.Tensors, len(wanted))
	for i, name := range wanted {
		n, err := describe(values[i])
		if err == nil {
			results[name], err = toHost(values[i], n)
		}
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
	}
	return results, nil
}

// find looks up a value by its name.
func (m *SavedModel) find(name string) (place tf.Output, err error) {
	operation, number, found := strings.Cut(name, ":")
	index := 0
	if found {
		if index, err = strconv.Atoi(number); err != nil || index < 0 {
			return place, fmt.Errorf("value %q: want operation:number", name)
		}
	}
	err = recovered(func() { place = m.model.Op(operation, index) })
	return place, err
}

// checkedNative copies a host tensor that comes without a node to check it by.
func checkedNative(t bridge.Tensor) (*tf.Tensor, error) {
	n := &graph.Node{Shape: t.Shape}
	switch t.Data.(type) {
	case []float64:
		n.DType = graph.Float64
	case []int32:
		n.DType = graph.Int32
	}
	if err := t.Check(n); err != nil {
		return nil, err
	}
	return toNative(t, n.DType)
}

// describe gives type and shape of a native tensor as those of a node.
func describe(t *tf.Tensor) (*graph.Node, error) {
	n := &graph.Node{}
	for _, d := range t.Shape() {
		n.Shape = append(n.Shape, int(d))
	}
	for ours, theirs := range dataTypes {
		if theirs == t.DataType() {
			n.DType = ours
			return n, nil
		}
	}
	return nil, fmt.Errorf("elements of TensorFlow's type %d; want float32, float64 or int32", t.DataType())
}

// recovered calls into tfgo, which panics where something fails, and gives
// that as an error.
func recovered(call func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case error:
			err = cause
		default:
			err = fmt.Errorf("%v", cause)
		}
	}()
	call()
	return nil
}
