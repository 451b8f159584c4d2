// Package selector chooses the native runtime by one field of the
// configuration and runs the work on it. It is the only package that names the
// runtimes; everything else receives an opened backend as a value. Its three
// functions keep the contract of the reference program's backend dispatcher:
// validate, synchronise the legacy parameters, route, and never fall back.
package selector

import (
	"errors"
	"fmt"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/tfnative"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
	"github.com/ptychobridge/ptychobridge/config"
)

// ErrInvalidBackend is matched by the error of a backend that is neither
// tensorflow nor pytorch.
var ErrInvalidBackend = errors.New("invalid backend")

// ErrInvalidConfig is matched by the error of a configuration that was refused
// before anything started.
var ErrInvalidConfig = errors.New("invalid configuration")

// invalidBackend has a text that other programs rely on.
type invalidBackend struct{ name, field string }

func (e invalidBackend) Error() string {
	return fmt.Sprintf("Invalid backend: %q. %s must be 'tensorflow' or 'pytorch'.", e.name, e.field)
}

func (e invalidBackend) Is(target error) bool { return target == ErrInvalidBackend }

// Backends lists the names that the field backend may have.
func Backends() []string { return []string{config.TensorFlow, config.PyTorch} }

// The fields that name a backend, as errors have them.
const (
	trainingBackend  = "TrainingConfig.backend"
	inferenceBackend = "InferenceConfig.backend"
)

func checkBackend(name, field string) error {
	switch name {
	case config.TensorFlow, config.PyTorch:
		return nil
	}
	return invalidBackend{name, field}
}

// Open opens a backend by its name. The caller closes it. The error of a
// runtime that this build or this machine does not have matches
// bridge.ErrUnavailable and says how to get it; that of an unknown name matches
// ErrInvalidBackend.
func Open(name string, o bridge.Options) (bridge.Backend, error) {
	switch name {
	case config.TensorFlow:
		return tfnative.Open(o)
	case config.PyTorch:
		return torchnative.Open(o)
	}
	return nil, invalidBackend{name, "backend"}
}

func bridgeOptions(e config.ExecutionConfig) bridge.Options {
	return bridge.Options{Device: e.Device, Threads: e.Threads, Deterministic: e.Deterministic, TF32: e.AllowTF32}
}
