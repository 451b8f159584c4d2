package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/selector"
)

// ptycho runs a command line.
func ptycho(t *testing.T, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	return ptychoIn(t.Context(), arguments...)
}

func ptychoIn(ctx context.Context, arguments ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(ctx, arguments, &out, &errs)
	return code, out.String(), errs.String()
}

// requireBackend skips a test that needs a runtime which is not here.
func requireBackend(t *testing.T, name string) {
	t.Helper()
	required := os.Getenv("PTYCHO_REQUIRE_NATIVE") != "" // read first: go test's cache then knows of it
	b, err := selector.Open(name, bridge.Options{})
	if errors.Is(err, bridge.ErrUnavailable) && !required {
		t.Skipf("%s is missing: %v", name, err)
	}
	require.NoError(t, err)
	require.NoError(t, b.Close())
}

// scan writes a small scan and gives its path.
func scan(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scan.npz")
	code, stdout, stderr := ptycho(t, "simulate", "--output", path, "--patterns", "9", "--nphotons", "1e5", "--object", "siemens", "--scan", "spiral")
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, "wrote "+path+": 9 patterns of 64×64")
	return path
}

// small are settings with which a run takes a second.
var small = []string{"--n-filters-scale", "0.25", "--nepochs", "2", "--batch_size=4", "--threads", "2", "--warmup-steps", "2"}

func TestHelpAndVersion(t *testing.T) {
	code, stdout, stderr := ptycho(t, "--help")
	require.Equal(t, exitDone, code)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "simulate")
	code, stdout, _ = ptycho(t, "version")
	require.Equal(t, exitDone, code)
	require.True(t, strings.HasPrefix(stdout, "ptycho "), stdout)
}

// TestUsage: faults of the command line have the exit code 2, a sentence on
// stderr that says what is wrong, and make nothing.
func TestUsage(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	file := filepath.Join(dir, "run.yaml")
	require.NoError(t, os.WriteFile(file, []byte("training:\n  batch_size: 0\n  colour: red\n"), 0o600))
	for _, c := range []struct {
		says []string
		args []string
	}{
		{[]string{"dance", "--help"}, []string{"dance"}},
		{[]string{"--flag=false"}, []string{"run", "--pad-object", "false"}},
		{[]string{"training.positions_provided", "false", "not supported"}, []string{"run", "--positions-provided=false"}},
		{[]string{"execution.threads", "-4"}, []string{"doctor", "--threads", "-4"}},
		{[]string{"training.n_groups", "-5"}, []string{"run", "--n-images", "-5"}},
		{[]string{"scan.npz"}, []string{"run", "scan.npz"}},
		{[]string{"--dance"}, []string{"run", "--dance"}},
		{[]string{"training.batch_size", "many"}, []string{"run", "--batch-size", "many"}},
		{[]string{"training.batch_size", "model.gridsize"}, []string{"run", "--batch-size", "0", "--set", "gridsize=-1"}},
		{[]string{"run.yaml:2", "batch_size", "run.yaml:3", "colour"}, []string{"run", "--config", file}},
		{[]string{"--set batch_size", "key=value"}, []string{"run", "--set", "batch_size"}},
		{[]string{`Invalid backend: "jax". TrainingConfig.backend must be 'tensorflow' or 'pytorch'.`}, []string{"run", "--backend", "jax"}},
		{[]string{"training.neighbor_count", "gridsize²"}, []string{"run", "--gridsize", "3"}},
		{[]string{"positions_provided", "false", "not supported"}, []string{"run", "--set", "positions_provided=false"}},
		{[]string{`preset is "quick", allowed: fast, balanced, reference`, "training.batch_size"}, []string{"run", "--preset", "quick", "--batch-size", "0"}},
		{[]string{"--preset does not go with --resume"}, []string{"run", "--preset", "fast", "--resume", "somewhere"}},
		{[]string{"object", "moon"}, []string{"simulate", "--object", "moon"}},
		{[]string{"probe", "laser"}, []string{"simulate", "--probe", "laser"}},
	} {
		code, stdout, stderr := ptycho(t, c.args...)
		require.Equal(t, exitUsage, code, "%v: %s", c.args, stderr)
		require.Empty(t, stdout)
		require.True(t, strings.HasPrefix(stderr, "ptycho: "), stderr)
		for _, s := range c.says {
			require.Contains(t, stderr, s)
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing was made")
}

// TestBadData: a data file with a fault has the exit code 1, one that is not
// there 2, and the error names file, key, found and expected.
func TestBadData(t *testing.T) {
	requireBackend(t, "tensorflow")
	t.Chdir(t.TempDir())
	code, _, stderr := ptycho(t, "run", "--train-data-file", "nowhere.npz")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "nowhere.npz")
	require.NoError(t, os.WriteFile("text.npz", []byte("no archive"), 0o600))
	code, _, stderr = ptycho(t, "run", "--train-data-file", "text.npz")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "text.npz")
	path := scan(t)
	code, _, stderr = ptycho(t, append([]string{"run", "--train-data-file", path, "--N", "128", "--n-filters-scale", "2"}, small[2:]...)...)
	require.Equal(t, exitUsage, code, "settings and data do not agree")
	require.Contains(t, stderr, "patterns are 64×64; expected 128×128")
	require.NoDirExists(t, "training_outputs/1", "a run that failed leaves no directory")
}

func TestSimulateOverwritesNothing(t *testing.T) {
	path := scan(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	code, _, stderr := ptycho(t, "simulate", "--output", path)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "exists; nothing is overwritten")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	code, stdout, _ := ptycho(t, "simulate", "--output", path, "--force", "--patterns", "4", "--json")
	require.Equal(t, exitDone, code)
	var said map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &said))
	require.EqualValues(t, 4, said["patterns"])
}

// TestSimulateForms: every object, scan and probe makes a file that says what
// it holds.
func TestSimulateForms(t *testing.T) {
	dir := t.TempDir()
	for i, object := range dataset.SimulatedObjects() {
		path := filepath.Join(dir, object+".npz")
		scan := dataset.SimulatedScans()[i%3]
		probe := dataset.SimulatedProbes()[i%2]
		code, _, stderr := ptycho(t, "simulate", "-o", path, "--patterns", "5", "--nphotons", "1e5", "--object", object, "--scan", scan, "--probe", probe)
		require.Equal(t, exitDone, code, stderr)
		raw, err := dataset.Load(path, dataset.Options{})
		require.NoError(t, err)
		require.Equal(t, []any{object, scan, probe}, []any{raw.Metadata["object"], raw.Metadata["scan"], raw.Metadata["probe"]})
	}
}

func TestUnavailable(t *testing.T) {
	for _, name := range selector.Backends() {
		if b, err := selector.Open(name, bridge.Options{}); err == nil {
			require.NoError(t, b.Close())
			continue
		}
		t.Chdir(t.TempDir())
		code, _, stderr := ptycho(t, append([]string{"run", "--backend", name}, small...)...)
		require.Equal(t, exitUnavailable, code, stderr)
		require.Contains(t, stderr, " backend selected")
		modelIn(t, ".")
		code, _, stderr = ptycho(t, "infer", "--backend", name, "--model-path", ".", "--test-data-file", "scan.npz")
		require.Equal(t, exitUnavailable, code, stderr)
		require.Contains(t, stderr, " backend selected")
		require.NoDirExists(t, "training_outputs/1")
	}
}

// TestRelativeCache: a runtime that is missing because the cache is not an
// absolute path is not only missing.
func TestRelativeCache(t *testing.T) {
	t.Setenv("PTYCHO_CACHE", "own")
	err := notLookedIn(fmt.Errorf("no library: %w", bridge.ErrUnavailable))
	require.ErrorContains(t, err, "the cache own is a relative path")
	require.ErrorIs(t, err, bridge.ErrUnavailable)
	require.EqualError(t, notLookedIn(os.ErrExist), os.ErrExist.Error())
	t.Setenv("PTYCHO_CACHE", t.TempDir())
	require.EqualError(t, notLookedIn(bridge.ErrUnavailable), bridge.ErrUnavailable.Error())
}

func TestDoctor(t *testing.T) {
	code, stdout, _ := ptycho(t, "doctor", "--json")
	var said struct {
		GPUs     gpuFinding `json:"gpus"`
		Runtimes []finding  `json:"runtimes"`
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &said))
	require.Equal(t, len(said.GPUs.Devices) == 0, said.GPUs.Problem != "", "GPUs, or why there are none")
	require.Len(t, said.Runtimes, 2)
	usable := 0
	for _, f := range said.Runtimes {
		if f.Usable {
			usable++
			require.Len(t, f.SHA256, 64)
			require.NotEmpty(t, f.Runtime.Version)
		} else {
			require.NotEmpty(t, f.Problem)
		}
	}
	require.Equal(t, usable > 0, code == exitDone)
	if usable == 0 {
		require.Equal(t, exitUnavailable, code)
	}
	if os.Getenv("PTYCHO_REQUIRE_NATIVE") == "" && usable < 2 {
		t.Skip("TensorFlow or LibTorch is missing")
	}
	code, stdout, _ = ptycho(t, "doctor")
	require.Equal(t, usable > 0, code == exitDone)
	require.Contains(t, stdout, "tensorflow:")
	require.Contains(t, stdout, "pytorch:")
}

// TestDoctorTellsGPUs: a line each, or why there are none.
func TestDoctorTellsGPUs(t *testing.T) {
	var text strings.Builder
	gpuFinding{Problem: "there is no NVIDIA driver"}.print(&text)
	gpuFinding{Devices: []gpu{{"cuda:0", "Big", 80000}, {"cuda:1", "Small", 8000}}}.print(&text)
	require.Equal(t, "no GPU: there is no NVIDIA driver\ncuda:0: Big, 80000 MB\ncuda:1: Small, 8000 MB\n", text.String())
}

// TestRun: every file is there, names what it was made from, and the next run
// replaces nothing.
func TestRun(t *testing.T) {
	for _, name := range selector.Backends() {
		t.Run(name, func(t *testing.T) {
			requireBackend(t, name)
			path := scan(t)
			t.Chdir(t.TempDir())
			arguments := append([]string{"run", "--train-data-file", path, "--backend", name}, small...)
			code, stdout, stderr := ptycho(t, arguments...)
			require.Equal(t, exitDone, code, stderr)
			require.Contains(t, stdout, "phase correlation")
			require.Contains(t, stderr, "epoch   2/2")
			dir := filepath.Join("training_outputs", "1")
			requireRun(t, dir, name, stdout)

			code, _, _ = ptycho(t, append(arguments, "--quiet")...)
			require.Equal(t, exitDone, code)
			require.DirExists(t, filepath.Join("training_outputs", "2"))

			// The effective configuration reproduces the run.
			code, _, stderr = ptycho(t, "run", "--config", filepath.Join(dir, fileConfig), "--output-dir", "again")
			require.Equal(t, exitDone, code, stderr)
			require.Equal(t, losses(t, dir), losses(t, "again"))

			code, _, stderr = ptycho(t, append(arguments, "--output-dir", "again")...)
			require.Equal(t, exitUsage, code)
			require.Contains(t, stderr, "again is not empty; nothing is overwritten")
			code, _, stderr = ptycho(t, append(arguments, "--output-dir", "again", "--force", "--seed", "7")...)
			require.Equal(t, exitDone, code, stderr)
			require.NotEqual(t, losses(t, dir), losses(t, "again"))
			require.NoDirExists(t, "again.replaced")
		})
	}
}

func requireRun(t *testing.T, dir, backend, stdout string) {
	t.Helper()
	for _, name := range outputs {
		if name != fileSimulated && name != filePredictions {
			require.FileExists(t, filepath.Join(dir, name))
			require.Contains(t, stdout, filepath.Join(dir, name))
		}
	}
	require.Contains(t, readRun(t, dir).Files, dirCheckpoints+"/")
	content, err := os.ReadFile(filepath.Join(dir, fileRun))
	require.NoError(t, err)
	var run struct {
		Backend string
		Runtime bridge.Info
		Inputs  []inputRecord
		Metrics evaluate.Metrics
	}
	require.NoError(t, json.Unmarshal(content, &run))
	require.Equal(t, backend, run.Backend)
	require.Equal(t, 2, run.Runtime.Threads)
	require.Len(t, run.Inputs[0].SHA256, 64)
	content, err = os.ReadFile(filepath.Join(dir, fileMetrics))
	require.NoError(t, err)
	var metrics evaluate.Metrics
	require.NoError(t, json.Unmarshal(content, &metrics))
	require.NotEmpty(t, metrics.Detail.Phase.FRC.Curve)
	require.Equal(t, metrics.WithoutCurves(), run.Metrics, "run.json has no arrays")
	f, err := npz.Open(filepath.Join(dir, fileReconstruction))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // it was only read
	require.Equal(t, []string{"object", "amplitude", "phase", "weight", "origin_xy", "positions", "nn_indices", "pattern_indices"}, f.Keys())
}

// TestJSONNames: all JSON of a run, of its model and of the commands that
// describe them has names in lower case.
func TestJSONNames(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	t.Chdir(t.TempDir())
	code, stdout, stderr := ptycho(t, append([]string{"run", "--train-data-file", path, "--output-dir", "out", "--json"}, small...)...)
	require.Equal(t, exitDone, code, stderr)
	documents := map[string][]byte{"run --json": []byte(stdout)}
	for _, name := range []string{fileRun, fileMetrics, filepath.Join(dirCheckpoints, "best.json")} {
		content, err := os.ReadFile(filepath.Join("out", name))
		require.NoError(t, err)
		documents[name] = content
	}
	archive, err := zip.OpenReader(filepath.Join("out", dirCheckpoints, "epoch-0002.ptycho.zip"))
	require.NoError(t, err)
	defer archive.Close() //nolint:errcheck // it was only read
	for _, name := range []string{"manifest.json", "training.json"} {
		f, err := archive.Open(name)
		require.NoError(t, err)
		documents[name], err = io.ReadAll(f)
		require.NoError(t, err)
	}
	for _, words := range [][]string{{"evaluate", "out"}, {"doctor"}, {"version"}, {"inspect", filepath.Join("out", dirCheckpoints)}} {
		code, stdout, stderr := ptycho(t, append(words, "--json")...)
		require.Equal(t, exitDone, code, stderr)
		documents[words[0]+" --json"] = []byte(stdout)
	}
	for name, text := range documents {
		requireLowerCase(t, name, text)
	}
	// The area that was compared, as numbers of --area.
	var metrics struct{ Area struct{ X, Y [2]int } }
	require.NoError(t, json.Unmarshal(documents[fileMetrics], &metrics))
	require.Less(t, metrics.Area.X[0], metrics.Area.X[1])
	require.Less(t, metrics.Area.Y[0], metrics.Area.Y[1])
}

// requireLowerCase looks at every name of a JSON document but those of
// settings, which have a dot and are what they are.
func requireLowerCase(t *testing.T, name string, text []byte) {
	t.Helper()
	var walk func(v any)
	lower := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				if !strings.Contains(key, ".") {
					require.Regexp(t, lower, key, name)
				}
				walk(value)
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		}
	}
	var document any
	require.NoError(t, json.Unmarshal(text, &document), name)
	require.NotNil(t, document)
	walk(document)
}

// losses are the history without its times.
func losses(t *testing.T, dir string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, fileHistory))
	require.NoError(t, err)
	var out []string
	for line := range strings.Lines(string(content)) {
		out = append(out, line[:strings.LastIndex(line, ",")])
	}
	return out
}

// TestRunSimulates: without data, a set is simulated and kept.
func TestRunSimulates(t *testing.T) {
	requireBackend(t, "tensorflow")
	dir := filepath.Join(t.TempDir(), "new")
	code, _, stderr := ptycho(t, "run", "--output-dir", dir, "--n-filters-scale", "0.25", "--nepochs", "1")
	require.Equal(t, exitDone, code, stderr)
	raw, err := dataset.Load(filepath.Join(dir, fileSimulated), dataset.Options{})
	require.NoError(t, err)
	require.Equal(t, simulatedPatterns, raw.Len())
	require.Equal(t, raw.SHA256, readRun(t, dir).Inputs[0].SHA256)
	require.Contains(t, inspect(t, dir), fmt.Sprintf("sha256 %.12s…", raw.SHA256))
}

// TestInterrupt: without checkpoints, Ctrl-C stops a run and its directory is
// gone; with --force what it would have replaced is back.
func TestInterrupt(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	dir := filepath.Join(t.TempDir(), "result")
	require.NoError(t, os.Mkdir(dir, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileRun), []byte("earlier"), 0o600))
	code, stdout, _ := interrupted(t, "epoch   2/", append([]string{"run", "--train-data-file", path, "--output-dir", dir, "--force", "--nepochs", "1000", "--early-stop-patience", "0", "--checkpoint-every", "0"}, small[:2]...)...)
	require.Equal(t, exitInterrupted, code)
	require.Empty(t, stdout)
	content, err := os.ReadFile(filepath.Join(dir, fileRun))
	require.NoError(t, err)
	require.Equal(t, "earlier", string(content))
	entries, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// interrupted runs a command line until it says something, then cancels it.
func interrupted(t *testing.T, at string, arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs bytes.Buffer
	code = Main(ctx, arguments, &out, writerFunc(func(text []byte) {
		errs.Write(text)
		if bytes.Contains(text, []byte(at)) {
			cancel()
		}
	}))
	return code, out.String(), errs.String()
}

type writerFunc func([]byte)

func (f writerFunc) Write(text []byte) (int, error) {
	f(text)
	return len(text), nil
}

func TestWarnings(t *testing.T) {
	var out bytes.Buffer
	l := slog.New(warnings{&out})
	l.Info("routing")
	l.Warn("part of the area is empty", "share", "3.0 %")
	require.Equal(t, "warning: part of the area is empty; share: 3.0 %\n", out.String())
}

// TestSimulateStep: the step may be given in place of the overlap.
func TestSimulateStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scan.npz")
	code, _, stderr := ptycho(t, "simulate", "--output", path, "--patterns", "4", "--step", "5")
	require.Equal(t, exitDone, code, stderr)
	raw, err := dataset.Load(path, dataset.Options{})
	require.NoError(t, err)
	require.InDelta(t, 5, raw.X[1]-raw.X[0], 1, "a raster's positions stray by less than a pixel")
	code, _, stderr = ptycho(t, "simulate", "--output", path, "--force", "--step", "5", "--overlap", "0.5")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "overlap")
}
