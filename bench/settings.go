package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/physics"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

// Settings are those of bench.json: the work of every contestant of a match.
type Settings struct {
	N              int     `json:"n"`               // side of a pattern
	Gridsize       int     `json:"gridsize"`        // g: a group has g² patterns
	NFiltersScale  float64 `json:"n_filters_scale"` // width of the network
	Batch          int     `json:"batch"`           // groups of a batch
	Threads        int     `json:"threads"`         // of one operation
	Precision      string  `json:"precision"`       // float32, float64 or bf16-mixed
	Device         string  `json:"device"`          // cpu, cuda or cuda:N
	AllowTF32      bool    `json:"allow_tf32"`      // a GPU may round factors to 10 bits
	Seed           uint64  `json:"seed"`            // of weights and offsets
	LearningRate   float64 `json:"learning_rate"`   // the same at every step
	Beta1          float64 `json:"beta1"`
	Beta2          float64 `json:"beta2"`
	Epsilon        float64 `json:"epsilon"`
	IntensityScale float64 `json:"intensity_scale"` // s, see dataset.IntensityScale
	LogScale       float64 `json:"log_scale"`       // ln s
	Patterns       int     `json:"patterns"`        // P, in data.npz
}

// NewSettings gives the settings of a match on the CPU with the optimizer of the
// defaults.
// The scale of the intensities and the number of patterns come from the data, in
// Prepare.
func NewSettings(n, gridsize int, filters float64, batch, threads int, precision string, seed uint64) Settings {
	d := config.DefaultTraining()
	return Settings{
		N: n, Gridsize: gridsize, NFiltersScale: filters, Batch: batch, Threads: threads, Precision: precision,
		Device: "cpu", Seed: seed, LearningRate: d.LearningRate, Beta1: d.AdamBeta1, Beta2: d.AdamBeta2, Epsilon: model.AdamEpsilon,
	}
}

// config is the network's part of the settings.
func (s Settings) config() config.ModelConfig {
	m := config.DefaultTraining().Model
	m.N, m.Gridsize, m.NFiltersScale = s.N, s.Gridsize, s.NFiltersScale
	return m
}

// Validate names all that a contestant cannot compute.
func (s Settings) Validate() error {
	if err := s.config().Validate(); err != nil {
		return err
	}
	_, _, err := model.ParsePrecision(s.Precision)
	switch {
	case s.Batch < 1:
		return fmt.Errorf("batch size: found %d; expected 1 or more", s.Batch)
	case s.Threads < 1:
		return fmt.Errorf("threads: found %d; expected 1 or more", s.Threads)
	}
	if err != nil {
		return err
	}
	d, err := bridge.ParseDevice(s.Device)
	if err == nil && d.Kind == bridge.Auto {
		err = fmt.Errorf("device: found %q; expected cpu, cuda or cuda:N", s.Device)
	}
	if err == nil && s.AllowTF32 && d.Kind == bridge.CPU {
		err = errors.New("allow_tf32: found true on the CPU, which has no TF32")
	}
	return err
}

// checkedGroups is how many groups of the first batch are compared at most: the
// evaluator is slow.
const checkedGroups = 16

// checked is how many groups of the first batch are compared.
func (s Settings) checked() int { return min(s.Batch, checkedGroups) }

// checkedIndices are their patterns.
func (s Settings) checkedIndices() []int32 { return s.indices(0)[:s.checked()*s.channels()] }

// channels is C, the patterns of a group.
func (s Settings) channels() int { return s.Gridsize * s.Gridsize }

// withData takes in what the data decide.
func (s Settings) withData(raw *dataset.Raw, patterns int) Settings {
	s.Patterns = patterns
	s.IntensityScale = dataset.IntensityScale(dataset.MeanPhotons(raw.Amplitude, raw.N), raw.N)
	s.LogScale = math.Log(s.IntensityScale)
	return s
}

// reach is the largest distance of a pattern from the mean position of its
// group, in pixels.
const reach = 4

// model makes the network in the given type of numbers, for a probe of that
// many modes.
func (s Settings) model(float graph.DType, mixed bool, modes int) *model.Model {
	c := s.config()
	return model.New(model.Settings{
		Model: c, Float: float, Mixed: mixed, Patterns: s.Patterns, Modes: modes, TrainScale: true,
		Canvas:         physics.Side(s.N, s.Gridsize, reach, physics.Rule(c.PatchMerge)),
		IntensityScale: s.IntensityScale, Weights: model.Weights{NLL: 1},
		Optimizer:       model.Optimizer{Name: "adam", Beta1: s.Beta1, Beta2: s.Beta2},
		BrightThreshold: 5,
	})
}

// Files of an exchange directory.
const (
	fileSettings = "bench.json"
	fileData     = "data.npz"
	fileWeights  = "weights.safetensors"
	fileExpected = "expected.npz"
)

// ReadSettings reads bench.json of an exchange directory.
func ReadSettings(directory string) (Settings, error) {
	var s Settings
	path := filepath.Join(directory, fileSettings)
	text, err := os.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("bench: settings: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("bench: settings: %s: %w", path, err)
	}
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("bench: settings: %s: %w", path, err)
	}
	return s, nil
}

func (s Settings) write(directory string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(filepath.Join(directory, fileSettings), append(text, '\n'))
}
