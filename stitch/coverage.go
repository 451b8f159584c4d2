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
	columns := scannedColumns(o.Scanned, x, y)
	bare, area := 0, 0
	for i, c := range columns {
		for col := c[0]; col < c[1]; col++ {
			area++
			if !o.landed(col, o.Scanned.Min.Y+i) {
				bare++
			}
		}
	}
	if bare == 0 {
		return
	}
	o.Uncovered = float64(bare) / float64(area)
	// Larger squares contain the smaller ones, so a search by halves does.
	smallest := 1 + sort.Search(n, func(i int) bool { return squaresCover(o.Scanned, columns, x, y, i+1) })
	if smallest > m && smallest <= n {
		o.SuggestedM = smallest
	}
}

// landed says whether any weight landed on an object pixel.
func (o *Object) landed(x, y int) bool {
	col, row := x-o.OriginX, y-o.OriginY
	return col >= 0 && col < o.Cols && row >= 0 && row < o.Rows && o.Weight[row*o.Cols+col] > 0
}

// squaresCover says whether M×M squares at the positions reach every pixel of
// the area that is in the columns of its rows. It counts squares per pixel as the double running sum of +1 and −1
// at their corners.
func squaresCover(area image.Rectangle, columns [][2]int, x, y []float64, m int) bool {
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
			if at := col + area.Min.X; at < columns[row][0] || at >= columns[row][1] {
				continue
			}
			if count[at] <= 0 {
				return false
			}
		}
	}
	return true
}
