package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bench"
	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/selector"
)

const benchWorkerCommand = "bench-worker"

// processBegan is when this process began, nearly.
var processBegan = time.Now()

// benchWorker is the hidden command of the processes that bench starts:
// it makes steps and predictions as it is asked on stdin.
func benchWorker(a *app) *cobra.Command {
	w := &benchProcess{app: a}
	c := &cobra.Command{
		Use: benchWorkerCommand + " DIR", Hidden: true, Args: oneArgument("the exchange directory"),
		RunE: func(c *cobra.Command, args []string) error { return w.run(c.Context(), args[0]) },
	}
	c.Flags().StringVar(&w.backend, "backend", "", "runtime, or evaluator")
	c.Flags().BoolVar(&w.expect, "expect", false, "only compute what contestants are compared with")
	return c
}

type benchProcess struct {
	*app
	backend string
	expect  bool
}

func (w *benchProcess) run(ctx context.Context, directory string) error {
	err := w.work(ctx, directory)
	if err == nil {
		return nil
	}
	// Whoever started this reads its stdout; the exit code tells the kind.
	return errors.Join(err, json.NewEncoder(w.stdout).Encode(bench.Ready{Error: err.Error()}))
}

func (w *benchProcess) work(ctx context.Context, directory string) error {
	s, err := bench.ReadSettings(directory)
	if err != nil {
		return err
	}
	b := evalnative.Open()
	if w.backend != evaluator {
		if b, err = selector.Open(w.backend, bridge.Options{Device: s.Device, Threads: s.Threads, Deterministic: true, TF32: s.AllowTF32}); err != nil {
			return err
		}
	}
	defer b.Close() //nolint:errcheck // its errors are those of freeing memory
	if w.expect {
		return bench.Expect(directory, b)
	}
	n, err := bench.Open(directory, b)
	if err != nil {
		return err
	}
	defer n.Close() //nolint:errcheck // its errors are those of freeing memory
	info := b.Info()
	ready := bench.Ready{
		Name: info.Backend, Version: info.Version, Threads: info.Threads, Device: info.Device,
		Setting: info.Setting, WaitPolicy: waitPolicy(info.Setting), StartSeconds: time.Since(processBegan).Seconds(),
	}
	if ready.Check, err = n.Check(directory); err != nil {
		return err
	}
	return bench.Serve(ctx, os.Stdin, w.stdout, ready, n)
}

// waitPolicy is the one that a backend names among its switches, which it may
// have set itself.
func waitPolicy(setting string) string {
	if _, after, ok := strings.Cut(setting, "OMP_WAIT_POLICY="); ok {
		policy, _, _ := strings.Cut(after, ",")
		return policy
	}
	return ""
}
