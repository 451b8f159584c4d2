// Package physicstest compares the physics on a backend with golden arrays of
// the reference program. It is called with a backend, like the conformance
// suite.
package physicstest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/physics"
)

// Tolerances on max|a−b| / max|b|. The golden arrays were computed in float32,
// which alone leaves a few times 1e-6 after the chain.
const (
	Float32Tolerance   = 2e-5 // of a runtime that computes in float32
	EvaluatorTolerance = 1e-5 // of the float64 evaluator
)

// Golden compares shift, the chain from patches to diffraction and the losses
// with the arrays in directory, computed in float32 by b.
func Golden(t *testing.T, b bridge.Backend, directory string, tolerance float64) {
	g := suite{b: b, directory: directory, tolerance: tolerance}
	t.Run("shift", g.shift)
	t.Run("chain", func(t *testing.T) { g.chain(t, "b_forward_gs1.npz", "b_forward_gs1.npz") })
	t.Run("chain, shifted", func(t *testing.T) { g.chain(t, "b_forward_gs1_shifted.npz", "b_forward_gs1.npz") })
	t.Run("losses", g.losses)
}

type suite struct {
	b         bridge.Backend
	directory string
	tolerance float64
}

// file is an open golden file; a missing one fails the test.
type file struct {
	t *testing.T
	f *npz.File
}

func (s suite) open(t *testing.T, name string) file {
	t.Helper()
	f, err := npz.Open(filepath.Join(s.directory, name))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return file{t, f}
}

func (f file) has(key string) bool {
	_, ok := f.f.Member(key)
	return ok
}

func (f file) shape(key string) []int {
	m, ok := f.f.Member(key)
	require.True(f.t, ok, key)
	return m.Shape
}

func (f file) real(key string) []float64 {
	values, err := npz.Read[float64](f.f, key)
	require.NoError(f.t, err)
	return values
}

// complex gives real and imaginary parts.
func (f file) complex(key string) (re, im []float64) {
	values, err := npz.Read[complex128](f.f, key)
	require.NoError(f.t, err)
	for _, v := range values {
		re, im = append(re, real(v)), append(im, imag(v))
	}
	return re, im
}

// constant makes a complex constant, images [count, rows, columns].
func (f file) constant(b *graph.Builder, key string) physics.Complex {
	re, im := f.complex(key)
	s := f.shape(key)
	if len(s) == 2 {
		s = []int{1, s[0], s[1]}
	}
	return physics.Complex{Re: b.Const(re, s[:3]...), Im: b.Const(im, s[:3]...)}
}

// results names nodes and the values that they must have.
type results struct {
	outputs []graph.Output
	want    map[string][]float64
}

func (r *results) add(name string, n *graph.Node, want []float64) {
	if r.want == nil {
		r.want = map[string][]float64{}
	}
	r.outputs = append(r.outputs, graph.Output{Name: name, Node: n})
	r.want[name] = want
}

func (r *results) complex(f file, key string, z physics.Complex) {
	re, im := f.complex(key)
	r.add(key+", real part", z.Re, re)
	r.add(key+", imaginary part", z.Im, im)
}

func (s suite) compare(t *testing.T, r results) {
	t.Helper()
	session, err := s.b.Compile(&graph.Program{Name: "golden", Outputs: r.outputs})
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	out, err := session.Run("golden", nil)
	require.NoError(t, err)
	for _, o := range r.outputs {
		got := out[o.Name].Float64()
		require.Len(t, got, len(r.want[o.Name]), o.Name)
		d := bridgetest.Difference(got, r.want[o.Name])
		t.Logf("%-36s %.1e, allowed %.0e", o.Name, d, s.tolerance)
		require.LessOrEqual(t, d, s.tolerance, o.Name)
	}
}

func (s suite) shift(t *testing.T) {
	f := s.open(t, "c_translate.npz")
	b := graph.NewBuilder(graph.Float32)
	images := f.constant(b, "images")
	offsets := b.Const(f.real("translations"), f.shape("translations")...)
	shifter := physics.NewShifter(offsets, images.Re.Shape[1])
	var r results
	r.complex(f, "translated", shifter.ShiftComplex(images))
	s.compare(t, r)
}

// chain goes from object patches to scaled amplitudes under the reference's
// merge, for groups of any size. Its files hold offsets with the opposite sign,
// and the patterns of a group as last axis.
func (s suite) chain(t *testing.T, name, commonName string) {
	f, common := s.open(t, name), s.open(t, commonName)
	b := graph.NewBuilder(graph.Float32)
	shape := f.shape("object_patches")
	batch, n, channels := shape[0], shape[1], shape[3]
	re, im := f.complex("object_patches")
	patches := physics.Complex{Re: flat(b, re, shape), Im: flat(b, im, shape)}
	coords := channelsFirst(negated(f.real("coords")), batch, 2, channels)
	offsets := b.Const(coords, batch*channels, 2)
	side := int(common.real("padded_size")[0])

	var r results
	canvas := physics.Merge(patches, offsets, channels, side, physics.Reference)
	r.complex(f, "padded_obj", canvas)
	r.complex(f, "trimmed_obj", physics.Complex{Re: physics.Central(canvas.Re, n), Im: physics.Central(canvas.Im, n)})
	seen := physics.Extract(canvas, offsets, channels, n)
	r.complex(f, "extracted_patches", seen)
	exit := seen.Mul(common.constant(b, "probe"))
	amplitude := graph.Sqrt(physics.Diffract(exit))
	r.add("pred_diff_channels", amplitude, channelsFirst(f.real("pred_diff_channels"), batch, n*n, channels))
	if f.has("illuminated") { // the shifted file holds fewer arrays
		r.complex(f, "illuminated", exit)
		scaled := channelsFirst(f.real("pred_amp_scaled"), batch, n*n, channels)
		r.add("pred_amp_scaled", graph.Scale(amplitude, common.real("intensity_scale")[0]), scaled)
	}
	s.compare(t, r)
}

// flat makes images [B, N, N, C] constants [B·C, N, N].
func flat(b *graph.Builder, values []float64, shape []int) *graph.Node {
	return b.Const(channelsFirst(values, shape[0], shape[1]*shape[2], shape[3]), shape[0]*shape[3], shape[1], shape[2])
}

// channelsFirst makes values [batch, size, channels] ones of
// [batch, channels, size].
func channelsFirst(values []float64, batch, size, channels int) []float64 {
	out := make([]float64, 0, len(values))
	for k := range batch {
		for c := range channels {
			for p := range size {
				out = append(out, values[(k*size+p)*channels+c])
			}
		}
	}
	return out
}

func negated(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = -v
	}
	return out
}

func (s suite) losses(t *testing.T) {
	f := s.open(t, "d_losses_gs1.npz")
	predicted := s.open(t, "b_forward_gs1.npz")
	b := graph.NewBuilder(graph.Float32)
	shape := f.shape("target_amp")
	target := b.Const(f.real("target_amp"), shape...)
	amplitude := b.Const(predicted.real("pred_amp_scaled"), shape...)
	lambda, measured := graph.Mul(amplitude, amplitude), graph.Mul(target, target)
	var r results
	r.add("Poisson", physics.PoissonNLL(lambda, measured), f.real("nll_numpy_float64"))
	r.add("mean absolute difference", physics.AmplitudeMAE(lambda, target), f.real("mae_float64"))
	s.compare(t, r)
}
