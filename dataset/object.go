package dataset

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// object makes an object that holds the patches of all positions.
func (o SimulateOptions) object(x, y []float64) *Image {
	side := func(v []float64) int { return int(math.Ceil(slices.Max(v))) + o.N/2 + 1 }
	rows, cols := side(y), side(x)
	switch r := random(o.Seed, streamObject); o.Object {
	case ObjectLines:
		return lines(rows, cols, r)
	case ObjectCells:
		return cells(rows, cols, o.N, r)
	case ObjectSiemens:
		middleX, middleY := (slices.Min(x)+slices.Max(x))/2, (slices.Min(y)+slices.Max(y))/2
		extent := max(slices.Max(x)-slices.Min(x), slices.Max(y)-slices.Min(y))
		return siemens(rows, cols, middleX, middleY, max(extent/2, float64(o.N)/4))
	default:
		return smooth(rows, cols, o.Correlation, r)
	}
}

// smooth is a·e^{iφ} with a spread evenly over 0.4 … 1 and φ over ±1 rad, both
// from blurred white noise.
func smooth(rows, cols int, correlation float64, r *rand.Rand) *Image {
	a := evenNoise(rows, cols, correlation, r)
	phi := evenNoise(rows, cols, correlation, r)
	object := &Image{Rows: rows, Cols: cols, Data: make([]complex64, rows*cols)}
	for p := range object.Data {
		object.Data[p] = complex64(cmplx.Rect(0.4+0.6*a[p], 2*phi[p]-1))
	}
	return object
}

// evenNoise is Gaussian noise of mean 0 and deviation 1, blurred, taken to
// 0 … 1 by the normal distribution.
func evenNoise(rows, cols int, correlation float64, r *rand.Rand) []float64 {
	noise := make([]float64, rows*cols)
	for p := range noise {
		noise[p] = r.NormFloat64()
	}
	noise = blur(noise, rows, cols, correlation)
	mean, deviation := stat.PopMeanStdDev(noise, nil)
	for p, v := range noise {
		noise[p] = 0.5 * math.Erfc(-(v-mean)/deviation/math.Sqrt2)
	}
	return noise
}

// blur convolves with a Gaussian of that standard deviation; the image is
// continued periodically.
func blur(image []float64, rows, cols int, sigma float64) []float64 {
	kernel := gaussian(sigma)
	return convolve(convolve(image, rows, cols, kernel), cols, rows, kernel)
}

// gaussian is cut off at four standard deviations and sums to 1.
func gaussian(sigma float64) []float64 {
	reach := int(math.Ceil(4 * sigma))
	kernel := make([]float64, 2*reach+1)
	for i := range kernel {
		d := float64(i-reach) / sigma
		kernel[i] = math.Exp(-d * d / 2)
	}
	floats.Scale(1/floats.Sum(kernel), kernel)
	return kernel
}

// convolve goes along the rows and gives the transpose.
func convolve(image []float64, rows, cols int, kernel []float64) []float64 {
	out := make([]float64, len(image))
	reach := len(kernel) / 2
	line := make([]float64, cols+2*reach)
	for i := range rows {
		row := image[i*cols : (i+1)*cols]
		for k := range line {
			line[k] = row[((k-reach)%cols+cols)%cols]
		}
		for j := range cols {
			out[j*rows+i] = floats.Dot(kernel, line[j:j+len(kernel)])
		}
	}
	return out
}

const (
	spokes           = 18
	spokePhase       = 0.8 // rad
	spokeAbsorption  = 0.1 // of the amplitude
	hubRadius        = 3   // pixels
	supersampling    = 4
	leftOutSpoke     = 0 // these two make the star differ from all its mirror
	shortSpoke       = 5 // images and rotations
	shortSpokeLength = 0.5
)

// siemens is a star of spokes around (x, y), o = (1 − 0.1·f)·e^{0.8i·f} where f
// is the share of a pixel that a spoke covers. Angles grow from x towards y.
func siemens(rows, cols int, x, y, radius float64) *Image {
	object := &Image{Rows: rows, Cols: cols, Data: make([]complex64, rows*cols)}
	for p := range object.Data {
		f := 0.0
		for k := range supersampling * supersampling {
			dx := (float64(k%supersampling)+0.5)/supersampling - 0.5
			dy := (float64(k/supersampling)+0.5)/supersampling - 0.5
			if onSpoke(float64(p%cols)+dx-x, float64(p/cols)+dy-y, radius) {
				f += 1.0 / (supersampling * supersampling)
			}
		}
		object.Data[p] = complex64(cmplx.Rect(1-spokeAbsorption*f, spokePhase*f))
	}
	return object
}

// onSpoke says whether the point (x, y) from the centre lies on a spoke.
func onSpoke(x, y, radius float64) bool {
	r := math.Hypot(x, y)
	if r < hubRadius || r > radius {
		return false
	}
	turn := math.Mod(math.Atan2(y, x)/(2*math.Pi)+1, 1) * spokes
	spoke := int(turn)
	if turn-float64(spoke) >= 0.5 || spoke == leftOutSpoke {
		return false
	}
	return spoke != shortSpoke || r < shortSpokeLength*radius
}
