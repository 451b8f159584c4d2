package config

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// YAML is the whole configuration as a file: every setting in the order of the
// table, with a line of explanation. Parse and Resolve give c back from it,
// exactly. A configuration with a value out of range is an error.
func (c Config) YAML() ([]byte, error) {
	if err := c.faults(sections()...).err(); err != nil {
		return nil, fmt.Errorf("config: YAML: %w", err)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	var section *yaml.Node
	name := ""
	for _, f := range table {
		if f.Section != name {
			name, section = f.Section, &yaml.Node{Kind: yaml.MappingNode}
			root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, section)
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Key, HeadComment: fmt.Sprintf("%s (%s)", f.Doc, f.Allowed)}
		section.Content = append(section.Content, key, f.node(c))
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(root), e.Close()); err != nil {
		return nil, fmt.Errorf("config: YAML: %w", err)
	}
	return b.Bytes(), nil
}

// node is the setting's value in YAML.
func (f Field) node(c Config) *yaml.Node {
	text := f.Get(c)
	if f.Kind == OptionalSeed && text == "" {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if f.Kind == Text {
		n.Tag = "!!str"
	}
	return n
}
