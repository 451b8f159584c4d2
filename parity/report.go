package parity

import (
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Schema is the version of the report's JSON.
const Schema = "ptychobridge.parity/1"

// Report says how far two runtimes agree. It is what parity.json holds.
type Report struct {
	Schema  string    `json:"schema"`
	Created time.Time `json:"created"`
	Program string    `json:"program"`
	Machine Machine   `json:"machine"`
	// DataSHA256 is the hash of the scan's file.
	DataSHA256 string   `json:"data_sha256"`
	Settings   Settings `json:"settings"`
	// Runtimes are the two that are compared.
	Runtimes [2]Runtime `json:"runtimes"`
	// Judge is the evaluator, nil where it was left out.
	Judge *Runtime `json:"judge,omitempty"`

	// Within says that every figure that is judged is within its budget.
	Within  bool      `json:"within"`
	Levels  []Summary `json:"levels"`
	Figures []Figure  `json:"figures"`
	// Courses are the distances over the steps of a training.
	Courses         []Course         `json:"courses,omitempty"`
	Reconstructions []Reconstructed  `json:"reconstructions,omitempty"`
	Repeats         []Repeat         `json:"repeats,omitempty"`
	Budgets         []Budget         `json:"budgets"`
	Notes           []string         `json:"notes,omitempty"`
	Failures        []RuntimeFailure `json:"failures,omitempty"`
}

// Runtime is one that took part.
type Runtime struct {
	bridge.Info
	SHA256  string  `json:"sha256,omitempty"` // of the native library
	Seconds float64 `json:"seconds"`          // that its suite took
}

// RuntimeFailure is a runtime whose process did not come to its end: a crash
// of a native library, for example. There are no figures then.
type RuntimeFailure struct {
	Backend string `json:"backend"`
	Error   string `json:"error"`
}

// Machine is where the figures come from.
type Machine struct {
	System     string `json:"system"`
	CPU        string `json:"cpu,omitempty"`
	Processors int    `json:"processors"`
	WaitPolicy string `json:"omp_wait_policy,omitempty"`
}

// Sides are the two runtimes, in the order of Report.Runtimes, that a figure
// may find off.
const (
	SideNone    = ""
	SideFirst   = "first"
	SideSecond  = "second"
	SideBoth    = "both"
	SideUnknown = "unknown" // they differ, and the evaluator was not asked
)

// Figure compares one tensor.
type Figure struct {
	Level      Level  `json:"level"`
	Experiment string `json:"experiment"`
	Precision  string `json:"precision"`
	Output     string `json:"output"`
	Shape      []int  `json:"shape"`
	// Pair is the distance of the first runtime from the second.
	Pair Distance `json:"pair"`
	// Judged are the distances of both from the evaluator, nil where it was
	// not asked.
	Judged *[2]Distance `json:"judged,omitempty"`
	Budget string       `json:"budget"`
	// Limit of Pair.Relative, or of both Judged where there are; below 0: the
	// figure is shown and not judged.
	Limit  float64 `json:"limit"`
	Within bool    `json:"within"`
	Off    string  `json:"off,omitempty"` // one of the sides
}

// Summary is a level in one precision.
type Summary struct {
	Level     Level  `json:"level"`
	Precision string `json:"precision"`
	Figures   int    `json:"figures"`
	Outside   int    `json:"outside"` // of their budgets
	// Worst is the figure that comes closest to its limit or lies furthest
	// beyond it; Report.Figures[Worst]. −1 where none is judged.
	Worst int `json:"worst"`
	// Pair and Judged are the largest relative distances.
	Pair   float64     `json:"pair"`
	Judged *[2]float64 `json:"judged,omitempty"`
	// Equal is the share of all elements with the same bits.
	Equal float64 `json:"equal"`
	Off   string  `json:"off,omitempty"`
}

// Course is how the distance grows in a training.
type Course struct {
	Precision string `json:"precision"`
	// Steps are the numbers of optimizer steps that were made before.
	Steps []int `json:"steps"`
	// Loss is the relative distance of the loss at each step.
	Loss []float64 `json:"loss"`
	// At are the steps after which the predicted object was compared, Object
	// its relative L2 distance, re and im together.
	At     []int     `json:"at"`
	Object []float64 `json:"object"`
}

// Reconstructed compares the objects of whole trainings.
type Reconstructed struct {
	Precision string           `json:"precision"`
	Epochs    int              `json:"epochs"`
	Metrics   evaluate.Metrics `json:"metrics"`
	Within    bool             `json:"within"`
	// Objects are the two, for pictures.
	Objects [2]*stitch.Object `json:"-"`
	// Losses are the training losses of both by epoch.
	Losses [2][]float64 `json:"losses"`
}

// Repeat compares a runtime with itself: another process, another number of
// threads, this process instead of one of its own.
type Repeat struct {
	Backend string `json:"backend"`
	What    string `json:"what"`
	Threads int    `json:"threads"`
	// Equal says that every tensor has the same bits; Figures and Different
	// count tensors, Largest is the largest relative distance.
	Equal     bool    `json:"equal"`
	Figures   int     `json:"figures"`
	Different int     `json:"different"`
	Largest   float64 `json:"largest"`
	Where     string  `json:"where,omitempty"` // of the largest
}
