package parity

import (
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// ForeignSchema is the version of the JSON of a ForeignReport.
const ForeignSchema = "ptychobridge.parity-foreign/1"

// ForeignReport says how far two exported models agree. It is what parity.json
// holds of such a comparison.
type ForeignReport struct {
	Schema   string          `json:"schema"`
	Created  time.Time       `json:"created"`
	Program  string          `json:"program"`
	Machine  Machine         `json:"machine"`
	Settings ForeignSettings `json:"settings"`
	// Data is the file with the arrays that both were fed from.
	Data File `json:"data"`
	// Models are the two, each with the runtime that ran it.
	Models [2]ForeignRuntime `json:"models"`

	// Within says that every figure is within its limit, and nothing failed.
	Within bool `json:"within"`
	// Figures are one for each pair of outputs, in the order of the first
	// model. Complex outputs are pairs (re, im) along a last axis of 2.
	Figures []Figure `json:"figures"`
	// Repeats compare the two ways of running, where both were asked for.
	Repeats []Repeat `json:"repeats,omitempty"`
	// Notes say what was matched by order and what was left out.
	Notes    []string         `json:"notes,omitempty"`
	Failures []RuntimeFailure `json:"failures,omitempty"`

	// Outputs are the pairs that Figures compare, in their order, for pictures.
	Outputs [][2]bridge.Named `json:"-"`
}

// ForeignSettings are what was asked for.
type ForeignSettings struct {
	Signature string            `json:"signature"`     // of the SavedModel; empty: serving_default, or the only one
	Map       map[string]string `json:"map,omitempty"` // as in ForeignOptions
	Limit     float64           `json:"limit"`         // likewise
	Threads   int               `json:"threads"`       // of one operation; 0: one for each processor
	InProcess bool              `json:"in_process"`    // both ways of running were compared
}

// ForeignRuntime is a runtime with the model that it ran. Seconds are those of
// running it, once, the first time.
type ForeignRuntime struct {
	Runtime
	Model string `json:"model"` // its file or directory
	Files []File `json:"files"` // that it consists of
}

// File is a file by its content.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// FailForeign is the report of a comparison in which a process did not come to
// its end.
func FailForeign(f RuntimeFailure) *ForeignReport {
	return &ForeignReport{Schema: ForeignSchema, Figures: []Figure{}, Failures: []RuntimeFailure{f}}
}
