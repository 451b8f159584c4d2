package workflow

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Tell has progress told after each predicted batch; nil tells nothing.
func (m *Model) Tell(progress func(Progress)) {
	if progress == nil {
		progress = func(Progress) {}
	}
	m.progress = progress
}

// UseLegacy has the results of Stitch give these legacy parameters, those of the
// inference, instead of the bundle's.
func (m *Model) UseLegacy(p config.LegacyParams) { m.legacy = p }

// Bundle is the bundle that the model was loaded from.
func (m *Model) Bundle() *bundle.Bundle { return m.bundle }

// Stitch gives the results of a prediction of this model with the fields that
// those of a run have, as far as they are not about training. With
// c.DoStitching the patches are stitched as at the end of a run, weighed by the
// bundle's probe where c.Weighting is probe; Object, ReconAmp and ReconPhase
// are nil otherwise. Patches are shared with p. Warnings go to logger, which may
// be nil. Errors are those of stitch.Patches, and a prediction that no Predict
// has made.
func (m *Model) Stitch(p *Prediction, c config.ReconstructionConfig, logger *slog.Logger) (*Results, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	r, err := m.stitch(p, c, logger)
	if err != nil {
		return nil, fmt.Errorf("workflow: stitch: %w", err)
	}
	return r, nil
}

func (m *Model) stitch(p *Prediction, c config.ReconstructionConfig, logger *slog.Logger) (*Results, error) {
	pixels := p.N * p.N
	if pixels == 0 || len(p.patchX)*pixels != len(p.Patches) || p.N != m.set.Model.N {
		return nil, fmt.Errorf("the prediction has %d values for %d patches of %d×%d; expected one that Predict of this model made", len(p.Patches), len(p.patchX), p.N, p.N)
	}
	r := m.results(p)
	r.Reconstruction = c
	patches := p.Patches
	if len(p.patchX) > len(p.X) { // a patch for each pattern of a group
		patches = channelsFlat(patches, pixels, p.Channels)
	}
	spread := newSpread(p.N)
	spread.add(patches)
	r.tellSpread(spread, logger)
	if c.DoStitching {
		start := time.Now()
		canvas, err := stitch.New(p.N, p.patchX, p.patchY, how(c, m.probe(), p.N))
		if err != nil {
			return nil, err
		}
		if err := canvas.Add(patches); err != nil {
			return nil, err
		}
		r.Positions = pairs(p.patchX, p.patchY)
		if err := r.stitch(canvas, Options{Logger: logger}); err != nil {
			return nil, err
		}
		r.Times.Stitch = since(start)
	}
	r.Times.Total = r.Times.Predict + r.Times.Stitch
	return r, nil
}

// results are what is known without stitching.
func (m *Model) results(p *Prediction) *Results {
	b := m.bundle
	scale, _ := b.Weight(bundle.LogScale) // it was checked
	info := m.Info()
	return &Results{
		Backend: info.Backend, Info: info, Precision: m.execution.Precision, Seed: b.Config.Training.Seed,
		Parameters: b.Manifest.ParameterCount, Patterns: len(p.PatternIndices), Groups: len(p.X), Channels: p.Channels, Canvas: p.canvas,
		Warnings: p.Warnings, Config: b.Config.Training, Legacy: m.legacy, Execution: m.execution,
		IntensityScale: b.Manifest.Constants.IntensityScale, Normalization: b.Manifest.Constants.Normalization, LogScale: float64(scale.F32[0]),
		ObjTensorFull: p.Patches, GlobalOffsets: pairs(p.X, p.Y), NNIndices: p.NNIndices, PatternIndices: p.PatternIndices,
		Times: Times{Predict: p.seconds},
	}
}

// pairs are points [·, 2].
func pairs(x, y []float64) []float64 {
	out := make([]float64, 0, 2*len(x))
	for i := range x {
		out = append(out, x[i], y[i])
	}
	return out
}
