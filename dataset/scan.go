package dataset

import (
	"fmt"
	"math"
	"slices"
)

const (
	// goldenAngle turns a Fermat spiral from one position to the next.
	goldenAngle = math.Pi * (3 - 2.23606797749978969640917366873127624)
	// littleJitter moves raster positions by up to this share of the step, so
	// that the raster leaves no pattern of its own in the object.
	littleJitter = 0.1
	// strongJitter is that of ScanJitter: a stage that misses its targets.
	strongJitter = 0.4
)

// positions places the scan so that the smallest x and y leave room for half a
// patch, and one pixel for the interpolation.
func (o SimulateOptions) positions() (x, y []float64, err error) {
	switch o.Scan {
	case ScanSpiral:
		x, y = spiral(o.Patterns, o.Step)
	case ScanJitter:
		x, y = raster(o.Patterns, o.Step, strongJitter, o.Seed)
	default:
		x, y = raster(o.Patterns, o.Step, littleJitter, o.Seed)
	}
	margin := float64(o.N/2 + 1)
	for _, v := range [][]float64{x, y} {
		shift := margin - slices.Min(v)
		for i := range v {
			v[i] += shift
		}
	}
	rows, cols := slices.Max(y)+margin+1, slices.Max(x)+margin+1
	if !(rows*cols <= maxObject) {
		return nil, nil, fmt.Errorf("step: found %g pixels for %d positions, an object of %.0f×%.0f; expected at most %d pixels in all", o.Step, o.Patterns, rows, cols, maxObject)
	}
	return x, y, nil
}

// raster goes through rows of ⌈√n⌉ positions, x first, each moved along both
// axes by up to the share jitter of the step.
func raster(n int, step, jitter float64, seed uint64) (x, y []float64) {
	width := int(math.Ceil(math.Sqrt(float64(n))))
	r := random(seed, streamScan)
	for k := range n {
		x = append(x, step*(float64(k%width)+jitter*(2*r.Float64()-1)))
		y = append(y, step*(float64(k/width)+jitter*(2*r.Float64()-1)))
	}
	return x, y
}

// spiral is Fermat's: radius step·√((k + ½)/π) at k times the golden angle,
// which gives each position the area step².
func spiral(n int, step float64) (x, y []float64) {
	for k := range n {
		radius := step * math.Sqrt((float64(k)+0.5)/math.Pi)
		sin, cos := math.Sincos(goldenAngle * float64(k))
		x = append(x, radius*cos)
		y = append(y, radius*sin)
	}
	return x, y
}
