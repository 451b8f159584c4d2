package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// layers gives the settings of the command line, and below them those of the
// file or of the run that goes on. Where only settings are wrong, it gives the
// other ones beside the error, and none where anything else is.
func (r *runner) layers(c *cobra.Command) ([]config.Layer, error) {
	if r.resume == "" {
		if c.Flags().Changed("resume") {
			return nil, usageError{errors.New("--resume names no directory")}
		}
		return r.settings.layers(c)
	}
	for _, flag := range []string{"config", "force", "preset"} {
		if c.Flags().Changed(flag) {
			return nil, usageError{fmt.Errorf("--%s does not go with --resume, which goes on with the settings of the run and in its directory", flag)}
		}
	}
	before, err := r.settingsBefore()
	if err != nil {
		return nil, usageError{err}
	}
	place := config.Layer{Source: "--resume"}
	if err := place.Set("training.output_dir", filepath.Clean(r.resume)); err != nil {
		return nil, usageError{err}
	}
	if err := r.findSimulated(before, &place); err != nil {
		return nil, usageError{err}
	}
	given, err := r.settings.layers(c)
	for _, l := range given {
		if slices.Contains(l.Keys(), "training.output_dir") {
			return nil, usageError{errors.New("training.output_dir does not go with --resume, which goes on in the directory of the run")}
		}
	}
	return append([]config.Layer{before, place}, given...), err
}

// settingsBefore reads the settings of the run that goes on. train does not go
// on where a reconstruction lies: it would be that of another model.
func (r *runner) settingsBefore() (config.Layer, error) {
	before, err := config.Load(filepath.Join(r.resume, fileConfig))
	if info, missing := os.Stat(r.resume); errors.Is(err, os.ErrNotExist) || missing == nil && !info.IsDir() {
		return before, fmt.Errorf("--resume: %s is no directory of a run%s: %w", r.resume, runAbove(r.resume), err)
	}
	if err == nil && r.trainOnly && exists(filepath.Join(r.resume, fileReconstruction)) {
		err = fmt.Errorf("--resume: %s holds %s, which would no longer be that of the model; go on with: %s", r.resume, fileReconstruction, resumeCommand("run", r.resume))
	}
	return before, err
}

// runAbove is what a message adds where a path lies in a run: its checkpoints, or
// a file of either.
func runAbove(path string) string {
	run := filepath.Clean(path)
	for range 2 {
		run = filepath.Dir(run)
		if exists(filepath.Join(run, fileConfig)) {
			return "; that of the run is " + run
		}
	}
	return ""
}

// resumeCommand is the command line that goes on with the run in a directory.
func resumeCommand(command, directory string) string {
	return "ptycho " + command + " --resume " + word(directory)
}

// word is text as one word of a shell's command line.
func word(text string) string {
	if strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+:,@%=", r)
	}) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// findSimulated points to the set that the run simulated, which lies in its
// directory, wherever that is now.
func (r *runner) findSimulated(before config.Layer, place *config.Layer) error {
	resolved, err := resolve(before)
	if err != nil {
		return err
	}
	own := filepath.Join(r.resume, fileSimulated)
	if _, err := os.Stat(own); err != nil || filepath.Base(resolved.Config.Training.TrainDataFile) != fileSimulated {
		return nil
	}
	return place.Set("training.train_data_file", own)
}

// checkResume refuses, before anything is written, to go on with other
// settings or data than the run had.
func (r *runner) checkResume() error {
	if r.resume == "" || r.train == nil {
		return nil
	}
	checkpoint, err := workflow.OpenCheckpoint(r.resume)
	if err != nil {
		return err
	}
	err = checkpoint.Check(r.train, r.test, r.resolved.Config)
	if errors.Is(err, workflow.ErrOtherTraining) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	r.line("resume   %s: %d epochs, %d steps", checkpoint.Path, checkpoint.Epochs(), checkpoint.Steps())
	return nil
}

// directory is the place of the run.
func (r *runner) directory() (*directory, error) {
	if r.resume != "" {
		return &directory{path: filepath.Clean(r.resume)}, nil
	}
	numbered := r.resolved.Sources["training.output_dir"] == "default"
	t := r.resolved.Config.Training
	return newDirectory(t.OutputDir, numbered, r.force, []string{t.TrainDataFile, t.TestDataFile, r.settings.file})
}

// stoppedInTraining says whether an error is that of a training that was
// cancelled and can go on.
func stoppedInTraining(err error) bool {
	var stopped *workflow.Interrupted
	return errors.As(err, &stopped)
}

// resumable is the error of a run that failed and of which there are
// checkpoints: they are kept.
func (r *runner) resumable(err error, d *directory) error {
	kept := ""
	if !stoppedInTraining(err) { // that says what is kept
		kept = "; its checkpoints are kept"
	}
	return fmt.Errorf("%w%s%s%s", err, kept, d.howToResume(r.command()), d.replaced())
}
