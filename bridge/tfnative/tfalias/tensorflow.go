// Package tensorflow gives tfgo the names of TensorFlow's Go binding that it
// uses, as names for those of graft.
//
// tfgo is written for another copy of that binding, which defines the same C
// functions and protocol buffers as graft, so that a program cannot hold both.
// A replace line in the go.mod above puts this module in the place of that
// copy; one binding is linked, and tfgo's tensors are graft's.
package tensorflow

import tf "github.com/wamuir/graft/tensorflow"

// The types that tfgo names, each the one of graft.
type (
	DataType       = tf.DataType
	Graph          = tf.Graph
	Operation      = tf.Operation
	Output         = tf.Output
	SavedModel     = tf.SavedModel
	Session        = tf.Session
	SessionOptions = tf.SessionOptions
	Tensor         = tf.Tensor
)

// The types of elements that tfgo names.
const (
	Double  = tf.Double
	Float   = tf.Float
	Half    = tf.Half
	Int8    = tf.Int8
	Int16   = tf.Int16
	Int32   = tf.Int32
	Int64   = tf.Int64
	Qint8   = tf.Qint8
	Qint16  = tf.Qint16
	Qint32  = tf.Qint32
	Quint8  = tf.Quint8
	Quint16 = tf.Quint16
	Uint8   = tf.Uint8
	Uint16  = tf.Uint16
)

// The functions that tfgo calls, each the one of graft.
var (
	LoadSavedModel = tf.LoadSavedModel
	NewGraph       = tf.NewGraph
	NewSession     = tf.NewSession
	NewTensor      = tf.NewTensor
)
