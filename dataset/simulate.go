package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"
)

// Objects, scans and probes that can be simulated.
const (
	ObjectSmooth  = "smooth"  // random, amplitude 0.4 … 1, phase ±1 rad
	ObjectSiemens = "siemens" // a star of phase spokes with weak absorption
	ObjectLines   = "lines"   // straight fibres that cross
	ObjectCells   = "cells"   // with membranes and nuclei

	ScanRaster = "raster" // with jitter of a tenth of the step
	ScanSpiral = "spiral" // Fermat's
	ScanJitter = "jitter" // a raster with jitter of up to 0.4 of the step

	ProbeDisc  = "disc"  // DefaultProbe
	ProbeTails = "tails" // TailsProbe
)

// SimulatedObjects lists what SimulateOptions.Object may be, the default first.
func SimulatedObjects() []string {
	return []string{ObjectSmooth, ObjectSiemens, ObjectLines, ObjectCells}
}

// SimulatedScans lists what SimulateOptions.Scan may be, the default first.
func SimulatedScans() []string { return []string{ScanRaster, ScanSpiral, ScanJitter} }

// SimulatedProbes lists what SimulateOptions.ProbeForm may be, the default first.
func SimulatedProbes() []string { return []string{ProbeDisc, ProbeTails} }

const (
	defaultOverlap   = 0.65
	maxAmplitudes    = 1 << 31 // n·N², 8 GB
	maxSimulatedSide = 1024
	maxObject        = 1 << 27 // pixels, 1 GB
	maxPhotons       = 1e12    // of a mean pattern: counts stay exact in float64
)

// SimulateOptions describe a simulated scan. Patterns, N and NPhotons must be
// given; zero values of Object, Scan, Step, Overlap, Correlation, ProbeForm and
// Probe stand for their defaults. Step and Overlap exclude each other.
type SimulateOptions struct {
	// Object is one of SimulatedObjects.
	Object string
	// Scan is one of SimulatedScans.
	Scan string
	// Patterns is the number of positions n.
	Patterns int
	// N is the side of a pattern in pixels, even.
	N int
	// Step is the distance of neighbouring positions in pixels. On a spiral
	// each position has Step² of the area.
	Step float64
	// Overlap gives the step instead, as a share of the default probe's
	// diameter: Step = (1 − Overlap)·0.34·N. The default is 0.65.
	Overlap float64
	// NPhotons is the mean number of photons of a pattern before noise.
	NPhotons float64
	// Correlation is the length, in pixels, over which a smooth object
	// changes: the standard deviation of the Gaussian that blurs white noise.
	// The default is N/16.
	Correlation float64
	// ProbeForm is one of SimulatedProbes.
	ProbeForm string
	// Probe [P, N, N] is the illumination in P modes, up to a factor, in place
	// of ProbeForm.
	Probe []complex64
	// Seed decides object, positions and noise.
	Seed uint64
}

// withDefaults fills in what was left out.
func (o SimulateOptions) withDefaults() SimulateOptions {
	if o.Object == "" {
		o.Object = ObjectSmooth
	}
	if o.Scan == "" {
		o.Scan = ScanRaster
	}
	if o.Overlap == 0 && o.Step == 0 {
		o.Overlap = defaultOverlap
	}
	if o.Step == 0 {
		o.Step = (1 - o.Overlap) * 2 * probeRadius * float64(o.N)
	}
	if o.Correlation == 0 {
		o.Correlation = float64(o.N) / 16
	}
	if o.Probe == nil {
		if o.ProbeForm == ProbeTails {
			o.Probe = TailsProbe(o.N)
		} else {
			o.ProbeForm, o.Probe = ProbeDisc, DefaultProbe(o.N)
		}
	}
	return o
}

// check judges options before their defaults are filled in.
func (o SimulateOptions) check() error {
	switch {
	case !named(o.Object, SimulatedObjects()):
		return fmt.Errorf("object: found %q; expected %s", o.Object, strings.Join(SimulatedObjects(), ", "))
	case !named(o.Scan, SimulatedScans()):
		return fmt.Errorf("scan: found %q; expected %s", o.Scan, strings.Join(SimulatedScans(), ", "))
	case !named(o.ProbeForm, SimulatedProbes()):
		return fmt.Errorf("probe: found %q; expected %s", o.ProbeForm, strings.Join(SimulatedProbes(), ", "))
	case o.ProbeForm != "" && o.Probe != nil:
		return fmt.Errorf("probe: found %q beside a probe of its own; expected one of the two", o.ProbeForm)
	case o.N < minSide || o.N > maxSimulatedSide || o.N%2 != 0:
		return fmt.Errorf("N: found %d; expected an even number from %d to %d", o.N, minSide, maxSimulatedSide)
	case o.Patterns < 1 || o.Patterns > maxAmplitudes/(o.N*o.N):
		return fmt.Errorf("patterns: found %d; expected 1 to %d for N = %d", o.Patterns, maxAmplitudes/(o.N*o.N), o.N)
	case !(o.NPhotons > 0 && o.NPhotons <= maxPhotons):
		return fmt.Errorf("nphotons: found %g; expected above 0, at most %g", o.NPhotons, float64(maxPhotons))
	case o.Step != 0 && o.Overlap != 0:
		return fmt.Errorf("step: found %g beside an overlap of %g; expected one of the two", o.Step, o.Overlap)
	case !(o.Step >= 0 && finite(o.Step)):
		return fmt.Errorf("step: found %g; expected pixels above 0", o.Step)
	case !(o.Overlap >= 0 && o.Overlap < 1):
		return fmt.Errorf("overlap: found %g; expected at least 0, below 1", o.Overlap)
	case !(o.Correlation >= 0 && o.Correlation <= float64(o.N)):
		return fmt.Errorf("correlation: found %g; expected pixels above 0, at most N = %d", o.Correlation, o.N)
	case o.Probe != nil && len(o.Probe)%(o.N*o.N) != 0:
		return fmt.Errorf("probe: found %d values; expected %d×%d, for each mode", len(o.Probe), o.N, o.N)
	case o.Probe != nil:
		if err := checkProbe(o.Probe, o.N); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
	}
	return nil
}

// named says whether a name is in a list or was left out.
func named(name string, list []string) bool { return name == "" || slices.Contains(list, name) }

// Simulate makes a scan of an object that is known:
//
//	counts ~ Poisson( c·|fftshift FFT2(P·patch)|² / N² ), amplitude = √counts
//
// patch pixel (i, j) being object pixel (y − N/2 + i, x − N/2 + j), bilinear,
// and c such that a mean pattern has NPhotons before the noise. The result's
// Probe is √c·P, so that with it the formula holds without c; its Object is the
// true one and holds every patch; its Metadata are the options. The same
// options give the same scan. Errors: options out of range, each by its name;
// so little light that a pattern stays dark.
func Simulate(o SimulateOptions) (*Raw, error) {
	raw, err := simulate(o)
	if err != nil {
		return nil, fmt.Errorf("dataset: simulate: %w", err)
	}
	return raw, nil
}

func simulate(o SimulateOptions) (*Raw, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	x, y, err := o.positions()
	if err != nil {
		return nil, err
	}
	raw := &Raw{
		N: o.N, X: x, Y: y, Object: o.object(x, y), Metadata: o.metadata(),
		ScanIndex: make([]int64, o.Patterns), Counts: true,
	}
	raw.Amplitude = intensities(raw.Object, o.Probe, o.N, x, y)
	factor, err := brightness(raw.Amplitude, o)
	if err != nil {
		return nil, err
	}
	raw.Probe = scaled(o.Probe, math.Sqrt(factor))
	count(raw.Amplitude, factor, random(o.Seed, streamNoise))
	if s := surveyed(raw.Amplitude, o.N, 0, 0); s.dark > 0 {
		return nil, fmt.Errorf("nphotons: found %g, with which %d of %d patterns stay dark, the first of them pattern %d; expected more", o.NPhotons, s.dark, o.Patterns, s.firstDark)
	}
	return raw, raw.Check()
}

// brightness is the factor c that gives a mean pattern its photons.
func brightness(intensity []float32, o SimulateOptions) (float64, error) {
	sum := 0.0
	for _, v := range intensity {
		sum += float64(v)
	}
	factor := o.NPhotons * float64(o.Patterns) / sum
	if !(factor > 0 && finite(factor)) {
		return 0, fmt.Errorf("probe: found light of %g in all patterns; expected an illumination that float32 can hold", sum)
	}
	return factor, nil
}

func scaled(probe []complex64, factor float64) []complex64 {
	out := make([]complex64, len(probe))
	for p, v := range probe {
		out[p] = complex64(complex128(v) * complex(factor, 0))
	}
	return out
}

// count turns intensities into amplitudes of counted photons.
func count(values []float32, factor float64, noise *rand.Rand) {
	for i, v := range values {
		counts := 0.0
		if mean := factor * float64(v); mean > 0 {
			counts = distuv.Poisson{Lambda: mean, Src: noise}.Rand()
		}
		values[i] = float32(math.Sqrt(counts))
	}
}

// metadata records the options. The seed is text, since JSON's numbers hold
// 53 bits.
func (o SimulateOptions) metadata() map[string]any {
	m := map[string]any{
		"simulated": true,
		"object":    o.Object,
		"scan":      o.Scan,
		"patterns":  float64(o.Patterns),
		"N":         float64(o.N),
		"step":      o.Step,
		"nphotons":  o.NPhotons,
		"seed":      strconv.FormatUint(o.Seed, 10),
	}
	if o.ProbeForm != "" {
		m["probe"] = o.ProbeForm
	}
	if o.Object == ObjectSmooth {
		m["correlation"] = o.Correlation
	}
	return m
}
