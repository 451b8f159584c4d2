package selector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// events is what a call did, in order.
type events []string

func (e *events) add(format string, arguments ...any) {
	*e = append(*e, fmt.Sprintf(format, arguments...))
}

// fake is the evaluator under the name of a runtime; no native library is
// needed.
type fake struct {
	bridge.Backend
	name   string
	device string
	seen   *events
}

func (f fake) Info() bridge.Info {
	return bridge.Info{Backend: f.name, Version: "fake", Path: "nowhere", Device: f.device, Threads: 1}
}

func (f fake) Close() error {
	f.seen.add("close %s", f.name)
	return f.Backend.Close()
}

// spied replaces runtime and map by ones that write down what happens.
func spied(seen *events) Option {
	return func(c *call) {
		c.open = func(name string, o bridge.Options) (bridge.Backend, error) {
			seen.add("open %s", name)
			device := o.Device
			if device == "auto" {
				device = "cpu"
			}
			return fake{evalnative.Open(), name, device, seen}, nil
		}
		update, updateInference := c.update, c.updateInference
		c.update = func(p config.LegacyParams, t config.TrainingConfig) error {
			seen.add("update")
			return update(p, t)
		}
		c.updateInference = func(p config.LegacyParams, i config.InferenceConfig) error {
			seen.add("update")
			return updateInference(p, i)
		}
		c.logger = slog.New(slog.NewTextHandler(writer{seen}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		}}))
	}
}

// writer makes log lines events.
type writer struct{ seen *events }

func (w writer) Write(line []byte) (int, error) {
	w.seen.add("log %s", bytes.TrimSpace(line))
	return len(line), nil
}

// unavailable is a runtime that this machine does not have.
func unavailable(c *call) {
	open := c.open
	c.open = func(name string, o bridge.Options) (bridge.Backend, error) {
		_, err := open(name, o)
		return nil, errors.Join(err, bridge.Unavailable("PyTorch", "it is not here", "Get it."))
	}
}

func smallScan(t *testing.T) *dataset.Raw {
	t.Helper()
	raw, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 5, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	return raw
}

// nineScan has patterns enough for a group at gridsize 3.
func nineScan(t *testing.T) *dataset.Raw {
	t.Helper()
	raw, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 9, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	return raw
}

func smallConfig(backend string) config.TrainingConfig {
	c := config.Default().Training
	c.Model.NFiltersScale = 0.25
	c.BatchSize, c.NEpochs, c.NPhotons, c.ValidationSplit = 2, 2, 1e5, 0.3
	c.OutputDir, c.Backend = "", backend
	return c
}

func smallInference(backend string) config.InferenceConfig {
	c := config.DefaultInference()
	c.BatchSize, c.Backend, c.OutputDir = 2, backend, ""
	return c
}

// paths are the three functions as calls with options only, on a scan of 5
// patterns; dir is the bundle that is loaded.
func paths(t *testing.T, c config.TrainingConfig, dir string) map[string]func(...Option) error {
	t.Helper()
	raw := smallScan(t)
	return map[string]func(...Option) error{
		"run": func(o ...Option) error {
			_, _, _, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, o...)
			return err
		},
		"train": func(o ...Option) error {
			_, err := TrainCDIModelWithBackend(t.Context(), raw, nil, c, o...)
			return err
		},
		"load": func(o ...Option) error {
			i := smallInference(c.Backend)
			i.BatchSize = c.BatchSize
			m, _, err := LoadInferenceBundleWithBackend(t.Context(), dir, i, "", o...)
			if m != nil {
				err = errors.Join(err, m.Close())
			}
			return err
		},
	}
}

// TestD1RunAndD11Shapes: signature, keys and shapes are the same for both; an
// empty output_dir writes nothing (D13).
func TestD1RunAndD11Shapes(t *testing.T) {
	raw := smallScan(t)
	for _, name := range Backends() {
		t.Run(name, func(t *testing.T) {
			amp, phase, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, smallConfig(name), spied(new(events)), DoStitching(true), M(16))
			require.NoError(t, err)
			require.Equal(t, name, r.Backend, "D10")
			require.Len(t, r.ObjTensorFull, 5*64*64)
			require.Len(t, r.GlobalOffsets, 5*2)
			require.Equal(t, raw.X[3], r.GlobalOffsets[6], "x comes first")
			require.Equal(t, []int64{0, 1, 2, 3, 4}, r.NNIndices)
			require.Len(t, r.History, 2)
			require.Equal(t, 4, r.Steps, "⌊0.3·5⌋ = 1 pattern is held back; 4 make 2 steps in each of 2 epochs")
			require.NotZero(t, r.Normalization)
			require.InEpsilon(t, 316.2277660168379/32, r.IntensityScale, 1e-12, "√nphotons/(N/2)")
			require.Equal(t, amp.Rows*amp.Cols, len(amp.Data))
			require.Equal(t, []int{amp.Rows, amp.Cols}, []int{phase.Rows, phase.Cols})
			require.Empty(t, r.BundlePath, "an empty output_dir writes nothing")
		})
	}
	amp, phase, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, smallConfig(config.TensorFlow), spied(new(events)))
	require.NoError(t, err)
	require.Nil(t, amp, "nothing is stitched by default")
	require.Nil(t, phase)
	require.NotEmpty(t, r.ObjTensorFull)
}

// TestD2TrainOnly: TrainCDIModelWithBackend reconstructs nothing; a test set
// serves for validation.
func TestD2TrainOnly(t *testing.T) {
	raw := smallScan(t)
	r, err := TrainCDIModelWithBackend(t.Context(), raw, raw.Subset([]int{3, 4}), smallConfig(config.PyTorch), spied(new(events)))
	require.NoError(t, err)
	require.Empty(t, r.ObjTensorFull)
	require.Nil(t, r.Object)
	require.Equal(t, 6, r.Steps, "all 5 patterns are trained on: 3 steps an epoch")
	require.Equal(t, 7, r.Patterns)
	_, err = TrainCDIModelWithBackend(t.Context(), nil, nil, smallConfig(config.PyTorch), spied(new(events)))
	require.ErrorIs(t, err, ErrInvalidConfig)
}

// TestD4ConfigIsNotChanged: deep-equal before and after, on success and on
// every kind of error, on all three paths; the default backend is tensorflow.
func TestD4ConfigIsNotChanged(t *testing.T) {
	require.Equal(t, config.TensorFlow, config.Default().Training.Backend)
	require.Equal(t, config.TensorFlow, config.DefaultInference().Backend)
	raw, dir := smallScan(t), t.TempDir()
	trainedIn(t, dir, func(*config.TrainingConfig) {})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	type outcome struct {
		change  func(*config.TrainingConfig)
		ctx     context.Context
		options []Option
	}
	for name, o := range map[string]outcome{
		"success":         {change: func(*config.TrainingConfig) {}},
		"invalid backend": {change: func(c *config.TrainingConfig) { c.Backend = "jax" }},
		"invalid":         {change: func(c *config.TrainingConfig) { c.BatchSize = 0 }},
		"not supported":   {change: func(c *config.TrainingConfig) { c.PositionsProvided = false }},
		"other N":         {change: func(c *config.TrainingConfig) { c.Model.N = 128; c.Model.NFiltersScale = 1 }},
		"too many groups": {change: func(c *config.TrainingConfig) { c.NGroups = 6 }},
		"unavailable":     {options: []Option{unavailable}},
		"cancelled":       {ctx: cancelled},
		"no checkpoint":   {options: []Option{WithResume(file)}},
		"not writable":    {change: func(c *config.TrainingConfig) { c.OutputDir = file }},
	} {
		t.Run(name, func(t *testing.T) {
			c := smallConfig(config.PyTorch)
			c.NEpochs = 1
			if o.change != nil {
				o.change(&c)
			}
			if o.ctx == nil {
				o.ctx = t.Context()
			}
			seed := uint64(3)
			c.SubsampleSeed = &seed
			before, own := c, seed
			before.SubsampleSeed = &own
			options := append([]Option{spied(new(events))}, o.options...)
			_, err := TrainCDIModelWithBackend(o.ctx, raw, nil, c, options...)
			require.Equal(t, name == "success", err == nil, err)
			require.Equal(t, before, c)
			_, _, _, err = RunCDIExampleWithBackend(o.ctx, raw, nil, c, append(options, DoStitching(true))...)
			require.Equal(t, name == "success", err == nil, err)
			require.Equal(t, before, c)
		})
	}
	for name, o := range map[string]struct {
		change    func(*config.InferenceConfig)
		dir, name string
		ctx       context.Context
		options   []Option
	}{
		"success":         {},
		"invalid backend": {change: func(c *config.InferenceConfig) { c.Backend = "jax" }},
		"invalid":         {change: func(c *config.InferenceConfig) { c.BatchSize = 0 }},
		"differing value": {change: func(c *config.InferenceConfig) { c.Model.Gridsize = 2 }},
		"no bundle":       {dir: file},
		"unknown name":    {name: "probe"},
		"unavailable":     {options: []Option{unavailable}},
		"cancelled":       {ctx: cancelled},
	} {
		t.Run("load, "+name, func(t *testing.T) {
			c := smallInference(config.PyTorch)
			if o.change != nil {
				o.change(&c)
			}
			if o.ctx == nil {
				o.ctx = t.Context()
			}
			seed := uint64(3)
			c.SubsampleSeed = &seed
			before, own := c, seed
			before.SubsampleSeed = &own
			m, _, err := LoadInferenceBundleWithBackend(o.ctx, cmp.Or(o.dir, dir), c, o.name, append([]Option{spied(new(events))}, o.options...)...)
			require.Equal(t, name == "success", err == nil, err)
			if err == nil {
				_, err = m.Predict(t.Context(), raw)
				require.NoError(t, err)
				require.NoError(t, m.Close())
			}
			require.Equal(t, before, c)
		})
	}
}

// TestD5OrderOfEvents: refuse, update the map once, route; the map is updated
// too when the backend then proves unavailable, and no other is tried (D9). Each
// stage is told (D12).
func TestD5OrderOfEvents(t *testing.T) {
	raw := smallScan(t)
	dir := t.TempDir()
	trained := smallConfig(config.PyTorch)
	trained.OutputDir = dir

	var seen events
	_, err := TrainCDIModelWithBackend(t.Context(), raw, nil, trained, spied(&seen))
	require.NoError(t, err)
	require.Equal(t, events{
		"update", `log msg="params synchronized" backend=pytorch`, "log msg=routing backend=pytorch", "open pytorch",
		`log msg="device chosen" backend=pytorch device=cpu`,
		`log msg="the learning rate does not reach its value" warmup_steps=100 "steps of the training"=4`, "log msg=training groups=4 validation=1",
		`log msg=complete backend=pytorch`, "close pytorch",
	}, seen)

	for name, call := range paths(t, smallConfig(config.PyTorch), dir) {
		t.Run(name+", unavailable", func(t *testing.T) {
			var seen events
			legacy := config.LegacyParams{"mine": 1}
			err := call(spied(&seen), unavailable, WithLegacyParams(legacy))
			require.ErrorIs(t, err, bridge.ErrUnavailable)
			require.Equal(t, events{"update", `log msg="params synchronized" backend=pytorch`, "log msg=routing backend=pytorch", "open pytorch"}, seen, "D9: nothing else is tried")
			require.Equal(t, 1, legacy["mine"])
			require.Equal(t, 64, legacy["bigN"])
			require.Equal(t, "pytorch", legacy["backend"])
		})
	}

	for name, call := range paths(t, smallConfig(config.PyTorch), dir) {
		t.Run(name+", done", func(t *testing.T) {
			var seen events
			legacy := config.LegacyParams{"mine": 1}
			require.NoError(t, call(spied(&seen), WithLegacyParams(legacy)))
			require.Equal(t, "update", seen[0])
			require.NotContains(t, seen[1:], "update", "exactly once")
			require.Equal(t, 1, legacy["mine"])
			require.Equal(t, "pytorch", legacy["backend"])
		})
	}

	t.Run("refused before the map is touched", func(t *testing.T) {
		for _, change := range []func(*config.TrainingConfig){
			func(c *config.TrainingConfig) { c.Backend = "jax" },
			func(c *config.TrainingConfig) { c.NEpochs = -1 },
			func(c *config.TrainingConfig) { c.PositionsProvided = false },
			func(c *config.TrainingConfig) { c.Model.Gridsize, c.NGroups = 2, 6 }, // of 5 patterns
		} {
			var seen events
			legacy := config.LegacyParams{"mine": 1}
			c := smallConfig(config.PyTorch)
			change(&c)
			_, err := TrainCDIModelWithBackend(t.Context(), raw, nil, c, spied(&seen), WithLegacyParams(legacy))
			require.Error(t, err)
			require.Empty(t, seen)
			require.Equal(t, config.LegacyParams{"mine": 1}, legacy)
		}
		for _, change := range []func(*config.InferenceConfig){
			func(c *config.InferenceConfig) { c.Backend = "jax" },
			func(c *config.InferenceConfig) { c.BatchSize = -1 },
			func(c *config.InferenceConfig) { c.Model.N = 128 },
		} {
			var seen events
			legacy := config.LegacyParams{"mine": 1}
			i := smallInference(config.PyTorch)
			change(&i)
			_, _, err := LoadInferenceBundleWithBackend(t.Context(), dir, i, "", spied(&seen), WithLegacyParams(legacy))
			require.Error(t, err)
			require.Empty(t, seen)
			require.Equal(t, config.LegacyParams{"mine": 1}, legacy)
		}
	})
}

// TestD6InvalidBackend: the text is relied on.
func TestD6InvalidBackend(t *testing.T) {
	for _, name := range []string{"jax", "", "TensorFlow"} {
		c := smallConfig(name)
		require.NoError(t, c.Validate(), "config leaves this judgement to the selector")
		_, err := TrainCDIModelWithBackend(t.Context(), nil, nil, c)
		require.EqualError(t, err, fmt.Sprintf(`Invalid backend: %q. TrainingConfig.backend must be 'tensorflow' or 'pytorch'.`, name))
		require.ErrorIs(t, err, ErrInvalidBackend)
		_, _, err = LoadInferenceBundleWithBackend(t.Context(), "", smallInference(name), "")
		require.EqualError(t, err, fmt.Sprintf(`Invalid backend: %q. InferenceConfig.backend must be 'tensorflow' or 'pytorch'.`, name))
		require.ErrorIs(t, err, ErrInvalidBackend)
		_, err = Open(name, bridge.Options{})
		require.ErrorIs(t, err, ErrInvalidBackend)
	}
}

// TestD9NoFallback: a device that is not there is an error, whatever else is.
func TestD9NoFallback(t *testing.T) {
	e := config.DefaultExecution()
	e.Device = "cuda"
	for _, name := range Backends() {
		_, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, smallConfig(name), WithExecution(e), WithLogger(nil))
		require.Error(t, err)
		if !errors.Is(err, bridge.ErrUnavailable) {
			require.ErrorContains(t, err, "cuda")
		}
	}
}

// TestD13AndD14Bundle: D3 too: what one backend has trained the other loads.
func TestD13AndD14Bundle(t *testing.T) {
	raw := smallScan(t)
	dir := t.TempDir()
	c := smallConfig(config.TensorFlow)
	c.OutputDir = dir
	_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, spied(new(events)))
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, bundle.FileName), r.BundlePath)
	require.FileExists(t, r.BundlePath)

	for _, name := range []string{"", workflow.DiffractionToObject, workflow.Autoencoder} {
		m, params, err := LoadInferenceBundleWithBackend(t.Context(), dir, smallInference(config.PyTorch), name, spied(new(events)))
		require.NoError(t, err)
		require.Equal(t, "pytorch", m.Info().Backend)
		require.Equal(t, "pytorch", params["backend"])
		require.Equal(t, 1e5, params["nphotons"], "the training's parameters are kept")
		p, err := m.Predict(t.Context(), raw)
		require.NoError(t, err)
		requireClose(t, r.ObjTensorFull, p.Patches)
		require.Equal(t, raw.X, p.X)
		require.Equal(t, name == workflow.Autoencoder, p.Intensity != nil)
		require.NoError(t, m.Close())
		require.NoError(t, m.Close(), "closing twice is harmless")
		_, err = m.Predict(t.Context(), raw)
		require.ErrorIs(t, err, bridge.ErrClosed)
	}

	_, _, err = LoadInferenceBundleWithBackend(t.Context(), dir, smallInference(config.PyTorch), "probe", spied(new(events)))
	require.ErrorContains(t, err, "autoencoder, diffraction_to_obj")
	require.ErrorIs(t, err, ErrInvalidConfig)
	i := smallInference(config.PyTorch)
	i.Model.N = 128
	_, _, err = LoadInferenceBundleWithBackend(t.Context(), dir, i, "", spied(new(events)))
	require.ErrorContains(t, err, "128")
	require.ErrorContains(t, err, "64 in the bundle")
	require.ErrorIs(t, err, ErrInvalidConfig)
	_, _, err = LoadInferenceBundleWithBackend(t.Context(), t.TempDir(), smallInference(config.PyTorch), "", spied(new(events)))
	require.ErrorIs(t, err, bundle.ErrNoBundle)
}

// requireClose: the evaluator trains in float64, the bundle keeps float32.
func requireClose(t *testing.T, want, got []complex64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Less(t, cmplx.Abs(complex128(want[i]-got[i])), 1e-5, "pixel %d", i)
	}
}

// TestGroups: shapes of D11 at gridsize 2, and a bundle that carries what an
// inference needs: the canvas, beyond which offsets are refused.
func TestGroups(t *testing.T) {
	raw := smallScan(t)
	c := smallConfig(config.TensorFlow)
	c.Model.Gridsize, c.Model.PatchMerge = 2, "probe"
	c.OutputDir = t.TempDir()
	_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, spied(new(events)), DoStitching(true))
	require.NoError(t, err)
	require.Equal(t, []int{5, 5, 4}, []int{r.Patterns, r.Groups, r.Channels})
	require.Len(t, r.ObjTensorFull, 5*64*64)
	require.Len(t, r.NNIndices, 5*4)
	require.Len(t, r.GlobalOffsets, 5*2)
	for k := range 5 {
		require.Equal(t, int64(k), r.NNIndices[4*k], "the seed comes first")
		mean := [2]float64{}
		for _, i := range r.NNIndices[4*k : 4*k+4] {
			mean[0], mean[1] = mean[0]+raw.X[i]/4, mean[1]+raw.Y[i]/4
		}
		require.InDeltaSlice(t, mean[:], r.GlobalOffsets[2*k:2*k+2], 1e-9, "r̄ as (x, y)")
	}
	require.GreaterOrEqual(t, r.Canvas, 64+2*7)

	i := smallInference(config.PyTorch)
	m, _, err := LoadInferenceBundleWithBackend(t.Context(), r.BundlePath, i, workflow.Autoencoder, spied(new(events)))
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // the evaluator
	p, err := m.Predict(t.Context(), raw)
	require.NoError(t, err)
	requireClose(t, r.ObjTensorFull, p.Patches)
	require.Equal(t, r.NNIndices, p.NNIndices)
	require.Len(t, p.Intensity, 5*4*64*64)
	require.Len(t, p.X, 5)
	require.Equal(t, r.GlobalOffsets[3], p.Y[1])

	far := raw.Subset([]int{0, 1, 2, 3, 4})
	for k := range far.X {
		far.X[k] *= 2.5
	}
	_, err = m.Predict(t.Context(), far)
	require.ErrorIs(t, err, workflow.ErrOffsets)
	require.ErrorContains(t, err, "offsets beyond the canvas")
	require.ErrorContains(t, err, "smaller neighbor_count")
}

// TestGroupsThatDoNotGo are refused by name before anything starts.
func TestGroupsThatDoNotGo(t *testing.T) {
	raw := smallScan(t)
	for says, change := range map[string]func(c *config.TrainingConfig, raw *dataset.Raw) *dataset.Raw{
		"neighbor_count": func(c *config.TrainingConfig, raw *dataset.Raw) *dataset.Raw {
			c.NeighborCount = 3
			return raw
		},
		"n_groups is 6, but there are 5 patterns": func(c *config.TrainingConfig, raw *dataset.Raw) *dataset.Raw {
			c.NGroups = 6
			return raw
		},
		"but there are 3; use more patterns or a smaller gridsize": func(_ *config.TrainingConfig, raw *dataset.Raw) *dataset.Raw {
			return raw.Subset([]int{0, 1, 2})
		},
		"offsets beyond the canvas": func(_ *config.TrainingConfig, raw *dataset.Raw) *dataset.Raw {
			raw = raw.Subset([]int{0, 1, 2, 3, 4})
			raw.Y[2] += 1e6
			return raw
		},
	} {
		t.Run(says, func(t *testing.T) {
			var seen events
			c := smallConfig(config.TensorFlow)
			c.Model.Gridsize = 2
			_, err := TrainCDIModelWithBackend(t.Context(), change(&c, raw), nil, c, spied(&seen))
			require.ErrorContains(t, err, says)
			require.Empty(t, seen)
		})
	}
}

// TestD15Cancel: training ends at the next step, and what was there stays.
func TestD15Cancel(t *testing.T) {
	dir := t.TempDir()
	earlier := filepath.Join(dir, bundle.FileName)
	require.NoError(t, os.WriteFile(earlier, []byte("an earlier model"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	c := smallConfig(config.TensorFlow)
	c.OutputDir = dir
	steps := 0
	_, err := TrainCDIModelWithBackend(ctx, smallScan(t), nil, c, spied(new(events)), WithProgress(func(p workflow.Progress) {
		if p.Stage == workflow.StageStep {
			steps++
			cancel()
		}
	}))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, steps)
	content, err := os.ReadFile(earlier)
	require.NoError(t, err)
	require.Equal(t, "an earlier model", string(content))

	// The last checkpoint is intact, and training goes on from it.
	r, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(new(events)), WithResume(dir))
	require.NoError(t, err)
	require.Equal(t, 4, r.Steps)
	require.Equal(t, 1, r.Segments[1].FromStep)
}

// TestD5ResumeIsRefusedFirst: a checkpoint that is not there or of another
// training is refused before the map is touched.
func TestD5ResumeIsRefusedFirst(t *testing.T) {
	c := smallConfig(config.TensorFlow)
	c.OutputDir = t.TempDir()
	_, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(new(events)))
	require.NoError(t, err)
	var seen events
	c.BatchSize = 3
	_, err = TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(&seen), WithResume(c.OutputDir))
	require.ErrorIs(t, err, ErrInvalidConfig)
	require.ErrorIs(t, err, workflow.ErrOtherTraining)
	require.ErrorContains(t, err, `training.batch_size is "3", it was "2"`)
	_, err = TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(&seen), WithResume(t.TempDir()))
	require.ErrorIs(t, err, workflow.ErrNoCheckpoint)
	require.Empty(t, seen)
}

// TestSeeds: the same seed gives the same numbers, another one others.
func TestSeeds(t *testing.T) {
	raw := smallScan(t)
	loss := func(seed uint64) float64 {
		c := smallConfig(config.TensorFlow)
		c.Seed = seed
		r, err := TrainCDIModelWithBackend(t.Context(), raw, nil, c, spied(new(events)))
		require.NoError(t, err)
		return r.History[1].TrainLoss
	}
	require.Equal(t, loss(1), loss(1))
	require.NotEqual(t, loss(1), loss(2))
}

// TestResultsAsJSON: run.json holds the fields that D10 promises.
func TestResultsAsJSON(t *testing.T) {
	_, _, r, err := RunCDIExampleWithBackend(t.Context(), smallScan(t), nil, smallConfig(config.PyTorch), spied(new(events)))
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, "pytorch", got["backend"])
	for _, key := range []string{"runtime", "precision", "seed", "seconds", "history", "intensity_scale", "normalization", "origin_xy"} {
		require.Contains(t, got, key)
	}
}

// variants are the choices that this version has besides its defaults.
var variants = map[string]func(*config.TrainingConfig){
	"pad_object false":             func(c *config.TrainingConfig) { c.Model.PadObject = false },
	"probe_big false":              func(c *config.TrainingConfig) { c.Model.ProbeBig = false },
	"object_big false":             func(c *config.TrainingConfig) { c.Model.ObjectBig = false },
	"swish":                        func(c *config.TrainingConfig) { c.Model.AmpActivation = "swish" },
	"softplus":                     func(c *config.TrainingConfig) { c.Model.AmpActivation = "softplus" },
	"relu":                         func(c *config.TrainingConfig) { c.Model.AmpActivation = "relu" },
	"central merge":                func(c *config.TrainingConfig) { c.Model.PatchMerge = "central" },
	"probe merge":                  func(c *config.TrainingConfig) { c.Model.PatchMerge = "probe" },
	"gridsize 2":                   func(c *config.TrainingConfig) { c.Model.Gridsize = 2 },
	"gridsize 2, reference merge":  func(c *config.TrainingConfig) { c.Model.Gridsize, c.Model.PatchMerge = 2, "reference" },
	"gridsize 2, object_big false": func(c *config.TrainingConfig) { c.Model.Gridsize, c.Model.ObjectBig = 2, false },
	"gridsize 2, three groups":     func(c *config.TrainingConfig) { c.Model.Gridsize, c.NGroups, c.SequentialSampling = 2, 3, true },
	"oversampling": func(c *config.TrainingConfig) {
		c.Model.Gridsize, c.NeighborPoolSize, c.NGroups, c.EnableOversampling = 2, 5, 7, true
	},
	"sequential_sampling":             func(c *config.TrainingConfig) { c.NGroups, c.SequentialSampling = 3, true },
	"reference merge":                 func(c *config.TrainingConfig) { c.Model.PatchMerge = "reference" },
	"mean absolute error":             func(c *config.TrainingConfig) { c.NLLWeight, c.MAEWeight = 0, 1 },
	"both losses":                     func(c *config.TrainingConfig) { c.NLLWeight, c.MAEWeight = 0.5, 0.5 },
	"intensity_scale_trainable false": func(c *config.TrainingConfig) { c.IntensityScaleTrainable = false },
	"constant rate":                   func(c *config.TrainingConfig) { c.Scheduler = "constant" },
	"exponential rate":                func(c *config.TrainingConfig) { c.Scheduler, c.SchedulerFactor = "exponential", 0.95 },
	"warm-up and cosine":              func(c *config.TrainingConfig) { c.Scheduler, c.WarmupSteps = "warmup_cosine", 1 },
	"probe_mask":                      func(c *config.TrainingConfig) { c.Model.ProbeMask = true },
	"gaussian_smoothing_sigma":        func(c *config.TrainingConfig) { c.Model.GaussianSmoothingSigma = 0.7 },
	"probe_trainable":                 func(c *config.TrainingConfig) { c.ProbeTrainable = true },
	"total variation":                 func(c *config.TrainingConfig) { c.RealspaceWeight, c.TVWeight = 100, 1 },
	"supervised, gridsize 2":          func(c *config.TrainingConfig) { c.Model.ModelType, c.Model.Gridsize = "supervised", 2 },
	"real-space MAE, gridsize 2":      func(c *config.TrainingConfig) { c.RealspaceWeight, c.RealspaceMAEWeight, c.Model.Gridsize = 100, 1, 2 },
	"real-space MAE":                  func(c *config.TrainingConfig) { c.RealspaceWeight, c.RealspaceMAEWeight = 100, 1 },
	"all losses": func(c *config.TrainingConfig) {
		c.NLLWeight, c.MAEWeight, c.RealspaceWeight, c.RealspaceMAEWeight, c.TVWeight = 0.5, 0.5, 1, 1, 1
	},
	"supervised": func(c *config.TrainingConfig) { c.Model.ModelType = "supervised" },
	"supervised without division": func(c *config.TrainingConfig) {
		c.Model.ModelType, c.Model.AmpActivation, c.RealspaceWeight, c.TVWeight = "supervised", "swish", 0.1, 1
	},
	"adamw":          func(c *config.TrainingConfig) { c.Optimizer, c.WeightDecay = "adamw", 0.01 },
	"sgd":            func(c *config.TrainingConfig) { c.Optimizer, c.GradientClipVal = "sgd", 1 },
	"norm clip":      func(c *config.TrainingConfig) { c.GradientClipVal = 10 },
	"value clip":     func(c *config.TrainingConfig) { c.GradientClipVal, c.GradientClipAlgorithm = 0.1, "value" },
	"three patterns": func(c *config.TrainingConfig) { c.NSubsample = 3 },
}

// TestVariants trains two epochs with each and sees the loss fall.
func TestVariants(t *testing.T) {
	raw := smallScan(t)
	for name, change := range variants {
		t.Run(name, func(t *testing.T) { requireTrains(t, raw, config.TensorFlow, change, spied(new(events))) })
	}
	t.Run("three probe modes", func(t *testing.T) {
		requireTrains(t, modesScan(t), config.TensorFlow, func(*config.TrainingConfig) {}, spied(new(events)))
	})
}

// TestVariantsNative does the same on both runtimes, in one step an epoch.
func TestVariantsNative(t *testing.T) {
	raw := smallScan(t)
	for _, backend := range Backends() {
		t.Run(backend, func(t *testing.T) {
			native(t, backend)
			run := func(name string, raw *dataset.Raw, change func(*config.TrainingConfig)) {
				t.Run(name, func(t *testing.T) {
					requireTrains(t, raw, backend, func(c *config.TrainingConfig) {
						c.BatchSize, c.ValidationSplit = 5, 0
						change(c)
					}, WithLogger(nil))
				})
			}
			for name, change := range variants {
				run(name, raw, change)
			}
			run("three probe modes", modesScan(t), func(c *config.TrainingConfig) { c.ProbeTrainable = true })
		})
	}
}

// modesScan is a scan with a probe of three modes that differ.
func modesScan(t *testing.T) *dataset.Raw {
	t.Helper()
	var probe []complex64
	for mode := range 3 {
		for p, v := range dataset.DefaultProbe(64) {
			probe = append(probe, v*complex(float32(mode*(p%64-32))/16+1, 0))
		}
	}
	raw, err := dataset.Simulate(dataset.SimulateOptions{Patterns: 5, N: 64, NPhotons: 1e5, Seed: 1, Probe: probe})
	require.NoError(t, err)
	return raw
}

func requireTrains(t *testing.T, raw *dataset.Raw, backend string, change func(*config.TrainingConfig), options ...Option) {
	t.Helper()
	c := smallConfig(backend)
	change(&c)
	_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, append(options, DoStitching(true))...)
	require.NoError(t, err)
	require.Less(t, r.History[1].TrainLoss, r.History[0].TrainLoss, "training lowers the loss")
	patches := r.Groups
	if !c.Model.ObjectBig {
		patches *= r.Channels
	}
	require.Equal(t, patches*64*64, len(r.ObjTensorFull))
	require.Len(t, r.NNIndices, r.Groups*r.Channels)
	require.Positive(t, r.History[1].ValidationDeviance)
	require.InDelta(t, 0.4, r.History[1].BrightShare, 0.4, "24 photons fall on a mean pixel")
	start := float32(math.Log(r.IntensityScale))
	require.Equal(t, c.IntensityScaleTrainable, float32(r.LogScale) != start, "log_scale moves where it is trained")
}
