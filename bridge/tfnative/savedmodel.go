//go:build cgo && !notensorflow

package tfnative

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/galeone/tfgo" // speaks to graft, see tfalias
	tf "github.com/wamuir/graft/tensorflow"

	"github.com/ptychobridge/ptychobridge/bridge"
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
// that holds saved_model.pb, onto the CPU. Errors: those of Open, and what TensorFlow says of
// the directory.
func LoadSavedModel(o bridge.Options, dir string, tags ...string) (*SavedModel, error) {
	if err := bridge.OnlyCPU("exported models", o.Device); err != nil {
		return nil, fmt.Errorf("tfnative: load model %s: %w", dir, err)
	}
	o.Device = "cpu"
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
		if in[place], err = foreignToNative(t); err != nil {
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
		var err error
		if results[name], err = foreignToHost(values[i]); err != nil {
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

// foreignToNative copies a host tensor that comes without a node to check it by.
func foreignToNative(t bridge.Tensor) (*tf.Tensor, error) {
	if err := t.Whole(); err != nil {
		return nil, err
	}
	var dtype tf.DataType
	switch t.Data.(type) {
	case []float32:
		dtype = tf.Float
	case []float64:
		dtype = tf.Double
	case []int32:
		dtype = tf.Int32
	case []int64:
		dtype = tf.Int64
	}
	raw := bytesOf(t.Data)
	owe(len(raw))
	return tf.ReadTensor(dtype, widen(t.Shape), bytes.NewReader(raw))
}

// foreignToHost copies a native tensor, whatever it is, to the host.
func foreignToHost(t *tf.Tensor) (bridge.Tensor, error) {
	out := bridge.Tensor{}
	for _, d := range t.Shape() {
		out.Shape = append(out.Shape, int(d))
	}
	if t.DataType() == tf.Complex64 || t.DataType() == tf.Complex128 {
		out.Shape = append(out.Shape, 2)
	}
	size := out.Shape.Size()
	switch t.DataType() {
	case tf.Float, tf.Complex64:
		out.Data = make([]float32, size)
	case tf.Double, tf.Complex128:
		out.Data = make([]float64, size)
	case tf.Int32:
		out.Data = make([]int32, size)
	case tf.Int64:
		out.Data = make([]int64, size)
	default:
		return out, fmt.Errorf("elements of TensorFlow's type %d; want float32, float64, int32, int64 or a complex type", t.DataType())
	}
	return out, fill(out, t)
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
