package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// earlier makes the directory of an earlier run with the given files.
func earlier(t *testing.T, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "result")
	require.NoError(t, os.Mkdir(dir, 0o750))
	for _, name := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	return dir
}

func TestForceRefuses(t *testing.T) {
	require.NotContains(t, outputs, "thesis.tex")
	foreign := earlier(t, fileRun, "thesis.tex")
	unfinished := earlier(t, fileConfig)
	own := earlier(t, fileRun, fileSimulated)
	linked := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(earlier(t, fileRun), linked))
	stale := earlier(t, fileRun)
	require.NoError(t, os.Mkdir(stale+".replaced", 0o750))
	input := filepath.Join(t.TempDir(), "input.npz")
	require.NoError(t, os.Symlink(filepath.Join(own, fileSimulated), input))
	for _, c := range []struct {
		dir  string
		read string
		says string
	}{
		{foreign, "", "holds thesis.tex, which is no file of a run"},
		{unfinished, "", "holds no run.json"},
		{own, filepath.Join(own, fileSimulated), "which this run reads"},
		{own, input, "which this run reads"},
		{linked, "", "is a link"},
		{stale, "", "is an earlier run that was to be replaced"},
		{"", "", "its name is empty"},
	} {
		_, err := newDirectory(c.dir, false, true, []string{c.read})
		require.ErrorContains(t, err, c.says)
		require.Equal(t, exitUsage, exitCode(err))
	}
	require.FileExists(t, filepath.Join(foreign, "thesis.tex"))
	require.FileExists(t, filepath.Join(own, fileSimulated))
}

func TestReplaceKeepAndUndo(t *testing.T) {
	dir := earlier(t, fileRun)
	d, err := newDirectory(dir, false, true, nil)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir+".replaced", fileRun))
	require.Contains(t, d.replaced(), dir+".replaced")
	require.NoError(t, os.WriteFile(d.file(fileConfig), nil, 0o600))
	require.NoError(t, d.undo())
	require.FileExists(t, filepath.Join(dir, fileRun))
	require.NoFileExists(t, filepath.Join(dir, fileConfig))

	d, err = newDirectory(dir, false, true, nil)
	require.NoError(t, err)
	require.NoError(t, d.keep())
	require.NoDirExists(t, dir+".replaced")
	require.NoFileExists(t, filepath.Join(dir, fileRun))
}

func TestNumbered(t *testing.T) {
	parent := t.TempDir()
	for _, want := range []string{"1", "2", "3"} {
		d, err := newDirectory(parent, true, false, nil)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(parent, want), d.path)
	}
	d, err := newDirectory(filepath.Join(parent, "own"), false, false, nil)
	require.NoError(t, err)
	require.NoError(t, d.undo())
	require.NoDirExists(t, filepath.Join(parent, "own"))
	_, err = newDirectory(parent, false, false, nil)
	require.ErrorContains(t, err, "is not empty; nothing is overwritten")
}
