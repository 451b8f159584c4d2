package model

import (
	"math"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Optimizer says how the trained parameters follow their gradients g. Before
// anything else the gradients are clipped, where Clip is not 0: by norm, all
// of them by one factor such that √(Σ g²) over all trained parameters is at most Clip;
// by value, each element to ±Clip.
//
//	adam   m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  w ← w − lr_t·m/(√v + ε)
//	adamw  the same, and w ← w − lr·decay·w of the weights before the step
//	sgd    u ← μu − lr·g,  w ← w + u − lr·decay·w
//
// with lr_t as AdamRate says and ε = AdamEpsilon (Kingma and Ba, ICLR 2015, the
// form before its section 2.1; Loshchilov and Hutter, ICLR 2019). Decay is for
// adamw and sgd and for the kernels of the convolutions only: biases, log_scale
// and the probe have no reason to be small.
type Optimizer struct {
	Name         string  // adam (also where it is empty), adamw or sgd
	Beta1, Beta2 float64 // β₁, β₂ of adam and adamw
	Momentum     float64 // μ of sgd
	Decay        float64 // weight_decay
	Clip         float64 // 0: none
	ClipValue    bool    // by value and not by norm
}

// AdamEpsilon is ε of the optimizer, Keras' default.
const AdamEpsilon = 1e-7

// AdamRate is the learning rate of step t = 1, 2, … with Adam's bias
// correction, lr·√(1−β₂ᵗ)/(1−β₁ᵗ). Steps count through all epochs.
func AdamRate(lr, beta1, beta2 float64, t int) float64 {
	return lr * math.Sqrt(1-math.Pow(beta2, float64(t))) / (1 - math.Pow(beta1, float64(t)))
}

func (o Optimizer) sgd() bool    { return o.Name == "sgd" }
func (o Optimizer) decays() bool { return o.Decay != 0 && (o.sgd() || o.Name == "adamw") }

// decayed says whether the weight decay is for a parameter: a kernel.
func (o Optimizer) decayed(p Parameter) bool { return o.decays() && len(p.Shape) == 4 }

// Rates gives the inputs of the train program at step t = 1, 2, … besides the
// indices, by their names, for a learning rate.
func (m *Model) Rates(lr float64, t int) map[string]float64 {
	o := m.settings.Optimizer
	rates := map[string]float64{InputLearningRate: lr}
	if !o.sgd() {
		rates[InputLearningRate] = AdamRate(lr, o.Beta1, o.Beta2, t)
	}
	if o.decays() {
		rates[InputDecay] = lr * o.Decay
	}
	return rates
}

// Moments lists the optimizer's states: first and second moment of every
// trained parameter for adam and adamw, the velocity u for sgd. They begin at
// zero.
func (m *Model) Moments() []Parameter {
	var out []Parameter
	for _, p := range m.trained() {
		for _, name := range m.settings.Optimizer.moments(p.Name) {
			out = append(out, Parameter{Name: name, Shape: p.Shape})
		}
	}
	return out
}

func (o Optimizer) moments(parameter string) []string {
	if o.sgd() {
		return []string{"sgd.u." + parameter}
	}
	return []string{"adam.m." + parameter, "adam.v." + parameter}
}

// updates makes one step of the optimizer down the loss.
func (m *Model) updates(loss *graph.Node) []*graph.Node {
	o, float := m.settings.Optimizer, m.settings.Float
	trained := m.trained()
	weights := m.states(trained)
	gradients := o.clipped(graph.Gradient(loss, weights))
	rate := m.b.Input(InputLearningRate, float)
	var decay *graph.Node
	if o.decays() {
		decay = m.b.Input(InputDecay, float)
	}
	var out []*graph.Node
	for i, p := range trained {
		var moments []*graph.Node
		for _, name := range o.moments(p.Name) {
			moments = append(moments, m.b.State(name, float, p.Shape...))
		}
		switch {
		case o.sgd():
			out = append(out, o.sgdStep(p, weights[i], moments[0], gradients[i], rate, decay)...)
		case o.decayed(p):
			out = append(out, o.adamwStep(weights[i], moments[0], moments[1], gradients[i], rate, decay)...)
		default:
			out = append(out, graph.Adam(weights[i], moments[0], moments[1], gradients[i], rate, o.Beta1, o.Beta2, AdamEpsilon))
		}
	}
	return out
}

func (o Optimizer) sgdStep(p Parameter, w, u, g, rate, decay *graph.Node) []*graph.Node {
	velocity := graph.Sub(graph.Scale(u, o.Momentum), graph.Mul(g, rate))
	moved := graph.Add(w, velocity)
	if o.decayed(p) {
		moved = graph.Sub(moved, graph.Mul(w, decay))
	}
	return []*graph.Node{graph.Assign(u, velocity), graph.Assign(w, moved)}
}

func (o Optimizer) adamwStep(w, m, v, g, rate, decay *graph.Node) []*graph.Node {
	first := graph.Add(graph.Scale(m, o.Beta1), graph.Scale(g, 1-o.Beta1))
	second := graph.Add(graph.Scale(v, o.Beta2), graph.Scale(graph.Mul(g, g), 1-o.Beta2))
	step := graph.Div(graph.Mul(first, rate), graph.AddScalar(graph.Sqrt(second), AdamEpsilon))
	moved := graph.Sub(graph.Sub(w, graph.Mul(w, decay)), step)
	return []*graph.Node{graph.Assign(m, first), graph.Assign(v, second), graph.Assign(w, moved)}
}

// clipped limits the gradients.
func (o Optimizer) clipped(gradients []*graph.Node) []*graph.Node {
	if o.Clip == 0 {
		return gradients
	}
	limit := func(g *graph.Node) *graph.Node { return clipValue(g, o.Clip) }
	if !o.ClipValue {
		factor := clipFactor(gradients, o.Clip)
		limit = func(g *graph.Node) *graph.Node { return graph.Mul(g, factor) }
	}
	out := make([]*graph.Node, len(gradients))
	for i, g := range gradients {
		out[i] = limit(g)
	}
	return out
}

// clipValue is g between ±c, exactly g where it is between them.
func clipValue(g *graph.Node, c float64) *graph.Node {
	above, below := graph.Relu(graph.AddScalar(g, -c)), graph.Relu(graph.AddScalar(graph.Neg(g), -c))
	return graph.Add(graph.Sub(g, above), below)
}

// clipFactor is c / max(‖g‖, c), ‖g‖ the norm of all gradients together, in
// float64.
func clipFactor(gradients []*graph.Node, c float64) *graph.Node {
	var sum *graph.Node
	for _, g := range gradients {
		wide := graph.Cast(g, graph.Float64)
		squares := graph.Sum(graph.Mul(wide, wide), axes(g)...)
		if sum == nil {
			sum = squares
		} else {
			sum = graph.Add(sum, squares)
		}
	}
	// max(‖g‖, c)/c = 1 + max(‖g‖/c − 1, 0)
	excess := graph.Relu(graph.AddScalar(graph.Scale(graph.Sqrt(sum), 1/c), -1))
	one := graph.Cast(sum.Builder().Scalar(1), graph.Float64)
	return graph.Cast(graph.Div(one, graph.AddScalar(excess, 1)), gradients[0].DType)
}

// axes lists all axes of x.
func axes(x *graph.Node) []int {
	out := make([]int, len(x.Shape))
	for i := range out {
		out[i] = i
	}
	return out
}
