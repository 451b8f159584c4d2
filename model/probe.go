package model

import (
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/physics"
)

// probeShape is [P, N, N], P modes.
func (s Settings) probeShape() graph.Shape { return graph.Shape{s.modes(), s.Model.N, s.Model.N} }

func (s Settings) modes() int { return max(1, s.Modes) }

// probe is the resident probe [P, N, N].
func (m *Model) probe() physics.Complex {
	s := m.settings
	shape := s.probeShape()
	return physics.Complex{Re: m.b.State(StateProbeRe, s.Float, shape...), Im: m.b.State(StateProbeIm, s.Float, shape...)}
}

// intensity is what the detector sees [B, N, N] of patches [B, N, N] as the
// beam sees them: times the probe, blurred, cut to the mask, diffracted, summed
// over the modes of the probe.
func (m *Model) intensity(seen physics.Complex) *graph.Node {
	c := m.settings.Model
	exit := physics.Illuminate(seen, m.probe())
	if c.GaussianSmoothingSigma != 0 {
		exit = physics.Smooth(exit, c.GaussianSmoothingSigma)
	}
	if c.ProbeMask {
		exit = physics.Mask(exit)
	}
	return physics.SumModes(physics.Diffract(exit), m.settings.modes())
}
