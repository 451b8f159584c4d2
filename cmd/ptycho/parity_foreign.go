package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/parity"
)

// foreign are the flags of a comparison of exported models.
type foreign struct {
	savedModel, signature, script, input string
	names                                []string
	limit                                float64
}

func (o *foreign) register(f *pflag.FlagSet) {
	f.StringVar(&o.savedModel, "tf-saved-model", "", "directory of a SavedModel that TensorFlow exported")
	f.StringVar(&o.signature, "signature", "", "signature of the SavedModel; default: serving_default, or the only one")
	f.StringVar(&o.script, "torch-script", "", "file of a TorchScript module that PyTorch exported")
	f.StringVar(&o.input, "input", "", "NPZ file with an array for each input of the two")
	f.StringArrayVar(&o.names, "map", nil, "name in the SavedModel=name in the module, of an input or output; may be repeated")
	f.Float64Var(&o.limit, "limit", 0, "largest |difference| / largest |value| allowed of an output; 0: 1e-4 in float32, 1e-8 in float64; below 0: none")
}

func (o *foreign) wanted() bool {
	return o.savedModel != "" || o.script != "" || o.input != "" || o.signature != "" || len(o.names) > 0 || o.limit != 0
}

// foreignFlags are all that a comparison of exported models has.
var foreignFlags = []string{"tf-saved-model", "signature", "torch-script", "input", "map", "limit", "threads", "output-dir", "in-process", "json", "quiet"}

func (p *comparison) checkForeign(c *cobra.Command) (map[string]string, error) {
	o := p.foreign
	var faults []error
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(foreignFlags, f.Name) {
			faults = append(faults, fmt.Errorf("--%s does not go with a comparison of exported models", f.Name))
		}
	})
	for _, f := range []struct{ flag, value string }{{"tf-saved-model", o.savedModel}, {"torch-script", o.script}, {"input", o.input}} {
		if f.value == "" {
			faults = append(faults, fmt.Errorf("--%s is missing; a comparison of exported models needs --tf-saved-model, --torch-script and --input", f.flag))
		} else if _, err := os.Stat(f.value); err != nil {
			faults = append(faults, fmt.Errorf("--%s: %w", f.flag, err))
		}
	}
	if math.IsNaN(o.limit) || math.IsInf(o.limit, 0) {
		faults = append(faults, fmt.Errorf("--limit: found %g; expected a finite number, below 0 for none", o.limit))
	}
	if p.threads < 0 {
		faults = append(faults, fmt.Errorf("--threads: found %d; expected 0 or more", p.threads))
	}
	names, err := parity.ParseMap(o.names)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, usageError{err}
	}
	return names, nil
}

// compareForeign compares two exported models.
func (p *comparison) compareForeign(c *cobra.Command) error {
	names, err := p.checkForeign(c)
	if err != nil {
		return err
	}
	d, err := p.newReport()
	if err != nil {
		return err
	}
	r, err := p.foreignReport(c.Context(), names)
	if err != nil {
		return errors.Join(err, d.undo())
	}
	if err := writeJSON(d.file(fileParity), r); err != nil {
		return err
	}
	if err := parity.WriteForeignHTML(d.file(fileParityPage), r); err != nil {
		return err
	}
	if p.json {
		err = p.printJSON(r)
	} else if err = parity.WriteForeignTable(p.stdout, r); err == nil {
		err = p.wrote(d)
	}
	if err == nil && !r.Within {
		err = quiet{errors.New("the models are not within the limits")}
	}
	return err
}

// foreignReport runs both models and compares what they give. A process that
// does not come to its end is in the report.
func (p *comparison) foreignReport(ctx context.Context, names map[string]string) (*parity.ForeignReport, error) {
	o := p.foreign
	data, err := fileOf(o.input)
	if err != nil {
		return nil, err
	}
	models := [2]*exported{
		{app: p.app, backend: config.TensorFlow, model: o.savedModel, signature: o.signature, threads: p.threads},
		{app: p.app, backend: config.PyTorch, model: o.script, threads: p.threads},
	}
	var about [2]parity.ForeignRuntime
	for i, m := range models {
		if about[i].Model, err = filepath.Abs(m.model); err != nil {
			return nil, err
		}
		if about[i].Files, err = modelFiles(about[i].Model); err != nil {
			return nil, err
		}
	}
	r, err := p.runForeign(ctx, models, parity.ForeignOptions{Map: names, Limit: o.limit})
	if err != nil {
		return nil, err
	}
	for i, m := range models {
		about[i].Runtime = m.about.Runtime
		about[i].Backend = m.backend
	}
	r.Models, r.Data = about, data
	r.Created, r.Program, r.Machine = now(), versionLine(), machine()
	r.Settings = parity.ForeignSettings{Signature: o.signature, Map: names, Limit: o.limit, Threads: p.threads, InProcess: p.inProcess}
	return r, nil
}

// runForeign runs each model in its own process, and afterwards in this one too
// where that is asked for.
func (p *comparison) runForeign(ctx context.Context, models [2]*exported, o parity.ForeignOptions) (r *parity.ForeignReport, err error) {
	directory, err := os.MkdirTemp("", "ptycho-parity-") // only this user can read it
	if err != nil {
		return nil, fmt.Errorf("parity: %w", err)
	}
	defer os.RemoveAll(directory) //nolint:errcheck // it is temporary
	for _, m := range models {
		defer m.Close() //nolint:errcheck // it gives none
		if err == nil {
			err = m.start(ctx, directory)
		}
	}
	if err == nil {
		r, err = parity.CompareForeign(parity.ForeignModel{Foreign: models[0], Name: models[0].model}, parity.ForeignModel{Foreign: models[1], Name: models[1].model}, p.foreign.input, o)
	}
	var failure crashed
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("parity: %w", ctx.Err())
	case errors.As(err, &failure):
		return parity.FailForeign(parity.RuntimeFailure{Backend: failure.backend, Error: failure.Error()}), nil
	case err != nil:
		return nil, err
	}
	if !p.inProcess {
		return r, nil
	}
	for _, m := range models {
		again, err := m.here()
		if err != nil {
			return nil, err
		}
		r.Repeats = append(r.Repeats, again)
	}
	return r, nil
}

// modelFiles are the files of an exported model: of a SavedModel its graph, its
// variables and what it reads besides.
func modelFiles(model string) ([]parity.File, error) {
	info, err := os.Stat(model)
	if err != nil {
		return nil, err
	}
	paths := []string{model}
	if info.IsDir() {
		paths = nil
		for _, part := range []string{"saved_model.pb", "variables", "assets"} {
			err := filepath.WalkDir(filepath.Join(model, part), func(path string, e fs.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					paths = append(paths, path)
				}
				return err
			})
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	files := make([]parity.File, len(paths))
	for i, path := range paths {
		if files[i], err = fileOf(path); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// fileOf names a file by its content.
func fileOf(path string) (f parity.File, err error) {
	if f.Path, err = filepath.Abs(path); err != nil {
		return f, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return f, err
	}
	f.Bytes = info.Size()
	f.SHA256, err = hashFile(path)
	return f, err
}
