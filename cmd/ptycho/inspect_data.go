package main

import (
	"fmt"
	"slices"

	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// dataFile is what an NPZ file holds.
type dataFile struct {
	Kind    string      `json:"kind"` // data file
	Path    string      `json:"path"`
	SHA256  string      `json:"sha256"`
	Members []arrayInfo `json:"members"`
	Scan    *scanInfo   `json:"scan,omitempty"` // as dataset.Load finds it; nil where it finds none
	Problem string      `json:"problem,omitempty"`
}

// arrayInfo describes an array.
type arrayInfo struct {
	Key     string `json:"key"`
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Fortran bool   `json:"fortran,omitempty"`
}

// scanInfo is what the arrays mean.
type scanInfo struct {
	Patterns    int            `json:"patterns"`
	N           int            `json:"N"`
	Counts      bool           `json:"counts"` // the patterns are photon counts or their square roots
	MeanPhotons float64        `json:"mean_photons"`
	X           [2]float64     `json:"x_range"` // object pixels
	Y           [2]float64     `json:"y_range"`
	Modes       int            `json:"probe_modes"`
	Object      []int          `json:"object_shape,omitempty"`
	Patches     bool           `json:"true_patches"`
	Metadata    map[string]any `json:"metadata,omitempty"`
	Warnings    []string       `json:"warnings,omitempty"`
}

func inspectData(path string) (inspected, error) {
	file, err := npz.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	d := &dataFile{Kind: "data file", Path: path}
	if d.SHA256, err = file.SHA256(); err != nil {
		return nil, err
	}
	for _, m := range file.Members() {
		d.Members = append(d.Members, arrayInfo{m.Key, m.Descr, slices.Concat([]int{}, m.Shape), m.Fortran})
	}
	if !slices.ContainsFunc(file.Keys(), func(key string) bool { return key == "diffraction" || key == "diff3d" }) {
		d.Kind, d.Problem = "arrays", "no scan: there is neither diffraction nor diff3d"
		return d, nil
	}
	raw, err := dataset.Load(path, dataset.Options{})
	if err != nil {
		d.Problem = err.Error()
		return d, err
	}
	d.Scan = newScanInfo(raw)
	return d, nil
}

func newScanInfo(raw *dataset.Raw) *scanInfo {
	s := &scanInfo{
		Patterns: raw.Len(), N: raw.N, Counts: raw.Counts, MeanPhotons: dataset.MeanPhotons(raw.Amplitude, raw.N),
		X: [2]float64{slices.Min(raw.X), slices.Max(raw.X)}, Y: [2]float64{slices.Min(raw.Y), slices.Max(raw.Y)},
		Modes: raw.Modes(), Patches: raw.Patches != nil, Metadata: raw.Metadata, Warnings: raw.Warnings,
	}
	if o := raw.Object; o != nil {
		s.Object = []int{o.Rows, o.Cols}
	}
	return s
}

func (d *dataFile) table() string {
	var s sheet
	s.path(d.Kind, d.Path)
	s.row("sha256", "%s", d.SHA256)
	for n, m := range d.Members {
		order := ""
		if m.Fortran {
			order = ", Fortran order"
		}
		name := ""
		if n == 0 {
			name = "members"
		}
		s.row(name, "%.40s %.20s, %s%s", m.Key, m.DType, shape(m.Shape), order)
	}
	if s.scan(d.Scan); d.Scan == nil {
		s.row("problem", "%s", d.Problem)
	}
	return s.String()
}

func (s *sheet) scan(i *scanInfo) {
	if i == nil {
		return
	}
	s.row("patterns", "%d of %d×%d", i.Patterns, i.N, i.N)
	if i.Counts {
		s.row("photons", "%.6g in a mean pattern", i.MeanPhotons)
	} else {
		s.row("photons", "unknown: the patterns are no counts; %.6g is the mean sum of their squares", i.MeanPhotons)
	}
	s.row("positions", "x %.6g … %.6g, y %.6g … %.6g object pixels", i.X[0], i.X[1], i.Y[0], i.Y[1])
	s.row("probe modes", "%d", i.Modes)
	if i.Object != nil {
		s.row("objectGuess", "%s", shape(i.Object))
	}
	if i.Patches {
		s.row("true patches", "Y, one for each pattern")
	}
	for key, v := range sorted(i.Metadata) {
		s.row("metadata", "%s: %.200s", key, fmt.Sprint(v))
	}
	for _, w := range i.Warnings {
		s.row("warning", "%s", w)
	}
}
