package parity

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/cases"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/physics"
)

// Settings choose what is compared. Every process makes the same suite of
// them.
type Settings struct {
	Data   string             `json:"data"`             // file of the scan
	Bundle string             `json:"bundle,omitempty"` // trained model whose weights are compared; empty: those of the seed
	Model  config.ModelConfig `json:"model"`            // of the levels layer to training
	Batch  int                `json:"batch"`            // groups of a batch there
	Steps  int                `json:"steps"`            // of the level training
	Judged int                `json:"judged"`           // steps that the evaluator makes too
	Seed   uint64             `json:"seed"`
	Levels []Level            `json:"levels"`
	Floats []string           `json:"precisions"` // float64, float32, bf16-mixed
	Device string             `json:"device"`     // of both runtimes: cpu, cuda or cuda:N
	TF32   bool               `json:"allow_tf32"` // a GPU may round factors to 10 bits
	// Training is the configuration of the reconstruction.
	Training config.TrainingConfig `json:"training"`
}

// Mixed is the precision of networks whose convolutions compute in bfloat16.
const Mixed = model.PrecisionMixed

// Precisions lists what can be compared.
func Precisions() []string { return []string{graph.Float64.String(), graph.Float32.String(), Mixed} }

// precisions gives those asked for, in the order of Precisions.
func (s Settings) precisions() []string {
	return slices.DeleteFunc(Precisions(), func(p string) bool { return !slices.Contains(s.Floats, p) })
}

// Experiments makes the suite, but for the reconstruction.
//
// Errors are those of reading the bundle.
func (s Settings) Experiments(raw *dataset.Raw) ([]Experiment, error) {
	var trained *bundle.Bundle
	if s.Bundle != "" {
		var err error
		if trained, err = bundle.Read(s.Bundle); err != nil {
			return nil, fmt.Errorf("parity: %w", err)
		}
	}
	var all []Experiment
	for _, precision := range s.precisions() {
		all = append(all, ofCases(precision)...)
		of, err := s.ofModel(raw, trained, precision)
		if err != nil {
			return nil, fmt.Errorf("parity: %s: %w", s.Bundle, err)
		}
		all = append(all, of...)
	}
	return slices.DeleteFunc(all, func(e Experiment) bool { return !slices.Contains(s.Levels, e.Level) }), nil
}

// ofCases are the experiments of single operations.
func ofCases(precision string) []Experiment {
	var all []Experiment
	if precision == Mixed {
		for _, c := range cases.Mixed() {
			p, feeds := c.Program(graph.Float32)
			all = append(all, ofCase(c, precision, graph.Mixed([]*graph.Program{p})[0], feeds, c.MixedBudget))
		}
		return all
	}
	float, _, _ := model.ParsePrecision(precision) // it is one of Precisions
	for _, c := range cases.Cases() {
		p, feeds := c.Program(float)
		all = append(all, ofCase(c, precision, p, feeds, c.Budget))
	}
	return all
}

// ofCase is the experiment of one operation.
func ofCase(c cases.Case, precision string, p *graph.Program, feeds bridge.Tensors, budget func(output string) Budget) Experiment {
	r := Run{Program: p.Name, Feeds: feeds}
	for _, o := range p.Outputs {
		r.Keep = append(r.Keep, Keep{o.Name, o.Name, budget(o.Name)})
	}
	return Experiment{Level: Operation, Name: c.Name, Precision: precision, Programs: []*graph.Program{p}, Runs: []Run{r}}
}

// bench is a model over the first patterns of a scan.
type bench struct {
	Settings
	model     *model.Model
	patterns  int
	precision string
	float     graph.DType
	states    bridge.Tensors // data and initial weights
}

// ofModel gives the experiments of the levels from layer to training.
func (s Settings) ofModel(raw *dataset.Raw, trained *bundle.Bundle, precision string) ([]Experiment, error) {
	b, err := s.bench(raw, trained, precision)
	if err != nil {
		return nil, err
	}
	one := func(level Level, p *graph.Program, feeds bridge.Tensors, budget func(output string) Budget) Experiment {
		r := Run{Program: p.Name, Feeds: bridge.Tensors{}}
		for _, n := range p.Inputs() { // the network has no offsets, the physics no patterns
			r.Feeds[n.Attr.Name] = feeds[n.Attr.Name]
		}
		for _, o := range p.Outputs {
			if o.Name != model.OutputBright { // a count: rounding takes single pixels over its threshold
				r.Keep = append(r.Keep, Keep{o.Name, o.Name, budget(o.Name)})
			}
		}
		return Experiment{Level: level, Name: "first batch", Precision: precision, Programs: []*graph.Program{p}, States: b.statesOf(p), Runs: []Run{r}}
	}
	always := func(x Budget) func(string) Budget { return func(string) Budget { return x } }
	layers, network := b.layers()
	return []Experiment{
		one(Layer, layers, b.batch(0), always(ofLayer)),
		one(Network, network, b.batch(0), always(ofNetwork)),
		one(Physics, b.model.Physics(s.Batch), b.patches(), always(ofPhysics)),
		one(Loss, b.model.Evaluate(s.Batch), b.batch(0), always(ofLoss)),
		one(Gradient, b.model.Gradient(s.Batch), b.batch(0), func(o string) Budget {
			if o == model.OutputLoss || o == model.OutputDeviance {
				return ofLoss
			}
			return ofGradient
		}),
		b.step(),
		b.training(),
	}, nil
}

// bench puts a model over the first patterns of a scan, with the weights of the
// seed or those of a trained model, whose constants are then taken too.
func (s Settings) bench(raw *dataset.Raw, trained *bundle.Bundle, precision string) (*bench, error) {
	t, mixed, err := model.ParsePrecision(precision)
	if err != nil {
		return nil, err
	}
	n, c := s.Model.N, s.Model.Gridsize*s.Model.Gridsize
	patterns := min(raw.Len(), max(4*s.Batch*c, 16))
	size := n * n
	x := slices.Clone(raw.Amplitude[:patterns*size])
	factor, scale := dataset.NormalizationFactor(x, n), dataset.IntensityScale(s.Training.NPhotons, n)
	if trained != nil {
		factor, scale = trained.Manifest.Constants.Normalization, trained.Manifest.Constants.IntensityScale
	}
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(float32(float64(v) * factor))
	}
	probe := dataset.NormalizedProbe(raw.Probe, n, s.Model.ProbeScale)
	re, im := make([]float64, len(probe)), make([]float64, len(probe))
	for i, p := range probe {
		re[i], im[i] = float64(real(p)), float64(imag(p))
	}
	modes := len(probe) / size
	if trained != nil {
		modes = trained.Modes()
	}
	m := model.New(model.Settings{
		Model: s.Model, Float: t, Mixed: mixed, Patterns: patterns, Canvas: physics.Side(n, s.Model.Gridsize, reach, physics.Rule(s.Model.PatchMerge)), Modes: modes,
		IntensityScale: scale, TrainScale: true,
		Weights:   model.Weights{NLL: s.Training.NLLWeight},
		Optimizer: model.Optimizer{Name: s.Training.Optimizer, Beta1: s.Training.AdamBeta1, Beta2: s.Training.AdamBeta2},
	})
	b := &bench{Settings: s, model: m, patterns: patterns, precision: precision, float: t, states: bridge.Tensors{
		model.StateAmplitude: bridge.FromFloat64(t, wide, patterns, n, n),
	}}
	if trained == nil {
		b.states[model.StateProbeRe] = bridge.FromFloat64(t, re, modes, n, n)
		b.states[model.StateProbeIm] = bridge.FromFloat64(t, im, modes, n, n)
	}
	for _, p := range m.Initial(s.Seed) {
		b.states[p.Name] = bridge.FromFloat64(t, bridge.NewTensor(p.Data, p.Shape...).Float64(), p.Shape...)
	}
	for _, p := range m.Moments() {
		b.states[p.Name] = bridge.FromFloat64(t, make([]float64, p.Shape.Size()), p.Shape...)
	}
	if trained != nil {
		return b, b.take(trained)
	}
	return b, nil
}

// take sets the weights and the probe of a trained model.
func (b *bench) take(trained *bundle.Bundle) error {
	weight := func(name string, shape ...int) ([]float64, error) {
		w, ok := trained.Weight(name)
		if !ok || !slices.Equal(w.Shape, shape) {
			return nil, fmt.Errorf("weight %s has shape %v; expected %v", name, w.Shape, shape)
		}
		return bridge.NewTensor(w.F32, shape...).Float64(), nil
	}
	for _, p := range b.model.Parameters() {
		w, err := weight(p.Name, p.Shape...)
		if err != nil {
			return err
		}
		b.states[p.Name] = bridge.FromFloat64(b.float, w, p.Shape...)
	}
	n, modes := b.Model.N, trained.Modes()
	probe, err := weight(bundle.Probe, bundle.ProbeShape(modes, n)...)
	if err != nil {
		return err
	}
	half := len(probe) / 2
	b.states[model.StateProbeRe] = bridge.FromFloat64(b.float, probe[:half], modes, n, n)
	b.states[model.StateProbeIm] = bridge.FromFloat64(b.float, probe[half:], modes, n, n)
	return nil
}

// reach is the largest distance of a pattern from the mean position of its
// group, in pixels, in batches of groups.
const reach = 4

// statesOf picks the states that programs use.
func (b *bench) statesOf(programs ...*graph.Program) bridge.Tensors {
	out := bridge.Tensors{}
	for _, p := range programs {
		for _, n := range p.States() {
			out[n.Attr.Name] = b.states[n.Attr.Name]
		}
	}
	return out
}

// batch is the k-th batch: indices and, for groups, offsets of up to reach,
// whose mean over each group is 0.
func (b *bench) batch(k int) bridge.Tensors {
	c := b.Model.Gridsize * b.Model.Gridsize
	count := b.Batch * c
	indices := make([]int32, count)
	for i := range indices {
		indices[i] = int32((k*count + i) % b.patterns)
	}
	feeds := bridge.Tensors{model.InputIndices: bridge.NewTensor(indices, count)}
	if c == 1 {
		return feeds
	}
	offsets := cases.Offsets(rand.New(rand.NewPCG(b.Seed, uint64(k))), b.Batch, c, reach)
	for i, v := range offsets {
		offsets[i] = float64(float32(v))
	}
	feeds[model.InputOffsets] = bridge.FromFloat64(b.float, offsets, count, 2)
	return feeds
}

// layers splits the program of the layers into the values between the blocks
// and the network's two results.
func (b *bench) layers() (layers, network *graph.Program) {
	all := b.model.Layers(b.Batch)
	layers, network = &graph.Program{Name: "layers"}, &graph.Program{Name: "network"}
	for _, o := range all.Outputs {
		if o.Name == "amplitude" || o.Name == "phase" {
			network.Outputs = append(network.Outputs, o)
		} else {
			layers.Outputs = append(layers.Outputs, o)
		}
	}
	return layers, network
}

// patches feeds the physics with smooth object patches that vary as much as
// those of a trained network.
func (b *bench) patches() bridge.Tensors {
	feeds := b.batch(0)
	n, c := b.Model.N, b.Model.Gridsize*b.Model.Gridsize
	if !b.Model.ObjectBig {
		c = 1
	}
	amplitude, phase := make([]float64, b.Batch*c*n*n), make([]float64, b.Batch*c*n*n)
	for p := range b.Batch * c {
		for i := range n {
			for j := range n {
				u, v := float64(i)/float64(n), float64(j)/float64(n)
				k := p*n*n + i*n + j
				amplitude[k] = float64(float32(0.7 + 0.2*math.Sin(7*u+float64(p))*math.Cos(5*v)))
				phase[k] = float64(float32(1.2 * math.Sin(9*v-3*u+0.5*float64(p))))
			}
		}
	}
	feeds[model.InputAmplitude] = bridge.FromFloat64(b.float, amplitude, b.Batch*c, n, n)
	feeds[model.InputPhase] = bridge.FromFloat64(b.float, phase, b.Batch*c, n, n)
	return feeds
}

// train is one optimizer step on the k-th batch, the first is 0, with the
// learning rate rising as in a training.
func (b *bench) train(k int) Run {
	feeds := b.batch(k)
	rate := b.Training.LearningRate
	if w := b.Training.WarmupSteps; k+1 < w {
		rate *= float64(k+1) / float64(w)
	}
	for name, v := range b.model.Rates(rate, k+1) {
		feeds[name] = bridge.FromFloat64(b.float, []float64{v})
	}
	return Run{Program: model.TrainName(b.Batch), Feeds: feeds}
}

// step compares every state after one optimizer step at the full rate.
func (b *bench) step() Experiment {
	p := b.model.Train(b.Batch)
	full := *b
	full.Training.WarmupSteps = 0
	e := Experiment{Level: Step, Name: "adam", Precision: b.precision, Programs: []*graph.Program{p}, States: b.statesOf(p), Runs: []Run{full.train(0)}}
	moments := map[string]bool{}
	for _, m := range b.model.Moments() {
		moments[m.Name] = true
		e.Read = append(e.Read, Keep{m.Name, m.Name, ofMoments})
	}
	for _, w := range b.model.Parameters() {
		e.Read = append(e.Read, Keep{w.Name, w.Name, ofWeights})
	}
	return e
}

// courses are the numbers of steps after which the predicted object is
// compared too.
var courses = []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}

// lossName names the loss of a step, the first is 1.
func lossName(step int) string { return fmt.Sprintf("loss of step %d", step) }

// training follows k steps.
func (b *bench) training() Experiment {
	train, predict := b.model.Train(b.Batch), b.model.Predict(b.Batch)
	e := Experiment{
		Level: Training, Name: "course", Precision: b.precision, Programs: []*graph.Program{train, predict}, States: b.statesOf(train, predict),
	}
	for k := range b.Steps {
		r := b.train(k)
		budget := ofCurve
		if k >= 100 {
			budget = ofLate
		}
		r.Keep = []Keep{{model.OutputLoss, lossName(k + 1), budget}}
		e.Runs = append(e.Runs, r)
		if steps := k + 1; slices.Contains(courses, steps) || steps == b.Steps {
			e.Runs = append(e.Runs, Run{Program: predict.Name, Feeds: b.batch(0), Keep: []Keep{
				{model.OutputObjectRe, fmt.Sprintf("object.re after %d", steps), ofCourse},
				{model.OutputObjectIm, fmt.Sprintf("object.im after %d", steps), ofCourse},
			}})
		}
		if k+1 == b.Judged {
			e.Judged = len(e.Runs)
		}
	}
	return e
}
