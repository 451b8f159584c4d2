//go:build torch && cgo

// Package torchnative runs graph programs on LibTorch, through the shim in
// csrc: Open gives the bridge.Backend. Both libraries are opened when the first
// backend is, not when the program starts, and a process has one of each.
// Without the tag torch, or without cgo, Open only says how to get them. Native
// memory is freed by Session.Close; LiveHandles counts what was not closed.
package torchnative

// #include "load.h"
import "C"

import (
	"errors"
	"fmt"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

type backend struct {
	info     bridge.Info
	settings settings
	closed   bool
}

// settings are those of every session of a backend.
type settings struct {
	threads             int
	device              bridge.Device // of kind CPU or CUDA
	tf32, deterministic bool
	recorder            *C.ptorch_recorder // nil: programs are not recorded
}

// Open opens LibTorch and the shim, and for a GPU CUDA's half of LibTorch. Its
// error matches bridge.ErrUnavailable where LibTorch or the shim cannot be opened
// and names the places looked in, and is another one where the device asked for
// is not there or another LibTorch is open. A GPU that is asked for needs the
// NVIDIA driver, CUDA's half of LibTorch with the libraries of CUDA, and no
// backend on the CPU before it in the process. With auto, whatever is missing of
// these leaves the CPU; where there is a GPU, Info.Setting says why it is not
// used.
func Open(o bridge.Options) (bridge.Backend, error) {
	asked, err := bridge.ParseDevice(o.Device)
	if err != nil {
		return nil, fmt.Errorf("torchnative: open: %w", err)
	}
	lib, on, err := openOn(o.Directory, asked)
	var gpu noGPU
	if errors.Is(err, errOther) || errors.As(err, &gpu) {
		return nil, fmt.Errorf("torchnative: open: %w", err)
	}
	if err != nil {
		return nil, bridge.Unavailable("PyTorch", err.Error(), remedy)
	}
	b := &backend{settings: settings{threads: bridge.ThreadCount(o.Threads), device: on.device, tf32: o.TF32, deterministic: o.Deterministic}}
	if on.device.Kind == bridge.CUDA {
		b.settings.recorder = cuda.recorder
	}
	b.info = bridge.Info{
		Backend: "pytorch",
		Version: lib.version,
		Path:    lib.path,
		Device:  on.device.String(),
		GPU:     on.gpu,
		Threads: b.settings.threads,
		Setting: b.settings.String(),
	}
	if on.note != "" {
		b.info.Setting += ", no GPU: " + on.note
	}
	return b, nil
}

// String tells the switches that bear on speed or numbers.
func (s settings) String() string {
	text := "channels-last, OMP_WAIT_POLICY=" + environment("OMP_WAIT_POLICY") + ", GOMP_SPINCOUNT=" + environment("GOMP_SPINCOUNT")
	if s.device.Kind != bridge.CUDA {
		return text
	}
	text += ", TF32 " + onOff(s.tf32)
	if override := environment("NVIDIA_TF32_OVERRIDE"); override != "" && (override == "0") == s.tf32 {
		text += " but NVIDIA_TF32_OVERRIDE=" + override
	}
	text += ", deterministic " + onOff(s.deterministic)
	if s.recorder == nil {
		return text + ", no CUDA graphs: " + cuda.without
	}
	return text + ", CUDA graphs"
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func (b *backend) Info() bridge.Info { return b.info }

func (b *backend) Compile(programs ...*graph.Program) (bridge.Session, error) {
	if b.closed {
		return nil, fmt.Errorf("torchnative: compile: the backend is %w", bridge.ErrClosed)
	}
	return compile(b.settings, programs)
}

func (b *backend) Close() error {
	b.closed = true
	return nil
}

// LiveHandles counts the native sessions, programs and scripts of this process
// that are not closed; 0 where the library was never opened.
func LiveHandles() int {
	loading.Lock()
	defer loading.Unlock()
	if opened == nil {
		return 0
	}
	return int(C.pt_live_handles())
}
