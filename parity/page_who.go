package parity

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/report"
)

// none stands for what there is not.
const none = "–"

// compared is the table of those who took part.
func (r *Report) compared(n names) table {
	t := table{Class: "who", Head: []string{"Runtime", n.First, n.Second}}
	all := slices.Clone(r.Runtimes[:])
	if r.Judge != nil {
		t.Head = append(t.Head, n.Judge+", the judge")
		all = append(all, *r.Judge)
	}
	t.Rows = runtimeRows(all...)
	return t
}

// runtimeRows say of some runtimes what they were.
func runtimeRows(all ...Runtime) [][]string {
	var rows [][]string
	for _, line := range []struct {
		name string
		text func(Runtime) string
	}{
		{"Name", func(o Runtime) string { return o.Backend }},
		{"Version", func(o Runtime) string { return o.Version }},
		{"Library", func(o Runtime) string { return o.Path }},
		{"SHA-256", func(o Runtime) string { return o.SHA256 }},
		{"Device", func(o Runtime) string { return o.Device }},
		{"Threads", func(o Runtime) string { return known(o.Threads) }},
		{"Switches", func(o Runtime) string { return o.Setting }},
		{"Seconds", func(o Runtime) string { return seconds(o.Seconds) }},
	} {
		cells := []string{line.name}
		for _, o := range all {
			cells = append(cells, cmp.Or(line.text(o), none))
		}
		rows = append(rows, cells)
	}
	return rows
}

// seconds writes a time that is 0 where it is not known.
func seconds(s float64) string {
	switch {
	case s == 0:
		return ""
	case s < .05:
		return "< 0.1"
	}
	return strconv.FormatFloat(s, 'f', 1, 64)
}

// known writes a number that is 0 where it is not known.
func known(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (m Machine) facts() []report.Fact {
	return given(
		report.Fact{Name: "System", Value: m.System},
		report.Fact{Name: "Processor", Value: m.CPU},
		report.Fact{Name: "Processors", Value: known(m.Processors)},
		report.Fact{Name: "Wait policy", Value: m.WaitPolicy, Note: "OMP_WAIT_POLICY"},
	)
}

// given leaves out facts without a value.
func given(facts ...report.Fact) []report.Fact {
	return slices.DeleteFunc(facts, func(f report.Fact) bool { return f.Value == "" })
}

// suite says what was computed.
func (r *Report) suite() []report.Fact {
	s := r.Settings
	var levels []string
	for _, l := range s.Levels {
		levels = append(levels, string(l))
	}
	return given(
		report.Fact{Name: "Data", Value: s.Data},
		report.Fact{Name: "SHA-256 of the data", Value: r.DataSHA256},
		report.Fact{Name: "Levels", Value: strings.Join(levels, ", ")},
		report.Fact{Name: "Precisions", Value: strings.Join(s.Floats, ", ")},
		report.Fact{Name: "Batch", Value: count(s.Batch, "group")},
		report.Fact{Name: "Steps", Value: strconv.Itoa(s.Steps), Note: fmt.Sprintf("of the level training; by the judge too: %d", s.Judged)},
		report.Fact{Name: "Seed", Value: strconv.FormatUint(s.Seed, 10)},
	)
}

// unused are settings of a training that a comparison has others for.
var unused = []string{"backend", "output_dir", "train_data_file", "test_data_file"}

// listed are the settings of the model that is compared level by level, of the
// training, and, where it is another, of the model that is trained.
func (s Settings) listed() []report.Setting {
	compared, trained := config.Default(), config.Default()
	compared.Training.Model, trained.Training = s.Model, s.Training
	var models, training, others []report.Setting
	for _, f := range config.Fields() {
		if slices.Contains(unused, f.Key) {
			continue
		}
		one := func(section string, c config.Config) report.Setting {
			s := report.Setting{Section: section, Key: f.Key, Value: f.Get(c), Default: f.Default, Doc: f.Doc}
			if s.Value != s.Default {
				s.From = "this comparison"
			}
			return s
		}
		switch f.Section {
		case "model":
			models = append(models, one("model", compared))
			if f.Get(compared) != f.Get(trained) {
				others = append(others, one("reconstruction’s model", trained))
			}
		case "training":
			training = append(training, one("training", trained))
		}
	}
	if !s.has(Reconstruction) {
		others = nil
	}
	return slices.Concat(models, training, others)
}

// repeatTable is of runtimes compared with themselves.
func repeatTable(repeats []Repeat) table {
	t := table{Head: []string{"Runtime", "Compared with itself", "Threads", "Tensors", "Same bits", "Largest relative distance", "Where"}}
	for _, again := range repeats {
		same := "all"
		if !again.Equal {
			same = fmt.Sprintf("all but %s", integer(again.Different))
		}
		t.Rows = append(t.Rows, []string{
			again.Backend, again.What, known(again.Threads), integer(again.Figures), same, short(again.Largest), cmp.Or(again.Where, none),
		})
	}
	return t
}

func budgetTable(budgets []Budget) table {
	t := table{Class: "budgets", Head: []string{"Budget", "float64", "float32", "Why"}}
	for _, b := range budgets {
		t.Rows = append(t.Rows, []string{b.Name, limit(b.Float64), limit(b.Float32), b.Reason})
	}
	return t
}

// limit writes a limit.
func limit(v float64) string {
	if v < 0 {
		return "not judged"
	}
	return short(v)
}
