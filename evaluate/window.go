package evaluate

import "image"

// window is the largest rectangle of valid pixels, in pixels of the reference.
// It has at least one pixel. For each row it holds, per column, how many valid
// pixels lie above without a gap, and looks for the largest rectangle below
// that skyline, in all in time that grows with the pixels.
func (p *Pair) window() image.Rectangle {
	cols := p.Area.Dx()
	height := make([]int, cols+1) // the last one stays 0 and ends every rectangle
	var best image.Rectangle
	var open []int // columns whose rectangles may still grow, lower ones first
	for row := range p.Area.Dy() {
		open = open[:0]
		for col := range cols + 1 {
			if col < cols {
				height[col]++
				if !p.Valid[row*cols+col] {
					height[col] = 0
				}
			}
			for len(open) > 0 && height[open[len(open)-1]] >= height[col] {
				h := height[open[len(open)-1]]
				open = open[:len(open)-1]
				left := 0
				if len(open) > 0 {
					left = open[len(open)-1] + 1
				}
				if h*(col-left) > best.Dx()*best.Dy() {
					best = image.Rect(left, row+1-h, col, row+1)
				}
			}
			open = append(open, col)
		}
	}
	return best.Add(p.Area.Min)
}

// cut gives the values [Area] in a window of the area.
func (p *Pair) cut(values []float64, window image.Rectangle) []float64 {
	return cut(values, p.Area, window)
}

func cut[T any](values []T, area, window image.Rectangle) []T {
	out := make([]T, 0, window.Dx()*window.Dy())
	for y := window.Min.Y; y < window.Max.Y; y++ {
		at := (y-area.Min.Y)*area.Dx() + window.Min.X - area.Min.X
		out = append(out, values[at:at+window.Dx()]...)
	}
	return out
}
