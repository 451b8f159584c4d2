package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/wholefile"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// The files of a run's directory.
const (
	fileConfig         = "config.yaml"
	fileRun            = "run.json"
	fileHistory        = "history.csv"
	fileReconstruction = "reconstruction.npz"
	fileAmplitude      = "reconstructed_amplitude.png"
	filePhase          = "reconstructed_phase.png"
	fileComparison     = "comparison_plot.png"
	fileMetrics        = "metrics.json"
	fileBundle         = "model.ptycho.zip"
	fileSimulated      = "simulated.npz"
	filePredictions    = "predictions.npz"
	fileReport         = "report.html"
)

// runRecord is run.json: the results without arrays, and what they came from.
type runRecord struct {
	*workflow.Results
	Command  string            `json:"command"`         // run, train or infer
	Model    *modelRecord      `json:"model,omitempty"` // of infer
	Program  string            `json:"program"`
	Finished time.Time         `json:"finished"`
	Inputs   []inputRecord     `json:"inputs"`
	Sources  map[string]string `json:"settings_from,omitempty"` // flag, file or data, for settings that are no defaults
	Metrics  *evaluate.Metrics `json:"metrics,omitempty"`
	Files    []string          `json:"files"`
}

// modelRecord says which model an inference used, and what had trained it.
type modelRecord struct {
	Path    string    `json:"path"`
	Name    string    `json:"name"` // diffraction_to_obj or autoencoder
	Backend string    `json:"backend"`
	Library string    `json:"library"`
	Program string    `json:"program"`
	Created time.Time `json:"created"`
}

// inputRecord names a data file by its content.
type inputRecord struct {
	Path     string `json:"path"`
	SHA256   string `json:"sha256"`
	Patterns int    `json:"patterns"`
}

// printJSON writes the one document of --json.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func writeJSON(path string, v any) error {
	content, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return wholefile.WriteBytes(path, append(content, '\n'))
}

// writePredictions writes what the network gives for each group of patterns:
// object patches [G, N, N, 1] (without object_big [G, N, N, C]), the mean
// positions of the groups and their patterns, and, of the autoencoder, the
// predicted intensities [G, C, N, N], in units in which a mean pattern of the
// training has nphotons; else intensity is nil.
func writePredictions(path string, r *workflow.Results, intensity []float32) error {
	groups, n := r.Groups, r.Config.Model.N
	arrays := []npz.Array{
		{Key: "patches", Data: r.ObjTensorFull, Shape: []int{groups, n, n, len(r.ObjTensorFull) / (groups * n * n)}},
		{Key: "positions", Data: r.GlobalOffsets, Shape: []int{groups, 2}},
		{Key: "nn_indices", Data: r.NNIndices, Shape: []int{groups, r.Channels}},
	}
	if intensity != nil {
		arrays = append(arrays, npz.Array{Key: "intensity", Data: intensity, Shape: []int{groups, r.Channels, n, n}})
	}
	return npz.Write(path, arrays...)
}

// writeReconstruction writes the stitched object, where its groups of patterns
// lay (positions), which patterns of the file each group has (nn_indices) and
// which were in use at all (pattern_indices).
func writeReconstruction(path string, r *workflow.Results) error {
	o := r.Object
	shape := []int{o.Rows, o.Cols}
	return npz.Write(path,
		npz.Array{Key: "object", Data: o.Data, Shape: shape},
		npz.Array{Key: "amplitude", Data: r.ReconAmp.Data, Shape: shape},
		npz.Array{Key: "phase", Data: r.ReconPhase.Data, Shape: shape},
		npz.Array{Key: "weight", Data: o.Weight, Shape: shape},
		npz.Array{Key: "origin_xy", Data: []int64{int64(o.OriginX), int64(o.OriginY)}, Shape: []int{2}},
		npz.Array{Key: "positions", Data: r.Positions, Shape: []int{len(r.Positions) / 2, 2}},
		npz.Array{Key: "nn_indices", Data: r.NNIndices, Shape: []int{len(r.NNIndices) / r.Channels, r.Channels}},
		npz.Array{Key: "pattern_indices", Data: r.PatternIndices, Shape: []int{len(r.PatternIndices)}},
	)
}
