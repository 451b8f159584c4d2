package selector

import (
	"errors"
	"fmt"

	"github.com/ptychobridge/ptychobridge/config"
)

// Check refuses, by name and before anything has happened, what the functions
// for training refuse of a configuration: an unknown backend, settings out of
// range, settings that this version does not support. All there are come in one
// error, which matches ErrInvalidBackend, ErrInvalidConfig or both.
func Check(c config.Config) error {
	return refusal(checkBackend(c.Training.Backend, trainingBackend), c.Validate(), c.Unsupported())
}

// Resolve is config.Resolve and then Check, for a command line that wants all
// faults at once. found are those that were met while the layers were made; the
// layers hold the settings without a fault then, and no rule between settings
// is judged, since the ones that are missing would speak in it. The error is as
// that of Check.
func Resolve(found error, layers ...config.Layer) (config.Resolved, error) {
	return resolve(trainingBackend, found, layers)
}

// ResolveInference is Resolve for the command line of an inference: it differs in
// the name of the field backend.
func ResolveInference(found error, layers ...config.Layer) (config.Resolved, error) {
	return resolve(inferenceBackend, found, layers)
}

func resolve(field string, found error, layers []config.Layer) (config.Resolved, error) {
	r, err := config.Resolve(layers...)
	if found != nil {
		err = found
	}
	return r, refusal(checkBackend(r.Config.Training.Backend, field), err, r.Config.Unsupported())
}

// checkInference is Check for an inference.
func checkInference(c config.InferenceConfig, e config.ExecutionConfig) error {
	whole := config.Default()
	whole.Execution = e
	return refusal(checkBackend(c.Backend, inferenceBackend), c.Validate(), e.Validate(), whole.Unsupported())
}

// refusal makes one error of what is wrong with the backend's name, whose text
// comes first as other programs rely on it, and with other settings. It is nil
// where nothing is.
func refusal(backend error, settings ...error) error {
	err := errors.Join(settings...)
	switch {
	case err == nil:
		return backend
	case backend == nil:
		return fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	return fmt.Errorf("%w\n%w: %w", backend, ErrInvalidConfig, err)
}
