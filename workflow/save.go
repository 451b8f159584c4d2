package workflow

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/model"
)

// save writes the model bundle into the run's directory and gives its path.
func save(r *Results, weights []model.Parameter, probe []complex64, o Options) (string, error) {
	b, err := bundled(r, r.History, weights, probe, o)
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.Config.OutputDir, bundle.FileName)
	return path, bundle.Write(path, *b)
}

// bundled makes the model bundle, without what going on with training needs.
func bundled(r *Results, epochs []Epoch, weights []model.Parameter, probe []complex64, o Options) (*bundle.Bundle, error) {
	n := r.Config.Model.N
	re, im := parts(probe)
	tensors := []safetensors.Tensor{{Name: bundle.Probe, Shape: bundle.ProbeShape(len(probe)/(n*n), n), F32: append(re, im...)}}
	for _, p := range weights {
		tensors = append(tensors, safetensors.Tensor{Name: p.Name, Shape: p.Shape, F32: p.Data})
	}
	history, err := HistoryCSV(epochs)
	if err != nil {
		return nil, err
	}
	canvas := 0
	if r.Channels > 1 {
		canvas = r.Canvas
	}
	return &bundle.Bundle{
		Manifest: bundle.Manifest{
			Backend: r.Backend, Library: r.Info.Version, Program: o.Program,
			Constants: bundle.Constants{
				Normalization: r.Normalization, IntensityScale: r.IntensityScale, NPhotons: r.Config.NPhotons, ProbeScale: r.Config.Model.ProbeScale,
				Canvas: canvas,
			},
		},
		Config:  config.Config{Training: r.Config, Data: o.Data, Reconstruction: o.Reconstruction, Execution: o.Execution},
		Params:  o.Legacy,
		Weights: tensors,
		History: history,
	}, nil
}

// HistoryCSV writes a history as CSV with a line of names.
func HistoryCSV(history []Epoch) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	rows := [][]string{{"epoch", "train_loss", "validation_loss", "learning_rate", "train_deviance", "validation_deviance", "bright_share", "seconds"}}
	for _, e := range history {
		row := []string{strconv.Itoa(e.Epoch)}
		for i, v := range []float64{e.TrainLoss, e.ValidationLoss, e.LearningRate, e.TrainDeviance, e.ValidationDeviance, e.BrightShare} {
			text := strconv.FormatFloat(v, 'g', -1, 64)
			if i > 2 && e.TrainDeviance == 0 { // the file holds no counts
				text = ""
			}
			row = append(row, text)
		}
		rows = append(rows, append(row, fmt.Sprintf("%.3f", e.Seconds)))
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return out.Bytes(), nil
}
