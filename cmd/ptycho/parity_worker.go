package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bench"
	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/parity"
	"github.com/ptychobridge/ptychobridge/selector"
)

// evaluator is the worker's name of the judge.
const evaluator = "evaluator"

const workerCommand = "parity-worker"

// parityWorkerCommand is the hidden command of the processes that parity
// starts: it makes the suite on one runtime, or runs one exported model, and
// leaves the outcome in a directory.
func parityWorkerCommand(a *app) *cobra.Command {
	w := &worker{app: a}
	c := &cobra.Command{
		Use: workerCommand, Hidden: true, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if w.model != "" {
				return w.runModel()
			}
			return w.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&w.settings, "settings", "", "JSON file of the suite's settings")
	f.StringVar(&w.directory, "directory", "", "where the outcome is left")
	f.StringVar(&w.backend, "backend", "", "runtime, or evaluator")
	f.IntVar(&w.threads, "threads", 0, "of one operation")
	f.StringVar(&w.fault, "fault", "", "operation that is made wrong")
	f.StringVar(&w.model, "model", "", "exported model, to be run in place of the suite")
	f.StringVar(&w.signature, "signature", "", "of the model")
	return c
}

type worker struct {
	*app
	settings, directory, backend, fault string
	model, signature                    string
	threads                             int
}

func (w *worker) run(ctx context.Context) error {
	text, err := os.ReadFile(w.settings)
	if err != nil {
		return err
	}
	var s parity.Settings
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s: %w", w.settings, err)
	}
	o, err := work(ctx, w.backend, w.threads, w.fault, s, func(what string) { fmt.Fprintln(w.stdout, what) })
	if err != nil {
		return err
	}
	return o.Save(w.directory)
}

// work makes the suite on a runtime in this process.
func work(ctx context.Context, name string, threads int, fault string, s parity.Settings, tell func(string)) (parity.Outcome, error) {
	b := evalnative.Open()
	if name != evaluator {
		var err error
		if b, err = selector.Open(name, bridge.Options{Device: s.Device, TF32: s.TF32, Threads: threads, Deterministic: true}); err != nil {
			return parity.Outcome{}, err
		}
	}
	defer b.Close() //nolint:errcheck // its errors are those of freeing memory
	o := parity.Outcome{Info: b.Info()}
	if name != evaluator {
		var err error
		if o.SHA256, err = hashFile(o.Info.Path); err != nil {
			return o, err
		}
	}
	if fault != "" {
		var err error
		if b, err = parity.Faulty(b, fault); err != nil {
			return o, err
		}
	}
	began := time.Now()
	var err error
	o.Record, err = parity.Work(ctx, b, s, name == evaluator, tell)
	o.Seconds = time.Since(began).Seconds()
	return o, err
}

// workers starts the processes of a comparison and keeps what they exchange
// in a private directory.
type workers struct {
	*comparison
	settings  parity.Settings
	directory string
	program   string
}

func newWorkers(p *comparison, s parity.Settings) (*workers, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("parity: %w", err)
	}
	directory, err := os.MkdirTemp("", "ptycho-parity-") // only this user can read it
	if err != nil {
		return nil, fmt.Errorf("parity: %w", err)
	}
	return &workers{p, s, directory, program}, nil
}

func (w *workers) remove() { _ = os.RemoveAll(w.directory) } // it is temporary

// available starts each runtime on nothing: one that is missing should be
// known at once.
func (w *workers) available(ctx context.Context) error {
	nothing := w.settings
	nothing.Levels = nil
	for _, name := range selector.Backends() {
		if _, err := w.start(ctx, name, name+"-available", w.threads, nothing); err != nil {
			return err
		}
	}
	return nil
}

// outcomes are what the processes of the suite left, or how they ended.
type outcomes struct {
	of     map[string]parity.Outcome
	failed []parity.RuntimeFailure
	ways   []parity.Repeat // in this process against in its own
}

// suite computes on all three.
func (w *workers) suite(ctx context.Context) (*outcomes, error) {
	all := &outcomes{of: map[string]parity.Outcome{}}
	for _, name := range append(selector.Backends(), evaluator) {
		o, err := w.start(ctx, name, name, w.threads, w.settings)
		var failure crashed
		switch {
		case errors.As(err, &failure):
			all.failed = append(all.failed, parity.RuntimeFailure{Backend: name, Error: err.Error()})
			continue
		case err != nil:
			return nil, err
		}
		all.of[name] = o
		if !w.inProcess || name == evaluator {
			continue
		}
		w.line("%-12s in this process", name)
		here, err := work(ctx, name, w.threads, w.faultOf(name), w.settings, nil)
		if err != nil {
			return nil, err
		}
		all.ways = append(all.ways, parity.Again("in this process instead of its own", o.Info.Threads, o, here))
	}
	return all, nil
}

// report compares the outcomes; where a runtime failed, it only says so.
func (o *outcomes) report(s parity.Settings) (*parity.Report, error) {
	if len(o.failed) > 0 {
		r := &parity.Report{Schema: parity.Schema, Settings: s, Failures: o.failed, Budgets: parity.Budgets()}
		for i, name := range selector.Backends() {
			r.Runtimes[i] = parity.Runtime{Info: o.of[name].Info, SHA256: o.of[name].SHA256, Seconds: o.of[name].Seconds}
			r.Runtimes[i].Backend = name
		}
		return r, nil
	}
	names := selector.Backends()
	judge := o.of[evaluator]
	r, err := parity.Compare(s, o.of[names[0]], o.of[names[1]], &judge)
	if err == nil {
		r.Repeats = o.ways
	}
	return r, err
}

// again compares each runtime with itself, in float32 and without the
// reconstruction.
func (w *workers) again(ctx context.Context, before *outcomes) ([]parity.Repeat, error) {
	s := w.settings
	s.Levels = slices.DeleteFunc(slices.Clone(s.Levels), func(l parity.Level) bool { return l == parity.Reconstruction })
	if slices.Contains(s.Floats, "float32") {
		s.Floats = []string{"float32"}
	}
	all := before.ways
	if len(s.Levels) == 0 {
		return all, nil
	}
	for _, name := range selector.Backends() {
		used := before.of[name].Info.Threads
		others := 1
		if used == 1 {
			others = 2
		}
		for k, t := range repetitions(s, used, others) {
			o, err := w.start(ctx, name, fmt.Sprintf("%s-again-%d", name, k), t.threads, t.settings)
			if err != nil {
				return all, err
			}
			all = append(all, parity.Again(t.what, t.threads, before.of[name], o))
		}
	}
	return all, nil
}

// repetition is how a runtime computes once more.
type repetition struct {
	what     string
	threads  int
	settings parity.Settings
}

// repetitions lists how: in the same way, with another number of threads, and on a GPU
// with the other setting of TF32.
func repetitions(s parity.Settings, used, others int) []repetition {
	all := []repetition{
		{"again, in another process", used, s},
		{fmt.Sprintf("with %d threads instead of %d", others, used), others, s},
	}
	if s.Device == "cpu" {
		return all
	}
	other, what := s, "with TF32"
	if other.TF32 = !s.TF32; s.TF32 {
		what = "without TF32"
	}
	return append(all, repetition{what, used, other})
}

func (w *workers) faultOf(backend string) string {
	if name, op, ok := strings.Cut(w.fault, ":"); ok && name == backend {
		return op
	}
	return ""
}

// missing is what a process said of a runtime that is not there.
type missing struct{ text string }

func (e missing) Error() string      { return e.text }
func (missing) Is(target error) bool { return target == bridge.ErrUnavailable }

// crashed is the end of a process that left no outcome.
type crashed struct {
	error
	backend string
}

func (e crashed) Unwrap() error { return e.error }

// start runs a worker to its end. Cancelling ctx asks it to stop.
func (w *workers) start(ctx context.Context, backend, place string, threads int, s parity.Settings) (parity.Outcome, error) {
	directory := filepath.Join(w.directory, place)
	if err := os.Mkdir(directory, 0o700); err != nil {
		return parity.Outcome{}, fmt.Errorf("parity: %w", err)
	}
	settings := filepath.Join(directory, "settings.json")
	if err := writeJSON(settings, s); err != nil {
		return parity.Outcome{}, err
	}
	c := exec.CommandContext(ctx, w.program, workerCommand, "--settings", settings, "--directory", directory,
		"--backend", backend, "--threads", strconv.Itoa(threads), "--fault", w.faultOf(backend))
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	c.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	c.Stderr = &said
	told, err := c.StdoutPipe()
	if err != nil {
		return parity.Outcome{}, fmt.Errorf("parity: %w", err)
	}
	if err := c.Start(); err != nil {
		return parity.Outcome{}, fmt.Errorf("parity: %w", err)
	}
	for lines := bufio.NewReader(told); ; {
		text, err := lines.ReadString('\n')
		if err != nil {
			break // the process has ended, or closed it
		}
		w.line("%-12s %s", backend, strings.TrimSpace(text))
	}
	err = c.Wait()
	if ctx.Err() != nil {
		return parity.Outcome{}, fmt.Errorf("parity: %s: %w", backend, ctx.Err())
	}
	if c.ProcessState.ExitCode() == exitUnavailable {
		return parity.Outcome{}, missing{strings.TrimPrefix(strings.TrimSpace(said.String()), "ptycho: ")}
	}
	if err != nil {
		return parity.Outcome{}, crashed{fmt.Errorf("parity: the process of %s ended with: %w%s", backend, err, lastWords(said.String())), backend}
	}
	return parity.LoadOutcome(directory)
}

// lastWords are those of a process that has ended, for the end of an error:
// what its library said and which signal it was, without Go's stacks and registers.
func lastWords(text string) string {
	for _, trace := range []string{"\ngoroutine ", "\nrax  "} {
		text, _, _ = strings.Cut(text, trace)
	}
	if text = bench.LastWords(text); text == "" {
		return ""
	}
	return "\n" + text
}

func systemName() string { return runtime.GOOS + "/" + runtime.GOARCH }
func processors() int    { return runtime.NumCPU() }
