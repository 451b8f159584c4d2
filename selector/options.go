package selector

import (
	"log/slog"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// Option changes how one of the three functions works.
type Option func(*call)

// call collects the options of one call.
type call struct {
	execution      config.ExecutionConfig
	data           config.DataConfig
	reconstruction config.ReconstructionConfig
	legacy         config.LegacyParams
	program        string
	resume         string
	bundle         *bundle.Bundle
	logger         *slog.Logger
	progress       func(workflow.Progress)

	// What tests replace to see the order of events.
	open            func(string, bridge.Options) (bridge.Backend, error)
	update          func(config.LegacyParams, config.TrainingConfig) error
	updateInference func(config.LegacyParams, config.InferenceConfig) error
	fastBFloat16    func() bool
}

func newCall(options []Option) *call {
	d := config.Default()
	c := &call{
		execution: d.Execution, data: d.Data, reconstruction: d.Reconstruction,
		logger: slog.Default(),
		open:   Open, update: config.LegacyParams.Update, updateInference: config.LegacyParams.UpdateInference, fastBFloat16: fastBFloat16,
	}
	c.reconstruction.DoStitching = false
	for _, o := range options {
		o(c)
	}
	if c.legacy == nil {
		c.legacy = config.LegacyParams{}
	}
	return c
}

// WithExecution says where and how to compute: device, threads, precision.
func WithExecution(e config.ExecutionConfig) Option { return func(c *call) { c.execution = e } }

// WithData records how the data was read; it changes nothing of the data.
func WithData(d config.DataConfig) Option { return func(c *call) { c.data = d } }

// WithReconstruction sets all options of stitching at once.
func WithReconstruction(r config.ReconstructionConfig) Option {
	return func(c *call) { c.reconstruction = r }
}

// WithLegacyParams gives the map that is updated from the configuration
// before anything else happens; without it a fresh one is made. It is returned
// in the results.
func WithLegacyParams(p config.LegacyParams) Option { return func(c *call) { c.legacy = p } }

// WithProgram names the program that trains, with its version; the bundle keeps
// it.
func WithProgram(version string) Option { return func(c *call) { c.program = version } }

// WithResume goes on with the training of a checkpoint instead of beginning
// one: path is its file, or the directory of a run, whose newest checkpoint
// that is whole is taken. The settings and data must be those of that training,
// but for nepochs, early_stop_patience, backend, names of files, checkpoint_every,
// checkpoint_keep, device, threads and the reconstruction; others are an error that matches
// workflow.ErrOtherTraining and ErrInvalidConfig and names what differs. On the
// same backend, with as many threads and deterministic set, weights and history
// come out as if the training had never stopped.
func WithResume(path string) Option { return func(c *call) { c.resume = path } }

// WithBundle gives LoadInferenceBundleWithBackend a bundle that was read
// already; it is not changed, and must not be while the model is used.
func WithBundle(b *bundle.Bundle) Option { return func(c *call) { c.bundle = b } }

// WithLogger sends the log lines to a logger of one's own; nil silences them.
func WithLogger(l *slog.Logger) Option {
	return func(c *call) {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		c.logger = l
	}
}

// WithProgress is called after each step, epoch and predicted batch.
func WithProgress(f func(workflow.Progress)) Option { return func(c *call) { c.progress = f } }

// DoStitching says whether patches are stitched to one object; the default is
// false.
func DoStitching(on bool) Option { return func(c *call) { c.reconstruction.DoStitching = on } }

// M is the side of the central square that each patch gives to the stitched
// object; the default is 20·N/64.
func M(side int) Option { return func(c *call) { c.reconstruction.M = side } }

// FlipX reverses the columns of each patch before it is placed, FlipY its
// rows, Transpose then exchanges both. Positions stay as they are.
func FlipX(on bool) Option { return func(c *call) { c.reconstruction.FlipX = on } }

// FlipY is described at FlipX.
func FlipY(on bool) Option { return func(c *call) { c.reconstruction.FlipY = on } }

// Transpose is described at FlipX.
func Transpose(on bool) Option { return func(c *call) { c.reconstruction.Transpose = on } }
