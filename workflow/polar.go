package workflow

import (
	"math"

	"github.com/ptychobridge/ptychobridge/stitch"
)

// polar splits an object into amplitude and phase; both are 0 where nothing
// landed.
func polar(o *stitch.Object) (amplitude, phase *Image) {
	amplitude = &Image{o.Rows, o.Cols, make([]float32, len(o.Data))}
	phase = &Image{o.Rows, o.Cols, make([]float32, len(o.Data))}
	for i, v := range o.Data {
		re, im := float64(real(v)), float64(imag(v))
		amplitude.Data[i] = float32(math.Hypot(re, im))
		phase.Data[i] = float32(math.Atan2(im, re))
	}
	return amplitude, phase
}
