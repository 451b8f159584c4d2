package workflow

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

// CheckpointDirectory is the name of the directory of checkpoints in that of a
// run. epoch-0003.ptycho.zip is of the end of the third epoch,
// epoch-0004-batch-00012.ptycho.zip of the fourth one after 12 batches;
// best.json names the one with the lowest validation loss.
const CheckpointDirectory = "checkpoints"

const bestName = "best.json"

var (
	checkpointName = regexp.MustCompile(`^epoch-(\d{4,9})(?:-batch-(\d{5,9}))?\.ptycho\.zip$`)
	leftOver       = regexp.MustCompile(`^\.(epoch-\d{4,9}(-batch-\d{5,9})?\.ptycho\.zip|best\.json)\d+$`)
)

// IsCheckpointFile says whether a file of that name is one of those that a
// training writes into its directory of checkpoints, or what is left of one
// that was never finished.
func IsCheckpointFile(name string) bool {
	return name == bestName || checkpointName.MatchString(name) || leftOver.MatchString(name)
}

// stored is a checkpoint's file.
type stored struct {
	name            string
	epochs, batches int // as in position
}

// nameOf is the name of the file of a position.
func nameOf(p position) string {
	if p.Batches == 0 {
		return fmt.Sprintf("epoch-%04d.ptycho.zip", p.Epochs)
	}
	return fmt.Sprintf("epoch-%04d-batch-%05d.ptycho.zip", p.Epochs+1, p.Batches)
}

// list gives the checkpoints of a directory, the newest first: those furthest
// on.
func list(directory string) ([]stored, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var out []stored
	for _, e := range entries {
		match := checkpointName.FindStringSubmatch(e.Name())
		if match == nil || !e.Type().IsRegular() {
			continue
		}
		s := stored{name: e.Name()}
		s.epochs, _ = strconv.Atoi(match[1]) // they are digits
		if match[2] != "" {
			s.batches, _ = strconv.Atoi(match[2])
			s.epochs--
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b stored) int {
		return cmp.Or(cmp.Compare(b.epochs, a.epochs), cmp.Compare(b.batches, a.batches))
	})
	return out, nil
}

// openCheckpoint is OpenCheckpoint. Files that are damaged are passed over;
// each is a warning.
func openCheckpoint(path string) (*Checkpoint, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoCheckpoint, err)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return readCheckpoint(path)
	}
	if sub := filepath.Join(path, CheckpointDirectory); isDirectory(sub) {
		path = sub
	}
	files, err := list(path)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, f := range files {
		c, err := readCheckpoint(filepath.Join(path, f.name))
		if err == nil {
			for _, fault := range faults {
				c.Warnings = append(c.Warnings, fmt.Sprintf("a newer checkpoint cannot be read and is passed over: %v", fault))
			}
			return c, nil
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(append([]error{fmt.Errorf("%w in %s from which a training could go on", ErrNoCheckpoint, path)}, faults...)...)
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// keeper writes the checkpoints of a training and removes older ones.
type keeper struct {
	directory string
	run       *Results
	options   Options
	fresh     bool    // what is there is of another training
	written   string  // the last one
	seconds   float64 // for which training waited
	pending   chan error
}

func newKeeper(r *Results, o Options) *keeper {
	k := &keeper{directory: filepath.Join(r.Config.OutputDir, CheckpointDirectory), run: r, options: o}
	k.fresh = o.Resume == nil || !sameDirectory(filepath.Dir(o.Resume.Path), k.directory)
	return k
}

func sameDirectory(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// epoch writes a checkpoint at the end of an epoch, while training goes on; it
// does so too where that fails.
func (k *keeper) epoch(t *trainer) {
	k.wait()
	began := time.Now()
	defer func() { k.seconds += since(began) }()
	b, err := k.snapshot(t)
	if err != nil {
		k.warn(err)
		return
	}
	name, history := nameOf(t.at), slices.Clone(t.at.History)
	k.pending = make(chan error, 1)
	go func() { k.pending <- k.store(name, b, history) }()
}

// wait waits for the end of what epoch has begun to write.
func (k *keeper) wait() {
	if k == nil || k.pending == nil {
		return
	}
	began := time.Now()
	if err := <-k.pending; err != nil {
		k.warn(err)
	}
	k.pending = nil
	k.seconds += since(began)
}

func (k *keeper) warn(err error) {
	k.options.Logger.Warn("a checkpoint was not written, or an older one not removed", "cause", err)
}

// now writes the checkpoint of where the training stands, unless it is there,
// and gives its path.
func (k *keeper) now(t *trainer) (string, error) {
	k.wait()
	name := nameOf(t.at)
	path := filepath.Join(k.directory, name)
	if k.written == name {
		return path, nil
	}
	b, err := k.snapshot(t)
	if err != nil {
		return "", err
	}
	if err := k.store(name, b, t.at.History); k.written != name {
		return "", err
	} else if err != nil {
		k.warn(err)
	}
	return path, nil
}

// store writes a checkpoint's file and removes those that are in excess.
func (k *keeper) store(name string, b *bundle.Bundle, history []Epoch) error {
	if err := os.MkdirAll(k.directory, 0o755); err != nil {
		return err
	}
	if k.fresh { // of the training whose model this one will replace
		if err := k.clear(); err != nil {
			return err
		}
	}
	if err := bundle.Write(filepath.Join(k.directory, name), *b); err != nil {
		return err
	}
	k.fresh, k.written = false, name
	return k.rotate(history)
}

// snapshot is the bundle of where the training stands.
func (k *keeper) snapshot(t *trainer) (*bundle.Bundle, error) {
	n := t.network
	weights, err := n.weights()
	if err != nil {
		return nil, err
	}
	probe, err := n.probe()
	if err != nil {
		return nil, err
	}
	b, err := bundled(k.run, t.at.History, weights, probe, k.options)
	if err != nil {
		return nil, err
	}
	states := n.model.Moments()
	if n.float == graph.Float64 {
		states = append(states, parameters(n.model, graph.Shape{len(probe) / (n.scan.n * n.scan.n), n.scan.n, n.scan.n})...)
	}
	b.Training = &bundle.Training{}
	for _, p := range states {
		value, err := n.session.Read(p.Name)
		if err != nil {
			return nil, err
		}
		tensor := safetensors.Tensor{Name: p.Name, Shape: p.Shape}
		if wide, ok := value.Data.([]float64); ok {
			tensor.F64 = wide
		} else {
			tensor.F32 = value.Float32()
		}
		b.Training.Tensors = append(b.Training.Tensors, tensor)
	}
	at := t.at
	at.Schedule, at.Segments, at.TrainSeconds = t.schedule.save(), t.segments(), t.trained()
	b.Training.State, err = json.MarshalIndent(at, "", "  ")
	return b, err
}

// clear removes the checkpoints of an earlier training.
func (k *keeper) clear() error {
	entries, err := os.ReadDir(k.directory)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !IsCheckpointFile(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(k.directory, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// best is what best.json holds.
type best struct {
	File           string  `json:"file"`
	Epoch          int     `json:"epoch"`
	ValidationLoss float64 `json:"validation_loss"`
}

// rotate names the best of the checkpoints that are there and removes those
// that are neither it nor among the last ones, and what unfinished writing has
// left.
func (k *keeper) rotate(history []Epoch) error {
	files, err := list(k.directory)
	if err != nil {
		return err
	}
	var lowest *best
	for _, f := range slices.Backward(files) {
		if f.batches != 0 || f.epochs < 1 || f.epochs > len(history) {
			continue
		}
		if e := history[f.epochs-1]; lowest == nil || e.ValidationLoss < lowest.ValidationLoss {
			lowest = &best{f.name, e.Epoch, e.ValidationLoss}
		}
	}
	if lowest != nil {
		content, err := json.MarshalIndent(lowest, "", "  ")
		if err != nil {
			return err
		}
		if err := wholefile.WriteBytes(filepath.Join(k.directory, bestName), append(content, '\n')); err != nil {
			return err
		}
	}
	for i, f := range files {
		if i < k.run.Config.CheckpointKeep || lowest != nil && f.name == lowest.File {
			continue
		}
		if err := os.Remove(filepath.Join(k.directory, f.name)); err != nil {
			return err
		}
	}
	return k.sweep()
}

// sweep removes what unfinished writing has left.
func (k *keeper) sweep() error {
	entries, err := os.ReadDir(k.directory)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if leftOver.MatchString(e.Name()) {
			if err := os.Remove(filepath.Join(k.directory, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Interrupted is the error of a training that was cancelled and can go on from
// a checkpoint.
type Interrupted struct {
	Checkpoint string // its file
	Directory  string // of the run
	Steps      int    // that were made
	Cause      error  // wraps the error of the context
}

func (e *Interrupted) Error() string {
	return fmt.Sprintf("%v; stopped after %s, kept as %s, from which training can go on", e.Cause, counted(e.Steps, "step"), e.Checkpoint)
}

// counted is a number of things, each called one.
func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func (e *Interrupted) Unwrap() error { return e.Cause }

// interrupted writes a checkpoint of where the training was cancelled.
func (t *trainer) interrupted(cause error) error {
	if t.keeper == nil || t.at.Steps == 0 {
		return cause
	}
	path, err := t.keeper.now(t)
	if err != nil {
		return errors.Join(cause, fmt.Errorf("no checkpoint was written: %w", err))
	}
	return &Interrupted{Checkpoint: path, Directory: t.config.OutputDir, Steps: t.at.Steps, Cause: cause}
}
