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
	{"model.model_type", "supervised", "pinn", func(c *Config) bool { return c.Training.Model.ModelType == "supervised" }},
	{"model.probe_mask", "true", "false", func(c *Config) bool { return c.Training.Model.ProbeMask }},
	{"model.gaussian_smoothing_sigma", "above 0", "0", func(c *Config) bool { return c.Training.Model.GaussianSmoothingSigma != 0 }},
	{"training.realspace_mae_weight", "above 0", "0", func(c *Config) bool { return c.Training.RealspaceMAEWeight != 0 }},
	{"training.realspace_weight", "above 0", "0", func(c *Config) bool { return c.Training.RealspaceWeight != 0 }},
	{"training.tv_weight", "above 0", "0", func(c *Config) bool { return c.Training.TVWeight != 0 }},
	{"training.positions_provided", "false", "true", func(c *Config) bool { return !c.Training.PositionsProvided }},
	{"training.probe_trainable", "true", "false", func(c *Config) bool { return c.Training.ProbeTrainable }},
	{"training.optimizer", "adamw, sgd", "adam", func(c *Config) bool { return c.Training.Optimizer != "adam" }},
	{"training.weight_decay", "above 0", "0", func(c *Config) bool { return c.Training.WeightDecay != 0 }},
	{"training.scheduler", "exponential, warmup_cosine", "plateau and constant", func(c *Config) bool {
		return c.Training.Scheduler == "exponential" || c.Training.Scheduler == "warmup_cosine"
	}},
	{"training.gradient_clip_val", "above 0", "0", func(c *Config) bool { return c.Training.GradientClipVal != 0 }},
	{"execution.device", "cuda, cuda:N", "auto and cpu", func(c *Config) bool { return strings.HasPrefix(c.Execution.Device, "cuda") }},
	{"execution.precision", "bf16-mixed", "float32 and float64", func(c *Config) bool { return c.Execution.Precision == "bf16-mixed" }},
	{"execution.allow_tf32", "true", "false", func(c *Config) bool { return c.Execution.AllowTF32 }},
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
