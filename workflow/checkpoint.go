package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
)

// ErrNoCheckpoint says that there is nothing from which a training could go
// on.
var ErrNoCheckpoint = errors.New("no checkpoint")

// ErrOtherTraining says that a checkpoint is of a training with other settings
// or other data.
var ErrOtherTraining = errors.New("checkpoint of another training")

// Checkpoint is a training that can go on: a model bundle with the states of
// the optimizer and the position, in the precision that it was computed in.
type Checkpoint struct {
	Path     string
	Warnings []string // about newer checkpoints that could not be read
	bundle   *bundle.Bundle
	at       position
}

// OpenCheckpoint reads the checkpoint at path: its file, or the newest one that
// is whole in a run's directory or in its checkpoints directory. The errors
// match ErrNoCheckpoint or those of package bundle.
func OpenCheckpoint(path string) (*Checkpoint, error) {
	c, err := openCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("workflow: open checkpoint: %w", err)
	}
	return c, nil
}

func readCheckpoint(path string) (*Checkpoint, error) {
	b, err := bundle.Read(path)
	if err != nil {
		return nil, err
	}
	if b.Training == nil {
		return nil, fmt.Errorf("%w: %s is a model and holds no state of a training; name the run's directory, or a file in its %s", ErrNoCheckpoint, path, CheckpointDirectory)
	}
	c := &Checkpoint{Path: path, bundle: b}
	if err := json.Unmarshal(b.Training.State, &c.at); err != nil {
		return nil, fmt.Errorf("%s: %w: training.json: %w", path, bundle.ErrDamaged, err)
	}
	return c, nil
}

// Config is the configuration that the checkpoint was trained with.
func (c *Checkpoint) Config() config.Config { return c.bundle.Config }

// Steps is the number of optimizer steps that were made, Epochs that of the
// epochs that have ended.
func (c *Checkpoint) Steps() int { return c.at.Steps }

// Epochs is described at Steps.
func (c *Checkpoint) Epochs() int { return c.at.Epochs }

// free are the settings that may change when a training goes on: how long,
// where, and what is made of it. A larger patience than the training had makes
// of it the one that had it from the start; a smaller one counts from the end of
// the next epoch that ends. Data files are compared by what is in them.
var free = []string{
	"training.nepochs", "training.early_stop_patience", "training.backend", "training.checkpoint_every", "training.checkpoint_keep",
	"training.output_dir", "training.train_data_file", "training.test_data_file",
	"execution.device", "execution.threads",
}

// Check refuses, before anything has happened, settings and data with which
// the training would be another one. The error matches ErrOtherTraining and
// names what differs.
func (c *Checkpoint) Check(train, test *dataset.Raw, now config.Config) error {
	if err := c.check(train, test, now); err != nil {
		return fmt.Errorf("workflow: resume: %w", err)
	}
	return nil
}

func (c *Checkpoint) check(train, test *dataset.Raw, now config.Config) error {
	var faults []string
	for _, f := range config.Fields() {
		if f.Section == "reconstruction" || slices.Contains(free, f.Path()) {
			continue
		}
		if is, was := f.Get(now), f.Get(c.bundle.Config); is != was {
			faults = append(faults, fmt.Sprintf("%s is %q, it was %q", f.Path(), is, was))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %s: %s; leave these as they were, or begin a new run", ErrOtherTraining, c.Path, strings.Join(faults, "; "))
	}
	if n := now.Training.NEpochs; n < c.at.Epochs {
		return fmt.Errorf("%w: %s: training.nepochs is %d, but %d epochs have been trained; expected at least as many", ErrOtherTraining, c.Path, n, c.at.Epochs)
	}
	if train == nil {
		return fmt.Errorf("there is no training data")
	}
	return c.sameData(train, test)
}

func (c *Checkpoint) sameData(train, test *dataset.Raw) error {
	raws := []*dataset.Raw{train}
	if test != nil {
		raws = append(raws, test)
	}
	if len(raws) != len(c.at.Inputs) {
		return fmt.Errorf("%w: %s: %d data sets are given, there were %d (training and test data)", ErrOtherTraining, c.Path, len(raws), len(c.at.Inputs))
	}
	for i, raw := range raws {
		is, err := originOf(raw)
		if err != nil {
			return err
		}
		was := c.at.Inputs[i]
		kind, a, b := "sha256", is.SHA256, was.SHA256
		if a == "" || b == "" || a == b { // data that come from no file, or from one of which other parts may be used
			kind, a, b = "content", is.Content, was.Content
		}
		if a != b {
			return fmt.Errorf("%w: %s: the data %s (%s %s) are not those that it was trained on, %s (%s %s)", ErrOtherTraining, c.Path, is.Path, kind, a, was.Path, kind, b)
		}
	}
	return nil
}

func origins(train, test *dataset.Raw) ([]origin, error) {
	var out []origin
	for _, raw := range []*dataset.Raw{train, test} {
		if raw == nil {
			continue
		}
		o, err := originOf(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// states gives the session's states that the checkpoint holds, all of them, or
// says what is wrong with it.
func (c *Checkpoint) states(m *model.Model, float graph.DType, modes, side int) (bridge.Tensors, error) {
	probe := graph.Shape{modes, side, side}
	weights := []bundle.NamedShape{{Name: bundle.Probe, Shape: bundle.ProbeShape(modes, side)}}
	for _, p := range m.Parameters() {
		weights = append(weights, bundle.NamedShape{Name: p.Name, Shape: p.Shape})
	}
	if err := c.bundle.CheckWeights(weights); err != nil {
		return nil, err
	}
	need := m.Moments()
	if float == graph.Float64 {
		need = append(need, parameters(m, probe)...)
	}
	out, err := c.optimizer(need, float)
	if err != nil || float == graph.Float64 {
		return out, err
	}
	for _, w := range c.bundle.Weights {
		if w.Name != bundle.Probe {
			out[w.Name] = bridge.NewTensor(w.F32, w.Shape...)
			continue
		}
		half := len(w.F32) / 2
		out[model.StateProbeRe] = bridge.NewTensor(w.F32[:half], probe...)
		out[model.StateProbeIm] = bridge.NewTensor(w.F32[half:], probe...)
	}
	return out, nil
}

// optimizer gives the tensors of training.safetensors, which must be those
// that are needed.
func (c *Checkpoint) optimizer(need []model.Parameter, float graph.DType) (bridge.Tensors, error) {
	dtype := safetensors.F32
	if float == graph.Float64 {
		dtype = safetensors.F64
	}
	found := map[string]safetensors.Tensor{}
	for _, t := range c.bundle.Training.Tensors {
		found[t.Name] = t
	}
	out := bridge.Tensors{}
	for _, p := range need {
		t, ok := found[p.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: training.safetensors: %s is missing", bundle.ErrMismatch, p.Name)
		case !slices.Equal(t.Shape, p.Shape) || t.DType() != dtype:
			return nil, fmt.Errorf("%w: training.safetensors: %s is %s%v, the model has %s%v", bundle.ErrMismatch, p.Name, t.DType(), t.Shape, dtype, []int(p.Shape))
		}
		if dtype == safetensors.F64 {
			out[p.Name] = bridge.NewTensor(t.F64, p.Shape...)
		} else {
			out[p.Name] = bridge.NewTensor(t.F32, p.Shape...)
		}
		delete(found, p.Name)
	}
	for name := range found {
		return nil, fmt.Errorf("%w: training.safetensors: the model has no %s", bundle.ErrMismatch, name)
	}
	return out, nil
}

// start sets the states at which training begins or goes on.
func (t *trainer) start(info bridge.Info, train, test *dataset.Raw, from *Checkpoint) error {
	n := t.network
	segment := Segment{Backend: info.Backend, Library: info.Version, Device: info.Device, Threads: info.Threads}
	if from == nil {
		inputs, err := origins(train, test)
		if err != nil {
			return err
		}
		t.at = position{Seed: t.config.Seed, Segments: []Segment{segment}, Inputs: inputs}
		if err := n.writeWeights(n.model.Initial(t.config.Seed)); err != nil {
			return err
		}
		return n.writeMoments()
	}
	if err := t.resume(from, train); err != nil {
		return fmt.Errorf("%s: %w", from.Path, err)
	}
	segment.FromStep = from.at.Steps
	t.at.Segments = append(slices.Clone(t.at.Segments), segment)
	return nil
}

// resume loads a checkpoint, after all of it was checked.
func (t *trainer) resume(from *Checkpoint, train *dataset.Raw) error {
	n := t.network
	if err := from.at.check(steps(len(t.scan.training), t.config.BatchSize)); err != nil {
		return fmt.Errorf("%w: training.json: %w", bundle.ErrDamaged, err)
	}
	states, err := from.states(n.model, n.float, train.Modes(), train.N)
	if err != nil {
		return err
	}
	for name, value := range states {
		if err := n.session.Write(name, value); err != nil {
			return err
		}
	}
	t.at = from.at
	t.at.History = slices.Clone(from.at.History)
	n.steps = from.at.Steps
	t.schedule.restore(from.at.Schedule, from.at.Epochs)
	t.at.Stopped = t.at.Batches == 0 && t.schedule.over() // by the patience of now
	return nil
}

// segments are those of the training up to here.
func (t *trainer) segments() []Segment {
	out := slices.Clone(t.at.Segments)
	out[len(out)-1].ToStep = t.at.Steps
	return out
}
