package workflow

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/ptychobridge/ptychobridge/dataset"
)

// position is where a training stands, but for the states of its session. It
// is training.json of a checkpoint. The order of the groups is a function of
// the seed and the epoch, so that Batches says where in it the training is.
type position struct {
	Seed         uint64     `json:"seed"`
	Steps        int        `json:"steps"`         // optimizer steps made
	Epochs       int        `json:"epochs"`        // that have ended
	Batches      int        `json:"batches"`       // trained on in the epoch after them
	Sums         sums       `json:"sums"`          // over those batches
	Seconds      float64    `json:"seconds"`       // spent in that epoch
	TrainSeconds float64    `json:"train_seconds"` // spent in all, before the last segment
	Stopped      bool       `json:"stopped"`       // no epoch follows: the loss had not fallen for long enough
	LearningRate float64    `json:"learning_rate"` // of the last step
	Schedule     scheduling `json:"schedule"`
	History      []Epoch    `json:"history"`
	Segments     []Segment  `json:"segments"`
	Inputs       []origin   `json:"inputs"` // the training data, then the test data
}

// sums are the running sums of an epoch's figures, weighted by groups.
type sums struct {
	Loss     float64 `json:"loss"`
	Deviance float64 `json:"deviance"`
	Bright   float64 `json:"bright"`
	Groups   int     `json:"groups"`
}

// scheduling is what a schedule remembers of the epochs.
type scheduling struct {
	Rate        float64  `json:"rate"`
	Best        *float64 `json:"best"` // nil: no epoch has ended
	SinceFall   int      `json:"since_fall"`
	SinceChange int      `json:"since_change"`
}

// Segment is a part of a training that was made in one go.
type Segment struct {
	Backend  string `json:"backend"`
	Library  string `json:"library"` // the native library's version
	Device   string `json:"device"`
	Threads  int    `json:"threads"`
	FromStep int    `json:"from_step"` // steps that had been made before it
	ToStep   int    `json:"to_step"`   // and after it
}

// origin tells data by their content.
type origin struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`  // of the file; empty where the data come from no file
	Content string `json:"content"` // sha256 of patterns, positions and probe
}

func originOf(raw *dataset.Raw) (origin, error) {
	h := sha256.New()
	for _, values := range []any{raw.Amplitude, raw.X, raw.Y, raw.Probe} {
		if err := hashed(h, values); err != nil {
			return origin{}, err
		}
	}
	return origin{Path: raw.Path, SHA256: raw.SHA256, Content: hex.EncodeToString(h.Sum(nil))}, nil
}

// hashed writes the elements of a slice, little-endian, in portions, all in one
// piece of memory.
func hashed(w io.Writer, values any) error {
	const portion = 1 << 16
	v, ok := values.([]float32)
	if !ok {
		return binary.Write(w, binary.LittleEndian, values)
	}
	var bytes []byte
	for part := range slices.Chunk(v, portion) {
		var err error
		if bytes, err = binary.Append(bytes[:0], binary.LittleEndian, part); err != nil {
			return err
		}
		if _, err := w.Write(bytes); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a position that no training of so many batches an epoch is in.
func (p *position) check(batches int) error {
	switch {
	case p.Epochs < 0 || len(p.History) != p.Epochs:
		return fmt.Errorf("%d epochs, but a history of %d", p.Epochs, len(p.History))
	case p.Batches < 0 || p.Batches > batches:
		return fmt.Errorf("%d batches of an epoch that has %d", p.Batches, batches)
	case p.Steps != p.Epochs*batches+p.Batches:
		return fmt.Errorf("%d steps, but %d epochs of %d batches and %d batches more", p.Steps, p.Epochs, batches, p.Batches)
	case p.Sums.Groups < 0 || (p.Sums.Groups == 0) != (p.Batches == 0):
		return fmt.Errorf("sums over %d groups in %d batches", p.Sums.Groups, p.Batches)
	case !(p.Schedule.Rate > 0) || (p.Schedule.Best == nil) != (p.Epochs == 0):
		return fmt.Errorf("a schedule at the rate %g after %d epochs", p.Schedule.Rate, p.Epochs)
	case len(p.Segments) == 0 || len(p.Inputs) == 0:
		return fmt.Errorf("no segments or no inputs")
	}
	for i, e := range p.History {
		if e.Epoch != i+1 {
			return fmt.Errorf("epoch %d stands in place %d of the history", e.Epoch, i+1)
		}
	}
	return nil
}

// save gives what the schedule remembers.
func (s *schedule) save() scheduling {
	out := scheduling{Rate: s.rate, SinceFall: s.sinceFall, SinceChange: s.sinceChange}
	if !math.IsInf(s.best, 1) {
		best := s.best
		out.Best = &best
	}
	return out
}

// restore is the inverse of save, after so many epochs.
func (s *schedule) restore(from scheduling, epochs int) {
	s.rate, s.sinceFall, s.sinceChange, s.epochs = from.Rate, from.SinceFall, from.SinceChange, epochs
	s.best = math.Inf(1)
	if from.Best != nil {
		s.best = *from.Best
	}
}
