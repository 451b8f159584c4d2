package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// modelFile is what a bundle holds.
type modelFile struct {
	Kind      string              `json:"kind"` // model or checkpoint
	Path      string              `json:"path"`
	Manifest  bundle.Manifest     `json:"manifest"`
	Resumable bool                `json:"resumable"` // training can go on
	Modes     int                 `json:"probe_modes"`
	Config    map[string]any      `json:"config"`
	Changed   []setting           `json:"changed"` // settings that are no defaults
	Params    config.LegacyParams `json:"params"`
	Weights   []arrayInfo         `json:"weights"`
	History   []map[string]string `json:"history"`

	// Checkpoint says where the training stood, if it can go on.
	Checkpoint *workflow.CheckpointInfo `json:"checkpoint,omitempty"`
	// Checkpoints are those of the run in whose directory the model is, the
	// newest first. Resume is the command that goes on with it.
	Checkpoints []workflow.CheckpointInfo `json:"checkpoints,omitempty"`
	Resume      string                    `json:"resume,omitempty"`
}

// setting is a key and its value as text.
type setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func inspectBundle(path string) (inspected, error) {
	b, err := bundle.Read(path)
	if err != nil {
		return nil, err
	}
	m := &modelFile{
		Kind: "model", Path: bundleFile(path), Manifest: b.Manifest, Resumable: b.Training != nil, Modes: b.Modes(),
		Changed: changed(b.Config), Params: b.Params, History: history(b.History),
	}
	for _, w := range b.Weights {
		m.Weights = append(m.Weights, arrayInfo{Key: w.Name, DType: string(w.DType()), Shape: slices.Concat([]int{}, w.Shape)})
	}
	if m.Resumable {
		all, err := workflow.Checkpoints(m.Path)
		if err != nil {
			return nil, err
		}
		if m.Kind, m.Checkpoint = "checkpoint", &all[0]; m.Checkpoint.Problem != "" {
			return nil, errors.New(m.Checkpoint.Problem)
		}
	}
	if err := m.lookBeside(path); err != nil {
		return nil, err
	}
	text, err := b.Config.YAML()
	if err != nil {
		return nil, err
	}
	return m, yaml.Unmarshal(text, &m.Config)
}

// lookBeside adds what the directory of a run that was stopped after its last
// epoch holds besides the model.
func (m *modelFile) lookBeside(path string) (err error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return err
	}
	if m.Checkpoints, err = workflow.Checkpoints(path); err != nil {
		return err
	}
	readable := func(c workflow.CheckpointInfo) bool { return c.Problem == "" }
	if exists(filepath.Join(path, fileConfig)) && slices.ContainsFunc(m.Checkpoints, readable) {
		m.Resume = resumeCommand("run", path)
	}
	return nil
}

// changed lists the settings that are no defaults.
func changed(c config.Config) []setting {
	out := []setting{}
	for _, f := range config.Fields() {
		if v := f.Get(c); v != f.Get(config.Default()) {
			out = append(out, setting{f.Path(), v})
		}
	}
	return out
}

// history reads history.csv as rows by their names. What cannot be read is
// left out: no program reads it back.
func history(content []byte) []map[string]string {
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		entry := map[string]string{}
		for i, name := range rows[0] {
			entry[name] = row[i]
		}
		out = append(out, entry)
	}
	return out
}

func (m *modelFile) table() string {
	var s sheet
	a, k := m.Manifest, m.Manifest.Constants
	s.path(m.Kind, m.Path)
	s.row("schema", "%d, read by ptychobridge %s and later", a.SchemaVersion, a.ReadableFrom)
	s.row("trained on", "%s %s", a.Backend, a.Library)
	s.row("program", "%s", a.Program)
	s.row("created", "%s", a.Created.Format(time.RFC3339))
	s.row("models", "%s", strings.Join(a.Models, ", "))
	s.row("parameters", "%d of the network, in %d arrays", a.ParameterCount, len(m.Weights)-2)
	s.row("probe modes", "%d", m.Modes)
	s.row("constants", "normalization %.6g, intensity_scale %.6g, nphotons %.6g, probe_scale %.6g", k.Normalization, k.IntensityScale, k.NPhotons, k.ProbeScale)
	if k.Canvas > 0 {
		s.row("canvas", "%d pixels", k.Canvas)
	}
	switch {
	case m.Resumable:
		s.row("training", "can go on: %s", wordCheckpoint(*m.Checkpoint))
	case m.Resume != "":
		s.path("training", "can go on from its checkpoints: "+m.Resume)
	default:
		s.row("training", "cannot go on: its state is not kept")
	}
	if n := len(m.History); n > 0 {
		last := m.History[n-1]
		s.row("history", "%d epochs, last loss %s, validation %s", n, short(last["train_loss"]), short(last["validation_loss"]))
	}
	m.parity(&s)
	for i, c := range m.Changed {
		name := ""
		if i == 0 {
			name = "settings"
		}
		s.row(name, "%s: %s", c.Key, c.Value)
	}
	for i, f := range a.Members {
		name := ""
		if i == 0 {
			name = "members"
		}
		s.row(name, "%s, %d bytes, sha256 %.12s…", f.Name, f.Size, f.SHA256)
	}
	if len(m.Checkpoints) > 0 {
		s.checkpoints(m.Checkpoints)
	}
	return s.String()
}

// parity words the certificate.
func (m *modelFile) parity(s *sheet) {
	c := m.Manifest.Parity
	if c == nil {
		return
	}
	if !c.Known() {
		s.row("parity", "a certificate that this version cannot read, of the schema %q; the model is not affected", c.Schema)
		return
	}
	verdict := "within the budgets"
	if !c.Within {
		verdict = "NOT within the budgets"
	}
	var names []string
	for _, r := range c.Runtimes {
		names = append(names, fmt.Sprintf("%s %s on %s", r.Backend, r.Version, r.Device))
	}
	s.row("parity", "%s, %s, %s", strings.Join(names, " and "), verdict, c.Created.Format(time.RFC3339))
	for _, l := range c.Levels {
		s.row("", "%s %s: %d figures, largest distance %.1e, %d outside", l.Precision, l.Level, l.Figures, l.Largest, l.Outside)
	}
}

// short rounds a number that was written in full.
func short(text string) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return fmt.Sprintf("%.6g", v)
}

// sorted walks a map by its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
