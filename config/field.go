package config

import (
	"cmp"
	"slices"
	"strings"
)

// Field is one setting: a row of the table of defaults.
type Field struct {
	Section string // model, data, training, reconstruction or execution
	Key     string // its name in that section
	Flag    string // its flag, without the leading --
	Default string // as Set reads it
	Doc     string // one line
	Allowed string // which values are
	Kind    Kind

	optional bool // the zero value means not set
	at       func(*Config) any
	reset    func(*Config) // gives the default
	ok       func(*Config) bool
}

// Path is section and key, for example training.batch_size.
func (f Field) Path() string { return f.Section + "." + f.Key }

// Set reads the setting from text and puts it into c. The error is a Fault if
// the text is not of the setting's kind or its value not allowed; c is
// unchanged then.
func (f Field) Set(c *Config, text string) error {
	changed := *c
	if err := parse(f.at(&changed), text); err != nil {
		return Fault{Key: f.Path(), Value: text, Want: f.Kind.want()}
	}
	if !f.ok(&changed) {
		return f.fault(&changed)
	}
	*c = changed
	return nil
}

// Get gives the setting of c in the form that Set reads.
func (f Field) Get(c Config) string { return format(f.at(&c)) }

func (f Field) fault(c *Config) Fault {
	return Fault{Key: f.Path(), Value: format(f.at(c)), Want: f.Allowed}
}

// row makes a Field whose value may be what the rule allows.
func row[T comparable](path string, value T, allowed rule[T], doc string, at func(*Config) *T) Field {
	section, key, _ := strings.Cut(path, ".")
	return Field{
		Section: section, Key: key, Doc: doc, Allowed: allowed.text,
		Default: format(&value),
		Kind:    kindOf(&value),
		at:      func(c *Config) any { return at(c) },
		reset:   func(c *Config) { *at(c) = value },
		ok:      func(c *Config) bool { return allowed.ok(*at(c)) },
	}
}

// unset makes a row whose zero value, its default, means not set.
func unset[T comparable](path string, allowed rule[T], doc string, at func(*Config) *T) Field {
	var zero T
	return optional(row(path, zero, allowed, doc, at))
}

// optional marks a row whose zero value means not set.
func optional(f Field) Field {
	f.optional = true
	return f
}

// withFlags names the flags: a key, prefixed by its section where two sections
// have the same.
func withFlags(fields []Field) []Field {
	count := map[string]int{}
	for _, f := range fields {
		count[f.Key]++
	}
	for i, f := range fields {
		flag := f.Key
		if count[f.Key] > 1 {
			flag = f.Section + "_" + f.Key
		}
		fields[i].Flag = strings.ReplaceAll(flag, "_", "-")
	}
	return fields
}

// Fields lists all settings, section by section.
func Fields() []Field { return slices.Clone(table) }

// aliases are deprecated names.
var aliases = map[string]string{"training.n_images": "training.n_groups"}

// Aliases gives the settings that have a deprecated name, by the flag of that
// name.
func Aliases() map[string]Field {
	out := map[string]Field{}
	for alias, path := range aliases {
		f, err := Lookup(path)
		if err != nil {
			panic("config: BUG: an alias of nothing: " + alias)
		}
		out[strings.ReplaceAll(lastComponent(alias), "_", "-")] = f
	}
	return out
}

// Lookup finds a setting by its path (training.batch_size), its key where one
// section has it, or its flag; hyphens and underscores are the same. The
// deprecated n_images finds n_groups. The error is a Fault.
func Lookup(name string) (Field, error) {
	want := strings.ReplaceAll(name, "-", "_")
	for alias, path := range aliases {
		if want == alias || "training."+want == alias {
			want = path
		}
	}
	var sections []string
	for _, f := range table {
		if want == f.Path() || want == strings.ReplaceAll(f.Flag, "-", "_") {
			return f, nil
		}
		if want == f.Key {
			sections = append(sections, f.Path())
		}
	}
	if len(sections) > 0 {
		return Field{}, Fault{Key: name, Want: "it could be " + strings.Join(sections, " or "), alone: true}
	}
	return Field{}, unknown(name)
}

// unknown is the fault of a key that does not exist: the sections that have
// its last component, else the setting or the section whose name is near, else
// the keys of the section, else the sections.
func unknown(path string) Fault {
	section, key, dotted := strings.Cut(path, ".")
	if !dotted {
		key = path
	}
	var same, keys []string
	for _, f := range table {
		if f.Key == key {
			same = append(same, f.Path())
		}
		if dotted && f.Section == section {
			keys = append(keys, f.Key)
		}
	}
	f := Fault{Key: path, unknown: true}
	near := meant(path)
	switch {
	case len(same) > 0:
		f.Want = "it is " + strings.Join(same, " or ")
	case near != "":
		f.Want = "did you mean " + near + "?"
	case len(keys) > 0:
		f.Want = "keys of " + section + " are " + strings.Join(keys, ", ")
	default:
		f.Want = "sections are " + strings.Join(sections(), ", ")
	}
	return f
}

// meant is the setting or the section that an unknown key may have been meant
// for, by all of its name or, where only the section is wrong, by its last
// component; empty where none is near.
func meant(path string) string {
	names, paths := sections(), map[string]string{}
	for _, f := range table {
		names = append(names, f.Path(), f.Key)
		if other := paths[f.Key]; other != "" {
			paths[f.Key] = other + " or " + f.Path()
		} else {
			paths[f.Key] = f.Path()
		}
	}
	path = strings.ReplaceAll(path, "-", "_")
	near := Nearest(path, names)
	if near == "" {
		near = Nearest(lastComponent(path), names)
	}
	return cmp.Or(paths[near], near)
}

// sections lists the sections in the order of the table.
func sections() []string {
	var out []string
	for _, f := range table {
		if !slices.Contains(out, f.Section) {
			out = append(out, f.Section)
		}
	}
	return out
}
