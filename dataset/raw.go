// Package dataset reads and writes scans: diffraction patterns, the positions
// they were taken at, and the probe. It normalises and simulates them. A Raw is
// a scan: Load reads one, Simulate makes one, Write keeps it, and Group puts its
// patterns into Groups of neighbours. Scans of Load and Simulate pass Raw.Check,
// and nothing in this module changes a scan after that.
//
// Positions and objects are in object pixels: x is the column, y the row. A
// position is the centre of its patch: patch pixel (i, j) is object pixel
// (y − N/2 + i, x − N/2 + j).
package dataset

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Raw is a scan as it was measured: n patterns, their positions and the probe.
// Amplitude, X, Y, Probe and N are what a scan made by hand must have; Check
// says whether they agree. Arrays are row-major.
type Raw struct {
	// Path is the file that the scan was read from; empty where there is none.
	Path string
	// N is the side of a pattern in pixels.
	N int
	// Amplitude holds the patterns [n, N, N] as amplitudes, zero frequency at
	// (N/2, N/2): √counts where Counts is true, else up to a factor.
	Amplitude []float32
	// X and Y are the scan positions [n], column and row, in object pixels.
	X, Y []float64
	// Probe is the illumination [P, N, N] in P modes, whose intensities add. Its
	// scale is of no importance, see NormalizedProbe.
	Probe []complex64
	// Object is the file's objectGuess, or nil. Its row r and column c are the
	// object pixel (x = c, y = r).
	Object *Image
	// Patches is the file's Y [n, N, N], the object at each position, or nil.
	Patches []complex64
	// ScanIndex tells scans of one file apart [n]; zeros where the file has
	// none.
	ScanIndex []int64
	// Metadata is what the file's _metadata says, or nil.
	Metadata map[string]any
	// Counts says that the squared amplitudes are whole numbers of photons.
	Counts bool
	// Warnings say what was assumed or left out, in sentences for people.
	Warnings []string
	// SHA256 is the hash of the file, in hexadecimal digits; empty where there
	// is none. A Subset has that of the whole file.
	SHA256 string
}

// Image is a complex image [Rows, Cols], row by row.
type Image struct {
	Rows, Cols int
	Data       []complex64 // Rows·Cols of them
}

// Len is the number n of patterns, which is that of the positions.
func (r *Raw) Len() int { return len(r.X) }

// Modes is the number P of the probe's modes; 0 where N is not set.
func (r *Raw) Modes() int {
	if r.N < 1 {
		return 0
	}
	return len(r.Probe) / (r.N * r.N)
}

// Check makes sure that the arrays of a scan agree and that their values mean
// something: n ≥ 1 patterns of an even side N ≥ 8, amplitudes finite and ≥ 0,
// none of the patterns all zero, positions finite, a finite probe of 1 … N/2
// modes that are not all zero in the circle that normalises them. Scans that
// Load returns pass. The error is about the first fault: what was found and what
// was expected.
func (r *Raw) Check() error {
	if err := r.checkLengths(); err != nil {
		return fmt.Errorf("dataset: check: %w", err)
	}
	var object []complex64
	if r.Object != nil {
		object = r.Object.Data
	}
	for _, c := range []struct {
		key string
		err error
	}{
		{keyX, checkPositions(r.X)},
		{keyY, checkPositions(r.Y)},
		{keyPatterns, checkPatterns(r.Amplitude, r.N)},
		{keyProbe, checkProbe(r.Probe, r.N)},
		{keyPatches, checkFinite(r.Patches)},
		{keyObject, checkFinite(object)},
	} {
		if c.err != nil {
			return fmt.Errorf("dataset: check: key %q: %w", c.key, c.err)
		}
	}
	return nil
}

func (r *Raw) checkLengths() error {
	if err := checkSide(r.N); err != nil {
		return err
	}
	n, size := r.Len(), r.N*r.N
	if n == 0 {
		return errors.New("found no positions; expected at least 1")
	}
	for _, a := range []struct {
		name      string
		got, want int
		optional  bool
	}{
		{"y positions", len(r.Y), n, false},
		{"amplitudes", len(r.Amplitude), n * size, false},
		{"values of the probe", len(r.Probe), max(1, r.Modes()) * size, false},
		{"scan indices", len(r.ScanIndex), n, true},
		{"values of the patches", len(r.Patches), n * size, true},
	} {
		if a.got != a.want && (a.got != 0 || !a.optional) {
			return fmt.Errorf("found %d %s; expected %d for %d patterns of %d×%d pixels", a.got, a.name, a.want, n, r.N, r.N)
		}
	}
	if o := r.Object; o != nil && (o.Rows < 1 || o.Cols < 1 || len(o.Data) != o.Rows*o.Cols) {
		return fmt.Errorf("found an object of %d values; expected %d×%d", len(o.Data), o.Rows, o.Cols)
	}
	return nil
}

// Subset is the scan with only the patterns of those indices, in that order.
// Probe, object and metadata are shared with r. Indices must be in 0 … n−1.
func (r *Raw) Subset(indices []int) *Raw {
	s := *r
	s.Amplitude = pick(r.Amplitude, indices, r.N*r.N)
	s.Patches = pick(r.Patches, indices, r.N*r.N)
	s.X, s.Y = pick(r.X, indices, 1), pick(r.Y, indices, 1)
	s.ScanIndex = pick(r.ScanIndex, indices, 1)
	s.Warnings = slices.Clone(r.Warnings)
	return &s
}

// pick copies the items of those indices, each of size values.
func pick[T any](from []T, indices []int, size int) []T {
	if from == nil {
		return nil
	}
	out := make([]T, 0, len(indices)*size)
	for _, i := range indices {
		out = append(out, from[i*size:(i+1)*size]...)
	}
	return out
}

// Streams of random numbers that one seed gives.
const (
	streamSubsample = iota + 0x64617461
	streamScan
	streamObject
	streamNoise
	streamGroups
)

// random is a PCG of the seed's own; each stream draws apart from the others.
func random(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Subsample chooses want of the numbers 0 … n−1 at random, without repeats and
// in rising order. The seed decides. All are chosen where want ≥ n, none where
// want ≤ 0.
func Subsample(n, want int, seed uint64) []int {
	want = max(0, min(n, want))
	out := random(seed, streamSubsample).Perm(max(n, 0))[:want]
	slices.Sort(out)
	return out
}

// Keys of the file.
const (
	keyPatterns = "diffraction"
	keyOld      = "diff3d"
	keyX        = "xcoords"
	keyY        = "ycoords"
	keyStartX   = "xcoords_start"
	keyStartY   = "ycoords_start"
	keyProbe    = "probeGuess"
	keyObject   = "objectGuess"
	keyPatches  = "Y"
	keyScan     = "scan_index"
	keyMetadata = "_metadata"
)

// keys are those that hold numbers.
var keys = []string{keyPatterns, keyOld, keyX, keyY, keyStartX, keyStartY, keyProbe, keyObject, keyPatches, keyScan}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
