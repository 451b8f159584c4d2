package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Validate checks every range and the rules between settings. The error is a
// Faults with all there are. Any text passes as backend: package selector
// judges it. Allowed values that this version does not support pass too, see
// Unsupported.
func (c Config) Validate() error {
	return c.faults(sections()...).err()
}

// Validate checks the section training and its model, see Config.Validate.
func (c TrainingConfig) Validate() error {
	return Config{Training: c}.faults("model", "training").err()
}

// Validate checks the section model, see Config.Validate.
func (c ModelConfig) Validate() error {
	return Config{Training: TrainingConfig{Model: c}}.faults("model").err()
}

// Validate checks the section data, see Config.Validate.
func (c DataConfig) Validate() error { return Config{Data: c}.faults("data").err() }

// Validate checks the section execution, see Config.Validate.
func (c ExecutionConfig) Validate() error { return Config{Execution: c}.faults("execution").err() }

// Validate checks an inference, see Config.Validate. Numbers and texts of the
// model that are not set pass, and so does a NeighborCount of 0.
func (c InferenceConfig) Validate() error {
	faults := slices.DeleteFunc(c.whole().faults("model", "training"), func(f Fault) bool {
		return f.Key == "training.neighbor_count" && c.NeighborCount == 0
	})
	for i, f := range faults {
		if key, ok := strings.CutPrefix(f.Key, "training."); ok {
			faults[i].Key = "inference." + key
		}
	}
	if !text.ok(c.ModelPath) {
		faults = append(faults, Fault{Key: "inference.model_path", Value: c.ModelPath, Want: text.text})
	}
	return faults.err()
}

// faults checks some sections. A rule between sections is checked with the
// section of its key.
func (c Config) faults(sections ...string) Faults {
	var faults Faults
	for _, f := range table {
		if slices.Contains(sections, f.Section) && !f.ok(&c) {
			faults = append(faults, f.fault(&c))
		}
	}
	if len(faults) > 0 {
		return faults // rules between values are about values in range
	}
	for _, r := range rules {
		section, _, _ := strings.Cut(r.key, ".")
		if !slices.Contains(sections, section) {
			continue
		}
		if want := r.want(&c); want != "" {
			f, _ := Lookup(r.key) // the rules' keys exist, see the tests
			faults = append(faults, Fault{Key: r.key, Value: f.Get(c), Want: want})
		}
	}
	return faults
}

// rules are about several settings at once. want is empty where the rule is
// kept; doc says the rule in the documentation.
var rules = []struct {
	key, doc string
	want     func(*Config) string
}{
	{"model.n_filters_scale", "every channel count is a whole number: a multiple of 1/32 at N = 64, of 1/16 at 128, of 1/8 at 256; above 1/8 with `pad_object`", wholeChannels},
	{"training.realspace_mae_weight", "above 0 only where `realspace_weight` is", func(c *Config) string {
		if c.Training.RealspaceMAEWeight > 0 && c.Training.RealspaceWeight == 0 {
			return "above 0 only where realspace_weight is above 0"
		}
		return ""
	}},
	{"training.nll_weight", "0 only where `mae_weight` is above 0 or `model_type` is supervised", func(c *Config) string {
		t := c.Training
		if t.Model.ModelType == "pinn" && t.NLLWeight == 0 && t.MAEWeight == 0 {
			return "above 0 where mae_weight is 0: nothing of the measurement would be fitted"
		}
		return ""
	}},
	{"training.realspace_weight", "above 0 only where `realspace_mae_weight` or `tv_weight` is", func(c *Config) string {
		t := c.Training
		if t.RealspaceWeight > 0 && t.RealspaceMAEWeight == 0 && t.TVWeight == 0 {
			return "above 0 only where tv_weight or realspace_mae_weight is above 0"
		}
		return ""
	}},
	{"training.tv_weight", "above 0 only where `realspace_weight` is", func(c *Config) string {
		if c.Training.TVWeight > 0 && c.Training.RealspaceWeight == 0 {
			return "above 0 only where realspace_weight is above 0"
		}
		return ""
	}},
	{"training.probe_trainable", "false with `model_type: supervised`, whose loss does not depend on the probe", func(c *Config) string {
		if c.Training.ProbeTrainable && c.Training.Model.ModelType == "supervised" {
			return "false with model_type supervised, whose loss does not depend on the probe"
		}
		return ""
	}},
	{"training.weight_decay", "0 with `optimizer: adam`", func(c *Config) string {
		if c.Training.WeightDecay > 0 && c.Training.Optimizer == "adam" {
			return "0 with optimizer adam; adamw and sgd have it"
		}
		return ""
	}},
	{"training.neighbor_count", "`gridsize`² or more", func(c *Config) string {
		return needsGroup(c.Training.NeighborCount, c.Training.Model.Gridsize)
	}},
	{"training.neighbor_pool_size", "0, or `gridsize`² or more", func(c *Config) string {
		if c.Training.NeighborPoolSize == 0 {
			return ""
		}
		return needsGroup(c.Training.NeighborPoolSize, c.Training.Model.Gridsize)
	}},
	{"training.n_subsample", "0, or `gridsize`² or more", func(c *Config) string {
		if c.Training.NSubsample == 0 {
			return ""
		}
		return needsGroup(c.Training.NSubsample, c.Training.Model.Gridsize)
	}},
	{"training.n_groups", "more than there are patterns only with `gridsize` above 1 and `enable_oversampling`", func(c *Config) string {
		t := c.Training
		if t.NSubsample > 0 && t.NGroups > t.NSubsample && (t.Model.Gridsize == 1 || !t.EnableOversampling) {
			return fmt.Sprintf("at most n_subsample = %d; more groups than patterns need gridsize above 1 and enable_oversampling", t.NSubsample)
		}
		return ""
	}},
	{"reconstruction.M", "at most N; at most N/2 where a patch has nothing beyond its central square: with `patch_merge: central` and `object_big`, or with `pad_object` and without `probe_big`", func(c *Config) string {
		if c.Reconstruction.M > c.Training.Model.N {
			return fmt.Sprintf("0 (20·N/64) or 1 to N = %d", c.Training.Model.N)
		}
		m := c.Training.Model
		half := m.PatchMerge == "central" && m.ObjectBig || m.PadObject && !m.ProbeBig
		if half && c.Reconstruction.M > m.N/2 {
			return fmt.Sprintf("0 (20·N/64) or 1 to N/2 = %d: with patch_merge central, or without probe_big, a patch has nothing beyond its central N/2 square", m.N/2)
		}
		return ""
	}},
}

// needsGroup: a group is chosen among enough patterns, count ≥ g².
func needsGroup(count, gridsize int) string {
	if count/gridsize < gridsize {
		return fmt.Sprintf("gridsize² or more, with gridsize = %d", gridsize)
	}
	return ""
}

// fewestFilters is, for each N, the smallest channel count of the network
// before n_filters_scale; it divides all others.
var fewestFilters = map[int]float64{64: 32, 128: 16, 256: 8}

// The last decoder stage has lastFilters·n_filters_scale channels, of which
// pad_object keeps borderFilters for the border.
const lastFilters, borderFilters = 32, 4

func wholeChannels(c *Config) string {
	m := c.Training.Model
	fewest := fewestFilters[m.N]
	if n := fewest * m.NFiltersScale; n < 1 || n != math.Trunc(n) {
		return fmt.Sprintf("a multiple of 1/%g, for whole numbers of channels at N = %d", fewest, m.N)
	}
	if m.PadObject && lastFilters*m.NFiltersScale <= borderFilters {
		return fmt.Sprintf("above %d/%d with pad_object, which keeps %d channels for the border", borderFilters, lastFilters, borderFilters)
	}
	return ""
}
