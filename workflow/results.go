package workflow

import (
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Image is a real image [Rows, Cols], row by row.
type Image struct {
	Rows, Cols int
	Data       []float32
}

// Results are what a run gives; both backends give the same fields with the
// same shapes. Fields with a JSON name make run.json; arrays stay out of it.
type Results struct {
	Backend    string                 `json:"backend"`
	Info       bridge.Info            `json:"runtime"`
	Precision  string                 `json:"precision"`
	Seed       uint64                 `json:"seed"`
	Parameters int                    `json:"parameters"` // weights of the network, log_scale not counted
	Patterns   int                    `json:"patterns"`   // in use for training and validation
	Groups     int                    `json:"groups"`     // G, those that are reconstructed; at gridsize 1 a group is one pattern
	Channels   int                    `json:"channels"`   // C, patterns of a group
	Canvas     int                    `json:"canvas"`     // side Q on which the patches of a group are merged
	Warnings   []string               `json:"warnings,omitempty"`
	Steps      int                    `json:"steps"`
	Segments   []Segment              `json:"segments"` // of the training: one, and one more for each time it was resumed
	Times      Times                  `json:"seconds"`
	History    []Epoch                `json:"history"`
	BundlePath string                 `json:"bundle_path,omitempty"`
	Config     config.TrainingConfig  `json:"-"` // as the run used it
	Legacy     config.LegacyParams    `json:"-"`
	Execution  config.ExecutionConfig `json:"-"`

	// IntensityScale is s = √nphotons/(N/2), by which normalised amplitudes
	// are multiplied; Normalization the factor that made them from the
	// measured ones.
	IntensityScale float64 `json:"intensity_scale"`
	Normalization  float64 `json:"normalization"`
	// TruthDivisor is what the true patches were divided by, so that their
	// amplitudes reach up to 1, where the losses compare with them and the
	// amplitude's activation is sigmoid; 1 with other activations, 0 where
	// nothing is compared.
	TruthDivisor float64 `json:"truth_divisor,omitempty"`
	// LogScale is the trained logarithm of the intensity scale.
	LogScale float64 `json:"log_scale"`

	// ObjTensorFull holds the object patches of the reconstructed data set,
	// complex64 [G, N, N, 1]: one for each group, at its mean position. Without
	// object_big they are [G, N, N, C]: one for each pattern, at its position.
	ObjTensorFull []complex64 `json:"-"`
	// Positions are where the patches were stitched, float64 [patches, 2] as
	// (x, y): the groups' mean positions, or, where each pattern of a group has
	// a patch of its own, the patterns'. nil where nothing was stitched.
	Positions []float64 `json:"-"`
	// GlobalOffsets are the mean positions r̄ of the groups, float64 [G, 2] as
	// (x, y) in object pixels.
	GlobalOffsets []float64 `json:"-"`
	// NNIndices are the patterns of each group, int64 [G, C], as numbers in
	// the file.
	NNIndices []int64 `json:"-"`
	// PatternIndices are the patterns of the reconstructed data set that are
	// in use, as numbers in the file.
	PatternIndices []int64 `json:"-"`
	// Object is the stitched object, nil where nothing was stitched.
	Object *stitch.Object `json:"-"`
	// ReconAmp and ReconPhase are amplitude and phase in radians of the
	// stitched object; nil where nothing was stitched.
	ReconAmp, ReconPhase *Image `json:"-"`
	// OriginXY is the object pixel (x, y) of the stitched object's pixel
	// (0, 0).
	OriginXY [2]int `json:"origin_xy"`
	// Spread says how much the object patches vary; see its Collapsed.
	Spread Spread `json:"spread"`
	// Uncovered is the share of the scanned area on which no patch landed.
	Uncovered float64 `json:"uncovered"`
	// Reconstruction says how patches were stitched.
	Reconstruction config.ReconstructionConfig `json:"-"`
}

// Times are wall-clock seconds of a run's stages.
type Times struct {
	Open    float64 `json:"open"`    // opening the runtime and compiling
	Train   float64 `json:"train"`   // all epochs, those before a resumption too
	Predict float64 `json:"predict"` // object patches of all patterns
	Stitch  float64 `json:"stitch"`
	// Checkpoints is the part of Train, since the last resumption, in which
	// training waited for checkpoints; they are written beside it.
	Checkpoints float64 `json:"checkpoints,omitempty"`
	Total       float64 `json:"total"`
}

func since(t time.Time) float64 { return time.Since(t).Seconds() }

// The stages of a run's progress.
const (
	StageOpen    = "open"    // the runtime is open and the programs are compiled
	StageStep    = "step"    // an optimizer step was made
	StageEpoch   = "epoch"   // an epoch has ended
	StagePredict = "predict" // a batch was predicted
)

// Progress is what a run tells while it works.
type Progress struct {
	Stage   string
	Info    bridge.Info // StageOpen
	Epoch   Epoch       // StageEpoch; its number and its training loss so far in StageStep
	Epochs  int
	Done    int // groups done of Total, in StageStep and StagePredict
	Total   int
	Best    bool // the epoch's validation loss is the lowest so far
	Stopped bool // no epoch follows: the loss has not fallen for long enough
}
