package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// inspect runs the command and makes sure that no line but those of paths is
// wider than 80 columns.
func inspect(t *testing.T, path string) string {
	t.Helper()
	code, stdout, stderr := ptycho(t, "inspect", path)
	require.Equal(t, exitDone, code, stderr)
	for line := range strings.Lines(stdout) {
		if !strings.Contains(line, string(filepath.Separator)) {
			require.LessOrEqual(t, utf8.RuneCountInString(line), 81, line)
		}
	}
	return stdout
}

func inspectJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	code, stdout, stderr := ptycho(t, "inspect", path, "--json")
	require.Equal(t, exitDone, code, stderr)
	var found map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &found))
	return found
}

func TestInspectData(t *testing.T) {
	path := scan(t)
	said := inspect(t, path)
	for _, s := range []string{"data file", "diffraction <f4, 9 × 64 × 64", "patterns      9 of 64×64", "in a mean pattern", "probe modes   1", "metadata      scan: spiral"} {
		require.Contains(t, said, s)
	}
	require.NotContains(t, said, "problem")
	found := inspectJSON(t, path)
	require.Equal(t, "data file", found["kind"])
	s := found["scan"].(map[string]any)
	require.Equal(t, []any{9.0, 64.0, true, 1.0}, []any{s["patterns"], s["N"], s["counts"], s["probe_modes"]})
	require.InEpsilon(t, 1e5, s["mean_photons"], 0.02, "as it was simulated")
}

// TestInspectPositions: x and y are not mixed up, and what is no data file is
// shown as what it is.
func TestInspectPositions(t *testing.T) {
	pattern := make([]float32, 3*8*8)
	for i := range pattern {
		pattern[i] = float32(i%7) + 0.25
	}
	probe := make([]complex64, 64)
	for i := range probe {
		probe[i] = 1
	}
	path := filepath.Join(t.TempDir(), "own.npz")
	arrays := []npz.Array{
		{Key: "diffraction", Data: pattern, Shape: []int{3, 8, 8}},
		{Key: "probeGuess", Data: probe, Shape: []int{8, 8}},
		{Key: "ring\abell", Data: []int64{1}},
		{Key: "xcoords", Data: []float64{5, -1.5, 3}, Shape: []int{3}},
		{Key: "ycoords", Data: []float64{20, 30, 40.5}, Shape: []int{3}},
	}
	require.NoError(t, npz.Write(path, arrays...))
	said := inspect(t, path)
	require.Contains(t, said, "positions     x -1.5 … 5, y 20 … 40.5 object pixels")
	require.Contains(t, said, "unknown: the patterns are no counts")
	require.Contains(t, said, "warning ")
	require.Contains(t, said, "ring\uFFFDbell <i8, single value", "a file does nothing to the terminal")

	require.NoError(t, npz.Write(path, arrays[1:]...))
	require.Contains(t, inspect(t, path), "problem       no scan: there is neither diffraction nor diff3d")
	require.Equal(t, "arrays", inspectJSON(t, path)["kind"])

	// A scan with a fault: its arrays are shown, and the fault is the error.
	require.NoError(t, npz.Write(path, arrays[:4]...))
	code, stdout, stderr := ptycho(t, "inspect", path)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "xcoords <f8, 3")
	require.Contains(t, stderr, "ycoords")
}

// modelIn writes a bundle of a network with three weights.
func modelIn(t *testing.T, dir string) {
	t.Helper()
	c := config.Default()
	c.Training.Model.Gridsize, c.Training.Backend, c.Training.NPhotons = 2, config.PyTorch, 4.4e5
	require.NoError(t, bundle.Write(dir, bundle.Bundle{
		Manifest: bundle.Manifest{
			Backend: "pytorch", Library: "2.15.0", Program: "ptycho 9", Created: time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC),
			Constants: bundle.Constants{Normalization: 0.0123, IntensityScale: 20.729, NPhotons: 4.4e5, ProbeScale: 4, Canvas: 80},
		},
		Config: c, Params: config.LegacyParams{"N": 64},
		Weights: []safetensors.Tensor{
			{Name: "w", Shape: []int{3}, F32: []float32{1, 2, 3}},
			{Name: bundle.LogScale, Shape: []int{}, F32: []float32{3}},
			{Name: bundle.Probe, Shape: []int{2, 64, 64}, F32: make([]float32, 2*64*64)},
		},
		History: []byte("epoch,train_loss,validation_loss\n1,-3.5,-3.25\n2,-4.123456789,-4.75\n"),
	}))
}

func TestInspectModel(t *testing.T) {
	dir := t.TempDir()
	modelIn(t, dir)
	for _, path := range []string{dir, filepath.Join(dir, bundle.FileName)} {
		said := inspect(t, path)
		for _, s := range []string{
			"schema        1, read by", "trained on    pytorch 2.15.0", "program       ptycho 9", "created       2025-03-04T05:06:07Z",
			"parameters    3 of the network, in 1 arrays", "canvas        80 pixels", "nphotons 440000", "cannot go on",
			"history       2 epochs, last loss -4.12346, validation -4.75", "model.gridsize: 2", "weights.safetensors, ",
		} {
			require.Contains(t, said, s)
		}
		found := inspectJSON(t, path)
		require.Equal(t, "model", found["kind"])
		manifest := found["manifest"].(map[string]any)
		require.Equal(t, 0.0123, manifest["constants"].(map[string]any)["normalization"])
		require.Equal(t, 2.0, found["config"].(map[string]any)["model"].(map[string]any)["gridsize"])
		require.Len(t, found["weights"], 3)
	}
}

func TestInspectRun(t *testing.T) {
	dir := t.TempDir()
	modelIn(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileRun), []byte(`{
		"command": "train", "backend": "pytorch", "runtime": {"version": "2.15.0", "device": "cpu", "threads": 3, "path": "/lib/torch"},
		"precision": "float32", "groups": 7, "channels": 4, "history": [{"epoch": 1, "train_loss": -3}, {"epoch": 2, "train_loss": -4.5, "validation_loss": -4.25}],
		"inputs": [{"path": "scan.npz", "sha256": "0123456789abcdef", "patterns": 9}], "program": "ptycho 9", "finished": "2025-03-04T05:06:07Z",
		"metrics": {"phase_correlation": 0.875}, "files": ["run.json", "model.ptycho.zip", "history.csv"]}`), 0o600))
	for _, path := range []string{dir, filepath.Join(dir, fileRun)} {
		said := inspect(t, path)
		for _, s := range []string{
			"command       train, finished 2025-03-04T05:06:07Z", "backend       pytorch 2.15.0 on cpu, 3 threads, float32",
			"data          scan.npz", "9 patterns, sha256 0123456789ab…", "groups        7 of 4 patterns",
			"epochs        2", "loss -4.5, validation -4.25", "phase correlation 0.875", "missing       history.csv",
		} {
			require.Contains(t, said, s)
		}
		found := inspectJSON(t, path)
		require.Equal(t, "run", found["kind"])
		require.Equal(t, "train", found["run"].(map[string]any)["command"])
		require.Equal(t, []any{"history.csv"}, found["missing"])
	}
}

func TestInspectRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.Mkdir(empty, 0o750))
	for path, says := range map[string]string{
		filepath.Join(dir, "none"):      "none",
		empty:                           "holds neither run.json, as the directory of a run does, nor model.ptycho.zip, nor checkpoints",
		write("a.txt", "text"):          "is neither a data file (NPZ) nor a model",
		write("b.npz", "text"):          "b.npz",
		write("c.zip", "text"):          "not a model bundle",
		write("run1/run.json", "{"):     "no record of a run",
		write("run2/run.json", "{}"):    `missing key "backend"`,
		write("run3/run.json", `null`):  `missing key "backend"`,
		write("run4/run.json", `[1,2]`): "no record of a run",
	} {
		code, stdout, stderr := ptycho(t, "inspect", path)
		want := exitFailed
		if !exists(path) {
			want = exitUsage
		}
		require.Equal(t, want, code, stderr)
		require.Empty(t, stdout)
		require.True(t, strings.HasPrefix(stderr, "ptycho: inspect: "), stderr)
		require.Contains(t, stderr, says)
	}
	code, _, stderr := ptycho(t, "inspect")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "found 0 arguments")
}

// TestInspectCheckpoints: a run that was stopped, its directory of checkpoints,
// one of them, and a run that has ended say where the training stood. 9
// patterns of which ⌊0.3·9⌋ = 2 are held back make batches of 4 and 3: two
// steps an epoch.
func TestInspectCheckpoints(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	t.Chdir(t.TempDir())
	code, _, stderr := ptycho(t, append([]string{"train", "--train-data-file", path, "--output-dir", "out", "--validation-split", "0.3"}, small...)...)
	require.Equal(t, exitDone, code, stderr)
	rows := history(model(t, "out").History)
	lowest := 0
	if a, b := parsed(t, rows[0]["validation_loss"]), parsed(t, rows[1]["validation_loss"]); b < a {
		lowest = 1
	}
	requireCheckpoints := func(all []any) {
		t.Helper()
		require.Len(t, all, 2)
		for i, c := range all { // the newest first
			c := c.(map[string]any)
			epoch := 2 - i
			require.Equal(t, fmt.Sprintf("epoch-%04d.ptycho.zip", epoch), c["file"])
			require.Equal(t, []any{2.0 * float64(epoch), float64(epoch), 0.0}, []any{c["steps"], c["epochs"], c["batches"]})
			require.Equal(t, parsed(t, rows[epoch-1]["validation_loss"]), c["validation_loss"])
			require.Equal(t, epoch == lowest+1, c["best"])
			info, err := os.Stat(filepath.Join("out", dirCheckpoints, c["file"].(string)))
			require.NoError(t, err)
			require.EqualValues(t, info.Size(), c["bytes"])
		}
	}
	line := regexp.MustCompile(`(?m)^epoch-0002\.ptycho\.zip +4 +2 +-?[\d.]+ +[\d.]+ kB( best)?$`)
	require.Regexp(t, line, inspect(t, "out"))
	requireCheckpoints(inspectJSON(t, "out")["checkpoints"].([]any))

	require.NoError(t, os.Remove(filepath.Join("out", fileRun)))
	require.NoError(t, os.Remove(filepath.Join("out", fileBundle)))
	for _, place := range []string{"out", filepath.Join("out", dirCheckpoints)} {
		require.Regexp(t, line, inspect(t, place))
		found := inspectJSON(t, place)
		require.Equal(t, "checkpoints", found["kind"])
		requireCheckpoints(found["checkpoints"].([]any))
	}

	first := filepath.Join("out", dirCheckpoints, "epoch-0001.ptycho.zip")
	require.Contains(t, inspect(t, first), "training      can go on: 2 steps, 1 epochs, validation ")
	found := inspectJSON(t, first)
	require.Equal(t, "checkpoint", found["kind"])
	require.Equal(t, 2.0, found["checkpoint"].(map[string]any)["steps"])

	require.NoError(t, os.WriteFile(first, []byte("PK"), 0o600))
	require.Contains(t, inspect(t, "out"), "epoch-0001.ptycho.zip cannot be read: ")
	damaged := inspectJSON(t, "out")["checkpoints"].([]any)[1].(map[string]any)
	require.Contains(t, damaged["problem"], "damaged model bundle")
}

func parsed(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}
