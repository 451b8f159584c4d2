package workflow

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/model"
)

// truth holds the true patches of the resident set, in its order.
type truth struct {
	amplitude, phase []float32 // [patterns, N, N]; the phase in radians
	divisor          float64   // by which amplitudes were divided
}

// newTruth gives the true patches of the files' parts: their Y where they have
// it, else cut from their objectGuess. For the activation sigmoid, which ends
// at 1, all amplitudes are divided by the largest one.
func newTruth(parts []part, activation string) (*truth, error) {
	t := &truth{divisor: 1}
	for _, p := range parts {
		patches, err := p.truePatches()
		if err != nil {
			return nil, err
		}
		for _, v := range patches {
			t.amplitude = append(t.amplitude, float32(cmplx.Abs(complex128(v))))
			t.phase = append(t.phase, float32(cmplx.Phase(complex128(v))))
		}
	}
	if activation != "sigmoid" {
		return t, nil
	}
	t.divisor = float64(slices.Max(t.amplitude))
	if !(t.divisor > 0 && t.divisor <= math.MaxFloat32) {
		return nil, fmt.Errorf("true patches: found a largest amplitude of %g; expected a finite number above 0", t.divisor)
	}
	scale(t.amplitude, 1/t.divisor)
	return t, nil
}

// checkTruth refuses data without the true patches that the losses of a
// configuration need.
func (s *scan) checkTruth(c config.TrainingConfig) error {
	if set, err := settings(c, "float32"); err != nil || !set.NeedsTruth() {
		return err
	}
	for _, p := range s.parts {
		if err := hasTruth(p.raw); err != nil {
			return fmt.Errorf("true patches: %w", err)
		}
		if p.raw.Patches != nil {
			continue
		}
		if err := p.raw.CheckTruePatches(p.positions()); err != nil {
			return err
		}
	}
	return nil
}

func hasTruth(raw *dataset.Raw) error {
	if raw.Patches == nil && raw.Object == nil {
		return fmt.Errorf("model_type supervised and realspace_mae_weight need true patches, but the data %s have neither Y nor objectGuess; add one of them, or train with model_type pinn and realspace_mae_weight 0", raw.Path)
	}
	return nil
}

// positions are those of the part's patterns in use.
func (p part) positions() (x, y []float64) {
	for _, i := range p.indices {
		x, y = append(x, p.raw.X[i]), append(y, p.raw.Y[i])
	}
	return x, y
}

func (p part) truePatches() ([]complex64, error) {
	raw, size := p.raw, p.raw.N*p.raw.N
	if err := hasTruth(raw); err != nil {
		return nil, err
	}
	if raw.Patches == nil {
		return raw.TruePatches(p.positions())
	}
	var out []complex64
	for _, i := range p.indices {
		out = append(out, raw.Patches[i*size:(i+1)*size]...)
	}
	return out, nil
}

// write puts the patches onto the device.
func (t *truth) write(n *network, side int) error {
	count := len(t.amplitude) / (side * side)
	if err := n.write(model.StateTruthAmplitude, t.amplitude, count, side, side); err != nil {
		return err
	}
	return n.write(model.StateTruthPhase, t.phase, count, side, side)
}

// truth gives the true patches of a scan, in the order of its resident set.
func (s *scan) truth(c config.TrainingConfig) (*truth, error) {
	return newTruth(s.parts, c.Model.AmpActivation)
}
