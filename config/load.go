package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// largestFile is the most that is read of a configuration file, in bytes.
const largestFile = 1 << 20

// Load reads a configuration file, see Parse. The layer's source is the path.
func Load(path string) (Layer, error) {
	file, err := os.Open(path)
	if err != nil {
		return Layer{}, fmt.Errorf("config: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err != nil {
		return Layer{}, fmt.Errorf("config: %w", err)
	}
	return Parse(path, content)
}

// Parse reads YAML with the sections model, data, training, reconstruction and
// execution. Unknown and repeated keys, wrong types and values out of range
// are a Faults with key, value, what is allowed and line of all there are; the
// layer then holds the other settings. Rules between settings are left to
// Resolve. source names the text in errors.
func Parse(source string, content []byte) (Layer, error) {
	if len(content) > largestFile {
		return Layer{}, fmt.Errorf("config: %s: larger than %d bytes, which no configuration is", source, largestFile)
	}
	root, err := document(content)
	if err != nil {
		return Layer{}, fmt.Errorf("config: %s: %w", source, err)
	}
	f := &file{layer: Layer{Source: source}}
	if root != nil {
		f.mapping(root, "", "sections "+strings.Join(sections(), ", "), f.section)
	}
	return f.layer, f.faults.err()
}

// document gives the root of the one document; nil where there is none.
func document(content []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(content))
	var node, second yaml.Node
	if err := d.Decode(&node); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("line %d: a second document; only one is read", second.Line)
	}
	return node.Content[0], nil
}

// file is a configuration file that is being read.
type file struct {
	layer  Layer
	faults Faults
}

func (f *file) fault(line int, fault Fault) {
	fault.Source, fault.Line = f.layer.Source, line
	f.faults = append(f.faults, fault)
}

// mapping calls each for the pairs of a mapping and refuses anything else but
// nothing at all, and keys that come twice.
func (f *file) mapping(n *yaml.Node, path, want string, each func(key string, line int, value *yaml.Node)) {
	n = target(n)
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		f.fault(n.Line, Fault{Key: cmp.Or(path, "the file"), Value: shown(n), Want: "a mapping with the " + want})
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := target(n.Content[i]), n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			f.fault(key.Line, Fault{Key: "a key of " + cmp.Or(path, "the file"), Value: shown(key), Want: "words as keys"})
			continue
		}
		name := key.Value
		if first, twice := seen[name]; twice {
			f.fault(key.Line, Fault{Key: join(path, name), Want: fmt.Sprintf("given a second time, first in line %d", first), alone: true})
			continue
		}
		seen[name] = key.Line
		each(name, key.Line, value)
	}
}

func (f *file) section(name string, line int, value *yaml.Node) {
	if !slices.Contains(sections(), name) {
		if section, key, dotted := strings.Cut(name, "."); dotted && slices.Contains(sections(), section) {
			f.fault(line, Fault{Key: name, Want: fmt.Sprintf("a file nests its settings: write %q, and indented in the next line %q", section+":", key+": …"), alone: true})
			return
		}
		f.fault(line, unknown(name))
		return
	}
	f.mapping(value, name, "settings of this section", func(key string, line int, value *yaml.Node) {
		f.setting(name+"."+key, line, value)
	})
}

func (f *file) setting(path string, line int, n *yaml.Node) {
	n = target(n)
	field, err := Lookup(path)
	if err != nil || path != field.Path() && aliases[path] != field.Path() {
		f.fault(line, unknown(path))
		return
	}
	if n.Kind != yaml.ScalarNode || !slices.Contains(field.Kind.tags(), n.ShortTag()) {
		f.fault(line, Fault{Key: path, Value: shown(n), Want: field.Kind.want()})
		return
	}
	text := n.Value
	if n.ShortTag() == "!!null" {
		text = ""
	}
	var fault Fault
	if err := f.layer.set(path, text, line); errors.As(err, &fault) {
		f.faults = append(f.faults, fault)
	}
}

// target is what an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// shown is a node as a message shows it.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if len(n.Value) > 80 {
		return strings.ToValidUTF8(n.Value[:80], "") + "…"
	}
	return n.Value
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// lastComponent is a name without its section and with underscores.
func lastComponent(name string) string {
	name = strings.ReplaceAll(name, "-", "_")
	return name[strings.LastIndex(name, ".")+1:]
}
