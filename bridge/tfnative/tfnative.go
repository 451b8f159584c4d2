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
	gpu    bool
	config []byte // TensorFlow's ConfigProto, for each session
	closed bool
}

// Open opens TensorFlow. Its error matches bridge.ErrUnavailable where the
// library cannot be opened and names the places looked in, and is another one
// where the device asked for is not there or another TensorFlow is open. A GPU
// that is asked for needs the NVIDIA driver and a TensorFlow that finds its
// libraries of CUDA; a process can use one GPU. With auto, whatever is missing of
// these leaves the CPU; where there is a GPU, Info.Setting says why it is not
// used.
func Open(o bridge.Options) (bridge.Backend, error) {
	asked, err := bridge.ParseDevice(o.Device)
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
	b := &backend{info: bridge.Info{
		Backend: "tensorflow",
		Version: lib.version,
		Path:    lib.path,
		Threads: bridge.ThreadCount(o.Threads),
		Setting: "grappler off, oneDNN " + onOff(lib.oneDNN),
	}}
	if err := b.choose(asked, o); err != nil {
		return nil, fmt.Errorf("tfnative: open: %w", err)
	}
	return b, nil
}

// choose puts the backend onto its device.
func (b *backend) choose(asked bridge.Device, o bridge.Options) error {
	if asked.Kind != bridge.CPU {
		found, err := b.tryGPU(asked.Number, o)
		if err == nil {
			return nil
		}
		if asked.Kind == bridge.CUDA {
			return fmt.Errorf("device %s: %w", asked, err)
		}
		if found {
			b.info.Setting += ", no GPU: " + err.Error()
		}
	}
	device := bridge.Device{Kind: bridge.CPU}
	b.info.Device = device.String()
	var err error
	b.config, err = sessionConfig(b.info.Threads, device)
	return err
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
		return nil, fmt.Errorf("tfnative: compile: the backend is %w", bridge.ErrClosed)
	}
	return compile(programs, b.config, b.gpu)
}

func (b *backend) Close() error {
	b.closed = true
	return nil
}
