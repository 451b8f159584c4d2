package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/physics"
)

// Names of the models of a bundle.
const (
	DiffractionToObject = "diffraction_to_obj" // gives the object patches
	Autoencoder         = "autoencoder"        // gives the predicted intensities too
)

// Model is a trained model on a backend, which it owns: whoever has it closes
// it. It is for one goroutine at a time.
type Model struct {
	name    string
	backend bridge.Backend
	bundle  *bundle.Bundle
	config  config.InferenceConfig
	set     model.Settings
	weights []model.Parameter
	closed  bool

	execution config.ExecutionConfig
	legacy    config.LegacyParams
	progress  func(Progress)
	block     int // patterns of a portion of Reconstruct; 0: those of blockBytes
}

// Prediction is what a model gives for a scan of G groups of C patterns; at
// gridsize 1 a group is one pattern. It outlives the model, but only that model
// stitches it.
type Prediction struct {
	N        int         // side of a pattern in pixels
	Channels int         // C
	Patches  []complex64 // object patches as in Results.ObjTensorFull
	// Intensity holds the predicted intensities λ [G, C, N, N], in units in which
	// a mean pattern of the training set has nphotons; nil but from the
	// autoencoder.
	Intensity []float32
	X, Y      []float64 // mean positions r̄ [G] of the groups in object pixels
	NNIndices []int64   // patterns [G, C], as numbers in the file
	// PatternIndices are the patterns in use, as numbers in the file.
	PatternIndices []int64
	Warnings       []string // about the data and their groups, for people

	patchX, patchY []float64 // where the patches lie, see part.places
	canvas         int       // side Q of the canvas of a group
	seconds        float64   // that the prediction took
}

// OpenModel checks that the bundle's weights are those of its configuration
// and prepares the model of that name. The bundle's model section wins; what
// c.Model sets otherwise is an error that names both, and a c.NeighborCount of 0
// is the training's. An unknown name is an error that lists the names there are,
// and weights that are not the model's are one that matches bundle.ErrMismatch.
// Nothing is compiled before Predict. On success the model owns b; on failure the
// caller keeps it.
func OpenModel(b bridge.Backend, trained *bundle.Bundle, c config.InferenceConfig, e config.ExecutionConfig, name string) (*Model, error) {
	if c.NeighborCount == 0 {
		c.NeighborCount = trained.Config.Training.NeighborCount
	}
	m := &Model{name: name, backend: b, bundle: trained, config: c, execution: e, legacy: trained.Params, progress: func(Progress) {}}
	if err := m.prepare(e.Precision); err != nil {
		return nil, fmt.Errorf("workflow: open model: %w", err)
	}
	return m, nil
}

// CheckModel refuses what OpenModel refuses of names and settings, before a
// backend is opened.
func CheckModel(trained *bundle.Bundle, c config.InferenceConfig, name string) error {
	var unknown error
	if !slices.Contains(bundle.Models(), name) {
		unknown = fmt.Errorf("no model is named %q; there are: %s", name, strings.Join(bundle.Models(), ", "))
	}
	if err := errors.Join(unknown, agree(c.Model, trained.Config.Training.Model)); err != nil {
		return fmt.Errorf("workflow: open model: %w", err)
	}
	whole := config.Default() // how and where it was trained does not matter
	whole.Training.Model = trained.Config.Training.Model
	if err := whole.Unsupported(); err != nil {
		return fmt.Errorf("workflow: open model: the bundle was trained with settings of another version: %w", err)
	}
	return nil
}

// agree compares the fields of a model section that are set with those of the
// bundle. In a section that is filled in, with N and architecture, all are; in
// others those that are not zero.
func agree(asked, has config.ModelConfig) error {
	filled := asked.N != 0 && asked.Architecture != ""
	a, h := config.Config{Training: config.TrainingConfig{Model: asked}}, config.Config{Training: config.TrainingConfig{Model: has}}
	unset := config.Config{}
	var differing []string
	for _, f := range config.Fields() {
		if f.Section != "model" || f.Get(a) == f.Get(unset) && !filled || f.Get(a) == f.Get(h) {
			continue
		}
		differing = append(differing, fmt.Sprintf("%s is %s in the configuration and %s in the bundle", f.Path(), f.Get(a), f.Get(h)))
	}
	if differing == nil {
		return nil
	}
	they := "it"
	if len(differing) > 1 {
		they = "them"
	}
	return fmt.Errorf("%s; leave %s out, or use a model trained with %s", strings.Join(differing, ", "), they, they)
}

func (m *Model) prepare(precision string) (err error) {
	if err := CheckModel(m.bundle, m.config, m.name); err != nil {
		return err
	}
	t := m.bundle.Config.Training
	if m.set, err = settings(t, precision); err != nil {
		return err
	}
	constants := m.bundle.Manifest.Constants
	m.set.IntensityScale, m.set.Canvas = constants.IntensityScale, constants.Canvas
	if err := checkCanvas(constants.Canvas, t.Model); err != nil {
		return err
	}
	m.weights = model.New(m.set).Parameters()
	m.set.Modes = m.bundle.Modes()
	expected := []bundle.NamedShape{{Name: bundle.Probe, Shape: bundle.ProbeShape(m.set.Modes, t.Model.N)}}
	for _, p := range m.weights {
		expected = append(expected, bundle.NamedShape{Name: p.Name, Shape: p.Shape})
	}
	if err := m.bundle.CheckWeights(expected); err != nil {
		return err
	}
	for i, p := range m.weights {
		w, _ := m.bundle.Weight(p.Name) // it was checked
		m.weights[i].Data = w.F32
	}
	return nil
}

// checkCanvas refuses a canvas that no training makes. At gridsize 1 there is
// none.
func checkCanvas(canvas int, c config.ModelConfig) error {
	if c.Gridsize == 1 {
		return nil
	}
	rule := physics.Rule(c.PatchMerge)
	least, most := physics.Side(c.N, c.Gridsize, 0, rule), physics.Side(c.N, c.Gridsize, float64(c.N), rule)
	if canvas < least || canvas > most || canvas%2 != 0 {
		return fmt.Errorf("the bundle's canvas is %d pixels; expected an even number from %d to %d for N = %d and gridsize %d", canvas, least, most, c.N, c.Gridsize)
	}
	return nil
}

// Name is the name under which the model was loaded.
func (m *Model) Name() string { return m.name }

// Info tells what the model runs on.
func (m *Model) Info() bridge.Info { return m.backend.Info() }

// Predict gives the object patches of the patterns of raw that the
// configuration chooses. Patterns are normalised by the factor of the
// training. raw is only read. Each call compiles the network for the scan and
// frees it again. A cancelled ctx ends it at the next batch, and the error
// matches that of ctx; other errors are data that do not go with the model, a
// closed model (bridge.ErrClosed) and those of the runtime.
func (m *Model) Predict(ctx context.Context, raw *dataset.Raw) (*Prediction, error) {
	p, err := m.predict(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("workflow: predict: %w", err)
	}
	return p, nil
}

func (m *Model) predict(ctx context.Context, raw *dataset.Raw) (*Prediction, error) {
	began := time.Now()
	if m.closed {
		return nil, fmt.Errorf("the model is %w", bridge.ErrClosed)
	}
	if raw == nil {
		return nil, fmt.Errorf("there is no data")
	}
	s, err := newInferenceScan(raw, m.config, m.set.Model, m.bundle.Config.Training.Seed, m.bundle.Manifest.Constants.Normalization, m.set.Canvas)
	if err != nil {
		return nil, err
	}
	n, err := m.compile(s)
	if err != nil {
		return nil, err
	}
	defer n.close() //nolint:errcheck // its errors are those of freeing memory
	p := m.predictionOf(s)
	p.Patches = make([]complex64, 0, len(p.patchX)*s.n*s.n)
	if m.name == Autoencoder {
		p.Intensity = make([]float32, 0, len(p.NNIndices)*s.n*s.n)
	}
	groups, done := s.object.numbers(), 0
	err = batches(ctx, groups, m.config.BatchSize, func(batch []int32) error {
		patches, intensity, err := n.predict(batch)
		done += len(batch)
		m.progress(Progress{Stage: StagePredict, Done: done, Total: len(groups)})
		p.Patches = append(p.Patches, patches...)
		if m.name == Autoencoder {
			p.Intensity = append(p.Intensity, intensity...)
		}
		return err
	})
	p.seconds = since(began)
	return p, err
}

// compile makes a network with the model's weights and the patterns of s; the
// caller closes it.
func (m *Model) compile(s *scan) (*network, error) {
	n, err := open(m.backend, s, m.set, m.config.BatchSize, m.probe(), purpose{predict: true})
	if err != nil {
		return nil, err
	}
	if err := n.writeWeights(m.weights); err != nil {
		_ = n.close() // the first error counts
		return nil, err
	}
	return n, nil
}

// predictionOf is what is known of a prediction before anything is predicted.
func (m *Model) predictionOf(s *scan) *Prediction {
	p := &Prediction{N: s.n, Channels: s.channels, Warnings: s.warnings, canvas: s.canvas}
	p.X, p.Y = s.object.places(false)
	p.patchX, p.patchY = s.object.places(perPattern(s, m.set.Model))
	p.NNIndices, p.PatternIndices = s.object.nnIndices(), s.object.patternIndices()
	return p
}

func (m *Model) probe() []complex64 {
	w, _ := m.bundle.Weight(bundle.Probe) // it was checked
	half := len(w.F32) / 2
	return joined(w.F32[:half], w.F32[half:])
}

// Close closes the model's backend; predictions and results stay. Closing twice
// is harmless. Its errors are those of freeing native memory.
func (m *Model) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	return m.backend.Close()
}
