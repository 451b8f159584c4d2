//go:build cgo && !notensorflow

package tfnative

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	tf "github.com/wamuir/graft/tensorflow"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

var dataTypes = map[graph.DType]tf.DataType{graph.Float32: tf.Float, graph.Float64: tf.Double, graph.Int32: tf.Int32, graph.BFloat16: tf.Bfloat16}

// toNative copies a checked host tensor into one of TensorFlow's, in one
// piece.
func toNative(t bridge.Tensor, dtype graph.DType) (*tf.Tensor, error) {
	raw := bytesOf(t.Data)
	owe(len(raw))
	return tf.ReadTensor(dataTypes[dtype], widen(t.Shape), bytes.NewReader(raw))
}

// toHost copies the value of a node to the host, in one piece.
func toHost(t *tf.Tensor, n *graph.Node) (bridge.Tensor, error) {
	out := bridge.ValueOf(n)
	return out, fill(out, t)
}

// fill copies a native tensor into one of as many bytes.
func fill(out bridge.Tensor, t *tf.Tensor) error {
	raw := bytesOf(out.Data)
	owe(len(raw))
	rest := room(raw)
	_, err := t.WriteContentsTo(&rest)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%d bytes are missing", len(rest))
	}
	return err
}

// room is memory that is written from the front.
type room []byte

func (r *room) Write(p []byte) (int, error) {
	if len(p) > len(*r) {
		return 0, errors.New("the value is larger than its shape says")
	}
	copy(*r, p)
	*r = (*r)[len(p):]
	return len(p), nil
}

// bytesOf gives the memory of a tensor's elements.
func bytesOf(data any) []byte {
	switch d := data.(type) {
	case []float32:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 4*len(d))
	case []float64:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 8*len(d))
	case []int32:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 4*len(d))
	case []int64:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 8*len(d))
	}
	panic(fmt.Sprintf("tfnative: BUG: tensor of %T", data))
}

func widen(in []int) []int64 {
	out := make([]int64, len(in))
	for i, v := range in {
		out[i] = int64(v)
	}
	return out
}

// graft frees native tensors when Go's collector finds them unused, but the
// collector does not see their size and so may wait long. owed counts the
// bytes of native tensors made since it last ran for this reason.
var owed atomic.Int64

const (
	owedLimit  = 32 << 20
	owedTensor = 512 // of a native tensor besides its elements
)

func owe(bytes int) { owed.Add(int64(bytes + owedTensor)) }

// settle runs the collector where much native memory may be waiting for it.
// It is called when the tensors of a run are no longer in use.
func settle() {
	if owed.Load() > owedLimit {
		owed.Store(0)
		runtime.GC()
	}
}
