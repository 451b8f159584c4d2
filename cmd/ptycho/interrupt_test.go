package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// advised are the command lines after "go on with: ", without the program's
// name. No word of them is quoted.
func advised(t *testing.T, stderr string) [][]string {
	t.Helper()
	_, advice, found := strings.Cut(strings.TrimSpace(stderr), "; go on with: ")
	require.True(t, found, stderr)
	var out [][]string
	for line := range strings.SplitSeq(advice, ", or: ") {
		words := strings.Fields(line)
		require.Equal(t, "ptycho", words[0])
		out = append(out, words[1:])
	}
	return out
}

// TestInterruptedPrediction: Ctrl-C after the last epoch keeps the model, and
// the commands that the message names, typed, give the object of a run that was
// not stopped.
func TestInterruptedPrediction(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	t.Chdir(t.TempDir())
	arguments := append([]string{"run", "--train-data-file", path}, small...)
	code, _, stderr := ptycho(t, append(arguments, "--output-dir", "straight")...)
	require.Equal(t, exitDone, code, stderr)
	want, _ := array[complex64](t, filepath.Join("straight", fileReconstruction), "object")

	for _, c := range []struct {
		dir      string
		more     []string
		commands []string // that are named
	}{
		{"stopped", nil, []string{"run", "infer"}},
		{"alone", []string{"--checkpoint-every", "0"}, []string{"infer"}},
	} {
		code, stdout, stderr := interrupted(t, "epoch   2/2", append(append(arguments, "--output-dir", c.dir), c.more...)...)
		require.Equal(t, exitInterrupted, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "ptycho: interrupted: the training has ended and its model is "+filepath.Join(c.dir, fileBundle))
		require.NoFileExists(t, filepath.Join(c.dir, fileRun))
		said := inspect(t, c.dir)
		if c.more == nil {
			require.Contains(t, said, "can go on from its checkpoints: ptycho run --resume stopped\n")
			require.Regexp(t, `epoch-0002\.ptycho\.zip +\d+ +2 `, said)
			require.Len(t, inspectJSON(t, c.dir)["checkpoints"], 2)
		} else {
			require.Contains(t, said, "cannot go on")
			require.NotContains(t, inspectJSON(t, c.dir), "resume")
		}
		require.Equal(t, model(t, "straight").Weights, model(t, c.dir).Weights)
		lines := advised(t, stderr)
		require.Len(t, lines, len(c.commands))
		for i, words := range lines {
			require.Equal(t, c.commands[i], words[0])
			result := c.dir
			if words[0] == "infer" {
				result = c.dir + "-inferred"
				words = append(words, "--output-dir", result, "--threads", "2", "--batch-size", "4")
			}
			code, _, stderr := ptycho(t, words...)
			require.Equal(t, exitDone, code, stderr)
			object, _ := array[complex64](t, filepath.Join(result, fileReconstruction), "object")
			require.Equal(t, want, object, "%v", words)
		}
	}

	// A run that went on and is stopped again while it predicts says the same,
	// though there was a model before.
	code, _, stderr = interrupted(t, "epoch   3/3", "run", "--resume", "stopped", "--nepochs", "3")
	require.Equal(t, exitInterrupted, code)
	require.Contains(t, stderr, "the training has ended")
	require.Equal(t, "run", advised(t, stderr)[0][0])
	require.Len(t, history(model(t, "stopped").History), 3)
}

// TestPicturesCannotBeWritten: where only a later file fails, the model is
// kept, and the error says so.
func TestPicturesCannotBeWritten(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	t.Chdir(t.TempDir())
	code, _, _ := interrupted(t, "epoch   2/2", append([]string{"run", "--train-data-file", path, "--output-dir", "out"}, small...)...)
	require.Equal(t, exitInterrupted, code)
	require.NoError(t, os.Mkdir(filepath.Join("out", filePhase), 0o750)) // in the picture's place
	code, stdout, stderr := ptycho(t, "run", "--resume", "out")
	require.Equal(t, exitFailed, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "the training has ended and its model is "+filepath.Join("out", fileBundle))
	require.Contains(t, stderr, filePhase)
}
