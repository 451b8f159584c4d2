//go:build cgo && !notensorflow

// Package tfnative runs graph programs on TensorFlow, through graft. The
// library is opened when the backend is, not when the program starts.
package tfnative

import (
	"errors"
	"fmt"
	"strings"

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
	device, err := chooseDevice(o.Device)
	if err != nil {
		return nil, err
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

// chooseDevice refuses what this version cannot use; nothing falls back.
func chooseDevice(device string) (string, error) {
	switch {
	case device == "" || device == "auto" || device == "cpu":
		return "cpu", nil
	case strings.HasPrefix(device, "cuda"):
		return "", fmt.Errorf("tfnative: open: device %s: this version runs TensorFlow on the CPU only; use device cpu or auto", device)
	}
	return "", fmt.Errorf("tfnative: open: device %q is not known; want auto, cpu or cuda", device)
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
