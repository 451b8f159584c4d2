package stitch

import (
	"cmp"
	"image"
	"math"
	"slices"
)

type point struct{ x, y float64 }

// hull is the convex hull of positions as its corners in turn, by the monotone
// chain: the lower side from left to right, then the upper one back.
func hull(x, y []float64) []point {
	points := make([]point, len(x))
	for k := range x {
		points[k] = point{x[k], y[k]}
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	points = slices.Compact(points)
	if len(points) < 3 {
		return points
	}
	chain := func() (out []point) {
		for _, p := range points {
			for len(out) > 1 && !turnsLeft(out[len(out)-2], out[len(out)-1], p) {
				out = out[:len(out)-1]
			}
			out = append(out, p)
		}
		return out[:len(out)-1] // the other side begins with the last one
	}
	lower := chain()
	slices.Reverse(points)
	return append(lower, chain()...)
}

func turnsLeft(a, b, c point) bool { return (b.x-a.x)*(c.y-a.y)-(b.y-a.y)*(c.x-a.x) > 0 }

// scannedColumns gives, for each row of the scanned area, the columns first …
// end−1 whose pixel centres lie in the convex hull of the positions. An area of
// one row or column is taken whole.
func scannedColumns(area image.Rectangle, x, y []float64) [][2]int {
	const rounding = 1e-9 // of a pixel, on the edges
	out := make([][2]int, area.Dy())
	corners := hull(x, y)
	for i := range out {
		if area.Dx() == 1 || area.Dy() == 1 {
			out[i] = [2]int{area.Min.X, area.Max.X}
			continue
		}
		left, right := across(corners, float64(area.Min.Y+i))
		if left > right {
			continue
		}
		out[i] = [2]int{max(area.Min.X, int(math.Ceil(left-rounding))), min(area.Max.X, int(math.Floor(right+rounding))+1)}
	}
	return out
}

// across is where a convex polygon begins and ends on the line of that y.
func across(corners []point, y float64) (left, right float64) {
	left, right = math.Inf(1), math.Inf(-1)
	for i, a := range corners {
		b := corners[(i+1)%len(corners)]
		if y < min(a.y, b.y) || y > max(a.y, b.y) {
			continue
		}
		at := a.x
		if a.y != b.y {
			at += (y - a.y) / (b.y - a.y) * (b.x - a.x)
		}
		left, right = min(left, at), max(right, at)
	}
	return left, right
}
