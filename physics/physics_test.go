package physics_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/graph/eval"
	"github.com/ptychobridge/ptychobridge/physics"
)

// rounding is the largest allowed difference of two float64 computations of
// some thousand terms near 1.
const rounding = 1e-11

func random(seed uint64, count int, low, high float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]float64, count)
	for i := range out {
		out[i] = low + (high-low)*r.Float64()
	}
	return out
}

// evaluate runs nodes in float64 with the values of the named inputs.
func evaluate(t *testing.T, inputs map[string]*eval.Array, nodes ...*graph.Node) [][]float64 {
	t.Helper()
	p := &graph.Program{Name: "test"}
	for i, n := range nodes {
		p.Outputs = append(p.Outputs, graph.Output{Name: string(rune('a' + i)), Node: n})
	}
	out, err := eval.Run(p, inputs, nil)
	require.NoError(t, err)
	values := make([][]float64, len(nodes))
	for i, o := range p.Outputs {
		values[i] = out[o.Name].Data
	}
	return values
}

func array(data []float64, shape ...int) *eval.Array { return &eval.Array{Shape: shape, Data: data} }

// TestShiftMovesContent: a delta at row 10, column 10 moved by (x 5, y 2)
// lands at row 12, column 15.
func TestShiftMovesContent(t *testing.T) {
	const side = 20
	b := graph.NewBuilder(graph.Float64)
	image := make([]float64, side*side)
	image[10*side+10] = 1
	shifted := physics.NewShifter(b.Const([]float64{5, 2}, 1, 2), side).Shift(b.Const(image, 1, side, side))
	got := evaluate(t, nil, shifted)[0]
	want := make([]float64, side*side)
	want[12*side+15] = 1
	require.Equal(t, want, got)
}

// TestShiftIsBilinear compares with four taps taken one by one, zeros outside.
func TestShiftIsBilinear(t *testing.T) {
	const side, batch = 9, 3
	image := random(1, batch*side*side, -1, 1)
	offsets := []float64{0.25, -1.75, -3.5, 0.125, 30, 2}
	b := graph.NewBuilder(graph.Float64)
	shifted := physics.NewShifter(b.Const(offsets, batch, 2), side).Shift(b.Const(image, batch, side, side))
	got := evaluate(t, nil, shifted)[0]
	at := func(k, row, col int) float64 {
		if row < 0 || row >= side || col < 0 || col >= side {
			return 0
		}
		return image[(k*side+row)*side+col]
	}
	for k := range batch {
		for i := range side {
			for j := range side {
				x, y := float64(j)-offsets[2*k], float64(i)-offsets[2*k+1]
				x0, y0 := math.Floor(x), math.Floor(y)
				fx, fy := x-x0, y-y0
				r, c := int(y0), int(x0)
				want := (1-fy)*((1-fx)*at(k, r, c)+fx*at(k, r, c+1)) + fy*((1-fx)*at(k, r+1, c)+fx*at(k, r+1, c+1))
				require.InDelta(t, want, got[(k*side+i)*side+j], rounding, "image %d, row %d, column %d", k, i, j)
			}
		}
	}
}

// TestDiffract compares with the Fourier sum written out, on an exit wave
// without any symmetry; the zero frequency is at (N/2, N/2).
func TestDiffract(t *testing.T) {
	const n = 8
	re, im := random(2, n*n, -1, 1), random(3, n*n, -1, 1)
	b := graph.NewBuilder(graph.Float64)
	got := evaluate(t, nil, physics.Diffract(physics.Complex{Re: b.Const(re, 1, n, n), Im: b.Const(im, 1, n, n)}))[0]
	power, sum := 0.0, 0.0
	for u := range n {
		for v := range n {
			var f complex128
			for i := range n {
				for j := range n {
					angle := -2 * math.Pi * (float64((u-n/2)*i) + float64((v-n/2)*j)) / n
					f += complex(re[i*n+j], im[i*n+j]) * cmplx.Rect(1, angle)
				}
			}
			want := (real(f)*real(f) + imag(f)*imag(f)) / (n * n)
			require.InDelta(t, want, got[u*n+v], rounding)
			sum += got[u*n+v]
			power += re[u*n+v]*re[u*n+v] + im[u*n+v]*im[u*n+v]
		}
	}
	require.InEpsilon(t, power, sum, rounding, "the intensity of a pattern is the power of the exit wave")
}

// TestAdjoints: ⟨A·x, y⟩ = ⟨x, Aᵀ·y⟩ for each linear piece, where Aᵀ·y is the
// gradient of ⟨A·x, y⟩ with respect to x and may not depend on x.
func TestAdjoints(t *testing.T) {
	const groups, channels, n, side = 2, 4, 8, 14
	offsets := random(4, groups*channels*2, -2, 2)
	for name, piece := range map[string]struct {
		in    []int
		apply func(b *graph.Builder, x physics.Complex) physics.Complex
	}{
		"shift": {[]int{groups * channels, side, side}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.NewShifter(b.Const(offsets, groups*channels, 2), side).ShiftComplex(x)
		}},
		"merge, uniform": {[]int{groups * channels, n, n}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.Merge(x, b.Const(offsets, groups*channels, 2), channels, side, physics.Uniform)
		}},
		"merge, reference": {[]int{groups * channels, n, n}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.Merge(x, b.Const(offsets, groups*channels, 2), channels, side, physics.Reference)
		}},
		"merge, central": {[]int{groups * channels, n, n}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.Merge(x, b.Const(offsets, groups*channels, 2), channels, side, physics.CentralSquare)
		}},
		"merge, probe": {[]int{groups * channels, n, n}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.MergeWeighted(x, physics.Weight(b, n, physics.ProbeLight, twoModes(b)), b.Const(offsets, groups*channels, 2), channels, side)
		}},
		"merge of one, probe": {[]int{groups, n, n}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.MergeSingle(x, physics.ProbeLight, twoModes(b))
		}},
		"extract": {[]int{groups, side, side}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return physics.Extract(x, b.Const(offsets, groups*channels, 2), channels, n)
		}},
		"illuminate": {[]int{groups, n, n}, func(b *graph.Builder, x physics.Complex) physics.Complex {
			return x.Mul(physics.Complex{Re: b.Const(random(5, n*n, -1, 1), 1, n, n), Im: b.Const(random(6, n*n, -1, 1), 1, n, n)})
		}},
		"Fourier transform": {[]int{groups, n, n}, func(_ *graph.Builder, x physics.Complex) physics.Complex {
			re, im := graph.FFT2(x.Re, x.Im)
			return physics.Complex{Re: re, Im: im}
		}},
	} {
		t.Run(name, func(t *testing.T) { requireAdjoint(t, piece.in, piece.apply) })
	}
}

func requireAdjoint(t *testing.T, shape []int, apply func(*graph.Builder, physics.Complex) physics.Complex) {
	t.Helper()
	count := graph.Shape(shape).Size()
	b := graph.NewBuilder(graph.Float64)
	x := physics.Complex{Re: b.Input("re", graph.Float64, shape...), Im: b.Input("im", graph.Float64, shape...)}
	image := apply(b, x)
	size := image.Re.Shape.Size()
	y := physics.Complex{Re: b.Const(random(8, size, -1, 1), image.Re.Shape...), Im: b.Const(random(9, size, -1, 1), image.Re.Shape...)}
	axes := []int{0, 1, 2}
	product := graph.Add(graph.Sum(graph.Mul(image.Re, y.Re), axes...), graph.Sum(graph.Mul(image.Im, y.Im), axes...))
	adjoint := graph.Gradient(product, []*graph.Node{x.Re, x.Im})

	re, im := random(10, count, -1, 1), random(11, count, -1, 1)
	got := evaluate(t, map[string]*eval.Array{"re": array(re, shape...), "im": array(im, shape...)}, product, adjoint[0], adjoint[1])
	// The adjoint is taken at another x: it may not depend on it.
	other := evaluate(t, map[string]*eval.Array{"re": array(random(12, count, -1, 1), shape...), "im": array(random(13, count, -1, 1), shape...)}, adjoint...)
	sum := 0.0
	for i := range re {
		sum += re[i]*other[0][i] + im[i]*other[1][i]
	}
	require.NotZero(t, got[0][0])
	require.InDelta(t, got[0][0], sum, rounding*math.Max(1, math.Abs(sum)))
}

// twoModes is a probe of two modes of 8×8, dark in its first rows.
func twoModes(b *graph.Builder) physics.Complex {
	const n = 8
	re, im := random(21, 2*n*n, -1, 1), random(22, 2*n*n, -1, 1)
	for p := range re {
		if p%(n*n) < 2*n {
			re[p], im[p] = 0, 0
		}
	}
	return physics.Complex{Re: b.Const(re, 2, n, n), Im: b.Const(im, 2, n, n)}
}

// TestMergeKeepsConstants: a constant object comes back constant wherever a
// weight above 0 lies, and 0 elsewhere, under each rule that is an average.
func TestMergeKeepsConstants(t *testing.T) {
	const channels, n, side = 4, 8, 20
	// The group moves by ∓1 rows and ∓2 columns. First row, end, first column,
	// end of what is covered:
	for rule, covered := range map[physics.Rule][4]int{
		physics.Uniform:       {6 - 1, 14 + 1, 6 - 2, 14 + 2},
		physics.CentralSquare: {8 - 1, 12 + 1, 8 - 2, 12 + 2},
		physics.ProbeLight:    {8 - 1, 14 + 1, 6 - 2, 14 + 2}, // its first two rows are dark
	} {
		t.Run(string(rule), func(t *testing.T) {
			b := graph.NewBuilder(graph.Float64)
			constant := make([]float64, channels*n*n)
			for i := range constant {
				constant[i] = 0.7
			}
			patches := physics.Complex{Re: b.Const(constant, channels, n, n), Im: b.Const(constant, channels, n, n)}
			offsets := b.Const([]float64{-2, -1, 2, -1, -2, 1, 2, 1}, channels, 2)
			weight := physics.Weight(b, n, rule, twoModes(b))
			canvas := evaluate(t, nil, physics.MergeWeighted(patches, weight, offsets, channels, side).Re)[0]
			for i := range side {
				for j := range side {
					want := 0.0
					if i >= covered[0] && i < covered[1] && j >= covered[2] && j < covered[3] {
						want = 0.7
					}
					require.InDelta(t, want, canvas[i*side+j], 1e-9, "row %d, column %d", i, j)
				}
			}
		})
	}
}

// TestMergeIsTheAverage compares each rule with its formula written out for
// whole pixels, by a loop over patches.
func TestMergeIsTheAverage(t *testing.T) {
	const channels, n, side, margin = 4, 8, 20, 6
	values := random(23, channels*n*n, -1, 1)
	moves := [channels][2]int{{-3, 1}, {2, 0}, {0, -4}, {1, 3}} // (x, y), their mean is 0
	for _, rule := range []physics.Rule{physics.Uniform, physics.CentralSquare, physics.ProbeLight, physics.Reference} {
		t.Run(string(rule), func(t *testing.T) {
			b := graph.NewBuilder(graph.Float64)
			probe := twoModes(b)
			x := b.Const(values, channels, n, n)
			offsets := make([]float64, 0, 2*channels)
			for _, m := range moves {
				offsets = append(offsets, float64(m[0]), float64(m[1]))
			}
			o := b.Const(offsets, channels, 2)
			patches := physics.Complex{Re: x, Im: x}
			var merged physics.Complex
			weight, epsilon := func(p int) float64 { return 1 }, 1e-12
			central := func(p int) float64 {
				if i, j := p/n, p%n; i >= n/4 && i < n-n/4 && j >= n/4 && j < n-n/4 {
					return 1
				}
				return 0
			}
			switch rule {
			case physics.Uniform:
			case physics.CentralSquare:
				weight = central
			case physics.ProbeLight:
				light := evaluate(t, nil, probe.SquaredModulus())[0]
				mean := 0.0
				for _, v := range light {
					mean += v / (n * n)
				}
				weight = func(p int) float64 { return (light[p] + light[n*n+p]) / mean }
			case physics.Reference:
				epsilon = 1e-3
			}
			if rule == physics.ProbeLight {
				merged = physics.MergeWeighted(patches, physics.Weight(b, n, rule, probe), o, channels, side)
			} else {
				merged = physics.Merge(patches, o, channels, side, rule)
			}
			got := evaluate(t, nil, merged.Re)[0]
			above, below := make([]float64, side*side), make([]float64, side*side)
			for c, m := range moves {
				for p := range n * n {
					at := (p/n+margin+m[1])*side + p%n + margin + m[0]
					above[at] += weight(p) * values[c*n*n+p]
					if rule == physics.Reference {
						below[at] += central(p)
					} else {
						below[at] += weight(p)
					}
				}
			}
			for at := range above {
				require.InDelta(t, above[at]/(below[at]+epsilon), got[at], rounding*1e3, "row %d, column %d", at/side, at%side)
			}
		})
	}
}

// TestMergeOfGroupsIsTheirOwn: the result of a group does not depend on the
// other groups of the batch.
func TestMergeOfGroupsIsTheirOwn(t *testing.T) {
	const channels, n, side = 4, 8, 16
	values, offsets := random(14, 3*channels*n*n, -1, 1), random(15, 3*channels*2, -2, 2)
	for _, rule := range []physics.Rule{physics.Uniform, physics.CentralSquare, physics.ProbeLight} {
		merge := func(first, last int) []float64 {
			b := graph.NewBuilder(graph.Float64)
			count := (last - first) * channels
			x := b.Const(values[first*channels*n*n:last*channels*n*n], count, n, n)
			o := b.Const(offsets[first*channels*2:last*channels*2], count, 2)
			weight := physics.Weight(b, n, rule, twoModes(b))
			return evaluate(t, nil, physics.MergeWeighted(physics.Complex{Re: x, Im: x}, weight, o, channels, side).Re)[0]
		}
		require.Equal(t, merge(0, 3)[side*side:2*side*side], merge(1, 2), rule)
	}
}

func TestMergeSingleIsMerge(t *testing.T) {
	const n = 8
	b := graph.NewBuilder(graph.Float64)
	patch := physics.Complex{Re: b.Const(random(16, 2*n*n, -1, 1), 2, n, n), Im: b.Const(random(17, 2*n*n, -1, 1), 2, n, n)}
	offsets := b.Const(make([]float64, 4), 2, 2)
	for _, rule := range []physics.Rule{physics.Uniform, physics.CentralSquare, physics.ProbeLight, physics.Reference} {
		probe := twoModes(b)
		one := physics.MergeSingle(patch, rule, probe)
		var many physics.Complex
		if rule == physics.ProbeLight {
			many = physics.MergeWeighted(patch, physics.Weight(b, n, rule, probe), offsets, 1, n+4)
		} else {
			many = physics.Merge(patch, offsets, 1, n+4, rule)
		}
		got := evaluate(t, nil, one.Re, physics.Central(many.Re, n), one.Im, physics.Central(many.Im, n))
		require.InDeltaSlice(t, got[1], got[0], rounding, rule)
		require.InDeltaSlice(t, got[3], got[2], rounding, rule)
	}
}

// TestSide has its numbers from Q = N + 2·max(2(g−1) + 5, ⌈reach⌉ + 1).
func TestSide(t *testing.T) {
	for _, c := range []struct {
		gridsize int
		reach    float64
		rule     physics.Rule
		side     int
	}{
		{1, 0, physics.Uniform, 64},
		{2, 0, physics.Uniform, 78},
		{2, 6, physics.ProbeLight, 78},
		{2, 6.01, physics.CentralSquare, 80},
		{3, 11.5, physics.Uniform, 90},
		{2, 20, physics.Reference, 78},
		{3, 20, physics.Reference, 82},
	} {
		require.Equal(t, c.side, physics.Side(64, c.gridsize, c.reach, c.rule), c)
	}
}

// TestLosses compares with the formulas written out, dark pixels included.
func TestLosses(t *testing.T) {
	lambda, y := random(18, 60, 0.1, 9), random(19, 60, 0, 9)
	y[3], y[4], lambda[4] = 0, 0, 0
	amplitude := make([]float64, len(y))
	var nll, deviance, mae float64
	for i := range y {
		amplitude[i] = math.Sqrt(y[i])
		nll += (lambda[i] - y[i]*math.Log(lambda[i]+physics.LogEpsilon)) / 60
		deviance += 2 * (y[i]*math.Log((y[i]+physics.LogEpsilon)/(lambda[i]+physics.LogEpsilon)) - (y[i] - lambda[i])) / 60
		mae += math.Abs(math.Sqrt(lambda[i]+physics.LogEpsilon)-amplitude[i]) / 60
	}
	b := graph.NewBuilder(graph.Float64)
	l, m, a := b.Input("l", graph.Float64, 3, 4, 5), b.Const(y, 3, 4, 5), b.Const(amplitude, 3, 4, 5)
	losses := []*graph.Node{physics.PoissonNLL(l, m), physics.Deviance(l, m), physics.AmplitudeMAE(l, a)}
	nodes := losses
	for _, loss := range losses {
		nodes = append(nodes, graph.Gradient(loss, []*graph.Node{l})...)
	}
	got := evaluate(t, map[string]*eval.Array{"l": array(lambda, 3, 4, 5)}, nodes...)
	require.InDelta(t, nll, got[0][0], rounding)
	require.InDelta(t, deviance, got[1][0], rounding)
	require.InDelta(t, mae, got[2][0], rounding)
	for _, gradient := range got[3:] {
		for i, g := range gradient {
			require.False(t, math.IsNaN(g) || math.IsInf(g, 0), "gradient at λ = %v, y = %v", lambda[i], y[i])
		}
	}
}

// TestDevianceOfNoise: for Poisson counts and their own mean, the deviance per
// pixel tends to 1 + 1/(6λ) (McCullagh and Nelder, 1989); here λ = 50.
func TestDevianceOfNoise(t *testing.T) {
	const count, mean = 20000, 50.0
	r := rand.New(rand.NewPCG(20, 0))
	y, lambda := make([]float64, count), make([]float64, count)
	for i := range y {
		lambda[i] = mean
		for sum := r.ExpFloat64(); sum < mean; sum += r.ExpFloat64() {
			y[i]++
		}
	}
	b := graph.NewBuilder(graph.Float64)
	got := evaluate(t, nil, physics.Deviance(b.Const(lambda, count), b.Const(y, count)))[0][0]
	require.InDelta(t, 1+1/(6*mean), got, 0.05, "the standard deviation of the mean is √(2/20000) = 0.01")
}
