package model

import (
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/physics"
)

// Weights of the losses. The loss that is minimised is
//
//	NLL·PoissonNLL + MAE·AmplitudeMAE + Realspace·( TV·TotalVariation + RealspaceMAE·ObjectMAE )
//
// in the terms of package physics, ObjectMAE at the positions of the patterns;
// for model_type supervised the sum of MAE of the amplitudes and PhaseMAE of the
// phases against the true patches stands in the place of the first two, and
// their weights are not read. Terms of weight 0 are not computed.
type Weights struct {
	NLL, MAE                    float64 // nll_weight, mae_weight
	Realspace, RealspaceMAE, TV float64 // realspace_weight, realspace_mae_weight, tv_weight
}

func (s Settings) supervised() bool { return s.Model.ModelType == "supervised" }

// NeedsTruth says whether the losses compare with true patches, which must then
// be written to StateTruthAmplitude and StateTruthPhase.
func (s Settings) NeedsTruth() bool {
	return s.supervised() || s.Weights.Realspace*s.Weights.RealspaceMAE != 0
}

// losses are what a program reports of a batch.
type losses struct {
	loss     *graph.Node // that is minimised
	deviance *graph.Node
	bright   *graph.Node
}

func (l losses) outputs() []graph.Output {
	return []graph.Output{{Name: OutputLoss, Node: l.loss}, {Name: OutputDeviance, Node: l.deviance}, {Name: OutputBright, Node: l.bright}}
}

func (m *Model) losses(f forward) losses {
	y := graph.Mul(f.measured, f.measured)
	var terms []*graph.Node
	term := func(weight float64, make func() *graph.Node) {
		if weight != 0 {
			terms = append(terms, graph.Scale(make(), weight))
		}
	}
	w := m.settings.Weights
	if m.settings.supervised() {
		term(1, func() *graph.Node { return m.supervisedLoss(f) })
	} else {
		term(w.NLL, func() *graph.Node { return physics.PoissonNLL(f.lambda, y) })
		term(w.MAE, func() *graph.Node { return physics.AmplitudeMAE(f.lambda, f.measured) })
	}
	term(w.Realspace*w.TV, func() *graph.Node { return physics.TotalVariation(f.object) })
	term(w.Realspace*w.RealspaceMAE, func() *graph.Node { return physics.ObjectMAE(f.seen, physics.Polar(m.truth(f.indices))) })
	loss := terms[0]
	for _, t := range terms[1:] {
		loss = graph.Add(loss, t)
	}
	return losses{loss, physics.Deviance(f.lambda, y), physics.Bright(f.lambda, m.settings.BrightThreshold)}
}

// supervisedLoss compares amplitude and phase as the decoders give them.
func (m *Model) supervisedLoss(f forward) *graph.Node {
	amplitude, phase := m.truth(f.indices)
	return graph.Add(physics.MAE(f.amplitude, amplitude), physics.PhaseMAE(f.phase, phase))
}

// truth gathers amplitude and phase of the true patches [B·C, N, N].
func (m *Model) truth(indices *graph.Node) (amplitude, phase *graph.Node) {
	s := m.settings
	gather := func(name string) *graph.Node {
		return graph.Gather(m.b.State(name, s.Float, s.Patterns, s.Model.N, s.Model.N), indices)
	}
	return gather(StateTruthAmplitude), gather(StateTruthPhase)
}
