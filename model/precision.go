package model

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/graph"
)

// PrecisionMixed is the precision whose convolutions compute in BFloat16.
const PrecisionMixed = "bf16-mixed"

// ParsePrecision says what Settings.Float and Settings.Mixed are for a
// precision: float32, float64 or bf16-mixed.
func ParsePrecision(name string) (float graph.DType, mixed bool, err error) {
	switch name {
	case "float32":
		return graph.Float32, false, nil
	case "float64":
		return graph.Float64, false, nil
	case PrecisionMixed:
		return graph.Float32, true, nil
	}
	return 0, false, fmt.Errorf("precision %q is not known; expected float32, float64 or bf16-mixed", name)
}

// finished is a program as a session gets it.
func (m *Model) finished(p *graph.Program) *graph.Program {
	if m.settings.Mixed {
		return graph.Mixed([]*graph.Program{p})[0]
	}
	return p
}
