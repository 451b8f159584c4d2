package dataset

import (
	"encoding/json"
	"fmt"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// Write writes the scan so that Load reads it back: diffraction as float32
// amplitudes, the positions (also as xcoords_start and ycoords_start),
// scan_index, probeGuess, and what there is of objectGuess, Y and _metadata
// (JSON as unicode text). The file appears complete or not at all, in place of
// what was there. The same scan gives the same bytes. Errors: those of Check,
// metadata that JSON cannot hold, whatever the file system says.
func (r *Raw) Write(path string) error {
	if err := r.Check(); err != nil {
		return fmt.Errorf("dataset: write: %s: %w", path, err)
	}
	arrays, err := r.arrays()
	if err != nil {
		return fmt.Errorf("dataset: write: %s: %w", path, err)
	}
	if err := npz.Write(path, arrays...); err != nil {
		return fmt.Errorf("dataset: write: %w", err)
	}
	return nil
}

// probeShape is (N, N) for one mode, as other programs write it.
func (r *Raw) probeShape() []int {
	if r.Modes() == 1 {
		return []int{r.N, r.N}
	}
	return []int{r.Modes(), r.N, r.N}
}

func (r *Raw) arrays() ([]npz.Array, error) {
	n := r.Len()
	patterns, column := []int{n, r.N, r.N}, []int{n}
	index := r.ScanIndex
	if index == nil {
		index = make([]int64, n)
	}
	out := []npz.Array{
		{Key: keyPatterns, Data: r.Amplitude, Shape: patterns},
		{Key: keyProbe, Data: r.Probe, Shape: r.probeShape()},
		{Key: keyX, Data: r.X, Shape: column},
		{Key: keyY, Data: r.Y, Shape: column},
		{Key: keyStartX, Data: r.X, Shape: column},
		{Key: keyStartY, Data: r.Y, Shape: column},
		{Key: keyScan, Data: index, Shape: column},
	}
	if o := r.Object; o != nil {
		out = append(out, npz.Array{Key: keyObject, Data: o.Data, Shape: []int{o.Rows, o.Cols}})
	}
	if r.Patches != nil {
		out = append(out, npz.Array{Key: keyPatches, Data: r.Patches, Shape: patterns})
	}
	if r.Metadata != nil {
		text, err := json.Marshal(r.Metadata)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", keyMetadata, err)
		}
		out = append(out, npz.Array{Key: keyMetadata, Data: string(text)})
	}
	for i := range out {
		out[i].Deflate = true
	}
	return out, nil
}
