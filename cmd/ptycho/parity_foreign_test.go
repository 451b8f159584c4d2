package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/parity"
)

// foreignCall gives flags that compare the SavedModel of testdata/foreign with
// one of its scripts, in a fresh working directory with a private directory for
// temporary files, which is given too.
func foreignCall(t *testing.T) (call func(script string, more ...string) []string, private string) {
	t.Helper()
	requireBoth(t)
	models, err := filepath.Abs("../../testdata/foreign")
	require.NoError(t, err)
	private = t.TempDir()
	t.Setenv("TMPDIR", private)
	t.Chdir(t.TempDir())
	writeForeignInput(t, "input.npz")
	return func(script string, more ...string) []string {
		return append([]string{"parity", "--tf-saved-model", filepath.Join(models, "saved_model"), "--torch-script", filepath.Join(models, script), "--input", "input.npz"}, more...)
	}, private
}

func foreignReport(t *testing.T, path string) (r parity.ForeignReport) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r))
	require.Equal(t, parity.ForeignSchema, r.Schema)
	return r
}

func TestParityOfForeignModels(t *testing.T) {
	call, private := foreignCall(t)
	code, stdout, stderr := ptycho(t, call("network.pt", "--in-process", "--threads", "1")...)
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, "spectrum")
	require.NotContains(t, stdout, "OFF")
	require.Contains(t, stdout, "Within the limit, in all 3 outputs that are judged.\nwrote\n  parity_outputs/1/parity.html\n  parity_outputs/1/parity.json\n")
	require.Contains(t, stdout, "pytorch in this process instead of its own: the same bits")
	require.Contains(t, stderr, "tensorflow   runs it")
	requireEmpty(t, private)

	r := foreignReport(t, "parity_outputs/1/parity.json")
	require.True(t, r.Within)
	require.Len(t, r.Figures, 3)
	require.Equal(t, parity.ForeignSettings{Threads: 1, InProcess: true}, r.Settings)
	require.Positive(t, r.Machine.Processors)
	require.Contains(t, r.Program, "ptycho ")
	require.False(t, r.Created.IsZero())
	require.Len(t, r.Repeats, 2)
	for i, name := range []string{config.TensorFlow, config.PyTorch} {
		m := r.Models[i]
		require.Equal(t, name, m.Backend)
		require.NotEmpty(t, m.Version)
		require.Equal(t, 1, m.Threads)
		require.Positive(t, m.Seconds)
		sum, err := hashFile(m.Path)
		require.NoError(t, err)
		require.Equal(t, sum, m.SHA256)
		require.True(t, r.Repeats[i].Equal)
		require.Equal(t, 3, r.Repeats[i].Figures)
		require.Len(t, m.Files, 1, "a SavedModel without variables is one file")
	}
	require.Equal(t, filepath.Join(r.Models[0].Model, "saved_model.pb"), r.Models[0].Files[0].Path)
	require.Equal(t, r.Models[1].Model, r.Models[1].Files[0].Path)
	for _, f := range []parity.File{r.Models[0].Files[0], r.Models[1].Files[0], r.Data} {
		require.True(t, filepath.IsAbs(f.Path))
		text, err := os.ReadFile(f.Path)
		require.NoError(t, err)
		require.EqualValues(t, len(text), f.Bytes)
		sum, err := hashFile(f.Path)
		require.NoError(t, err)
		require.Equal(t, sum, f.SHA256)
	}
	page, err := os.ReadFile("parity_outputs/1/parity.html")
	require.NoError(t, err)
	require.Contains(t, string(page), r.Data.SHA256)
	require.Contains(t, string(page), "data:image/png")

	code, stdout, _ = ptycho(t, call("wrong.pt", "--output-dir", "here", "-q")...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "OFF, allowed 1.0e-04")
	require.Contains(t, stdout, "Outside the limit, in 1 of 3 outputs that are judged.")
	require.False(t, foreignReport(t, "here/parity.json").Within)
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "A  ") && !strings.HasPrefix(line, "B  ") { // the models' paths
			require.LessOrEqual(t, utf8.RuneCountInString(line), 81, line)
		}
	}
	code, _, stderr = ptycho(t, call("wrong.pt", "--output-dir", "here")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "not empty")
	code, _, stderr = ptycho(t, call("wrong.pt", "--limit", "0.1")...)
	require.Equal(t, exitDone, code, stderr)

	code, stdout, _ = ptycho(t, call("wrong.pt", "--json", "-q")...)
	require.Equal(t, exitFailed, code)
	written, err := os.ReadFile("parity_outputs/3/parity.json")
	require.NoError(t, err)
	require.JSONEq(t, string(written), stdout)
	requireEmpty(t, private)
}

// TestParityOfForeignModelsFails: a fault of a model or of the data is an error
// in the words of whoever found it, and no report is left.
func TestParityOfForeignModelsFails(t *testing.T) {
	call, private := foreignCall(t)
	require.NoError(t, npz.Write("flat.npz", npz.Array{Key: "x", Data: []float32{1}, Shape: []int{1}}, npz.Array{Key: "k", Data: []int64{7}, Shape: []int{1}}))
	for says, flags := range map[string][]string{
		"ptycho: torchnative: open script: ":                          call("refused.pt"),
		"found the signatures renamed, serving_default, transposed; ": call("network.pt", "--signature", "other"),
		"flat.npz: key \"x\", input x of ":                            call("network.pt", "--input", "flat.npz"),
		"map: found no input or output x of ":                         call("network.pt", "--map", "x=nothing"),
	} {
		code, stdout, stderr := ptycho(t, append(flags, "-q", "--output-dir", "report")...)
		require.Equal(t, exitFailed, code, stderr)
		require.Contains(t, stderr, says)
		require.Empty(t, stdout)
		require.NoDirExists(t, "report")
		requireEmpty(t, private)
	}
	code, _, stderr := ptycho(t, append(call("network.pt"), "--torch-script", "nowhere.pt", "--output-dir", "report")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--torch-script: stat nowhere.pt: no such file")
	require.NoDirExists(t, "report")

	t.Setenv("PTYCHO_LIBTORCH", t.TempDir())
	code, _, stderr = ptycho(t, call("network.pt", "-q", "--output-dir", "report")...)
	require.Equal(t, exitUnavailable, code, stderr)
	require.True(t, strings.HasPrefix(stderr, "ptycho: PyTorch backend selected"), stderr)
	require.NoDirExists(t, "report")
}

// TestParityOfForeignModelsOfACrash: a process that dies is the report.
func TestParityOfForeignModelsOfACrash(t *testing.T) {
	call, private := foreignCall(t)
	t.Setenv(crashIn, config.PyTorch)
	code, stdout, stderr := ptycho(t, call("network.pt")...)
	require.Equal(t, exitFailed, code, stderr)
	require.Contains(t, stdout, "pytorch did not finish:\n  parity: the process of pytorch ended with: signal: killed")
	require.Contains(t, stdout, "No verdict: pytorch did not come to the end.")
	r := foreignReport(t, "parity_outputs/1/parity.json")
	require.False(t, r.Within)
	require.Equal(t, config.PyTorch, r.Failures[0].Backend)
	require.NotEmpty(t, r.Models[1].Files)
	require.FileExists(t, "parity_outputs/1/parity.html")
	requireEmpty(t, private)
}

// TestParityOfForeignModelsIsInterrupted: Ctrl-C ends a process that cannot be
// asked to stop, and the other one, which waits.
func TestParityOfForeignModelsIsInterrupted(t *testing.T) {
	call, private := foreignCall(t)
	number := filepath.Join(t.TempDir(), "number")
	t.Setenv(hangIn, config.PyTorch)
	t.Setenv(hangFile, number)
	code, stdout, stderr := interrupted(t, "pytorch      hangs", call("network.pt", "--output-dir", "report")...)
	require.Equal(t, exitInterrupted, code, stderr)
	require.Contains(t, stderr, "ptycho: interrupted: parity: context canceled")
	require.Empty(t, stdout)
	require.NoDirExists(t, "report")
	requireEmpty(t, private)
	text, err := os.ReadFile(number)
	require.NoError(t, err)
	process, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	require.ErrorIs(t, syscall.Kill(process, 0), syscall.ESRCH, "it is gone")
}

// TestParityOfForeignModelsInProcessIsInterrupted: so is one that runs in this
// process, whose end is not waited for.
func TestParityOfForeignModelsInProcessIsInterrupted(t *testing.T) {
	call, private := foreignCall(t)
	code, stdout, stderr := interrupted(t, "tensorflow   in this process", call("network.pt", "--in-process", "--output-dir", "report")...)
	require.Equal(t, exitInterrupted, code, stderr)
	require.NotContains(t, stderr, "pytorch      in this process")
	require.Empty(t, stdout)
	require.NoDirExists(t, "report")
	requireEmpty(t, private)
}

// TestWaitingModelEnds: the process of a model whose starter has gone ends by
// itself.
func TestWaitingModelEnds(t *testing.T) {
	requireBoth(t)
	e := &exported{app: &app{stderr: os.Stderr, quiet: true}, backend: config.PyTorch, model: "../../testdata/foreign/network.pt", threads: 1}
	require.NoError(t, e.start(t.Context(), t.TempDir()))
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	require.Equal(t, []string{"x", "k"}, []string{e.Inputs()[0].Name, e.Inputs()[1].Name})
	require.NoError(t, e.in.Close())
	require.False(t, e.listen(saysReady))
	require.NoError(t, e.wait())
}

// writeForeignInput writes the arrays that the models of testdata/foreign take.
func writeForeignInput(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, npz.Write(path,
		npz.Array{Key: "x", Data: []float32{0.5, -1, 2, 0.25, 3, -0.125}, Shape: []int{2, 3}},
		npz.Array{Key: "k", Data: []int64{7, -2}, Shape: []int{2}}))
}
