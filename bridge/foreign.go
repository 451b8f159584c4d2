package bridge

import (
	"fmt"
	"strings"
)

// Foreign is a network that another program exported and a runtime has loaded.
// It can be run and not trained. It is for one goroutine at a time.
type Foreign interface {
	// Inputs tells what Run wants to be fed.
	Inputs() []Slot
	// Run feeds the inputs by their names and gives the outputs in the order
	// in which the model has them. A complex output comes as pairs (re, im)
	// along one more, last axis.
	Run(inputs Tensors) ([]Named, error)
	// Close frees the model. Closing twice is harmless.
	Close() error
}

// Slot is an input of a foreign model, as far as its file describes it.
type Slot struct {
	Name     string
	Optional bool   // Run works without it
	DType    string // float32, float64, int32 or int64; empty where the file does not say
	// Shape is nil where the file does not say, and has −1 where any length
	// goes.
	Shape []int
}

// Named is a value with its name.
type Named struct {
	Name string
	Tensor
}

// Type names the type of the elements: float32, float64, int32, int64.
func (t Tensor) Type() string { return strings.TrimPrefix(fmt.Sprintf("%T", t.Data), "[]") }

// Check compares a tensor with what the slot says.
func (s Slot) Check(t Tensor) error {
	fits := s.DType == "" || s.DType == t.Type()
	if s.Shape != nil {
		fits = fits && len(s.Shape) == len(t.Shape)
		for i := 0; fits && i < len(s.Shape); i++ {
			fits = s.Shape[i] < 0 || s.Shape[i] == t.Shape[i]
		}
	}
	if fits {
		return nil
	}
	return fmt.Errorf("found %s%v, expected %s", t.Type(), t.Shape, s.want())
}

// want writes type and shape, ? for any length.
func (s Slot) want() string {
	text := s.DType
	if s.Shape == nil {
		return text + " of any shape"
	}
	lengths := make([]string, len(s.Shape))
	for i, d := range s.Shape {
		if lengths[i] = fmt.Sprint(d); d < 0 {
			lengths[i] = "?"
		}
	}
	return text + "[" + strings.Join(lengths, ",") + "]"
}

// CheckSlots compares what is fed with the inputs of a foreign model: those
// that are needed are there, types and shapes fit, none besides. Every model
// calls it.
func CheckSlots(slots []Slot, inputs Tensors) error {
	known := map[string]bool{}
	names := make([]string, len(slots))
	for i, s := range slots {
		known[s.Name], names[i] = true, s.Name
		t, ok := inputs[s.Name]
		if !ok && !s.Optional {
			return fmt.Errorf("input %s is missing", s.Name)
		}
		if !ok {
			continue
		}
		if err := t.Whole(); err != nil {
			return fmt.Errorf("input %s: %w", s.Name, err)
		}
		if err := s.Check(t); err != nil {
			return fmt.Errorf("input %s: %w", s.Name, err)
		}
	}
	for name := range inputs {
		if !known[name] {
			return fmt.Errorf("no input is named %s; there are: %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// Whole says what is wrong with a tensor of a foreign model by itself: elements
// of another type, or more or fewer of them than the shape says.
func (t Tensor) Whole() error {
	wide, ok := t.Data.([]int64)
	count := len(wide)
	if !ok {
		var err error
		if _, count, err = t.describe(); err != nil {
			return err
		}
	}
	if count != t.Shape.Size() {
		return fmt.Errorf("found %d elements for the shape %v, want %d", count, t.Shape, t.Shape.Size())
	}
	return nil
}
