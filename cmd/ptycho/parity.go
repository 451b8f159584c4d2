package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/parity"
	"github.com/ptychobridge/ptychobridge/selector"
)

// Files of a parity report.
const (
	fileParity     = "parity.json"
	fileParityPage = "parity.html"
)

// parityOutputs is the directory in which reports are numbered.
const parityOutputs = "parity_outputs"

func parityCommand(a *app) *cobra.Command {
	p := &comparison{app: a}
	c := &cobra.Command{
		Use:   "parity",
		Short: "Measure how far the two runtimes agree and which side is off",
		Long: `Makes the same computations on TensorFlow, on LibTorch and on the float64
evaluator, each in a process of its own, and compares what they give: single
operations, layers, network, physics, loss, gradients, an optimizer step, a
training step by step, and a whole reconstruction. In float64 both runtimes must
do the same mathematics; in float32 the report shows what rounding does.

Each figure has a budget, which the report names with its reason. The exit code
is 0 where all are within, 1 otherwise. parity.json and parity.html are written
into --output-dir. Without a data file, a small scan is simulated.

With --tf-saved-model and --torch-script two exported models of any kind are
compared instead, on the arrays of --input, each in a process of its own: inputs
and outputs are matched by name, as --map says, or by order.`,
		Example: `  ptycho parity
  ptycho parity --train-data-file scan.npz --nphotons 4.4e5 --gridsize 2
  ptycho parity --levels operation,gradient --precisions float64
  ptycho parity --model-path training_outputs/1 --train-data-file scan.npz \
    --certificate
  ptycho parity --tf-saved-model exported --torch-script exported.pt \
    --input arrays.npz --map x=input`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return p.run(c) },
	}
	p.register(c)
	return c
}

// comparison is one call of the command.
type comparison struct {
	*app
	data, output       string
	model              string // bundle whose weights are compared
	certificate        bool
	foreign            foreign
	levels, precisions []string
	gridsize, batch    int
	steps, judged      int
	epochs, threads    int
	device             string
	tf32               bool
	filters            float64
	trained            float64 // filters of the reconstruction
	nphotons           float64
	seed               uint64
	repeats, inProcess bool
	fault              string
}

func (p *comparison) register(c *cobra.Command) {
	var levels []string
	for _, l := range parity.Levels() {
		levels = append(levels, string(l))
	}
	f := c.Flags()
	f.StringVar(&p.data, "train-data-file", "", "NPZ file of a scan; default: a small one is simulated")
	f.StringVar(&p.model, "model-path", "", "trained model whose weights are compared, up to the level training: model.ptycho.zip, or the directory that holds it")
	f.BoolVar(&p.certificate, "certificate", false, "put the summary into the manifest of --model-path")
	p.foreign.register(f)
	f.StringVar(&p.output, "output-dir", parityOutputs, "directory for the report; by default the next free parity_outputs/<number>")
	f.StringSliceVar(&p.levels, "levels", nil, "what to compare, of "+strings.Join(levels, ", ")+"; default: all")
	f.StringSliceVar(&p.precisions, "precisions", parity.Precisions(), "what to compare in")
	f.IntVar(&p.gridsize, "gridsize", 1, "g: a group has g² patterns")
	f.IntVar(&p.batch, "batch-size", 4, "groups of a batch, below the reconstruction")
	f.IntVar(&p.steps, "steps", 50, "optimizer steps of the level training")
	f.IntVar(&p.judged, "judged-steps", 2, "how many of them the evaluator makes too; it is slow")
	f.IntVar(&p.epochs, "nepochs", 6, "epochs of the reconstruction")
	f.Float64Var(&p.filters, "n-filters-scale", 0.25, "width of the network, below the reconstruction")
	f.Float64Var(&p.trained, "trained-filters-scale", 0.5, "width of the network that is trained for the reconstruction")
	f.Float64Var(&p.nphotons, "nphotons", config.DefaultTraining().NPhotons, "photons in a mean pattern")
	f.Uint64Var(&p.seed, "seed", config.DefaultTraining().Seed, "of weights, order and simulation")
	f.IntVar(&p.threads, "threads", 0, "threads of one operation; 0: one for each processor")
	f.StringVar(&p.device, "device", "cpu", "where both compute: cpu, cuda or cuda:N")
	f.BoolVar(&p.tf32, "allow-tf32", false, "let a GPU round factors to 10 bits")
	f.BoolVar(&p.repeats, "repeats", true, "also compare each runtime with itself: again, and with another number of threads")
	f.BoolVar(&p.inProcess, "in-process", false, "also compute in this process, and compare with processes of their own")
	f.StringVar(&p.fault, "fault", "", "makes an operation of a runtime wrong, as in pytorch:MaxPool, to see it found")
	completeValues(c, "levels", levels...)
	completeValues(c, "device", "cpu", "cuda")
	completeValues(c, "precisions", parity.Precisions()...)
}

func (p *comparison) run(c *cobra.Command) error {
	ctx := c.Context()
	if p.foreign.wanted() {
		return p.compareForeign(c)
	}
	if err := p.check(c); err != nil {
		return err
	}
	d, err := p.newReport()
	if err != nil {
		return err
	}
	report, err := p.compare(ctx, d)
	if err != nil {
		return errors.Join(err, d.undo())
	}
	if err := writeJSON(d.file(fileParity), report); err != nil {
		return err
	}
	if err := parity.WriteHTML(d.file(fileParityPage), report); err != nil {
		return err
	}
	if p.certificate && len(report.Failures) == 0 {
		if err := bundle.Certify(p.model, report.Certificate()); err != nil {
			return err
		}
		p.line("certified %s", bundleFile(p.model))
	}
	if err := p.print(d, report); err != nil {
		return err
	}
	if !report.Within {
		return quiet{errors.New("the runtimes are not within the budgets")}
	}
	return nil
}

// newReport makes the directory of the report.
func (p *comparison) newReport() (*directory, error) {
	if entries, err := os.ReadDir(p.output); err == nil && len(entries) > 0 && p.output != parityOutputs {
		return nil, usageError{fmt.Errorf("output directory %s is not empty; nothing is overwritten: give another --output-dir", p.output)}
	}
	return newDirectory(p.output, p.output == parityOutputs, false, nil)
}

// check judges the flags.
func (p *comparison) check(c *cobra.Command) error {
	var faults []error
	fault := func(bad bool, format string, arguments ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, arguments...))
		}
	}
	for _, l := range p.levels {
		fault(!slices.Contains(parity.Levels(), parity.Level(l)), "--levels: there is no level %q", l)
	}
	for _, t := range p.precisions {
		fault(!slices.Contains(parity.Precisions(), t), "--precisions: found %q; expected %s", t, strings.Join(parity.Precisions(), ", "))
	}
	fault(len(p.precisions) == 0, "--precisions: found none")
	fault(p.batch < 1, "--batch-size: found %d; expected 1 or more", p.batch)
	fault(p.steps < 1, "--steps: found %d; expected 1 or more", p.steps)
	fault(p.judged < 1 || p.judged > p.steps, "--judged-steps: found %d; expected 1 to %d, the number of --steps", p.judged, p.steps)
	fault(p.certificate && p.model == "", "--certificate: there is no --model-path to put it into")
	fault(p.certificate && p.fault != "", "--certificate does not go with --fault")
	for _, l := range parity.Certifies() {
		fault(p.certificate && len(p.levels) > 0 && !slices.Contains(p.levels, string(l)), "--certificate: the level %s is missing from --levels", l)
	}
	for _, name := range []string{"gridsize", "n-filters-scale", "trained-filters-scale", "nphotons", "nepochs"} {
		fault(p.model != "" && c.Flags().Changed(name), "--%s does not go with --model-path: the model has its own", name)
	}
	fault(p.model != "" && slices.Contains(p.levels, string(parity.Reconstruction)), "--levels: %s trains a model anew and does not go with --model-path", parity.Reconstruction)
	fault(p.model != "" && p.data == "", "--model-path: there is no --train-data-file; give the scan that the model is to be compared on")
	fault(p.threads < 0, "--threads: found %d; expected 0 or more", p.threads)
	device, err := bridge.ParseDevice(p.device)
	fault(err != nil || device.Kind == bridge.Auto, "--device: found %q; expected cpu, cuda or cuda:N", p.device)
	fault(p.tf32 && device.Kind == bridge.CPU, "--allow-tf32: the CPU has no TF32; give a --device")
	faults = append(faults, p.configuration().Validate())
	if backend, op, ok := strings.Cut(p.fault, ":"); p.fault != "" {
		fault(!ok || !slices.Contains(selector.Backends(), backend), "--fault: found %q; expected a backend and an operation, as in pytorch:MaxPool", p.fault)
		_, err := parity.Faulty(nil, op)
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return usageError{err}
	}
	return nil
}

// configuration is that of the reconstruction.
func (p *comparison) configuration() config.TrainingConfig {
	c := config.DefaultTraining()
	c.Model.Gridsize, c.Model.NFiltersScale = p.gridsize, p.trained
	c.NeighborCount = max(c.NeighborCount, p.gridsize*p.gridsize)
	c.NEpochs, c.NPhotons, c.Seed = p.epochs, p.nphotons, p.seed
	c.EarlyStopPatience, c.OutputDir = 0, ""
	return c
}

// settings are those of the suite, over the scan of a file.
func (p *comparison) settings(raw *dataset.Raw) (parity.Settings, error) {
	c := p.configuration()
	c.Model.N, c.TrainDataFile = raw.N, raw.Path
	m := c.Model
	m.NFiltersScale = p.filters
	if p.model != "" {
		b, err := bundle.Read(p.model)
		if err != nil {
			return parity.Settings{}, err
		}
		if m = b.Config.Training.Model; m.N != raw.N {
			return parity.Settings{}, usageError{fmt.Errorf("%s holds patterns of %d×%d; the model %s is of N = %d", raw.Path, raw.N, raw.N, bundleFile(p.model), m.N)}
		}
	}
	s := parity.Settings{
		Data: raw.Path, Model: m, Batch: p.batch, Steps: p.steps, Judged: p.judged, Seed: p.seed,
		Floats: p.precisions, Training: c, Device: p.device, TF32: p.tf32,
	}
	for _, l := range p.levels {
		s.Levels = append(s.Levels, parity.Level(l))
	}
	if len(s.Levels) == 0 {
		s.Levels = parity.Levels()
	}
	if p.model == "" {
		return s, nil
	}
	// It is not trained anew.
	s.Levels = slices.DeleteFunc(s.Levels, func(l parity.Level) bool { return l == parity.Reconstruction })
	path, err := filepath.Abs(bundleFile(p.model))
	s.Bundle = path
	return s, err
}

// scan loads the data or simulates some beside the report.
func (p *comparison) scan(d *directory) (*dataset.Raw, error) {
	if p.data != "" {
		path, err := filepath.Abs(p.data)
		if err != nil {
			return nil, err
		}
		raw, err := dataset.Load(path, dataset.Options{})
		if err != nil {
			return nil, err
		}
		p.warnAll(raw.Warnings)
		return raw, nil
	}
	raw, err := dataset.Simulate(dataset.SimulateOptions{
		Object: dataset.ObjectSiemens, Scan: dataset.ScanJitter, Patterns: 196, N: 64, NPhotons: p.nphotons, Seed: p.seed,
	})
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(d.file(fileSimulated))
	if err != nil {
		return nil, err
	}
	raw.Path = path
	return raw, raw.Write(path)
}

// compare runs all processes and makes the report.
func (p *comparison) compare(ctx context.Context, d *directory) (*parity.Report, error) {
	raw, err := p.scan(d)
	if err != nil {
		return nil, err
	}
	s, err := p.settings(raw)
	if err != nil {
		return nil, err
	}
	w, err := newWorkers(p, s)
	if err != nil {
		return nil, err
	}
	defer w.remove()
	if err := w.available(ctx); err != nil {
		return nil, err
	}
	outcomes, err := w.suite(ctx)
	if err != nil {
		return nil, err
	}
	report, err := outcomes.report(s)
	if err != nil {
		return nil, err
	}
	if p.repeats && len(report.Failures) == 0 {
		var failure crashed
		report.Repeats, err = w.again(ctx, outcomes)
		switch {
		case errors.As(err, &failure): // the figures stay
			report.Failures, report.Within = append(report.Failures, parity.RuntimeFailure{Backend: failure.backend, Error: err.Error()}), false
		case err != nil:
			return nil, err
		}
	}
	report.Created, report.Program, report.Machine = now(), versionLine(), machine()
	if p.fault != "" {
		report.Notes = append(report.Notes, "an operation was made wrong on purpose: "+p.fault)
	}
	return report, nil
}

func (p *comparison) print(d *directory, r *parity.Report) error {
	if p.json {
		return p.printJSON(r)
	}
	if err := parity.WriteTable(p.stdout, r); err != nil {
		return err
	}
	return p.wrote(d)
}

// wrote names the files of the report.
func (p *comparison) wrote(d *directory) error {
	_, err := fmt.Fprintf(p.stdout, "wrote\n  %s\n  %s\n", d.file(fileParityPage), d.file(fileParity))
	return err
}

// machine describes where this runs.
func machine() parity.Machine {
	m := parity.Machine{System: systemName(), Processors: processors(), WaitPolicy: os.Getenv("OMP_WAIT_POLICY")}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}
