package parity

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/cases"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/graph"
)

// small is a suite that the evaluator makes in seconds.
func small(t *testing.T, levels ...Level) Settings {
	t.Helper()
	raw, err := dataset.Simulate(dataset.SimulateOptions{Object: dataset.ObjectSiemens, Scan: dataset.ScanJitter, Patterns: 16, N: 64, NPhotons: 1e6, Seed: 3})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "scan.npz")
	require.NoError(t, raw.Write(path))
	c := config.DefaultTraining()
	c.Model.NFiltersScale, c.NPhotons, c.NEpochs, c.OutputDir = 0.25, 1e6, 1, ""
	return Settings{
		Data: path, Model: c.Model, Batch: 1, Steps: 2, Judged: 1, Seed: 5, Levels: levels,
		Floats: Precisions(), Training: c,
	}
}

// with gives a tensor of the type and shape of x.
func with(x bridge.Tensor, values []float64) bridge.Tensor {
	if _, wide := x.Data.([]float64); wide {
		return bridge.NewTensor(values, x.Shape...)
	}
	return bridge.FromFloat64(graph.Float32, values, x.Shape...)
}

func outcome(t *testing.T, b bridge.Backend, s Settings, judge bool) Outcome {
	t.Helper()
	r, err := Work(t.Context(), b, s, judge, nil)
	require.NoError(t, err)
	return Outcome{Info: b.Info(), Record: r}
}

// TestAlike: the evaluator agrees with itself, to the bit, at every level.
func TestAlike(t *testing.T) {
	s := small(t, Levels()...)
	a, judge := outcome(t, evalnative.Open(), s, false), outcome(t, evalnative.Open(), s, true)
	r, err := Compare(s, a, a, &judge)
	require.NoError(t, err)
	require.True(t, r.Within)
	require.Len(t, r.Levels, len(Precisions())*len(Levels()))
	for _, l := range r.Levels {
		require.Zero(t, l.Outside, l)
		require.Zero(t, l.Pair, l)
		require.InDelta(t, 1, l.Equal, 0, l)
	}
	judged := map[Level]bool{}
	for _, f := range r.Figures {
		if f.Judged != nil {
			judged[f.Level] = true
		}
	}
	require.False(t, judged[Reconstruction], "it is too slow for the evaluator")
	require.Len(t, judged, len(Levels())-1)
	require.Equal(t, []int{0, 1}, r.Courses[0].Steps)
	require.Equal(t, []int{1, 2}, r.Courses[0].At)
	require.InDelta(t, 1, r.Reconstructions[0].Metrics.PhaseCorrelation, 1e-12)
}

// TestGroups: at gridsize 2 every level has what it needs.
func TestGroups(t *testing.T) {
	s := small(t, Layer, Network, Physics, Loss, Gradient, Step, Training)
	s.Model.Gridsize, s.Floats, s.Steps = 2, []string{"float64"}, 1
	a, judge := outcome(t, evalnative.Open(), s, false), outcome(t, evalnative.Open(), s, true)
	r, err := Compare(s, a, a, &judge)
	require.NoError(t, err)
	require.True(t, r.Within)
	require.Len(t, r.Levels, 7)
}

// TestVerdict: what is no number is off, and a history is judged by its fall.
func TestVerdict(t *testing.T) {
	f := Figure{Limit: 1, Pair: Distance{Relative: math.NaN()}}
	f.judge()
	require.Equal(t, SideUnknown, f.Off)
	f = Figure{Limit: 1, Judged: &[2]Distance{{Relative: 0.5}, {Relative: math.NaN()}}}
	f.judge()
	require.Equal(t, SideSecond, f.Off)
	require.InDelta(t, 3, fall([]float64{-1000, -1003, -1001}), 0)
	require.InDelta(t, 1, fall([]float64{-1000}), 1e-9, "of one epoch a thousandth")

	s := small(t, Reconstruction)
	s.Floats, s.Training.NEpochs = []string{"float64"}, 2
	a := outcome(t, evalnative.Open(), s, false)
	still := maps.Clone(a.Record)
	key := Key{Reconstruction, experimentTraining, "float64", keptTrain}
	losses := a.Record[key].Float64()
	still[key] = bridge.NewTensor([]float64{losses[0], losses[0]}, 2)
	r, err := Compare(s, Outcome{Info: a.Info, Record: still}, a, nil)
	require.NoError(t, err)
	require.False(t, r.Within, "a runtime that learns nothing is not within the budget")
}

// TestSchemaIsDocumented: docs/parity.md names the schema and every key.
func TestSchemaIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/parity.md")
	require.NoError(t, err)
	keys := map[string]bool{}
	keysOf(reflect.TypeFor[Report](), keys)
	require.Greater(t, len(keys), 40)
	for k := range keys {
		require.True(t, strings.Contains(string(page), "`"+k+"`"), "docs/parity.md does not name the key %s", k)
	}
	require.Contains(t, string(page), Schema)
}

// keysOf gathers the JSON keys of the types of this package, down to those of
// others, which other pages describe.
func keysOf(typ reflect.Type, keys map[string]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || !strings.HasSuffix(typ.PkgPath(), "/parity") && typ != reflect.TypeFor[Budget]() && typ != reflect.TypeFor[bridge.Info]() {
		return
	}
	for i := range typ.NumField() {
		if key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); key != "" && key != "-" {
			keys[key] = true
		}
		keysOf(typ.Field(i).Type, keys)
	}
}

// TestFaultIsFound: a wrong max-pool shows at the operations that use it and at
// each level above, on its side, and nowhere else.
func TestFaultIsFound(t *testing.T) {
	s := small(t, Operation, Layer, Physics, Gradient)
	good := outcome(t, evalnative.Open(), s, true)
	wrong, err := Faulty(evalnative.Open(), "MaxPool")
	require.NoError(t, err)
	bad := outcome(t, wrong, s, false)

	r, err := Compare(s, good, bad, &good)
	require.NoError(t, err)
	require.False(t, r.Within)
	users := map[string]bool{}
	for _, c := range cases.Cases() {
		p, _ := c.Program(graph.Float64)
		users[c.Name] = slices.ContainsFunc(p.Nodes(), func(n *graph.Node) bool { return n.Op == graph.OpMaxPool })
	}
	off := map[string]bool{}
	for _, f := range r.Figures {
		if f.Within {
			continue
		}
		require.Equal(t, SideSecond, f.Off, f)
		if f.Level == Operation {
			require.True(t, users[f.Experiment], "%s does not use it", f.Experiment)
			off[f.Experiment] = true
		}
	}
	for name, uses := range users {
		require.Equal(t, uses, off[name], name)
	}
	for _, l := range r.Levels {
		if l.Precision == Mixed { // a thousandth is less than its rounding
			continue
		}
		require.Equal(t, l.Level != Physics, l.Outside > 0, "%s in %s", l.Level, l.Precision)
	}
	var table strings.Builder
	require.NoError(t, WriteTable(&table, r))
	require.Contains(t, table.String(), "\nOutside the budget, first at the level operation: second evaluator is off.\n")
	for line := range strings.Lines(table.String()) {
		require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), 80, line)
	}

	r, err = Compare(s, bad, good, &good)
	require.NoError(t, err)
	require.Equal(t, SideFirst, r.Levels[0].Off)
	r, err = Compare(s, bad, good, nil)
	require.NoError(t, err)
	require.Equal(t, SideUnknown, r.Levels[0].Off, "nobody was asked")
	r, err = Compare(s, bad, bad, &good)
	require.NoError(t, err)
	require.Equal(t, SideBoth, r.Levels[0].Off, "they agree, and are wrong")

	_, err = Faulty(evalnative.Open(), "Adam")
	require.ErrorContains(t, err, "there is no operation Adam")
}

func TestOutcomeIsKept(t *testing.T) {
	s := small(t, Operation, Step)
	o := outcome(t, evalnative.Open(), s, false)
	o.SHA256, o.Seconds = "ab", 1.5
	directory := t.TempDir()
	require.NoError(t, o.Save(directory))
	back, err := LoadOutcome(directory)
	require.NoError(t, err)
	require.Equal(t, o.Info, back.Info)
	require.Equal(t, "ab", back.SHA256)
	require.ElementsMatch(t, slices.Collect(maps.Keys(o.Record)), slices.Collect(maps.Keys(back.Record)))
	for k, v := range o.Record {
		require.Equal(t, v.Data, back.Record[k].Data, k)
		require.True(t, v.Shape.Equal(back.Record[k].Shape), k)
	}
	require.Equal(t, Repeat{Backend: "evaluator", What: "read", Threads: 1, Equal: true, Figures: len(o.Record)}, Again("read", 1, o, back))

	one := slices.SortedFunc(maps.Keys(o.Record), func(a, b Key) int { return strings.Compare(a.String(), b.String()) })[0]
	changed := maps.Clone(o.Record)
	moved := o.Record[one].Float64()
	moved[0]++
	changed[one] = with(o.Record[one], moved)
	again := Again("changed", 1, o, Outcome{Info: o.Info, Record: changed})
	require.False(t, again.Equal)
	require.Equal(t, 1, again.Different)
	require.Equal(t, one.String(), again.Where)

	_, err = LoadOutcome(t.TempDir())
	require.ErrorContains(t, err, "outcome")
	delete(changed, one)
	_, err = Compare(s, o, Outcome{Record: changed}, nil)
	require.ErrorContains(t, err, one.String())
}

// TestReportIsJSON: what is infinitely far apart is a number there too.
func TestReportIsJSON(t *testing.T) {
	s := small(t, Layer)
	a := outcome(t, evalnative.Open(), s, false)
	broken := maps.Clone(a.Record)
	for k, v := range broken {
		x := v.Float64()
		x[0] = x[0] / 0 * 0
		broken[k] = with(v, x)
	}
	r, err := Compare(s, a, Outcome{Info: a.Info, Record: broken}, &a)
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, SideSecond, back.Figures[0].Off)
	require.Equal(t, Schema, back.Schema)
}

func TestBudgets(t *testing.T) {
	names := map[string]bool{}
	for _, b := range Budgets() {
		require.NotEmpty(t, b.Reason, b.Name)
		require.False(t, names[b.Name], b.Name)
		names[b.Name] = true
		if b != ofHistory && b != ofObject { // these follow hundreds of steps
			require.LessOrEqual(t, b.Float64, 1e-6, "both runtimes do the same mathematics: %s", b.Name)
		}
	}
}

func TestWorkRefuses(t *testing.T) {
	s := small(t, Layer)
	s.Model.N = 128
	_, err := Work(t.Context(), evalnative.Open(), s, false, nil)
	require.ErrorContains(t, err, "holds patterns of 64×64; N is 128")
	s.Data = "nowhere.npz"
	_, err = Work(t.Context(), evalnative.Open(), s, false, nil)
	require.ErrorContains(t, err, "nowhere.npz")
	s = small(t, Layer)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Work(ctx, evalnative.Open(), s, false, nil)
	require.ErrorIs(t, err, context.Canceled)
}
