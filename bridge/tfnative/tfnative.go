//go:build cgo && !notensorflow

// Package tfnative runs graph programs on TensorFlow, through graft: Open gives
// the bridge.Backend. The library is opened when the first backend is, not when
// the program starts, and a process has one. With the tag notensorflow, or
// without cgo, Open only says how to get it. A SavedModel is a foreign network,
// run through tfgo.
package tfnative

import (
	"errors"
	"fmt"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

type backend struct {
	info   bridge.Info
	config []byte // TensorFlow's ConfigProto, for each session
	closed bool
}

// Open opens TensorFlow. Its error matches bridge.ErrUnavailable where the
// library cannot be opened and names the places looked in, and is another one
// where the device asked for is not there or another TensorFlow is open.
func Open(o bridge.Options) (bridge.Backend, error) {
	device, err := bridge.OnlyCPU("TensorFlow", o.Device)
	if err != nil {
		return nil, fmt.Errorf("tfnative: open: %w", err)
	}
	lib, err := load(o.Directory)
	if errors.Is(err, errOther) {
		return nil, fmt.Errorf("tfnative: open: %w", err)
	}
	if err != nil {
		return nil, bridge.Unavailable("TensorFlow", err.Error(), remedy)
	}
	threads := bridge.ThreadCount(o.Threads)
	config, err := sessionConfig(threads)
	if err != nil {
		return nil, fmt.Errorf("tfnative: open: %w", err)
	}
	setting := "grappler off, oneDNN on"
	if !lib.oneDNN {
		setting = "grappler off, oneDNN off"
	}
	return &backend{config: config, info: bridge.Info{
		Backend: "tensorflow",
		Version: lib.version,
		Path:    lib.path,
		Device:  device,
		Threads: threads,
		Setting: setting,
	}}, nil
}

func (b *backend) Info() bridge.Info { return b.info }

func (b *backend) Compile(programs ...*graph.Program) (bridge.Session, error) {
	if b.closed {
		return nil, fmt.Errorf("tfnative: compile: the backend is %w", bridge.ErrClosed)
	}
	return compile(programs, b.config)
}

func (b *backend) Close() error {
	b.closed = true
	return nil
}
