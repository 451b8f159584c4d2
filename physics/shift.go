package physics

import "github.com/ptychobridge/ptychobridge/graph"

// Shifter moves images of one side by given offsets with bilinear
// interpolation. It holds the interpolation matrices, so one Shifter serves all
// images that move alike. Whole offsets move pixels exactly; others blur.
type Shifter struct{ rows, columns *graph.Node }

// NewShifter prepares the shift of images [B, side, side] by t [B, 2], each
// (x, y) in pixels. Per axis the interpolation matrix is
//
//	S[b,i,j] = max(0, 1 − |i − j − t_b|)
//
// so that the shifted image is S_y·image·S_xᵀ.
func NewShifter(t *graph.Node, side int) *Shifter {
	batch := t.Shape[0]
	lag := make([]float64, side*side)
	for i := range side {
		for j := range side {
			lag[i*side+j] = float64(i - j)
		}
	}
	lags := t.Builder().Const(lag, 1, side, side)
	matrix := func(axis int) *graph.Node {
		along := graph.Reshape(graph.Slice(t, []int{0, axis}, []int{batch, 1}), batch, 1, 1)
		d := graph.Sub(lags, along)
		distance := graph.Add(graph.Relu(d), graph.Relu(graph.Neg(d)))
		return graph.Relu(graph.AddScalar(graph.Neg(distance), 1))
	}
	return &Shifter{rows: matrix(1), columns: matrix(0)}
}

// Shift gives out[y, x] = the bilinear sample of the image at
// (y − t_y, x − t_x), where each of the four taps outside the image counts as
// 0: positive offsets move the content to larger indices.
func (s *Shifter) Shift(image *graph.Node) *graph.Node {
	return graph.MatMul(graph.MatMul(s.rows, image, false, false), s.columns, false, true)
}

// ShiftComplex shifts real and imaginary part, see Shift.
func (s *Shifter) ShiftComplex(image Complex) Complex { return image.both(s.Shift) }
