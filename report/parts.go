package report

import (
	_ "embed"
	"html/template"
)

//go:embed parts.html
var partsHTML string

//go:embed page.css
var pageCSS string

// Template reads the source of a page in the look of the report of a run; style
// is CSS that it needs besides. The source ends a page that begins with the
// template head, and can use
//
//	{{template "head" title}}      all before the body: the policy that lets a browser load nothing, the style
//	{{template "facts" facts}}     []Fact as a list
//	{{template "chart" chart}}     Chart, or nothing where no point is finite
//	{{template "pictures" rows}}   [][]Image, each row with one range of colours; errors as for WriteComparison
//	{{template "apart" images}}    []Image, each with a range of its own; errors likewise
//	{{template "metrics" m}}       *evaluate.Metrics as tables
//	{{template "settings" list}}   []Setting, those other than the defaults first
//	{{number v}}, {{integer n}}    Number and Integer
func Template(source, style string) (*template.Template, error) {
	t := template.New("page").Funcs(template.FuncMap{
		"style":  func() template.CSS { return template.CSS(pageCSS + style) },
		"number": Number, "integer": Integer,
		"plot": Chart.plot, "row": pictures, "alone": func(im Image) []Image { return []Image{im} }, "settings": split,
		"metricTables": metricTables, "facing": facing,
	})
	if _, err := t.Parse(partsHTML); err != nil {
		return nil, err
	}
	return t.Parse(source)
}

// divided are settings that differ from their defaults, and those that do not,
// by section.
type divided struct {
	Changed []Setting
	Default []section
}

// section is a section of settings at their defaults.
type section struct {
	Name     string
	Settings []Setting
}

// split tells settings that differ from their defaults from those that do not.
func split(settings []Setting) divided {
	var d divided
	for _, s := range settings {
		if s.Value != s.Default {
			d.Changed = append(d.Changed, s)
			continue
		}
		if len(d.Default) == 0 || d.Default[len(d.Default)-1].Name != s.Section {
			d.Default = append(d.Default, section{Name: s.Section})
		}
		last := &d.Default[len(d.Default)-1]
		last.Settings = append(last.Settings, s)
	}
	return d
}
