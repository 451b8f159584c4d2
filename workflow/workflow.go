// Package workflow trains a model over a session of a backend and reconstructs
// the object with it. It knows no runtime: the backend comes as a value, and
// everything here is the same for all of them.
package workflow

import (
	"context"
	"fmt"
	"log/slog"
	"math/cmplx"
	"os"
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Options are what a run needs besides its data and its configuration. Sections
// of the configuration that are not set at all, the zero value, are those of the
// defaults, without stitching.
type Options struct {
	Execution      config.ExecutionConfig
	Data           config.DataConfig // as the data was read; only recorded
	Reconstruction config.ReconstructionConfig
	Legacy         config.LegacyParams // stored in the bundle
	Logger         *slog.Logger        // nil: nothing is logged
	Progress       func(Progress)      // nil: nothing is told
	Program        string              // version of the program, stored in the bundle
	Reconstruct    bool                // predict the object patches after training
	Resume         *Checkpoint         // go on from it; nil: begin anew
}

// Train trains on train and, where asked for, predicts object patches and
// stitches them, of test where it is given and else of train. The
// configuration must have passed its checks; it is not changed. Where
// OutputDir is not empty, settings that a model's file cannot keep are refused
// and the directory is made before training begins, and the model bundle is written there before success is reported, and checkpoints
// while training, as checkpoint_every says. A cancelled ctx stops training at the next step and the error wraps ctx.Err();
// where there are checkpoints, one of the exact position is written then, and
// the error is an Interrupted.
func Train(ctx context.Context, b bridge.Backend, train, test *dataset.Raw, c config.TrainingConfig, o Options) (*Results, error) {
	began := time.Now()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	r, err := run(ctx, b, train, test, c, o.filled(), began)
	if err != nil {
		return nil, fmt.Errorf("workflow: train: %w", err)
	}
	return r, nil
}

// filled has the defaults of the sections that are not set.
func (o Options) filled() Options {
	if o.Execution == (config.ExecutionConfig{}) {
		o.Execution = config.DefaultExecution()
	}
	if o.Data == (config.DataConfig{}) {
		o.Data = config.DefaultData()
	}
	if o.Reconstruction == (config.ReconstructionConfig{}) {
		o.Reconstruction = config.DefaultReconstruction()
		o.Reconstruction.DoStitching = false
	}
	return o
}

func run(ctx context.Context, b bridge.Backend, train, test *dataset.Raw, c config.TrainingConfig, o Options, began time.Time) (*Results, error) {
	scan, err := newScan(train, test, c)
	if err != nil {
		return nil, err
	}
	for _, w := range scan.warnings {
		o.Logger.Warn(w)
	}
	set, err := settings(c, o.Execution.Precision)
	if err != nil {
		return nil, err
	}
	set.Modes = train.Modes()
	if o.Resume != nil {
		if err := o.Resume.check(train, test, config.Config{Training: c, Data: o.Data, Execution: o.Execution}); err != nil {
			return nil, err
		}
	}
	t := &trainer{scan: scan, config: c, report: o.Progress, schedule: newSchedule(c, steps(len(scan.training), c.BatchSize))}
	if err := t.schedule.check(); err != nil {
		return nil, err
	}
	if scan.counts {
		t.counts = scan.photons / c.NPhotons
		set.BrightThreshold = brightCounts / t.counts
	}
	var truth *truth
	if set.NeedsTruth() {
		if truth, err = scan.truth(c); err != nil {
			return nil, err
		}
	}
	probe := dataset.NormalizedProbe(train.Probe, c.Model.N, c.Model.ProbeScale)
	var canvas *stitch.Stitcher
	if o.Reconstruct {
		if canvas, err = newStitcher(scan, probe, o.Reconstruction, perPattern(scan, c.Model)); err != nil {
			return nil, err
		}
	}
	if c.OutputDir != "" { // a training whose model could not be kept is not begun
		if err := (config.Config{Training: c, Data: o.Data, Reconstruction: o.Reconstruction, Execution: o.Execution}).Validate(); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(c.OutputDir, 0o755); err != nil {
			return nil, fmt.Errorf("output_dir: %w", err)
		}
	}
	n, err := open(b, scan, set, c.BatchSize, probe, purpose{train: true, predict: o.Reconstruct})
	if err != nil {
		return nil, err
	}
	defer n.close() //nolint:errcheck // its errors are those of freeing memory
	t.network = n
	if err := t.start(b.Info(), train, test, o.Resume); err != nil {
		return nil, err
	}
	if truth != nil {
		if err := truth.write(n, scan.n); err != nil {
			return nil, err
		}
	}
	r := &Results{
		Backend: b.Info().Backend, Info: b.Info(), Precision: o.Execution.Precision, Seed: c.Seed,
		Parameters: n.model.Count(), Patterns: scan.patterns, Groups: scan.object.groups.Len(), Channels: scan.channels,
		Warnings: scan.warnings, Canvas: scan.canvas,
		Config: c, Legacy: o.Legacy, Execution: o.Execution, Reconstruction: o.Reconstruction,
		IntensityScale: set.IntensityScale, Normalization: scan.factor,
	}
	if truth != nil {
		r.TruthDivisor = truth.divisor
	}
	r.Times.Open = since(began)
	o.Progress(Progress{Stage: StageOpen, Info: r.Info})

	if t.at.Stopped && t.at.Epochs < c.NEpochs {
		o.Logger.Warn(fmt.Sprintf("nothing is trained: the training had stopped early after epoch %d, since the validation loss had not fallen for %s; a larger early_stop_patience, or 0, goes on", t.at.Epochs, counted(t.schedule.sinceFall, "epoch")))
	}
	if total := c.NEpochs * steps(len(scan.training), c.BatchSize); c.WarmupSteps >= total {
		o.Logger.Warn("the learning rate does not reach its value", "warmup_steps", c.WarmupSteps, "steps of the training", total)
	}
	o.Logger.Info("training", "groups", len(scan.training), "validation", len(scan.validation))
	if c.OutputDir != "" && c.CheckpointEvery > 0 {
		t.keeper = newKeeper(r, o)
	}
	err = t.run(ctx)
	t.keeper.wait()
	if err != nil {
		return nil, err
	}
	n.tellNotes(o.Logger)
	r.History, r.Steps, r.Segments = t.at.History, n.steps, t.segments()
	r.Times.Train = t.trained()
	if t.keeper != nil {
		r.Times.Checkpoints = t.keeper.seconds
	}
	weights, err := n.weights()
	if err != nil {
		return nil, err
	}
	r.LogScale = float64(weights[len(weights)-1].Data[0])
	if probe, err = n.probe(); err != nil {
		return nil, err
	}
	if err := finiteWeights(weights, probe, n.steps); err != nil {
		return nil, err
	}
	if c.OutputDir != "" { // before anything else can go wrong
		if r.BundlePath, err = save(r, weights, probe, o); err != nil {
			return nil, err
		}
	}
	if o.Reconstruct {
		if c.ProbeTrainable && o.Reconstruction.Weighting == config.WeightingProbe {
			// The weights are those of the probe as it was trained.
			if canvas, err = newStitcher(scan, probe, o.Reconstruction, perPattern(scan, c.Model)); err != nil {
				return nil, err
			}
		}
		if err := reconstruct(ctx, n, scan, canvas, r, o); err != nil {
			return nil, err
		}
	}
	r.Times.Total = t.at.TrainSeconds + since(began)
	return r, nil
}

// finiteWeights refuses the weights of a training whose last step has diverged.
func finiteWeights(weights []model.Parameter, probe []complex64, steps int) error {
	for _, p := range weights {
		for _, v := range p.Data {
			if err := finite("weight "+p.Name, float64(v), steps); err != nil {
				return err
			}
		}
	}
	for _, v := range probe {
		if err := finite("probe", cmplx.Abs(complex128(v)), steps); err != nil {
			return err
		}
	}
	return nil
}

// newStitcher prepares the canvas. It is made before anything is trained, so
// that positions that make none are known then.
func newStitcher(s *scan, probe []complex64, c config.ReconstructionConfig, perPattern bool) (*stitch.Stitcher, error) {
	if !c.DoStitching {
		return nil, nil
	}
	x, y := s.object.places(perPattern)
	m := c.M
	if m == 0 {
		m = 20 * s.n / 64
	}
	if reach := s.object.groups.Reach(); perPattern && float64(m) > float64(s.n)-2*reach {
		return nil, fmt.Errorf("reconstruction.M is %d, but without object_big the patch of a group is moved by up to %.3g pixels, and at its edge is nothing; expected at most %d", m, reach, max(0, int(float64(s.n)-2*reach)))
	}
	return stitch.New(s.n, x, y, how(c, probe, s.n))
}

// perPattern says whether the network's one patch of a group is taken as seen
// at each of its positions.
func perPattern(s *scan, m config.ModelConfig) bool { return s.channels > 1 && !m.ObjectBig }

// reconstruct predicts the object patches and stitches them, if there is a
// canvas.
func reconstruct(ctx context.Context, n *network, s *scan, canvas *stitch.Stitcher, r *Results, o Options) error {
	start := time.Now()
	p := s.object
	groups := p.numbers()
	done := 0
	single := perPattern(s, r.Config.Model)
	spread := newSpread(s.n)
	x, _ := p.places(single)
	r.ObjTensorFull = make([]complex64, 0, len(x)*s.n*s.n)
	err := batches(ctx, groups, r.Config.BatchSize, func(b []int32) error {
		patches, _, err := n.predict(b)
		if err != nil {
			return err
		}
		r.ObjTensorFull = append(r.ObjTensorFull, patches...)
		if single {
			patches = channelsFlat(patches, s.n*s.n, s.channels)
		}
		spread.add(patches)
		done += len(b)
		o.Progress(Progress{Stage: StagePredict, Done: done, Total: len(groups)})
		if canvas == nil {
			return nil
		}
		began := time.Now()
		defer func() { r.Times.Stitch += since(began) }()
		return canvas.Add(patches)
	})
	if err != nil {
		return err
	}
	r.Times.Predict = since(start) - r.Times.Stitch
	r.NNIndices, r.PatternIndices, r.GlobalOffsets = p.nnIndices(), p.patternIndices(), p.groups.Centre
	r.tellSpread(spread, o.Logger)
	if canvas == nil {
		return nil
	}
	r.Positions = pairs(p.places(single))
	return r.stitch(canvas, o)
}

// channelsFlat makes patches of groups [G, pixels, C] single ones [G·C, pixels].
func channelsFlat(patches []complex64, pixels, channels int) []complex64 {
	out := make([]complex64, len(patches))
	for k, v := range patches {
		group, pixel, c := k/channels/pixels, k/channels%pixels, k%channels
		out[(group*channels+c)*pixels+pixel] = v
	}
	return out
}

// tellSpread records how much the patches vary and warns of a collapse.
func (r *Results) tellSpread(s *spreading, logger *slog.Logger) {
	r.Spread = s.value()
	if what := r.Spread.Collapsed(); what != "" {
		r.Warnings = append(r.Warnings, what)
		logger.Warn(what)
	}
}

// stitch takes the object from the canvas.
func (r *Results) stitch(canvas *stitch.Stitcher, o Options) error {
	object, err := canvas.Object()
	if err != nil {
		return err
	}
	if object.Uncovered > 0 {
		advice := "even M = N leaves gaps: the positions lie too far apart"
		if object.SuggestedM > 0 {
			advice = fmt.Sprintf("M = %d covers all of it", object.SuggestedM)
		}
		o.Logger.Warn("no patch lands on part of the scanned area", "share", fmt.Sprintf("%.1f %%", 100*object.Uncovered), "advice", advice)
	}
	r.Object, r.Uncovered = object, object.Uncovered
	r.OriginXY = [2]int{object.OriginX, object.OriginY}
	r.ReconAmp, r.ReconPhase = polar(object)
	return nil
}
