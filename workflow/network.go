package workflow

import (
	"log/slog"
	"runtime/debug"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
)

// network is a model in a session of a backend, with the patterns of a scan on
// the device. Whoever makes it closes it.
type network struct {
	model   *model.Model
	session bridge.Session
	scan    *scan
	float   graph.DType
	steps   int // optimizer steps made
}

// purpose says which programs a network is compiled for.
type purpose struct{ train, predict bool }

// open compiles the programs for the batch sizes that the scan needs and
// writes the patterns and the normalised probe.
func open(b bridge.Backend, s *scan, settings model.Settings, batch int, probe []complex64, why purpose) (*network, error) {
	settings.Patterns, settings.Canvas = s.patterns, s.canvas
	n := &network{model: model.New(settings), scan: s, float: settings.Float}
	session, err := b.Compile(n.programs(s, batch, why)...)
	if err != nil {
		return nil, err
	}
	n.session = session
	if err := n.writeScan(s, probe); err != nil {
		_ = n.close() // the first error counts
		return nil, err
	}
	// The patterns are on the device: the normalised copy, and what was needed to
	// bring it there, go back to the system before the network takes memory.
	s.amplitude = nil
	debug.FreeOSMemory()
	return n, nil
}

// programs lists what a run needs; the last, smaller batch is a program of its
// own.
func (n *network) programs(s *scan, batch int, why purpose) []*graph.Program {
	var out []*graph.Program
	add := func(count int, make func(int) *graph.Program) {
		for _, size := range batchSizes(count, batch) {
			out = append(out, make(size))
		}
	}
	if why.train {
		add(len(s.training), n.model.Train)
		add(len(s.validation), n.model.Evaluate)
	}
	if why.predict {
		add(s.object.groups.Len(), n.model.Predict)
	}
	return out
}

// batchSizes gives the sizes of batches that count groups make: full ones
// and the last one.
func batchSizes(count, batch int) []int {
	var sizes []int
	if count >= batch {
		sizes = append(sizes, batch)
	}
	if rest := count % batch; rest > 0 {
		sizes = append(sizes, rest)
	}
	return sizes
}

func (n *network) writeScan(s *scan, probe []complex64) error {
	if err := n.write(model.StateAmplitude, s.amplitude, s.patterns, s.n, s.n); err != nil {
		return err
	}
	re, im := parts(probe)
	modes := len(probe) / (s.n * s.n)
	if err := n.write(model.StateProbeRe, re, modes, s.n, s.n); err != nil {
		return err
	}
	return n.write(model.StateProbeIm, im, modes, s.n, s.n)
}

// probe reads the probe [P, N, N], rounded to float32.
func (n *network) probe() ([]complex64, error) {
	re, err := n.session.Read(model.StateProbeRe)
	if err != nil {
		return nil, err
	}
	im, err := n.session.Read(model.StateProbeIm)
	if err != nil {
		return nil, err
	}
	return joined(re.Float32(), im.Float32()), nil
}

// parts gives real and imaginary parts.
func parts(values []complex64) (re, im []float32) {
	re, im = make([]float32, len(values)), make([]float32, len(values))
	for i, v := range values {
		re[i], im[i] = real(v), imag(v)
	}
	return re, im
}

// joined is the inverse of parts.
func joined(re, im []float32) []complex64 {
	out := make([]complex64, len(re))
	for i := range re {
		out[i] = complex(re[i], im[i])
	}
	return out
}

// write writes a state, widened where the network computes in float64.
func (n *network) write(name string, values []float32, shape ...int) error {
	t := bridge.NewTensor(values, shape...)
	if n.float == graph.Float64 {
		t = bridge.NewTensor(t.Float64(), shape...)
	}
	return n.session.Write(name, t)
}

// writeWeights sets all parameters.
func (n *network) writeWeights(weights []model.Parameter) error {
	for _, p := range weights {
		if err := n.write(p.Name, p.Data, p.Shape...); err != nil {
			return err
		}
	}
	return nil
}

// writeMoments sets the optimizer's states to zero.
func (n *network) writeMoments() error {
	for _, p := range n.model.Moments() {
		if err := n.write(p.Name, make([]float32, p.Shape.Size()), p.Shape...); err != nil {
			return err
		}
	}
	return nil
}

// parameters lists the states that are the model: the weights and the probe.
func parameters(m *model.Model, probe graph.Shape) []model.Parameter {
	return append(m.Parameters(), model.Parameter{Name: model.StateProbeRe, Shape: probe}, model.Parameter{Name: model.StateProbeIm, Shape: probe})
}

// weights reads all parameters, rounded to float32.
func (n *network) weights() ([]model.Parameter, error) {
	out := n.model.Parameters()
	for i, p := range out {
		t, err := n.session.Read(p.Name)
		if err != nil {
			return nil, err
		}
		out[i].Data = t.Float32()
	}
	return out, nil
}

// figures are what a program tells of a batch, see the outputs of package
// model.
type figures struct{ loss, deviance, bright float64 }

// step trains on a batch of groups and gives its figures from before the step.
func (n *network) step(batch []int32, rate float64) (figures, error) {
	n.steps++
	feeds := n.scan.feeds(batch, n.float)
	for name, v := range n.model.Rates(rate, n.steps) {
		feeds[name] = bridge.FromFloat64(n.float, []float64{v})
	}
	return n.losses(model.TrainName(len(batch)), feeds)
}

// evaluate gives the figures of a batch of groups.
func (n *network) evaluate(batch []int32) (figures, error) {
	return n.losses(model.EvaluateName(len(batch)), n.scan.feeds(batch, n.float))
}

func (n *network) losses(program string, feeds bridge.Tensors) (figures, error) {
	out, err := n.session.Run(program, feeds)
	if err != nil {
		return figures{}, err
	}
	return figures{out[model.OutputLoss].Scalar(), out[model.OutputDeviance].Scalar(), out[model.OutputBright].Scalar()}, nil
}

// predict gives the object patches of a batch of groups, [B, N, N] or, without
// object_big, [B, N, N, C], and the predicted intensities [B·C, N, N].
func (n *network) predict(batch []int32) (patches []complex64, intensity []float32, err error) {
	out, err := n.session.Run(model.PredictName(len(batch)), n.scan.feeds(batch, n.float))
	if err != nil {
		return nil, nil, err
	}
	return joined(out[model.OutputObjectRe].Float32(), out[model.OutputObjectIm].Float32()), out[model.OutputIntensity].Float32(), nil
}

// tellNotes warns of what did not go as planned on the device, such as a program
// that is not run as a CUDA graph.
func (n *network) tellNotes(logger *slog.Logger) {
	m, ok := n.session.(bridge.Metered)
	if !ok {
		return
	}
	u, err := m.Usage()
	if err != nil {
		u.Notes = append(u.Notes, err.Error())
	}
	for _, note := range u.Notes {
		logger.Warn(note)
	}
}

func (n *network) close() error { return n.session.Close() }

// settings are the model's settings for a configuration.
func settings(c config.TrainingConfig, precision string) (model.Settings, error) {
	float, mixed, err := model.ParsePrecision(precision)
	if err != nil {
		return model.Settings{}, err
	}
	return model.Settings{
		Model: c.Model, Float: float, Mixed: mixed,
		IntensityScale: dataset.IntensityScale(c.NPhotons, c.Model.N),
		Weights: model.Weights{
			NLL: c.NLLWeight, MAE: c.MAEWeight,
			Realspace: c.RealspaceWeight, RealspaceMAE: c.RealspaceMAEWeight, TV: c.TVWeight,
		},
		Optimizer: model.Optimizer{
			Name: c.Optimizer, Beta1: c.AdamBeta1, Beta2: c.AdamBeta2, Momentum: c.Momentum, Decay: c.WeightDecay,
			Clip: c.GradientClipVal, ClipValue: c.GradientClipAlgorithm == "value",
		},
		TrainScale: c.IntensityScaleTrainable, TrainProbe: c.ProbeTrainable,
	}, nil
}
