package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/selector"
	"github.com/ptychobridge/ptychobridge/wholefile"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// simulatedPatterns is the size of the set that a run without data makes.
const simulatedPatterns = 400

func runCommand(a *app) *cobra.Command {
	r := &runner{app: a}
	c := &cobra.Command{
		Use:   "run",
		Short: "Train on a scan, reconstruct the object and write it",
		Long: `Trains the network on the patterns of a data file, reconstructs the object
from the test file (or the training file, where there is none), and writes
pictures, arrays, metrics and the model into a new directory. Without a data
file, a small scan of a simulated object is made first.

Settings come from flags, a --config file, a --preset, the data file's metadata
and the defaults, in that order. Ctrl-C stops a run and keeps where it was as a
checkpoint: --resume goes on from there, with the settings that the run had, and
ends as if it had never stopped. More --nepochs, another --early-stop-patience,
--backend, --device or --threads may be given then.`,
		Example: `  ptycho run --train-data-file scan.npz --nphotons 4.4e5
  ptycho run --train-data-file scan.npz --backend pytorch --output-dir result
  ptycho run --train-data-file scan.npz --nphotons 4.4e5 --preset fast
  ptycho run --config run.yaml --set training.batch_size=8
  ptycho run --resume training_outputs/1`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return r.run(c) },
	}
	r.register(c, allSections...)
	return c
}

// register adds the flags of a training.
func (r *runner) register(c *cobra.Command, sections ...string) {
	r.settings.register(c, sections...)
	r.settings.registerPreset(c)
	c.Flags().BoolVar(&r.force, "force", false, "replace an earlier run in --output-dir")
	c.Flags().StringVar(&r.resume, "resume", "", "directory of a run that was stopped: goes on with it")
	_ = c.MarkFlagDirname("resume") // it was just made
}

// runner is one run.
type runner struct {
	*app
	settings  settings
	force     bool
	trainOnly bool   // nothing is reconstructed
	resume    string // directory of the run to go on with; empty: a new one

	resolved    config.Resolved
	train, test *dataset.Raw
	simulated   bool
}

func (r *runner) run(c *cobra.Command) error {
	if err := r.prepare(c); err != nil {
		return err
	}
	d, err := r.directory()
	if err != nil {
		return err
	}
	r.resolved.Config.Training.OutputDir = d.path
	before, _ := os.Stat(d.file(fileBundle)) // nil where there is no model yet
	results, err := r.reconstruct(c.Context(), d)
	if err != nil {
		return r.failed(err, d, before)
	}
	record, err := r.write(d, results)
	if err != nil {
		return r.trained(err, d)
	}
	if err := d.keep(); err != nil {
		return err
	}
	return r.print(d, record)
}

// failed ends a run that failed: what can be used is kept, and the error says
// how. before is the model that was there when it began, or nil.
func (r *runner) failed(err error, d *directory, before os.FileInfo) error {
	now, missing := os.Stat(d.file(fileBundle))
	switch {
	case stoppedInTraining(err):
		return r.resumable(err, d)
	case missing == nil && (before == nil || !os.SameFile(before, now)):
		return r.trained(err, d)
	case r.resume != "" || d.checkpoints():
		return r.resumable(err, d)
	}
	return errors.Join(err, d.undo())
}

// trained is the error of a run that failed or was cancelled after its training
// had ended and the model was written.
func (r *runner) trained(err error, d *directory) error {
	var how []string
	if d.checkpoints() {
		how = append(how, resumeCommand(r.command(), d.path))
	}
	if !r.trainOnly {
		how = append(how, fmt.Sprintf("ptycho infer --model-path %s --test-data-file %s", word(d.path), word(r.reconstructed().Path)))
	}
	hint := ""
	if len(how) > 0 {
		hint = "; go on with: " + strings.Join(how, ", or: ")
	}
	return fmt.Errorf("the training has ended and its model is %s, but what follows was not done: %w%s%s", d.file(fileBundle), err, hint, d.replaced())
}

// prepare resolves the settings and loads or simulates the data, so that
// whatever is wrong with them is known before anything is made.
func (r *runner) prepare(c *cobra.Command) error {
	layers, found := r.layers(c)
	if layers == nil {
		return found
	}
	var err error
	if r.resolved, err = selector.Resolve(found, layers...); err != nil {
		return err
	}
	cfg := r.resolved.Config
	if from := r.resolved.Sources["training.train_data_file"]; cfg.Training.TrainDataFile == "" && from == "command line" {
		return usageError{errors.New("--train-data-file is empty: give the NPZ file to train on, or leave it out for a simulated scan")}
	}
	if err := available(cfg); err != nil {
		return err
	}
	if r.simulated = cfg.Training.TrainDataFile == ""; r.simulated && cfg.Data != config.DefaultData() {
		return usageError{errors.New("settings of the section data are for a data file, and there is no --train-data-file")}
	}
	if err := interruptible(c.Context(), func() error { return r.load(cfg) }); err != nil {
		return err
	}
	metadata, err := config.Metadata(r.train.Path, r.train.Metadata)
	if err != nil {
		return err
	}
	r.resolved, err = resolve(append([]config.Layer{metadata}, layers...)...)
	r.warnAll(r.resolved.Warnings)
	return errors.Join(err, r.checkResume())
}

// available opens the backend and closes it again: if it is missing, that
// should be known before a large file is read.
func available(cfg config.Config) error {
	b, err := selector.Open(cfg.Training.Backend, bridge.Options{
		Device: cfg.Execution.Device, Threads: cfg.Execution.Threads, Deterministic: cfg.Execution.Deterministic, TF32: cfg.Execution.AllowTF32,
	})
	if err != nil {
		return err
	}
	return b.Close()
}

// interruptible calls f and does not wait for its end once ctx is cancelled.
func interruptible(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *runner) load(cfg config.Config) (err error) {
	t := cfg.Training
	if r.simulated {
		r.train, err = dataset.Simulate(dataset.SimulateOptions{
			Object: dataset.ObjectSmooth, Scan: dataset.ScanRaster, Patterns: simulatedPatterns, N: t.Model.N, NPhotons: t.NPhotons, Seed: t.Seed,
		})
	} else {
		r.train, err = readData(t.TrainDataFile, cfg.Data)
	}
	if err != nil {
		return err
	}
	if t.TestDataFile != "" {
		if r.test, err = readData(t.TestDataFile, cfg.Data); err != nil {
			return err
		}
	}
	for _, raw := range []*dataset.Raw{r.train, r.test} {
		if raw != nil {
			r.warnAll(raw.Warnings)
		}
	}
	return nil
}

// hashOf is the hash of a data file, as dataset.Load gives it.
func hashOf(path string) (string, error) {
	file, err := npz.Open(path)
	if err != nil {
		return "", err
	}
	hash, err := file.SHA256()
	return hash, errors.Join(err, file.Close())
}

// reconstruct writes what went into the run and trains.
func (r *runner) reconstruct(ctx context.Context, d *directory) (_ *workflow.Results, err error) {
	cfg := r.resolved.Config
	if r.simulated {
		r.train.Path = d.file(fileSimulated)
		cfg.Training.TrainDataFile = r.train.Path
		r.resolved.Config = cfg
		if err := r.train.Write(r.train.Path); err != nil {
			return nil, err
		}
		if r.train.SHA256, err = hashOf(r.train.Path); err != nil {
			return nil, err
		}
	}
	effective, err := cfg.YAML()
	if err != nil {
		return nil, err
	}
	if err := wholefile.WriteBytes(d.file(fileConfig), effective); err != nil {
		return nil, err
	}
	r.tellData()
	options := []selector.Option{
		selector.WithExecution(cfg.Execution), selector.WithData(cfg.Data), selector.WithReconstruction(cfg.Reconstruction),
		selector.WithLogger(slog.New(warnings{r.stderr})),
		selector.WithProgress(r.tell), selector.WithProgram(versionLine()), selector.WithResume(r.resume),
	}
	if r.trainOnly {
		return selector.TrainCDIModelWithBackend(ctx, r.train, r.test, cfg.Training, options...)
	}
	_, _, results, err := selector.RunCDIExampleWithBackend(ctx, r.train, r.test, cfg.Training, options...)
	return results, err
}
