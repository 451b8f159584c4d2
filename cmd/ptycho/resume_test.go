package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/selector"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// other is the other backend.
func other(name string) string {
	for _, b := range selector.Backends() {
		if b != name {
			return b
		}
	}
	return ""
}

func model(t *testing.T, dir string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Read(dir)
	require.NoError(t, err)
	return b
}

func segmentsOf(t *testing.T, dir string) []workflow.Segment {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, fileRun))
	require.NoError(t, err)
	var run struct{ Segments []workflow.Segment }
	require.NoError(t, json.Unmarshal(content, &run))
	return run.Segments
}

// TestResume: a run that Ctrl-C stopped keeps its directory and says how to go
// on; resumed, it has all files, and weights and history are, to the bit,
// those of a run that was not stopped. More epochs then go on on the other
// backend.
func TestResume(t *testing.T) {
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) {
			requireBackend(t, name)
			path := scan(t)
			t.Chdir(t.TempDir())
			arguments := append([]string{"run", "--train-data-file", path, "--backend", name}, small...)
			code, _, stderr := ptycho(t, append(arguments, "--output-dir", "straight")...)
			require.Equal(t, exitDone, code, stderr)
			code, stdout, stderr := interrupted(t, "epoch   1/", append(arguments, "--output-dir", "stopped")...)
			require.Equal(t, exitInterrupted, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, "resume with: ptycho run --resume stopped")
			require.NoFileExists(t, filepath.Join("stopped", fileRun))

			code, stdout, stderr = ptycho(t, "run", "--resume", "stopped")
			require.Equal(t, exitDone, code, stderr)
			require.NotContains(t, stderr, "epoch   1/")
			requireRun(t, "stopped", name, stdout)
			require.Equal(t, losses(t, "straight"), losses(t, "stopped"))
			require.Equal(t, model(t, "straight").Weights, model(t, "stopped").Weights)
			straight, err := os.ReadFile(filepath.Join("straight", fileReconstruction))
			require.NoError(t, err)
			stopped, err := os.ReadFile(filepath.Join("stopped", fileReconstruction))
			require.NoError(t, err)
			require.Equal(t, straight, stopped)
			require.Len(t, segmentsOf(t, "straight"), 1)
			require.Len(t, segmentsOf(t, "stopped"), 2)

			requireBackend(t, other(name))
			code, _, stderr = ptycho(t, "run", "--resume", "stopped", "--backend", other(name), "--nepochs", "3")
			require.Equal(t, exitDone, code, stderr)
			require.Contains(t, stderr, "epoch   3/3")
			s := segmentsOf(t, "stopped")
			require.Len(t, s, 3)
			require.Equal(t, []string{name, name, other(name)}, []string{s[0].Backend, s[1].Backend, s[2].Backend})
			require.Equal(t, s[1].ToStep, s[2].FromStep)
			require.Equal(t, other(name), model(t, "stopped").Manifest.Backend)
			require.Len(t, losses(t, "stopped"), 4, "a line of names and 3 epochs")
		})
	}
}

// TestResumeSimulated: the data that a run has simulated are in its directory,
// wherever that has been moved to.
func TestResumeSimulated(t *testing.T) {
	requireBackend(t, "tensorflow")
	t.Chdir(t.TempDir())
	code, _, stderr := interrupted(t, "epoch   1/", "run", "--output-dir", "here", "--n-filters-scale", "0.25", "--nepochs", "2", "--batch-size", "64")
	require.Equal(t, exitInterrupted, code, stderr)
	require.NoError(t, os.Rename("here", "there"))
	code, _, stderr = ptycho(t, "run", "--resume", "there")
	require.Equal(t, exitDone, code, stderr)
	require.FileExists(t, filepath.Join("there", fileRun))
	require.NoDirExists(t, "here")
}

// TestResumeRefuses: what would make another training of it, and what is no
// run; nothing is written.
func TestResumeRefuses(t *testing.T) {
	requireBackend(t, "tensorflow")
	path, second := scan(t), filepath.Join(t.TempDir(), "second.npz")
	code, _, stderr := ptycho(t, "simulate", "--output", second, "--patterns", "9", "--nphotons", "1e5", "--seed", "9")
	require.Equal(t, exitDone, code, stderr)
	t.Chdir(t.TempDir())
	code, _, _ = interrupted(t, "epoch   1/", append([]string{"run", "--train-data-file", path, "--output-dir", "stopped"}, small...)...)
	require.Equal(t, exitInterrupted, code)
	before, err := os.ReadFile(filepath.Join("stopped", fileConfig))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join("empty", dirCheckpoints), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join("empty", fileConfig), before, 0o600))
	for _, c := range []struct {
		code int
		says []string
		args []string
	}{
		{exitUsage, []string{"training.batch_size", `"5"`, `"4"`, "training.seed"}, []string{"--resume", "stopped", "--batch-size", "5", "--seed", "3"}},
		{exitUsage, []string{"second.npz", "are not those", "sha256"}, []string{"--resume", "stopped", "--train-data-file", second}},
		{exitUsage, []string{"--force does not go with --resume"}, []string{"--resume", "stopped", "--force"}},
		{exitUsage, []string{"--config does not go with --resume"}, []string{"--resume", "stopped", "--config", "x.yaml"}},
		{exitUsage, []string{"output_dir does not go"}, []string{"--resume", "stopped", "--output-dir", "y"}},
		{exitUsage, []string{"output_dir does not go"}, []string{"--resume", "stopped", "--set", "output_dir=y"}},
		{exitUsage, []string{"nowhere", "no directory of a run"}, []string{"--resume", "nowhere"}},
		{exitUsage, []string{"names no directory"}, []string{"--resume", ""}},
		{exitFailed, []string{"no checkpoint", "empty"}, []string{"--resume", "empty"}},
	} {
		code, stdout, stderr := ptycho(t, append([]string{"run"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		require.Empty(t, stdout)
		for _, s := range c.says {
			require.Contains(t, stderr, s)
		}
	}
	after, err := os.ReadFile(filepath.Join("stopped", fileConfig))
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoDirExists(t, "y")

	_, err = newDirectory("stopped", false, true, nil)
	require.ErrorContains(t, err, "resume with: ptycho run --resume stopped", "--force does not remove it")
}

// TestForceWithCheckpoints: checkpoints are a run's own files, others in their
// directory are not.
func TestForceWithCheckpoints(t *testing.T) {
	own := earlier(t, fileRun)
	checkpoints := filepath.Join(own, dirCheckpoints)
	require.NoError(t, os.Mkdir(checkpoints, 0o750))
	for _, name := range []string{"epoch-0001.ptycho.zip", "best.json", ".epoch-0002.ptycho.zip123"} {
		require.NoError(t, os.WriteFile(filepath.Join(checkpoints, name), nil, 0o600))
	}
	d, err := newDirectory(own, false, true, nil)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(d.file(dirCheckpoints), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(d.file(dirCheckpoints), "best.json"), nil, 0o600))
	require.NoError(t, d.undo(), "its own checkpoints go")
	require.FileExists(t, filepath.Join(checkpoints, "epoch-0001.ptycho.zip"))

	require.NoError(t, os.WriteFile(filepath.Join(checkpoints, "thesis.tex"), nil, 0o600))
	_, err = newDirectory(own, false, true, nil)
	require.ErrorContains(t, err, "holds thesis.tex, which is no checkpoint")
	mine := &directory{path: own}
	require.Error(t, mine.undo())
	require.FileExists(t, filepath.Join(checkpoints, "thesis.tex"), "only checkpoints are removed")
}

// TestResumeTrain: train goes on as run does and reconstructs nothing; run goes
// on with a training of train, to the bit too, and reconstructs; train goes on
// with a run that was stopped, but not beside a reconstruction, which would be
// that of another model.
func TestResumeTrain(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	t.Chdir(t.TempDir())
	with := func(command string, more ...string) []string {
		return append(append([]string{command, "--train-data-file", path}, small...), more...)
	}
	code, _, stderr := ptycho(t, with("run", "--output-dir", "straight")...)
	require.Equal(t, exitDone, code, stderr)
	stop := func(command, directory string) {
		code, stdout, stderr := interrupted(t, "epoch   1/", with(command, "--output-dir", directory)...)
		require.Equal(t, exitInterrupted, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "; resume with: ptycho "+command+" --resume "+word(directory)+"\n")
	}
	stop("train", "a training")
	code, stdout, stderr := ptycho(t, "train", "--resume", "a training")
	require.Equal(t, exitDone, code, stderr)
	require.NotContains(t, stdout, "prediction")
	require.Equal(t, "train", readRun(t, "a training").Command)
	require.NoFileExists(t, filepath.Join("a training", fileReconstruction))

	// Nothing is left to train: run reconstructs with the model that is there.
	code, stdout, stderr = ptycho(t, "run", "--resume", "a training")
	require.Equal(t, exitDone, code, stderr)
	require.NotContains(t, stderr, "epoch ")
	requireRun(t, "a training", "tensorflow", stdout)

	stop("run", "stopped")
	code, _, stderr = ptycho(t, "train", "--resume", "stopped")
	require.Equal(t, exitDone, code, stderr)
	for _, directory := range []string{"a training", "stopped"} {
		require.Equal(t, losses(t, "straight"), losses(t, directory))
		require.Equal(t, model(t, "straight").Weights, model(t, directory).Weights)
	}
	want, _ := array[complex64](t, filepath.Join("straight", fileReconstruction), "object")
	object, _ := array[complex64](t, filepath.Join("a training", fileReconstruction), "object")
	require.Equal(t, want, object)

	before, err := os.ReadFile(filepath.Join("straight", fileRun))
	require.NoError(t, err)
	code, stdout, stderr = ptycho(t, "train", "--resume", "straight", "--nepochs", "3")
	require.Equal(t, exitUsage, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "straight holds reconstruction.npz")
	require.Contains(t, stderr, "go on with: ptycho run --resume straight")
	after, err := os.ReadFile(filepath.Join("straight", fileRun))
	require.NoError(t, err)
	require.Equal(t, before, after)

	for _, inside := range []string{dirCheckpoints, filepath.Join(dirCheckpoints, "epoch-0001.ptycho.zip"), fileBundle} {
		code, _, stderr = ptycho(t, "train", "--resume", filepath.Join("stopped", inside))
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, inside+" is no directory of a run; that of the run is stopped: ")
	}
}

func TestWord(t *testing.T) {
	for text, want := range map[string]string{"out/1": "out/1", "été_2": "été_2", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'"} {
		require.Equal(t, want, word(text))
	}
}
