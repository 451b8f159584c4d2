package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ptychobridge/ptychobridge/config"
)

// settings collects the configuration that a command line gives: flags, --set
// and a file.
type settings struct {
	preset string // empty: none
	file   string
	set    []string
}

// textFlag is a flag whose text is judged later, with all others.
type textFlag struct {
	text string
	kind config.Kind
}

func (f *textFlag) String() string { return f.text }
func (f *textFlag) Type() string   { return f.kind.String() }
func (f *textFlag) Set(text string) error {
	f.text = text
	return nil
}

// allSections are the sections of a configuration.
var allSections = []string{"model", "data", "training", "reconstruction", "execution"}

// registerPreset adds --preset.
func (s *settings) registerPreset(c *cobra.Command) {
	c.Flags().StringVar(&s.preset, "preset", "", "settings that go together: "+strings.Join(config.PresetNames(), ", ")+"; others go before them")
	completeValues(c, "preset", config.PresetNames()...)
}

// register adds a flag for every setting of the given sections, and --config
// and --set.
func (s *settings) register(c *cobra.Command, sections ...string) {
	s.registerIf(c, func(f config.Field) bool { return slices.Contains(sections, f.Section) })
}

// registerIf is register for the settings that are wanted.
func (s *settings) registerIf(c *cobra.Command, wanted func(config.Field) bool) {
	for _, f := range config.Fields() {
		if !wanted(f) {
			continue
		}
		usage := f.Doc
		if f.Kind != config.Switch && f.Allowed != "text" {
			usage += " (" + f.Allowed + ")"
		}
		flag := c.Flags().VarPF(&textFlag{text: f.Default, kind: f.Kind}, f.Flag, "", usage)
		if f.Kind == config.Switch {
			flag.NoOptDefVal = "true"
		}
		completeSetting(c, f)
	}
	for alias, f := range config.Aliases() {
		if wanted(f) {
			c.Flags().VarP(&textFlag{kind: f.Kind}, alias, "", f.Doc+" (deprecated name)")
			_ = c.Flags().MarkHidden(alias) // it was just made
		}
	}
	c.Flags().StringVarP(&s.file, "config", "c", "", "YAML file with settings; flags go before it")
	_ = c.MarkFlagFilename("config", "yaml", "yml") // it was just made
	c.Flags().StringArrayVar(&s.set, "set", nil, "a setting as key=value, for example training.batch_size=8; may be repeated")
}

// layers gives the settings of preset, file and command line, the weaker first.
// A flag that was not given is in none. All faults come at once, beside the
// layers without what is wrong, so that selector.Resolve can name more.
func (s *settings) layers(c *cobra.Command) ([]config.Layer, error) {
	var layers []config.Layer
	var found faults
	if c.Flags().Changed("preset") {
		l, err := config.Preset(s.preset)
		found.add(err)
		layers = append(layers, l)
	}
	if s.file != "" {
		l, err := config.Load(s.file)
		found.add(err)
		layers = append(layers, l)
	}
	flags := config.Layer{Source: "command line"}
	for _, pair := range s.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			found.add(fmt.Errorf("--set %s: expected key=value", pair))
			continue
		}
		found.add(flags.Set(strings.TrimSpace(key), strings.TrimSpace(value)))
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		if t, ok := f.Value.(*textFlag); ok {
			found.add(flags.Set(f.Name, t.text))
		}
	})
	layers = append(layers, flags)
	if err := found.err(); err != nil {
		return layers, usageError{err}
	}
	return layers, nil
}

// faults are what is wrong with a command line: with its settings, of which one
// list is made wherever they stand, and anything else.
type faults struct {
	settings config.Faults
	others   []error
}

func (f *faults) add(err error) {
	var several config.Faults
	var one config.Fault
	switch {
	case errors.As(err, &several):
		f.settings = append(f.settings, several...)
	case errors.As(err, &one):
		f.settings = append(f.settings, one)
	default:
		f.others = append(f.others, err)
	}
}

func (f *faults) err() error {
	err := errors.Join(f.others...)
	if f.settings == nil {
		return err
	}
	return errors.Join(err, f.settings)
}

// resolve lays the layers over the defaults; the first is the weakest.
func resolve(layers ...config.Layer) (config.Resolved, error) {
	r, err := config.Resolve(layers...)
	if err != nil {
		return r, usageError{err}
	}
	return r, nil
}
