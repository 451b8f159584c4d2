package dataset

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"gonum.org/v1/gonum/stat"
)

func options() SimulateOptions {
	return SimulateOptions{N: 16, Patterns: 30, NPhotons: 5000, Seed: 4}
}

// slowAmplitude is the forward model written out, pixel by pixel:
// √(|Σ_ij P(i,j)·O(y−N/2+i, x−N/2+j)·e^{−2πi(ui+vj)/N}|²/N²), frequency
// (u, v) = (0, 0) at pixel (N/2, N/2).
func slowAmplitude(object *Image, probe []complex64, n int, x, y float64) []float64 {
	at := func(row, col float64) complex128 {
		sum := complex128(0)
		for r := math.Floor(row); r <= math.Floor(row)+1; r++ {
			for c := math.Floor(col); c <= math.Floor(col)+1; c++ {
				share := (1 - math.Abs(row-r)) * (1 - math.Abs(col-c))
				sum += complex(share, 0) * complex128(object.Data[int(r)*object.Cols+int(c)])
			}
		}
		return sum
	}
	half := float64(n / 2)
	out := make([]float64, n*n)
	for p := range out {
		u, v := float64(p/n)-half, float64(p%n)-half
		sum := complex128(0)
		for i := range n {
			for j := range n {
				wave := complex128(probe[i*n+j]) * at(y-half+float64(i), x-half+float64(j))
				sum += wave * cmplx.Rect(1, -2*math.Pi*(u*float64(i)+v*float64(j))/float64(n))
			}
		}
		out[p] = cmplx.Abs(sum) / float64(n)
	}
	return out
}

// Object, probe and position differ in every direction.
func TestForwardModelAgainstSlowOne(t *testing.T) {
	const n, rows, cols = 8, 15, 19
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(size int) []complex64 {
		out := make([]complex64, size)
		for p := range out {
			out[p] = complex(r.Float32(), r.Float32()-0.5)
		}
		return out
	}
	object := &Image{Rows: rows, Cols: cols, Data: noise(rows * cols)}
	probe := noise(n * n)
	x, y := []float64{6.25, 11, 9.5}, []float64{8.75, 5, 9.125}
	got := intensities(object, probe, n, x, y)
	worst := 0.0
	for k := range x {
		for p, want := range slowAmplitude(object, probe, n, x[k], y[k]) {
			difference := math.Abs(math.Sqrt(float64(got[k*n*n+p]))-want) / want
			worst = max(worst, difference)
		}
	}
	const tolerance = 1e-6 // intensities are kept in float32
	t.Logf("largest relative difference %.2g, tolerance %.0e", worst, tolerance)
	require.LessOrEqual(t, worst, tolerance)
}

// A delta in the object at row 9, column 14 stands in the patch around
// (x 12, y 10) at row 9 − 10 + 4 = 3, column 14 − 12 + 4 = 6.
func TestPatchConvention(t *testing.T) {
	const n = 8
	object := &Image{Rows: 16, Cols: 20, Data: make([]complex64, 320)}
	object.Data[9*20+14] = 1
	got := make([]complex128, n*n)
	patch(got, object, n, 12, 10)
	want := make([]complex128, n*n)
	want[3*n+6] = 1
	require.Equal(t, want, got)

	// A quarter of a pixel to the right and half a pixel down, the delta
	// moves left and up by as much.
	patch(got, object, n, 12.25, 10.5)
	clear(want)
	want[3*n+6], want[3*n+5] = 0.5*0.75, 0.5*0.25
	want[2*n+6], want[2*n+5] = 0.5*0.75, 0.5*0.25
	require.Equal(t, want, got)
}

// A phase that grows along x by 2π·3/N a pixel moves the pattern by 3 columns,
// one that falls along y by 2π·2/N by −2 rows, both from (N/2, N/2).
func TestPhaseRampMovesThePattern(t *testing.T) {
	const n = 16
	object := &Image{Rows: 20, Cols: 20, Data: make([]complex64, 400)}
	for p := range object.Data {
		object.Data[p] = complex64(cmplx.Rect(1, 2*math.Pi*(3*float64(p%20)-2*float64(p/20))/n))
	}
	flat := make([]complex64, n*n)
	for p := range flat {
		flat[p] = 1
	}
	got := intensities(object, flat, n, []float64{9}, []float64{9})
	for p, v := range got {
		if p/n == n/2-2 && p%n == n/2+3 {
			require.InEpsilon(t, n*n, v, 1e-5) // Parseval: all of Σ|wave|² = N²
		} else {
			require.InDelta(t, 0, v, 1e-6)
		}
	}
}

// The result is what its own object, probe and positions give, but for the
// noise: Σ (counts − λ)²/λ over many pixels is their number, with a deviation
// of √(2·pixels) and a little.
func TestSimulationIsPoissonAroundItsModel(t *testing.T) {
	for _, object := range SimulatedObjects() {
		for _, scan := range SimulatedScans() {
			o := options()
			o.Object, o.Scan = object, scan
			raw, err := Simulate(o)
			require.NoError(t, err)
			lambda := intensities(raw.Object, raw.Probe, raw.N, raw.X, raw.Y)
			mean, chi2, pixels := 0.0, 0.0, 0.0
			for i, a := range raw.Amplitude {
				l := float64(lambda[i])
				mean += l / float64(raw.Len())
				if l > 5 {
					d := float64(a)*float64(a) - l
					chi2 += d * d / l
					pixels++
				}
			}
			require.InEpsilon(t, o.NPhotons, mean, 1e-5, "photons before noise")
			require.Greater(t, pixels, 1000.0)
			t.Logf("%s, %s: χ²/pixel %.4f of %.0f", object, scan, chi2/pixels, pixels)
			require.InDelta(t, 1, chi2/pixels, 5*math.Sqrt(2.2/pixels))
			// 30 patterns of 5000 photons: the mean is known to √(5000/30).
			require.InDelta(t, o.NPhotons, MeanPhotons(raw.Amplitude, raw.N), 5*math.Sqrt(o.NPhotons/30))
		}
	}
}

func TestSimulatedSquaresAreCounts(t *testing.T) {
	for _, photons := range []float64{2000, 1e9} {
		o := options()
		o.NPhotons = photons
		raw, err := Simulate(o)
		require.NoError(t, err)
		for _, a := range raw.Amplitude {
			c := float64(a) * float64(a)
			require.InDelta(t, math.Round(c), c, 1e-9+0x1p-23*c)
		}
		path := filepath.Join(t.TempDir(), "scan.npz")
		require.NoError(t, raw.Write(path))
		loaded, err := Load(path, Options{})
		require.NoError(t, err)
		require.Empty(t, loaded.Warnings)
		require.True(t, loaded.Counts)
		raw.Path, raw.SHA256 = path, loaded.SHA256
		require.Equal(t, raw, loaded)
		require.Equal(t, photons, loaded.Metadata["nphotons"])
	}
}

func TestSimulationFollowsItsSeed(t *testing.T) {
	first, err := Simulate(options())
	require.NoError(t, err)
	again, err := Simulate(options())
	require.NoError(t, err)
	require.Equal(t, first, again)
	o := options()
	o.Seed++
	other, err := Simulate(o)
	require.NoError(t, err)
	require.NotEqual(t, first.Object.Data[:10], other.Object.Data[:10])
	require.NotEqual(t, first.X, other.X)
	require.NotEqual(t, first.Amplitude, other.Amplitude)
}

func TestSmoothObject(t *testing.T) {
	const correlation = 4.0
	object := smooth(200, 180, correlation, random(1, streamObject))
	var amplitude, phase, product, square []float64
	for p, v := range object.Data {
		a, phi := cmplx.Abs(complex128(v)), cmplx.Phase(complex128(v))
		require.True(t, a >= 0.4-1e-6 && a <= 1+1e-6 && math.Abs(phi) <= 1+1e-6, "%g", v)
		amplitude, phase = append(amplitude, a), append(phase, phi)
		if p%180 < 170 {
			d := cmplx.Phase(complex128(object.Data[p+5]))
			product, square = append(product, phi*d), append(square, phi*phi)
		}
	}
	// Even over 0.4 … 1 and over ±1.
	require.InDelta(t, 0.7, stat.Mean(amplitude, nil), 0.02)
	require.InDelta(t, 0.6/math.Sqrt(12), stat.StdDev(amplitude, nil), 0.02)
	require.InDelta(t, 0, stat.Mean(phase, nil), 0.05)
	require.InDelta(t, 2/math.Sqrt(12), stat.StdDev(phase, nil), 0.05)
	// Blurred white noise correlates as exp(−d²/4σ²), 0.677 at d = 5, and the
	// even distribution as (6/π)·asin of half of that, 0.660.
	require.InDelta(t, 0.66, stat.Mean(product, nil)/stat.Mean(square, nil), 0.06)
}

func TestSiemensObject(t *testing.T) {
	const side, radius = 101, 45.0
	object := siemens(side, side, 50, 50, radius)
	at := func(r, turn float64) complex64 { // turn counts spokes from x towards y
		sin, cos := math.Sincos(2 * math.Pi * turn / spokes)
		return object.Data[int(math.Round(50+r*sin))*side+int(math.Round(50+r*cos))]
	}
	on := complex64(cmplx.Rect(0.9, 0.8))
	for k := range spokes {
		turn := float64(k)
		inner, outer := on, on
		if k == leftOutSpoke {
			inner, outer = 1, 1
		}
		if k == shortSpoke {
			outer = 1
		}
		require.Equal(t, inner, at(0.45*radius, turn+0.25), "spoke %d", k)
		require.Equal(t, outer, at(0.9*radius, turn+0.25), "spoke %d", k)
		require.Equal(t, complex64(1), at(0.9*radius, turn+0.75), "gap %d", k)
	}
	partly := 0
	for _, v := range object.Data {
		phi := cmplx.Phase(complex128(v))
		if phi > 0.01 && phi < spokePhase-0.01 {
			partly++
		}
		require.InDelta(t, 1-spokeAbsorption*phi/spokePhase, cmplx.Abs(complex128(v)), 1e-6)
	}
	require.Greater(t, partly, 500, "edges must be smooth")
	// No mirror image and no half turn leaves it as it is.
	for name, other := range map[string]func(i, j int) int{
		"flip x":    func(i, j int) int { return i*side + side - 1 - j },
		"flip y":    func(i, j int) int { return (side-1-i)*side + j },
		"transpose": func(i, j int) int { return j*side + i },
		"half turn": func(i, j int) int { return (side-1-i)*side + side - 1 - j },
	} {
		changed := 0
		for p, v := range object.Data {
			if cmplx.Abs(complex128(v-object.Data[other(p/side, p%side)])) > 0.5 {
				changed++
			}
		}
		require.Greater(t, changed, 100, name)
	}
}

func TestPositions(t *testing.T) {
	for _, scan := range []string{ScanRaster, ScanSpiral} {
		o := SimulateOptions{N: 64, Patterns: 200, NPhotons: 1e6, Scan: scan, Step: 7.5}.withDefaults()
		x, y, err := o.positions()
		require.NoError(t, err)
		require.Len(t, x, 200)
		require.Len(t, y, 200)
		// 200 positions at 7.5 pixels cover an area of 200·7.5², a square of
		// side 106 and a disc of diameter 120.
		object := o.object(x, y)
		extent := map[string]float64{ScanRaster: 106, ScanSpiral: 120}[scan]
		require.InDelta(t, extent+64, object.Cols, 12, scan)
		require.InDelta(t, extent+64, object.Rows, 12, scan)
		fractional := 0
		for k := range x {
			nearest := math.Inf(1)
			for m := range x {
				if m != k {
					nearest = min(nearest, math.Hypot(x[k]-x[m], y[k]-y[m]))
				}
			}
			require.Greater(t, nearest, 0.7*7.5, scan)
			require.Less(t, nearest, 1.3*7.5, scan)
			require.GreaterOrEqual(t, math.Floor(x[k])-32, 0.0)
			require.GreaterOrEqual(t, math.Floor(y[k])-32, 0.0)
			require.Less(t, math.Floor(x[k])+32, float64(object.Cols))
			require.Less(t, math.Floor(y[k])+32, float64(object.Rows))
			if x[k] != math.Trunc(x[k]) && y[k] != math.Trunc(y[k]) {
				fractional++
			}
		}
		require.Greater(t, fractional, 190)
	}
	// x is the fast axis of a raster of 5 columns.
	x, y := raster(17, 10, littleJitter, 1)
	require.InDelta(t, 10, x[1]-x[0], 2)
	require.InDelta(t, 0, y[1]-y[0], 2)
	require.InDelta(t, 0, x[5]-x[0], 2)
	require.InDelta(t, 10, y[5]-y[0], 2)
}

func TestDefaultStepAndProbe(t *testing.T) {
	o := options().withDefaults()
	require.InDelta(t, 0.35*0.34*16, o.Step, 1e-12)
	require.InDelta(t, 1, o.Correlation, 1e-12)

	const n = 64
	probe := DefaultProbe(n)
	require.NoError(t, checkProbe(probe, n))
	area, phase := 0.0, func(row, col int) float64 { return cmplx.Phase(complex128(probe[row*n+col])) }
	for _, v := range probe {
		area += cmplx.Abs(complex128(v))
	}
	radius := 0.17 * n
	require.InEpsilon(t, math.Pi*radius*radius, area, 0.02)
	require.InDelta(t, 0, phase(32, 32), 1e-6)
	require.InEpsilon(t, 0.5*64/(radius*radius), phase(32, 40), 1e-5)     // 8 pixels along x
	require.InEpsilon(t, 0.5*1.3*64/(radius*radius), phase(40, 32), 1e-5) // and along y
}

// An own probe keeps its form and gets the photons.
func TestSimulateWithOwnProbe(t *testing.T) {
	o := options()
	o.Probe = make([]complex64, 256)
	for p := range o.Probe {
		o.Probe[p] = complex(float32(p%7)+1, float32(p%3))
	}
	raw, err := Simulate(o)
	require.NoError(t, err)
	factor := complex128(raw.Probe[0]) / complex128(o.Probe[0])
	require.InDelta(t, 0, imag(factor), 1e-6)
	for p, v := range o.Probe {
		require.InDelta(t, 0, cmplx.Abs(complex128(raw.Probe[p])-factor*complex128(v)), 1e-5)
	}
}

func TestSimulateFaults(t *testing.T) {
	for want, change := range map[string]func(*SimulateOptions){
		`object: found "lena"; expected smooth, siemens, lines, cells`: func(o *SimulateOptions) { o.Object = "lena" },
		`scan: found "zigzag"; expected raster, spiral, jitter`:        func(o *SimulateOptions) { o.Scan = "zigzag" },
		`N: found 15; expected an even number from 8 to 1024`:          func(o *SimulateOptions) { o.N = 15 },
		`N: found 6; expected`:                                           func(o *SimulateOptions) { o.N = 6 },
		`N: found -64; expected`:                                         func(o *SimulateOptions) { o.N = -64 },
		`N: found 1000000; expected`:                                     func(o *SimulateOptions) { o.N = 1000000 },
		`patterns: found 0; expected 1 to 8388608 for N = 16`:            func(o *SimulateOptions) { o.Patterns = 0 },
		`patterns: found 100000000; expected 1 to 8388608`:               func(o *SimulateOptions) { o.Patterns = 1e8 },
		`nphotons: found 0; expected above 0`:                            func(o *SimulateOptions) { o.NPhotons = 0 },
		`nphotons: found NaN; expected above 0`:                          func(o *SimulateOptions) { o.NPhotons = math.NaN() },
		`nphotons: found +Inf; expected above 0, at most 1e+12`:          func(o *SimulateOptions) { o.NPhotons = math.Inf(1) },
		`nphotons: found 0.01, with which 30 of 30 patterns stay dark`:   func(o *SimulateOptions) { o.NPhotons = 0.01 },
		`step: found 3 beside an overlap of 0.5; expected one of the`:    func(o *SimulateOptions) { o.Step, o.Overlap = 3, 0.5 },
		`step: found -1; expected pixels above 0`:                        func(o *SimulateOptions) { o.Step = -1 },
		`step: found NaN; expected pixels above 0`:                       func(o *SimulateOptions) { o.Step = math.NaN() },
		`step: found 1e+06 pixels for 30 positions, an object of`:        func(o *SimulateOptions) { o.Step = 1e6 },
		`step: found 1e+308 pixels for 30 positions`:                     func(o *SimulateOptions) { o.Step = 1e308 },
		`overlap: found 1; expected at least 0, below 1`:                 func(o *SimulateOptions) { o.Overlap = 1 },
		`overlap: found -0.1; expected at least 0, below 1`:              func(o *SimulateOptions) { o.Overlap = -0.1 },
		`correlation: found 17; expected pixels above 0, at most N = 16`: func(o *SimulateOptions) { o.Correlation = 17 },
		`probe: found "laser"; expected disc, tails`:                     func(o *SimulateOptions) { o.ProbeForm = "laser" },
		`probe: found "tails" beside a probe of its own; expected one`:   func(o *SimulateOptions) { o.ProbeForm, o.Probe = ProbeTails, make([]complex64, 256) },
		`probe: found 3 values; expected 16×16`:                          func(o *SimulateOptions) { o.Probe = make([]complex64, 3) },
		`probe: found zeros throughout`:                                  func(o *SimulateOptions) { o.Probe = make([]complex64, 256) },
	} {
		o := options()
		change(&o)
		_, err := Simulate(o)
		require.ErrorContains(t, err, "dataset: simulate: "+want)
	}
}
