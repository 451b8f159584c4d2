//go:build linux

package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shellDir asks the scripts for the directory of a set.
func shellDir(t *testing.T, set string) string {
	t.Helper()
	out, err := shell("set_dir " + set)
	require.NoError(t, err, out)
	return strings.TrimSpace(out)
}

// shell runs a command with what natives.sh defines.
func shell(command string) (string, error) {
	c := exec.Command("bash", "-euc", ". build/natives.sh; "+command)
	c.Dir = ".."
	out, err := c.CombinedOutput()
	return string(out), err
}

// fetch runs fetch.sh with python3 as the given shell script, in an empty
// cache, and gives its output and the cache.
func fetch(t *testing.T, python string, arguments ...string) (output, cache string, err error) {
	t.Helper()
	bin := t.TempDir()
	cache = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\n"+python), 0o755))
	c := exec.Command("./fetch.sh", arguments...)
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PTYCHO_CACHE="+cache, "PTYCHO_LIBTORCH=", "PTYCHO_LIBTENSORFLOW=")
	out, err := c.CombinedOutput()
	return string(out), cache, err
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "something was left behind")
}

// download stands for pip and for unpack.py: it checks that hashes are asked
// for and makes a set of one file.
const download = `
case "$*" in
*pip\ --version) ;;
*pip\ download*--require-hashes*)
  for dest; do :; done
  mkdir "$dest" && echo wheel >"$dest/some.whl" ;;
build/unpack.py*) mkdir "$3/lib" && echo library >"$3/lib/libtorch_cpu.so" ;;
*) echo "unexpected: $*"; exit 1 ;;
esac
`

func TestFetchIsWholeOrNothing(t *testing.T) {
	out, cache, err := fetch(t, download, "torch")
	require.NoError(t, err, out)
	dir := filepath.Join(cache, "torch-"+Version("torch"))
	require.FileExists(t, filepath.Join(dir, "lib", "libtorch_cpu.so"))
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Len(t, entries, 1, "wheels are not kept")

	stamp, err := os.ReadFile(filepath.Join(dir, ".complete"))
	require.NoError(t, err)
	for _, p := range Pinned() {
		if p.Set == "torch" {
			require.Contains(t, string(stamp), p.SHA256)
		}
	}
}

func TestFetchFails(t *testing.T) {
	for name, c := range map[string]struct{ python, want string }{
		"no pip":        {"exit 1", "apt-get install python3-pip"},
		"no connection": {`[ "$3" != download ]`, "the download failed and nothing was changed"},
		"broken wheel":  {strings.Replace(download, "build/unpack.py*)", "build/unpack.py*) exit 1 ;; x)", 1), "unpacking failed and nothing was changed"},
		"interrupted":   {`case "$3" in download) kill -TERM $PPID; sleep 1 ;; esac`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, cache, err := fetch(t, c.python, "torch")
			require.Error(t, err)
			require.Contains(t, out, c.want)
			requireEmpty(t, cache)
		})
	}
}

func TestFetchGivenDirectory(t *testing.T) {
	dir := t.TempDir()
	run := func() (string, error) {
		c := exec.Command("./fetch.sh", "tensorflow")
		c.Env = append(os.Environ(), "PTYCHO_LIBTENSORFLOW="+dir, "PTYCHO_CACHE="+filepath.Join(dir, "no cache"))
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := run()
	require.Error(t, err)
	require.Contains(t, out, dir+" was given and does not hold libtensorflow_cc.so.2")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "libtensorflow_cc.so.2"), nil, 0o644))
	out, err = run()
	require.NoError(t, err, out)
	require.Contains(t, out, "using "+dir)
	require.NoDirExists(t, filepath.Join(dir, "no cache"))
}

func TestFetchUnknownSet(t *testing.T) {
	out, _, err := fetch(t, "exit 1", "theano")
	require.Error(t, err)
	require.Contains(t, out, "no set is named theano; there are: tensorflow torch")
}

func TestFetchDryRun(t *testing.T) {
	out, cache, err := fetch(t, "exit 1", "--dry-run", "torch-gpu")
	require.NoError(t, err, out)
	require.Contains(t, out, "torch=="+Version("torch-gpu")+" --hash=sha256:")
	requireEmpty(t, cache)
}
