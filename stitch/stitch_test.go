package stitch_test

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// obvious is the object's value and weight at one object pixel, by definition:
// every patch is cut to its square, sampled bilinearly at the pixel with zeros
// outside, and the samples are summed. Nothing is turned.
func obvious(patches []complex64, weight []float32, n, m int, x, y []float64, column, row int) (complex128, float64) {
	first := n/2 - m/2
	var sum complex128
	var total float64
	for k := range x {
		i, j := float64(row)-y[k]+float64(n/2), float64(column)-x[k]+float64(n/2)
		for r := first; r < first+m; r++ {
			for c := first; c < first+m; c++ {
				share := max(0, 1-math.Abs(float64(r)-i)) * max(0, 1-math.Abs(float64(c)-j))
				w := share
				if weight != nil {
					w *= float64(weight[r*n+c])
				}
				sum += complex(w, 0) * complex128(patches[(k*n+r)*n+c])
				total += w
			}
		}
	}
	if total > 0 {
		sum /= complex(total, 0)
	}
	return sum, total
}

func randomPatches(rng *rand.Rand, count, n int) []complex64 {
	patches := make([]complex64, count*n*n)
	for p := range patches {
		patches[p] = complex(rng.Float32()-.5, rng.Float32()-.5)
	}
	return patches
}

// within is the tolerance of one rounding to float32 of values below 1 and of
// sums in another order.
const within = 2e-7

// requireObvious compares an object and a frame of 2 pixels around it with the
// obvious one.
func requireObvious(t *testing.T, o *stitch.Object, patches []complex64, weight []float32, n, m int, x, y []float64) {
	t.Helper()
	largest := 0.0
	for row := o.OriginY - 2; row < o.OriginY+o.Rows+2; row++ {
		for column := o.OriginX - 2; column < o.OriginX+o.Cols+2; column++ {
			want, total := obvious(patches, weight, n, m, x, y, column, row)
			r, c := row-o.OriginY, column-o.OriginX
			if r < 0 || c < 0 || r >= o.Rows || c >= o.Cols {
				require.Zero(t, total, "a patch lands outside the canvas, at column %d, row %d", column, row)
				continue
			}
			got := complex128(o.Data[r*o.Cols+c]) - want
			largest = max(largest, math.Hypot(real(got), imag(got)))
			require.InDelta(t, total, o.Weight[r*o.Cols+c], within*(1+total))
		}
	}
	require.Less(t, largest, within)
	t.Logf("largest difference %.2g of %g allowed", largest, within)
}

func TestPatchesAgainstDefinition(t *testing.T) {
	for _, c := range []struct{ n, m int }{{8, 4}, {8, 5}, {8, 8}, {8, 1}, {7, 4}, {7, 7}, {1, 1}} {
		for _, weighted := range []bool{false, true} {
			t.Run(fmt.Sprintf("N %d, M %d, weighted %v", c.n, c.m, weighted), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(c.n*10+c.m)))
				x := []float64{12, 14.25, -3.5, 20.999, 13}
				y := []float64{7, 3.75, 6.125, -9.001, 7.5}
				patches := randomPatches(rng, len(x), c.n)
				o := stitch.Options{M: c.m}
				if weighted {
					o.Weight = make([]float32, c.n*c.n)
					for p := range o.Weight {
						o.Weight[p] = rng.Float32() + .01
					}
				}
				object, err := stitch.Patches(patches, c.n, x, y, o)
				require.NoError(t, err)
				requireObvious(t, object, patches, o.Weight, c.n, c.m, x, y)
			})
		}
	}
}

// at is the object at an object pixel.
func at(o *stitch.Object, column, row int) complex64 {
	return o.Data[(row-o.OriginY)*o.Cols+column-o.OriginX]
}

// TestOrientation: with patches at the origin and at (x +5, y +2), the mark of
// the second appears 5 columns right of and 2 rows below that of the first. The
// mark lies 1 row above and 2 columns right of the centre, at row 3, column 6
// of 8, so no exchange of axes or signs keeps it in place.
func TestOrientation(t *testing.T) {
	const n = 8
	patches := make([]complex64, 2*n*n)
	patches[3*n+6] = 1
	patches[n*n+3*n+6] = 2i
	x, y := []float64{100, 105}, []float64{50, 52}
	// M = 6 is rows and columns 1 … 6 and holds the mark.
	object, err := stitch.Patches(patches, n, x, y, stitch.Options{M: 6})
	require.NoError(t, err)
	require.Equal(t, image.Rect(97, 47, 108, 55), image.Rect(0, 0, object.Cols, object.Rows).Add(image.Pt(object.OriginX, object.OriginY)),
		"rows and columns −3 … +2 around each centre")
	require.Equal(t, complex64(.5), at(object, 102, 49), "the mean of the mark and of the second patch's corner, which is 0")
	require.Equal(t, complex64(2i), at(object, 107, 51))
	marks := 0
	for _, v := range object.Data {
		if v != 0 {
			marks++
		}
	}
	require.Equal(t, 2, marks)
	require.Equal(t, image.Rect(100, 50, 106, 53), object.Scanned)
}

// TestFractionalPositions: at x + 0.25 a quarter of a pixel goes one column to
// the right, at y + 0.5 half of it one row down. A mark of 9 in a patch of ones
// shows its shares of the 8 that it has in excess.
func TestFractionalPositions(t *testing.T) {
	const n = 4
	patch := make([]complex64, n*n)
	for p := range patch {
		patch[p] = 1
	}
	patch[2*n+2] = 9 // the centre
	object, err := stitch.Patches(patch, n, []float64{10.25}, []float64{20.5}, stitch.Options{M: n})
	require.NoError(t, err)
	require.Equal(t, complex64(1+8*.75*.5), at(object, 10, 20))
	require.Equal(t, complex64(1+8*.25*.5), at(object, 11, 20))
	require.Equal(t, complex64(1+8*.75*.5), at(object, 10, 21))
	require.Equal(t, complex64(1+8*.25*.5), at(object, 11, 21))
	require.Equal(t, complex64(1), at(object, 9, 20))
	require.Equal(t, float32(.75*.5), object.Weight[0], "the corner gets its bilinear share")
	require.Equal(t, []int{8, 18, 5, 5}, []int{object.OriginX, object.OriginY, object.Cols, object.Rows})
}

// TestSquare: M even takes rows N/2 − M/2 … N/2 + M/2 − 1, M odd is centred on
// N/2, and 0 takes 20·N/64.
func TestSquare(t *testing.T) {
	const n = 64
	patch := randomPatches(rand.New(rand.NewPCG(2, 2)), 1, n)
	for _, c := range []struct{ m, first, side int }{{0, 22, 20}, {20, 22, 20}, {5, 30, 5}, {64, 0, 64}, {63, 1, 63}, {1, 32, 1}} {
		object, err := stitch.Patches(patch, n, []float64{40}, []float64{90}, stitch.Options{M: c.m})
		require.NoError(t, err)
		require.Equal(t, []int{c.side, c.side}, []int{object.Rows, object.Cols})
		require.Equal(t, []int{40 - 32 + c.first, 90 - 32 + c.first}, []int{object.OriginX, object.OriginY})
		for i := range c.side {
			require.Equal(t, patch[(c.first+i)*n+c.first:(c.first+i)*n+c.first+c.side], object.Data[i*c.side:(i+1)*c.side])
		}
	}
	small, err := stitch.Patches(make([]complex64, 4), 2, []float64{0}, []float64{0}, stitch.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, small.Rows, "20·2/64 is 0, of which there is no square")
}

// TestTurns lays turned patches and patches that the test turned itself, by
// hand for the first case: of
//
//	1 2 3        3 2 1               3 6 9
//	4 5 6  flip  6 5 4  transposed   2 5 8
//	7 8 9        9 8 7               1 4 7
func TestTurns(t *testing.T) {
	patch := []complex64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	object, err := stitch.Patches(patch, 3, []float64{1}, []float64{1}, stitch.Options{M: 3, FlipX: true, Transpose: true})
	require.NoError(t, err)
	require.Equal(t, []complex64{3, 6, 9, 2, 5, 8, 1, 4, 7}, object.Data)

	const n, m = 8, 5
	rng := rand.New(rand.NewPCG(3, 3))
	x, y := []float64{10, 13.5, 8.25}, []float64{4, 4.75, 9}
	patches := randomPatches(rng, len(x), n)
	weight := make([]float32, n*n)
	for p := range weight {
		weight[p] = rng.Float32() + .01
	}
	for turn := range 8 {
		o := stitch.Options{M: m, Weight: weight, FlipX: turn&1 != 0, FlipY: turn&2 != 0, Transpose: turn&4 != 0}
		turned, turnedWeight := make([]complex64, len(patches)), make([]float32, n*n)
		for i := range n {
			for j := range n {
				row, column := i, j // where (i, j) goes: flip, then transpose
				if o.FlipX {
					column = n - 1 - column
				}
				if o.FlipY {
					row = n - 1 - row
				}
				if o.Transpose {
					row, column = column, row
				}
				for k := range x {
					turned[(k*n+row)*n+column] = patches[(k*n+i)*n+j]
				}
				turnedWeight[row*n+column] = weight[i*n+j]
			}
		}
		object, err := stitch.Patches(patches, n, x, y, o)
		require.NoError(t, err)
		requireObvious(t, object, turned, turnedWeight, n, m, x, y)
	}
}

// TestConstant: a constant object comes back constant wherever patches land,
// with any weights and any overlap.
func TestConstant(t *testing.T) {
	const n, c = 16, complex64(complex(.8, -.6))
	rng := rand.New(rand.NewPCG(4, 4))
	x, y := make([]float64, 40), make([]float64, 40)
	for k := range x {
		x[k], y[k] = 60*rng.Float64(), 25*rng.Float64()
	}
	patches := make([]complex64, len(x)*n*n)
	for p := range patches {
		patches[p] = c
	}
	weight := make([]float32, n*n)
	for p := range weight {
		weight[p] = rng.Float32() * rng.Float32() * rng.Float32()
	}
	object, err := stitch.Patches(patches, n, x, y, stitch.Options{M: 7, Weight: weight})
	require.NoError(t, err)
	landed := 0
	for p, v := range object.Data {
		if object.Weight[p] == 0 {
			require.Zero(t, v)
			continue
		}
		landed++
		require.InDelta(t, real(c), real(v), within)
		require.InDelta(t, imag(c), imag(v), within)
	}
	require.Greater(t, landed, 500)
}

// TestOrderOfPatches: the same patches in the opposite order give the same
// object within rounding.
func TestOrderOfPatches(t *testing.T) {
	const n = 8
	rng := rand.New(rand.NewPCG(5, 5))
	x, y := []float64{0, 1.5, 3.25, 4}, []float64{2, .125, 1, -3.5}
	patches := randomPatches(rng, 4, n)
	var back []complex64
	var backX, backY []float64
	for k := 3; k >= 0; k-- {
		back = append(back, patches[k*n*n:(k+1)*n*n]...)
		backX, backY = append(backX, x[k]), append(backY, y[k])
	}
	a, err := stitch.Patches(patches, n, x, y, stitch.Options{M: 6})
	require.NoError(t, err)
	b, err := stitch.Patches(back, n, backX, backY, stitch.Options{M: 6})
	require.NoError(t, err)
	require.Equal(t, []int{a.OriginX, a.OriginY, a.Rows, a.Cols}, []int{b.OriginX, b.OriginY, b.Rows, b.Cols})
	for p := range a.Data {
		require.InDelta(t, real(a.Data[p]), real(b.Data[p]), within)
		require.InDelta(t, imag(a.Data[p]), imag(b.Data[p]), within)
	}
}

// TestLargestValues: values and weights at the end of float32 neither overflow
// nor turn to NaN.
func TestLargestValues(t *testing.T) {
	const n = 4
	patches := make([]complex64, 3*n*n)
	weight := make([]float32, n*n)
	for p := range patches {
		patches[p] = complex(math.MaxFloat32, -math.MaxFloat32)
	}
	for p := range weight {
		weight[p] = math.MaxFloat32
	}
	object, err := stitch.Patches(patches, n, []float64{0, .3, .7}, []float64{0, .1, -.6}, stitch.Options{M: n, Weight: weight})
	require.NoError(t, err)
	for p, v := range object.Data {
		require.False(t, math.IsInf(float64(object.Weight[p]), 0), "weight %d", p)
		if object.Weight[p] > 0 {
			require.InEpsilon(t, math.MaxFloat32, real(v), within)
			require.InEpsilon(t, -math.MaxFloat32, imag(v), within)
		}
	}
}

// TestMemory: the number of allocations does not grow with the number of
// patches, since each is summed where it lands.
func TestMemory(t *testing.T) {
	const n = 8
	allocations := func(count int) float64 {
		x, y := make([]float64, count), make([]float64, count)
		for k := range x {
			x[k] = float64(k % 5)
		}
		patches := make([]complex64, count*n*n)
		return testing.AllocsPerRun(5, func() {
			_, err := stitch.Patches(patches, n, x, y, stitch.Options{M: 4})
			require.NoError(t, err)
		})
	}
	require.Equal(t, allocations(5), allocations(500))
}
