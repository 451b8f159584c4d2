package parity

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

// tensorsFile describes the arrays of named tensors.
const tensorsFile = "tensors.json"

// stored says which array of the NPZ file is which tensor.
type stored struct {
	Array string `json:"array"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

// SaveTensors writes tensors with any names, of any of the types of foreign
// models, into a directory, for another process. The description is written
// last, so that one that can be read is whole. Errors: a tensor that is not
// whole, and those of the file system.
func SaveTensors(directory string, tensors []bridge.Named) error {
	arrays := make([]npz.Array, len(tensors))
	about := make([]stored, len(tensors))
	for i, t := range tensors {
		if err := t.Whole(); err != nil {
			return fmt.Errorf("parity: save tensors: %s: %w", t.Name, err)
		}
		about[i] = stored{Array: fmt.Sprintf("a%05d", i), Name: t.Name, Type: t.Type(), Shape: t.Shape}
		arrays[i] = npz.Array{Key: about[i].Array, Data: widened(t.Data), Shape: t.Shape}
	}
	if err := npz.Write(filepath.Join(directory, arraysFile), arrays...); err != nil {
		return fmt.Errorf("parity: save tensors: %w", err)
	}
	text, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("parity: save tensors: %w", err)
	}
	return wholefile.WriteBytes(filepath.Join(directory, tensorsFile), text)
}

// LoadTensors reads what SaveTensors wrote: the same bits, types and shapes, in
// the same order.
func LoadTensors(directory string) ([]bridge.Named, error) {
	text, err := os.ReadFile(filepath.Join(directory, tensorsFile))
	if err != nil {
		return nil, fmt.Errorf("parity: load tensors: %w", err)
	}
	var about []stored
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, fmt.Errorf("parity: load tensors: %s: %w", directory, err)
	}
	f, err := npz.Open(filepath.Join(directory, arraysFile))
	if err != nil {
		return nil, fmt.Errorf("parity: load tensors: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	tensors := make([]bridge.Named, len(about))
	for i, a := range about {
		data, err := elements(f, a.Array, a.Type)
		if err != nil {
			return nil, fmt.Errorf("parity: load tensors: %s: %w", a.Name, err)
		}
		tensors[i] = bridge.Named{Name: a.Name, Tensor: bridge.Tensor{Data: data, Shape: a.Shape}}
	}
	return tensors, nil
}

// elements reads an array as the slice that its type names.
func elements(f *npz.File, array, of string) (any, error) {
	switch of {
	case "float32":
		return npz.Read[float32](f, array)
	case "float64":
		return npz.Read[float64](f, array)
	case "int64":
		return npz.Read[int64](f, array)
	case "int32":
		wide, err := npz.Read[int64](f, array)
		return narrow(wide), err
	}
	return nil, fmt.Errorf("found elements of %q; expected float32, float64, int32 or int64", of)
}
