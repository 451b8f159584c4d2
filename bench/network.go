package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"path/filepath"
	"time"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
)

// Network is the work of a match on a backend: a Worker. Whoever opens it closes
// it, before the backend.
type Network struct {
	content
	float   graph.DType
	model   *model.Model
	session bridge.Session
	steps   int // made
	batches int // predicted
}

// Open compiles the programs of a directory that Prepare wrote and writes data
// and weights. Errors: files that are not there or do not go together, and
// those of the backend.
func Open(directory string, b bridge.Backend) (*Network, error) {
	c, err := readContent(directory)
	if err != nil {
		return nil, fmt.Errorf("bench: open: %w", err)
	}
	n, err := open(c, b, c.Precision)
	if err != nil {
		return nil, fmt.Errorf("bench: open: %w", err)
	}
	return n, nil
}

func open(c content, b bridge.Backend, precision string) (*Network, error) {
	float, mixed, err := model.ParsePrecision(precision)
	if err != nil {
		return nil, err
	}
	modes := len(c.probe) / (c.N * c.N)
	n := &Network{content: c, float: float, model: c.model(float, mixed, modes)}
	programs := []*graph.Program{n.model.Train(c.Batch), n.model.Predict(c.Batch), n.model.Evaluate(c.checked())}
	if c.checked() != c.Batch {
		programs = append(programs, n.model.Predict(c.checked()))
	}
	if n.session, err = b.Compile(programs...); err != nil {
		return nil, err
	}
	if err := n.write(modes); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// write sets all states.
func (n *Network) write(modes int) error {
	re, im := make([]float32, len(n.probe)), make([]float32, len(n.probe))
	for i, v := range n.probe {
		re[i], im[i] = real(v), imag(v)
	}
	states := []model.Parameter{
		{Name: model.StateAmplitude, Shape: graph.Shape{n.Patterns, n.N, n.N}, Data: n.amplitude},
		{Name: model.StateProbeRe, Shape: graph.Shape{modes, n.N, n.N}, Data: re},
		{Name: model.StateProbeIm, Shape: graph.Shape{modes, n.N, n.N}, Data: im},
	}
	states = append(states, n.weights...)
	for _, m := range n.model.Moments() {
		m.Data = make([]float32, m.Shape.Size())
		states = append(states, m)
	}
	for _, p := range states {
		if err := n.session.Write(p.Name, n.tensor(p.Data, p.Shape...)); err != nil {
			return err
		}
	}
	return nil
}

// tensor widens where the network computes in float64.
func (n *Network) tensor(values []float32, shape ...int) bridge.Tensor {
	t := bridge.NewTensor(values, shape...)
	if n.float == graph.Float64 {
		return bridge.NewTensor(t.Float64(), shape...)
	}
	return t
}

// feeds are those of a batch.
func (n *Network) feeds(indices []int32) bridge.Tensors {
	out := bridge.Tensors{model.InputIndices: bridge.NewTensor(indices, len(indices))}
	if n.offset != nil {
		d := make([]float32, 0, 2*len(indices))
		for _, i := range indices {
			d = append(d, n.offset[2*i], n.offset[2*i+1])
		}
		out[model.InputOffsets] = n.tensor(d, len(indices), 2)
	}
	return out
}

// Do makes count optimizer steps or predictions and gives the wall time of all
// of them. It is an error where the loss of the last step is no number.
func (n *Network) Do(ctx context.Context, task Task, count int) (float64, error) {
	one := n.predict
	if task == Step {
		one = n.step
	}
	began := time.Now()
	for range count {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := one(); err != nil {
			return 0, err
		}
	}
	return time.Since(began).Seconds(), nil
}

func (n *Network) step() error {
	feeds := n.feeds(n.indices(n.steps))
	n.steps++
	for name, v := range n.model.Rates(n.LearningRate, n.steps) {
		feeds[name] = bridge.FromFloat64(n.float, []float64{v})
	}
	out, err := n.session.Run(model.TrainName(n.Batch), feeds)
	if err != nil {
		return err
	}
	if loss := out[model.OutputLoss].Scalar(); math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("the loss of step %d is %g", n.steps, loss)
	}
	return nil
}

func (n *Network) predict() error {
	_, err := n.session.Run(model.PredictName(n.Batch), n.feeds(n.indices(n.batches)))
	n.batches++
	return err
}

// predictions are what contestants are compared by: the first groups of the
// first batch, before the first step.
type predictions struct {
	object    []complex128 // [groups, N, N]
	intensity []float64    // [groups·C, N, N]
	loss      float64
}

func (n *Network) first() (p predictions, err error) {
	feeds := n.feeds(n.checkedIndices())
	out, err := n.session.Run(model.PredictName(n.checked()), feeds)
	if err != nil {
		return p, err
	}
	re, im := out[model.OutputObjectRe].Float64(), out[model.OutputObjectIm].Float64()
	for i := range re {
		p.object = append(p.object, complex(re[i], im[i]))
	}
	p.intensity = out[model.OutputIntensity].Float64()
	if out, err = n.session.Run(model.EvaluateName(n.checked()), feeds); err != nil {
		return p, err
	}
	p.loss = out[model.OutputLoss].Scalar()
	return p, nil
}

// Expect lets a backend, the evaluator, compute what contestants are compared
// with, in float64 whatever their precision, and writes it as expected.npz.
func Expect(directory string, b bridge.Backend) error {
	if err := expect(directory, b); err != nil {
		return fmt.Errorf("bench: expect: %w", err)
	}
	return nil
}

func expect(directory string, b bridge.Backend) error {
	c, err := readContent(directory)
	if err != nil {
		return err
	}
	n, err := open(c, b, "float64")
	if err != nil {
		return err
	}
	defer n.Close() //nolint:errcheck // its errors are those of freeing memory
	p, err := n.first()
	if err != nil {
		return err
	}
	object, intensity := make([]complex64, len(p.object)), make([]float32, len(p.intensity))
	for i, v := range p.object {
		object[i] = complex64(v)
	}
	for i, v := range p.intensity {
		intensity[i] = float32(v)
	}
	return npz.Write(filepath.Join(directory, fileExpected),
		npz.Array{Key: keyObject, Data: object, Shape: []int{c.checked(), c.N, c.N}},
		npz.Array{Key: keyIntensity, Data: intensity, Shape: []int{c.checked() * c.channels(), c.N, c.N}},
		npz.Array{Key: keyLoss, Data: []float64{p.loss}})
}

// Check compares what it predicts first with expected.npz of the directory. It must be
// called before the first step.
func (n *Network) Check(directory string) (*Check, error) {
	c, err := n.check(filepath.Join(directory, fileExpected))
	if err != nil {
		return nil, fmt.Errorf("bench: check: %w", err)
	}
	return c, nil
}

func (n *Network) check(path string) (*Check, error) {
	f, err := npz.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	var want predictions
	if want.object, err = npz.Read[complex128](f, keyObject); err != nil {
		return nil, err
	}
	if want.intensity, err = npz.Read[float64](f, keyIntensity); err != nil {
		return nil, err
	}
	loss, err := npz.Read[float64](f, keyLoss)
	if err != nil {
		return nil, err
	}
	got, err := n.first()
	if err != nil {
		return nil, err
	}
	if len(loss) != 1 || len(want.object) != len(got.object) || len(want.intensity) != len(got.intensity) {
		return nil, fmt.Errorf("%s: its arrays do not go with %s", path, fileSettings)
	}
	return &Check{
		Object:    relative(got.object, want.object, cmplx.Abs),
		Intensity: relative(got.intensity, want.intensity, math.Abs),
		Loss:      relative([]float64{got.loss}, loss, math.Abs),
	}, nil
}

// relative is max|a − b| / max|b|; 0 where all of both are 0.
func relative[T float64 | complex128](a, b []T, abs func(T) float64) float64 {
	largest, scale := 0.0, 0.0
	for i := range a {
		largest, scale = max(largest, abs(a[i]-b[i])), max(scale, abs(b[i])) // max keeps NaN
	}
	if largest == 0 {
		return 0
	}
	return largest / scale
}

// Usage is that of the session, where it tells it.
func (n *Network) Usage() (bridge.Usage, error) {
	if s, ok := n.session.(bridge.Metered); ok {
		return s.Usage()
	}
	return bridge.Usage{}, nil
}

// Close frees the session.
func (n *Network) Close() error { return n.session.Close() }
