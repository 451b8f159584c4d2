//go:build cgo && !notensorflow

package selector

// tensorflowGolden names what this build says of TensorFlow.
const tensorflowGolden = "tensorflow-missing-library"
