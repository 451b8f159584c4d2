package dataset_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ptychobridge/ptychobridge/dataset"
)

// A scan is simulated, written and read again.
func ExampleSimulate() {
	scan, err := dataset.Simulate(dataset.SimulateOptions{Object: dataset.ObjectSiemens, Patterns: 25, N: 64, NPhotons: 1e5, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	directory, err := os.MkdirTemp("", "scan")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(directory) //nolint:errcheck // it is temporary
	path := filepath.Join(directory, "scan.npz")
	if err := scan.Write(path); err != nil {
		fmt.Println(err)
		return
	}
	again, err := dataset.Load(path, dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(again.Len(), "patterns of", again.N, "pixels a side, modes of the probe:", again.Modes())
	fmt.Printf("photons in a mean pattern: %.2g\n", dataset.MeanPhotons(again.Amplitude, again.N))
	// Output:
	// 25 patterns of 64 pixels a side, modes of the probe: 1
	// photons in a mean pattern: 1e+05
}

// A file whose y axis points up is read with its y coordinates reversed. Errors
// name the file; those of the file system can be told apart.
func ExampleLoad() {
	_, err := dataset.Load("scan.npz", dataset.Options{FlipY: true})
	fmt.Println(err)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// dataset: load: npz: open: stat scan.npz: no such file or directory
	// true
}

// Patterns whose positions lie close together are put into groups of four.
func ExampleGroup() {
	x := []float64{0, 10, 0, 10, 20, 20}
	y := []float64{0, 0, 10, 10, 0, 10}
	g, err := dataset.Group(x, y, dataset.GroupOptions{Gridsize: 2, NeighborCount: 4, Groups: 1, Sequential: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("points:", g.Indices, "mean position (x, y):", g.Centre)
	// Output:
	// points: [0 1 2 3] mean position (x, y): [5 5]
}
