package selector

import (
	"context"
	"errors"
	"fmt"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// TrainCDIModelWithBackend trains the model of cfg on the backend that
// cfg.Backend names and reconstructs nothing. test may be nil; it serves for
// validation where it is given. File names in cfg are not read. Where
// cfg.OutputDir is not empty, the model bundle is written there, and while
// training its checkpoints; a cancelled ctx leaves one of where it stopped, and
// the error is a workflow.Interrupted then.
//
// cfg is not changed. Errors match ErrInvalidBackend, ErrInvalidConfig (before
// anything has happened), bridge.ErrUnavailable (the legacy parameters are
// updated then) or the error of ctx.
func TrainCDIModelWithBackend(ctx context.Context, train, test *dataset.Raw, cfg config.TrainingConfig, options ...Option) (*workflow.Results, error) {
	return newCall(options).train(ctx, train, test, cfg, false)
}

// RunCDIExampleWithBackend trains as TrainCDIModelWithBackend does and then
// predicts the object patches of test, or of train where test is nil. With
// DoStitching they are stitched; amplitude and phase (radians) of the stitched
// object are nil otherwise.
func RunCDIExampleWithBackend(ctx context.Context, train, test *dataset.Raw, cfg config.TrainingConfig, options ...Option) (amplitude, phase *workflow.Image, results *workflow.Results, err error) {
	results, err = newCall(options).train(ctx, train, test, cfg, true)
	if err != nil {
		return nil, nil, nil, err
	}
	return results.ReconAmp, results.ReconPhase, results, nil
}

func (c *call) train(ctx context.Context, train, test *dataset.Raw, cfg config.TrainingConfig, reconstruct bool) (*workflow.Results, error) {
	if err := Check(config.Config{Training: cfg, Data: c.data, Reconstruction: c.reconstruction, Execution: c.execution}); err != nil {
		return nil, err
	}
	if train == nil {
		return nil, fmt.Errorf("%w: there is no training data", ErrInvalidConfig)
	}
	var stitched *config.ReconstructionConfig
	if reconstruct {
		stitched = &c.reconstruction
	}
	if err := workflow.CheckData(train, test, cfg, stitched); err != nil {
		return nil, fmt.Errorf("selector: %w: %w", ErrInvalidConfig, err)
	}
	checkpoint, err := c.checkpoint(train, test, cfg)
	if err != nil {
		return nil, err
	}
	if err := c.update(c.legacy, cfg); err != nil {
		return nil, fmt.Errorf("selector: legacy parameters: %w", err)
	}
	c.logger.Info("params synchronized", "backend", cfg.Backend)
	b, err := c.route(cfg.Backend)
	if err != nil {
		return nil, err
	}
	defer b.Close() //nolint:errcheck // its errors are those of freeing memory
	r, err := workflow.Train(ctx, b, train, test, cfg, workflow.Options{
		Execution: c.execution, Data: c.data, Reconstruction: c.reconstruction, Legacy: c.legacy,
		Logger: c.logger, Progress: c.progress, Program: c.program, Reconstruct: reconstruct, Resume: checkpoint,
	})
	if err != nil {
		return nil, err
	}
	c.logger.Info("complete", "backend", cfg.Backend)
	return r, nil
}

// checkpoint opens the one to go on from, nil where training begins anew.
func (c *call) checkpoint(train, test *dataset.Raw, cfg config.TrainingConfig) (*workflow.Checkpoint, error) {
	if c.resume == "" {
		return nil, nil
	}
	checkpoint, err := workflow.OpenCheckpoint(c.resume)
	if err != nil {
		return nil, err
	}
	err = checkpoint.Check(train, test, config.Config{Training: cfg, Data: c.data, Reconstruction: c.reconstruction, Execution: c.execution})
	if errors.Is(err, workflow.ErrOtherTraining) {
		err = fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	for _, w := range checkpoint.Warnings {
		c.logger.Warn(w)
	}
	return checkpoint, err
}

// route opens the backend; nothing falls back.
func (c *call) route(name string) (bridge.Backend, error) {
	c.logger.Info("routing", "backend", name)
	b, err := c.open(name, bridgeOptions(c.execution))
	if err != nil {
		return nil, err
	}
	i := b.Info()
	if c.execution.Precision == model.PrecisionMixed && i.Device == "cpu" && !c.fastBFloat16() {
		c.logger.Warn("execution.precision bf16-mixed: this processor has neither AVX512-BF16 nor AMX-BF16, so float32 is faster here")
	}
	if c.execution.Device == "" || c.execution.Device == "auto" {
		c.logger.Info("device chosen", "backend", name, "device", i.Device)
	}
	return b, nil
}
