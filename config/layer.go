package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Layer holds the settings that one source gives: a file, the flags of a
// command line, the metadata of a data file. Resolve lays several over the
// defaults.
type Layer struct {
	Source   string   // as errors name it
	Warnings []string // about deprecated names

	values map[string]value // by path
}

type value struct {
	text string
	line int
	name string // as it was written
}

// Set adds a setting by its path, key or flag (see Lookup) from text. The
// error is a Fault: an unknown name, a text of the wrong kind, a value out of
// range, or a setting given before under its deprecated name. Setting the same
// name again replaces its value.
func (l *Layer) Set(name, text string) error { return l.set(name, text, 0) }

func (l *Layer) set(name, text string, line int) error {
	f, err := Lookup(name)
	if err == nil {
		scratch := Default()
		err = f.Set(&scratch, text)
	}
	if err != nil {
		return l.at(err, line)
	}
	path := f.Path()
	if before, ok := l.values[path]; ok && isAlias(before.name) != isAlias(name) {
		return l.at(Fault{Key: name, Want: fmt.Sprintf("given under two names, %s and %s", before.name, name), alone: true}, line)
	}
	if isAlias(name) {
		l.Warnings = append(l.Warnings, fmt.Sprintf("%s: %s is deprecated, use %s", l.Source, name, path))
	}
	if l.values == nil {
		l.values = map[string]value{}
	}
	l.values[path] = value{text, line, name}
	return nil
}

// isAlias says whether a name that Lookup finds is a deprecated one.
func isAlias(name string) bool {
	f, err := Lookup(name)
	return err == nil && f.Path() == aliases["training."+lastComponent(name)]
}

// at says where a fault is.
func (l *Layer) at(err error, line int) error {
	var f Fault
	if errors.As(err, &f) {
		f.Source, f.Line = l.Source, line
		return f
	}
	return err
}

// Keys lists the paths that the layer sets, sorted.
func (l Layer) Keys() []string { return slices.Sorted(maps.Keys(l.values)) }

// fromMetadata are the settings that the metadata of a data file may give, each
// under its key.
var fromMetadata = []string{"training.nphotons"}

// Metadata is the layer of what a data file says about itself. Of its entries
// only nphotons is a setting; others are not read. The error names source, key
// and what is allowed.
func Metadata(source string, entries map[string]any) (Layer, error) {
	l := Layer{Source: source}
	for _, path := range fromMetadata {
		v, ok := entries[lastComponent(path)]
		if !ok {
			continue
		}
		if err := l.Set(path, fmt.Sprint(v)); err != nil {
			return Layer{}, fmt.Errorf("config: metadata: %w", err)
		}
	}
	return l, nil
}

// Resolved is a configuration that knows where its settings come from.
type Resolved struct {
	Config   Config
	Sources  map[string]string // of every setting by its path: a layer's source or "default"
	Warnings []string          // deprecated names, and settings that were given and have no effect
}

// Resolve lays settings over the defaults, the weakest layer first: metadata
// of the data file, configuration file, flags. A setting that a layer does not
// have is left as it is, so a flag that was not given beats nothing. The
// result has passed Validate; the error is a Faults that names the sources, and
// what was asked for is there beside it, so that more can be found wrong with it.
func Resolve(layers ...Layer) (Resolved, error) {
	r := Resolved{Config: Default(), Sources: map[string]string{}}
	givers := map[string]*Layer{}
	var faults Faults
	for _, f := range table {
		path := f.Path()
		r.Sources[path] = "default"
		for i := range layers {
			l := &layers[i]
			v, ok := l.values[path]
			if !ok {
				continue
			}
			if err := f.Set(&r.Config, v.text); err != nil {
				panic(fmt.Sprintf("config: BUG: a layer holds what it refuses: %v", err))
			}
			r.Sources[path], givers[path] = l.Source, l
		}
	}
	for _, l := range layers {
		r.Warnings = append(r.Warnings, l.Warnings...)
	}
	for _, f := range r.Config.faults(sections()...) {
		if l := givers[f.Key]; l != nil {
			f.Source, f.Line = l.Source, l.values[f.Key].line
		}
		faults = append(faults, f)
	}
	if faults == nil {
		r.idle(givers)
	}
	return r, faults.err()
}
