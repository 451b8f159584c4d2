package bench

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// Schema is the version of the report's JSON.
const Schema = "ptychobridge.bench/1"

// Report is what was measured.
type Report struct {
	Schema  string    `json:"schema"`
	Created time.Time `json:"created"`
	Program string    `json:"program"`
	Machine Machine   `json:"machine"`
	Data    string    `json:"data"` // file of the scan, or "simulated"
	Plan    Plan      `json:"plan"`
	Matches []Match   `json:"matches,omitempty"`
	Load    *Local    `json:"load,omitempty"`
	Stitch  *Local    `json:"stitch,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
	// Failures are contestants that did not come to the end, or do other work.
	Failures []Failure `json:"failures,omitempty"`
}

// Machine is where the figures come from.
type Machine struct {
	System     string   `json:"system"`
	CPU        string   `json:"cpu,omitempty"`
	Processors int      `json:"processors"`
	WaitPolicy string   `json:"omp_wait_policy,omitempty"` // of the environment
	LoadBefore *float64 `json:"load_before,omitempty"`     // load average of a minute
	LoadAfter  *float64 `json:"load_after,omitempty"`
}

// Plan is how it was measured.
type Plan struct {
	What   []string `json:"what"`
	Rounds int      `json:"rounds"` // that are told
	Warmup int      `json:"warmup"` // rounds before them
	Count  int      `json:"count"`  // steps or predictions of a turn
	Seed   uint64   `json:"seed"`   // of the order of turns
}

// Match is one work, made by several contestants in turns.
type Match struct {
	Settings    Settings `json:"settings"`
	Expected    string   `json:"expected"` // who computed expected.npz
	Contestants []Side   `json:"contestants"`
	Series      []Series `json:"series"`
}

// Side is a contestant of a match.
type Side struct {
	Name       string  `json:"name"`
	Command    string  `json:"command,omitempty"` // of one from outside
	Version    string  `json:"version"`
	Device     string  `json:"device,omitempty"`
	Threads    int     `json:"threads"`
	WaitPolicy string  `json:"wait_policy"`
	Setting    string  `json:"setting,omitempty"`
	Start      float64 `json:"start_seconds"` // until it was ready, as it says
	Check      *Check  `json:"check,omitempty"`
	Peak       float64 `json:"peak_rss_mb"` // resident memory of the whole process, in 10⁶ bytes
	// PeakGPU is the most memory of the GPU that it had, in 10⁶ bytes; 0 where it
	// does not say.
	PeakGPU float64  `json:"peak_gpu_mb,omitempty"`
	Notes   []string `json:"notes,omitempty"` // what did not go as planned
}

// Series are the turns of one contestant at one task.
type Series struct {
	What       string `json:"what"`       // step, predict, startup
	Contestant string `json:"contestant"` // Side.Name
	// Turns are the seconds of one step, prediction or start, by round.
	Turns   []float64 `json:"turns"`
	Seconds Spread    `json:"seconds"`
	// PerSecond is how many patterns pass in a second; not of a start.
	PerSecond *Spread `json:"patterns_per_second,omitempty"`
	// Ratio is the time over that of the first contestant in the same round.
	Ratio *Spread `json:"ratio,omitempty"`
}

// Local is what is measured in this process, without a runtime.
type Local struct {
	What string `json:"what"`
	Unit string `json:"unit"` // of Value
	Rows []Row  `json:"rows"`
}

// Row is one way to do it.
type Row struct {
	Name  string    `json:"name"`
	Turns []float64 `json:"turns"` // values by round
	Value Spread    `json:"value"`
}

// Failure is a contestant that gave no figures.
type Failure struct {
	Contestant string `json:"contestant"`
	Match      string `json:"match"`
	Error      string `json:"error"`
}

// LoadAverage is the load average of the last minute, nil where the system does
// not say.
func LoadAverage() *float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(text), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return nil
	}
	return &v
}

// quiet is the load per processor up to which a machine counts as idle: what a
// system does by itself.
const quiet = 0.25

// Busy says in a sentence that the machine had other work when measuring began;
// it is empty where it had not.
func (m Machine) Busy() string {
	if m.LoadBefore == nil || *m.LoadBefore <= quiet*float64(m.Processors) {
		return ""
	}
	return "the machine was busy: a load average of " + strconv.FormatFloat(*m.LoadBefore, 'f', 1, 64) +
		" on " + strconv.Itoa(m.Processors) + " processors before the first turn; ratios say more than times"
}
