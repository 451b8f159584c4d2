package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/selector"
)

// completionCommand adds cobra's command with an example for each shell.
func completionCommand(a *app, root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	examples := map[string]string{
		"completion": "  ptycho completion bash > /etc/bash_completion.d/ptycho\n  source <(ptycho completion bash)",
		"bash":       "  source <(ptycho completion bash)\n  ptycho completion bash > /etc/bash_completion.d/ptycho",
		"zsh":        "  source <(ptycho completion zsh)\n  ptycho completion zsh > \"${fpath[1]}/_ptycho\"",
		"fish":       "  ptycho completion fish | source\n  ptycho completion fish > ~/.config/fish/completions/ptycho.fish",
		"powershell": "  ptycho completion powershell | Out-String | Invoke-Expression",
	}
	c, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic("ptycho: BUG: there is no completion command")
	}
	c.RunE = a.help
	c.Short = "Print a script that completes commands and flags in a shell"
	c.Long = c.Short + ".\nA new shell knows it where the script is kept; source loads it into this one."
	for _, each := range append(c.Commands(), c) {
		each.Example, each.Args = examples[each.Name()], noArguments
		if each != c {
			each.Long = "Prints the script for " + each.Name() + "."
			each.PreRunE = func(*cobra.Command, []string) error {
				if a.json {
					return usageError{errors.New("--json does not go with completion, which prints a script")}
				}
				return nil
			}
		}
	}
}

// completeSetting completes the values of a setting's flag.
func completeSetting(c *cobra.Command, f config.Field) {
	switch {
	case strings.HasSuffix(f.Key, "_file"):
		_ = c.MarkFlagFilename(f.Flag, "npz") // it was just made; likewise below
	case strings.HasSuffix(f.Key, "_dir"):
		_ = c.MarkFlagDirname(f.Flag)
	default:
		completeValues(c, f.Flag, values(f)...)
	}
}

// completeValues completes a flag that takes one of the values; none completes
// nothing.
func completeValues(c *cobra.Command, flag string, values ...string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// values lists what a setting may be, where that is a list.
func values(f config.Field) []string {
	if f.Key == "backend" { // the selector judges it
		return selector.Backends()
	}
	if f.Kind != config.Text && f.Kind != config.Whole && f.Kind != config.Switch || f.Allowed == "text" {
		return nil
	}
	words := strings.Split(strings.ReplaceAll(f.Allowed, " or ", ", "), ", ")
	scratch := config.Default()
	out := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return f.Set(&scratch, w) != nil })
	if f.Kind == config.Whole && len(out) < len(words) {
		return nil // a range
	}
	return out
}
