// Package model is the PtychoPINN network and its wiring to the physics: an
// encoder and two decoders turn measured diffraction amplitudes into complex
// object patches, which the physics turns back into predicted intensities
// (Hoidn, Mishra, Mehta, Sci. Rep. 13, 22789, 2023). It gives graph programs
// and the values at which they begin, and knows no runtime.
//
// New makes a Model of Settings; Train, Evaluate, Predict and Gradient give its
// programs for a batch size. All programs of a Model share their states by name,
// so that one session may hold them for several batch sizes, and amplitudes,
// intensities and probe are normalised as package dataset does.
package model

import (
	"fmt"
	"slices"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/physics"
)

// Names of states, inputs and outputs of the programs.
const (
	// StateAmplitude is the data set [patterns, N, N]: normalised amplitudes
	// X.
	StateAmplitude = "data.amplitude"
	// StateProbeRe and StateProbeIm are the normalised probe [P, N, N] of P
	// modes. They are trained too where Settings say so.
	StateProbeRe, StateProbeIm = "probe.re", "probe.im"
	// StateTruthAmplitude and StateTruthPhase (radians, within ±π) are the
	// true patches [patterns, N, N], where the losses need them.
	StateTruthAmplitude, StateTruthPhase = "truth.amplitude", "truth.phase"
	// InputIndices chooses the patterns of a batch, int32 [B·C], the C
	// patterns of a group one after the other.
	InputIndices = "indices"
	// InputOffsets are their offsets d_c = r_c − r̄ from the mean position of
	// their group, (x, y) in pixels, [B·C, 2]. It is there where C > 1.
	InputOffsets = "offsets"
	// InputLearningRate is the step's learning rate, for adam and adamw with
	// its bias correction; InputDecay, where there is weight decay, the
	// learning rate times the decay. See Model.Rates.
	InputLearningRate, InputDecay = "learning_rate", "decay"
	// InputAmplitude and InputPhase are object patches for the program Physics.
	InputAmplitude, InputPhase = "patch.amplitude", "patch.phase"
	// OutputLoss is the loss, float64.
	OutputLoss = "loss"
	// OutputDeviance is the Poisson deviance per pixel in the units of the
	// scaled intensities, float64.
	OutputDeviance = "deviance"
	// OutputBright is the share of pixels whose predicted intensity is above
	// Settings.BrightThreshold, float64.
	OutputBright = "bright"
	// OutputObjectRe and OutputObjectIm are the object [B, N, N] at the mean
	// position of each group; without object_big, and where C > 1, the
	// patches [B, N, N, C] that the beam saw at each pattern.
	OutputObjectRe, OutputObjectIm = "object.re", "object.im"
	// OutputIntensity is the predicted intensity λ [B·C, N, N].
	OutputIntensity = "intensity"
)

// Settings are what the programs are compiled for; others need another Model.
type Settings struct {
	Model          config.ModelConfig // that passes its Validate
	Float          graph.DType        // of everything but the losses, which are float64
	Mixed          bool               // convolutions compute in BFloat16, see graph.Mixed; for Float32
	Patterns       int                // in the resident data set
	Canvas         int                // side Q on which the patches of a group are merged, see physics.Side; not read at gridsize 1
	IntensityScale float64            // s, see dataset.IntensityScale
	Modes          int                // of the probe; 0 means 1
	Weights        Weights            // of the losses
	Optimizer      Optimizer          // how Train steps
	TrainScale     bool               // log_scale is trained (intensity_scale_trainable)
	TrainProbe     bool               // the probe is trained (probe_trainable)

	// BrightThreshold is the scaled intensity above which a pixel counts as
	// bright: that of five photons, where the file holds counts.
	BrightThreshold float64
}

// Model makes the programs of one network over one data set.
type Model struct {
	settings   Settings
	b          *graph.Builder
	parameters []Parameter
}

// New prepares a model. The settings must have passed config's checks; with
// others it may panic. It allocates no weights.
func New(s Settings) *Model {
	m := &Model{settings: s, b: graph.NewBuilder(s.Float)}
	// A forward pass of one pattern that is never run tells the parameters.
	b := graph.NewBuilder(s.Float)
	c := s.Model.Gridsize * s.Model.Gridsize
	n := &network{b: b, config: s.Model, parameters: &m.parameters}
	n.heads(b.Input("input", s.Float, 1, s.Model.N, s.Model.N, c), b.Scalar(1))
	m.parameters = append(m.parameters, Parameter{Name: LogScale, Shape: graph.Shape{}})
	return m
}

// Parameters lists names and shapes of the weights, log_scale last, without
// values.
func (m *Model) Parameters() []Parameter { return slices.Clone(m.parameters) }

// Count is the number of elements of all kernels and biases; log_scale and the
// probe are not counted.
func (m *Model) Count() int {
	count := 0
	for _, p := range m.parameters[:len(m.parameters)-1] {
		count += p.Shape.Size()
	}
	return count
}

// Initial gives the values at which training begins, in the order of
// Parameters: kernels uniform in ±√(6/(fan_in + fan_out)) (Glorot and Bengio,
// AISTATS 2010), biases 0, log_scale ln s. Each kernel has a random stream of its
// own, made of the seed and its name, so that the same name and shape has the
// same values in every model.
func (m *Model) Initial(seed uint64) []Parameter {
	out := make([]Parameter, len(m.parameters))
	for i, p := range m.parameters {
		p.Data = initial(p, seed, m.settings.IntensityScale)
		out[i] = p
	}
	return out
}

// trained lists the parameters that the optimizer changes: the weights, then
// log_scale and the probe where they are trained.
func (m *Model) trained() []Parameter {
	s := m.settings
	last := len(m.parameters) - 1
	out := slices.Clone(m.parameters[:last])
	if s.TrainScale {
		out = append(out, m.parameters[last])
	}
	if s.TrainProbe {
		out = append(out, Parameter{Name: StateProbeRe, Shape: s.probeShape()}, Parameter{Name: StateProbeIm, Shape: s.probeShape()})
	}
	return out
}

// TrainName is the name of the program that Train gives for batches of that many
// groups.
func TrainName(batch int) string { return fmt.Sprintf("train/%d", batch) }

// EvaluateName is that of the program of Evaluate, see TrainName.
func EvaluateName(batch int) string { return fmt.Sprintf("evaluate/%d", batch) }

// PredictName is that of the program of Predict, see TrainName.
func PredictName(batch int) string { return fmt.Sprintf("predict/%d", batch) }

// GradientName is that of the program of Gradient, see TrainName.
func GradientName(batch int) string { return fmt.Sprintf("gradient/%d", batch) }

// LayersName is that of the program of Layers, see TrainName.
func LayersName(batch int) string { return fmt.Sprintf("layers/%d", batch) }

// PhysicsName is that of the program of Physics, see TrainName.
func PhysicsName(batch int) string { return fmt.Sprintf("physics/%d", batch) }

// forward is what all programs share. Batches are of B groups of C patterns.
type forward struct {
	indices          *graph.Node     // the patterns of the batch, int32 [B·C]
	amplitude, phase *graph.Node     // as the decoders give them [B·K, N, N]
	object           physics.Complex // central part of the canvas, at the mean position of each group [B, N, N]
	seen             physics.Complex // object patches as the beam saw them [B·C, N, N]
	lambda           *graph.Node     // predicted intensity [B·C, N, N]
	measured         *graph.Node     // scaled measured amplitude s·X [B·C, N, N]
}

func (m *Model) forward(batch int) forward {
	indices, measured := m.measured(batch)
	net := &network{b: m.b, config: m.settings.Model}
	amplitude, phase := net.heads(m.input(measured))
	amplitude, phase = channelsFlat(amplitude), channelsFlat(phase)
	object, seen := m.place(physics.Polar(amplitude, phase), batch)
	lambda := graph.Mul(m.intensity(seen), graph.Exp(graph.Scale(m.logScale(), 2)))
	return forward{indices, amplitude, phase, object, seen, lambda, measured}
}

func (m *Model) logScale() *graph.Node { return m.b.State(LogScale, m.settings.Float) }

// measured gives the patterns of a batch and their measured amplitudes s·X
// [B·C, N, N].
func (m *Model) measured(batch int) (indices, measured *graph.Node) {
	s := m.settings
	indices = m.b.Input(InputIndices, graph.Int32, batch*s.channels())
	x := graph.Gather(m.b.State(StateAmplitude, s.Float, s.Patterns, s.Model.N, s.Model.N), indices)
	return indices, graph.Scale(x, s.IntensityScale)
}

// input gives what the network sees of measured amplitudes: them [B, N, N, C] and
// the scale 1/exp(log_scale).
func (m *Model) input(measured *graph.Node) (x, scale *graph.Node) {
	return channelsLast(measured, m.settings.channels()), graph.Exp(graph.Neg(m.logScale()))
}

// channels is C, the patterns of a group.
func (s Settings) channels() int { return s.Model.Gridsize * s.Model.Gridsize }

// place goes from the network's object patches [B·K, N, N] to the object
// [B, N, N] and to the patches [B·C, N, N] that the beam saw of it. With
// object_big the patches of a group are merged on a canvas, else the one patch
// lies on it alone. A group of one pattern does not move.
func (m *Model) place(patches physics.Complex, batch int) (object, seen physics.Complex) {
	s := m.settings
	n, channels, rule := s.Model.N, s.channels(), physics.Rule(s.Model.PatchMerge)
	if channels == 1 {
		object = patches
		if s.Model.ObjectBig {
			object = physics.MergeSingle(patches, rule, m.probe())
		}
		return object, object
	}
	offsets := m.b.Input(InputOffsets, s.Float, batch*channels, 2)
	var canvas physics.Complex
	switch {
	case !s.Model.ObjectBig:
		canvas = physics.Complex{Re: physics.PadCentred(patches.Re, s.Canvas), Im: physics.PadCentred(patches.Im, s.Canvas)}
	case rule == physics.ProbeLight:
		canvas = physics.MergeWeighted(patches, physics.Weight(m.b, n, rule, m.probe()), offsets, channels, s.Canvas)
	default:
		canvas = physics.Merge(patches, offsets, channels, s.Canvas, rule)
	}
	object = physics.Complex{Re: physics.Central(canvas.Re, n), Im: physics.Central(canvas.Im, n)}
	return object, physics.Extract(canvas, offsets, channels, n)
}

// channelsLast makes images [B·C, N, N] the channels of groups [B, N, N, C].
func channelsLast(x *graph.Node, channels int) *graph.Node {
	batch, n := x.Shape[0]/channels, x.Shape[1]
	if channels == 1 {
		return graph.Reshape(x, batch, n, n, 1)
	}
	return graph.Transpose(graph.Reshape(x, batch, channels, n, n), 0, 2, 3, 1)
}

// channelsFlat is the way back, from [B, N, N, C] to [B·C, N, N].
func channelsFlat(x *graph.Node) *graph.Node {
	batch, n, channels := x.Shape[0], x.Shape[1], x.Shape[3]
	if channels > 1 {
		x = graph.Transpose(x, 0, 3, 1, 2)
	}
	return graph.Reshape(x, batch*channels, n, n)
}

// Train is one optimizer step over a batch of B groups: OutputLoss,
// OutputDeviance and OutputBright from the weights before the step, then the
// step. Its inputs are InputIndices, InputOffsets where C > 1, and those of
// Rates.
func (m *Model) Train(batch int) *graph.Program {
	l := m.losses(m.forward(batch))
	return m.finished(&graph.Program{Name: TrainName(batch), Outputs: l.outputs(), Updates: m.updates(l.loss)})
}

// Gradient gives the outputs of Evaluate and the gradient of the loss with
// respect to every trained parameter, before clipping, under the parameter's
// name and in its shape. It changes nothing.
func (m *Model) Gradient(batch int) *graph.Program {
	l := m.losses(m.forward(batch))
	program := &graph.Program{Name: GradientName(batch), Outputs: l.outputs()}
	trained := m.trained()
	for i, g := range graph.Gradient(l.loss, m.states(trained)) {
		program.Outputs = append(program.Outputs, graph.Output{Name: trained[i].Name, Node: g})
	}
	return m.finished(program)
}

func (m *Model) states(parameters []Parameter) []*graph.Node {
	nodes := make([]*graph.Node, len(parameters))
	for i, p := range parameters {
		nodes[i] = m.b.State(p.Name, m.settings.Float, p.Shape...)
	}
	return nodes
}

// Evaluate gives OutputLoss, OutputDeviance and OutputBright, means over a batch
// of B groups, and changes nothing. Its inputs are those of Predict.
func (m *Model) Evaluate(batch int) *graph.Program {
	return m.finished(&graph.Program{Name: EvaluateName(batch), Outputs: m.losses(m.forward(batch)).outputs()})
}

// Layers gives the values between the blocks of the network, in their order
// and under the names of their parameters: encoder.0 … after its max-pool,
// amplitude.decoder.0 … after its upsampling, amplitude.centre and
// amplitude.border before their activations, amplitude [B, N, N, K], and the
// same of the phase.
func (m *Model) Layers(batch int) *graph.Program {
	_, measured := m.measured(batch)
	p := &graph.Program{Name: LayersName(batch)}
	(&network{b: m.b, config: m.settings.Model, layers: &p.Outputs}).heads(m.input(measured))
	return m.finished(p)
}

// Physics gives what the forward model makes of object patches that are fed as
// InputAmplitude and InputPhase [B·K, N, N]: OutputObjectRe, OutputObjectIm at
// the mean position of each group and OutputIntensity, as in Predict.
func (m *Model) Physics(batch int) *graph.Program {
	s := m.settings
	k := 1
	if s.Model.ObjectBig {
		k = s.channels()
	}
	amplitude := m.b.Input(InputAmplitude, s.Float, batch*k, s.Model.N, s.Model.N)
	phase := m.b.Input(InputPhase, s.Float, batch*k, s.Model.N, s.Model.N)
	object, seen := m.place(physics.Polar(amplitude, phase), batch)
	lambda := graph.Mul(m.intensity(seen), graph.Exp(graph.Scale(m.logScale(), 2)))
	return m.finished(&graph.Program{Name: PhysicsName(batch), Outputs: []graph.Output{
		{Name: OutputObjectRe, Node: object.Re}, {Name: OutputObjectIm, Node: object.Im}, {Name: OutputIntensity, Node: lambda},
	}})
}

// Predict gives OutputObjectRe, OutputObjectIm and OutputIntensity of a batch of
// B groups and changes nothing. Its inputs are InputIndices and, where C > 1,
// InputOffsets.
func (m *Model) Predict(batch int) *graph.Program {
	f := m.forward(batch)
	if c := m.settings.channels(); c > 1 && !m.settings.Model.ObjectBig {
		f.object = physics.Complex{Re: channelsLast(f.seen.Re, c), Im: channelsLast(f.seen.Im, c)}
	}
	return m.finished(&graph.Program{Name: PredictName(batch), Outputs: []graph.Output{
		{Name: OutputObjectRe, Node: f.object.Re},
		{Name: OutputObjectIm, Node: f.object.Im},
		{Name: OutputIntensity, Node: f.lambda},
	}})
}
