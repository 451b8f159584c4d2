package bridge

import (
	"fmt"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Rows is a place of a program where blocks of a first axis are taken by
// numbers that are fed.
type Rows struct {
	Input  string // with the numbers
	Length int    // of the axis: they are 0 to Length−1
}

// TakenRows lists these places. A GPU takes what lies beyond the axis without a
// word, so that backends there call CheckRows before each run. It is an error
// where the numbers are computed and so cannot be checked before a run.
func TakenRows(p *graph.Program) ([]Rows, error) {
	var all []Rows
	for _, n := range p.Nodes() {
		if n.Op != graph.OpGather {
			continue
		}
		numbers := n.In[1]
		if numbers.Op != graph.OpInput {
			return nil, fmt.Errorf("program %s takes rows by numbers that are computed (%s); on a GPU they must be an input", p.Name, numbers.Op)
		}
		all = append(all, Rows{numbers.Attr.Name, n.In[0].Shape[0]})
	}
	return all, nil
}

// CheckRows looks for numbers outside their axes in feeds that CheckFeeds has
// passed.
func CheckRows(p *graph.Program, rows []Rows, feeds Tensors) error {
	for _, r := range rows {
		numbers, _ := feeds[r.Input].Data.([]int32)
		for _, i := range numbers {
			if i < 0 || int(i) >= r.Length {
				return fmt.Errorf("run %s: input %s: %d is outside of the axis, whose length is %d", p.Name, r.Input, i, r.Length)
			}
		}
	}
	return nil
}
