package reporttest

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Element is an element of a page with all text inside it.
type Element struct {
	Name       string
	Attributes map[string]string
	Text       string
	In         []*Element // from the outermost
}

// Document is a page, its elements in the order in which they begin.
type Document struct {
	Source   string
	Elements []*Element
}

// All are the elements of a name.
func (d Document) All(name string) []*Element {
	var found []*Element
	for _, e := range d.Elements {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// Texts are the texts of all elements of a name.
func (d Document) Texts(name string) []string {
	var texts []string
	for _, e := range d.All(name) {
		texts = append(texts, e.Text)
	}
	return texts
}

// Cells are the texts of the cells of a table's body.
func (d Document) Cells(table *Element) []string {
	var texts []string
	for _, e := range d.Elements {
		if slices.Contains(e.In, table) && (e.Name == "td" || e.Name == "th" && e.Attributes["scope"] == "row") {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// Read reads a page and checks it: every element must be closed but those that
// HTML has without an end; and see requireSound.
func Read(t *testing.T, path string) Document {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	d := Document{Source: string(content)}
	var open []*Element
	decoder := xml.NewDecoder(bytes.NewReader(content))
	decoder.Strict = false
	decoder.Entity = xml.HTMLEntity
	decoder.AutoClose = []string{"meta", "img", "wbr", "br"}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			e := &Element{Name: token.Name.Local, Attributes: map[string]string{}, In: slices.Clone(open)}
			for _, a := range token.Attr {
				e.Attributes[a.Name.Local] = a.Value
			}
			d.Elements = append(d.Elements, e)
			open = append(open, e)
		case xml.EndElement:
			require.Equal(t, open[len(open)-1].Name, token.Name.Local)
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.Text += string(token)
			}
		}
	}
	require.Empty(t, open)
	requireSound(t, d)
	return d
}

// requireSound checks what holds for every page: it loads nothing and runs
// nothing, pictures are in it and are named, headings go down by steps of one,
// tables have heads, and references lead somewhere.
func requireSound(t *testing.T, d Document) {
	t.Helper()
	require.True(t, strings.HasPrefix(d.Source, "<!DOCTYPE html>"))
	require.NotContains(t, d.Source, "ZgotmplZ", "a text that the template refuses")
	require.Len(t, d.All("h1"), 1)
	require.Len(t, d.All("title"), 1)
	level := 0
	ids := map[string]bool{}
	for _, e := range d.Elements {
		require.NotContains(t, []string{"script", "link", "iframe", "object", "base"}, e.Name)
		for name, value := range e.Attributes {
			require.False(t, strings.HasPrefix(name, "on"), "%s of %s", name, e.Name)
			require.NotContains(t, value, "url(")
			if name == "id" {
				require.False(t, ids[value], "two elements are %s", value)
				ids[value] = true
			}
		}
		if len(e.Name) == 2 && e.Name[0] == 'h' && e.Name[1] >= '1' && e.Name[1] <= '6' {
			now := int(e.Name[1] - '0')
			require.LessOrEqual(t, now, level+1, "heading %s", e.Text)
			level = now
		}
		switch e.Name {
		case "img":
			require.NotEmpty(t, e.Attributes["alt"])
			Decoded(t, e)
		case "svg":
			require.Equal(t, "img", e.Attributes["role"])
			require.NotEmpty(t, e.Attributes["aria-label"])
		case "a":
			require.True(t, strings.HasPrefix(e.Attributes["href"], "./"), e.Attributes["href"])
		}
	}
	require.Len(t, d.All("thead"), len(d.All("table")))
	for _, e := range d.All("th") {
		require.Contains(t, []string{"col", "row"}, e.Attributes["scope"])
	}
	for _, e := range d.Elements {
		if by, ok := e.Attributes["aria-labelledby"]; ok {
			require.True(t, ids[by], by)
		}
	}
	require.Regexp(t, `default-src 'none'`, d.Source)
}

// Decoded is the picture of an img.
func Decoded(t *testing.T, e *Element) image.Image {
	t.Helper()
	content, ok := strings.CutPrefix(e.Attributes["src"], "data:image/png;base64,")
	require.True(t, ok)
	raw, err := base64.StdEncoding.DecodeString(content)
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	return picture
}
