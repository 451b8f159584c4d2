package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ptychobridge/ptychobridge/workflow"
)

// outputs are the files of a run; a directory that holds anything else is not
// replaced.
var outputs = []string{
	fileConfig, fileRun, fileHistory, fileReconstruction, fileAmplitude, filePhase, fileComparison, fileMetrics, fileBundle, fileSimulated, filePredictions,
	fileReport,
}

// dirCheckpoints is a run's directory of checkpoints.
const dirCheckpoints = workflow.CheckpointDirectory

// directory is the place of a run's files. The one that it replaces stands
// aside until the run has succeeded.
type directory struct {
	path  string
	aside string // empty: nothing is replaced
	made  bool
}

// newDirectory makes the directory of a run. Where numbered is true, it is the
// next free <path>/<number>; else path itself, which must not hold anything
// unless force says that an earlier run is to be replaced. Files that the run
// reads are never replaced.
func newDirectory(path string, numbered, force bool, reads []string) (*directory, error) {
	if path == "" {
		return nil, usageError{errors.New("output directory: its name is empty; give an --output-dir")}
	}
	d, err := openDirectory(path, numbered, force, reads)
	var usage usageError
	if err != nil && !errors.As(err, &usage) {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	return d, err
}

func openDirectory(path string, numbered, force bool, reads []string) (*directory, error) {
	if numbered {
		return nextFree(path)
	}
	aside := filepath.Clean(path) + ".replaced"
	if _, err := os.Lstat(aside); err == nil {
		return nil, usageError{fmt.Errorf("%s is an earlier run that was to be replaced by one that never ended; move it back to %s or remove it", aside, path)}
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return &directory{path: path, made: true}, os.MkdirAll(path, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return &directory{path: path}, nil
	}
	if !force {
		return nil, usageError{fmt.Errorf("output directory %s is not empty; nothing is overwritten: give another --output-dir, or --force to replace an earlier run", path)}
	}
	if err := replaceable(path, entries, reads); err != nil {
		return nil, usageError{err}
	}
	d := &directory{path: path, aside: aside, made: true}
	if err := os.Rename(path, d.aside); err != nil {
		return nil, err
	}
	return d, os.Mkdir(path, 0o755)
}

// replaceable refuses to replace a directory that is not an earlier run and
// nothing else, or that holds what the new run reads.
func replaceable(path string, entries []os.DirEntry, reads []string) error {
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		return fmt.Errorf("output directory %s is a link; --force replaces a directory only: name the one that it leads to", path)
	}
	run := false
	for _, e := range entries {
		if e.Name() == dirCheckpoints && e.IsDir() {
			if err := onlyCheckpoints(filepath.Join(path, dirCheckpoints)); err != nil {
				return err
			}
			continue
		}
		if !slices.Contains(outputs, e.Name()) {
			return fmt.Errorf("output directory %s holds %s, which is no file of a run; --force replaces earlier runs only", path, e.Name())
		}
		run = run || e.Name() == fileRun
	}
	if !run {
		return fmt.Errorf("output directory %s holds no %s and so no run that has ended; --force replaces earlier runs only%s", path, fileRun, (&directory{path: path}).howToResume("run"))
	}
	for _, file := range reads {
		if inside(file, path) {
			return fmt.Errorf("output directory %s holds %s, which this run reads; give another --output-dir, or move the file", path, file)
		}
	}
	return nil
}

// inside says whether a file lies in a directory, whatever links lead there.
func inside(file, directory string) bool {
	at, err := filepath.EvalSymlinks(file)
	if err != nil {
		return false
	}
	a, err := os.Stat(filepath.Dir(at))
	if err != nil {
		return false
	}
	b, err := os.Stat(directory)
	return err == nil && os.SameFile(a, b)
}

func nextFree(parent string) (*directory, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	for number := 1; ; number++ {
		path := filepath.Join(parent, strconv.Itoa(number))
		err := os.Mkdir(path, 0o755) // only one of two runs at once gets it
		if err == nil {
			return &directory{path: path, made: true}, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

// replaced says where the run is that this one would have replaced.
func (d *directory) replaced() string {
	if d.aside == "" {
		return ""
	}
	return "; the earlier run is kept in " + d.aside
}

// keep ends a run that succeeded: what it replaced is removed.
func (d *directory) keep() error {
	if d.aside == "" {
		return nil
	}
	return os.RemoveAll(d.aside)
}

// onlyCheckpoints refuses a directory with anything else in it.
func onlyCheckpoints(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !workflow.IsCheckpointFile(e.Name()) {
			return fmt.Errorf("%s holds %s, which is no checkpoint; --force replaces earlier runs only", path, e.Name())
		}
	}
	return nil
}

// checkpoints says whether there is one from which the run can go on.
func (d *directory) checkpoints() bool {
	_, err := workflow.OpenCheckpoint(d.file(dirCheckpoints))
	return err == nil
}

// howToResume is what a message adds where there are checkpoints.
func (d *directory) howToResume(command string) string {
	if !d.checkpoints() {
		return ""
	}
	return "; resume with: " + resumeCommand(command, d.path)
}

// removeCheckpoints removes what a training writes into its directory of
// checkpoints, and that directory if nothing else is in it.
func (d *directory) removeCheckpoints() error {
	entries, err := os.ReadDir(d.file(dirCheckpoints))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && workflow.IsCheckpointFile(e.Name()) {
			if err := os.Remove(filepath.Join(d.file(dirCheckpoints), e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(d.file(dirCheckpoints))
}

// undo ends a run that failed: its files are removed, and what it would have
// replaced is put back.
func (d *directory) undo() error {
	for _, name := range outputs {
		if err := os.Remove(d.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := d.removeCheckpoints(); err != nil {
		return err
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
