package report

import "image/color"

// Palette turns values into colours that are told apart by lightness, so that
// they can be read without seeing hues.
type Palette int

const (
	// Viridis goes from dark violet over green to yellow in steps that look
	// alike (S. van der Walt and N. Smith's colour map, CC0).
	Viridis Palette = iota
	// Gray goes from black to white.
	Gray
	// Difference goes from dark blue over white to dark orange; 0 is white
	// where Min and Max of an image are as large.
	Difference
)

// scale is a palette's colours at even distances and its colour of pixels
// without a value.
type scale struct {
	stops   []color.RGBA
	missing color.RGBA
}

var scales = []scale{
	Viridis: {
		stops: []color.RGBA{
			rgb(0x440154), rgb(0x48186a), rgb(0x472d7b), rgb(0x424086), rgb(0x3b528b), rgb(0x33638d),
			rgb(0x2c728e), rgb(0x26828e), rgb(0x21918c), rgb(0x1fa088), rgb(0x28ae80), rgb(0x3fbc73),
			rgb(0x5ec962), rgb(0x84d44b), rgb(0xaddc30), rgb(0xd8e219), rgb(0xfde725),
		},
		missing: rgb(0xc8c8c8),
	},
	Gray: {
		stops:   []color.RGBA{rgb(0x000000), rgb(0xffffff)},
		missing: rgb(0xb4c6dc),
	},
	Difference: {
		stops:   []color.RGBA{rgb(0x08306b), rgb(0x2272b4), rgb(0x8fc1e3), rgb(0xffffff), rgb(0xf9b879), rgb(0xcf5b0c), rgb(0x6b2500)},
		missing: rgb(0xbdbdbd),
	},
}

func rgb(hex uint32) color.RGBA {
	return color.RGBA{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 255}
}

func (p Palette) known() bool { return p >= 0 && int(p) < len(scales) }

// missing is the colour of pixels without a value.
func (p Palette) missing() color.RGBA { return scales[p].missing }

// at is the colour at a share 0 to 1 of the range, linear between two stops.
func (p Palette) at(share float64) color.RGBA {
	stops := scales[p].stops
	place := share * float64(len(stops)-1)
	i := min(int(place), len(stops)-2)
	a, b, f := stops[i], stops[i+1], place-float64(i)
	mix := func(a, b uint8) uint8 { return uint8(float64(a)*(1-f) + float64(b)*f + .5) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}
