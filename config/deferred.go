package config

import (
	"fmt"
	"strings"
)

// Deferred is a setting that is allowed but not supported by this version.
type Deferred struct {
	Key       string // section and key
	Value     string // as the configuration has it; in DeferredFeatures: the values that are refused
	Supported string // what this version does instead
}

// NotSupported is the error of Config.Unsupported.
type NotSupported []Deferred

// Error names every setting, one on a line where there are several.
func (n NotSupported) Error() string {
	lines := make([]string, len(n))
	for i, d := range n {
		lines[i] = fmt.Sprintf("%s %q is not supported by this version, which has %s", d.Key, d.Value, d.Supported)
	}
	if len(lines) == 1 {
		return "config: " + lines[0]
	}
	return fmt.Sprintf("config: %d settings are not supported:\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// deferred is the one table of what is refused by name.
var deferred = []struct {
	key, refused, supported string
	when                    func(*Config) bool
}{
	{"model.model_type", "supervised without object_big at gridsize above 1", "supervised with object_big or gridsize 1", func(c *Config) bool {
		return c.Training.Model.ModelType == "supervised" && c.Training.Model.Gridsize > 1 && !c.Training.Model.ObjectBig
	}},
	{"training.positions_provided", "false", "true", func(c *Config) bool { return !c.Training.PositionsProvided }},
}

// Unsupported refuses settings that are allowed but not supported by this
// version. The error is a NotSupported with all there are.
func (c Config) Unsupported() error {
	var found NotSupported
	for _, d := range deferred {
		if d.when(&c) {
			f, _ := Lookup(d.key) // the keys exist, see the tests
			found = append(found, Deferred{d.key, f.Get(c), d.supported})
		}
	}
	if found == nil {
		return nil
	}
	return found
}

// DeferredFeatures lists what Unsupported refuses, for the documentation.
func DeferredFeatures() []Deferred {
	out := make([]Deferred, len(deferred))
	for i, d := range deferred {
		out[i] = Deferred{d.key, d.refused, d.supported}
	}
	return out
}
