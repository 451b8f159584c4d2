package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/build"
	"github.com/ptychobridge/ptychobridge/selector"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // usage or configuration
	exitUnavailable = 3 // the backend is not in this build or on this machine
	exitInterrupted = 130
)

const version = "0.1.0-dev"

// revision is the commit, set by the linker.
var revision string

// app is one call of the program.
type app struct {
	stdout, stderr io.Writer
	screen         *screen // stderr, with the bar on it
	json, quiet    bool
}

// Main runs the command line and gives the exit code. Results go to stdout,
// progress and errors to stderr. When ctx is cancelled, the command stops and
// the code is 130.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := newScreen(stderr)
	a := &app{stdout: stdout, stderr: s, screen: s}
	stderr = s
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var said quiet
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(stderr, "ptycho: interrupted: %v\n", err)
	case !errors.As(err, &said):
		fmt.Fprintf(stderr, "ptycho: %v\n", notLookedIn(err))
	}
	return exitCode(err)
}

// notLookedIn adds to the error of a missing runtime why it was not looked for
// in the cache.
func notLookedIn(err error) error {
	if _, cache := build.TensorFlowDir(); cache != nil && errors.Is(err, bridge.ErrUnavailable) {
		return fmt.Errorf("%w\nIt was not looked for in the cache: %w", err, cache)
	}
	return err
}

// usageError is a fault of the command line or of the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// quiet is an error that the user has already been told of.
type quiet struct{ error }

func (e quiet) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	switch {
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.Is(err, selector.ErrInvalidBackend), errors.Is(err, selector.ErrInvalidConfig):
		return exitUsage
	case errors.Is(err, bridge.ErrUnavailable):
		return exitUnavailable
	}
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "ptycho",
		Version: version,
		Short:   "Ptychographic reconstruction with PtychoPINN on TensorFlow or LibTorch",
		Long: `ptycho recovers a complex object from the diffraction patterns of a
ptychographic scan. It trains the PtychoPINN network on the measured patterns
alone, on the native TensorFlow or LibTorch library as --backend says.`,
		Example:       "  ptycho run --train-data-file scan.npz --nphotons 4.4e5\n  ptycho run --backend pytorch",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
		RunE:          a.help,

		SuggestionsMinimumDistance: 2,
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print results as JSON")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages |", "FlagUsagesWrapped 80 |"))
	// --n_groups is --n-groups.
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.AddCommand(runCommand(a), trainCommand(a), inferCommand(a), simulateCommand(a), evaluateCommand(a), inspectCommand(a), parityCommand(a), parityWorkerCommand(a), benchCommand(a), benchWorker(a), doctorCommand(a), versionCommand(a))
	completionCommand(a, root)
	helpCommand(root)
	return root
}

// help is what a command does that only has others below it.
func (a *app) help(c *cobra.Command, _ []string) error {
	if a.json {
		return usageError{fmt.Errorf("--json needs a command; see %s --help", c.CommandPath())}
	}
	return c.Help()
}

// noArguments refuses words that no command knows.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if args[0] == "true" || args[0] == "false" {
		hint = " (a switch is written --flag=" + args[0] + ")"
	}
	if c.HasSubCommands() {
		return noCommand(c, args[0])
	}
	return usageError{fmt.Errorf("unexpected argument %q%s; see %s --help", args[0], hint, c.CommandPath())}
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  ptycho version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return json.NewEncoder(a.stdout).Encode(map[string]string{"version": version, "revision": revision, "program": versionLine()})
			}
			_, err := fmt.Fprintln(a.stdout, versionLine())
			return err
		},
	}
}

// versionLine gives the program's version and what it was built with; it
// touches no runtime.
func versionLine() string {
	line := "ptycho " + version
	if revision != "" {
		line += " (" + revision + ")"
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return line
	}
	var tags string
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			tags = ", tags " + s.Value
		}
	}
	return fmt.Sprintf("%s, %s %s/%s%s", line, runtime.Version(), runtime.GOOS, runtime.GOARCH, tags)
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
