//go:build cgo

// Package nvidia asks the NVIDIA driver which GPUs there are. It needs no part of
// CUDA but the driver's own library, which is opened at run time.
package nvidia

// #cgo LDFLAGS: -ldl
// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
)

// Device is a GPU, as the driver describes it.
type Device struct {
	Name  string
	Bytes int64 // of its memory
}

// Devices lists the GPUs that this process may use, in CUDA's order, which
// CUDA_VISIBLE_DEVICES changes. Errors: there is no driver, or it finds no GPU,
// in the loader's or the driver's own words.
func Devices() ([]Device, error) {
	var message [1024]C.char
	n := C.nv_open(&message[0], C.size_t(len(message)))
	if n < 0 {
		return nil, errors.New(C.GoString(&message[0]))
	}
	all := make([]Device, n)
	for i := range all {
		var name [256]C.char
		var bytes C.size_t
		if C.nv_about(C.int(i), &name[0], C.int(len(name)), &bytes) != 0 {
			return nil, fmt.Errorf("the NVIDIA driver does not describe its device %d of %d", i, n)
		}
		all[i] = Device{C.GoString(&name[0]), int64(bytes)}
	}
	return all, nil
}
