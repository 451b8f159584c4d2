package selector

import (
	"context"
	"fmt"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// LoadInferenceBundleWithBackend loads the model bundle at dir, the file or the
// directory that holds it, for inference on the backend that cfg.Backend
// names, whichever trained it. modelName is diffraction_to_obj (also when
// empty), which gives the object, or autoencoder, which gives the predicted
// intensities too. The bundle's model section wins: a field of cfg.Model that
// is set, which is to say not zero, and differs is an error that names both.
// A cfg.NeighborCount of 0 is the bundle's. With WithBundle dir is not read. The
// caller closes the model. params are the legacy parameters of the training, laid
// over with those of cfg.
//
// cfg is not changed. Errors match ErrInvalidBackend, ErrInvalidConfig, those
// of package bundle, bridge.ErrUnavailable or the error of ctx.
func LoadInferenceBundleWithBackend(ctx context.Context, dir string, cfg config.InferenceConfig, modelName string, options ...Option) (*workflow.Model, config.LegacyParams, error) {
	c := newCall(options)
	if err := checkInference(cfg, c.execution); err != nil {
		return nil, nil, err
	}
	if modelName == "" {
		modelName = workflow.DiffractionToObject
	}
	trained, err := c.read(dir)
	if err != nil {
		return nil, nil, err
	}
	if err := refusal(nil, workflow.CheckModel(trained, cfg, modelName)); err != nil {
		return nil, nil, err
	}
	if err := checkGroups(cfg, trained); err != nil {
		return nil, nil, err
	}
	if err := c.synchronizeInference(trained, cfg); err != nil {
		return nil, nil, fmt.Errorf("selector: legacy parameters: %w", err)
	}
	c.logger.Info("params synchronized", "backend", cfg.Backend)
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("selector: load inference bundle: %w", err)
	}
	b, err := c.route(cfg.Backend)
	if err != nil {
		return nil, nil, err
	}
	m, err := workflow.OpenModel(b, trained, cfg, c.execution, modelName)
	if err != nil {
		_ = b.Close() // the first error counts
		return nil, nil, err
	}
	m.Tell(c.progress)
	m.UseLegacy(c.legacy)
	c.logger.Info("complete", "backend", cfg.Backend)
	return m, c.legacy, nil
}

// read reads the bundle at dir, unless there is one.
func (c *call) read(dir string) (*bundle.Bundle, error) {
	if c.bundle != nil {
		return c.bundle, nil
	}
	return bundle.Read(dir)
}

// checkGroups refuses settings that do not go with the bundle's gridsize.
func checkGroups(cfg config.InferenceConfig, trained *bundle.Bundle) error {
	cfg.Model = trained.Config.Training.Model
	return refusal(nil, cfg.Validate())
}

// synchronizeInference lays the bundle's parameters and then the
// configuration over the map, all or nothing.
func (c *call) synchronizeInference(trained *bundle.Bundle, cfg config.InferenceConfig) error {
	fresh := trained.Params.Clone()
	if fresh == nil {
		fresh = config.LegacyParams{}
	}
	cfg.Model = trained.Config.Training.Model // the bundle's section wins
	if err := c.updateInference(fresh, cfg); err != nil {
		return err
	}
	for name, v := range fresh {
		c.legacy[name] = v
	}
	return nil
}
