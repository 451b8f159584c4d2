package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bench"
	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/selector"
)

// Sizes of what is measured.
const (
	benchSimulated = 128 // patterns, where no file is given
	benchPatterns  = 512 // of a file, at most
	benchMegabytes = 16  // of the files that are loaded
	benchPatches   = 400 // that are stitched, at N = 64; fewer of larger ones
)

func benchCommand(a *app) *cobra.Command {
	m := &measurement{app: a}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast the runtimes train, predict and start",
		Long: `Measures training steps, predictions and starts of each runtime, the loading of
data files and stitching. Each runtime is a process of its own that stays warm;
they take turns in an order that changes from round to round, so that other work
on the machine hits all of them. Times are medians over the rounds with their
quartiles, ratios are medians of the ratios within a round.

Other programs may take part: --peer starts one, which does the same work and
answers as docs/benchmarks.md says. The first predictions of every contestant
are compared with those of the float64 evaluator; one that does other work is
refused. The exit code is 1 where a contestant failed or was refused.`,
		Example: `  ptycho bench
  ptycho bench --what step --batch-sizes 4,16 --threads 1,2 --rounds 15
  ptycho bench --what step,predict --peer ./peer.py --output bench.json
  ptycho bench --what load,stitch
  ptycho bench --device cuda --backends pytorch --batch-sizes 16,1024`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return m.run(c.Context(), c.Flags().Changed("N")) },
	}
	m.register(c)
	return c
}

// measurement is one call of the command.
type measurement struct {
	*app
	what, backends, peers []string
	batches, threads      []int
	filters               float64
	n, gridsize           int
	precision, device     string
	tf32                  bool
	rounds, warmup, count int
	data, output          string
	seed                  uint64
	force                 bool
}

func (m *measurement) register(c *cobra.Command) {
	d := config.DefaultTraining()
	f := c.Flags()
	f.StringSliceVar(&m.what, "what", bench.What(), "what to measure")
	f.StringSliceVar(&m.backends, "backends", selector.Backends(), "runtimes, or the evaluator; ratios refer to the first")
	f.StringArrayVar(&m.peers, "peer", nil, "command of a contestant from outside, as a shell takes it; may be repeated")
	f.IntSliceVar(&m.batches, "batch-sizes", []int{d.BatchSize}, "groups of a batch; each is a match of its own")
	f.IntSliceVar(&m.threads, "threads", []int{0}, "threads of one operation, 0: one for each processor; each is a match of its own")
	f.Float64Var(&m.filters, "n-filters-scale", d.Model.NFiltersScale, "width of the network")
	f.IntVar(&m.n, "N", d.Model.N, "side of a pattern: 64, 128 or 256; by default that of the file")
	f.IntVar(&m.gridsize, "gridsize", d.Model.Gridsize, "g: a group has g² patterns")
	f.StringVar(&m.precision, "precision", "float32", "float32, float64 or bf16-mixed")
	f.StringVar(&m.device, "device", "cpu", "where all compute: cpu, cuda or cuda:N")
	f.BoolVar(&m.tf32, "allow-tf32", false, "let a GPU round factors to 10 bits")
	f.IntVar(&m.rounds, "rounds", 9, "rounds that count")
	f.IntVar(&m.warmup, "warmup", 1, "rounds before them that do not")
	f.IntVar(&m.count, "count", 10, "steps or predictions of a turn")
	f.StringVar(&m.data, "train-data-file", "", "NPZ file of a scan; default: one is simulated")
	f.Uint64Var(&m.seed, "seed", d.Seed, "of weights, turns and simulation")
	f.StringVarP(&m.output, "output", "o", "", "JSON file to write the report to")
	f.BoolVar(&m.force, "force", false, "overwrite that file")
	_ = c.MarkFlagFilename("train-data-file", "npz") // it was just made; likewise below
	_ = c.MarkFlagFilename("output", "json")
	completeValues(c, "what", bench.What()...)
	completeValues(c, "backends", append(selector.Backends(), evaluator)...)
	completeValues(c, "precision", "float32", "float64", "bf16-mixed")
	completeValues(c, "device", "cpu", "cuda")
}

func (m *measurement) run(ctx context.Context, nGiven bool) error {
	if err := m.check(); err != nil {
		return err
	}
	raw, err := m.scan(nGiven)
	if err != nil {
		return err
	}
	report, err := m.measure(ctx, raw)
	if err != nil {
		return err
	}
	if m.output != "" {
		if err := writeJSON(m.output, report); err != nil {
			return err
		}
	}
	if err := m.print(report); err != nil {
		return err
	}
	if len(report.Failures) > 0 {
		return quiet{errors.New("a contestant failed")}
	}
	return nil
}

// wants says whether one of these is to be measured.
func (m *measurement) wants(what ...string) bool {
	return slices.ContainsFunc(what, func(w string) bool { return slices.Contains(m.what, w) })
}

// matched says whether contestants are needed.
func (m *measurement) matched() bool {
	return m.wants(bench.WhatStep, bench.WhatPredict, bench.WhatStartup)
}

// settings are those of a match.
func (m *measurement) settings(batch, threads int) bench.Settings {
	s := bench.NewSettings(m.n, m.gridsize, m.filters, batch, bridge.ThreadCount(threads), m.precision, m.seed)
	s.Device, s.AllowTF32 = m.device, m.tf32
	return s
}

// check judges the flags.
func (m *measurement) check() error {
	var faults []error
	fault := func(bad bool, format string, arguments ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, arguments...))
		}
	}
	for _, w := range m.what {
		fault(!slices.Contains(bench.What(), w), "--what: found %q; expected %s", w, strings.Join(bench.What(), ", "))
	}
	fault(len(m.what) == 0, "--what: found none")
	possible := append(selector.Backends(), evaluator)
	for i, b := range m.backends {
		fault(!slices.Contains(possible, b), "--backends: found %q; expected %s", b, strings.Join(possible, ", "))
		fault(slices.Contains(m.backends[:i], b), "--backends: found %s twice", b)
	}
	fault(len(m.backends)+len(m.peers) == 0 && m.matched(), "--backends: found none, and no --peer; expected a contestant")
	fault(len(m.batches) == 0, "--batch-sizes: found none")
	fault(len(m.threads) == 0, "--threads: found none")
	fault(m.rounds < 1, "--rounds: found %d; expected 1 or more", m.rounds)
	fault(m.warmup < 0, "--warmup: found %d; expected 0 or more", m.warmup)
	fault(m.count < 1, "--count: found %d; expected 1 or more", m.count)
	for _, p := range m.peers {
		fault(strings.TrimSpace(p) == "", "--peer: the command is empty")
	}
	for i, t := range m.threads {
		fault(t < 0, "--threads: found %d; expected 0 or more", t)
		fault(slices.Contains(m.threads[:i], t), "--threads: found %d twice", t)
	}
	for i, b := range m.batches {
		fault(b < 1, "--batch-sizes: found %d; expected 1 or more", b)
		fault(slices.Contains(m.batches[:i], b), "--batch-sizes: found %d twice", b)
	}
	faults = append(faults, m.settings(1, 1).Validate())
	if m.output != "" {
		faults = append(faults, checkOutput(m.output, m.force))
	}
	if err := errors.Join(faults...); err != nil {
		return usageError{err}
	}
	return nil
}

// scan loads the data or simulates some.
func (m *measurement) scan(nGiven bool) (*dataset.Raw, error) {
	if m.data == "" {
		return dataset.Simulate(dataset.SimulateOptions{
			Object: dataset.ObjectSiemens, Scan: dataset.ScanJitter, Patterns: benchSimulated, N: m.n, NPhotons: 1e6, Seed: m.seed,
		})
	}
	raw, err := dataset.Load(m.data, dataset.Options{})
	if err != nil {
		return nil, err
	}
	m.warnAll(raw.Warnings)
	if nGiven && raw.N != m.n {
		return nil, usageError{fmt.Errorf("--N: found %d; %s has patterns of %d×%d", m.n, m.data, raw.N, raw.N)}
	}
	m.n = raw.N
	if err := m.settings(1, 1).Validate(); err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", m.data, err)}
	}
	return raw, nil
}

// measure makes the report.
func (m *measurement) measure(ctx context.Context, raw *dataset.Raw) (*bench.Report, error) {
	here := machine()
	r := &bench.Report{
		Schema: bench.Schema, Created: now(), Program: versionLine(), Data: m.data,
		Machine: bench.Machine{System: here.System, CPU: here.CPU, Processors: here.Processors, WaitPolicy: here.WaitPolicy, LoadBefore: bench.LoadAverage()},
		Plan:    bench.Plan{What: m.what, Rounds: m.rounds, Warmup: m.warmup, Count: m.count, Seed: m.seed},
	}
	if r.Data == "" {
		r.Data = "simulated"
	}
	if m.matched() {
		for _, batch := range m.batches {
			for _, threads := range m.threads {
				if err := m.match(ctx, r, raw, m.settings(batch, threads)); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := m.local(ctx, r, raw); err != nil {
		return nil, err
	}
	r.Machine.LoadAfter = bench.LoadAverage()
	if busy := r.Machine.Busy(); busy != "" {
		r.Notes = append(r.Notes, busy)
	}
	return r, nil
}

// local measures what needs no runtime.
func (m *measurement) local(ctx context.Context, r *bench.Report, raw *dataset.Raw) error {
	tell := func(what string) { m.line("%s", what) }
	var err error
	if m.wants(bench.WhatLoad) {
		if r.Load, err = bench.Load(ctx, r.Plan, raw, benchMegabytes, tell); err != nil {
			return err
		}
	}
	if m.wants(bench.WhatStitch) {
		r.Stitch, err = bench.Stitch(ctx, r.Plan, m.n, max(25, benchPatches*64*64/(m.n*m.n)), tell)
	}
	return err
}

// match measures one work in a private directory and adds it to the report.
func (m *measurement) match(ctx context.Context, r *bench.Report, raw *dataset.Raw, s bench.Settings) error {
	directory, err := os.MkdirTemp("", "ptycho-bench-") // only this user can read it
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(directory) //nolint:errcheck // it is temporary
	if s, err = bench.Prepare(directory, s, raw, benchPatterns); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	m.line("%s: the evaluator computes what all are compared with", s)
	if err := expectation(ctx, program, directory); err != nil {
		return err
	}
	t := &bench.Tournament{Plan: r.Plan, Directory: directory, Expected: evaluator, Tell: func(what string) { m.line("%s", what) }}
	for _, b := range m.backends {
		t.Contestants = append(t.Contestants, bench.Contestant{Arguments: []string{program, benchWorkerCommand, "--backend", b}, Name: b, Ours: true})
	}
	for _, p := range m.peers {
		t.Contestants = append(t.Contestants, bench.Peer(p))
	}
	match, failures, err := t.Run(ctx, exitUnavailable)
	var exit *bench.Exit
	if errors.As(err, &exit) {
		return missing{exit.Said}
	}
	if err != nil {
		return err
	}
	r.Matches, r.Failures = append(r.Matches, match), append(r.Failures, failures...)
	return nil
}

// expectation lets the evaluator compute what contestants are compared with, in
// a process that can be ended and gives its memory back.
func expectation(ctx context.Context, program, directory string) error {
	c := exec.CommandContext(ctx, program, benchWorkerCommand, "--backend", evaluator, "--expect", directory)
	var said bytes.Buffer
	c.Stderr = &said
	err := c.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("bench: %s: %w", evaluator, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("bench: the process of the %s ended with: %w%s", evaluator, err, lastWords(said.String()))
	}
	return nil
}

func (m *measurement) print(r *bench.Report) error {
	if m.json {
		return m.printJSON(r)
	}
	if err := bench.WriteTable(m.stdout, r); err != nil || m.output == "" {
		return err
	}
	_, err := fmt.Fprintf(m.stdout, "\nwrote %s\n", filepath.Clean(m.output))
	return err
}
