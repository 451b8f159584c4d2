package evaluate

import "math"

// Plane is the phase X·column + Y·row + Phase, in radians, with columns and
// rows counted from the first pixel: X and Y are radians per pixel, within ±π.
type Plane struct{ X, Y, Phase float64 }

func (p Plane) at(column, row int) float64 {
	return p.X*float64(column) + p.Y*float64(row) + p.Phase
}

// FlattenPhase gives the phases of complex values [·, cols] without their
// least-squares plane, in radians within (−π, π], and that plane. Values that
// are 0 or not valid have phase 0.
//
// The plane is taken off in complex form, arg(z·e^{−i·plane}), so that no phase
// needs to be unwrapped. It starts with the slope in x (and y alike)
//
//	arg Σ w·z[row, column+1]·z*[row, column],  w = (column+1)·(cols−1−column),
//
// for which wraps do not exist, and with the constant arg Σ z·e^{−i·slopes}.
// The least-squares slope is the mean of the differences of neighbours with
// these same weights w (sum by parts), so what is left lies about 0 already; its
// least-squares plane is added until that vanishes. Rounding apart, z and
// z·c·e^{i(ax+by)} have the same phases. Phases farther than π from the plane
// come back wrapped.
func FlattenPhase(z []complex128, valid []bool, cols int) ([]float64, Plane) {
	plane := meanSlopes(z, valid, cols)
	plane.Phase = meanPhase(z, valid, cols, plane)
	phase := without(z, valid, cols, plane)
	for range 20 {
		more := fitPlane(phase, valid, cols)
		plane = Plane{wrap(plane.X + more.X), wrap(plane.Y + more.Y), wrap(plane.Phase + more.Phase)}
		phase = without(z, valid, cols, plane)
		if math.Abs(more.X)*float64(cols)+math.Abs(more.Y)*float64(len(z)/cols)+math.Abs(more.Phase) < 1e-9 {
			break
		}
	}
	return phase, plane
}

// CentrePhase gives the phases of complex values without their circular mean
// arg Σ z, in radians within (−π, π]. Values that are 0 or not valid have
// phase 0.
func CentrePhase(z []complex128, valid []bool) []float64 {
	cols := max(1, len(z))
	return without(z, valid, cols, Plane{Phase: meanPhase(z, valid, cols, Plane{})})
}

func meanSlopes(z []complex128, valid []bool, cols int) Plane {
	var x, y complex128
	rows := len(z) / max(1, cols)
	for i := range z {
		if !valid[i] {
			continue
		}
		if next := i + 1; next%cols != 0 && valid[next] {
			weight := float64(i%cols+1) * float64(cols-1-i%cols)
			x += complex(weight, 0) * z[next] * conj(z[i])
		}
		if next := i + cols; next < len(z) && valid[next] {
			weight := float64(i/cols+1) * float64(rows-1-i/cols)
			y += complex(weight, 0) * z[next] * conj(z[i])
		}
	}
	return Plane{X: argument(x), Y: argument(y)}
}

// meanPhase is arg Σ z·e^{−i·plane}.
func meanPhase(z []complex128, valid []bool, cols int, plane Plane) float64 {
	var sum complex128
	for i, v := range z {
		if valid[i] {
			sum += v * unit(-plane.at(i%cols, i/cols))
		}
	}
	return argument(sum)
}

// without is arg(z·e^{−i·plane}).
func without(z []complex128, valid []bool, cols int, plane Plane) []float64 {
	phase := make([]float64, len(z))
	for i, v := range z {
		if valid[i] {
			phase[i] = argument(v * unit(-plane.at(i%cols, i/cols)))
		}
	}
	return phase
}

// fitPlane is the plane with the least squared distance from the valid phases.
// Where the pixels lie on one line only the slope along it counts.
func fitPlane(phase []float64, valid []bool, cols int) Plane {
	var n, meanX, meanY, mean float64
	for i, p := range phase {
		if valid[i] {
			n, meanX, meanY, mean = n+1, meanX+float64(i%cols), meanY+float64(i/cols), mean+p
		}
	}
	if n == 0 {
		return Plane{}
	}
	meanX, meanY, mean = meanX/n, meanY/n, mean/n
	var xx, xy, yy, xp, yp float64
	for i, p := range phase {
		if valid[i] {
			x, y := float64(i%cols)-meanX, float64(i/cols)-meanY
			xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
			xp, yp = xp+x*(p-mean), yp+y*(p-mean)
		}
	}
	var slope Plane
	switch det := xx*yy - xy*xy; {
	case det > 1e-9*xx*yy:
		slope = Plane{X: (yy*xp - xy*yp) / det, Y: (xx*yp - xy*xp) / det}
	case xx >= yy && xx > 0:
		slope.X = xp / xx
	case yy > 0:
		slope.Y = yp / yy
	}
	slope.Phase = mean - slope.X*meanX - slope.Y*meanY
	return slope
}

// argument is arg z in (−π, π], and 0 for 0, whatever the signs of zeros.
func argument(z complex128) float64 {
	if z == 0 {
		return 0
	}
	phase := math.Atan2(imag(z), real(z))
	if phase == -math.Pi {
		return math.Pi
	}
	return phase
}

func unit(phase float64) complex128 {
	sin, cos := math.Sincos(phase)
	return complex(cos, sin)
}

// wrap brings a phase into (−π, π].
func wrap(phase float64) float64 {
	return argument(unit(phase))
}
