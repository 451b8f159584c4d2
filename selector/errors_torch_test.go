//go:build cgo && torch

package selector

// pytorchGolden names what this build says of LibTorch.
const pytorchGolden = "pytorch-missing-library"
