package main

import (
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/report"
	"github.com/ptychobridge/ptychobridge/stitch"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// writeObject writes arrays and pictures of the stitched object and, where the
// data hold a reference, how well both agree.
func (a *app) writeObject(d *directory, results *workflow.Results, reference *dataset.Image) (files []string, m *evaluate.Metrics, err error) {
	o := results.Object
	if err := writeReconstruction(d.file(fileReconstruction), results); err != nil {
		return nil, nil, err
	}
	amplitude, err := report.Amplitude(o, o.Scanned)
	if err != nil {
		return nil, nil, err
	}
	if err := report.WriteImage(d.file(fileAmplitude), amplitude); err != nil {
		return nil, nil, err
	}
	phase, err := report.Phase(o, o.Scanned)
	if err != nil {
		return nil, nil, err
	}
	if err := report.WriteImage(d.file(filePhase), phase); err != nil {
		return nil, nil, err
	}
	files = []string{fileReconstruction, fileAmplitude, filePhase}
	compared, m, err := a.compare(d, results.Object, reference)
	return append(files, compared...), m, err
}

// compare judges the object by the data's objectGuess, if there is one.
func (a *app) compare(d *directory, o *stitch.Object, reference *dataset.Image) (files []string, m *evaluate.Metrics, err error) {
	if reference == nil {
		return nil, nil, nil
	}
	whole := &stitch.Object{Rows: reference.Rows, Cols: reference.Cols, Data: reference.Data}
	metrics, err := evaluate.Evaluate(o, whole, o.Scanned, evaluate.Options{})
	if err != nil {
		a.warn("no comparison with objectGuess: " + err.Error())
		return nil, nil, nil
	}
	if err := writeJSON(d.file(fileMetrics), metrics); err != nil {
		return nil, nil, err
	}
	pictures, err := report.Comparison(o, reference.Data, reference.Rows, reference.Cols, o.Scanned)
	if err != nil {
		return nil, nil, err
	}
	short := metrics.WithoutCurves() // for run.json
	return []string{fileMetrics, fileComparison}, &short, report.WriteComparison(d.file(fileComparison), pictures)
}
