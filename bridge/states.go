package bridge

import (
	"fmt"
	"slices"

	"github.com/ptychobridge/ptychobridge/graph"
)

// Declared collects what a session holds: its programs by name and their
// states by name. Every Compile begins with it.
type Declared struct {
	Programs map[string]*graph.Program // by their names
	States   map[string]*graph.Node    // by their names: one of the nodes of that state, for type and shape
}

// Declare collects the programs of a session. Errors: those of Program.Check,
// two programs of one name, states of one name that differ in type or shape.
func Declare(programs []*graph.Program) (*Declared, error) {
	d := &Declared{Programs: map[string]*graph.Program{}, States: map[string]*graph.Node{}}
	for _, p := range programs {
		if err := p.Check(); err != nil {
			return nil, err
		}
		if d.Programs[p.Name] != nil {
			return nil, fmt.Errorf("two programs are named %s", p.Name)
		}
		d.Programs[p.Name] = p
		for _, s := range p.States() {
			old := d.States[s.Attr.Name]
			if old != nil && (old.DType != s.DType || !old.Shape.Equal(s.Shape)) {
				return nil, fmt.Errorf("state %s is %v%v in one program and %v%v in another", s.Attr.Name, old.DType, old.Shape, s.DType, s.Shape)
			}
			d.States[s.Attr.Name] = s
		}
	}
	return d, nil
}

// StateNames lists the states in alphabetical order, so that numbering them by
// it is the same in every run.
func (d *Declared) StateNames() []string {
	names := make([]string, 0, len(d.States))
	for name := range d.States {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
