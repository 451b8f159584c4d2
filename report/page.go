package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

// Page is what the report of a run shows, from top to bottom. What is empty is
// left out.
type Page struct {
	Title    string
	Summary  string   // a sentence below it
	Key      []Fact   // the few numbers that are looked for first
	Warnings []string // what makes the results mean less than they seem to

	// Object are pictures with a range of colours each, Comparison rows of
	// pictures that share one, see WriteComparison.
	Object     []Image
	Comparison [][]Image
	// Curves are those of the training.
	Curves []Chart
	// Metrics may have the curves of evaluate.Evaluate or not.
	Metrics *evaluate.Metrics

	Facts    []Fact // how it was computed
	Inputs   []Input
	Settings []Setting
	Files    []File
}

// Fact is a named value; Note says what it means.
type Fact struct{ Name, Value, Note string }

// Input is a data file, by its content.
type Input struct {
	Use, Path, SHA256 string
	Patterns          int
}

// Setting is a setting as it was used. From names the source of one that was
// given, and is empty where nothing was.
type Setting struct{ Section, Key, Value, Default, From, Doc string }

// File is a file beside the report, by its name there.
type File struct{ Name, What string }

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(Template(pageHTML, ""))

// layout is a page that is ready for the template.
type layout struct {
	*Page
	Pictures []picture
	Compared [][]picture
	Plots    []plotted
	FRC      *plotted
}

// WriteHTML writes a page as one file that needs nothing else: pictures and
// curves are in it, it has no script, and its policy lets a browser load
// nothing. Texts may come from anywhere; they are escaped. Numbers that are
// not finite are shown as a dash, and curves have a gap there.
//
// Pictures hold a pixel for each object pixel, at most 1024 a side; larger ones
// are thinned out and say so.
//
// Errors: those of WriteImage and WriteComparison, for the pictures.
func WriteHTML(path string, p Page) error {
	content, err := p.html()
	if err == nil {
		err = wholefile.WriteBytes(path, content)
	}
	if err != nil {
		return fmt.Errorf("report: write page: %s: %w", path, err)
	}
	return nil
}

func (p *Page) html() ([]byte, error) {
	l := layout{Page: p}
	for _, im := range p.Object {
		row, err := pictures([]Image{im})
		if err != nil {
			return nil, err
		}
		l.Pictures = append(l.Pictures, row...)
	}
	for _, images := range p.Comparison {
		row, err := pictures(images)
		if err != nil {
			return nil, err
		}
		l.Compared = append(l.Compared, row)
	}
	for _, c := range p.Curves {
		if plot := c.plot(); plot != nil {
			l.Plots = append(l.Plots, *plot)
		}
	}
	if m := p.Metrics; m != nil {
		l.FRC = FRC(m).plot()
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, l)
	return b.Bytes(), err
}
