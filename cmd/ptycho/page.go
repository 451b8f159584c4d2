package main

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// page is the report of a run, from what run.json and its settings hold. The
// inputs are in the order of the record's.
func page(r *runRecord, settings config.Resolved, s *shown, inputs ...*dataset.Raw) report.Page {
	last := r.Inputs[len(r.Inputs)-1]
	what := "Reconstruction of "
	if r.Command == "train" {
		what = "Training on "
		last = r.Inputs[0]
	}
	p := report.Page{
		Title: what + filepath.Base(last.Path),
		Summary: fmt.Sprintf("ptycho %s on %s %s (%s), finished %s.", r.Command, r.Backend, r.Info.Version, r.Info.Device,
			r.Finished.Format("2 January 2006, 15:04:05 MST")),
		Key: keyFacts(r), Warnings: pageWarnings(r, settings, s, inputs),
		Object: s.object, Comparison: s.comparison, Metrics: s.metrics,
		Curves: curves(r.History),
		Facts:  facts(r), Settings: pageSettings(settings),
	}
	for i, in := range r.Inputs {
		p.Inputs = append(p.Inputs, report.Input{Use: use(r, i), Path: in.Path, SHA256: in.SHA256, Patterns: in.Patterns})
	}
	for _, name := range r.Files {
		if name != fileReport {
			p.Files = append(p.Files, report.File{Name: name, What: fileHolds[name]})
		}
	}
	return p
}

// use says what an input of a run was for.
func use(r *runRecord, i int) string {
	switch {
	case r.Command == "infer":
		return "reconstruction"
	case r.Command == "train" && i == 0, len(r.Inputs) > 1 && i == 0:
		return "training"
	case r.Command == "train":
		return "validation"
	case i == 0:
		return "training and reconstruction"
	}
	return "validation and reconstruction"
}

// keyFacts are the numbers that are looked for first.
func keyFacts(r *runRecord) []report.Fact {
	var facts []report.Fact
	if n := len(r.History); n > 0 {
		facts = append(facts, report.Fact{Name: "Epochs", Value: strconv.Itoa(n), Note: fmt.Sprintf("%d steps", r.Steps)})
		if last := r.History[n-1]; last.ValidationDeviance != 0 {
			facts = append(facts, report.Fact{
				Name: "Deviance per pixel", Value: fmt.Sprintf("%.3g", last.ValidationDeviance), Note: "near 1 at the photon noise, see below",
			})
		}
	}
	if m := r.Metrics; m != nil {
		facts = append(facts, report.Fact{Name: "Phase correlation", Value: fixed(m.PhaseCorrelation), Note: "with the reference; 1 is best"},
			report.Fact{Name: "Amplitude correlation", Value: fixed(m.AmplitudeCorrelation), Note: "with the reference; 1 is best"})
	}
	return append(facts, report.Fact{Name: "Time", Value: duration(r.Times.Total)})
}

func fixed(v float64) string { return minus(fmt.Sprintf("%.3f", v)) }

// minus gives a number its sign for people.
func minus(number string) string { return strings.Replace(number, "-", "−", 1) }

// duration words seconds for people.
func duration(seconds float64) string {
	if seconds < 99.95 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	whole := time.Duration(math.Round(seconds)) * time.Second
	hours, minutes := int(whole.Hours()), int(whole.Minutes())%60
	if hours > 0 {
		return fmt.Sprintf("%d h %d min", hours, minutes)
	}
	return fmt.Sprintf("%d min %d s", minutes, int(whole.Seconds())%60)
}

// pageWarnings are all that the run said, the gravest first.
func pageWarnings(r *runRecord, settings config.Resolved, s *shown, inputs []*dataset.Raw) []string {
	all := append([]string{}, r.Warnings...)
	if r.Uncovered > 0 {
		all = append(all, fmt.Sprintf("no patch landed on %.1f %% of the scanned area", 100*r.Uncovered))
	}
	all = append(all, s.warnings...)
	for i, raw := range inputs {
		for _, w := range raw.Warnings { // most begin with the file's path
			all = append(all, filepath.Base(r.Inputs[i].Path)+": "+strings.TrimPrefix(w, raw.Path+": "))
		}
	}
	return append(all, settings.Warnings...)
}

// facts say how a run was computed.
func facts(r *runRecord) []report.Fact {
	var all []report.Fact
	add := func(name, value, note string) { all = append(all, report.Fact{Name: name, Value: value, Note: note}) }
	add("Program", r.Program, "")
	add("Backend", r.Backend+" "+r.Info.Version, "")
	add("Library", r.Info.Path, "")
	add("Device", r.Info.Device, fmt.Sprintf("threads: %d", r.Info.Threads))
	if r.Info.Setting != "" {
		add("Switches", r.Info.Setting, "")
	}
	add("Precision", r.Precision, "")
	add("Seed", strconv.FormatUint(r.Seed, 10), "")
	if m := r.Model; m != nil {
		add("Model", m.Path, m.Name)
		add("Trained by", m.Backend+" "+m.Library, m.Program)
		add("Trained", m.Created.Format("2 January 2006, 15:04:05 MST"), "")
	}
	add("Network", strconv.Itoa(r.Parameters)+" weights", "")
	add("Patterns", strconv.Itoa(r.Patterns), "in use")
	if r.Groups > 0 {
		add("Groups", strconv.Itoa(r.Groups), fmt.Sprintf("%s, patterns in each: %d", groupsFor(r), r.Channels))
	}
	add("Intensity scale", fmt.Sprintf("%.6g", r.IntensityScale), fmt.Sprintf("trained log: %.4g", r.LogScale))
	_, stages, _ := strings.Cut(times(r.Times), ": ")
	add("Time", duration(r.Times.Total), "in seconds: "+stages)
	for i, g := range r.Segments {
		if len(r.Segments) > 1 {
			add(fmt.Sprintf("Segment %d", i+1), fmt.Sprintf("steps %d to %d", g.FromStep, g.ToStep), fmt.Sprintf("%s %s, %s, threads: %d", g.Backend, g.Library, g.Device, g.Threads))
		}
	}
	return all
}

// groupsFor says what the groups were for that a run counts.
func groupsFor(r *runRecord) string {
	switch {
	case r.Command != "train":
		return "that were reconstructed"
	case len(r.Inputs) > 1:
		return "to validate on"
	}
	return "to train and validate on"
}

// curves are the curves of a training. A deviance that there is not is 0 in a
// history and a gap in a curve.
func curves(history []workflow.Epoch) []report.Chart {
	if len(history) == 0 {
		return nil
	}
	var epochs []float64
	for _, e := range history {
		epochs = append(epochs, float64(e.Epoch))
	}
	line := func(name string, of func(e workflow.Epoch) float64) report.Line {
		l := report.Line{Name: name, X: epochs}
		for _, e := range history {
			l.Y = append(l.Y, of(e))
		}
		return l
	}
	deviance := func(v float64) float64 {
		if v == 0 {
			return math.NaN()
		}
		return v
	}
	last := history[len(history)-1]
	noise := "Poisson deviance of counts; near 1 for a fit at the photon noise where more than 5 counts are expected."
	if last.BrightShare != 0 {
		noise += fmt.Sprintf(" They are in %.0f %% of the pixels.", 100*last.BrightShare)
	}
	return []report.Chart{
		{
			Title: "Loss", X: "epoch", Y: "loss", Whole: true,
			Lines: []report.Line{
				line("training", func(e workflow.Epoch) float64 { return e.TrainLoss }),
				line("validation", func(e workflow.Epoch) float64 { return e.ValidationLoss }),
			},
			Caption: lowest(history),
		},
		{
			Title: "Deviance", X: "epoch", Y: "deviance per pixel", Whole: true, Log: true,
			Lines: []report.Line{
				line("training", func(e workflow.Epoch) float64 { return deviance(e.TrainDeviance) }),
				line("validation", func(e workflow.Epoch) float64 { return deviance(e.ValidationDeviance) }),
			},
			Caption: noise,
		},
		{
			Title: "Learning rate", X: "epoch", Y: "learning rate", Whole: true, FromY: 0, ToY: last.LearningRate,
			Lines:   []report.Line{line("rate", func(e workflow.Epoch) float64 { return e.LearningRate })},
			Caption: "Of the last step of each epoch.",
		},
	}
}

// lowest says where the validation loss is lowest.
func lowest(history []workflow.Epoch) string {
	best := history[0]
	for _, e := range history {
		if e.ValidationLoss < best.ValidationLoss {
			best = e
		}
	}
	return fmt.Sprintf("The lowest validation loss is %s, in epoch %d of %d.", minus(fmt.Sprintf("%.6g", best.ValidationLoss)), best.Epoch, len(history))
}

// pageSettings are all settings of a run.
func pageSettings(r config.Resolved) []report.Setting {
	var all []report.Setting
	for _, f := range config.Fields() {
		s := report.Setting{Section: f.Section, Key: f.Key, Value: f.Get(r.Config), Default: f.Default, Doc: f.Doc}
		if source := r.Sources[f.Path()]; source != "default" {
			s.From = cmp.Or(source, "the program")
		}
		all = append(all, s)
	}
	return all
}

// fileHolds says what the files of a run hold.
var fileHolds = map[string]string{
	fileConfig:           "the settings; they reproduce the run",
	fileRun:              "results, versions and hashes, for programs",
	fileHistory:          "losses, deviances and rates by epoch",
	fileReconstruction:   "object, amplitude, phase, weight and positions",
	fileAmplitude:        "the amplitude with axes and colour bar",
	filePhase:            "the phase with axes and colour bar",
	fileComparison:       "object and reference side by side",
	fileMetrics:          "all metrics, with the curves",
	fileBundle:           "the trained model, for either backend",
	dirCheckpoints + "/": "the training after its last epochs and after its best one",
	fileSimulated:        "the simulated data set",
	filePredictions:      "what the network gives for each group",
}
