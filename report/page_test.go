package report

import (
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/report/reporttest"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// writtenPage writes a page and reads it again, checked.
func writtenPage(t *testing.T, p Page) reporttest.Document {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, WriteHTML(path, p))
	return reporttest.Read(t, path)
}

// full is a page with something of everything.
func full(t *testing.T) Page {
	t.Helper()
	o := textured(64, 48)
	reference := textured(64, 48)
	for i := range reference.Data {
		reference.Data[i] += complex(.2*float32(i%7), .1)
	}
	metrics, err := evaluate.Evaluate(o, &stitch.Object{Rows: 48, Cols: 64, Data: reference.Data}, image.Rect(0, 0, 64, 48), evaluate.Options{})
	require.NoError(t, err)
	comparison, err := Comparison(o, reference.Data, 48, 64, image.Rect(0, 0, 64, 48))
	require.NoError(t, err)
	return Page{
		Title: "Reconstruction of scan.npz", Summary: "ptycho run on the evaluator.",
		Key: []Fact{{"Epochs", "2", "31 steps"}}, Warnings: []string{"the phase is the same all over"},
		Object: []Image{counting(4, 6)}, Comparison: comparison, Metrics: &metrics,
		Curves: []Chart{{Title: "Loss", X: "epoch", Y: "loss", Whole: true, Lines: []Line{
			{"training", []float64{1, 2}, []float64{3, 2}}, {"validation", []float64{1, 2}, []float64{4, 1}},
		}}},
		Facts:  []Fact{{"Backend", "evaluator", ""}},
		Inputs: []Input{{"training", "/data/scan.npz", strings.Repeat("0a", 32), 12345}},
		Settings: []Setting{
			{"model", "N", "64", "64", "", "side of a pattern"},
			{"model", "gridsize", "2", "1", "command line", "patterns of a group"},
			{"training", "nphotons", "1e+09", "1e+09", "scan.npz", "photons"},
			{"training", "test_data_file", "", "", "", "file to validate on"},
			{"training", "output_dir", "out", "training_outputs", "", "directory"},
		},
		Files: []File{{"run.json", "results"}},
	}
}

// textured is an object of rows and columns with something at all frequencies.
func textured(cols, rows int) *stitch.Object {
	random := rand.New(rand.NewPCG(1, 2))
	o := &stitch.Object{Rows: rows, Cols: cols}
	for i := range rows * cols {
		x, y := float64(i%cols), float64(i/cols)
		a := 1 + .1*random.Float64()
		p := .4*math.Sin(x/3)*math.Cos(y/5) + .05*random.Float64()
		o.Data = append(o.Data, complex64(complex(a*math.Cos(p), a*math.Sin(p))))
		o.Weight = append(o.Weight, 1)
	}
	return o
}

func TestPage(t *testing.T) {
	d := writtenPage(t, full(t))
	require.Equal(t, []string{"Reconstruction of scan.npz"}, d.Texts("h1"))
	require.Equal(t, []string{"Warnings", "Reconstructed object", "Comparison with the reference", "Training", "How it was computed", "Data", "Settings", "Files"}, d.Texts("h2"))
	require.Len(t, d.All("img"), 2*(1+4), "each picture has a colour bar")
	require.Len(t, d.All("svg"), 2, "loss and FRC")
	require.Contains(t, d.Source, `<meta name="viewport" content="width=device-width, initial-scale=1">`)
	require.Contains(t, d.Source, "@media print")
	require.Contains(t, d.Source, "12\u202f345 patterns")
	require.Contains(t, d.Source, strings.Repeat("0a", 32))

	// Settings: what differs comes first, with where it is from.
	tables := d.All("table")
	require.Len(t, tables, 2+1+2, "metrics, changed settings, and the rest by section")
	require.Equal(t, []string{
		"model.gridsizepatterns of a group", "2", "1", "command line",
		"training.output_dirdirectory", "out", "training_outputs", "the program",
	}, d.Cells(tables[2]))
	require.Equal(t, []string{"N", "64"}, d.Cells(tables[3]))
	require.Equal(t, []string{"nphotons", "1e+09 from scan.npz", "test_data_file", "not set"}, d.Cells(tables[4]))
}

// TestPageEscapes: a text from outside is a text on the page, wherever it
// stands.
func TestPageEscapes(t *testing.T) {
	const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.Title}}</style></svg>`
	p := full(t)
	p.Title, p.Summary, p.Warnings = hostile, hostile, []string{hostile}
	p.Key, p.Facts = []Fact{{hostile, hostile, hostile}}, []Fact{{hostile, hostile, hostile}}
	p.Object[0].Title, p.Object[0].Unit = hostile, hostile
	c := &p.Curves[0]
	c.Title, c.Caption, c.X, c.Y, c.Lines[0].Name, c.Levels = hostile, hostile, hostile, hostile, hostile, []Level{{hostile, 2}}
	p.Inputs = []Input{{hostile, hostile, hostile, 1}}
	p.Settings = []Setting{{hostile, hostile, hostile, "", hostile, hostile}, {hostile, hostile, hostile, hostile, hostile, hostile}}
	p.Files = []File{{hostile, hostile}, {"javascript:alert(3)", ""}, {"//elsewhere/x", ""}}
	p.Metrics.Notes = []string{hostile}
	d := writtenPage(t, p) // which checks that nothing but the template made elements
	require.Equal(t, []string{hostile}, d.Texts("h1"))
	require.Equal(t, []string{hostile}, d.Texts("title"))
	require.Contains(t, d.Texts("li"), hostile)
	require.Contains(t, d.Texts("figcaption"), hostile)
	require.Contains(t, d.Cells(d.All("table")[2]), hostile)
	for _, e := range d.All("a") {
		require.True(t, strings.HasPrefix(e.Attributes["href"], "./"))
	}
}

// TestPageWithout: what is empty has no heading, as where nothing was
// reconstructed.
func TestPageWithout(t *testing.T) {
	d := writtenPage(t, Page{Title: "Training"})
	require.Empty(t, d.All("h2"))
	require.Empty(t, d.All("img"))
	p := full(t)
	p.Object, p.Comparison, p.Metrics, p.Warnings = nil, nil, nil, nil
	require.Equal(t, []string{"Training", "How it was computed", "Data", "Settings", "Files"}, writtenPage(t, p).Texts("h2"))
}

// TestPageMetrics: what a comparison does not have, or has as no number, is a
// dash, and a curve that never falls below its threshold is marked.
func TestPageMetrics(t *testing.T) {
	p := full(t)
	d := p.Metrics.Detail
	d.Amplitude.PSNR, d.Phase.SSIM = nil, nil
	d.Phase.MAE, d.Amplitude.MSE, d.Amplitude.MAE = math.NaN(), math.Inf(1), 1.25e-7
	d.Complex.Error = -.5
	d.Registered = true
	d.Amplitude.FRC.Half = evaluate.Crossing{Ring: 24, PerPixel: .5, LastRing: 24}
	d.Phase.FRC.Half = evaluate.Crossing{Ring: 6, PerPixel: .125, LastRing: 12, Crossed: true}
	d.Phase.FRC.Side = 48
	d.Complex.FRC = nil
	page := writtenPage(t, p)
	rows := map[string][]string{}
	cells := page.Cells(page.All("table")[1])
	for i := 0; i < len(cells); i += 4 {
		name, _, _ := strings.Cut(cells[i], "mean ")
		rows[name] = cells[i+1 : i+4]
	}
	require.Equal(t, []string{"1.25 · 10⁻⁷", none, ""}, rows["MAE"])
	require.Equal(t, none, rows["MSE"][0])
	require.Equal(t, none, rows["PSNR (dB)range of the reference against the errors; more is better"][0])
	require.Equal(t, none, rows["SSIMstructural similarity; 1 is best"][1])
	require.Equal(t, "−0.5", rows["Relative errorwith the best complex factor; 0 is best"][2])
	require.Equal(t, []string{"> 0.5", "0.125", none}, rows["FRC below 1/2 fromcycles per pixel; at most 0.5, more is better"])
	require.Equal(t, "0.25", rows["FRC below 1/2 for goodcycles per pixel; later where coarse structures disagree"][1], "ring 12 of 48")

	require.Contains(t, page.Texts("h3"), "After registration")
	require.Contains(t, page.Source, "fineness of structure, after registration;")

	d.Registered = false
	page = writtenPage(t, p)
	require.Contains(t, page.Texts("h3"), "Without registration")
	require.Contains(t, page.Source, "fineness of structure, without registration;")
	require.Contains(t, page.Texts("p"), "Nothing is shifted, the plane taken from both phases, and the amplitude scaled to the reference's mean.")

	p.Metrics.Detail = nil
	page = writtenPage(t, p)
	require.Len(t, page.All("table"), 1+1+2)
	require.Len(t, page.All("svg"), 1, "no FRC")
	require.NotContains(t, page.Source, "NaN")
}

// TestPicture: the first value is at the top left, the colour of the highest
// the palette's last, and marks are at the centres of pixels.
func TestPicture(t *testing.T) {
	im := counting(2, 3) // origin (−3, 100)
	im.Valid = []bool{true, true, true, true, false, true}
	im.Min, im.Max = 0, 5
	d := writtenPage(t, Page{Title: "Picture", Object: []Image{im}})
	images := d.All("img")
	require.Len(t, images, 2)
	require.Contains(t, images[0].Attributes["alt"], "3 × 2 object pixels from x -3, y 100; colours from 0 to 5 rad")
	pixels, bar := reporttest.Decoded(t, images[0]), reporttest.Decoded(t, images[1])
	require.Equal(t, image.Rect(0, 0, 3, 2), pixels.Bounds())
	require.Equal(t, Viridis.at(0), rgba(pixels.At(0, 0)))
	require.InDelta(t, float64(Viridis.at(.2).G), float64(rgba(pixels.At(1, 0)).G), 1, "one of 255 shades")
	require.Equal(t, Viridis.missing(), rgba(pixels.At(1, 1)))
	require.Equal(t, Viridis.at(1), rgba(pixels.At(2, 1)))
	require.Equal(t, Viridis.at(1), rgba(bar.At(0, 0)), "the highest value is at the top")
	marks := map[string]string{}
	for _, e := range d.All("span") {
		marks[e.Attributes["class"]+e.Text] = e.Attributes["style"]
	}
	require.Equal(t, "left:16.67%", marks["x−3"])
	require.Equal(t, "left:83.33%", marks["x−1"])
	require.Equal(t, "top:75.00%", marks["y101"])
	require.Equal(t, "top:20.00%", marks["4"], "of the colour bar")
}

// TestPageSize: pictures beyond 1024 pixels a side are thinned out, and six of
// noise with all of them make a file of less than ten million bytes.
func TestPageSize(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := Image{Title: "Noise", Unit: "rad", Rows: 1024, Cols: 1024}
	for range noise.Rows * noise.Cols {
		noise.Values = append(noise.Values, random.Float64())
	}
	d := writtenPage(t, Page{Title: "Noise", Comparison: [][]Image{{noise, noise}, {noise, noise}, {noise, noise}}})
	require.Less(t, len(d.Source), 10_000_000)
	require.NotContains(t, d.Source, "is shown")

	long := counting(3, 2500)
	d = writtenPage(t, Page{Title: "Long", Object: []Image{long}})
	pixels := reporttest.Decoded(t, d.All("img")[0])
	require.Equal(t, image.Rect(0, 0, 834, 1), pixels.Bounds(), "every third pixel of 2500 × 3")
	require.Contains(t, d.Source, "one pixel of 3 a side is shown")
}

func TestPageErrors(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "report.html")
	broken := counting(2, 2)
	broken.Values[3] = math.NaN()
	for _, c := range []struct {
		page Page
		says string
	}{
		{Page{Object: []Image{broken}}, "image has the value NaN at row 1, column 1; expected finite values"},
		{Page{Comparison: [][]Image{{broken}}}, "image has the value NaN at row 1, column 1; expected finite values"},
		{Page{Comparison: [][]Image{{counting(2, 2), counting(3, 2)}}}, "images have 2×2 and 3×2 pixels; expected one size"},
	} {
		require.EqualError(t, WriteHTML(path, c.page), "report: write page: "+path+": "+c.says)
		require.NoFileExists(t, path)
	}
	require.ErrorIs(t, WriteHTML(filepath.Join(directory, "none", "report.html"), Page{}), os.ErrNotExist)
}
