package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// outputs are the files of a run; a directory that holds anything else is not
// replaced.
var outputs = []string{
	fileConfig, fileRun, fileHistory, fileReconstruction, fileAmplitude, filePhase, fileComparison, fileMetrics, fileBundle, fileSimulated,
}

// directory is the place of a run's files. The one that it replaces stands
// aside until the run has succeeded.
type directory struct {
	path  string
	aside string // empty: nothing is replaced
	made  bool
}

// newDirectory makes the directory of a run. Where numbered is true, it is the
// next free <path>/<number>; else path itself, which must not hold anything
// unless force says that an earlier run is to be replaced.
func newDirectory(path string, numbered, force bool) (*directory, error) {
	if numbered {
		return nextFree(path)
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return &directory{path: path, made: true}, os.MkdirAll(path, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	if len(entries) == 0 {
		return &directory{path: path}, nil
	}
	if !force {
		return nil, usageError{fmt.Errorf("output directory %s is not empty; nothing is overwritten: give another --output-dir, or --force to replace an earlier run", path)}
	}
	for _, e := range entries {
		if !slices.Contains(outputs, e.Name()) {
			return nil, usageError{fmt.Errorf("output directory %s holds %s, which is no file of a run; --force replaces earlier runs only", path, e.Name())}
		}
	}
	d := &directory{path: path, aside: filepath.Clean(path) + ".replaced", made: true}
	if err := os.Rename(path, d.aside); err != nil {
		return nil, fmt.Errorf("output directory: %w; if %s is the rest of an earlier failure, move it away", err, d.aside)
	}
	return d, os.Mkdir(path, 0o755)
}

func nextFree(parent string) (*directory, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	for number := 1; ; number++ {
		path := filepath.Join(parent, strconv.Itoa(number))
		err := os.Mkdir(path, 0o755) // only one of two runs at once gets it
		if err == nil {
			return &directory{path: path, made: true}, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("output directory: %w", err)
		}
	}
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

// keep ends a run that succeeded: what it replaced is removed.
func (d *directory) keep() error {
	if d.aside == "" {
		return nil
	}
	return os.RemoveAll(d.aside)
}

// undo ends a run that failed: its files are removed, and what it would have
// replaced is put back.
func (d *directory) undo() error {
	for _, name := range outputs {
		if err := os.Remove(d.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if d.made {
		if err := os.Remove(d.path); err != nil {
			return err
		}
	}
	if d.aside == "" {
		return nil
	}
	return os.Rename(d.aside, d.path)
}
