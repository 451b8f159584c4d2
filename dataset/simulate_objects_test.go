package dataset

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"

	"gonum.org/v1/gonum/stat"
)

// polar gives amplitudes and phases of an object.
func polar(o *Image) (amplitude, phase []float64) {
	for _, v := range o.Data {
		amplitude = append(amplitude, cmplx.Abs(complex128(v)))
		phase = append(phase, cmplx.Phase(complex128(v)))
	}
	return amplitude, phase
}

// TestOneLine: what a line covers, by hand. A horizontal one of width 3 covers
// three rows, a fractional place shares the outer ones, and one at an angle has
// an area of width·length.
func TestOneLine(t *testing.T) {
	draw := func(x, y, turn, width float64) []float64 {
		out := make([]float64, 40*60)
		sin, cos := math.Sincos(turn)
		alongLine(40, 60, x, y, cos, sin, width, func(p int, covered float64) { out[p] += covered })
		return out
	}
	level := draw(10, 20.25, 0, 3)
	for row, want := range map[int]float64{18: 0, 19: .75, 20: 1, 21: 1, 22: .25, 23: 0} {
		for col := range 60 {
			require.InDelta(t, want, level[row*60+col], 1e-12, "row %d", row)
		}
	}
	upright := draw(30, 5, math.Pi/2, 2)
	for col, want := range map[int]float64{28: 0, 29: .5, 30: 1, 31: .5, 32: 0} {
		for row := range 40 {
			require.InDelta(t, want, upright[row*60+col], 1e-12, "column %d", col)
		}
	}
	for _, turn := range []float64{.3, .7, 1.2, -1, 2.5} {
		// Through the middle: as long as the rows or columns that it crosses allow.
		sum := 0.
		for _, v := range draw(29.5, 19.5, turn, 2.5) {
			sum += v
		}
		length := min(60/math.Abs(math.Cos(turn)), 40/math.Abs(math.Sin(turn)))
		require.InEpsilon(t, 2.5*length, sum, .04, "turn %g", turn)
	}
}

// TestLines: a ground of 1, some third of it covered, with phases and
// absorptions that are no copies of each other.
func TestLines(t *testing.T) {
	object := lines(220, 260, random(5, streamObject))
	amplitude, phase := polar(object)
	ground := 0
	for p := range phase {
		require.True(t, phase[p] >= 0 && phase[p] <= maxLinesPhase+1e-6 && amplitude[p] > 0.1 && amplitude[p] <= 1+1e-6)
		if phase[p] == 0 {
			ground++
			require.EqualValues(t, 1, amplitude[p])
		}
	}
	require.InDelta(t, 1-linesCover, float64(ground)/float64(len(phase)), .15)
	correlation := math.Abs(stat.Correlation(amplitude, phase, nil))
	require.True(t, correlation > .3 && correlation < .9, "%g", correlation)
}

// TestOneCell: a phase like that of a lens within the rim and nothing outside.
func TestOneCell(t *testing.T) {
	const side = 81
	phase, transmission := make([]float64, side*side), make([]float64, side*side)
	for p := range transmission {
		transmission[p] = 1
	}
	c := &cell{x: 42, y: 38, a: 24, b: 12, cos: 1, body: .8, nucleus: .3, offX: -.4}
	c.draw(side, side, phase, transmission)
	at := func(x, y int) (float64, float64) { return phase[y*side+x], transmission[y*side+x] }
	phi, through := at(42+12, 38) // half way to the rim
	require.InDelta(t, .8*math.Sqrt(.75), phi, 1e-12)
	require.EqualValues(t, 1, through)
	phi, through = at(42, 38-12) // on the rim
	require.InDelta(t, membranePhase, phi, 1e-12)
	require.InDelta(t, 1-membraneAbsorption, through, 1e-12)
	phi, through = at(42-9, 38) // in the nucleus, which lies to the left
	require.InDelta(t, .8*math.Sqrt(1-81./576)+nucleusPhase, phi, 1e-12)
	require.InDelta(t, .7, through, 1e-12)
	for _, outside := range [][2]int{{42, 38 - 16}, {42 + 28, 38}, {42 + 20, 38 + 11}} {
		phi, through = at(outside[0], outside[1])
		require.Zero(t, phi)
		require.EqualValues(t, 1, through)
	}
}

// TestCells: cells everywhere, none without bounds, amplitude and phase no
// copies.
func TestCells(t *testing.T) {
	object := cells(230, 190, 64, random(5, streamObject))
	amplitude, phase := polar(object)
	for top := 0; top+64 <= 230; top += 32 {
		for left := 0; left+64 <= 190; left += 32 {
			covered := 0.
			for p := range 64 * 64 {
				if phase[(top+p/64)*190+left+p%64] > 0 {
					covered++
				}
			}
			require.True(t, covered/4096 > .2 && covered/4096 < .95, "patch at (%d, %d): %g", left, top, covered/4096)
		}
	}
	for p := range phase {
		require.True(t, phase[p] >= 0 && phase[p] <= maxCellsPhase+1e-6 && amplitude[p] > 0.2 && amplitude[p] <= 1+1e-6)
	}
	correlation := math.Abs(stat.Correlation(amplitude, phase, nil))
	require.True(t, correlation > .1 && correlation < .9, "%g", correlation)
}

// TestJitterScan: no position leaves its place on the raster by more than 0.4 of
// the step along an axis, and they use that range evenly: the deviation of an
// even distribution over ±0.4 is 0.4/√3.
func TestJitterScan(t *testing.T) {
	const step, width = 8., 20
	o := SimulateOptions{N: 64, Patterns: width * width, NPhotons: 1e6, Scan: ScanJitter, Step: step}.withDefaults()
	x, y, err := o.positions()
	require.NoError(t, err)
	var off []float64
	for k := range x {
		off = append(off, x[k]-step*float64(k%width), y[k]-step*float64(k/width))
	}
	for axis := range 2 {
		var one []float64
		for k := range x {
			one = append(one, off[2*k+axis])
		}
		mean, deviation := stat.PopMeanStdDev(one, nil)
		require.InDelta(t, .4*step/math.Sqrt(3), deviation, .15)
		for _, v := range one {
			require.LessOrEqual(t, math.Abs(v-mean), .4*step+.5)
		}
	}
	still := o
	still.Scan = ScanRaster
	rasterX, _, err := still.positions()
	require.NoError(t, err)
	require.NotEqual(t, rasterX, x)
}

// TestTailsProbe: the measures that its comment gives, and the Airy pattern it
// comes from: without the defocus ∫J₀(vρ)ρdρ = J₁(v)/v, so the sum of rings is
// checked at the middle, where J₀ = 1 and the integral is (e^{iα} − 1)/(2iα).
func TestTailsProbe(t *testing.T) {
	const n = 64
	probe := TailsProbe(n)
	require.NoError(t, checkProbe(probe, n))
	middle := complex128(probe[n/2*n+n/2])
	want := (cmplx.Exp(complex(0, lensDefocus)) - 1) / complex(0, 2*lensDefocus)
	require.InDelta(t, 0, cmplx.Abs(middle-want), 3e-4, "midpoints of 64 rings")

	largest, all, central, edges := 0., 0., 0., 0.
	for p, v := range probe {
		a := cmplx.Abs(complex128(v))
		largest, all = max(largest, a), all+a*a
		if row, col := p/n, p%n; row >= n/4 && row < 3*n/4 && col >= n/4 && col < 3*n/4 {
			central += a * a
		}
		if row := p / n; row == 0 {
			edges += a / n
		}
	}
	t.Logf("outside of the central square %.3f of the light, at the edge %.3f of the amplitude", 1-central/all, edges/largest)
	require.InDelta(t, .1, 1-central/all, .03)
	require.InDelta(t, .05, edges/largest, .03)
	// x and y differ, left and right do not.
	require.Greater(t, cmplx.Abs(complex128(probe[32*n+44]-probe[44*n+32])), .02*largest)
	require.InDelta(t, 0, cmplx.Abs(complex128(probe[32*n+44]-probe[32*n+20])), 1e-6)

	o := options()
	o.ProbeForm = ProbeTails
	raw, err := Simulate(o)
	require.NoError(t, err)
	require.Equal(t, "tails", raw.Metadata["probe"])
	own := TailsProbe(o.N)
	factor := complex128(raw.Probe[5]) / complex128(own[5])
	require.InDelta(t, 0, cmplx.Abs(complex128(raw.Probe[100])-factor*complex128(own[100])), 1e-4)
	o = options()
	raw, err = Simulate(o)
	require.NoError(t, err)
	require.Equal(t, "disc", raw.Metadata["probe"])
}
