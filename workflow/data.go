package workflow

import (
	"fmt"
	"slices"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
)

// scan is what a run computes with: the patterns that stay on the device, and
// which of them are for what. Pattern numbers count through the resident set.
type scan struct {
	n          int       // side of a pattern
	amplitude  []float32 // resident set [patterns, N, N], normalised by factor
	factor     float64   // the normalisation factor of the training patterns
	photons    float64   // mean of Σ d² over the training patterns: counts, where the file holds counts
	counts     bool      // the training file holds counts
	training   []int32
	validation []int32 // empty: the training loss stands in for it
	object     part    // what is reconstructed
}

// part is the share of the resident set that comes from one file.
type part struct {
	raw     *dataset.Raw
	first   int   // number of its first pattern in the resident set
	indices []int // its patterns, as numbers in the file
}

// numbers lists the part's patterns as numbers in the resident set.
func (p part) numbers() []int32 {
	out := make([]int32, len(p.indices))
	for i := range out {
		out[i] = int32(p.first + i)
	}
	return out
}

// places gives positions and file numbers of the part's patterns.
func (p part) places() (x, y []float64, indices []int64) {
	for _, i := range p.indices {
		x, y, indices = append(x, p.raw.X[i]), append(y, p.raw.Y[i]), append(indices, int64(i))
	}
	return x, y, indices
}

// newScan chooses the patterns in use, normalises them by the factor of the
// training patterns and sets the validation patterns apart: those of test
// where it is given, else the last ⌊validation_split·n⌋ in the order of the
// file. The object is reconstructed from test where it is given, else from
// train.
func newScan(train, test *dataset.Raw, c config.TrainingConfig) (*scan, error) {
	if err := checkRaw("train", train, c.Model.N); err != nil {
		return nil, err
	}
	indices, err := choose(train, c.NGroups, c.NSubsample, c.Seed, c.SubsampleSeed)
	if err != nil {
		return nil, err
	}
	size := c.Model.N * c.Model.N
	s := &scan{n: c.Model.N, counts: train.Counts, object: part{raw: train, indices: indices}}
	s.amplitude = appendPatterns(nil, train, indices, size)
	s.factor = dataset.NormalizationFactor(s.amplitude, s.n)
	s.photons = float64(size) / 4 / (s.factor * s.factor)
	s.training = s.object.numbers()
	if test == nil {
		held := int(c.ValidationSplit * float64(len(indices)))
		s.validation = s.training[len(indices)-held:]
		s.training = s.training[:len(indices)-held]
	} else {
		if err := checkRaw("test", test, c.Model.N); err != nil {
			return nil, err
		}
		s.object = part{raw: test, first: len(indices), indices: all(test.Len())}
		s.amplitude = appendPatterns(s.amplitude, test, s.object.indices, size)
		s.validation = s.object.numbers()
	}
	scale(s.amplitude, s.factor)
	return s, nil
}

// newInferenceScan is newScan for a trained model: every pattern chosen is
// reconstructed, normalised by the stored factor.
func newInferenceScan(raw *dataset.Raw, c config.InferenceConfig, n int, factor float64) (*scan, error) {
	if err := checkRaw("test", raw, n); err != nil {
		return nil, err
	}
	indices, err := choose(raw, c.NGroups, c.NSubsample, 0, c.SubsampleSeed)
	if err != nil {
		return nil, err
	}
	s := &scan{n: n, factor: factor, counts: raw.Counts, object: part{raw: raw, indices: indices}}
	s.amplitude = appendPatterns(nil, raw, indices, n*n)
	scale(s.amplitude, factor)
	return s, nil
}

// checkRaw makes sure of data that may come from a caller and no file.
func checkRaw(which string, raw *dataset.Raw, n int) error {
	if err := raw.Check(); err != nil {
		return fmt.Errorf("%s data: %w", which, err)
	}
	if raw.N != n {
		return fmt.Errorf("%s data %s: patterns are %d×%d; expected %d×%d, as model.N says (64, 128 and 256 are possible)", which, raw.Path, raw.N, raw.N, n, n)
	}
	return nil
}

// choose gives the patterns in use, in the order of the file. With one pattern
// a group, the number of groups and the number of patterns used at all are one
// thing, and the smaller of the two counts.
func choose(raw *dataset.Raw, groups, subsample int, seed uint64, own *uint64) ([]int, error) {
	want := raw.Len()
	for _, limit := range []struct {
		key   string
		value int
	}{{"n_groups", groups}, {"n_subsample", subsample}} {
		if limit.value > raw.Len() {
			return nil, fmt.Errorf("%s is %d, but %s has %d patterns; expected at most as many (more groups than patterns need gridsize > 1 and enable_oversampling)", limit.key, limit.value, raw.Path, raw.Len())
		}
		if limit.value > 0 {
			want = min(want, limit.value)
		}
	}
	if want == raw.Len() {
		return all(want), nil
	}
	if own != nil {
		seed = *own
	}
	return dataset.Subsample(raw.Len(), want, seed), nil
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func appendPatterns(to []float32, raw *dataset.Raw, indices []int, size int) []float32 {
	to = slices.Grow(to, len(indices)*size)
	for _, i := range indices {
		to = append(to, raw.Amplitude[i*size:(i+1)*size]...)
	}
	return to
}

func scale(values []float32, factor float64) {
	for i, v := range values {
		values[i] = float32(float64(v) * factor)
	}
}

// patterns is the size of the resident set.
func (s *scan) patterns() int { return len(s.amplitude) / (s.n * s.n) }
