package report

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/report/reporttest"
)

// TestTemplate: a page of another package has the parts of this one's.
func TestTemplate(t *testing.T) {
	made, err := Template(`{{template "head" "Title"}}<body><h1>One</h1><p>{{number .Value}}, {{integer 12345}}</p><h2>Two</h2>
{{template "facts" .Page.Facts}}{{template "chart" index .Page.Curves 0}}{{template "chart" .None}}{{template "pictures" .Page.Comparison}}
{{template "apart" .Page.Object}}
{{template "metrics" .Page.Metrics}}{{template "settings" .Page.Settings}}</body></html>`, ".mine { color: red }")
	require.NoError(t, err)
	p := full(t)
	none := Chart{Lines: []Line{{X: []float64{1}, Y: []float64{math.NaN()}}}}
	values := struct {
		Page  *Page
		None  Chart
		Value float64
	}{&p, none, -1e-7}
	var b bytes.Buffer
	require.NoError(t, made.Execute(&b, values))
	path := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	d := reporttest.Read(t, path)
	require.Contains(t, d.Source, ".mine { color: red }")
	require.Equal(t, "−1 · 10⁻⁷, 12\u202f345", d.Texts("p")[0])
	require.Len(t, d.All("svg"), 1, "a chart without points is none")
	require.Len(t, d.All("img"), 2*(4+1))
	require.Len(t, d.All("table"), 2+1+2)

	values.Page.Comparison[0][0].Values[0] = math.Inf(1)
	require.ErrorContains(t, made.Execute(&b, values), "image has the value +Inf at row 0, column 0")

	_, err = Template("{{nothing}}", "")
	require.ErrorContains(t, err, "nothing")
}
