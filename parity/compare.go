package parity

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/model"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Compare makes the report of what two runtimes gave and, where judge is not
// nil, the evaluator. An error is an outcome that is not of these settings.
func Compare(s Settings, first, second Outcome, judge *Outcome) (*Report, error) {
	raw, err := dataset.Load(s.Data, dataset.Options{})
	if err != nil {
		return nil, fmt.Errorf("parity: compare: %w", err)
	}
	r := &Report{
		Schema: Schema, Settings: s, DataSHA256: raw.SHA256, Budgets: Budgets(),
		Runtimes: [2]Runtime{first.runtime(), second.runtime()},
	}
	var verdicts Record
	if judge != nil {
		of := judge.runtime()
		r.Judge, verdicts = &of, judge.Record
	}
	experiments, err := s.Experiments(raw)
	if err != nil {
		return nil, err
	}
	for _, e := range experiments {
		for _, k := range e.keeps() {
			f, err := figure(e.key(k.As), k.Budget, first.Record, second.Record, verdicts)
			if err != nil {
				return nil, fmt.Errorf("parity: compare: %w", err)
			}
			if s.TF32 && k.Budget.Float32 > 0 && f.Precision == graph.Float32.String() {
				f.Limit, f.Within, f.Off = None, true, SideNone // it is not float32's rounding
			}
			r.Figures = append(r.Figures, f)
		}
		if e.Level == Training {
			r.Courses = append(r.Courses, s.course(e, first.Record, second.Record))
		}
	}
	if s.has(Reconstruction) {
		for _, precision := range s.precisions() {
			if err := r.reconstruction(precision, first.Record, second.Record); err != nil {
				return nil, fmt.Errorf("parity: compare: reconstruction, %s: %w", precision, err)
			}
		}
	}
	r.summarise()
	return r, nil
}

func (o Outcome) runtime() Runtime { return Runtime{o.Info, o.SHA256, o.Seconds} }

// figure compares one tensor.
func figure(k Key, b Budget, first, second, judge Record) (Figure, error) {
	x, ok := first[k]
	y, also := second[k]
	if !ok || !also {
		return Figure{}, fmt.Errorf("%v is missing in an outcome", k)
	}
	f := Figure{
		Level: k.Level, Experiment: k.Experiment, Precision: k.Precision, Output: k.Output, Shape: slices.Clone(x.Shape),
		Pair: Between(x, y), Budget: b.Name, Limit: limitOf(b, k.Precision),
	}
	if v, ok := judge[k]; ok {
		f.Judged = &[2]Distance{Between(x, v), Between(y, v)}
	}
	f.judge()
	return f, nil
}

// judge sets Within and Off. Where the evaluator was asked, each runtime must
// be within the limit of it, and so the two are within twice the limit of each
// other; else they must be within the limit of each other.
func (f *Figure) judge() {
	if f.Within = true; f.Limit < 0 {
		return
	}
	if f.Judged == nil {
		if !(f.Pair.Relative <= f.Limit) { // so that what is no number is off
			f.Within, f.Off = false, SideUnknown
		}
		return
	}
	one, two := !(f.Judged[0].Relative <= f.Limit), !(f.Judged[1].Relative <= f.Limit)
	switch {
	case one && two:
		f.Off = SideBoth
	case one:
		f.Off = SideFirst
	case two:
		f.Off = SideSecond
	}
	f.Within = f.Off == SideNone
}

// closeness is how near a figure is to its limit, 1 at it.
func (f Figure) closeness() float64 {
	d := f.Pair.Relative
	if f.Judged != nil {
		d = max(f.Judged[0].Relative, f.Judged[1].Relative)
	}
	if f.Limit == 0 {
		if d == 0 {
			return 0
		}
		return math.MaxFloat64
	}
	return d / f.Limit
}

// course gathers the distances over the steps.
func (s Settings) course(e Experiment, first, second Record) Course {
	c := Course{Precision: e.Precision}
	for k := range s.Steps {
		key := e.key(lossName(k + 1))
		c.Steps = append(c.Steps, k)
		c.Loss = append(c.Loss, Between(first[key], second[key]).Relative)
	}
	for _, k := range e.keeps() {
		after, ok := strings.CutPrefix(k.As, model.OutputObjectRe+" after ")
		if !ok {
			continue
		}
		steps, _ := strconv.Atoi(after)
		im := e.key(model.OutputObjectIm + " after " + after)
		both := func(r Record) bridge.Tensor {
			return bridge.NewTensor(append(r[e.key(k.As)].Float64(), r[im].Float64()...))
		}
		c.At = append(c.At, steps)
		c.Object = append(c.Object, Between(both(first), both(second)).L2)
	}
	return c
}

// reconstruction compares two trainings: the losses by epoch as figures, the
// objects by the metrics of package evaluate.
func (r *Report) reconstruction(precision string, first, second Record) error {
	key := func(output string) Key { return Key{Reconstruction, experimentTraining, precision, output} }
	for _, name := range []string{keptTrain, keptHeld} {
		f, err := figure(key(name), ofHistory, first, second, nil)
		if err != nil {
			return err
		}
		f.Pair.Relative = f.Pair.Absolute / fall(second[key(name)].Float64())
		f.Within, f.Off = true, SideNone
		f.judge()
		r.Figures = append(r.Figures, f)
	}
	x, err := objectOf(key, first)
	if err != nil {
		return err
	}
	y, err := objectOf(key, second)
	if err != nil {
		return err
	}
	m, err := evaluate.Evaluate(x, y, x.Scanned.Intersect(y.Scanned), evaluate.Options{NoRegistration: true})
	if err != nil {
		return err
	}
	f, err := figure(key(keptObject), ofObject, first, second, nil)
	if err != nil {
		return err
	}
	f.Pair.Relative = m.ComplexError // the factor that ptychography leaves open is no difference
	f.Within, f.Off = true, SideNone
	f.judge()
	r.Figures = append(r.Figures, f)
	r.Reconstructions = append(r.Reconstructions, Reconstructed{
		Precision: precision, Epochs: len(first[key(keptTrain)].Float64()), Metrics: m, Within: f.Within, Objects: [2]*stitch.Object{x, y},
		Losses: [2][]float64{first[key(keptTrain)].Float64(), second[key(keptTrain)].Float64()},
	})
	return nil
}

// fall is by how much losses of epochs fall, so that their distance does not
// drown in what all of them share; of one epoch a thousandth of the loss.
func fall(losses []float64) float64 {
	least, most := slices.Min(losses), slices.Max(losses)
	if len(losses) == 1 {
		most = least + 1e-3*math.Abs(least)
	}
	return max(most-least, 1e-9*math.Abs(least), math.SmallestNonzeroFloat64) // losses that are all alike
}

// objectOf puts the object of a record together.
func objectOf(key func(string) Key, from Record) (*stitch.Object, error) {
	data, weight, origin, scanned := from[key(keptObject)], from[key(keptWeight)], from[key(keptOrigin)], from[key(keptScanned)]
	if len(data.Shape) != 3 || len(origin.Shape) != 1 || len(scanned.Shape) != 1 {
		return nil, fmt.Errorf("%v is missing in an outcome", key(keptObject))
	}
	values, at, area := data.Float64(), origin.Float64(), scanned.Float64()
	o := &stitch.Object{
		Rows: data.Shape[0], Cols: data.Shape[1], OriginX: int(at[0]), OriginY: int(at[1]),
		Data: make([]complex64, len(values)/2), Weight: weight.Float32(),
		Scanned: image.Rect(int(area[0]), int(area[1]), int(area[2]), int(area[3])),
	}
	for i := range o.Data {
		o.Data[i] = complex(float32(values[2*i]), float32(values[2*i+1]))
	}
	return o, nil
}

// summarise fills Levels and Within from the figures.
func (r *Report) summarise() {
	r.Levels, r.Within = nil, true
	elements := map[int][2]float64{} // of a level: same bits, all
	at := map[[2]string]int{}
	for i, f := range r.Figures {
		name := [2]string{string(f.Level), f.Precision}
		k, ok := at[name]
		if !ok {
			k = len(r.Levels)
			at[name] = k
			r.Levels = append(r.Levels, Summary{Level: f.Level, Precision: f.Precision, Worst: -1})
		}
		l := &r.Levels[k]
		l.Figures++
		size := float64(graph.Shape(f.Shape).Size())
		elements[k] = [2]float64{elements[k][0] + f.Pair.Equal*size, elements[k][1] + size}
		if !f.Within {
			l.Outside++
			l.Off = together(l.Off, f.Off)
			r.Within = false
		}
		if f.Limit < 0 {
			continue
		}
		l.Pair = max(l.Pair, f.Pair.Relative)
		if f.Judged != nil {
			if l.Judged == nil {
				l.Judged = &[2]float64{}
			}
			l.Judged[0], l.Judged[1] = max(l.Judged[0], f.Judged[0].Relative), max(l.Judged[1], f.Judged[1].Relative)
		}
		if l.Worst < 0 || f.closeness() > r.Figures[l.Worst].closeness() {
			l.Worst = i
		}
	}
	for k := range r.Levels {
		if e := elements[k]; e[1] > 0 {
			r.Levels[k].Equal = e[0] / e[1]
		}
	}
	slices.SortStableFunc(r.Levels, func(a, b Summary) int {
		if a.Precision != b.Precision {
			return slices.Index(Precisions(), a.Precision) - slices.Index(Precisions(), b.Precision)
		}
		return a.Level.order() - b.Level.order()
	})
}

// together is the side of two figures that are off.
func together(a, b string) string {
	switch {
	case a == SideNone || a == SideUnknown:
		return b
	case b == SideUnknown || a == b:
		return a
	}
	return SideBoth
}

// Again compares two outcomes of one runtime.
func Again(what string, threads int, before, after Outcome) Repeat {
	r := Repeat{Backend: before.Info.Backend, What: what, Threads: threads, Equal: true}
	for k, x := range before.Record {
		if y, ok := after.Record[k]; ok {
			r.add(k.String(), x, y)
		}
	}
	return r
}

// AgainForeign compares what one exported model gave twice: output by output,
// by their order, which is the model's.
func AgainForeign(what string, of bridge.Info, before, after []bridge.Named) Repeat {
	r := Repeat{Backend: of.Backend, What: what, Threads: of.Threads, Equal: len(before) == len(after)}
	for i := range min(len(before), len(after)) {
		r.add(before[i].Name, before[i].Tensor, after[i].Tensor)
	}
	return r
}

// add compares one tensor.
func (r *Repeat) add(name string, x, y bridge.Tensor) {
	r.Figures++
	d := Between(x, y)
	if d.Equal < 1 || !d.Finite {
		r.Different++
		r.Equal = false
	}
	if d.Relative > r.Largest || d.Relative == r.Largest && d.Relative > 0 && name < r.Where {
		r.Largest, r.Where = d.Relative, name
	}
}
