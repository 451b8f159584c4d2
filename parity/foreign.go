package parity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/graph"
)

// Foreign is the level of networks that other programs exported. It is no part
// of the suite.
const Foreign Level = "foreign"

// ForeignModel is one of two that are compared.
type ForeignModel struct {
	bridge.Foreign
	Name string // in messages: its file or directory
}

// ForeignOptions say how two foreign models are compared.
type ForeignOptions struct {
	// Map says which input or output of the second model is which of the
	// first: the second's name by that of the first.
	Map map[string]string
	// Limit of the relative distance of every output; 0: those of the budget
	// foreign, and equality of integers; None: nothing is judged.
	Limit float64
}

// ParseMap reads pairs first=second of names, as ForeignOptions.Map has them.
func ParseMap(pairs []string) (map[string]string, error) {
	m := map[string]string{}
	seconds := map[string]bool{}
	for _, p := range pairs {
		first, second, ok := strings.Cut(p, "=")
		if !ok || first == "" || second == "" {
			return nil, fmt.Errorf("parity: map: found %q; expected first=second, the names of an input or output in both models", p)
		}
		if _, twice := m[first]; twice || seconds[second] {
			return nil, fmt.Errorf("parity: map: %q: found a name for the second time; expected each once", p)
		}
		m[first], seconds[second] = second, true
	}
	return m, nil
}

// CompareForeign runs two models on the arrays of an NPZ file and compares what
// they give.
//
// Inputs that are called the same in both models belong together, or as the map
// says; those left belong together in their order, where they are as many, and
// so do outputs. An input is fed with the array of its own name or, where there
// is none, of its partner's: models with another order of axes are fed with an
// array each. Nothing is converted or permuted.
//
// Errors name file, key, found and expected: arrays that are missing or do not
// fit, a failed run, names in the map that are not there, outputs that do not
// match, because of their names or their shapes. The report has what is compared
// here; who computed, where and of which files is for the caller to fill in.
func CompareForeign(first, second ForeignModel, data string, o ForeignOptions) (*ForeignReport, error) {
	c := foreign{models: [2]ForeignModel{first, second}, data: data, ForeignOptions: o, used: map[string]bool{}, report: &ForeignReport{Schema: ForeignSchema, Within: true, Figures: []Figure{}}}
	if err := c.compare(); err != nil {
		return nil, fmt.Errorf("parity: foreign: %w", err)
	}
	return c.report, nil
}

// foreign is a comparison.
type foreign struct {
	ForeignOptions
	models [2]ForeignModel
	data   string
	used   map[string]bool // names of the map that were found
	report *ForeignReport
}

func (c *foreign) compare() error {
	feeds, err := c.feeds()
	if err != nil {
		return err
	}
	var outputs [2][]bridge.Named
	for i, m := range c.models {
		if outputs[i], err = m.Run(feeds[i]); err != nil {
			return err
		}
	}
	pairs, err := c.outputs(outputs)
	if err != nil {
		return err
	}
	var faults []error
	for _, p := range pairs {
		if err := c.figure(p); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (c *foreign) note(format string, values ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, values...))
}

// feeds reads what both models are fed with.
func (c *foreign) feeds() (feeds [2]bridge.Tensors, err error) {
	f, err := npz.Open(c.data)
	if err != nil {
		return feeds, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	partners, ordered := c.inputs()
	read := map[string]bool{}
	for i, m := range c.models {
		feeds[i] = bridge.Tensors{}
		for _, s := range m.Inputs() {
			partner, paired := partners[i][s.Name]
			key := s.Name
			_, there := f.Member(key)
			if !there && paired {
				key = partner
				_, there = f.Member(key)
			}
			if !there && s.Optional {
				continue
			}
			if !there {
				return feeds, fmt.Errorf("%s: found no array %s for the input of %s; the file holds: %s", c.data, wanted(s.Name, partner), m.Name, listed(f.Keys()))
			}
			if feeds[i][s.Name], err = c.array(f, key, m, s); err != nil {
				return feeds, err
			}
			pair := [2]string{s.Name, partner}
			if i == 1 {
				pair = [2]string{partner, s.Name}
			}
			if read[key] = true; key != s.Name && ordered[pair] {
				c.note("input %s of %s takes the array %s, matched by order", s.Name, m.Name, key)
			}
		}
	}
	idle := slices.DeleteFunc(f.Keys(), func(key string) bool { return read[key] })
	if len(idle) > 0 {
		c.note("%s: neither model reads %s", c.data, listed(idle))
	}
	return feeds, nil
}

func wanted(name, partner string) string {
	if partner == "" || partner == name {
		return name
	}
	return name + " or " + partner
}

func listed(names []string) string {
	if len(names) == 0 {
		return "(nothing)"
	}
	return strings.Join(names, ", ")
}

// inputs matches the inputs: the name of the partner by that of an input, for
// both models, and the pairs that were matched by order.
func (c *foreign) inputs() (partners [2]map[string]string, ordered map[[2]string]bool) {
	var names, needed [2][]string
	optional := [2]map[string]bool{{}, {}}
	for i, m := range c.models {
		for _, s := range m.Inputs() {
			names[i] = append(names[i], s.Name)
			optional[i][s.Name] = s.Optional
		}
	}
	pairs, rest := c.match(names)
	for i := range rest {
		for _, name := range rest[i] {
			if !optional[i][name] {
				needed[i] = append(needed[i], name)
			}
		}
	}
	ordered = map[[2]string]bool{}
	if len(needed[0]) == len(needed[1]) {
		for k := range needed[0] {
			pair := [2]string{needed[0][k], needed[1][k]}
			pairs = append(pairs, pair)
			ordered[pair] = true
		}
	}
	partners = [2]map[string]string{{}, {}}
	for _, p := range pairs {
		partners[0][p[0]], partners[1][p[1]] = p[1], p[0]
	}
	return partners, ordered
}

// match pairs names by the map and those that are the same, and gives the rest.
func (c *foreign) match(names [2][]string) (pairs [][2]string, rest [2][]string) {
	taken := map[string]bool{}
	for _, a := range names[0] {
		if b, ok := c.Map[a]; ok && slices.Contains(names[1], b) {
			pairs = append(pairs, [2]string{a, b})
			taken[b], c.used[a] = true, true
		}
	}
	for _, a := range names[0] {
		b, mapped := c.Map[a]
		switch {
		case mapped && slices.Contains(names[1], b):
		case slices.Contains(names[1], a) && !taken[a]:
			pairs = append(pairs, [2]string{a, a})
			taken[a] = true
		default:
			rest[0] = append(rest[0], a)
		}
	}
	for _, b := range names[1] {
		if !taken[b] {
			rest[1] = append(rest[1], b)
		}
	}
	return pairs, rest
}

// array reads what an input is fed with.
func (c *foreign) array(f *npz.File, key string, m ForeignModel, s bridge.Slot) (bridge.Tensor, error) {
	member, _ := f.Member(key)
	t := bridge.Tensor{Shape: slices.Clone(member.Shape)}
	fault := func(err error) (bridge.Tensor, error) {
		return t, fmt.Errorf("%s: key %q, input %s of %s: %w", c.data, key, s.Name, m.Name, err)
	}
	var err error
	switch strings.TrimLeft(member.Descr, "<>=|") {
	case "f4":
		t.Data, err = npz.Read[float32](f, key)
	case "f8":
		t.Data, err = npz.Read[float64](f, key)
	case "i8":
		t.Data, err = npz.Read[int64](f, key)
	case "i4":
		var wide []int64
		wide, err = npz.Read[int64](f, key)
		t.Data = narrow(wide)
	default:
		expected := "float32, float64, int32 or int64"
		if s.DType != "" {
			expected = s.DType
		}
		return fault(fmt.Errorf("found dtype %s, expected %s", member.Descr, expected))
	}
	if err != nil {
		return t, err
	}
	if err := s.Check(t); err != nil {
		return fault(err)
	}
	return t, nil
}

// narrow gives the elements of an array of int32.
func narrow(wide []int64) []int32 {
	out := make([]int32, len(wide))
	for i, v := range wide {
		out[i] = int32(v)
	}
	return out
}

// outputs matches the outputs, in the order of the first model.
func (c *foreign) outputs(all [2][]bridge.Named) ([][2]bridge.Named, error) {
	var names [2][]string
	for i, list := range all {
		for _, o := range list {
			names[i] = append(names[i], o.Name)
		}
	}
	pairs, rest := c.match(names)
	for first, second := range c.Map {
		if !c.used[first] {
			return nil, fmt.Errorf("map: found no input or output %s of %s that could be %s of %s; outputs are %s and %s",
				first, c.models[0].Name, second, c.models[1].Name, listed(names[0]), listed(names[1]))
		}
	}
	if len(rest[0]) == len(rest[1]) {
		for k, a := range rest[0] {
			pairs = append(pairs, [2]string{a, rest[1][k]})
			c.note("output %s of %s is held against %s of %s, matched by order", a, c.models[0].Name, rest[1][k], c.models[1].Name)
		}
		rest = [2][]string{}
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("found the outputs %s of %s and %s of %s; expected names that match, or a map of them",
			listed(names[0]), c.models[0].Name, listed(names[1]), c.models[1].Name)
	}
	for i := range rest {
		for _, name := range rest[i] {
			c.note("output %s of %s has no partner and is not compared", name, c.models[i].Name)
		}
	}
	at := func(i int, name string) int { return slices.Index(names[i], name) }
	slices.SortFunc(pairs, func(a, b [2]string) int { return at(0, a[0]) - at(0, b[0]) })
	out := make([][2]bridge.Named, len(pairs))
	for k, p := range pairs {
		out[k] = [2]bridge.Named{all[0][at(0, p[0])], all[1][at(1, p[1])]}
	}
	return out, nil
}

// figure compares a pair of outputs.
func (c *foreign) figure(p [2]bridge.Named) error {
	said := func(i int) string {
		return fmt.Sprintf("output %s of %s %s%v", p[i].Name, c.models[i].Name, p[i].Type(), p[i].Shape)
	}
	if !p[0].Shape.Equal(p[1].Shape) {
		return fmt.Errorf("found %s and %s; expected one shape%s", said(0), said(1), permuted(p[0].Shape, p[1].Shape))
	}
	if p[0].Shape.Size() == 0 {
		return fmt.Errorf("found %s, which has no elements to compare", said(0))
	}
	name := p[0].Name
	if p[1].Name != name {
		name += " = " + p[1].Name
	}
	precision, limit := c.limit(p)
	f := Figure{
		Level: Foreign, Experiment: "outputs", Precision: precision, Output: name, Shape: slices.Clone(p[0].Shape),
		Pair: Between(p[0].Tensor, p[1].Tensor), Budget: ofForeign.Name, Limit: limit,
	}
	f.judge()
	if p[0].Type() != p[1].Type() {
		c.note("found %s and %s: their types differ", said(0), said(1))
	}
	c.report.Figures = append(c.report.Figures, f)
	c.report.Outputs = append(c.report.Outputs, p)
	c.report.Within = c.report.Within && f.Within
	return nil
}

// permuted says so where two shapes may be one in another order of axes.
func permuted(a, b graph.Shape) string {
	if !slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))) {
		return ""
	}
	return ", and axes are not permuted here: let both models give them in one order"
}

// limit gives the precision of a pair, which is that of the coarser type, and
// its limit.
func (c *foreign) limit(p [2]bridge.Named) (precision string, limit float64) {
	types := []string{p[0].Type(), p[1].Type()}
	switch {
	case slices.Contains(types, graph.Float32.String()):
		precision, limit = graph.Float32.String(), ofForeign.Float32
	case slices.Contains(types, graph.Float64.String()):
		precision, limit = graph.Float64.String(), ofForeign.Float64
	default:
		precision = types[0]
	}
	if c.Limit != 0 {
		limit = c.Limit
	}
	return precision, limit
}
