package parity

import (
	"context"
	"fmt"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// Work makes the suite on a backend: one that is compared, or the judge, who
// leaves out what is too slow for it, the late steps of a training and the
// reconstruction. tell, which may be nil, is told what comes next. Errors name
// the experiment; those of ctx are wrapped.
func Work(ctx context.Context, b bridge.Backend, s Settings, judge bool, tell func(what string)) (Record, error) {
	raw, err := dataset.Load(s.Data, dataset.Options{})
	if err != nil {
		return nil, fmt.Errorf("parity: %w", err)
	}
	if raw.N != s.Model.N {
		return nil, fmt.Errorf("parity: %s holds patterns of %d×%d; N is %d", s.Data, raw.N, raw.N, s.Model.N)
	}
	if tell == nil {
		tell = func(string) {}
	}
	record := Record{}
	var last Level
	experiments, err := s.Experiments(raw)
	if err != nil {
		return nil, err
	}
	for _, e := range experiments {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("parity: %w", err)
		}
		if e.Level != last {
			tell(fmt.Sprintf("%s, %s", e.Level, e.Precision))
			last = e.Level
		}
		if err := e.measure(b, judge, record); err != nil {
			return nil, fmt.Errorf("parity: %w", err)
		}
	}
	if judge || !s.has(Reconstruction) {
		return record, nil
	}
	for _, precision := range s.precisions() {
		tell(fmt.Sprintf("%s, %s", Reconstruction, precision))
		if err := s.reconstruct(ctx, b, raw, precision, record); err != nil {
			return nil, fmt.Errorf("parity: %s, %s: %w", Reconstruction, precision, err)
		}
	}
	return record, nil
}

func (s Settings) has(l Level) bool {
	for _, x := range s.Levels {
		if x == l {
			return true
		}
	}
	return false
}

// What a reconstruction keeps.
const (
	keptObject  = "object"  // (re, im) [rows, cols, 2]
	keptWeight  = "weight"  // [rows, cols]
	keptOrigin  = "origin"  // column and row of the first pixel in object pixels
	keptScanned = "scanned" // x0, y0, x1, y1 of the scanned area
	keptTrain   = "training loss"
	keptHeld    = "validation loss"
)

// experimentTraining is the name of the one experiment of a reconstruction.
const experimentTraining = "training"

// reconstruct trains on the whole scan and keeps the stitched object and the
// losses.
func (s Settings) reconstruct(ctx context.Context, b bridge.Backend, raw *dataset.Raw, precision string, into Record) error {
	c := s.Training
	c.OutputDir = ""
	e := config.DefaultExecution()
	e.Precision = precision
	r := config.DefaultReconstruction()
	r.DoStitching = true
	results, err := workflow.Train(ctx, b, raw, nil, c, workflow.Options{Execution: e, Data: config.DefaultData(), Reconstruction: r, Reconstruct: true})
	if err != nil {
		return err
	}
	keep := func(name string, v bridge.Tensor) { into[Key{Reconstruction, experimentTraining, precision, name}] = v }
	o := results.Object
	parts := make([]float32, 0, 2*len(o.Data))
	for _, z := range o.Data {
		parts = append(parts, real(z), imag(z))
	}
	keep(keptObject, bridge.NewTensor(parts, o.Rows, o.Cols, 2))
	keep(keptWeight, bridge.NewTensor(o.Weight, o.Rows, o.Cols))
	keep(keptOrigin, bridge.NewTensor([]int32{int32(o.OriginX), int32(o.OriginY)}, 2))
	a := o.Scanned
	keep(keptScanned, bridge.NewTensor([]int32{int32(a.Min.X), int32(a.Min.Y), int32(a.Max.X), int32(a.Max.Y)}, 4))
	train, held := make([]float64, len(results.History)), make([]float64, len(results.History))
	for i, e := range results.History {
		train[i], held[i] = e.TrainLoss, e.ValidationLoss
	}
	keep(keptTrain, bridge.NewTensor(train, len(train)))
	keep(keptHeld, bridge.NewTensor(held, len(held)))
	return nil
}
