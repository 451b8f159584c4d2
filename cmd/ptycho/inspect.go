package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/bundle"
)

func inspectCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect PATH",
		Short: "Say what a data file, a model, a checkpoint or a run holds",
		Long: `Says what is at PATH and recognises which it is:

an NPZ file      its arrays, and what they mean as a scan
a model          what trained it, when, its size, constants and settings; in the
                 directory of a run that was stopped its checkpoints too
a checkpoint     the same, and where the training stood
a run            its backend, epochs, losses, metrics, files and checkpoints;
                 PATH is the directory or its run.json
checkpoints      of a run that was stopped, or in its directory of them: steps,
                 epochs, validation loss, size, and which one is the best

No native library is needed. --json prints all there is.`,
		Example: `  ptycho inspect scan.npz
  ptycho inspect training_outputs/1/model.ptycho.zip --json
  ptycho inspect training_outputs/1
  ptycho inspect training_outputs/1/checkpoints`,
		Args: oneArgument("a data file, a model, a checkpoint or the directory of a run"),
		RunE: func(c *cobra.Command, args []string) error {
			err := interruptible(c.Context(), func() error { return a.inspect(args[0]) })
			if err != nil {
				return fmt.Errorf("inspect: %w", err)
			}
			return nil
		},
	}
}

// inspected is what was found; it words itself in lines of 80 columns, paths
// apart.
type inspected interface{ table() string }

func (a *app) inspect(path string) error {
	found, err := look(path)
	if found == nil {
		return err
	}
	if a.json {
		return errors.Join(err, a.printJSON(found))
	}
	_, failed := io.WriteString(a.stdout, found.table())
	return errors.Join(err, failed)
}

// look recognises what is at path. There may be both something to show and an
// error.
func look(path string) (inspected, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, given(err)
	}
	if info.IsDir() {
		return lookDirectory(path)
	}
	if filepath.Base(path) == fileRun {
		return inspectRun(filepath.Dir(path))
	}
	switch names, err := archived(path); {
	case err == nil && isNPZ(names), filepath.Ext(path) == ".npz":
		return inspectData(path)
	case filepath.Ext(path) == ".zip", err == nil:
		return inspectBundle(path)
	default:
		return nil, fmt.Errorf("%s is neither a data file (NPZ) nor a model (%s) nor the directory of a run: %w", path, bundle.FileName, err)
	}
}

func lookDirectory(path string) (inspected, error) {
	switch {
	case exists(filepath.Join(path, fileRun)):
		return inspectRun(path)
	case exists(filepath.Join(path, fileBundle)):
		return inspectBundle(path)
	}
	if found, err := inspectCheckpoints(path); found != nil || err != nil {
		return found, err
	}
	return nil, fmt.Errorf("%s holds neither %s, as the directory of a run does, nor %s, nor checkpoints", path, fileRun, fileBundle)
}

// archived lists the members of a zip archive.
func archived(path string) ([]string, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close() //nolint:errcheck // it was only read
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
	}
	return names, nil
}

// isNPZ says whether all members are arrays.
func isNPZ(names []string) bool {
	for _, name := range names {
		if filepath.Ext(name) != ".npy" {
			return false
		}
	}
	return len(names) > 0
}

// sheet collects lines of a name and a value.
type sheet struct{ bytes.Buffer }

const (
	columns = 80
	margin  = 14 // columns of the names
)

// path adds a line that may be longer than the others.
func (s *sheet) path(name, path string) { fmt.Fprintf(s, "%-*s%s\n", margin, name, harmless(path)) }

// row adds a value, wrapped at spaces.
func (s *sheet) row(name, format string, arguments ...any) {
	words := strings.Fields(harmless(fmt.Sprintf(format, arguments...)))
	line := fmt.Sprintf("%-*s", margin, name)
	empty := true
	for _, w := range words {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > columns {
			fmt.Fprintln(s, line)
			line, empty = strings.Repeat(" ", margin), true
		}
		if !empty {
			line += " "
		}
		line += w
		empty = false
	}
	fmt.Fprintln(s, line)
}

// harmless replaces what a file could do to a terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

// shape words the sides of an array.
func shape(sides []int) string {
	if len(sides) == 0 {
		return "single value"
	}
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(sides), "[]"), " ", " × ")
}
