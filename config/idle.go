package config

import "fmt"

// idle are settings that do nothing beside others. doc says when, after "has no
// effect".
var idle = []struct {
	key, doc string
	when     func(*Config) bool
}{
	{"model.probe_big", "without pad_object, where there is no border to fill", func(c *Config) bool { return !c.Training.Model.PadObject }},
	{"model.patch_merge", "without object_big, but for the canvas of reference at gridsize above 1", func(c *Config) bool {
		m := c.Training.Model
		return !m.ObjectBig && (m.Gridsize == 1 || m.PatchMerge != "reference")
	}},
	{"training.mae_weight", "with model_type supervised", supervised},
	{"training.nll_weight", "with model_type supervised", supervised},
	{"training.subsample_seed", "where all patterns are taken: without n_subsample, and at gridsize 1 without n_groups", func(c *Config) bool { return !c.Training.chooses() }},
	{"training.neighbor_count", "at gridsize 1", func(c *Config) bool { return c.Training.Model.Gridsize == 1 }},
	{"training.enable_oversampling", "at gridsize 1", func(c *Config) bool {
		return c.Training.EnableOversampling && c.Training.Model.Gridsize == 1
	}},
	{"training.neighbor_pool_size", "without enable_oversampling and gridsize above 1", func(c *Config) bool {
		return !c.Training.EnableOversampling || c.Training.Model.Gridsize == 1
	}},
	{"training.sequential_sampling", "where all patterns or groups are taken: without n_groups, and at gridsize 1 without n_subsample", func(c *Config) bool {
		t := c.Training
		return t.SequentialSampling && t.NGroups == 0 && (t.Model.Gridsize > 1 || t.NSubsample == 0)
	}},
	{"training.adam_beta1", "with optimizer sgd", func(c *Config) bool { return c.Training.Optimizer == "sgd" }},
	{"training.adam_beta2", "with optimizer sgd", func(c *Config) bool { return c.Training.Optimizer == "sgd" }},
	{"training.momentum", "with optimizer adam or adamw", func(c *Config) bool { return c.Training.Optimizer != "sgd" }},
	{"training.scheduler_factor", "with scheduler constant or warmup_cosine", func(c *Config) bool {
		return c.Training.Scheduler == "constant" || c.Training.Scheduler == "warmup_cosine"
	}},
	{"training.scheduler_patience", "with another scheduler than plateau", func(c *Config) bool { return c.Training.Scheduler != "plateau" }},
	{"training.min_lr", "with scheduler constant", func(c *Config) bool { return c.Training.Scheduler == "constant" }},
	{"training.gradient_clip_algorithm", "without gradient_clip_val", func(c *Config) bool { return c.Training.GradientClipVal == 0 }},
	{"training.validation_split", "with test_data_file, which is validated on", func(c *Config) bool { return c.Training.TestDataFile != "" }},
	{"training.checkpoint_keep", "with checkpoint_every 0", func(c *Config) bool { return c.Training.CheckpointEvery == 0 }},
	{"execution.allow_tf32", "with device cpu", func(c *Config) bool { return c.Execution.AllowTF32 && c.Execution.Device == "cpu" }},
	{"reconstruction.M", "without do_stitching", notStitched},
	{"reconstruction.flip_x", "without do_stitching", notStitched},
	{"reconstruction.flip_y", "without do_stitching", notStitched},
	{"reconstruction.transpose", "without do_stitching", notStitched},
	{"reconstruction.weighting", "without do_stitching", notStitched},
}

func supervised(c *Config) bool  { return c.Training.Model.ModelType == "supervised" }
func notStitched(c *Config) bool { return !c.Reconstruction.DoStitching }

// chooses says whether some of the patterns are chosen by a seed.
func (c TrainingConfig) chooses() bool {
	return c.NSubsample > 0 || c.Model.Gridsize == 1 && c.NGroups > 0
}

// idle warns of the settings that were given and have no effect. givers are the
// layers that the settings come from.
func (r *Resolved) idle(givers map[string]*Layer) {
	for _, i := range idle {
		l := givers[i.key]
		if l == nil || l.ofModel() || !i.when(&r.Config) {
			continue
		}
		f, _ := Lookup(i.key) // the keys exist, see the tests
		if l.whole(f.Section) && f.Get(r.Config) == f.Default {
			continue
		}
		place := l.Source
		if line := l.values[i.key].line; line > 0 {
			place = fmt.Sprintf("%s:%d", place, line)
		}
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s: %s has no effect %s", place, i.key, i.doc))
	}
}

// whole says whether a layer gives all settings of a section, those aside that
// an inference has: it then is the record of a run, and a default in it was
// nobody's wish.
func (l *Layer) whole(section string) bool {
	return l.missing(section, false) == 0
}

// ofModel says whether a layer is what an inference takes over from a trained
// model: all of its training, but for what the inference has itself. Whoever
// trained it was warned.
func (l *Layer) ofModel() bool {
	return l.missing("training", false) == 0 && l.missing("training", true) > 0
}

// missing is the number of settings of a section that a layer does not give:
// those that an inference has too, or the others.
func (l *Layer) missing(section string, ofInference bool) int {
	n := 0
	for _, f := range table {
		if _, given := l.values[f.Path()]; f.Section == section && !given && inferenceKeys[f.Key] == ofInference {
			n++
		}
	}
	return n
}
