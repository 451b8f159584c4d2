package main

import (
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/workflow"
)

func (r *runner) writeObject(d *directory, results *workflow.Results, files *[]string) (*evaluate.Metrics, error) {
	if err := writeReconstruction(d.file(fileReconstruction), results); err != nil {
		return nil, err
	}
	*files = append(*files, fileReconstruction)
	raw := r.reconstructed()
	if raw.Object == nil {
		return nil, nil
	}
	m, err := evaluate.Compare(results.Object, raw.Object.Data, raw.Object.Rows, raw.Object.Cols, results.Object.Scanned)
	if err != nil {
		return nil, err
	}
	*files = append(*files, fileMetrics)
	return &m, writeJSON(d.file(fileMetrics), m)
}
