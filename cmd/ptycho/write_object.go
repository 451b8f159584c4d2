package main

import (
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/stitch"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// shown is what was written of a stitched object: the files, and what the
// report shows of them.
type shown struct {
	files      []string
	object     []report.Image
	comparison [][]report.Image
	metrics    *evaluate.Metrics // nil: nothing was compared
	warnings   []string
}

// short are the metrics for run.json.
func (s *shown) short() *evaluate.Metrics {
	if s.metrics == nil {
		return nil
	}
	m := s.metrics.WithoutCurves()
	return &m
}

// writeObject writes arrays and pictures of the stitched object, if there is
// one, and, where the data hold a reference, how well both agree.
func (a *app) writeObject(d *directory, results *workflow.Results, reference *dataset.Image) (*shown, error) {
	s := &shown{}
	o := results.Object
	if o == nil {
		return s, nil
	}
	if err := writeReconstruction(d.file(fileReconstruction), results); err != nil {
		return nil, err
	}
	amplitude, err := report.Amplitude(o, o.Scanned)
	if err != nil {
		return nil, err
	}
	if err := report.WriteImage(d.file(fileAmplitude), amplitude); err != nil {
		return nil, err
	}
	phase, err := report.Phase(o, o.Scanned)
	if err != nil {
		return nil, err
	}
	if err := report.WriteImage(d.file(filePhase), phase); err != nil {
		return nil, err
	}
	s.files = []string{fileReconstruction, fileAmplitude, filePhase}
	s.object = []report.Image{amplitude, phase}
	return s, a.compare(s, d, o, reference)
}

// compare judges the object by the data's objectGuess, if there is one.
func (a *app) compare(s *shown, d *directory, o *stitch.Object, reference *dataset.Image) error {
	if reference == nil {
		return nil
	}
	whole := &stitch.Object{Rows: reference.Rows, Cols: reference.Cols, Data: reference.Data}
	metrics, err := evaluate.Evaluate(o, whole, o.Scanned, evaluate.Options{})
	if err != nil {
		s.warnings = []string{"no comparison with objectGuess: " + err.Error()}
		a.warnAll(s.warnings)
		return nil
	}
	if err := writeJSON(d.file(fileMetrics), metrics); err != nil {
		return err
	}
	pictures, err := report.Comparison(o, reference.Data, reference.Rows, reference.Cols, o.Scanned)
	if err != nil {
		return err
	}
	s.metrics, s.comparison = &metrics, pictures
	s.files = append(s.files, fileMetrics, fileComparison)
	return report.WriteComparison(d.file(fileComparison), pictures)
}
