package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// largestRecord is the most that is read of run.json, in bytes.
const largestRecord = 64 << 20

// runFiles is what the directory of a run holds.
type runFiles struct {
	Kind    string          `json:"kind"` // run
	Path    string          `json:"path"`
	Record  json.RawMessage `json:"run"`               // run.json as it stands
	Missing []string        `json:"missing,omitempty"` // files that it names and that are gone

	Checkpoints []workflow.CheckpointInfo `json:"checkpoints,omitempty"` // the newest first

	summary runSummary
}

// runSummary is the part of run.json that is shown.
type runSummary struct {
	*workflow.Results
	Command  string            `json:"command"`
	Model    *modelRecord      `json:"model"`
	Program  string            `json:"program"`
	Finished time.Time         `json:"finished"`
	Inputs   []inputRecord     `json:"inputs"`
	Metrics  *evaluate.Metrics `json:"metrics"`
	Files    []string          `json:"files"`
}

func inspectRun(directory string) (inspected, error) {
	path := filepath.Join(directory, fileRun)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > largestRecord {
		return nil, fmt.Errorf("%s: found %d bytes; expected the file of a run, at most %d", path, info.Size(), largestRecord)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &runFiles{Kind: "run", Path: directory, Record: content, summary: runSummary{Results: &workflow.Results{}}}
	if err := json.Unmarshal(content, &r.summary); err != nil {
		return nil, fmt.Errorf("%s: found what is no record of a run: %w", path, err)
	}
	if r.summary.Results == nil || r.summary.Backend == "" {
		return nil, fmt.Errorf("%s: missing key %q; expected the record of a run", path, "backend")
	}
	for _, name := range r.summary.Files {
		if !filepath.IsLocal(name) || !exists(filepath.Join(directory, name)) {
			r.Missing = append(r.Missing, name)
		}
	}
	if r.Checkpoints, err = workflow.Checkpoints(directory); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *runFiles) table() string {
	var s sheet
	t := r.summary
	s.path(r.Kind, r.Path)
	s.row("command", "%s, finished %s", cmp.Or(t.Command, "run"), t.Finished.Format(time.RFC3339))
	s.row("backend", "%s %s on %s, %d threads, %s", t.Backend, t.Info.Version, t.Info.Device, t.Info.Threads, t.Precision)
	s.path("library", t.Info.Path)
	s.row("program", "%s", t.Program)
	if m := t.Model; m != nil {
		s.path("model", m.Path)
		s.row("", "%s, trained on %s %s", m.Name, m.Backend, m.Library)
	}
	for _, i := range t.Inputs {
		s.path("data", i.Path)
		s.row("", "%d patterns, sha256 %.12s…", i.Patterns, i.SHA256)
	}
	s.row("groups", "%d of %d patterns", t.Groups, t.Channels)
	s.row("parameters", "%d", t.Parameters)
	s.losses(t.History)
	s.row("time", "%s", strings.TrimSpace(strings.TrimPrefix(times(t.Times), "time")))
	if m := t.Metrics; m != nil {
		s.row("metrics", "phase correlation %.3f, amplitude correlation %.3f, complex error %.3f", m.PhaseCorrelation, m.AmplitudeCorrelation, m.ComplexError)
	}
	for _, w := range t.Warnings {
		s.row("warning", "%s", w)
	}
	s.row("files", "%s", strings.Join(t.Files, ", "))
	if len(r.Missing) > 0 {
		s.row("missing", "%s", strings.Join(r.Missing, ", "))
	}
	if len(r.Checkpoints) > 0 {
		s.checkpoints(r.Checkpoints)
	}
	return s.String()
}

// losses words the end of a history.
func (s *sheet) losses(h []workflow.Epoch) {
	if len(h) == 0 {
		return
	}
	last := h[len(h)-1]
	s.row("epochs", "%d", len(h))
	s.row("last", "loss %.6g, validation %.6g, rate %.2g", last.TrainLoss, last.ValidationLoss, last.LearningRate)
	if last.ValidationDeviance != 0 {
		s.row("", "deviance %.4g per pixel", last.ValidationDeviance)
	}
}
