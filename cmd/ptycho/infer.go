package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/selector"
	"github.com/ptychobridge/ptychobridge/wholefile"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// inferenceKeys are the settings of the section training that an inference
// has, those of config.InferenceConfig.
var inferenceKeys = []string{"test_data_file", "n_groups", "n_subsample", "subsample_seed", "neighbor_count", "output_dir", "backend", "batch_size"}

// keptKey is the one of them that the bundle knows better than the defaults.
const keptKey = "neighbor_count"

func inferCommand(a *app) *cobra.Command {
	i := &inference{app: a}
	c := &cobra.Command{
		Use:   "infer",
		Short: "Reconstruct a scan with a trained model",
		Long: `Reconstructs the object of a data file with a model that run or train has
written, on either backend whichever trained it, and writes pictures, arrays
and metrics as run does. Nothing is trained.

The network is that of the model; a setting of the section model that differs
is an error. neighbor_count, the seed and the section data are those of the
training unless they are given. Settings come from flags, a --config file, the
model and the defaults, in that order.

predictions.npz holds what the network gives for each group of patterns:
patches, positions, nn_indices and, with --model-name autoencoder, intensity
(groups, patterns, N, N) in units in which a mean pattern of the training has
nphotons. It is written with that model name or --do-stitching=false.

The file may be larger than memory: at gridsize 1, and where predictions.npz is
not wanted, a portion of its patterns is predicted while the next is read. That
does not go for patterns stored as (N, N, n) or in Fortran order.`,
		Example: `  ptycho infer --model-path training_outputs/1 --test-data-file scan.npz
  ptycho infer --model-path model.ptycho.zip --test-data-file scan.npz \
    --backend pytorch --M 40 --weighting probe
  ptycho infer --model-path training_outputs/1 --test-data-file scan.npz \
    --model-name autoencoder --output-dir predicted`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return i.run(c) },
	}
	i.settings.registerIf(c, func(f config.Field) bool {
		switch f.Section {
		case "training":
			return slices.Contains(inferenceKeys, f.Key)
		case "model":
			return false
		}
		return true
	})
	c.Flags().StringVar(&i.path, "model-path", "", "model.ptycho.zip, or the directory that holds it")
	c.Flags().StringVar(&i.name, "model-name", workflow.DiffractionToObject, "diffraction_to_obj, or autoencoder, which gives predicted intensities too")
	c.Flags().BoolVar(&i.force, "force", false, "replace an earlier run in --output-dir")
	completeValues(c, "model-name", bundle.Models()...)
	neighbors := c.Flags().Lookup("neighbor-count")
	neighbors.Usage, neighbors.DefValue = neighbors.Usage+"; default: that of the model", ""
	c.Flags().Lookup("test-data-file").Usage = "NPZ file to reconstruct"
	c.Flags().Lookup("batch-size").Usage = "groups that are predicted at a time (1 or more)"
	return c
}

// inference is one call of the command.
type inference struct {
	*app
	settings   settings
	path, name string
	force      bool

	resolved config.Resolved
	model    *workflow.Model
	raw      *dataset.Raw    // without patterns where there is a source
	source   *dataset.Source // nil: the patterns are in raw
	open     float64         // seconds
}

func (i *inference) run(c *cobra.Command) error {
	if err := i.prepare(c); err != nil {
		return err
	}
	defer i.close()
	cfg := i.resolved.Config.Training
	numbered := i.resolved.Sources["training.output_dir"] == "default"
	d, err := newDirectory(cfg.OutputDir, numbered, i.force, []string{bundleFile(i.path), cfg.TestDataFile, i.settings.file})
	if err != nil {
		return err
	}
	record, err := i.reconstruct(c.Context(), d)
	if err != nil {
		return errors.Join(err, d.undo())
	}
	if err := d.keep(); err != nil {
		return err
	}
	return i.print(d, record)
}

// bundleFile is the file of the bundle at path, whether it is there or not.
func bundleFile(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, bundle.FileName)
	}
	return path
}

// prepare resolves the settings, opens the model and loads the data, so that
// whatever is wrong with them is known before anything is made.
func (i *inference) prepare(c *cobra.Command) error {
	if i.path == "" {
		return usageError{errors.New("there is no --model-path: give a model.ptycho.zip or the directory of a run")}
	}
	layers, found := i.settings.layers(c)
	trained, err := bundle.Read(i.path)
	if err != nil {
		return errors.Join(found, given(err))
	}
	if i.resolved, err = selector.ResolveInference(found, append([]config.Layer{ofTraining(trained.Config)}, layers...)...); err != nil {
		return err
	}
	i.warnAll(i.resolved.Warnings)
	cfg := i.resolved.Config
	if strings.TrimSpace(cfg.Training.TestDataFile) == "" {
		return usageError{errors.New("there is no --test-data-file: give the NPZ file to reconstruct")}
	}
	began := time.Now()
	i.model, _, err = selector.LoadInferenceBundleWithBackend(c.Context(), i.path, cfg.Inference(i.path), i.name,
		selector.WithBundle(trained), selector.WithExecution(cfg.Execution), selector.WithLogger(slog.New(warnings{i.stderr})), selector.WithProgress(i.move))
	if err != nil {
		return err
	}
	i.open = time.Since(began).Seconds()
	if err := interruptible(c.Context(), func() error { return i.read(cfg) }); err != nil {
		return errors.Join(err, i.model.Close())
	}
	i.warnAll(i.raw.Warnings)
	return nil
}

// read opens the data, or, where they are needed as a whole, reads them.
func (i *inference) read(cfg config.Config) (err error) {
	path := cfg.Training.TestDataFile
	if !i.model.Streams() || !cfg.Reconstruction.DoStitching {
		i.raw, err = readData(path, cfg.Data)
		return err
	}
	i.source, err = dataset.Open(path, reading(cfg.Data))
	switch {
	case err == nil:
		i.raw = i.source.Scan()
		return nil
	case errors.Is(err, dataset.ErrOrder):
		i.raw, err = readData(path, cfg.Data)
		return err
	case contradictedInPassing(path, cfg.Data):
		return usageError{err}
	}
	return given(err)
}

// contradictedInPassing is contradicted for a file that may be larger than memory.
func contradictedInPassing(path string, c config.DataConfig) bool {
	if c.Kind == dataset.KindAuto {
		return false
	}
	c.Kind = dataset.KindAuto
	s, err := dataset.Open(path, reading(c))
	return err == nil && s.Close() == nil
}

// close frees what prepare opened.
func (i *inference) close() {
	if i.source != nil {
		_ = i.source.Close() // it was only read
	}
	_ = i.model.Close() // its errors are those of freeing memory
}

// ofTraining is the layer of what an inference takes over from the training:
// everything but how and where it is computed, what is reconstructed and how
// it is stitched.
func ofTraining(c config.Config) config.Layer {
	l := config.Layer{Source: "model bundle"}
	for _, f := range config.Fields() {
		own := f.Section == "training" && slices.Contains(inferenceKeys, f.Key) && f.Key != keptKey
		if own || f.Section == "execution" || f.Section == "reconstruction" {
			continue
		}
		if err := l.Set(f.Path(), f.Get(c)); err != nil {
			panic("ptycho: BUG: a bundle holds what it refuses: " + err.Error())
		}
	}
	return l
}

// reconstruct predicts, stitches and writes.
func (i *inference) reconstruct(ctx context.Context, d *directory) (*runRecord, error) {
	i.tellInference()
	results, intensity, err := i.compute(ctx)
	if err != nil {
		return nil, err
	}
	results.Times.Open = i.open
	results.Times.Total += i.open
	results.BundlePath = bundleFile(i.path)
	return i.write(d, results, intensity)
}

// compute gives the results and, of the autoencoder, the predicted intensities.
func (i *inference) compute(ctx context.Context) (*workflow.Results, []float32, error) {
	how, logger := i.resolved.Config.Reconstruction, slog.New(warnings{i.stderr})
	if i.source != nil {
		results, err := i.model.Reconstruct(ctx, i.source, how, logger)
		return results, nil, err
	}
	p, err := i.model.Predict(ctx, i.raw)
	if err != nil {
		return nil, nil, err
	}
	i.warnAll(p.Warnings)
	results, err := i.model.Stitch(p, how, logger)
	return results, p.Intensity, err
}

func (i *inference) tellInference() {
	m := i.model.Bundle().Manifest
	i.line("model    %s\n         trained on %s %s", bundleFile(i.path), m.Backend, m.Library)
	i.line("data     %s\n         %d patterns of %d×%d", i.raw.Path, i.raw.Len(), i.raw.N, i.raw.N)
	i.tellBackend(i.model.Info())
}

func (i *inference) write(d *directory, results *workflow.Results, intensity []float32) (*runRecord, error) {
	i.resolved.Config.Training.OutputDir = d.path
	effective, err := i.resolved.Config.YAML()
	if err != nil {
		return nil, err
	}
	if err := wholefile.WriteBytes(d.file(fileConfig), effective); err != nil {
		return nil, err
	}
	m := i.model.Bundle().Manifest
	record := &runRecord{
		Results: results, Command: "infer", Program: versionLine(), Finished: now(),
		Model:   &modelRecord{results.BundlePath, i.model.Name(), m.Backend, m.Library, m.Program, m.Created},
		Inputs:  []inputRecord{input(i.raw)},
		Sources: sources(i.resolved), Files: []string{fileConfig},
	}
	if intensity != nil || results.Object == nil {
		if err := writePredictions(d.file(filePredictions), results, intensity); err != nil {
			return nil, err
		}
		record.Files = append(record.Files, filePredictions)
	}
	s, err := i.writeObject(d, results, i.raw.Object)
	if err != nil {
		return nil, err
	}
	record.Files, record.Metrics = append(append(record.Files, s.files...), fileReport, fileRun), s.short()
	if err := report.WriteHTML(d.file(fileReport), page(record, i.resolved, s, i.raw)); err != nil {
		return nil, err
	}
	return record, writeJSON(d.file(fileRun), record)
}
