package stitch

import (
	"image"
	"math"
	"sort"
)

// ScannedArea is the area that scan positions span: the object pixels whose
// centres lie in the bounding box of the positions, columns ⌈min x⌉ … ⌊max x⌋
// and rows alike, as a half-open rectangle of object pixels. Where a side of
// the box holds no pixel centre, as with a single position, the area has the
// one pixel nearest to the middle. No positions give the empty rectangle.
func ScannedArea(x, y []float64) image.Rectangle {
	if len(x) == 0 || len(y) == 0 {
		return image.Rectangle{}
	}
	left, right := span(x)
	top, bottom := span(y)
	return image.Rect(left, top, right, bottom)
}

func span(positions []float64) (first, end int) {
	low, high := positions[0], positions[0]
	for _, p := range positions {
		low, high = min(low, p), max(high, p)
	}
	first, last := int(math.Ceil(low)), int(math.Floor(high))
	if first > last {
		first = int(math.Round((low + high) / 2))
		last = first
	}
	return first, last + 1
}

// coverage fills in Scanned, Uncovered and SuggestedM.
func (o *Object) coverage(x, y []float64, n, m int) {
	o.Scanned = ScannedArea(x, y)
	canvas := image.Rect(0, 0, o.Cols, o.Rows).Add(image.Pt(o.OriginX, o.OriginY))
	inside := o.Scanned.Intersect(canvas)
	covered := 0
	for row := inside.Min.Y; row < inside.Max.Y; row++ {
		at := (row-o.OriginY)*o.Cols + inside.Min.X - o.OriginX
		for _, w := range o.Weight[at : at+inside.Dx()] {
			if w > 0 {
				covered++
			}
		}
	}
	area := o.Scanned.Dx() * o.Scanned.Dy()
	if covered == area {
		return
	}
	o.Uncovered = float64(area-covered) / float64(area)
	// Larger squares contain the smaller ones, so a search by halves does.
	smallest := 1 + sort.Search(n, func(i int) bool { return squaresCover(o.Scanned, x, y, i+1) })
	if smallest > m && smallest <= n {
		o.SuggestedM = smallest
	}
}

// squaresCover says whether M×M squares at the positions reach every pixel of
// the area. It counts squares per pixel as the double running sum of +1 and −1
// at their corners.
func squaresCover(area image.Rectangle, x, y []float64, m int) bool {
	stride := area.Dx() + 1
	count := make([]int32, stride*(area.Dy()+1))
	for k := range x {
		r := footprint(m, x[k], y[k]).Intersect(area).Sub(area.Min)
		if r.Empty() {
			continue
		}
		count[r.Min.Y*stride+r.Min.X]++
		count[r.Min.Y*stride+r.Max.X]--
		count[r.Max.Y*stride+r.Min.X]--
		count[r.Max.Y*stride+r.Max.X]++
	}
	for row := range area.Dy() {
		for col := range area.Dx() {
			at := row*stride + col
			if col > 0 {
				count[at] += count[at-1]
			}
			if row > 0 {
				count[at] += count[at-stride]
			}
			if row > 0 && col > 0 {
				count[at] -= count[at-stride-1]
			}
			if count[at] <= 0 {
				return false
			}
		}
	}
	return true
}
