package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ptychobridge/ptychobridge/config"
)

// flagError words what is wrong with flags, with the flag that may have been
// meant.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	hint := ""
	if errors.As(err, &unknown) {
		if near := nearestFlag(c, unknown.GetSpecifiedName()); near != "" {
			hint = "; did you mean --" + near + "?"
		}
	}
	return usageError{fmt.Errorf("%w%s; see %s --help", err, hint, c.CommandPath())}
}

// nearestFlag is the flag of a command that begins with name or is nearest to
// it, empty where none is near.
func nearestFlag(c *cobra.Command, name string) string {
	name = strings.ReplaceAll(name, "_", "-")
	if len(name) < 2 {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	for _, known := range names {
		if strings.HasPrefix(known, name) {
			return known
		}
	}
	return config.Nearest(name, names)
}

// noCommand refuses a word that is no command, with the one that may have been
// meant.
func noCommand(c *cobra.Command, name string) error {
	hint := ""
	if near := c.SuggestionsFor(name); len(near) > 0 {
		hint = "; did you mean " + near[0] + "?"
	}
	return usageError{fmt.Errorf("there is no command %q%s; see %s --help", name, hint, c.CommandPath())}
}

// helpCommand makes cobra's command refuse what is no command.
func helpCommand(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			wordHelp(root, c)
		}
	}
}

func wordHelp(root, c *cobra.Command) {
	c.Short = "Print the help of a command"
	c.Long = c.Short + ", as COMMAND --help does."
	c.Example = "  ptycho help run"
	c.Run = nil
	c.RunE = func(_ *cobra.Command, args []string) error {
		about, left, err := root.Find(args)
		if err != nil || len(left) > 0 {
			return noCommand(root, strings.Join(args, " "))
		}
		return about.Help()
	}
}
