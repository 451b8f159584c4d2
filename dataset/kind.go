package dataset

import "fmt"

// What the patterns of a file hold.
const (
	KindAuto      = "auto"      // counts where all are whole numbers, else amplitudes
	KindAmplitude = "amplitude" // √counts
	KindIntensity = "intensity" // counts
)

// verdict is what the patterns are taken for.
type verdict struct {
	intensity bool
	counts    bool
	warning   string
}

// judge weighs the declared kind against the evidence.
func judge(kind string, e evidence) (verdict, error) {
	// 0 and 1 are their own squares: such numbers contradict nothing.
	counts := e.whole && e.largest > 1
	switch {
	case kind == KindAmplitude && counts:
		return verdict{}, fmt.Errorf("found whole numbers throughout (largest %g), as photon counts are; expected amplitudes, their square roots: set data.kind to %s or %s", e.largest, KindIntensity, KindAuto)
	case kind == KindIntensity && e.squares && !e.whole:
		return verdict{}, fmt.Errorf("found numbers whose squares are whole, as amplitudes have; expected photon counts: set data.kind to %s or %s", KindAmplitude, KindAuto)
	case kind == KindIntensity && !e.whole:
		return verdict{intensity: true, warning: "found intensities that are no whole numbers: taken as declared, but these are no photon counts"}, nil
	case kind == KindIntensity, kind != KindAmplitude && e.whole:
		return verdict{intensity: true, counts: true}, nil
	case e.squares, e.whole:
		return verdict{counts: true}, nil
	}
	return verdict{warning: "found neither whole numbers nor numbers whose squares are whole: taken as amplitudes, but not of photon counts"}, nil
}
