package dataset

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
)

const (
	cellSpacing            = 0.45 // of the places of cells, as a share of N
	cellJitter             = 0.3  // of the places, as a share of the spacing
	minRadius, maxRadius   = 0.3, 0.55
	minBody, maxBody       = 0.4, 1.0 // rad at the middle of a cell
	maxCellsPhase          = 2.6      // rad, where cells overlap
	membrane               = 1.2      // half its thickness in pixels
	membranePhase          = 0.25
	membraneAbsorption     = 0.15
	nucleusRadius          = 0.35 // as a share of the cell's
	nucleusPhase           = 0.6
	minNucleus, maxNucleus = 0.1, 0.35 // absorption
)

// cells is an object of cells, one about each place of a raster with a spacing
// of 0.45·N and strong jitter. A cell is an ellipse with a phase like that of a
// lens, thickest in the middle, a thin membrane at its rim, and a nucleus aside
// of its middle that absorbs. Phases of overlapping cells add, up to 2.6 rad.
func cells(rows, cols, n int, r *rand.Rand) *Image {
	phase, transmission := make([]float64, rows*cols), make([]float64, rows*cols)
	for p := range transmission {
		transmission[p] = 1
	}
	spacing := cellSpacing * float64(n)
	for row := -0.5; row*spacing < float64(rows)+spacing; row++ {
		for col := -0.5; col*spacing < float64(cols)+spacing; col++ {
			newCell(row*spacing, col*spacing, spacing, r).draw(rows, cols, phase, transmission)
		}
	}
	object := &Image{Rows: rows, Cols: cols, Data: make([]complex64, rows*cols)}
	for p := range object.Data {
		object.Data[p] = complex64(cmplx.Rect(transmission[p], min(phase[p], maxCellsPhase)))
	}
	return object
}

// cell is one cell around (x, y): half axes a and b, a along (cos, sin).
type cell struct {
	x, y, a, b, cos, sin float64
	body, nucleus        float64 // phase in the middle, absorption
	offX, offY           float64 // of the nucleus, in units of the half axes
}

func newCell(row, col, spacing float64, r *rand.Rand) *cell {
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	c := &cell{
		x: col + spacing*between(-cellJitter, cellJitter), y: row + spacing*between(-cellJitter, cellJitter),
		a: spacing * between(minRadius, maxRadius), b: spacing * between(minRadius, maxRadius),
		body: between(minBody, maxBody), nucleus: between(minNucleus, maxNucleus),
		offX: between(-0.4, 0.4), offY: between(-0.4, 0.4),
	}
	c.sin, c.cos = math.Sincos(math.Pi * r.Float64())
	return c
}

func (c *cell) draw(rows, cols int, phase, transmission []float64) {
	reach := max(c.a, c.b) + 2*membrane + 1
	smaller := min(c.a, c.b)
	for i := max(0, int(c.y-reach)); i <= min(rows-1, int(c.y+reach)); i++ {
		for j := max(0, int(c.x-reach)); j <= min(cols-1, int(c.x+reach)); j++ {
			dx, dy := float64(j)-c.x, float64(i)-c.y
			u, v := (c.cos*dx+c.sin*dy)/c.a, (-c.sin*dx+c.cos*dy)/c.b
			radius := math.Hypot(u, v) // 1 at the rim
			rim := edge((membrane - math.Abs(radius-1)*smaller) / membrane)
			inner := edge((nucleusRadius-math.Hypot(u-c.offX, v-c.offY))*smaller + 0.5)
			p := i*cols + j
			phase[p] += c.body*math.Sqrt(max(0, 1-radius*radius)) + membranePhase*rim + nucleusPhase*inner
			transmission[p] *= (1 - membraneAbsorption*rim) * (1 - c.nucleus*inner)
		}
	}
}

// edge is 0 below 0 and 1 above 1, a straight line between.
func edge(v float64) float64 { return max(0, min(1, v)) }
