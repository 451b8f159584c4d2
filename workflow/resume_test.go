package workflow

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
)

// short is a training of 3 epochs of 2 steps: 5 patterns of which ⌊0.3·5⌋ = 1
// is held back, in batches of 3 and 1.
func short(t *testing.T) (*dataset.Raw, config.TrainingConfig) {
	t.Helper()
	raw, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 5, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	c := config.Default().Training
	c.Model.NFiltersScale = 0.25
	c.BatchSize, c.NEpochs, c.NPhotons, c.ValidationSplit, c.WarmupSteps = 3, 3, 1e5, 0.3, 3
	c.OutputDir = t.TempDir()
	return raw, c
}

func trainOn(ctx context.Context, b bridge.Backend, raw *dataset.Raw, c config.TrainingConfig, o Options) (*Results, error) {
	if o.Execution.Precision == "" {
		o.Execution = config.DefaultExecution()
	}
	o.Data, o.Reconstruction, o.Legacy = config.DefaultData(), config.DefaultReconstruction(), config.LegacyParams{}
	return Train(ctx, b, raw, nil, c, o)
}

// stopAfter cancels a training after a number of events of a stage.
func stopAfter(t *testing.T, b bridge.Backend, raw *dataset.Raw, c config.TrainingConfig, o Options, stage string, events int) *Interrupted {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Progress = func(p Progress) {
		if p.Stage != stage {
			return
		}
		if events--; events == 0 {
			cancel()
		}
	}
	_, err := trainOn(ctx, b, raw, c, o)
	require.ErrorIs(t, err, context.Canceled, "D15")
	var stopped *Interrupted
	require.ErrorAs(t, err, &stopped)
	require.ErrorContains(t, err, "kept as "+stopped.Checkpoint)
	require.Equal(t, c.OutputDir, stopped.Directory)
	require.FileExists(t, stopped.Checkpoint)
	return stopped
}

func reopened(t *testing.T, path string) *Checkpoint {
	t.Helper()
	c, err := OpenCheckpoint(path)
	require.NoError(t, err)
	return c
}

// withoutTimes is a history as it must come out again.
func withoutTimes(history []Epoch) []Epoch {
	out := append([]Epoch(nil), history...)
	for i := range out {
		out[i].Seconds = 0
	}
	return out
}

// last gives all tensors of the newest checkpoint: weights, probe and moments
// in full precision.
func last(t *testing.T, dir string) map[string]any {
	t.Helper()
	c := reopened(t, dir)
	out := map[string]any{}
	for _, w := range c.bundle.Weights {
		out["weight "+w.Name] = w.F32
	}
	for _, w := range c.bundle.Training.Tensors {
		out[w.Name] = w.F64
		if w.F64 == nil {
			out[w.Name] = w.F32
		}
	}
	return out
}

// TestTrainWithoutOptions: what is not set at all is the defaults, so that the
// model can be written; what is set in part and cannot be kept is refused before
// anything is computed or made.
func TestTrainWithoutOptions(t *testing.T) {
	raw, c := short(t)
	c.NEpochs = 1
	r, err := Train(t.Context(), evalnative.Open(), raw, nil, c, Options{})
	require.NoError(t, err)
	b, err := bundle.Read(r.BundlePath)
	require.NoError(t, err)
	want := config.Default()
	want.Training, want.Reconstruction.DoStitching = c, false
	require.Equal(t, want, b.Config)

	c.OutputDir = filepath.Join(t.TempDir(), "new")
	_, err = Train(t.Context(), nil, raw, nil, c, Options{Data: config.DataConfig{FlipX: true}})
	require.ErrorContains(t, err, `data.kind is "", allowed: auto, amplitude or intensity`)
	require.ErrorContains(t, err, "data.coord_scale")
	require.NoDirExists(t, c.OutputDir)
}

// TestResumeIsExact: stopped at any step, in the middle of an epoch, at its
// end, and before its validation, and then resumed, a training has the
// weights, the moments and the history, to the bit, of one that never stopped.
func TestResumeIsExact(t *testing.T) {
	raw, c := short(t)
	for name, change := range map[string]func(*config.TrainingConfig, *Options){
		"adam": func(*config.TrainingConfig, *Options) {},
		"sgd": func(c *config.TrainingConfig, _ *Options) {
			c.Optimizer, c.GradientClipVal, c.Scheduler = "sgd", 1, "warmup_cosine"
		},
		"float64, probe": func(c *config.TrainingConfig, o *Options) {
			c.ProbeTrainable, c.Scheduler = true, "exponential"
			o.Execution = config.DefaultExecution()
			o.Execution.Precision = "float64"
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, o := c, Options{}
			change(&c, &o)
			c.OutputDir = t.TempDir()
			straight, err := trainOn(t.Context(), evalnative.Open(), raw, c, o)
			require.NoError(t, err)
			require.Equal(t, 6, straight.Steps)
			want := last(t, c.OutputDir)
			stops := []int{1, 2, 5}
			if name != "adam" {
				stops = []int{3}
			}
			for _, at := range stops { // 2 is the last step of an epoch: its validation has not been
				c.OutputDir = t.TempDir()
				stopped := stopAfter(t, evalnative.Open(), raw, c, o, StageStep, at)
				require.Equal(t, at, stopped.Steps)
				require.ErrorContains(t, stopped, map[int]string{1: "after 1 step,", 2: "after 2 steps,", 3: "after 3 steps,", 5: "after 5 steps,"}[at])
				again := o
				again.Resume = reopened(t, c.OutputDir)
				require.Equal(t, at, again.Resume.Steps())
				r, err := trainOn(t.Context(), evalnative.Open(), raw, c, again)
				require.NoError(t, err)
				require.Equal(t, withoutTimes(straight.History), withoutTimes(r.History), "stopped after %d steps", at)
				require.Equal(t, straight.Steps, r.Steps)
				require.Equal(t, want, last(t, c.OutputDir), "stopped after %d steps", at)
				require.Len(t, r.Segments, 2)
				require.Equal(t, []int{0, at, at, 6}, []int{r.Segments[0].FromStep, r.Segments[0].ToStep, r.Segments[1].FromStep, r.Segments[1].ToStep})
			}
		})
	}
}

// TestResumeEndOfEpoch: stopped between epochs, twice, and with more epochs
// than were asked for at first.
func TestResumeEndOfEpoch(t *testing.T) {
	raw, c := short(t)
	straight, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{})
	require.NoError(t, err)
	want := last(t, c.OutputDir)
	c.OutputDir = t.TempDir()
	stopped := stopAfter(t, evalnative.Open(), raw, c, Options{}, StageEpoch, 1)
	require.Equal(t, "epoch-0001.ptycho.zip", filepath.Base(stopped.Checkpoint))
	c.NEpochs = 2
	_, err = trainOn(t.Context(), evalnative.Open(), raw, c, Options{Resume: reopened(t, c.OutputDir)})
	require.NoError(t, err)
	c.NEpochs = 3
	r, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{Resume: reopened(t, c.OutputDir)})
	require.NoError(t, err)
	require.Equal(t, withoutTimes(straight.History), withoutTimes(r.History))
	require.Equal(t, want, last(t, c.OutputDir))
	require.Len(t, r.Segments, 3)
}

// TestCheckpointRotation: the last ones and the best stay; a new training in
// the same place replaces them.
func TestCheckpointRotation(t *testing.T) {
	k := &keeper{directory: t.TempDir(), run: &Results{Config: config.TrainingConfig{CheckpointKeep: 2}}}
	names := func() (out []string) {
		entries, err := os.ReadDir(k.directory)
		require.NoError(t, err)
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	put := func(name string) {
		require.NoError(t, os.WriteFile(filepath.Join(k.directory, name), nil, 0o600))
	}
	put("notes.txt")
	put(".epoch-0003.ptycho.zip123456") // of a program that was killed before it renamed it
	var history []Epoch
	for e, loss := range []float64{5, 3, 4, 4, 6} {
		history = append(history, Epoch{Epoch: e + 1, ValidationLoss: loss})
		put(nameOf(position{Epochs: e + 1}))
		require.NoError(t, k.rotate(history))
	}
	require.Equal(t, []string{bestName, "epoch-0002.ptycho.zip", "epoch-0004.ptycho.zip", "epoch-0005.ptycho.zip", "notes.txt"}, names())
	content, err := os.ReadFile(filepath.Join(k.directory, bestName))
	require.NoError(t, err)
	require.JSONEq(t, `{"file": "epoch-0002.ptycho.zip", "epoch": 2, "validation_loss": 3}`, string(content))
	put(nameOf(position{Epochs: 5, Batches: 7}))
	require.NoError(t, k.rotate(history))
	require.Equal(t, []string{bestName, "epoch-0002.ptycho.zip", "epoch-0005.ptycho.zip", "epoch-0006-batch-00007.ptycho.zip", "notes.txt"}, names())
	require.NoError(t, k.clear())
	require.Equal(t, []string{"notes.txt"}, names())
}

func TestIsCheckpointFile(t *testing.T) {
	for name, is := range map[string]bool{
		"epoch-0001.ptycho.zip": true, "epoch-12345.ptycho.zip": true, "epoch-0001-batch-00012.ptycho.zip": true, bestName: true,
		".epoch-0001.ptycho.zip99": true, ".best.json12": true,
		"epoch-1.ptycho.zip": false, "epoch-0001.ptycho.zip.bak": false, "model.ptycho.zip": false, "my-epoch-0001.ptycho.zip": false, "": false,
	} {
		require.Equal(t, is, IsCheckpointFile(name), name)
	}
}

// TestNoCheckpoints: with checkpoint_every 0 there are none, also when the
// training is cancelled; before the first step there is nothing to keep.
func TestNoCheckpoints(t *testing.T) {
	raw, c := short(t)
	for every, stage := range map[int]string{0: StageStep, 1: StageOpen} {
		c.CheckpointEvery = every
		ctx, cancel := context.WithCancel(t.Context())
		_, err := trainOn(ctx, evalnative.Open(), raw, c, Options{Progress: func(p Progress) {
			if p.Stage == stage {
				cancel()
			}
		}})
		require.ErrorIs(t, err, context.Canceled)
		require.NotContains(t, err.Error(), "resume")
		require.NoDirExists(t, filepath.Join(c.OutputDir, CheckpointDirectory))
	}
}

// TestCheckpointEvery: every second epoch and the last one; the best is one of
// those that are there.
func TestCheckpointEvery(t *testing.T) {
	raw, c := short(t)
	c.CheckpointEvery = 2
	require.NoError(t, os.Mkdir(filepath.Join(c.OutputDir, CheckpointDirectory), 0o750))
	old := filepath.Join(c.OutputDir, CheckpointDirectory, "epoch-0900.ptycho.zip")
	require.NoError(t, os.WriteFile(old, nil, 0o600))
	_, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{})
	require.NoError(t, err)
	files, err := list(filepath.Join(c.OutputDir, CheckpointDirectory))
	require.NoError(t, err)
	require.Equal(t, []stored{{"epoch-0003.ptycho.zip", 3, 0}, {"epoch-0002.ptycho.zip", 2, 0}}, files, "that of an earlier training is gone")
	require.FileExists(t, filepath.Join(c.OutputDir, CheckpointDirectory, bestName))
}

// TestDamagedCheckpoint: a newest one that is cut off is passed over with a
// warning, what a killed program has left is not looked at, and training that
// goes on from the one before comes out the same.
func TestDamagedCheckpoint(t *testing.T) {
	raw, c := short(t)
	straight, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{})
	require.NoError(t, err)
	want := last(t, c.OutputDir)
	dir := filepath.Join(c.OutputDir, CheckpointDirectory)
	newest := filepath.Join(dir, "epoch-0003.ptycho.zip")
	content, err := os.ReadFile(newest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(newest, content[:len(content)/2], 0o600))
	left := filepath.Join(dir, ".epoch-0009.ptycho.zip4711")
	require.NoError(t, os.WriteFile(left, content, 0o600))

	_, err = OpenCheckpoint(newest)
	require.Error(t, err)
	checkpoint := reopened(t, c.OutputDir)
	require.Equal(t, 2, checkpoint.Epochs())
	require.Len(t, checkpoint.Warnings, 1)
	require.Contains(t, checkpoint.Warnings[0], "epoch-0003.ptycho.zip")
	r, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{Resume: checkpoint})
	require.NoError(t, err)
	require.Equal(t, withoutTimes(straight.History), withoutTimes(r.History))
	require.Equal(t, want, last(t, c.OutputDir))
	require.NoFileExists(t, left)

	for _, f := range []string{"epoch-0001.ptycho.zip", "epoch-0002.ptycho.zip", "epoch-0003.ptycho.zip"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), []byte("PK"), 0o600))
	}
	_, err = OpenCheckpoint(c.OutputDir)
	require.ErrorIs(t, err, ErrNoCheckpoint)
	require.ErrorContains(t, err, "epoch-0002.ptycho.zip", "each is named")
	_, err = OpenCheckpoint(filepath.Join(c.OutputDir, "nowhere"))
	require.ErrorIs(t, err, ErrNoCheckpoint)
	_, err = OpenCheckpoint(filepath.Join(c.OutputDir, bundle.FileName))
	require.ErrorIs(t, err, ErrNoCheckpoint)
	require.ErrorContains(t, err, "holds no state of a training")
	_, err = OpenCheckpoint(t.TempDir())
	require.ErrorIs(t, err, ErrNoCheckpoint)
}

// TestOtherTraining: what would make another training of it is refused by
// name; what may change may.
func TestOtherTraining(t *testing.T) {
	raw, c := short(t)
	stopped := stopAfter(t, evalnative.Open(), raw, c, Options{}, StageStep, 1)
	require.Equal(t, 1, stopped.Steps)
	checkpoint := reopened(t, c.OutputDir)
	other, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 5, N: 64, NPhotons: 1e5, Seed: 2})
	require.NoError(t, err)
	file := *raw
	file.SHA256 = strings.Repeat("0", 64) // the checkpoint knows the content alone
	whole := config.Default()
	whole.Training = c
	for name, test := range map[string]struct {
		change func(*config.Config)
		says   string
	}{
		"training.batch_size": {func(c *config.Config) { c.Training.BatchSize = 2 }, `is "2", it was "3"`},
		"training.seed":       {func(c *config.Config) { c.Training.Seed = 7 }, `"42"`},
		"model.patch_merge":   {func(c *config.Config) { c.Training.Model.PatchMerge = "central" }, `"probe"`},
		"execution.precision": {func(c *config.Config) { c.Execution.Precision = "float64" }, `"float32"`},
		"data.flip_x":         {func(c *config.Config) { c.Data.FlipX = true }, `"false"`},
	} {
		changed := whole
		test.change(&changed)
		err := checkpoint.Check(raw, nil, changed)
		require.ErrorIs(t, err, ErrOtherTraining)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, test.says)
	}
	free := whole
	free.Training.NEpochs, free.Training.Backend, free.Training.OutputDir, free.Training.CheckpointKeep = 9, "pytorch", "elsewhere", 1
	free.Execution.Threads, free.Reconstruction.M = 1, 8
	require.NoError(t, checkpoint.Check(raw, nil, free))
	require.NoError(t, checkpoint.Check(&file, nil, whole))
	require.ErrorIs(t, checkpoint.Check(other, nil, whole), ErrOtherTraining)
	require.ErrorContains(t, checkpoint.Check(raw, raw, whole), "2 data sets are given, there were 1")
	require.Error(t, checkpoint.Check(nil, nil, whole))

	// The workflow refuses the same by itself, before it compiles anything.
	c.Seed = 7
	_, err = trainOn(t.Context(), nil, raw, c, Options{Resume: checkpoint})
	require.ErrorIs(t, err, ErrOtherTraining)
}

// TestOtherPartOfAFile: other patterns of the same file, and the same ones at
// other positions, are other data, though they have the file's hash.
func TestOtherPartOfAFile(t *testing.T) {
	whole, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 7, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	whole.SHA256 = strings.Repeat("0a", 32)
	_, c := short(t)
	used := whole.Subset([]int{0, 1, 3, 4, 6})
	_ = stopAfter(t, evalnative.Open(), used, c, Options{}, StageStep, 1)
	checkpoint := reopened(t, c.OutputDir)
	now := config.Default()
	now.Training = c
	require.NoError(t, checkpoint.Check(whole.Subset([]int{0, 1, 3, 4, 6}), nil, now))
	moved := whole.Subset([]int{0, 1, 3, 4, 6})
	moved.Y[2] += .5
	for _, other := range []*dataset.Raw{moved, whole, whole.Subset([]int{0, 1, 2, 4, 6})} {
		err := checkpoint.Check(other, nil, now)
		require.ErrorIs(t, err, ErrOtherTraining)
		require.ErrorContains(t, err, "(content ")
	}
	file := whole.Subset([]int{0, 1, 3, 4, 6})
	file.SHA256 = strings.Repeat("0b", 32)
	require.ErrorContains(t, checkpoint.Check(file, nil, now), "(sha256 0b0b")
}

// TestResumeAfterEarlyStop: a training that had stopped early says so where
// more epochs are asked for, and goes on with a larger patience as one that had
// it from the start, to the bit. A lower one counts at the end of the next epoch
// that ends.
func TestResumeAfterEarlyStop(t *testing.T) {
	raw, c := short(t)
	c.LearningRate, c.MinLR, c.WarmupSteps, c.NEpochs = 1e-12, 1e-12, 0, 5 // the loss does not fall
	c.EarlyStopPatience = 3
	straight, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{})
	require.NoError(t, err)
	require.Len(t, straight.History, 4, "a first epoch and 3 without a fall")
	want := last(t, c.OutputDir)

	c.OutputDir, c.EarlyStopPatience = t.TempDir(), 1
	early, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{})
	require.NoError(t, err)
	require.Len(t, early.History, 2)
	again := func() (*Results, string) {
		var log strings.Builder
		r, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{Resume: reopened(t, c.OutputDir), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		return r, log.String()
	}
	r, log := again()
	require.Len(t, r.History, 2)
	require.Contains(t, log, "stopped early after epoch 2, since the validation loss had not fallen for 1 epoch; a larger early_stop_patience, or 0, goes on")
	c.EarlyStopPatience = 3
	r, log = again()
	require.NotContains(t, log, "stopped early")
	require.Equal(t, withoutTimes(straight.History), withoutTimes(r.History))
	require.Equal(t, want, last(t, c.OutputDir))

	c.OutputDir = t.TempDir()
	_ = stopAfter(t, evalnative.Open(), raw, c, Options{}, StageStep, 5) // in the third epoch
	c.EarlyStopPatience = 1
	r, _ = again()
	require.Len(t, r.History, 3, "the epoch is trained to its end")
}

// TestForgedCheckpoint: a checkpoint whose hashes fit, but not its content, is
// an error that says what is wrong; no session is written to.
func TestForgedCheckpoint(t *testing.T) {
	raw, c := short(t)
	path := stopAfter(t, evalnative.Open(), raw, c, Options{}, StageStep, 3).Checkpoint
	for says, change := range map[string]func(*bundle.Bundle, *position){
		"of an epoch that has 2":   func(_ *bundle.Bundle, p *position) { p.Batches = 900 },
		"5 steps, but 1 epochs":    func(_ *bundle.Bundle, p *position) { p.Steps = 5 },
		"a history of 0":           func(_ *bundle.Bundle, p *position) { p.History = nil },
		"place 1 of the history":   func(_ *bundle.Bundle, p *position) { p.History[0].Epoch = 2 },
		"a schedule at the rate 0": func(_ *bundle.Bundle, p *position) { p.Schedule.Rate = 0 },
		"sums over 0 groups":       func(_ *bundle.Bundle, p *position) { p.Sums.Groups = 0 },
		"no segments":              func(_ *bundle.Bundle, p *position) { p.Segments = nil },
		"adam.m.decoder":           func(b *bundle.Bundle, _ *position) { b.Training.Tensors = b.Training.Tensors[1:] },
		"the model has no other": func(b *bundle.Bundle, _ *position) {
			b.Training.Tensors = append(b.Training.Tensors, b.Training.Tensors[0])
			b.Training.Tensors[len(b.Training.Tensors)-1].Name = "other"
		},
		"encoder.0.conv0.kernel has the shape": func(b *bundle.Bundle, _ *position) {
			for i := range b.Weights {
				if w := &b.Weights[i]; w.Name == "encoder.0.conv0.kernel" {
					w.Shape = []int{len(w.F32)}
				}
			}
		},
	} {
		t.Run(says, func(t *testing.T) {
			checkpoint := reopened(t, path)
			change(checkpoint.bundle, &checkpoint.at)
			var err error
			checkpoint.bundle.Training.State, err = json.Marshal(checkpoint.at)
			require.NoError(t, err)
			forged := filepath.Join(t.TempDir(), "forged.ptycho.zip")
			require.NoError(t, bundle.Write(forged, *checkpoint.bundle))
			b := &watched{Backend: evalnative.Open()}
			_, err = trainOn(t.Context(), b, raw, c, Options{Resume: reopened(t, forged)})
			require.ErrorContains(t, err, says)
			require.ErrorContains(t, err, forged)
			require.True(t, b.session.closed)
			for _, name := range b.session.written {
				require.NotContains(t, name, "adam", "nothing is half-loaded")
				require.NotContains(t, name, "encoder")
			}
		})
	}
}

// watched writes down which states are written.
type watched struct {
	bridge.Backend
	session *watchedSession
}
type watchedSession struct {
	bridge.Session
	written []string
	closed  bool
}

func (w *watched) Compile(programs ...*graph.Program) (bridge.Session, error) {
	s, err := w.Backend.Compile(programs...)
	w.session = &watchedSession{Session: s}
	return w.session, err
}

func (s *watchedSession) Write(name string, value bridge.Tensor) error {
	s.written = append(s.written, name)
	return s.Session.Write(name, value)
}

func (s *watchedSession) Close() error {
	s.closed = true
	return s.Session.Close()
}

// TestCheckpointThatCannotBeWritten: training goes on with a warning; a
// cancelled one says that nothing was kept.
func TestCheckpointThatCannotBeWritten(t *testing.T) {
	raw, c := short(t)
	c.NEpochs = 1
	require.NoError(t, os.WriteFile(filepath.Join(c.OutputDir, CheckpointDirectory), nil, 0o600)) // a file where the directory should be
	var log strings.Builder
	_, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{Logger: slog.New(slog.NewTextHandler(io.Writer(&log), nil))})
	require.NoError(t, err)
	require.Contains(t, log.String(), "a checkpoint was not written")
	ctx, cancel := context.WithCancel(t.Context())
	_, err = trainOn(ctx, evalnative.Open(), raw, c, Options{Progress: func(p Progress) {
		if p.Stage == StageStep {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "no checkpoint was written")
	require.NotContains(t, err.Error(), "--resume")
}
