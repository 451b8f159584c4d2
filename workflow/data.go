package workflow

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/physics"
)

// scan is what a run computes with: the patterns that stay on the device, the
// groups they are put in, and which groups are for what. At gridsize 1 a group
// is one pattern. Pattern numbers count through the resident set, group numbers
// through all groups.
type scan struct {
	n          int       // side of a pattern
	channels   int       // C, patterns of a group
	amplitude  []float32 // resident set [patterns, N, N], normalised by factor
	factor     float64   // the normalisation factor of the training patterns
	photons    float64   // mean of Σ d² over the training patterns: counts, where the file holds counts
	counts     bool      // the training file holds counts
	heldCounts bool      // so does the file of the validation groups
	members    []int32   // patterns of the groups [groups, C]
	offsets    []float64 // their offsets d_c [groups, C, 2]
	canvas     int       // side Q of the canvas of a group
	training   []int32   // groups
	validation []int32   // groups; empty: the training loss stands in for it
	parts      []part    // of the files, in the order of the resident set
	object     part      // what is reconstructed
	patterns   int       // size of the resident set
	warnings   []string
}

// part is the share of a scan that comes from one file.
type part struct {
	raw     *dataset.Raw
	indices []int // its patterns in use, as numbers in the file
	groups  *dataset.Groups
	first   int // number of its first group in the scan
}

// numbers lists the part's groups as numbers in the scan.
func (p part) numbers() []int32 {
	out := make([]int32, p.groups.Len())
	for i := range out {
		out[i] = int32(p.first + i)
	}
	return out
}

// nnIndices gives the patterns [G, C] of the part's groups, as numbers in the
// file.
func (p part) nnIndices() []int64 {
	out := make([]int64, len(p.groups.Indices))
	for k, i := range p.groups.Indices {
		out[k] = int64(p.indices[i])
	}
	return out
}

// patternIndices gives the patterns in use, as numbers in the file.
func (p part) patternIndices() []int64 {
	out := make([]int64, len(p.indices))
	for k, i := range p.indices {
		out[k] = int64(i)
	}
	return out
}

// places gives where the part's object patches lie, [patches] each: at the mean
// positions of the groups, or, where each group has a patch for every pattern,
// at the patterns.
func (p part) places(perPattern bool) (x, y []float64) {
	g := p.groups
	for k := range g.Indices {
		group := k / g.Channels
		switch {
		case perPattern:
			x, y = append(x, g.Centre[2*group]+g.Offset[2*k]), append(y, g.Centre[2*group+1]+g.Offset[2*k+1])
		case k%g.Channels == 0:
			x, y = append(x, g.Centre[2*group]), append(y, g.Centre[2*group+1])
		}
	}
	return x, y
}

// newScan chooses the patterns in use, normalises them by the factor of the
// training patterns, puts them into groups and sets the validation groups
// apart: those of test where it is given, else the last ⌊validation_split·G⌋.
// The object is reconstructed from test where it is given, else from train.
func newScan(train, test *dataset.Raw, c config.TrainingConfig) (*scan, error) {
	s, err := planTraining(train, test, c)
	if err != nil {
		return nil, err
	}
	size := s.n * s.n
	s.amplitude = appendPatterns(nil, train, s.parts[0].indices, size)
	s.factor = dataset.NormalizationFactor(s.amplitude, s.n)
	s.photons = float64(size) / 4 / (s.factor * s.factor)
	if test != nil {
		s.amplitude = appendPatterns(s.amplitude, test, s.parts[1].indices, size)
	}
	scale(s.amplitude, s.factor)
	return s, nil
}

// CheckData refuses, before anything is computed, data that do not go with the
// configuration: patterns of another side than N, fewer patterns than a group
// has, more groups than patterns where that is not allowed, groups that reach
// beyond the canvas.
// A learning rate whose schedule does not fit the number of steps, true patches
// that are missing or reach outside the object, and, where stitched is not nil,
// positions that make no canvas are refused too.
func CheckData(train, test *dataset.Raw, c config.TrainingConfig, stitched *config.ReconstructionConfig) error {
	if err := checkData(train, test, c, stitched); err != nil {
		return fmt.Errorf("workflow: check data: %w", err)
	}
	return nil
}

func checkData(train, test *dataset.Raw, c config.TrainingConfig, stitched *config.ReconstructionConfig) error {
	s, err := planTraining(train, test, c)
	if err != nil {
		return err
	}
	if err := newSchedule(c, steps(len(s.training), c.BatchSize)).check(); err != nil {
		return err
	}
	if err := s.checkTruth(c); err != nil {
		return err
	}
	if stitched == nil {
		return nil
	}
	probe := dataset.NormalizedProbe(train.Probe, c.Model.N, c.Model.ProbeScale)
	_, err = newStitcher(s, probe, *stitched, perPattern(s, c.Model))
	return err
}

// planTraining is newScan but for the patterns themselves.
func planTraining(train, test *dataset.Raw, c config.TrainingConfig) (*scan, error) {
	if err := checkRaw("train", train, c.Model.N); err != nil {
		return nil, err
	}
	o := grouping(c)
	indices, err := choose(train, c.NGroups, c.NSubsample, c.SequentialSampling, c.Model.Gridsize, c.Seed, c.SubsampleSeed)
	if err != nil {
		return nil, err
	}
	s := &scan{n: c.Model.N, channels: c.Model.Gridsize * c.Model.Gridsize, counts: train.Counts}
	if s.object, err = s.add(train, indices, o); err != nil {
		return nil, err
	}
	s.parts = []part{s.object}
	s.training = s.object.numbers()
	if test == nil {
		s.holdBack(c.ValidationSplit)
		s.heldCounts = train.Counts
	} else {
		if err := checkRaw("test", test, c.Model.N); err != nil {
			return nil, err
		}
		o.Groups = 0
		if s.object, err = s.add(test, all(test.Len()), o); err != nil {
			return nil, err
		}
		s.parts = append(s.parts, s.object)
		s.validation = s.object.numbers()
		s.heldCounts = test.Counts
	}
	return s, s.size(c.Model)
}

// holdBack sets the last ⌊share·G⌋ groups apart for validation. A group of the
// training set that has the same patterns as one of them, as oversampling may
// make, is left out.
func (s *scan) holdBack(share float64) {
	held := int(math.Floor(share*float64(len(s.training)) + 1e-9)) // 0.29·100 is below 29 in floating point
	s.validation = s.training[len(s.training)-held:]
	patterns := func(group int32) string {
		return fmt.Sprint(s.members[int(group)*s.channels : (int(group)+1)*s.channels])
	}
	apart := map[string]bool{}
	for _, g := range s.validation {
		apart[patterns(g)] = true
	}
	s.training = slices.DeleteFunc(slices.Clone(s.training[:len(s.training)-held]), func(g int32) bool { return apart[patterns(g)] })
}

// newInferenceScan is newScan for a trained model: every pattern chosen is
// reconstructed, normalised by the stored factor, on the canvas that the model
// was trained with. seed stands in for a subsample_seed that is not set.
func newInferenceScan(raw *dataset.Raw, c config.InferenceConfig, trained config.ModelConfig, seed uint64, factor float64, canvas int) (*scan, error) {
	if err := checkRaw("test", raw, trained.N); err != nil {
		return nil, err
	}
	s, err := planInference(raw, c, trained, seed, factor, canvas)
	if err != nil {
		return nil, err
	}
	s.amplitude = appendPatterns(nil, raw, s.object.indices, s.n*s.n)
	scale(s.amplitude, factor)
	return s, nil
}

// planInference is newInferenceScan but for the patterns themselves.
func planInference(raw *dataset.Raw, c config.InferenceConfig, trained config.ModelConfig, seed uint64, factor float64, canvas int) (*scan, error) {
	indices, err := choose(raw, c.NGroups, c.NSubsample, false, trained.Gridsize, seed, c.SubsampleSeed)
	if err != nil {
		return nil, err
	}
	o := dataset.GroupOptions{Gridsize: trained.Gridsize, NeighborCount: c.NeighborCount, Groups: c.NGroups, Seed: seed}
	s := &scan{n: trained.N, channels: trained.Gridsize * trained.Gridsize, factor: factor, counts: raw.Counts}
	if s.object, err = s.add(raw, indices, o); err != nil {
		return nil, err
	}
	if err := s.size(trained); err != nil {
		return nil, err
	}
	if s.channels > 1 && s.canvas > canvas {
		return nil, fmt.Errorf("%w: groups of %s reach %.4g pixels from their mean position and need a canvas of %d pixels; the model was trained on one of %d; choose closer neighbours (a smaller neighbor_count, more patterns), or train on data with such distances", ErrOffsets, raw.Path, s.object.groups.Reach(), s.canvas, canvas)
	}
	if s.channels > 1 {
		s.canvas = canvas
	}
	return s, nil
}

// ErrOffsets says that the patterns of a group lie too far apart.
var ErrOffsets = errors.New("offsets beyond the canvas")

// grouping are the options of a training. At gridsize 1 the choice of patterns
// was all there is.
func grouping(c config.TrainingConfig) dataset.GroupOptions {
	return dataset.GroupOptions{
		Gridsize: c.Model.Gridsize, Groups: c.NGroups, NeighborCount: c.NeighborCount, PoolSize: c.NeighborPoolSize,
		Oversample: c.EnableOversampling, Sequential: c.SequentialSampling, Seed: c.Seed,
	}
}

// named is the file that data come from; those of a program have none.
func named(raw *dataset.Raw) string { return cmp.Or(raw.Path, "the data") }

// add puts the patterns of a file into groups and appends those to the scan.
func (s *scan) add(raw *dataset.Raw, indices []int, o dataset.GroupOptions) (part, error) {
	if o.Gridsize == 1 {
		o.Groups = 0 // the patterns in use are the groups
	}
	x, y := make([]float64, len(indices)), make([]float64, len(indices))
	for k, i := range indices {
		x[k], y[k] = raw.X[i], raw.Y[i]
	}
	groups, err := dataset.Group(x, y, o)
	if err != nil {
		return part{}, fmt.Errorf("%s: %w", named(raw), err)
	}
	p := part{raw: raw, indices: indices, groups: groups, first: len(s.members) / s.channels}
	for _, i := range groups.Indices {
		s.members = append(s.members, int32(s.patterns+int(i)))
	}
	s.patterns += len(indices)
	s.offsets = append(s.offsets, groups.Offset...)
	for _, w := range groups.Warnings {
		s.warnings = append(s.warnings, fmt.Sprintf("%s: %s", named(raw), w))
	}
	return p, nil
}

// size chooses the canvas. Patches that are N apart from the group's mean share
// nothing with it, so that offsets beyond N are refused.
func (s *scan) size(m config.ModelConfig) error {
	reach := 0.0
	for _, d := range s.offsets {
		reach = max(reach, math.Abs(d))
	}
	if reach > float64(s.n) {
		return fmt.Errorf("%w: a group reaches %.4g pixels from its mean position, further than a patch of %d×%d; are the coordinates in object pixels (data.coord_scale)? Else choose closer neighbours (a smaller neighbor_count, more patterns) or gridsize 1", ErrOffsets, reach, s.n, s.n)
	}
	s.canvas = physics.Side(s.n, m.Gridsize, reach, physics.Rule(m.PatchMerge))
	if margin := float64(s.canvas-s.n) / 2; m.Gridsize > 1 && reach > margin {
		s.warnings = append(s.warnings, fmt.Sprintf("offsets within groups reach %.4g pixels, but the canvas of patch_merge %s has %g pixels around a patch: what lies beyond is lost; the other rules have a canvas that holds all", reach, m.PatchMerge, margin))
	}
	return nil
}

// checkRaw makes sure of data that may come from a caller and no file.
func checkRaw(which string, raw *dataset.Raw, n int) error {
	if err := raw.Check(); err != nil {
		return fmt.Errorf("%s data: %w", which, err)
	}
	return checkSide(which, raw, n)
}

// checkSide refuses patterns of another side than the network's.
func checkSide(which string, raw *dataset.Raw, n int) error {
	if raw.N != n {
		advice := "64, 128 and 256 are possible"
		if raw.N == 64 || raw.N == 128 || raw.N == 256 {
			advice = fmt.Sprintf("set N to %d for this file", raw.N)
		}
		return fmt.Errorf("%s data %s: patterns are %d×%d; expected %d×%d, as model.N says; %s", which, raw.Path, raw.N, raw.N, n, n, advice)
	}
	return nil
}

// choose gives the patterns in use, in the order of the file. With one pattern
// a group, the number of groups and the number of patterns used at all are one
// thing, and the smaller of the two counts; sequential takes the first patterns
// then.
func choose(raw *dataset.Raw, groups, subsample int, sequential bool, gridsize int, seed uint64, own *uint64) ([]int, error) {
	if gridsize > 1 {
		groups = 0
	}
	want := raw.Len()
	for _, limit := range []struct {
		key   string
		value int
		more  string
	}{{"n_groups", groups, " (more groups than patterns need gridsize above 1 and enable_oversampling)"}, {"n_subsample", subsample, ""}} {
		if limit.value > raw.Len() {
			return nil, fmt.Errorf("%s is %d, but %s has %d patterns; expected at most as many%s", limit.key, limit.value, named(raw), raw.Len(), limit.more)
		}
		if limit.value > 0 {
			want = min(want, limit.value)
		}
	}
	if want == raw.Len() || sequential && gridsize == 1 {
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

// feeds are the inputs of a batch of groups: their patterns, and where a group
// has several also the offsets.
func (s *scan) feeds(groups []int32, float graph.DType) bridge.Tensors {
	c := s.channels
	members := make([]int32, 0, len(groups)*c)
	offsets := make([]float64, 0, 2*len(groups)*c)
	for _, g := range groups {
		members = append(members, s.members[int(g)*c:(int(g)+1)*c]...)
		offsets = append(offsets, s.offsets[2*int(g)*c:2*(int(g)+1)*c]...)
	}
	feeds := bridge.Tensors{model.InputIndices: bridge.NewTensor(members, len(members))}
	if c > 1 {
		feeds[model.InputOffsets] = bridge.FromFloat64(float, offsets, len(members), 2)
	}
	return feeds
}
