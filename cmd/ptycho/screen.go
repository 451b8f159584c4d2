package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/ptychobridge/ptychobridge/workflow"
)

const (
	narrowest = 60                     // columns of a terminal on which a bar has room
	redraw    = 100 * time.Millisecond // the least time between two pictures of the bar
)

// screen is where progress and errors go. On a terminal it keeps a bar in the
// last line; whatever is written takes the bar's place, and the bar comes back
// below it at the next step. Elsewhere it passes on what is written.
type screen struct {
	w    io.Writer
	bars bool // w is a terminal with room for a bar

	mutex sync.Mutex
	bar   *progressbar.ProgressBar
	label string // of the bar's stage
}

func newScreen(w io.Writer) *screen { return &screen{w: w, bars: isTerminal(w)} }

// isTerminal says whether w is a terminal that a bar can be drawn on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return err == nil && columns >= narrowest
}

// Write writes text in place of the bar.
func (s *screen) Write(text []byte) (int, error) {
	s.clear()
	return s.w.Write(text)
}

// clear takes the bar away.
func (s *screen) clear() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear() // a bar that cannot be drawn is no failure
	}
	s.bar = nil
}

// tell moves the bar.
func (s *screen) tell(p workflow.Progress) {
	switch p.Stage {
	case workflow.StageStep:
		s.show(fmt.Sprintf("epoch %3d/%d", p.Epoch.Epoch, p.Epochs), fmt.Sprintf("  loss %.6g ", p.Epoch.TrainLoss), p.Done, p.Total)
	case workflow.StagePredict:
		s.show("prediction ", "", p.Done, p.Total)
		if p.Done == p.Total {
			s.clear()
		}
	}
}

// show draws the bar of a stage: its label, a detail that changes and how much
// of the total is done.
func (s *screen) show(label, detail string, done, total int) {
	if !s.bars {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.bar == nil || s.label != label {
		s.label = label
		s.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(s.w), progressbar.OptionSetWidth(20), progressbar.OptionThrottle(redraw),
			progressbar.OptionShowCount(), progressbar.OptionUseANSICodes(true), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	s.bar.Describe(label + detail)
	_ = s.bar.Set(done) // likewise
}
