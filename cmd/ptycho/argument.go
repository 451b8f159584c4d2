package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// oneArgument refuses all but one argument, which is not empty; what names it.
func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("found %d arguments; expected one, %s; see %s --help", len(args), what, c.CommandPath())}
		}
		if args[0] == "" {
			return usageError{fmt.Errorf("the argument is empty; expected %s; see %s --help", what, c.CommandPath())}
		}
		return nil
	}
}

// checkOutput refuses, before anything is computed, a file that cannot be
// written or must not be. A file that appears whole takes the place of what has
// its name, so that a device would be gone.
func checkOutput(path string, force bool) error {
	if path == "" {
		return usageError{errors.New("--output: the file's name is empty")}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return usageError{fmt.Errorf("--output: %s is a directory or a device; expected the name of a file", path)}
	case err == nil && !force:
		return usageError{fmt.Errorf("%s exists; nothing is overwritten: give another --output, or --force", path)}
	case err == nil:
		return nil
	}
	if parent, err := os.Stat(filepath.Dir(path)); err != nil || !parent.IsDir() {
		return usageError{fmt.Errorf("--output: %s is no directory; make it first", filepath.Dir(path))}
	}
	return nil
}
