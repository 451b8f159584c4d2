package main

import (
	"encoding/json"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// reconstruction writes a run's directory by hand: the true object of a scan,
// moved by one column and two rows, a little damped, and a run.json that names
// the scan. It gives both paths.
func reconstruction(t *testing.T) (dir, data string) {
	t.Helper()
	data = scan(t)
	raw, err := dataset.Load(data, dataset.Options{})
	require.NoError(t, err)
	dir = t.TempDir()
	o := raw.Object
	const left, top, rows, cols = 20, 16, 60, 66
	var object []complex64
	var weight []float32
	for r := range rows {
		for c := range cols {
			v := complex128(o.Data[(top+r)*o.Cols+left+c])
			object = append(object, complex64(.5*v*cmplx.Rect(1, .02*float64(c)+.05*math.Sin(3*float64(r*c)))))
			weight = append(weight, 1)
		}
	}
	require.NoError(t, npz.Write(filepath.Join(dir, fileReconstruction),
		npz.Array{Key: "object", Data: object, Shape: []int{rows, cols}},
		npz.Array{Key: "weight", Data: weight, Shape: []int{rows, cols}},
		npz.Array{Key: "origin_xy", Data: []int64{left + 1, top - 2}, Shape: []int{2}},
		npz.Array{Key: "positions", Data: []float64{24.5, 20, 80.25, 70}, Shape: []int{2, 2}},
	))
	require.NoError(t, writeJSON(filepath.Join(dir, fileRun), map[string]any{"inputs": []inputRecord{{Path: data, SHA256: raw.SHA256}}}))
	return dir, data
}

// TestEvaluate: the reference is found through run.json, the shift is seen, and
// all forms of the output say the same.
func TestEvaluate(t *testing.T) {
	dir, data := reconstruction(t)
	code, stdout, stderr := ptycho(t, "evaluate", dir)
	require.Equal(t, exitDone, code, stderr)
	require.Empty(t, stderr)
	for _, says := range []string{
		"object      " + filepath.Join(dir, fileReconstruction) + " (object)", "reference   " + data + " (objectGuess)",
		"shift       x +1.0", "pixels, undone", "x 25 … 80, y 20 … 70, 2856 pixels", "SSIM", "FRC below 1/7",
	} {
		require.Contains(t, stdout, says)
	}
	for line := range strings.Lines(stdout) {
		if !strings.Contains(line, filepath.Dir(dir)) && !strings.Contains(line, data) {
			require.LessOrEqual(t, utf8.RuneCountInString(line)-1, 80, line)
		}
	}

	output := filepath.Join(t.TempDir(), "metrics.json")
	code, stdout, stderr = ptycho(t, "evaluate", filepath.Join(dir, fileReconstruction), "--json", "--output", output)
	require.Equal(t, exitDone, code, stderr)
	var said, written evaluated
	require.NoError(t, json.Unmarshal([]byte(stdout), &said))
	content, err := os.ReadFile(output)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &written))
	require.Equal(t, said, written)
	d := said.Metrics.Detail
	require.InDeltaSlice(t, []float64{1, -2}, d.Shift[:], .02)
	require.InDelta(t, 2, d.AmplitudeFactor, .01)
	require.Greater(t, d.Amplitude.Correlation, .999)
	require.Greater(t, d.Phase.Correlation, .95)
	require.NotEmpty(t, d.Complex.FRC.Curve)

	code, _, stderr = ptycho(t, "evaluate", dir, "--output", output)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "exists; nothing is overwritten")
	code, _, stderr = ptycho(t, "evaluate", dir, "--output", output, "--force", "--no-registration", "--remove", "mean", "--area", "30,30,70,60")
	require.Equal(t, exitDone, code, stderr)
	content, err = os.ReadFile(output)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &written))
	require.False(t, written.Metrics.Detail.Registered)
	require.Equal(t, "mean", written.Metrics.Detail.Removed)
	require.Equal(t, 40*30, written.Metrics.Detail.Pixels)
	require.Less(t, written.Metrics.Detail.Phase.Correlation, .8)
}

// TestEvaluateTwoRuns: another run takes the place of the reference; of a run
// with itself everything agrees.
func TestEvaluateTwoRuns(t *testing.T) {
	dir, data := reconstruction(t)
	code, stdout, stderr := ptycho(t, "evaluate", dir, "--reference", dir, "--json")
	require.Equal(t, exitDone, code, stderr)
	var said evaluated
	require.NoError(t, json.Unmarshal([]byte(stdout), &said))
	require.InDelta(t, 0, said.Metrics.Detail.Complex.Error, 1e-6)
	require.False(t, said.Metrics.Detail.Complex.FRC.Half.Crossed)
	require.Equal(t, said.Object, said.Reference)
	// The true object against the run: the same shift the other way round.
	code, stdout, stderr = ptycho(t, "evaluate", data, "--reference", dir, "--json")
	require.Equal(t, exitDone, code, stderr)
	require.NoError(t, json.Unmarshal([]byte(stdout), &said))
	require.InDeltaSlice(t, []float64{-1, 2}, said.Metrics.Detail.Shift[:], .02)
}

// TestEvaluateDataBesideRun: a data file that the run names by a path which
// leads nowhere from here is found in the run's directory, and a changed one is
// told of.
func TestEvaluateDataBesideRun(t *testing.T) {
	dir, data := reconstruction(t)
	require.NoError(t, os.Rename(data, filepath.Join(dir, fileSimulated)))
	record := map[string]any{"inputs": []inputRecord{{Path: "training_outputs/1/" + fileSimulated, SHA256: strings.Repeat("0", 64)}}}
	require.NoError(t, writeJSON(filepath.Join(dir, fileRun), record))
	code, stdout, stderr := ptycho(t, "evaluate", dir)
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, filepath.Join(dir, fileSimulated))
	require.Contains(t, stderr, "has changed since the run read it")
}

func TestEvaluateFaults(t *testing.T) {
	dir, data := reconstruction(t)
	empty := t.TempDir()
	write := func(name string, arrays ...npz.Array) string {
		path := filepath.Join(empty, name)
		require.NoError(t, npz.Write(path, arrays...))
		return path
	}
	square := npz.Array{Key: "object", Data: make([]complex64, 64), Shape: []int{8, 8}}
	for _, c := range []struct {
		code int
		says []string
		args []string
	}{
		{exitUsage, []string{"found 0 arguments; expected one"}, nil},
		{exitUsage, []string{`--area: found "1,2,3"; expected four whole numbers x0,y0,x1,y1`}, []string{dir, "--area", "1,2,3"}},
		{exitUsage, []string{"--area", "x0 < x1"}, []string{dir, "--area", "5,0,5,9"}},
		{exitUsage, []string{`--remove: found "tilt"; expected plane or mean`}, []string{dir, "--remove", "tilt"}},
		{exitUsage, []string{"nowhere"}, []string{filepath.Join(empty, "nowhere.npz")}},
		{exitFailed, []string{empty + " holds no reconstruction.npz"}, []string{empty}},
		{exitFailed, []string{"area (columns 500–599, rows 500–599)"}, []string{dir, "--area", "500,500,600,600"}},
		{exitFailed, []string{"missing key object or objectGuess", "diffraction"}, []string{write("none.npz", npz.Array{Key: "diffraction", Data: []float32{1}, Shape: []int{1}})}},
		{exitFailed, []string{`key "object": found shape [4]`}, []string{write("flat.npz", npz.Array{Key: "object", Data: make([]complex64, 4), Shape: []int{4}}), "--reference", data}},
		{exitFailed, []string{`key "weight": found shape [1 2]; expected [8 8]`}, []string{write("weight.npz", square, npz.Array{Key: "weight", Data: []float32{1, 1}, Shape: []int{1, 2}})}},
		{exitFailed, []string{`key "origin_xy": found 1 numbers; expected two object pixels`}, []string{write("origin.npz", square, npz.Array{Key: "origin_xy", Data: []int64{1}, Shape: []int{1}})}},
		{exitFailed, []string{`key "positions": found shape [3]`}, []string{write("positions.npz", square, npz.Array{Key: "positions", Data: []float64{1, 2, 3}, Shape: []int{3}})}},
		{exitFailed, []string{"holds no run.json", "--reference"}, []string{write("alone.npz", square)}},
		{exitFailed, []string{"reference is 0 on all 64 common pixels"}, []string{write("zero.npz", square), "--reference", write("zero2.npz", square)}},
	} {
		code, stdout, stderr := ptycho(t, append([]string{"evaluate"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		require.Empty(t, stdout)
		for _, s := range c.says {
			require.Contains(t, stderr, s, "%v", c.args)
		}
	}
	record := filepath.Join(dir, fileRun)
	for content, says := range map[string]string{
		`{"inputs": []}`: `key "inputs" names no data file`,
		`{"inputs"`:      record,
		`{"inputs": [{"path": "/nowhere/scan.npz"}]}`: "/nowhere/scan.npz",
	} {
		require.NoError(t, os.WriteFile(record, []byte(content), 0o600))
		code, _, stderr := ptycho(t, "evaluate", dir)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, says)
	}
}
