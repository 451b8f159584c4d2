package config

import (
	"fmt"
	"strings"
)

// Fault is one setting that cannot be accepted.
type Fault struct {
	Source string // where the value comes from: a file, "flag", …; may be empty
	Line   int    // in a file; 0: not known
	Key    string // section and key
	Value  string
	Want   string // what is allowed

	unknown bool // there is no such key
	alone   bool // Want is about the key and not about its value
}

// Error is one line without the package's name.
func (f Fault) Error() string {
	place := ""
	switch {
	case f.Source != "" && f.Line > 0:
		place = fmt.Sprintf("%s:%d: ", f.Source, f.Line)
	case f.Source != "":
		place = f.Source + ": "
	}
	switch {
	case f.unknown:
		return fmt.Sprintf("%sunknown key %q: %s", place, f.Key, f.Want)
	case f.alone:
		return fmt.Sprintf("%s%s: %s", place, f.Key, f.Want)
	}
	return fmt.Sprintf("%s%s is %q, allowed: %s", place, f.Key, f.Value, f.Want)
}

// Faults are all settings that cannot be accepted, found at once.
type Faults []Fault

// Error names every fault, one on a line where there are several.
func (f Faults) Error() string {
	if len(f) == 1 {
		return "config: " + f[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "config: %d settings cannot be accepted:", len(f))
	for _, one := range f {
		b.WriteString("\n  " + one.Error())
	}
	return b.String()
}

// Unwrap gives the faults one by one to errors.As.
func (f Faults) Unwrap() []error {
	out := make([]error, len(f))
	for i, one := range f {
		out[i] = one
	}
	return out
}

// err is nil where there is no fault.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
