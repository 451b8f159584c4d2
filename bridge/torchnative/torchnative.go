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
	info   bridge.Info
	closed bool
}

// Open opens LibTorch and the shim. Its error matches bridge.ErrUnavailable
// where one of them cannot be opened and names the places looked in, and is
// another one where the device asked for is not there or another LibTorch is
// open.
func Open(o bridge.Options) (bridge.Backend, error) {
	device, err := bridge.OnlyCPU("PyTorch", o.Device)
	if err != nil {
		return nil, fmt.Errorf("torchnative: open: %w", err)
	}
	lib, err := load(o.Directory)
	if errors.Is(err, errOther) {
		return nil, fmt.Errorf("torchnative: open: %w", err)
	}
	if err != nil {
		return nil, bridge.Unavailable("PyTorch", err.Error(), remedy)
	}
	threads := bridge.ThreadCount(o.Threads)
	return &backend{info: bridge.Info{
		Backend: "pytorch",
		Version: lib.version,
		Path:    lib.path,
		Device:  device,
		Threads: threads,
		Setting: "channels-last, OMP_WAIT_POLICY=" + environment("OMP_WAIT_POLICY") + ", GOMP_SPINCOUNT=" + environment("GOMP_SPINCOUNT"),
	}}, nil
}

func (b *backend) Info() bridge.Info { return b.info }

func (b *backend) Compile(programs ...*graph.Program) (bridge.Session, error) {
	if b.closed {
		return nil, fmt.Errorf("torchnative: compile: the backend is %w", bridge.ErrClosed)
	}
	return compile(b.info.Threads, programs)
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
