package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/workflow"
)

func (a *app) warn(text string) { fmt.Fprintf(a.stderr, "warning: %s\n", text) }

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

// tell prints plain lines: one for the runtime, one for each epoch.
func (r *runner) tell(p workflow.Progress) {
	switch p.Stage {
	case workflow.StageOpen:
		r.line("backend  %s %s on %s, %d threads (%s)", p.Info.Backend, p.Info.Version, p.Info.Device, p.Info.Threads, p.Info.Setting)
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
func (r *runner) print(d *directory, record *runRecord) error {
	if r.json {
		e := json.NewEncoder(r.stdout)
		e.SetIndent("", "  ")
		return e.Encode(record)
	}
	t := record.Times
	fmt.Fprintf(r.stdout, "time     %.1f s: start %.1f, training %.1f, prediction %.1f\n", t.Total, t.Open, t.Train, t.Predict)
	if last := record.History[len(record.History)-1]; last.ValidationDeviance != 0 {
		fmt.Fprintf(r.stdout, "deviance %.3g per pixel (near 1 for a fit at the photon noise); %.0f %% of the pixels hold more than 5 counts\n", last.ValidationDeviance, 100*last.BrightShare)
	}
	if m := record.Metrics; m != nil {
		fmt.Fprintf(r.stdout, "against objectGuess: phase correlation %.3f, amplitude correlation %.3f, complex error %.3f\n", m.PhaseCorrelation, m.AmplitudeCorrelation, m.ComplexError)
		for _, note := range m.Notes {
			r.warn(note)
		}
	}
	fmt.Fprintf(r.stdout, "wrote\n")
	for _, f := range record.Files {
		fmt.Fprintf(r.stdout, "  %s\n", filepath.Join(d.path, f))
	}
	return nil
}
