package stitch

import (
	"fmt"
	"math/cmplx"
)

// Stitcher stitches patches that come in portions, so that never all of them
// need to be in memory: it keeps the canvas and two squares. It is for one
// goroutine at a time.
type Stitcher struct {
	n, m     int
	x, y     []float64
	canvas   *canvas
	pixels   []int     // of a patch, in the order in which they are laid down
	weight   []float64 // theirs
	weighted []complex128
	added    int
}

// New prepares a canvas for patches of N×N pixels at the positions (x, y) [G],
// which the Stitcher keeps: they must not be changed. Meaning and errors are
// those of Patches.
func New(n int, x, y []float64, o Options) (*Stitcher, error) {
	s, err := newStitcher(n, x, y, o)
	if err != nil {
		return nil, fmt.Errorf("stitch: new: %w", err)
	}
	return s, nil
}

func newStitcher(n int, x, y []float64, o Options) (*Stitcher, error) {
	if o.M == 0 {
		o.M = max(1, 20*n/64)
	}
	if err := check(n, x, y, o); err != nil {
		return nil, err
	}
	c, err := newCanvas(x, y, o.M)
	if err != nil {
		return nil, err
	}
	s := &Stitcher{n: n, m: o.M, x: x, y: y, canvas: c, pixels: centralPixels(n, o)}
	s.weight, s.weighted = make([]float64, len(s.pixels)), make([]complex128, len(s.pixels))
	for q, p := range s.pixels {
		s.weight[q] = 1
		if o.Weight != nil {
			s.weight[q] = float64(o.Weight[p])
		}
	}
	return s, nil
}

// Add lays down the next patches [·, N, N], in the order of the positions.
// Errors, after which the Stitcher is of no more use: a length that is no
// multiple of N², more patches than positions, values of a square that are not
// finite.
func (s *Stitcher) Add(patches []complex64) error {
	if err := s.add(patches); err != nil {
		return fmt.Errorf("stitch: add: %w", err)
	}
	return nil
}

func (s *Stitcher) add(patches []complex64) error {
	size := s.n * s.n
	if len(patches)%size != 0 || len(patches)/size > len(s.x)-s.added {
		return fmt.Errorf("%d values for %d positions; expected patches of %d×%d pixels", len(patches), len(s.x)-s.added, s.n, s.n)
	}
	for ; len(patches) > 0; patches = patches[size:] {
		if err := s.addOne(patches[:size]); err != nil {
			return err
		}
		s.added++
	}
	return nil
}

func (s *Stitcher) addOne(patch []complex64) error {
	k := s.added
	for q, p := range s.pixels {
		v := patch[p]
		if z := complex128(v); cmplx.IsNaN(z) || cmplx.IsInf(z) {
			return fmt.Errorf("patch %d, row %d, column %d is %v; expected finite values", k, p/s.n, p%s.n, v)
		}
		s.weighted[q] = complex(s.weight[q]*float64(real(v)), s.weight[q]*float64(imag(v)))
	}
	s.canvas.add(s.weighted, s.weight, s.m, s.x[k], s.y[k])
	return nil
}

// Object gives the object of all patches. It is an error to ask for it before
// each position has got its patch.
func (s *Stitcher) Object() (*Object, error) {
	object, err := s.object()
	if err != nil {
		return nil, fmt.Errorf("stitch: object: %w", err)
	}
	return object, nil
}

func (s *Stitcher) object() (*Object, error) {
	if s.added < len(s.x) {
		return nil, fmt.Errorf("%d of %d positions have got a patch; expected all", s.added, len(s.x))
	}
	object := s.canvas.divide()
	object.coverage(s.x, s.y, s.n, s.m)
	return object, nil
}
