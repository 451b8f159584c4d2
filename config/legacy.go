package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
)

// LegacyParams is what the reference program calls params.cfg: one flat map of
// settings under the names it uses. A map belongs to the run that made it and
// is not guarded: two runs at once use two maps. It never holds settings of
// ExecutionConfig.
type LegacyParams map[string]any

// legacyNames are the settings that have another name in the map.
var legacyNames = map[string]string{
	"object_big":                "object.big",
	"probe_big":                 "probe.big",
	"probe_mask":                "probe.mask",
	"probe_trainable":           "probe.trainable",
	"intensity_scale_trainable": "intensity_scale.trainable",
	"positions_provided":        "positions.provided",
	"output_dir":                "output_prefix",
	"train_data_file":           "train_data_file_path",
	"test_data_file":            "test_data_file_path",
}

func legacyName(key string) string {
	if name, ok := legacyNames[key]; ok {
		return name
	}
	return key
}

// Update puts the settings of a training run, its model flattened, and the
// sizes derived from it into the map. A setting that is not set (no file, no
// seed, 0 where 0 means none) leaves what is there. An invalid configuration
// is an error and leaves the map as it was.
func (p LegacyParams) Update(c TrainingConfig) error {
	if err := c.Validate(); err != nil {
		return err
	}
	whole := Config{Training: c}
	fresh := LegacyParams{}
	for _, f := range table {
		if f.Section == "model" || f.Section == "training" {
			fresh.put(f, &whole)
		}
	}
	fresh.derive(c.Model)
	return p.take(fresh)
}

// UpdateInference is Update for an inference. A model or a NeighborCount that is
// the zero value leaves what is there.
func (p LegacyParams) UpdateInference(c InferenceConfig) error {
	if err := c.Validate(); err != nil {
		return err
	}
	fresh := LegacyParams{}
	if c.ModelPath != "" {
		fresh["model_path"] = c.ModelPath
	}
	whole := c.whole()
	for _, f := range table {
		if f.Key == "neighbor_count" && c.NeighborCount == 0 {
			continue // the bundle's
		}
		if f.Section == "training" && inferenceKeys[f.Key] || f.Section == "model" && c.Model != (ModelConfig{}) {
			fresh.put(f, &whole)
		}
	}
	if c.Model != (ModelConfig{}) {
		fresh.derive(whole.Training.Model)
	}
	return p.take(fresh)
}

// inferenceKeys are the settings of the section training that an inference
// has.
var inferenceKeys = map[string]bool{
	"test_data_file": true, "n_groups": true, "n_subsample": true, "subsample_seed": true,
	"neighbor_count": true, "output_dir": true, "backend": true, "batch_size": true,
}

// put adds one setting, unless it is not set.
func (p LegacyParams) put(f Field, c *Config) {
	pointer := f.at(c)
	if f.optional && isZero(pointer) {
		return
	}
	p[legacyName(f.Key)] = plain(pointer)
}

// derive adds the sides of the padded canvas.
func (p LegacyParams) derive(m ModelConfig) {
	bigN := m.N + (m.Gridsize-1)*4
	p["bigN"] = bigN
	p["padding_size"] = (m.Gridsize-1)*4 + 10
	p["padded_size"] = bigN + 10
}

func (p LegacyParams) take(fresh LegacyParams) error {
	if p == nil {
		return errors.New("config: legacy parameters: update of a map that is nil")
	}
	maps.Copy(p, fresh)
	return nil
}

// Clone gives a map of one's own.
func (p LegacyParams) Clone() LegacyParams { return maps.Clone(p) }

// UnmarshalJSON reads what encoding/json writes of a map and gives the known
// names their types back, so that a seed keeps all its digits and a whole
// number stays one.
func (p *LegacyParams) UnmarshalJSON(content []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(content, &raw); err != nil {
		return fmt.Errorf("config: legacy parameters: %w", err)
	}
	types := legacyTypes()
	out := LegacyParams{}
	for name, text := range raw {
		var v any
		pointer, known := types[name]
		if !known {
			pointer = &v
		}
		err := json.Unmarshal(text, pointer)
		if err == nil && known && string(text) == "null" {
			err = errors.New("null is no value of it")
		}
		if err != nil {
			return fmt.Errorf("config: legacy parameters: %s: %w", name, err)
		}
		out[name] = v
		if known {
			out[name] = plain(pointer)
		}
	}
	*p = out
	return nil
}

// legacyTypes has, for each known name, a pointer to a value of its type.
func legacyTypes() map[string]any {
	types := map[string]any{"bigN": new(int), "padding_size": new(int), "padded_size": new(int), "model_path": new(string)}
	var c Config
	for _, f := range table {
		if f.Section != "model" && f.Section != "training" {
			continue
		}
		types[legacyName(f.Key)] = f.at(&c)
		if f.Kind == OptionalSeed {
			types[legacyName(f.Key)] = new(uint64)
		}
	}
	return types
}

// plain is the value that a setting's pointer leads to.
func plain(pointer any) any {
	switch p := pointer.(type) {
	case *int:
		return *p
	case *uint64:
		return *p
	case **uint64:
		return **p
	case *float64:
		return *p
	case *bool:
		return *p
	default:
		return *pointer.(*string)
	}
}

var (
	defaultLegacyLock sync.Mutex
	defaultLegacy     = LegacyParams{}
)

// DefaultLegacyParams gives a copy of the process-wide map, for callers that
// want one map for a whole program. No run changes that map by itself:
// SetDefaultLegacyParams stores one.
func DefaultLegacyParams() LegacyParams {
	defaultLegacyLock.Lock()
	defer defaultLegacyLock.Unlock()
	return defaultLegacy.Clone()
}

// SetDefaultLegacyParams makes a copy of p the process-wide map.
func SetDefaultLegacyParams(p LegacyParams) {
	defaultLegacyLock.Lock()
	defer defaultLegacyLock.Unlock()
	defaultLegacy = LegacyParams{}
	maps.Copy(defaultLegacy, p)
}
