//go:build !cgo

package selector

// What this build says of its runtimes.
const tensorflowGolden, pytorchGolden = "tensorflow-without-cgo", "pytorch-without-cgo"
