package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/parity"
	"github.com/ptychobridge/ptychobridge/selector"
)

// What the process of an exported model and the one that started it say to each
// other, a line each.
const (
	saysReady = "ready" // the model is loaded and described
	saysRun   = "run"   // its inputs are there
)

// Files in the directory of such a process; its inputs and outputs have
// directories of their own in it.
const (
	fileAbout  = "about.json"
	fileError  = "error.txt" // why it gave up by itself
	dirInputs  = "inputs"
	dirOutputs = "outputs"
)

// aboutModel says what was opened.
type aboutModel struct {
	parity.Runtime
	Inputs []bridge.Slot `json:"inputs"`
}

// openExported loads a model on its runtime.
func openExported(backend, model, signature string, threads int) (bridge.Foreign, bridge.Info, error) {
	o := bridge.Options{Device: "cpu", Threads: threads, Deterministic: true}
	b, err := selector.Open(backend, o)
	if err != nil {
		return nil, bridge.Info{}, err
	}
	defer b.Close() //nolint:errcheck // the model has its own hold of the library
	var m bridge.Foreign
	if backend == config.TensorFlow {
		m, err = selector.OpenSavedModel(model, signature, o)
	} else {
		m, err = selector.OpenTorchScript(model, o)
	}
	return m, b.Info(), err
}

// runModel is the process of an exported model. It waits for its inputs as long
// as whoever started it is there.
func (w *worker) runModel() error {
	err := w.workModel()
	if err == nil {
		return nil
	}
	return errors.Join(err, os.WriteFile(filepath.Join(w.directory, fileError), []byte(err.Error()), 0o600))
}

func (w *worker) workModel() error {
	m, info, err := openExported(w.backend, w.model, w.signature, w.threads)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // its errors are those of freeing memory
	about := aboutModel{Runtime: parity.Runtime{Info: info}, Inputs: m.Inputs()}
	if about.SHA256, err = hashFile(info.Path); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(w.directory, fileAbout), about); err != nil {
		return err
	}
	fmt.Fprintln(w.stdout, saysReady)
	if line, _ := bufio.NewReader(os.Stdin).ReadString('\n'); strings.TrimSpace(line) != saysRun {
		return nil // nobody wants it any more
	}
	inputs, err := parity.LoadTensors(filepath.Join(w.directory, dirInputs))
	if err != nil {
		return err
	}
	feeds := bridge.Tensors{}
	for _, t := range inputs {
		feeds[t.Name] = t.Tensor
	}
	began := time.Now()
	outputs, err := m.Run(feeds)
	if err != nil {
		return err
	}
	about.Seconds = time.Since(began).Seconds()
	if err := writeJSON(filepath.Join(w.directory, fileAbout), about); err != nil {
		return err
	}
	return parity.SaveTensors(filepath.Join(w.directory, dirOutputs), outputs)
}

// exported is an exported model that runs in a process of its own: a
// bridge.Foreign that can be run once.
type exported struct {
	*app
	backend, model, signature string
	threads                   int

	ctx       context.Context
	directory string // of its process
	command   *exec.Cmd
	in        io.WriteCloser
	out       *bufio.Reader
	said      strings.Builder // to stderr
	about     aboutModel
	fed       bridge.Tensors // what it was fed with, and what it gave
	gave      []bridge.Named
}

// start starts the process and waits until the model is loaded. Cancelling ctx
// kills it: no model can be asked to stop.
func (e *exported) start(ctx context.Context, parent string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	e.ctx, e.directory = ctx, filepath.Join(parent, e.backend)
	for _, d := range []string{"", dirInputs, dirOutputs} {
		if err := os.Mkdir(filepath.Join(e.directory, d), 0o700); err != nil {
			return fmt.Errorf("parity: %w", err)
		}
	}
	e.command = exec.CommandContext(ctx, program, workerCommand, "--directory", e.directory,
		"--backend", e.backend, "--threads", strconv.Itoa(e.threads), "--model", e.model, "--signature", e.signature)
	// Ctrl-C in the terminal reaches it only through us.
	e.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	e.command.WaitDelay = 10 * time.Second
	e.command.Stderr = &e.said
	in, err := e.command.StdinPipe()
	if err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	out, err := e.command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	e.in, e.out = in, bufio.NewReader(out)
	e.line("%-12s loads %s", e.backend, e.model)
	if err := e.command.Start(); err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	if !e.listen(saysReady) {
		return e.wait()
	}
	return e.describe()
}

// listen passes on what the process says until it says something expected, and
// false where it ends before.
func (e *exported) listen(expected string) bool {
	for {
		text, err := e.out.ReadString('\n')
		text = strings.TrimSpace(text)
		switch {
		case text != "" && text == expected:
			return true
		case text != "":
			e.line("%-12s %s", e.backend, text)
		}
		if err != nil {
			return false // it has ended, or closed it
		}
	}
}

func (e *exported) describe() error {
	text, err := os.ReadFile(filepath.Join(e.directory, fileAbout))
	if err == nil {
		err = json.Unmarshal(text, &e.about)
	}
	if err != nil {
		return fmt.Errorf("parity: %s: %w", e.backend, err)
	}
	return nil
}

// wait waits for the end of the process and says how it ended, where that was
// not as it should be.
func (e *exported) wait() error {
	err := e.command.Wait()
	if e.ctx.Err() != nil {
		return e.ctx.Err()
	}
	code := e.command.ProcessState.ExitCode()
	text, unread := os.ReadFile(filepath.Join(e.directory, fileError))
	switch {
	case unread == nil && code == exitUnavailable:
		return missing{string(text)}
	case unread == nil:
		return errors.New(string(text))
	case err != nil:
		return crashed{fmt.Errorf("parity: the process of %s ended with: %w%s", e.backend, err, lastWords(e.said.String())), e.backend}
	}
	return nil
}

func (e *exported) Inputs() []bridge.Slot { return e.about.Inputs }

// Run runs the model, once.
func (e *exported) Run(inputs bridge.Tensors) ([]bridge.Named, error) {
	e.fed = inputs
	var feeds []bridge.Named
	for name, t := range inputs {
		feeds = append(feeds, bridge.Named{Name: name, Tensor: t})
	}
	if err := parity.SaveTensors(filepath.Join(e.directory, dirInputs), feeds); err != nil {
		return nil, err
	}
	e.line("%-12s runs it", e.backend)
	_, _ = fmt.Fprintln(e.in, saysRun) // where it has ended, that is found below
	e.listen("")
	if err := e.wait(); err != nil {
		return nil, err
	}
	if err := e.describe(); err != nil {
		return nil, err
	}
	var err error
	e.gave, err = parity.LoadTensors(filepath.Join(e.directory, dirOutputs))
	return e.gave, err
}

// here runs the model once more, in this process, and compares. When ctx ends it
// does not wait for the model, which cannot be asked to stop: the program ends.
func (e *exported) here() (parity.Repeat, error) {
	e.line("%-12s in this process", e.backend)
	type outcome struct {
		parity.Repeat
		error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := e.again()
		done <- outcome{r, err}
	}()
	select {
	case <-e.ctx.Done():
		return parity.Repeat{}, fmt.Errorf("parity: %w", e.ctx.Err())
	case o := <-done:
		return o.Repeat, o.error
	}
}

func (e *exported) again() (parity.Repeat, error) {
	m, info, err := openExported(e.backend, e.model, e.signature, e.threads)
	if err != nil {
		return parity.Repeat{}, err
	}
	defer m.Close() //nolint:errcheck // its errors are those of freeing memory
	outputs, err := m.Run(e.fed)
	if err != nil {
		return parity.Repeat{}, err
	}
	return parity.AgainForeign("in this process instead of its own", info, e.gave, outputs), nil
}

// Close ends the process where it still runs.
func (e *exported) Close() error {
	if e.command == nil || e.command.Process == nil || e.command.ProcessState != nil {
		return nil
	}
	_ = e.command.Process.Kill() // it may just have ended
	_ = e.command.Wait()         // as it was made to
	return nil
}
