// Package bundle keeps a trained model in one file: its weights, its
// configuration and what an inference needs to know of the training, in a zip
// archive without any code. Either runtime reads what the other has trained.
// Write keeps a Bundle, Read gives it back: every member is what its hash says,
// or nothing is given.
package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/config"
)

// FileName is the bundle's name in the directory of a run.
const FileName = "model.ptycho.zip"

// Names of the weights that are no weight of the network.
const (
	LogScale = "log_scale" // a scalar: the logarithm of the intensity scale
	Probe    = "probe"     // real and imaginary part of the normalised probe, see ProbeShape
)

// The errors of Read and CheckWeights, for errors.Is. Nothing is loaded with
// any of them.
var (
	// ErrMissing: there is nothing at the path.
	ErrMissing = errors.New("nothing is there")
	// ErrNoBundle: the path is a directory without a bundle.
	ErrNoBundle = errors.New("no model bundle in this directory")
	// ErrDamaged: the file is a bundle, but not as it was written.
	ErrDamaged = errors.New("damaged model bundle")
	// ErrForeign: the file is something else.
	ErrForeign = errors.New("not a model bundle")
	// ErrNewer: a newer version of the program wrote the bundle.
	ErrNewer = errors.New("model bundle of a newer version")
	// ErrMismatch: the weights are not those of the model.
	ErrMismatch = errors.New("weights do not fit the model")
)

// Bundle is a trained model. It is a value in memory: nothing needs closing.
type Bundle struct {
	Manifest Manifest
	Config   config.Config        // of the training
	Params   config.LegacyParams  // of the training; may be nil
	Weights  []safetensors.Tensor // float32, sorted by name when read; LogScale and Probe among them
	History  []byte               // history.csv, as it stands
	Training *Training            // nil where training cannot go on
}

// Training is what going on with training needs. What is in it is for the
// package that trains.
type Training struct {
	Tensors []safetensors.Tensor // float32 or float64; sorted by name when read
	State   []byte               // a JSON object
}

// Weight gives a weight by its name, and whether there is one. Its elements are
// shared with the bundle.
func (b *Bundle) Weight(name string) (safetensors.Tensor, bool) {
	i := slices.IndexFunc(b.Weights, func(t safetensors.Tensor) bool { return t.Name == name })
	if i < 0 {
		return safetensors.Tensor{}, false
	}
	return b.Weights[i], true
}

// ProbeShape is the shape of the weight Probe for a probe of that many modes:
// [2, N, N] for one, [2, modes, N, N] for several.
func ProbeShape(modes, n int) []int {
	if modes == 1 {
		return []int{2, n, n}
	}
	return []int{2, modes, n, n}
}

// Modes is the number of the probe's modes, as the shape of the weight Probe
// tells it; 1 where there is none.
func (b *Bundle) Modes() int {
	w, ok := b.Weight(Probe)
	if ok && len(w.Shape) == 4 {
		return w.Shape[1]
	}
	return 1
}

// NamedShape is the name and the shape of a weight that a model has.
type NamedShape struct {
	Name  string
	Shape []int
}

// CheckWeights compares names and shapes of all weights with those of the
// model, LogScale and Probe included. The error matches ErrMismatch and lists
// what is missing, what is extra and what has another shape.
func (b *Bundle) CheckWeights(expected []NamedShape) error {
	shapes := map[string][]int{}
	for _, w := range b.Weights {
		shapes[w.Name] = w.Shape
	}
	var faults []string
	for _, e := range expected {
		shape, ok := shapes[e.Name]
		switch {
		case !ok:
			faults = append(faults, fmt.Sprintf("%s is missing", e.Name))
		case !slices.Equal(shape, e.Shape):
			faults = append(faults, fmt.Sprintf("%s has the shape %v, the model has %v", e.Name, shape, e.Shape))
		}
		delete(shapes, e.Name)
	}
	for _, w := range b.Weights {
		if _, extra := shapes[w.Name]; extra {
			faults = append(faults, fmt.Sprintf("the model has no %s", w.Name))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("bundle: %w: %s", ErrMismatch, strings.Join(faults, "; "))
	}
	return nil
}

// checkContent refuses a bundle that no model of its configuration can have
// written.
func (b *Bundle) checkContent() error {
	n := b.Config.Training.Model.N
	for _, need := range []NamedShape{{LogScale, []int{}}, {Probe, ProbeShape(b.Modes(), n)}} {
		w, ok := b.Weight(need.Name)
		if !ok {
			return fmt.Errorf("the weight %s is missing", need.Name)
		}
		if !slices.Equal(w.Shape, need.Shape) {
			return fmt.Errorf("the weight %s has the shape %v instead of %v", need.Name, w.Shape, need.Shape)
		}
	}
	for _, w := range b.Weights {
		if w.DType() != safetensors.F32 {
			return fmt.Errorf("the weight %s is %s instead of F32", w.Name, w.DType())
		}
	}
	return b.Manifest.check()
}

// count is the number of weights of the network.
func (b *Bundle) count() int {
	n := 0
	for _, w := range b.Weights {
		if w.Name != LogScale && w.Name != Probe {
			n += w.Len()
		}
	}
	return n
}

// locate gives the bundle's file: path itself, or what is in the directory
// path.
func locate(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, FileName)
	}
	return path
}
