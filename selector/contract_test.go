package selector

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// Tests of the contract's promises that are about no single function; the
// table in docs/contract.md has them all.

// TestD1Options: M, the turns and the weighting of stitching reach the results;
// without options nothing is stitched and M is 20·N/64.
func TestD1Options(t *testing.T) {
	raw := smallScan(t)
	run := func(options ...Option) *workflow.Results {
		c := smallConfig(config.TensorFlow)
		c.NEpochs = 1
		_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, append(options, spied(new(events)))...)
		require.NoError(t, err)
		return r
	}
	require.False(t, run().Reconstruction.DoStitching)
	usual, twenty := run(DoStitching(true)), run(DoStitching(true), M(20))
	require.Equal(t, usual.Object, twenty.Object, "M is 20 at N = 64")
	require.NotEqual(t, usual.Object.Rows, run(DoStitching(true), M(30)).Object.Rows)
	for name, turn := range map[string]Option{"flip x": FlipX(true), "flip y": FlipY(true), "transpose": Transpose(true)} {
		turned := run(DoStitching(true), turn)
		require.Equal(t, []int{usual.Object.Rows, usual.Object.Cols}, []int{turned.Object.Rows, turned.Object.Cols}, "%s: positions stay", name)
		require.NotEqual(t, usual.Object.Data, turned.Object.Data, name)
		require.Equal(t, usual.ObjTensorFull, turned.ObjTensorFull, "%s changes how patches are placed only", name)
	}
}

// TestD3Load: the name is diffraction_to_obj where there is none, autoencoder
// gives λ too, and the caller closes the backend with the model.
func TestD3Load(t *testing.T) {
	raw, dir := smallScan(t), t.TempDir()
	trainedIn(t, dir, func(*config.TrainingConfig) {})
	for name, intensities := range map[string]int{"": 0, workflow.DiffractionToObject: 0, workflow.Autoencoder: 5 * 64 * 64} {
		for _, path := range []string{dir, filepath.Join(dir, bundle.FileName)} {
			var seen events
			m, _, err := LoadInferenceBundleWithBackend(t.Context(), path, smallInference(config.TensorFlow), name, spied(&seen))
			require.NoError(t, err)
			require.Regexp(t, "^("+workflow.DiffractionToObject+"|"+workflow.Autoencoder+")$", m.Name())
			p, err := m.Predict(t.Context(), raw)
			require.NoError(t, err)
			require.Len(t, p.Patches, 5*64*64)
			require.Len(t, p.Intensity, intensities)
			require.NotContains(t, seen, "close tensorflow")
			require.NoError(t, m.Close())
			require.Equal(t, "close tensorflow", seen[len(seen)-1])
		}
	}
	// The bundle's model wins, and what is asked for is compared with it.
	i := smallInference(config.TensorFlow)
	i.Model.AmpActivation = "swish"
	_, _, err := LoadInferenceBundleWithBackend(t.Context(), dir, i, "", spied(new(events)))
	require.ErrorContains(t, err, "model.amp_activation is swish in the configuration and sigmoid in the bundle")
}

// TestD9AutoIsTold: only auto chooses; the choice is logged and recorded. A
// device by name is neither changed nor spoken of.
func TestD9AutoIsTold(t *testing.T) {
	for device, told := range map[string]bool{"auto": true, "cpu": false} {
		var seen events
		e := config.DefaultExecution()
		e.Device = device
		r, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, smallConfig(config.PyTorch), spied(&seen), WithExecution(e))
		require.NoError(t, err)
		require.Equal(t, "cpu", r.Info.Device, "D10")
		require.Equal(t, told, strings.Contains(strings.Join(seen, "\n"), `msg="device chosen" backend=pytorch device=cpu`))
	}
}

// TestD10Results: backend, library, device, precision, seed, threads and times
// are in the results and in their JSON, on every success.
func TestD10Results(t *testing.T) {
	for _, name := range Backends() {
		c := smallConfig(name)
		c.Seed = 7
		r, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(new(events)))
		require.NoError(t, err)
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var got struct {
			Backend   string
			Runtime   map[string]any
			Precision string
			Seed      uint64
			Seconds   map[string]float64
		}
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, []any{name, "float32", uint64(7)}, []any{got.Backend, got.Precision, got.Seed})
		require.Equal(t, r.Info.Backend, name)
		for _, value := range []any{"fake", "nowhere", "cpu", float64(1)} { // of the fake: version, path, device, threads
			require.Contains(t, values(got.Runtime), value)
		}
		for _, stage := range []string{"open", "train", "total"} {
			require.Positive(t, got.Seconds[stage], stage)
		}
	}
}

func values(m map[string]any) []any {
	var out []any
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// TestD12LogLines: on all three paths one INFO line each says "params
// synchronized", "routing" and "complete" with the backend as an attribute; both
// backends say the same, and no text tells a time, a path or a host.
func TestD12LogLines(t *testing.T) {
	dir := t.TempDir()
	trainedIn(t, dir, func(*config.TrainingConfig) {})
	host, err := os.Hostname()
	require.NoError(t, err)
	lines := func(backend, name string) []string {
		var seen recorder
		require.NoError(t, paths(t, smallConfig(backend), dir)[name](spied(new(events)), WithLogger(slog.New(&seen))))
		var all []string
		for _, r := range seen {
			require.NotRegexp(t, `[0-9/\\]|`+regexp.QuoteMeta(host), r.Message)
			of := ""
			r.Attrs(func(a slog.Attr) bool {
				if a.Key == "backend" {
					of = a.Value.String()
				}
				return true
			})
			all = append(all, fmt.Sprintf("%s %s %s", r.Level, r.Message, strings.Replace(of, backend, "BACKEND", 1)))
		}
		return all
	}
	for name := range paths(t, smallConfig(config.PyTorch), dir) {
		got := lines(config.TensorFlow, name)
		require.Equal(t, got, lines(config.PyTorch, name))
		for _, message := range []string{"params synchronized", "routing", "complete"} {
			count := 0
			for _, line := range got {
				if line == "INFO "+message+" BACKEND" {
					count++
				}
			}
			require.Equal(t, 1, count, "%s, %s: %q", name, message, got)
		}
	}
}

// recorder keeps log records.
type recorder []slog.Record

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	*r = append(*r, record)
	return nil
}
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *recorder) WithGroup(string) slog.Handler      { return r }

// TestD13WrittenByBoth: either backend writes the same members under the same
// names, and nothing else, before success is told; where that fails, so does the
// call.
func TestD13WrittenByBoth(t *testing.T) {
	members := map[string][]string{}
	for _, name := range Backends() {
		dir := filepath.Join(t.TempDir(), "new", "directory")
		var seen events
		c := smallConfig(name)
		c.OutputDir, c.CheckpointEvery = dir, 0
		r, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(&seen), WithLogger(nil), WithProgress(func(p workflow.Progress) {
			_, err := os.Stat(filepath.Join(dir, bundle.FileName))
			require.ErrorIs(t, err, os.ErrNotExist, "not before training has ended")
		}))
		require.NoError(t, err)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		archive, err := zip.OpenReader(r.BundlePath)
		require.NoError(t, err)
		for _, f := range archive.File {
			members[name] = append(members[name], f.Name)
		}
		require.NoError(t, archive.Close())
	}
	require.Equal(t, members[config.TensorFlow], members[config.PyTorch])
	require.Contains(t, members[config.PyTorch], "weights.safetensors")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	var seen events
	c := smallConfig(config.PyTorch)
	c.OutputDir = file
	_, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(&seen), WithProgress(func(workflow.Progress) {
		t.Error("nothing is trained where nothing can be kept")
	}))
	require.ErrorContains(t, err, "output_dir: mkdir "+file)
	require.NotContains(t, strings.Join(seen, "\n"), "complete")
}

// TestD14FormatOfBoth: the weights that either backend stores have the same
// names, shapes and dtypes, and begin from the same numbers.
func TestD14FormatOfBoth(t *testing.T) {
	read := func(backend string) *bundle.Bundle {
		dir := t.TempDir()
		trainedIn(t, dir, func(c *config.TrainingConfig) { c.Backend, c.Model.Gridsize = backend, 2 })
		b, err := bundle.Read(dir)
		require.NoError(t, err)
		return b
	}
	a, b := read(config.TensorFlow), read(config.PyTorch)
	require.Equal(t, a.Weights, b.Weights, "behind both stands one fake")
	require.Equal(t, []string{config.TensorFlow, config.PyTorch}, []string{a.Manifest.Backend, b.Manifest.Backend})
}

// TestD14ResumeOnTheOtherFake: what one backend has begun and was cancelled in
// (D15) the other goes on with, in both directions, and the results say who did which steps.
func TestD14ResumeOnTheOtherFake(t *testing.T) {
	names := Backends()
	for i, first := range names {
		second := names[1-i]
		c := smallConfig(first)
		c.OutputDir = t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		steps := 0
		_, err := TrainCDIModelWithBackend(ctx, smallScan(t), nil, c, spied(new(events)), WithProgress(func(p workflow.Progress) {
			if p.Stage != workflow.StageStep {
				return
			}
			if steps++; steps == 3 {
				cancel()
			}
		}))
		require.ErrorIs(t, err, context.Canceled, "D15")
		c.Backend = second
		r, err := TrainCDIModelWithBackend(t.Context(), smallScan(t), nil, c, spied(new(events)), WithResume(c.OutputDir))
		require.NoError(t, err)
		require.Equal(t, second, r.Backend, "D10")
		require.Len(t, r.Segments, 2)
		require.Equal(t, []any{first, 0, 3}, []any{r.Segments[0].Backend, r.Segments[0].FromStep, r.Segments[0].ToStep})
		require.Equal(t, []any{second, 3, 4}, []any{r.Segments[1].Backend, r.Segments[1].FromStep, r.Segments[1].ToStep})
	}
}

// TestD15EveryPath: a context that is cancelled while patches are predicted ends
// that at the next batch and leaves the model that was trained; one that is
// cancelled before loading opens nothing. The error wraps ctx.Err() each time.
func TestD15EveryPath(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := smallConfig(config.PyTorch)
	c.OutputDir, c.NEpochs = t.TempDir(), 1
	predicted := 0
	amplitude, phase, r, err := RunCDIExampleWithBackend(ctx, smallScan(t), nil, c, spied(new(events)), DoStitching(true), WithProgress(func(p workflow.Progress) {
		if p.Stage == workflow.StagePredict {
			predicted++
			cancel()
		}
	}))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, predicted, "of 3 batches")
	require.Nil(t, amplitude)
	require.Nil(t, phase)
	require.Nil(t, r)
	_, err = bundle.Read(c.OutputDir)
	require.NoError(t, err)

	var seen events
	_, _, err = LoadInferenceBundleWithBackend(ctx, c.OutputDir, smallInference(config.PyTorch), "", spied(&seen))
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, seen, "open pytorch")

	m, _, err := LoadInferenceBundleWithBackend(t.Context(), c.OutputDir, smallInference(config.PyTorch), "", spied(new(events)))
	require.NoError(t, err)
	_, err = m.Predict(ctx, smallScan(t))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, m.Close())
}
