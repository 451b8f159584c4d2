package workflow

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
	"github.com/ptychobridge/ptychobridge/physics"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// TestFromPositionToPixel replaces the network by the true object: patches cut
// at the scan positions go through merge, extraction, illumination and
// diffraction to the measured patterns, and the merged objects through
// stitching back to the object. Nothing in it is symmetric. With the offsets
// mirrored, nothing fits.
func TestFromPositionToPixel(t *testing.T) {
	const n, correlation = 32, 4.0
	raw, err := dataset.Simulate(dataset.SimulateOptions{
		Scan: dataset.ScanSpiral, Patterns: 24, N: n, Step: 4, Correlation: correlation, NPhotons: 1e12, Seed: 7,
	})
	require.NoError(t, err)
	require.NotEqual(t, raw.Object.Rows, raw.Object.Cols)
	for _, gridsize := range []int{1, 2, 3} {
		for _, rule := range []physics.Rule{physics.Uniform, physics.CentralSquare, physics.ProbeLight} {
			t.Run(fmt.Sprintf("gridsize %d, %s", gridsize, rule), func(t *testing.T) {
				c := smallTraining()
				c.Model.N, c.Model.Gridsize, c.NeighborCount, c.Model.PatchMerge = n, gridsize, gridsize*gridsize, string(rule)
				s, err := newScan(raw, nil, c)
				require.NoError(t, err)
				right := chainOf(t, s, rule, 1)
				t.Logf("canvas %d; seen patches %.4f, patterns %.4f, stitched object %.4f", s.canvas, right.seen, right.patterns, right.stitched)
				// Each bilinear shift by t pixels errs by t(1−t)/2 of the second
				// difference, about 1/correlation² of the object in x and in y:
				// cutting the truth, merging, extracting and stitching each make
				// one.
				require.Less(t, right.patterns, 0.02)
				require.Less(t, right.seen, 0.02)
				require.Less(t, right.stitched, 0.06)
				if gridsize > 1 {
					mirrored := chainOf(t, s, rule, -1)
					t.Logf("mirrored: seen patches %.4f, patterns %.4f, stitched object %.4f", mirrored.seen, mirrored.patterns, mirrored.stitched)
					require.Greater(t, mirrored.seen, 5*right.seen)
					require.Greater(t, mirrored.patterns, 5*right.patterns)
					require.Greater(t, mirrored.stitched, 3*right.stitched)
				}
			})
		}
	}
}

// errors are root mean square differences, relative to the root mean square.
type chainErrors struct{ seen, patterns, stitched float64 }

// chainOf takes true patches, with offsets times sign in the physics, and
// compares what the beam sees in the central square, the patterns, and the
// stitched object.
func chainOf(t *testing.T, s *scan, rule physics.Rule, sign float64) chainErrors {
	t.Helper()
	raw, n := s.object.raw, s.n
	var truth []complex128
	offsets := make([]float64, len(s.offsets))
	for k, i := range s.members {
		truth = append(truth, cut(raw.Object, n, raw.X[i], raw.Y[i])...)
		offsets[2*k], offsets[2*k+1] = sign*s.offsets[2*k], sign*s.offsets[2*k+1]
	}
	count, groups := len(s.members), len(s.members)/s.channels
	b := graph.NewBuilder(graph.Float64)
	patches := constants(b, truth, count, n, n)
	var light []complex128
	for _, v := range raw.Probe {
		light = append(light, complex128(v))
	}
	probe := constants(b, light, 1, n, n)
	object, seen := physics.MergeSingle(patches, rule, probe), physics.MergeSingle(patches, rule, probe)
	if s.channels > 1 {
		d := b.Const(offsets, count, 2)
		canvas := physics.MergeWeighted(patches, physics.Weight(b, n, rule, probe), d, s.channels, s.canvas)
		object = physics.Complex{Re: physics.Central(canvas.Re, n), Im: physics.Central(canvas.Im, n)}
		seen = physics.Extract(canvas, d, s.channels, n)
	}
	out := values(t, object.Re, object.Im, seen.Re, seen.Im, physics.Diffract(seen.Mul(probe)))

	var e chainErrors
	var measured []float64
	for _, i := range s.members {
		for _, a := range raw.Amplitude[int(i)*n*n : (int(i)+1)*n*n] {
			measured = append(measured, float64(a))
		}
	}
	e.patterns = relativeError(len(measured), func(k int) (got, want complex128) {
		return complex(math.Sqrt(out[4][k]), 0), complex(measured[k], 0)
	})
	middle := centralOf(n)
	e.seen = relativeError(count*len(middle), func(k int) (got, want complex128) {
		p := k/len(middle)*n*n + middle[k%len(middle)]
		return complex(out[2][p], out[3][p]), truth[p]
	})
	var merged []complex64
	for k := range out[0] {
		merged = append(merged, complex64(complex(out[0][k], out[1][k])))
	}
	x, y := s.object.places(false)
	require.Len(t, x, groups)
	stitched, err := stitch.Patches(merged, n, x, y, stitch.Options{M: n / 4})
	require.NoError(t, err)
	e.stitched = relativeError(len(stitched.Data), func(k int) (got, want complex128) {
		row, col := k/stitched.Cols+stitched.OriginY, k%stitched.Cols+stitched.OriginX
		if stitched.Weight[k] == 0 {
			return 0, 0
		}
		return complex128(stitched.Data[k]), complex128(raw.Object.Data[row*raw.Object.Cols+col])
	})
	return e
}

// cut takes the patch at (x, y): pixel (i, j) is object pixel
// (y − n/2 + i, x − n/2 + j), bilinear.
func cut(o *dataset.Image, n int, x, y float64) []complex128 {
	var out []complex128
	left, top := int(math.Floor(x)), int(math.Floor(y))
	fx, fy := complex(x-math.Floor(x), 0), complex(y-math.Floor(y), 0)
	at := func(row, col int) complex128 { return complex128(o.Data[row*o.Cols+col]) }
	for i := range n {
		for j := range n {
			row, col := top-n/2+i, left-n/2+j
			upper := (1-fx)*at(row, col) + fx*at(row, col+1)
			lower := (1-fx)*at(row+1, col) + fx*at(row+1, col+1)
			out = append(out, (1-fy)*upper+fy*lower)
		}
	}
	return out
}

// centralOf lists the pixels of the central N/4 square, where there is light.
func centralOf(n int) []int {
	var out []int
	for p := range n * n {
		if i, j := p/n, p%n; i >= 3*n/8 && i < 5*n/8 && j >= 3*n/8 && j < 5*n/8 {
			out = append(out, p)
		}
	}
	return out
}

func constants(b *graph.Builder, values []complex128, shape ...int) physics.Complex {
	re, im := make([]float64, len(values)), make([]float64, len(values))
	for i, v := range values {
		re[i], im[i] = real(v), imag(v)
	}
	return physics.Complex{Re: b.Const(re, shape...), Im: b.Const(im, shape...)}
}

func values(t *testing.T, nodes ...*graph.Node) [][]float64 {
	t.Helper()
	p := &graph.Program{Name: "test"}
	for i, n := range nodes {
		p.Outputs = append(p.Outputs, graph.Output{Name: fmt.Sprint(i), Node: n})
	}
	result, err := eval.Run(p, nil, nil)
	require.NoError(t, err)
	out := make([][]float64, len(nodes))
	for i := range nodes {
		out[i] = result[fmt.Sprint(i)].Data
	}
	return out
}

func relativeError(count int, at func(k int) (got, want complex128)) float64 {
	var difference, square float64
	for k := range count {
		got, want := at(k)
		difference += math.Pow(cmplx.Abs(got-want), 2)
		square += math.Pow(cmplx.Abs(want), 2)
	}
	return math.Sqrt(difference / square)
}
