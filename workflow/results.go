package workflow

import (
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Image is a real image [Rows, Cols], row by row. Its pixel (0, 0) is the object
// pixel Results.OriginXY.
type Image struct {
	Rows, Cols int
	Data       []float32 // Rows·Cols of them
}

// Results are what a run gives; both backends give the same fields with the
// same shapes. Fields with a JSON name make run.json; arrays stay out of it.
// Arrays are flat and row-major. After a training without a reconstruction what
// is about the object is empty; Model.Stitch leaves out what is about training.
type Results struct {
	Backend    string                 `json:"backend"`            // tensorflow or pytorch
	Info       bridge.Info            `json:"runtime"`            // what was opened: version, path, device, threads
	Precision  string                 `json:"precision"`          // float32, float64 or bf16-mixed
	Seed       uint64                 `json:"seed"`               // of weights, order and choice of patterns
	Parameters int                    `json:"parameters"`         // weights of the network, log_scale not counted
	Patterns   int                    `json:"patterns"`           // in use for training and validation
	Groups     int                    `json:"groups"`             // G, those that are reconstructed; at gridsize 1 a group is one pattern
	Channels   int                    `json:"channels"`           // C, patterns of a group
	Canvas     int                    `json:"canvas"`             // side Q on which the patches of a group are merged
	Warnings   []string               `json:"warnings,omitempty"` // about the data and their groups, for people
	Steps      int                    `json:"steps"`              // optimizer steps, all segments together
	Segments   []Segment              `json:"segments"`           // of the training: one, and one more for each time it was resumed
	Times      Times                  `json:"seconds"`
	History    []Epoch                `json:"history"`               // one for each epoch that has ended
	BundlePath string                 `json:"bundle_path,omitempty"` // of the model's file; empty where nothing was written
	Config     config.TrainingConfig  `json:"-"`                     // as the run used it
	Legacy     config.LegacyParams    `json:"-"`                     // of the run; its own map or that of the caller
	Execution  config.ExecutionConfig `json:"-"`                     // as the run used it

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
	// LogScale is the trained logarithm of the intensity scale; it begins at
	// ln IntensityScale.
	LogScale float64 `json:"log_scale"`

	// ObjTensorFull holds the object patches of the reconstructed data set,
	// complex64 [G, N, N, 1]: one for each group, at its mean position. Without
	// object_big they are [G, N, N, C]: one for each pattern, at its position.
	// Model.Reconstruct keeps none: it is nil then.
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
	// ReconAmp and ReconPhase are amplitude and phase, in radians from −π to π,
	// of the stitched object, both 0 where nothing landed; nil where nothing
	// was stitched.
	ReconAmp, ReconPhase *Image `json:"-"`
	// OriginXY is the object pixel (x, y) of the stitched object's pixel
	// (0, 0).
	OriginXY [2]int `json:"origin_xy"`
	// Spread says how much the object patches vary; see its Collapsed.
	Spread Spread `json:"spread"`
	// Uncovered is the share, 0 to 1, of the scanned area, the convex hull of
	// the positions, on which no patch landed; 0 where nothing was stitched.
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

// Progress is what a run tells while it works, on its own goroutine: it waits
// until the function that is told returns.
type Progress struct {
	Stage   string      // StageOpen, StageStep, StageEpoch or StagePredict
	Info    bridge.Info // StageOpen
	Epoch   Epoch       // StageEpoch; its number and its training loss so far in StageStep
	Epochs  int         // nepochs, in StageStep and StageEpoch
	Done    int         // groups done of Total, in StageStep and StagePredict
	Total   int
	Best    bool // the epoch's validation loss is the lowest so far
	Stopped bool // no epoch follows: the loss has not fallen for long enough
}
