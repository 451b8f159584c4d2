// Package stitch lays object patches at their scan positions to form one
// object. Patches does it at once, a Stitcher for patches that come in portions;
// Options say which part of a patch counts and with which weight; an Object
// knows where it lies and which pixels nothing reached. Each of its pixels is
// the weighted mean of what the patches say of it, and 0 where none says
// anything.
package stitch

import (
	"fmt"
	"image"
)

// Options say which part of each patch is used and how it is laid down. The
// zero value takes the default square of every patch as it is.
type Options struct {
	// M is the side of the central square of each patch that is used: rows
	// and columns N/2 − ⌊M/2⌋ … N/2 − ⌊M/2⌋ + M − 1. 0 means 20·N/64.
	M int
	// FlipX reverses the columns of every patch, FlipY its rows; Transpose
	// then exchanges rows and columns. All happen within the N×N square and
	// before the central square is cut; positions stay as they are.
	FlipX, FlipY, Transpose bool
	// Weight holds N×N weights ≥ 0 of a patch's pixels, row by row; nil
	// weighs all alike. Weights belong to the patch and turn with it.
	Weight []float32
}

// Object is a complex object on a rectangular canvas of object pixels.
type Object struct {
	// Rows and Cols are the size of the canvas.
	Rows, Cols int
	// OriginX and OriginY are the column and the row, in object pixels, of
	// the canvas's pixel (0, 0).
	OriginX, OriginY int
	// Data is the object [Rows, Cols], row by row; 0 where Weight is 0.
	Data []complex64
	// Weight is the sum of the weights that landed on each pixel, at most the
	// largest float32.
	Weight []float32
	// Scanned is the area that the scan positions span, see ScannedArea.
	Scanned image.Rectangle
	// Uncovered is the share, 0 to 1, on which no weight landed, of the pixels of
	// Scanned in the convex hull of the positions: the corners that a round scan
	// never visits do not count.
	Uncovered float64
	// SuggestedM is the smallest M that covers all of those, given where
	// Uncovered is not 0. It is 0 where nothing is missing, where even M = N
	// leaves gaps, and where Options.Weight makes them and not M.
	SuggestedM int
}

// Patches stitches patches [G, N, N], row by row, whose centres lie at the
// object pixels (x, y) [G]: x is the column, y the row, both fractional. Patch
// pixel (i, j) lands at row y − N/2 + i and column x − N/2 + j, and is spread
// bilinearly over the four pixels around that point:
//
//	object = Σ_k shift(w·patch_k) / Σ_k shift(w)
//
// and 0 where nothing lands. Sums are kept in float64, so the order of the
// patches matters only within rounding. Time grows with G·M², memory with the
// canvas.
//
// Errors: no patches, lengths that do not agree, M outside 1 … N, weights that
// are negative, not finite or all zero within the square, positions or values
// of the square that are not finite, and positions so far apart that the canvas
// would have more than 2²⁷ pixels.
func Patches(patches []complex64, n int, x, y []float64, o Options) (*Object, error) {
	object, err := all(patches, n, x, y, o)
	if err != nil {
		return nil, fmt.Errorf("stitch: patches: %w", err)
	}
	return object, nil
}

func all(patches []complex64, n int, x, y []float64, o Options) (*Object, error) {
	s, err := newStitcher(n, x, y, o)
	if err != nil {
		return nil, err
	}
	if size := n * n; len(patches)%size != 0 || len(patches)/size != len(x) {
		return nil, fmt.Errorf("%d values for %d positions; expected %d patches of %d×%d pixels", len(patches), len(x), len(x), n, n)
	}
	if err := s.add(patches); err != nil {
		return nil, err
	}
	return s.object()
}

// centralPixels gives, for each pixel of the central M×M square in the
// orientation in which it is laid down, the index of the patch pixel that goes
// there.
func centralPixels(n int, o Options) []int {
	first := n/2 - o.M/2
	pixels := make([]int, 0, o.M*o.M)
	for i := first; i < first+o.M; i++ {
		for j := first; j < first+o.M; j++ {
			row, col := i, j
			if o.Transpose {
				row, col = col, row
			}
			if o.FlipY {
				row = n - 1 - row
			}
			if o.FlipX {
				col = n - 1 - col
			}
			pixels = append(pixels, row*n+col)
		}
	}
	return pixels
}
