package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bench"
	"github.com/ptychobridge/ptychobridge/config"
)

// brief are flags of a measurement that takes seconds.
func brief(more ...string) []string {
	return append([]string{"bench", "--n-filters-scale", "0.25", "--batch-sizes", "1", "--rounds", "2", "--count", "1"}, more...)
}

func readBench(t *testing.T, text string) bench.Report {
	t.Helper()
	var r bench.Report
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	require.Equal(t, bench.Schema, r.Schema)
	return r
}

// fakePeer writes a contestant from outside that is so far from what is
// expected, and gives its command.
func fakePeer(t *testing.T, far string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "peer.sh")
	text := `test -f "$1/expected.npz" || exit 9
echo '{"name":"fake","version":"1","threads":1,"start_seconds":0.1,"check":{"object":` + far + `,"intensity":1e-6,"loss":1e-9}}'
while read -r line; do case $line in *quit*) exit 0;; esac; echo '{"seconds":0.5,"peak_rss_mb":12}'; done
`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return "sh " + path
}

// TestBenchWithoutRuntime: the evaluator is a contestant too, so that all of it
// works where there is no native library.
func TestBenchWithoutRuntime(t *testing.T) {
	t.Setenv(asProgram, "1")
	output := filepath.Join(t.TempDir(), "bench.json")
	code, stdout, stderr := ptycho(t, brief("--threads", "1", "--backends", evaluator, "--peer", fakePeer(t, "1e-6"), "--output", output)...)
	require.Equal(t, exitDone, code, stdout+stderr)
	require.Contains(t, stderr, "batch 1, threads 1: step and predict, round 2/2")
	for _, part := range []string{"A  evaluator 1 on cpu", "B  fake 1", "training step", "prediction", "start to first step", "MB/s", "µs/patch", "wrote " + output} {
		require.Contains(t, stdout, part)
	}
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "wrote ") {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, line)
		}
	}
	text, err := os.ReadFile(output)
	require.NoError(t, err)
	r := readBench(t, string(text))
	require.Len(t, r.Matches, 1)
	require.Len(t, r.Matches[0].Series, 6)
	require.Equal(t, evaluator, r.Matches[0].Expected)
	require.Positive(t, r.Machine.Processors)

	code, _, stderr = ptycho(t, brief("--output", output)...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "exists; nothing is overwritten")
}

// TestBenchOfPeersAlone: the first of them is what ratios refer to.
func TestBenchOfPeersAlone(t *testing.T) {
	t.Setenv(asProgram, "1")
	peer := fakePeer(t, "1e-6")
	code, stdout, stderr := ptycho(t, brief("--backends", "", "--what", "step", "--json", "--peer", peer, "--peer", "env LANG=C "+peer)...)
	require.Equal(t, exitDone, code, stderr)
	m := readBench(t, stdout).Matches[0]
	require.Equal(t, "env LANG=C "+peer, m.Contestants[1].Command)
	require.InDelta(t, 1, m.Series[1].Ratio.Median, 0)
}

// TestBenchRefusesOtherWork: a peer that predicts something else is not in the
// table, and why is told.
func TestBenchRefusesOtherWork(t *testing.T) {
	t.Setenv(asProgram, "1")
	code, stdout, stderr := ptycho(t, brief("--backends", evaluator, "--what", "step", "--json", "-q", "--peer", fakePeer(t, "0.25"))...)
	require.Equal(t, exitFailed, code, stderr)
	require.Empty(t, stderr)
	r := readBench(t, stdout)
	require.Len(t, r.Failures, 1)
	require.Equal(t, "fake", r.Failures[0].Contestant)
	require.Contains(t, r.Failures[0].Error, "its object is 2.5e-01 from expected.npz, allowed 1e-03")
	require.Len(t, r.Matches[0].Contestants, 1)
	require.Len(t, r.Matches[0].Series, 1)
}

func TestBench(t *testing.T) {
	requireBoth(t)
	data := scan(t)
	code, stdout, stderr := ptycho(t, brief("--what", "step,predict,startup", "--train-data-file", data, "--gridsize", "2", "--threads", "1,2", "--json", "-q", "--warmup", "0")...)
	require.Equal(t, exitDone, code, stderr)
	r := readBench(t, stdout)
	require.Equal(t, data, r.Data)
	require.Len(t, r.Matches, 2)
	for i, m := range r.Matches {
		require.Equal(t, 8, m.Settings.Patterns, "whole groups of the nine")
		require.Len(t, m.Contestants, 2)
		for k, c := range m.Contestants {
			require.Equal(t, []string{config.TensorFlow, config.PyTorch}[k], c.Name)
			require.Equal(t, i+1, c.Threads)
			require.Positive(t, c.Peak)
			require.Less(t, c.Check.Object, 1e-4)
			require.NotEmpty(t, c.Version)
		}
		require.Len(t, m.Series, 6)
		require.Len(t, m.Series[1].Turns, 2)
		require.NotNil(t, m.Series[1].Ratio)
	}
	require.Nil(t, r.Load)
	require.Nil(t, r.Stitch)
}

// TestBenchOfACrash: a runtime that dies is a line of the report.
func TestBenchOfACrash(t *testing.T) {
	requireBoth(t)
	t.Setenv(crashIn, config.PyTorch)
	code, stdout, stderr := ptycho(t, brief("--threads", "1", "--what", "predict", "-q")...)
	require.Equal(t, exitFailed, code, stderr)
	require.Contains(t, stdout, "FAILED: pytorch, batch 1, threads 1: the process ended: signal: killed")
	require.Contains(t, stdout, "A  tensorflow")
}

func TestBenchNeedsTheRuntime(t *testing.T) {
	t.Setenv(asProgram, "1")
	for _, variable := range []string{"PTYCHO_LIBTORCH", "PTYCHO_LIBTENSORFLOW", "PTYCHO_CACHE"} {
		t.Setenv(variable, t.TempDir())
	}
	for _, backends := range []string{config.TensorFlow, evaluator + "," + config.TensorFlow} {
		code, stdout, stderr := ptycho(t, brief("-q", "--what", "step", "--backends", backends)...)
		require.Equal(t, exitUnavailable, code, stderr)
		require.Contains(t, stderr, "TensorFlow backend selected")
		require.Empty(t, stdout)
	}
	code, stdout, stderr := ptycho(t, brief("-q", "--what", "stitch")...)
	require.Equal(t, exitDone, code, stderr)
	require.Contains(t, stdout, "µs/patch")
}

func TestBenchIsInterrupted(t *testing.T) {
	t.Setenv(asProgram, "1")
	output := filepath.Join(t.TempDir(), "bench.json")
	code, stdout, _ := interrupted(t, "warm-up", brief("--backends", evaluator, "--what", "step", "--rounds", "1000", "--output", output)...)
	require.Equal(t, exitInterrupted, code)
	require.Empty(t, stdout)
	require.NoFileExists(t, output)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, _ = ptychoIn(ctx, brief("--backends", evaluator)...)
	require.Equal(t, exitInterrupted, code)
}

func TestBenchRefuses(t *testing.T) {
	for part, flags := range map[string][]string{
		"--what: found \"dance\"":         {"--what", "dance"},
		"--backends: found \"jax\"":       {"--backends", "jax"},
		"found tensorflow twice":          {"--backends", "tensorflow,tensorflow"},
		"--batch-sizes: found 0":          {"--batch-sizes", "4,0"},
		"--batch-sizes: found 1 twice":    {"--batch-sizes", "1"},
		"--threads: found 2 twice":        {"--threads", "2,1,2"},
		"--threads: found -1":             {"--threads", "-1"},
		"--rounds: found 0":               {"--rounds", "0"},
		"--warmup: found -1":              {"--warmup", "-1"},
		"expected a contestant":           {"--backends", ""},
		"--count: found 0":                {"--count", "0"},
		"--peer: the command is empty":    {"--peer", " "},
		"precision \"half\" is not known": {"--precision", "half"},
		"model.N":                         {"--N", "100"},
		"is no directory":                 {"--output", "/nowhere/bench.json"},
		"has patterns of 64×64":           {"--N", "128", "--train-data-file", scan(t)},
		"device: found \"auto\"":          {"--device", "auto"},
		"device \"gpu\" is not known":     {"--device", "gpu"},
	} {
		code, stdout, stderr := ptycho(t, brief(flags...)...)
		require.Equal(t, exitUsage, code, part)
		require.Contains(t, stderr, part)
		require.Empty(t, stdout)
	}
}
