package config

import (
	"fmt"
	"strings"
)

// PresetInfo is a set of settings that go together.
type PresetInfo struct {
	Name, Doc string
	Settings  [][2]string // path and value
}

// presets is the one table of them. What they reach, and in which time, stands
// in docs/benchmarks.md.
var presets = []PresetInfo{
	{"fast", "a quick look: half the filters, four times the steps of an epoch, and few epochs", [][2]string{
		{"model.n_filters_scale", "1"},
		{"training.batch_size", "4"},
		{"training.nepochs", "12"},
		{"training.learning_rate", "0.002"},
		{"training.scheduler", "warmup_cosine"},
		{"training.early_stop_patience", "0"},
	}},
	{"balanced", "nearly what the defaults reach, in a quarter of their time", [][2]string{
		{"model.n_filters_scale", "1"},
		{"training.batch_size", "4"},
		{"training.nepochs", "30"},
		{"training.scheduler", "warmup_cosine"},
		{"training.early_stop_patience", "0"},
	}},
	{"reference", "as the reference program trains and stitches", [][2]string{
		{"model.patch_merge", "reference"},
		{"training.warmup_steps", "0"},
		{"reconstruction.weighting", WeightingUniform},
	}},
}

// Presets lists them, the quickest first.
func Presets() []PresetInfo { return presets }

// PresetNames lists their names.
func PresetNames() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.Name
	}
	return names
}

// Preset is the layer of a preset, to be laid below all others. An unknown name
// is a Fault.
func Preset(name string) (Layer, error) {
	for _, p := range presets {
		if p.Name != name {
			continue
		}
		l := Layer{Source: "preset " + name}
		for _, s := range p.Settings {
			if err := l.Set(s[0], s[1]); err != nil {
				panic(fmt.Sprintf("config: BUG: preset %s: %v", name, err))
			}
		}
		return l, nil
	}
	return Layer{}, Fault{Key: "preset", Value: name, Want: strings.Join(PresetNames(), ", ")}
}
