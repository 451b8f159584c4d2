//go:build !cgo

// Package nvidia asks the NVIDIA driver which GPUs there are. This build was
// made without cgo and cannot ask.
package nvidia

import "errors"

// Device is a GPU, as the driver describes it.
type Device struct {
	Name  string
	Bytes int64 // of its memory
}

// Devices gives an error: this build cannot ask the driver.
func Devices() ([]Device, error) {
	return nil, errors.New("this build was made without cgo and cannot ask the NVIDIA driver")
}
