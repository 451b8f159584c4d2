package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/parity"
)

// crashIn names a backend whose worker dies of a signal, as a native library may
// make it.
const crashIn = "PTYCHO_TEST_CRASH_IN"

// crashLate says that only the repeats die.
const crashLate = "PTYCHO_TEST_CRASH_LATE"

// crash dies where the environment and the command line ask for it.
func crash(arguments []string) {
	line := strings.Join(arguments, " ")
	late := strings.Contains(line, "-again") == (os.Getenv(crashLate) != "")
	if name := os.Getenv(crashIn); name != "" && strings.Contains(line, "--backend "+name+" ") && !strings.Contains(line, "-available") && late {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

// hangIn names a backend whose worker never ends, as a native call may not, and
// is deaf to Ctrl-C; hangFile is where it writes its process's number.
const (
	hangIn   = "PTYCHO_TEST_HANG_IN"
	hangFile = "PTYCHO_TEST_HANG_FILE"
)

// hang stays here where the environment and the command line ask for it.
func hang(arguments []string) {
	name := os.Getenv(hangIn)
	if name == "" || !strings.Contains(strings.Join(arguments, " "), "--backend "+name+" ") {
		return
	}
	signal.Ignore(os.Interrupt)
	if err := os.WriteFile(os.Getenv(hangFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		panic(err)
	}
	fmt.Println("hangs")
	time.Sleep(5 * time.Minute) // longer than any test waits
}

// requireBoth skips a test that needs both runtimes.
func requireBoth(t *testing.T) {
	t.Helper()
	requireBackend(t, config.TensorFlow)
	requireBackend(t, config.PyTorch)
	t.Setenv(asProgram, "1") // the test's binary is what parity starts
}

// quick are flags of a report that takes seconds.
func quick(more ...string) []string {
	return append([]string{"parity", "--batch-size", "1", "--steps", "3", "--judged-steps", "1", "--nepochs", "1", "--threads", "2", "--precisions", "float64,float32"}, more...)
}

func readReport(t *testing.T, text string) parity.Report {
	t.Helper()
	var r parity.Report
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	require.Equal(t, parity.Schema, r.Schema)
	return r
}

func TestParity(t *testing.T) {
	requireBoth(t)
	output := filepath.Join(t.TempDir(), "report")
	data := scan(t)
	code, stdout, stderr := ptycho(t, quick("--train-data-file", data, "--nphotons", "1e5", "--output-dir", output, "--in-process",
		"--levels", "layer,physics,gradient,step,training,reconstruction", "--trained-filters-scale", "0.25")...)
	require.Equal(t, exitDone, code, stdout+stderr)
	require.Contains(t, stdout, "Within the budget")
	require.Contains(t, stderr, "evaluator")
	text, err := os.ReadFile(filepath.Join(output, fileParity))
	require.NoError(t, err)
	r := readReport(t, string(text))
	require.True(t, r.Within)
	require.Len(t, r.Levels, 12)
	require.Equal(t, [2]string{"tensorflow", "pytorch"}, [2]string{r.Runtimes[0].Backend, r.Runtimes[1].Backend})
	require.Len(t, r.Runtimes[1].SHA256, 64)
	require.Positive(t, r.Machine.Processors)
	require.Len(t, r.Reconstructions, 2)
	require.Len(t, r.Repeats, 6, "in process, again, other threads, of both")
	for _, x := range r.Repeats {
		if !strings.HasPrefix(x.What, "with ") { // other threads may sum in another order
			require.True(t, x.Equal, "%s %s: %s", x.Backend, x.What, x.Where)
		}
	}
	require.FileExists(t, data, "what it reads stays")
	page, err := os.ReadFile(filepath.Join(output, fileParityPage))
	require.NoError(t, err)
	require.Contains(t, string(page), "Within the budget")

	code, _, stderr = ptycho(t, quick("--output-dir", output)...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "not empty")
}

// TestParityFindsAFault: the operation that is wrong on one side is found, on
// that side, and the levels below are not blamed.
func TestParityFindsAFault(t *testing.T) {
	requireBoth(t)
	code, stdout, stderr := ptycho(t, quick("--output-dir", t.TempDir(), "--json", "-q", "--repeats=false",
		"--levels", "operation,layer,physics", "--fault", "pytorch:Upsample")...)
	require.Equal(t, exitFailed, code, stderr)
	r := readReport(t, stdout)
	require.False(t, r.Within)
	for _, f := range r.Figures {
		if !f.Within {
			require.Equal(t, parity.SideSecond, f.Off, f)
		}
	}
	for _, l := range r.Levels {
		require.Equal(t, l.Level != parity.Physics, l.Outside > 0, l)
	}
	require.Contains(t, r.Notes[0], "pytorch:Upsample")
}

// TestParityOfACrash: a runtime that dies is a line of the report, not the end of it.
func TestParityOfACrash(t *testing.T) {
	requireBoth(t)
	t.Setenv(crashIn, config.PyTorch)
	output := t.TempDir()
	code, stdout, stderr := ptycho(t, quick("--output-dir", output, "-q", "--levels", "loss")...)
	require.Equal(t, exitFailed, code, stderr)
	require.Contains(t, stdout, "pytorch did not finish:")
	require.Contains(t, stdout, "signal: killed")
	text, err := os.ReadFile(filepath.Join(output, fileParity))
	require.NoError(t, err)
	r := readReport(t, string(text))
	require.False(t, r.Within)
	require.Equal(t, config.PyTorch, r.Failures[0].Backend)
}

// TestLastWords: what a library said and which signal ended it is told, what Go
// adds is not; the text is that of a worker that got a signal.
func TestLastWords(t *testing.T) {
	require.Empty(t, lastWords(" \n"))
	require.Equal(t, "\nlibrary: no memory\nSIGSEGV: segmentation violation\nPC=0x494241 m=0 sigcode=0",
		lastWords("library: no memory\nSIGSEGV: segmentation violation\nPC=0x494241 m=0 sigcode=0\n\ngoroutine 1 [syscall]:\nmain.main()\n\nrax    0x0\nrbx    0x1\n"))
	require.Equal(t, "\nSIGABRT: abort", lastWords("SIGABRT: abort\n\nrax    0x0\nrbx    0x1\n"))
}

// TestParityOfALateCrash: the figures stay where a repeat dies.
func TestParityOfALateCrash(t *testing.T) {
	requireBoth(t)
	t.Setenv(crashIn, config.TensorFlow)
	t.Setenv(crashLate, "1")
	code, stdout, stderr := ptycho(t, quick("--output-dir", t.TempDir(), "-q", "--levels", "loss")...)
	require.Equal(t, exitFailed, code, stderr)
	require.Contains(t, stdout, "tensorflow did not finish:")
	require.Contains(t, stdout, "float64 loss")
}

func TestParityIsInterrupted(t *testing.T) {
	requireBoth(t)
	output := filepath.Join(t.TempDir(), "report")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, _ := ptychoIn(ctx, quick("--output-dir", output)...)
	require.Equal(t, exitInterrupted, code)
	require.Empty(t, stdout)
	require.NoDirExists(t, output)
}

// TestParityIsInterruptedUnderWay: Ctrl-C while a worker computes ends it, and
// neither a report nor what they exchanged is left.
func TestParityIsInterruptedUnderWay(t *testing.T) {
	requireBoth(t)
	private := t.TempDir()
	t.Setenv("TMPDIR", private)
	output := filepath.Join(t.TempDir(), "report")
	code, stdout, stderr := interrupted(t, "tensorflow   layer, float64", quick("--output-dir", output, "--levels", "operation,layer,gradient")...)
	require.Equal(t, exitInterrupted, code, stderr)
	require.Contains(t, stderr, "tensorflow   operation, float64")
	require.Contains(t, stderr, "ptycho: interrupted: parity: tensorflow: context canceled")
	require.NotContains(t, stderr, "pytorch")
	require.Empty(t, stdout)
	require.NoDirExists(t, output)
	requireEmpty(t, private)
}

func requireEmpty(t *testing.T, directory string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestParityNeedsBoth(t *testing.T) {
	t.Setenv(asProgram, "1")
	t.Setenv("PTYCHO_LIBTORCH", t.TempDir())
	t.Setenv("PTYCHO_LIBTENSORFLOW", t.TempDir())
	t.Setenv("PTYCHO_CACHE", t.TempDir())
	output := filepath.Join(t.TempDir(), "report")
	code, stdout, stderr := ptycho(t, quick("--output-dir", output)...)
	require.Equal(t, exitUnavailable, code, stderr)
	require.Contains(t, stderr, "backend selected")
	require.Empty(t, stdout)
	require.NoDirExists(t, output)
}

func TestParityRefuses(t *testing.T) {
	for part, flags := range map[string][]string{
		"there is no level \"atoms\"":   {"--levels", "atoms"},
		"found \"bf16\"":                {"--precisions", "bf16"},
		"--device: found \"auto\"":      {"--device", "auto"},
		"--batch-size: found 0":         {"--batch-size", "0"},
		"--judged-steps: found 9":       {"--judged-steps", "9"},
		"as in pytorch:MaxPool":         {"--fault", "MaxPool"},
		"there is no operation Pool":    {"--fault", "pytorch:Pool"},
		"there is no --model-path":      {"--certificate"},
		"does not go with --fault":      {"--certificate", "--fault", "pytorch:MaxPool"},
		"the level physics is missing":  {"--certificate", "--levels", "network,loss,gradient"},
		"the model has its own":         {"--model-path", "m", "--gridsize", "2"},
		"trains a model anew":           {"--model-path", "m", "--levels", "reconstruction"},
		"there is no --train-data-file": {"--model-path", "m"},
		"training.nepochs":              {"--nepochs", "0"},
		"--torch-script is missing":     {"--tf-saved-model", "d"},
		"--steps does not go with":      {"--tf-saved-model", "d", "--torch-script", "f", "--input", "i"},
		"expected first=second":         {"--tf-saved-model", "d", "--torch-script", "f", "--input", "i", "--map", "x"},
		"--input: stat i":               {"--tf-saved-model", "d", "--torch-script", "f", "--input", "i"},
		"--limit: found NaN":            {"--limit", "nan"},
	} {
		code, stdout, stderr := ptycho(t, quick(flags...)...)
		require.Equal(t, exitUsage, code, part)
		require.Contains(t, stderr, part)
		require.Empty(t, stdout)
	}
}

func TestParityOfAModel(t *testing.T) {
	requireBoth(t)
	data, run := scan(t), filepath.Join(t.TempDir(), "run")
	code, _, stderr := ptycho(t, "train", "--train-data-file", data, "--nphotons", "1e5", "--n-filters-scale", "0.25", "--nepochs", "1", "--output-dir", run, "-q")
	require.Equal(t, exitDone, code, stderr)
	before, err := os.ReadFile(filepath.Join(run, fileBundle))
	require.NoError(t, err)
	code, stdout, stderr := ptycho(t, "parity", "--train-data-file", data, "--model-path", run, "--certificate", "--output-dir", t.TempDir(), "--levels", "network,physics,loss,gradient", "--repeats=false", "--batch-size", "1")
	require.Equal(t, exitDone, code, stdout+stderr)
	after, err := os.ReadFile(filepath.Join(run, fileBundle))
	require.NoError(t, err)
	require.NotEqual(t, before, after)
	code, stdout, stderr = ptycho(t, "inspect", filepath.Join(run, fileBundle))
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, strings.Join(strings.Fields(stdout), " "), "on cpu, within the budgets", "lines are wrapped")
	require.Contains(t, stdout, "float64 gradient")
	require.Contains(t, stdout, "bf16-mixed network")
	code, _, stderr = ptycho(t, "infer", "--model-path", run, "--test-data-file", data, "--output-dir", filepath.Join(t.TempDir(), "inferred"), "-q")
	require.Equal(t, exitDone, code, stderr)
}

// TestInspectOfAnUnknownCertificate: a model whose certificate another version
// wrote is inspected, and its certificate is neither shown as one that is known
// nor lost.
func TestInspectOfAnUnknownCertificate(t *testing.T) {
	dir := t.TempDir()
	modelIn(t, dir)
	b, err := bundle.Read(dir)
	require.NoError(t, err)
	b.Manifest.Parity = &bundle.Certificate{}
	require.NoError(t, json.Unmarshal([]byte(`{"schema":"ptychobridge.certificate/9","within":"mostly"}`), b.Manifest.Parity))
	require.NoError(t, bundle.Write(dir, *b))
	said := strings.Join(strings.Fields(inspect(t, dir)), " ")
	require.Contains(t, said, `parity a certificate that this version cannot read, of the schema "ptychobridge.certificate/9"; the model is not affected`)
	require.NotContains(t, said, "budgets")
	manifest := inspectJSON(t, dir)["manifest"].(map[string]any)
	require.Equal(t, map[string]any{"schema": "ptychobridge.certificate/9", "within": "mostly"}, manifest["parity"])

	require.NoError(t, bundle.Certify(dir, bundle.Certificate{Within: true}))
	require.Contains(t, inspect(t, dir), "within the budgets")
}
