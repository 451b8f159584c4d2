//go:build torch && cgo

package torchnative

// #include "load.h"
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/nvidia"
)

// cudaHalf is CUDA's half of LibTorch, which the first backend of a process
// that may use a GPU opens. Once LibTorch has looked for it, it does not look
// again, so it must be open before the shim is.
type cudaHalf struct {
	open     bool
	recorder *C.ptorch_recorder // nil: none
	without  string             // why there is none
	failed   error              // why CUDA's half could not be opened, when it was tried first
}

var cuda cudaHalf

// openCUDA opens CUDA's half beside LibTorch, where that has not been done.
// loading must be held.
func openCUDA() error {
	if cuda.open {
		return nil
	}
	if cuda.failed != nil && opened != nil {
		return cuda.failed
	}
	if opened != nil {
		return errors.New("this process has opened LibTorch for the CPU; let its first backend be one on a GPU, or use another process")
	}
	// cuBLAS takes the same ways at every run only with this workspace.
	setDefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
	if _, err := openLibrary(filepath.Join(filepath.Dir(torchPath), "libtorch_cuda.so")); err != nil {
		cuda.failed = fmt.Errorf("the CUDA half of LibTorch, or a library of CUDA that it needs, could not be opened: %w", err)
		return cuda.failed
	}
	cuda.open = true
	return nil
}

// openRecorder opens what lies beside the shim for CUDA graphs. loading must be
// held.
func openRecorder(shim, version string) {
	var err error
	if cuda.recorder, err = readRecorder(filepath.Join(filepath.Dir(shim), "libptorch_cuda.so"), version); err != nil {
		cuda.without = err.Error()
	}
}

func readRecorder(path, version string) (*C.ptorch_recorder, error) {
	handle, err := openLibrary(path)
	if err != nil {
		return nil, err
	}
	r := C.pt_recorder(handle)
	switch {
	case r == nil:
		return nil, fmt.Errorf("%s has no recorder", path)
	case r.abi != abi:
		return nil, fmt.Errorf("%s has interface %d, this program needs %d", path, r.abi, abi)
	case C.GoString(r.built_for) != version:
		return nil, fmt.Errorf("%s was built for LibTorch %s, and %s is open", path, C.GoString(r.built_for), version)
	}
	return r, nil
}

// choice is what an opened device is.
type choice struct {
	device bridge.Device // of kind CPU or CUDA
	gpu    string        // its name
	note   string        // why auto took no GPU although there is one
}

// openOn opens LibTorch for a device and chooses where it is auto. For a GPU
// that is asked for, all that is missing is one error, of type noGPU.
func openOn(directory string, asked bridge.Device) (*library, choice, error) {
	onCPU := choice{device: bridge.Device{Kind: bridge.CPU}}
	if asked.Kind == bridge.CPU {
		lib, err := load(directory, nil)
		return lib, onCPU, err
	}
	gpus, driver := nvidia.Devices()
	if asked.Kind == bridge.Auto && driver != nil {
		lib, err := load(directory, nil)
		return lib, onCPU, err
	}
	var half error
	lib, err := load(directory, func() error {
		half = openCUDA()
		if asked.Kind == bridge.Auto {
			return nil
		}
		return asNoGPU(asked, both(half, driver))
	})
	if err != nil {
		return nil, onCPU, err
	}
	chosen := choice{device: bridge.Device{Kind: bridge.CUDA, Number: asked.Number}}
	if half == nil {
		half = checkNumber(asked.Number, gpus)
	}
	switch {
	case half == nil:
		chosen.gpu = gpus[asked.Number].Name
		return lib, chosen, nil
	case asked.Kind == bridge.Auto:
		onCPU.note = half.Error()
		return lib, onCPU, nil
	}
	return nil, onCPU, asNoGPU(asked, half)
}

// checkNumber asks LibTorch itself, which may find fewer devices than the
// driver has.
func checkNumber(number int, gpus []nvidia.Device) error {
	var n C.int
	if err := call(func(e *C.char, size C.size_t) C.int { return C.pt_cuda_count(&n, e, size) }); err != nil {
		return err
	}
	if found := min(int(n), len(gpus)); number >= found {
		return fmt.Errorf("there is no device %d: LibTorch finds %d, numbered from 0", number, found)
	}
	return nil
}

// both makes one sentence of two causes, either of which may be nil.
func both(a, b error) error {
	if a != nil && b != nil {
		return fmt.Errorf("%w; and %w", a, b)
	}
	return errors.Join(a, b)
}

// noGPU is the error of a GPU that was asked for.
type noGPU struct{ error }

func asNoGPU(asked bridge.Device, why error) error {
	if why == nil {
		return nil
	}
	return noGPU{fmt.Errorf("device %s: %w", asked, why)}
}
