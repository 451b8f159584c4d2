package dataset

import (
	"fmt"
	"math"
)

// TruePatches cuts the object around positions (x, y) [n], in object pixels,
// to patches [n, N, N]: patch pixel (i, j) is object pixel
// (y − N/2 + i, x − N/2 + j), bilinear. Errors: a scan without an object, a
// patch that is not wholly inside it.
func (r *Raw) TruePatches(x, y []float64) ([]complex64, error) {
	if r.Object == nil {
		return nil, fmt.Errorf("dataset: true patches: %s: there is no %q to cut them from", r.Path, keyObject)
	}
	if err := r.CheckTruePatches(x, y); err != nil {
		return nil, err
	}
	out := make([]complex64, len(x)*r.N*r.N)
	for k := range x {
		r.Object.cut(out[k*r.N*r.N:(k+1)*r.N*r.N], r.N, x[k], y[k])
	}
	return out, nil
}

// CheckTruePatches gives the error of TruePatches without cutting anything.
func (r *Raw) CheckTruePatches(x, y []float64) error {
	if r.Object == nil {
		return fmt.Errorf("dataset: true patches: %s: there is no %q to cut them from", r.Path, keyObject)
	}
	outside, first := 0, 0
	for k := range x {
		if r.Object.holds(r.N, x[k], y[k]) {
			continue
		}
		if outside == 0 {
			first = k
		}
		outside++
	}
	if outside > 0 {
		return fmt.Errorf("dataset: true patches: %s: %d of %d patches of %d×%d pixels reach outside %q, the first of them around x = %g, y = %g; found %d×%d pixels, expected an object that holds every patch",
			r.Path, outside, len(x), r.N, r.N, keyObject, x[first], y[first], r.Object.Rows, r.Object.Cols)
	}
	return nil
}

// holds says whether a patch lies inside. A position halfway between pixels
// needs the pixels on both sides.
func (o *Image) holds(n int, x, y float64) bool {
	left, top := math.Floor(x), math.Floor(y)
	last := func(first, fraction float64) float64 { return first + float64(n-1) + math.Ceil(fraction) }
	col, row := left-float64(n/2), top-float64(n/2)
	return col >= 0 && row >= 0 && last(col, x-left) < float64(o.Cols) && last(row, y-top) < float64(o.Rows)
}

// cut samples a patch that lies inside.
func (o *Image) cut(to []complex64, n int, x, y float64) {
	left, top := math.Floor(x), math.Floor(y)
	u, v := x-left, y-top
	col, row := left-float64(n/2), top-float64(n/2)
	right, down := int(math.Ceil(u)), int(math.Ceil(v))*o.Cols
	for p := range to {
		at := (int(row)+p/n)*o.Cols + int(col) + p%n
		tap := func(offset int, weight float64) complex128 {
			return complex128(o.Data[at+offset]) * complex(weight, 0)
		}
		to[p] = complex64(tap(0, (1-u)*(1-v)) + tap(right, u*(1-v)) + tap(down, (1-u)*v) + tap(right+down, u*v))
	}
}
