package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/workflow"
)

func (a *app) warn(text string) { fmt.Fprintf(a.stderr, "warning: %s\n", text) }

func (a *app) warnAll(texts []string) {
	for _, text := range texts {
		a.warn(text)
	}
}

// line prints a line of progress.
func (a *app) line(format string, arguments ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", arguments...)
	}
}

func (r *runner) tellData() {
	photons := dataset.MeanPhotons(r.train.Amplitude, r.train.N)
	kind := "amplitudes that are no counts"
	if r.train.Counts {
		kind = fmt.Sprintf("%.4g photons in a mean one", photons)
	}
	r.line("data     %s\n         %d patterns of %d×%d, %s", r.train.Path, r.train.Len(), r.train.N, r.train.N, kind)
	if n := r.resolved.Config.Training.NPhotons; r.train.Counts && (n > 10*photons || n < photons/10) {
		r.warn(fmt.Sprintf("nphotons is %.4g (%s), but a mean pattern holds %.4g photons; --nphotons %.4g fits the data", n, r.resolved.Sources["training.nphotons"], photons, photons))
	}
}

func (a *app) tellBackend(i bridge.Info) {
	a.line("backend  %s %s on %s, %d threads (%s)", i.Backend, i.Version, i.Device, i.Threads, i.Setting)
}

// move moves the bar on a terminal.
func (a *app) move(p workflow.Progress) {
	if !a.quiet {
		a.screen.tell(p)
	}
}

// tell prints plain lines, one for the runtime, one for each epoch, and on a
// terminal moves the bar.
func (r *runner) tell(p workflow.Progress) {
	r.move(p)
	switch p.Stage {
	case workflow.StageOpen:
		r.tellBackend(p.Info)
	case workflow.StageEpoch:
		e := p.Epoch
		line := fmt.Sprintf("epoch %3d/%d  loss %.6g  validation %.6g", e.Epoch, p.Epochs, e.TrainLoss, e.ValidationLoss)
		if e.ValidationDeviance != 0 {
			line += fmt.Sprintf("  deviance %.4g", e.ValidationDeviance)
		}
		r.line("%s  rate %.2g  %.1f s", line, e.LearningRate, e.Seconds)
		if p.Stopped {
			r.line("stopped  the validation loss has not fallen for %d epochs", r.resolved.Config.Training.EarlyStopPatience)
		}
	}
}

// print tells what came out and where it was written.
func (a *app) print(d *directory, record *runRecord) error {
	a.screen.clear()
	if a.json {
		return a.printJSON(record)
	}
	fmt.Fprintln(a.stdout, times(record.Times))
	if h := record.History; len(h) > 0 && h[len(h)-1].ValidationDeviance != 0 {
		last := h[len(h)-1]
		fmt.Fprintf(a.stdout, "deviance %.3g per pixel (near 1 for a fit at the photon noise); %.0f %% of the pixels hold more than 5 counts\n", last.ValidationDeviance, 100*last.BrightShare)
	}
	if m := record.Metrics; m != nil {
		fmt.Fprintf(a.stdout, "against objectGuess: phase correlation %.3f, amplitude correlation %.3f, complex error %.3f\n", m.PhaseCorrelation, m.AmplitudeCorrelation, m.ComplexError)
		for _, note := range m.Notes {
			a.warn(note)
		}
	}
	fmt.Fprintf(a.stdout, "wrote\n")
	for _, f := range record.Files {
		fmt.Fprintf(a.stdout, "  %s\n", filepath.Join(d.path, f))
	}
	return nil
}

// times words the stages that took time.
func times(t workflow.Times) string {
	var stages []string
	for _, s := range []struct {
		name    string
		seconds float64
	}{{"start", t.Open}, {"training", t.Train}, {"prediction", t.Predict}} {
		if s.seconds > 0 {
			stages = append(stages, fmt.Sprintf("%s %.1f", s.name, s.seconds))
		}
	}
	return fmt.Sprintf("time     %.1f s: %s", t.Total, strings.Join(stages, ", "))
}
