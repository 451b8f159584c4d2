package main

import (
	"image"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/report/reporttest"
	"github.com/ptychobridge/ptychobridge/stitch"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// reported writes the page of a run of a simulated set that no runtime has
// made: its object is the set's, a little changed. It gives the page's file.
func reported(t *testing.T, epochs int) string {
	t.Helper()
	raw, err := dataset.Load(scan(t), dataset.Options{})
	require.NoError(t, err)
	raw.Path, raw.Warnings = "/data/<b>scan & co.npz", []string{"no probe scale"}
	o := &stitch.Object{Rows: raw.Object.Rows, Cols: raw.Object.Cols, Scanned: image.Rect(10, 20, 70, 75)}
	for i, v := range raw.Object.Data {
		o.Data = append(o.Data, v*complex64(cmplx.Rect(1, .2*math.Sin(float64(i%17)))))
		o.Weight = append(o.Weight, 1)
	}
	positions := []float64{30, 40}
	images := &workflow.Image{Rows: o.Rows, Cols: o.Cols, Data: o.Weight}
	results := &workflow.Results{
		Backend: "evaluator", Info: bridge.Info{Backend: "evaluator", Version: "0", Path: "/a/long/path/to/some/library-that-is-not-there.so", Device: "cpu", Threads: 2},
		Precision: "float64", Seed: 42, Steps: 5 * epochs, Object: o, ReconAmp: images, ReconPhase: images, Uncovered: .031,
		Positions: positions, NNIndices: []int64{0}, Channels: 1, PatternIndices: []int64{0}, Groups: 1,
		Warnings: []string{"the phase is the same all over the object patches"},
		Segments: []workflow.Segment{{Backend: "evaluator", ToStep: 3}, {Backend: "pytorch", FromStep: 3, ToStep: 5}},
	}
	for e := range epochs {
		fall := math.Exp(-float64(e) / 10)
		results.History = append(results.History, workflow.Epoch{
			Epoch: e + 1, TrainLoss: -450 + 40*fall, ValidationLoss: -451 + 30*fall, LearningRate: 1e-3,
			TrainDeviance: 1 + 70*fall, ValidationDeviance: 1 + 40*fall, BrightShare: .123,
		})
	}
	var file config.Layer
	file.Source = "run.yaml"
	require.NoError(t, file.Set("training.batch_size", "4"))
	require.NoError(t, file.Set("training.seed", "42"))
	settings, err := resolve(file)
	require.NoError(t, err)

	var out strings.Builder
	a := &app{stdout: &out, stderr: &out}
	d := &directory{path: t.TempDir()}
	s, err := a.writeObject(d, results, raw.Object)
	require.NoError(t, err)
	require.NotNil(t, s.metrics, out.String())
	record := &runRecord{
		Results: results, Command: "run", Program: "ptycho test", Finished: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Inputs: []inputRecord{input(raw)}, Metrics: s.short(), Files: append(s.files, fileReport, fileRun),
	}
	require.NoError(t, report.WriteHTML(d.file(fileReport), page(record, settings, s, raw)))
	return d.file(fileReport)
}

// TestPageTells: the page says what run.json says.
func TestPageTells(t *testing.T) {
	path := reported(t, 50)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(content)
	for _, says := range []string{
		"Reconstruction of &lt;b&gt;scan &amp; co.npz", "ptycho run on evaluator 0 (cpu), finished 1 March 2026, 12:00:00 UTC",
		"250 steps", "no patch landed on 3.1 % of the scanned area", "no probe scale", "the phase is the same all over",
		"They are in 12 % of the pixels", "in epoch 50 of 50", "steps 3 to 5", "training.<wbr>batch_size", "run.yaml",
		`<a href="./metrics.json">`, "Fourier ring correlation",
	} {
		require.True(t, strings.Contains(text, says), says) // without the whole page in the message
	}
	require.False(t, strings.Contains(text, "<b>scan"))
	for _, name := range outputs {
		require.Equal(t, name != fileReport, fileHolds[name] != "", "what %s holds", name)
	}
	require.NotEmpty(t, fileHolds[dirCheckpoints+"/"])
}

// TestPageOfTrain: a warning names its file once, and groups are said to be for
// what they were.
func TestPageOfTrain(t *testing.T) {
	raw := &dataset.Raw{Path: "/data/scan.npz", Warnings: []string{`/data/scan.npz: key "Z": not read`, "no probe scale"}}
	record := &runRecord{Results: &workflow.Results{Groups: 7, Channels: 4}, Command: "train", Inputs: []inputRecord{{Path: raw.Path}}}
	require.Equal(t, []string{`scan.npz: key "Z": not read`, "scan.npz: no probe scale"}, page(record, config.Resolved{}, &shown{}, raw).Warnings)
	groups := func() string {
		facts := facts(record)
		return facts[slices.IndexFunc(facts, func(f report.Fact) bool { return f.Name == "Groups" })].Note
	}
	require.Equal(t, "to train and validate on, patterns in each: 4", groups())
	record.Inputs = append(record.Inputs, inputRecord{Path: "other.npz"})
	require.Equal(t, "to validate on, patterns in each: 4", groups())
	record.Command = "run"
	require.Equal(t, "that were reconstructed, patterns in each: 4", groups())
}

func TestDuration(t *testing.T) {
	for want, seconds := range map[string]float64{
		"0.1 s": .06, "99.9 s": 99.94, "1 min 40 s": 99.96, "10 min 29 s": 628.66, "1 h 0 min": 3599.7, "26 h 1 min": 93661,
	} {
		require.Equal(t, want, duration(seconds))
	}
}

// TestPageOfRun: what run, train and infer write is a page that a browser
// shows without a fault.
func TestPageOfRun(t *testing.T) {
	requireBackend(t, "tensorflow")
	open := reporttest.Browser(t)
	path := scan(t)
	t.Chdir(t.TempDir())
	commands := [][]string{
		append([]string{"run", "--train-data-file", path, "--output-dir", "run"}, small...),
		append([]string{"train", "--train-data-file", path, "--output-dir", "train"}, small...),
		{"infer", "--model-path", "train", "--test-data-file", path, "--output-dir", "infer"},
	}
	for _, arguments := range commands {
		code, _, stderr := ptycho(t, arguments...)
		require.Equal(t, exitDone, code, stderr)
		at, err := filepath.Abs(filepath.Join(arguments[0], fileReport))
		require.NoError(t, err)
		require.Empty(t, open(at), arguments[0])
		content, err := os.ReadFile(at)
		require.NoError(t, err)
		require.Equal(t, arguments[0] != "train", strings.Contains(string(content), "<img"))
		require.Equal(t, arguments[0] != "infer", strings.Contains(string(content), "Learning rate"))
		require.Equal(t, arguments[0] == "infer", strings.Contains(string(content), "model bundle"))
	}
}

// TestPageInBrowser: a browser shows pages without a fault, whatever their
// length.
func TestPageInBrowser(t *testing.T) {
	open := reporttest.Browser(t)
	for _, epochs := range []int{1, 1000} {
		require.Empty(t, open(reported(t, epochs)), "%d epochs", epochs)
	}
}
