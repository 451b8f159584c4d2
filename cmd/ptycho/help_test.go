package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/config"
)

// tree gives all commands that a user sees, the root first.
func tree(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if !c.Hidden {
			all = append(all, tree(c)...)
		}
	}
	return all
}

func newRoot() *cobra.Command {
	a := &app{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	return a.root()
}

// exampleLines gives the command lines of a command's examples, without what a
// shell does around them.
func exampleLines(example string) []string {
	example = strings.ReplaceAll(example, "\\\n", " ")
	around := regexp.MustCompile(`^source <\((.*)\)$`)
	var out []string
	for line := range strings.SplitSeq(example, "\n") {
		line = around.ReplaceAllString(strings.TrimSpace(line), "$1")
		if end := strings.IndexAny(line, ">|"); end >= 0 {
			line = line[:end]
		}
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// TestExamples: every command has examples, which are command lines of the
// program that its flags, arguments and settings accept.
func TestExamples(t *testing.T) {
	for _, c := range tree(newRoot()) {
		require.NotEmpty(t, c.Example, c.CommandPath())
		for _, line := range exampleLines(c.Example) {
			words := strings.Fields(line)
			require.Equal(t, "ptycho", words[0], line)
			root := newRoot()
			command, rest, err := root.Find(words[1:])
			require.NoError(t, err, line)
			require.True(t, command.Runnable(), line)
			if c.HasParent() && c.Name() != "help" {
				require.Contains(t, command.CommandPath(), c.CommandPath(), "%s is an example of another command", line)
			}
			require.NoError(t, command.ParseFlags(rest), line)
			require.NoError(t, command.ValidateArgs(command.Flags().Args()), line)
			requireSettings(t, command, line)
		}
	}
}

// requireSettings judges the values of the settings that a command line gives.
func requireSettings(t *testing.T, c *cobra.Command, line string) {
	t.Helper()
	l := config.Layer{Source: line}
	c.Flags().Visit(func(f *pflag.Flag) {
		switch v := f.Value.(type) {
		case *textFlag:
			require.NoError(t, l.Set(f.Name, v.text), line)
		case pflag.SliceValue:
			if f.Name != "set" {
				return
			}
			for _, pair := range v.GetSlice() {
				key, value, _ := strings.Cut(pair, "=")
				require.NoError(t, l.Set(key, value), line)
			}
		}
	})
	_, err := config.Resolve(l)
	require.NoError(t, err, line)
}

// TestHelpFits: no line of any help is longer than a terminal of 80 columns.
func TestHelpFits(t *testing.T) {
	for _, c := range tree(newRoot()) {
		words := append(strings.Fields(c.CommandPath())[1:], "--help")
		code, stdout, stderr := ptycho(t, words...)
		require.Equal(t, exitDone, code)
		require.Empty(t, stderr)
		require.Contains(t, stdout, "Examples:", words)
		for line := range strings.Lines(stdout) {
			line = strings.TrimRight(line, "\n")
			require.LessOrEqual(t, utf8.RuneCountInString(line), 80, "%v: %s", words, line)
		}
	}
}

// TestSuggestions: a word that is nearly one is answered with it; one that is
// nothing is not.
func TestSuggestions(t *testing.T) {
	for line, says := range map[string]string{
		"rnu":                     "did you mean run?",
		"evalute":                 "did you mean evaluate?",
		"help rnu":                "did you mean run?",
		"run --nepoch 3":          "did you mean --nepochs?",
		"run --train_data-fil x":  "did you mean --train-data-file?",
		"run --train-dat x":       "did you mean --train-data-file?",
		"run --batchsize=4":       "did you mean --batch-size?",
		"infer --mode-path x":     "did you mean --model-path?",
		"version --jsn":           "did you mean --json?",
		"dance":                   "",
		"help dance":              "",
		"run --xylophone":         "",
		"infer --learning-rate 3": "",
	} {
		code, stdout, stderr := ptycho(t, strings.Fields(line)...)
		require.Equal(t, exitUsage, code, line)
		require.Empty(t, stdout, line)
		require.Contains(t, stderr, "--help", line)
		if says == "" {
			require.NotContains(t, stderr, "did you mean", line)
		} else {
			require.Contains(t, stderr, says, line)
		}
	}
}
