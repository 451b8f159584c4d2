// Package bench measures how fast the network trains and predicts on a runtime,
// beside other programs that do the same work. Contestants are processes that
// stay warm and take turns, so that what else the machine does hits all of them;
// what is told is the median over the rounds, with its quartiles.
//
// Prepare writes what all contestants compute with into a directory, Serve makes
// this program a contestant, Start talks to one, Run lets them take turns, and
// Load and Stitch measure what needs no runtime. A Report holds it all.
package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// Task is what a contestant is asked for.
type Task string

// The tasks.
const (
	Step    Task = "step"    // optimizer steps, each on the next batch
	Predict Task = "predict" // predictions of a batch, each of the next one
	Quit    Task = "quit"
)

// Request is a line that a contestant reads.
type Request struct {
	Do    Task `json:"do"`
	Count int  `json:"count,omitempty"`
}

// Check is how far a contestant is from expected.npz before its first step:
// max|a − b| / max|b| of the object, the intensities and the loss.
type Check struct {
	Object    float64 `json:"object"`
	Intensity float64 `json:"intensity"`
	Loss      float64 `json:"loss"`
}

// Ready is the one line that a contestant writes when it can begin.
type Ready struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Threads int    `json:"threads"` // of one operation
	// StartSeconds is how long it took to be ready, as the contestant says.
	StartSeconds float64 `json:"start_seconds"`
	Check        *Check  `json:"check"`
	// These need not be told.
	Device     string `json:"device,omitempty"`
	WaitPolicy string `json:"wait_policy,omitempty"` // OMP_WAIT_POLICY in its process
	Setting    string `json:"setting,omitempty"`     // switches that bear on speed
	Error      string `json:"error,omitempty"`
}

// Answer is the line that a contestant writes to a request.
type Answer struct {
	Seconds float64 `json:"seconds"`     // wall time of all that was asked for
	PeakMB  float64 `json:"peak_rss_mb"` // peak resident memory so far, in 10⁶ bytes
	// These need not be told.
	PeakGPUMB float64  `json:"peak_gpu_mb,omitempty"` // the most memory of the GPU so far, in 10⁶ bytes
	Notes     []string `json:"notes,omitempty"`       // what did not go as planned
	Error     string   `json:"error,omitempty"`
}

// Worker does the tasks in this process. Where it is a bridge.Metered, answers
// have what that tells.
type Worker interface {
	Do(ctx context.Context, task Task, count int) (seconds float64, err error)
}

// Serve reads requests from in and answers them on out, until Quit or the end
// of in. An error of the worker is written as an answer too and ends it.
func Serve(ctx context.Context, in io.Reader, out io.Writer, ready Ready, w Worker) error {
	e := json.NewEncoder(out)
	if err := e.Encode(ready); err != nil {
		return fmt.Errorf("bench: serve: %w", err)
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		a, quit, err := serve(ctx, lines.Bytes(), w)
		if quit {
			return nil
		}
		if err != nil {
			a.Error = err.Error()
		}
		if failed := e.Encode(a); err == nil && failed != nil {
			err = failed
		}
		if err != nil {
			return fmt.Errorf("bench: serve: %w", err)
		}
	}
	return nil
}

func serve(ctx context.Context, line []byte, w Worker) (a Answer, quit bool, err error) {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return a, false, fmt.Errorf("request %q: %w", line, err)
	}
	switch {
	case r.Do == Quit:
		return a, true, nil
	case r.Do != Step && r.Do != Predict:
		return a, false, fmt.Errorf("request %q: expected step, predict or quit", line)
	case r.Count < 1:
		return a, false, fmt.Errorf("request %q: expected a count of 1 or more", line)
	}
	if a.Seconds, err = w.Do(ctx, r.Do, r.Count); err != nil {
		return a, false, err
	}
	if m, ok := w.(bridge.Metered); ok {
		u, err := m.Usage()
		if err != nil {
			return a, false, err
		}
		a.PeakGPUMB, a.Notes = float64(u.PeakGPUBytes)/1e6, u.Notes
	}
	a.PeakMB, err = peakMB()
	return a, false, err
}
