package parity

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// Experiment is one computation that every runtime makes in the same way.
type Experiment struct {
	Level     Level
	Name      string
	Precision string
	Programs  []*graph.Program
	States    bridge.Tensors // written before the first run
	Runs      []Run
	Read      []Keep // states that are kept after the last run
	// Judged is how many runs the evaluator makes too, 0 for all: it is slow.
	Judged int
}

// Run is one run of a program of an experiment.
type Run struct {
	Program string
	Feeds   bridge.Tensors
	Keep    []Keep
}

// Keep says which output or state is compared, under which name, and how far
// apart it may be.
type Keep struct {
	From   string // output of the program, or state
	As     string
	Budget Budget
}

// Key names a figure of an experiment.
type Key struct {
	Level      Level
	Experiment string
	Precision  string
	Output     string
}

func (k Key) String() string {
	return fmt.Sprintf("%s: %s: %s, %s", k.Level, k.Experiment, k.Output, k.Precision)
}

func (e Experiment) key(output string) Key { return Key{e.Level, e.Name, e.Precision, output} }

// Record is what one runtime gave.
type Record map[Key]bridge.Tensor

// measure makes the experiment on a backend. judge says that it is the
// evaluator.
func (e Experiment) measure(b bridge.Backend, judge bool, into Record) error {
	s, err := b.Compile(e.Programs...)
	if err != nil {
		return fmt.Errorf("%s: %s, %s: %w", e.Level, e.Name, e.Precision, err)
	}
	defer s.Close() //nolint:errcheck // its errors are those of freeing memory
	for name, v := range e.States {
		if err := s.Write(name, v); err != nil {
			return fmt.Errorf("%s: %s, %s: %w", e.Level, e.Name, e.Precision, err)
		}
	}
	runs := e.Runs
	if judge && e.Judged > 0 {
		runs = runs[:min(e.Judged, len(runs))]
	}
	for _, r := range runs {
		out, err := s.Run(r.Program, r.Feeds)
		if err != nil {
			return fmt.Errorf("%s: %s, %s: %w", e.Level, e.Name, e.Precision, err)
		}
		for _, k := range r.Keep {
			into[e.key(k.As)] = out[k.From]
		}
	}
	if len(runs) < len(e.Runs) {
		return nil
	}
	for _, k := range e.Read {
		t, err := s.Read(k.From)
		if err != nil {
			return fmt.Errorf("%s: %s, %s: %w", e.Level, e.Name, e.Precision, err)
		}
		into[e.key(k.As)] = t
	}
	return nil
}

// keeps lists what the experiment compares, in order.
func (e Experiment) keeps() []Keep {
	var all []Keep
	for _, r := range e.Runs {
		all = append(all, r.Keep...)
	}
	return append(all, e.Read...)
}
