package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/selector"
)

// asProgram is set where the test's binary is to be the program.
const asProgram = "PTYCHO_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		crash(os.Args)
		hang(os.Args)
		main()
	}
	os.Exit(m.Run())
}

// oneDocument makes sure that text is a single JSON document.
func oneDocument(t *testing.T, text, name string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	var document map[string]any
	require.NoError(t, d.Decode(&document), name)
	require.NotEmpty(t, document, name)
	require.ErrorIs(t, d.Decode(&document), io.EOF, name)
}

// TestJSON: with --json every command that succeeds prints one document on
// stdout and nothing else, and one that fails prints nothing there and a
// sentence on stderr. doctor is the exception: what it found is its result
// where nothing works too.
func TestJSON(t *testing.T) {
	requireBackend(t, "tensorflow")
	t.Chdir(t.TempDir())
	for _, c := range []struct{ good, bad string }{
		{"simulate --patterns 9 --nphotons 1e5", "simulate --patterns 0 -o other.npz"},
		{"run --train-data-file simulated.npz --output-dir out " + strings.Join(small, " "), "run --train-data-file none.npz"},
		{"train --train-data-file simulated.npz --output-dir model " + strings.Join(small, " "), "train --train-data-file none.npz"},
		{"run --resume model", "train --resume none"},
		{"infer --model-path out --test-data-file simulated.npz", "infer --model-path none --test-data-file simulated.npz"},
		{"evaluate out", "evaluate none"},
		{"evaluate out --output metrics.json", "evaluate out --output metrics.json"},
		{"inspect out", "inspect none"},
		{"inspect simulated.npz", "inspect metrics.json"},
		{"inspect model", "inspect"},
		{"doctor", "doctor --device gpu"},
		{"version", "version of"},
		{"", "completion bash"},
		{"", "completion"},
		{"", "dance"},
	} {
		if c.good != "" {
			code, stdout, stderr := ptycho(t, append(strings.Fields(c.good), "--json")...)
			require.Equal(t, exitDone, code, stderr)
			oneDocument(t, stdout, c.good)
		}
		code, stdout, stderr := ptycho(t, append(strings.Fields(c.bad), "--json")...)
		require.Contains(t, []int{exitFailed, exitUsage}, code, c.bad)
		require.Empty(t, stdout, c.bad)
		require.True(t, strings.HasPrefix(stderr, "ptycho: "), stderr)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	code, stdout, _ := ptycho(t, "--json")
	require.Equal(t, exitUsage, code)
	require.Empty(t, stdout)
}

// TestExitCodes: 0, 1, 2 and 130 of the function from arguments and writers; 3
// of a program whose runtimes are looked for where none is.
func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]int{
		"version":                             exitDone,
		"simulate --patterns 4 --nphotons 10": exitDone,
		"inspect none":                        exitUsage,
		"evaluate none":                       exitUsage,
		"infer --model-path none --test-data-file none": exitUsage,
		"inspect":               exitUsage,
		"run --batch-size 0":    exitUsage,
		"run --backend theano":  exitUsage,
		"train --device gpu":    exitUsage,
		"simulate -o s --set 3": exitUsage,
	} {
		code, _, stderr := ptycho(t, strings.Fields(line)...)
		require.Equal(t, want, code, "%s: %s", line, stderr)
	}
	requireInterrupted(t)

	nothing := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	for _, name := range selector.Backends() {
		c := exec.Command(program, "run", "--backend", name, "--output-dir", "gone")
		c.Env = append(os.Environ(), asProgram+"=1", "PTYCHO_CACHE="+nothing, "PTYCHO_LIBTENSORFLOW="+nothing, "PTYCHO_LIBTORCH="+nothing)
		var stdout, stderr bytes.Buffer
		c.Stdout, c.Stderr = &stdout, &stderr
		var failed *exec.ExitError
		require.ErrorAs(t, c.Run(), &failed, stderr.String())
		require.Equal(t, exitUnavailable, failed.ExitCode(), stderr.String())
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), " backend selected")
		require.NoDirExists(t, "gone")
	}
}

// TestFilesNamed: a file that the user has named and that is not there, and a
// kind that the patterns contradict, are faults of the command line, wherever
// they are given. A damaged file is not.
func TestFilesNamed(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t) // amplitudes
	t.Chdir(t.TempDir())
	code, _, stderr := ptycho(t, append([]string{"train", "--train-data-file", path, "--output-dir", "model"}, small...)...)
	require.Equal(t, exitDone, code, stderr)
	require.NoError(t, os.WriteFile("damaged.npz", []byte("PK"), 0o600))
	for line, want := range map[string]int{
		"run --train-data-file none.npz":                                     exitUsage,
		"train --train-data-file none.npz":                                   exitUsage,
		"train --test-data-file none.npz --train-data-file " + path:          exitUsage,
		"infer --model-path model --test-data-file none.npz":                 exitUsage,
		"evaluate " + path + " --reference none.npz":                         exitUsage,
		"run --kind intensity --train-data-file " + path:                     exitUsage,
		"infer --model-path model --kind intensity --test-data-file " + path: exitUsage,
		"run --train-data-file damaged.npz":                                  exitFailed,
		"run --kind intensity --train-data-file damaged.npz":                 exitFailed,
	} {
		code, stdout, stderr := ptycho(t, strings.Fields(line)...)
		require.Equal(t, want, code, "%s: %s", line, stderr)
		require.Empty(t, stdout)
		if strings.Contains(line, "none") {
			require.Contains(t, stderr, "none.npz: no such file or directory")
		} else if want == exitUsage {
			require.Contains(t, stderr, "set data.kind to amplitude or auto")
		}
	}
}

// requireInterrupted: a command whose context is cancelled says so and leaves
// nothing.
func requireInterrupted(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := ptychoIn(ctx, "simulate", "-o", "large.npz", "--patterns", "20000")
	require.Equal(t, exitInterrupted, code)
	require.Empty(t, stdout)
	require.True(t, strings.HasPrefix(stderr, "ptycho: interrupted: "), stderr)
	require.NoFileExists(t, "large.npz")
}

// TestWrongFiles: what a user may give by mistake has an error that reads well,
// and nothing is made or replaced.
func TestWrongFiles(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("folder", 0o750))
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	for line, says := range map[string]string{
		"simulate -o folder":                                 "folder is a directory or a device",
		"simulate -o folder --force":                         "folder is a directory or a device",
		"simulate -o /dev/null --force --patterns 4":         "/dev/null is a directory or a device",
		"simulate -o none/x.npz":                             "none is no directory; make it first",
		"simulate -o file/x.npz":                             "file is no directory",
		"evaluate " + path + " -o folder --force":            "folder is a directory or a device",
		"evaluate " + path + " -o none/x.json":               "none is no directory",
		"run --train-data-file folder":                       "folder",
		"run --config folder":                                "folder: is a directory",
		"run --output-dir file --train-data-file " + path:    "file: not a directory",
		"run --set colour=red":                               `unknown key "colour"`,
		"run --nepochs -3":                                   "training.nepochs is \"-3\"",
		"infer --model-path folder --test-data-file " + path: "no model bundle in this directory",
	} {
		code, stdout, stderr := ptycho(t, strings.Fields(line)...)
		require.Contains(t, []int{exitFailed, exitUsage}, code, line)
		require.Empty(t, stdout, line)
		require.Contains(t, stderr, says, line)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	for says, words := range map[string][]string{
		"--train-data-file is empty":  {"run", "--train-data-file", ""},
		"its name is empty":           {"run", "--train-data-file", path, "--output-dir", ""},
		"the file's name is empty":    {"simulate", "-o", ""},
		"inspect --help":              {"inspect", ""},
		"evaluate --help":             {"evaluate", ""},
		"there is no --model-path":    {"infer", "--model-path", "", "--test-data-file", path},
		"--resume names no directory": {"train", "--resume", ""},
	} {
		code, stdout, stderr := ptycho(t, words...)
		require.Equal(t, exitUsage, code, "%v: %s", words, stderr)
		require.Empty(t, stdout, words)
		require.Contains(t, stderr, says)
	}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing was made")
	info, err := os.Stat("/dev/null")
	require.NoError(t, err)
	require.False(t, info.Mode().IsRegular())
}

// TestReadOnlyPlace: where nothing can be written, nothing is trained. The
// superuser can write everywhere.
func TestReadOnlyPlace(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	dir := filepath.Join(t.TempDir(), "locked")
	require.NoError(t, os.Mkdir(dir, 0o500))
	if err := os.WriteFile(filepath.Join(dir, "try"), nil, 0o600); !errors.Is(err, os.ErrPermission) {
		t.Skip("this user can write into a directory that is read-only")
	}
	code, stdout, stderr := ptycho(t, append([]string{"run", "--train-data-file", path, "--output-dir", filepath.Join(dir, "out")}, small...)...)
	require.Equal(t, exitFailed, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "output directory: ")
	require.Contains(t, stderr, "permission denied")
	require.NotContains(t, stderr, "epoch")
}
