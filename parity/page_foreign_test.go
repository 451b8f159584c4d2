package parity

import (
	"bytes"
	"image/color"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/graph"
	"github.com/ptychobridge/ptychobridge/report/reporttest"
)

// gives is an exported model of given outputs.
type gives []bridge.Named

func (g gives) Inputs() []bridge.Slot                      { return []bridge.Slot{{Name: "x"}} }
func (g gives) Run(bridge.Tensors) ([]bridge.Named, error) { return g, nil }
func (g gives) Close() error                               { return nil }

// foreignOf is the report of two models with these outputs.
func foreignOf(t *testing.T, first, second gives, limit float64) *ForeignReport {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data.npz")
	require.NoError(t, npz.Write(data, npz.Array{Key: "x", Data: []float32{1}, Shape: []int{1}}))
	r, err := CompareForeign(ForeignModel{first, "A"}, ForeignModel{second, "B"}, data, ForeignOptions{Limit: limit})
	require.NoError(t, err)
	r.Created, r.Program = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), "ptycho test"
	r.Machine = Machine{System: "linux/amd64", CPU: "A processor", Processors: 2}
	r.Data = File{"/data/arrays.npz", 12345, strings.Repeat("3d", 32)}
	r.Settings = ForeignSettings{Signature: "renamed", Map: map[string]string{"x": "input", "a": "b"}, Limit: limit, Threads: 2}
	r.Models = [2]ForeignRuntime{
		{Runtime{bridge.Info{Backend: "tensorflow", Version: "2.21.0", Path: "/a/long/path/to/libtensorflow.so.2", Device: "cpu", Threads: 2}, strings.Repeat("1b", 32), .01}, "/models/exported", []File{
			{"/models/exported/saved_model.pb", 4321, strings.Repeat("4e", 32)}, {"/models/exported/variables/variables.index", 99, strings.Repeat("5f", 32)},
		}},
		{Runtime{bridge.Info{Backend: "pytorch", Version: "2.15.0", Path: "/a/long/path/to/libtorch_cpu.so", Device: "cpu", Threads: 2}, strings.Repeat("2c", 32), 1.25}, "/models/exported.pt", []File{
			{"/models/exported.pt", 5432, strings.Repeat("6a", 32)},
		}},
	}
	r.Repeats = []Repeat{{Backend: "pytorch", What: "in this process instead of its own", Threads: 2, Equal: true, Figures: 2}}
	return r
}

// twoFields are outputs of two models: an image of 30 rows and 40 columns behind
// two channels, [2, 2, 30, 40], of which the first model has 0.002 more at the
// right half of the first image, a vector that is equal, and one value.
func twoFields() (first, second gives) {
	field := func(more float32) bridge.Named {
		data := make([]float32, 2*2*30*40)
		for i := range data {
			x, y := i%40, i/40%30
			data[i] = float32(x)/40 - float32(y*y)/900
			if i < 30*40 && x >= 20 {
				data[i] += more
			}
		}
		return bridge.Named{Name: "field", Tensor: bridge.NewTensor(data, 2, 2, 30, 40)}
	}
	vector := bridge.Named{Name: "vector", Tensor: bridge.NewTensor([]int64{1, 2, 3}, 3)}
	sum := func(v float64) bridge.Named { return bridge.Named{Name: "sum", Tensor: bridge.NewTensor([]float64{v})} }
	return gives{field(.002), vector, sum(2)}, gives{field(0), vector, sum(2 * (1 + 1e-9))}
}

func writtenForeign(t *testing.T, r *ForeignReport) reporttest.Document {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parity.html")
	require.NoError(t, WriteForeignHTML(path, r))
	return reporttest.Read(t, path)
}

func TestForeignPage(t *testing.T) {
	first, second := twoFields()
	d := writtenForeign(t, foreignOf(t, first, second, 0))
	require.Equal(t, []string{"Parity of two exported models"}, d.Texts("h1"))
	require.Equal(t, []string{"Who was compared", "Outputs", "Figures", "Runtimes compared with themselves", "Files", "Settings"}, d.Texts("h2"))
	require.Equal(t, []string{"field"}, d.Texts("h3"), "a vector and a value are no images")
	// The largest value is 39/40 + 0.002, of the second 39/40: 0.002/0.975 is 21 times 1e-4.
	require.Equal(t, []string{"Outside the limit, in 1 of 3 outputs that are judged. field: 21 × limit"}, byClass(d, "div", "outside"))
	for _, says := range []string{
		"ptycho test, 1 March 2026, 12:00:00 UTC", "A processor", "/models/exported", "/a/long/path/to/libtorch_cpu.so", "&lt; 0.1", "1.2",
		"/data/arrays.npz", "12\u202f345", strings.Repeat("4e", 32), strings.Repeat("5f", 32), strings.Repeat("6a", 32), strings.Repeat("3d", 32),
		"renamed", "a = b, x = input", "in this process instead of its own", ofForeign.Reason, "[0, 0, :, :] of the shape 2 × 2 × 30 × 40. The difference is tensorflow minus pytorch.",
		"Relative distance 0.0021, outside the limit of 0.0001.",
	} {
		require.True(t, strings.Contains(d.Source, says), says)
	}
	require.NotContains(t, d.Source, "object pixels")
	require.NotContains(t, d.Source, "NaN")

	images := d.All("img")
	require.Len(t, images, 6, "each picture has a colour bar")
	require.Equal(t, "tensorflow: 30 rows, 40 columns", images[0].Attributes["alt"])
	require.Equal(t, "Difference: 30 rows, 40 columns", images[4].Attributes["alt"])
	require.Contains(t, d.Source, "<span>10⁻³</span>")
	redder := func(c color.Color) int {
		r, _, b, _ := c.RGBA()
		return (int(r) - int(b)) / 257
	}
	difference := reporttest.Decoded(t, images[4])
	require.Greater(t, redder(difference.At(30, 5)), 80, "0.002 more in the first")
	require.Less(t, redder(difference.At(5, 25)), 5, "nothing at the left")
	// One range for both, which runs to the right and upwards: yellow is more.
	for i := range 2 {
		shown := reporttest.Decoded(t, images[2*i])
		require.Less(t, redder(shown.At(2, 28)), 0, "blue at the bottom left")
		require.Greater(t, redder(shown.At(38, 1)), 100, "yellow at the top right")
	}
}

// TestForeignPageWithin: all outputs are equal, and the difference says so.
func TestForeignPageWithin(t *testing.T) {
	first, _ := twoFields()
	d := writtenForeign(t, foreignOf(t, first, first, 0))
	require.Equal(t, []string{"Within the limit, in all 3 outputs that are judged."}, byClass(d, "div", "within"))
	require.Contains(t, d.Source, "Difference: none")
	d = writtenForeign(t, foreignOf(t, first, first, None))
	require.Equal(t, []string{"No verdict: nothing was judged."}, byClass(d, "div", "none"))
	require.Contains(t, byClass(d, "td", "unjudged"), "not judged")
}

// TestForeignPageOdd: values that cannot be drawn, of any size, make no page
// fail; and of very many outputs not all are drawn.
func TestForeignPageOdd(t *testing.T) {
	of := func(values ...float64) bridge.Named {
		return bridge.Named{Name: "y", Tensor: bridge.NewTensor(values, 2, 2)}
	}
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		first, second bridge.Named
		pictures      int
	}{
		"some are no numbers": {of(1, nan, 3, 4), of(1, 2, -inf, 4.5), 3},
		"none is a number":    {of(nan, nan, nan, nan), of(1, 2, 3, 4), 0},
		"nowhere in both":     {of(nan, nan, 1, 1), of(1, 1, inf, nan), 0},
		"the largest":         {of(math.MaxFloat64, 1e299, -1e299, 0), of(-math.MaxFloat64, -1e299, 1e299, 0), 3},
		"the smallest":        {of(5e-324, 0, 0, 0), of(0, 0, 0, 0), 3},
		"constant":            {of(2, 2, 2, 2), of(3, 3, 3, 3), 3},
	} {
		d := writtenForeign(t, foreignOf(t, gives{c.first}, gives{c.second}, 0))
		require.Len(t, d.All("img"), 2*c.pictures, name)
		if c.pictures == 0 {
			require.Contains(t, d.Source, "No pictures: no pixel of [:, :] has a finite number below 10³⁰⁰ in both.", name)
		}
	}

	var first, second gives
	for i := range 15 {
		name := string(rune('a' + i))
		first = append(first, bridge.Named{Name: name, Tensor: bridge.NewTensor([]float32{1, 2, 3, 4 + float32(i)}, 2, 2)})
		second = append(second, bridge.Named{Name: name, Tensor: bridge.NewTensor([]float32{1, 2, 3, 4}, 2, 2)})
	}
	d := writtenForeign(t, foreignOf(t, first, second, 0))
	require.Equal(t, strings.Split("onmlkjihgfed", ""), d.Texts("h3"), "the furthest apart")
	require.Contains(t, d.Source, "The 12 outputs that are nearest to their limits are drawn; 3 more are not.")
}

// TestForeignPageFailed: a process that ended comes before all else, and an
// empty report is a page.
func TestForeignPageFailed(t *testing.T) {
	failed := FailForeign(RuntimeFailure{"pytorch", "signal: segmentation fault\nin the library"})
	failed.Models[0].Backend, failed.Models[1].Backend = "tensorflow", "pytorch"
	d := writtenForeign(t, failed)
	require.Equal(t, []string{"No verdict: pytorch did not come to the end."}, byClass(d, "div", "none"))
	require.Equal(t, []string{"signal: segmentation fault\nin the library"}, d.Texts("pre"))
	require.Equal(t, []string{"What failed", "Who was compared", "Settings"}, d.Texts("h2"))
	require.Equal(t, "No verdict: nothing was judged.", byClass(writtenForeign(t, &ForeignReport{}), "div", "none")[0])
}

func TestForeignPageEscapes(t *testing.T) {
	const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.Title}}</style>`
	first, second := twoFields()
	first[0].Name, second[0].Name = hostile, hostile
	r := foreignOf(t, first, second, 0)
	info := bridge.Info{Backend: hostile, Version: hostile, Path: hostile, Device: hostile, Setting: hostile}
	r.Models[0] = ForeignRuntime{Runtime{info, hostile, 1}, hostile, []File{{hostile, 1, hostile}}}
	r.Program, r.Data, r.Machine = hostile, File{hostile, 1, hostile}, Machine{hostile, hostile, 1, hostile}
	r.Settings.Signature, r.Settings.Map = hostile, map[string]string{hostile: hostile}
	r.Notes, r.Failures, r.Repeats = []string{hostile}, []RuntimeFailure{{hostile, hostile}}, []Repeat{{Backend: hostile, What: hostile, Where: hostile}}
	d := writtenForeign(t, r) // which checks that nothing but the template made elements
	require.Equal(t, []string{hostile}, d.Texts("pre"))
	require.Equal(t, []string{hostile}, d.Texts("h3"))
}

// TestForeignPageInBrowser: a browser shows the pages without a fault.
func TestForeignPageInBrowser(t *testing.T) {
	open := reporttest.Browser(t)
	first, second := twoFields()
	first[1].Name, second[1].Name = strings.Repeat("name", 60), strings.Repeat("name", 60)
	for name, r := range map[string]*ForeignReport{
		"outside": foreignOf(t, first, second, 0), "failed": FailForeign(RuntimeFailure{"pytorch", strings.Repeat("along/", 100)}),
	} {
		path := filepath.Join(t.TempDir(), "parity.html")
		require.NoError(t, WriteForeignHTML(path, r))
		require.Empty(t, open(path), name)
	}
}

// TestImageAxis: rows and columns are found with channels before or behind them
// and in batches of any size.
func TestImageAxis(t *testing.T) {
	for _, c := range []struct {
		shape graph.Shape
		axis  int
		place string
	}{
		{graph.Shape{30, 40}, 0, "[:, :]"},
		{graph.Shape{8, 30, 40}, 1, "[0, :, :]"},
		{graph.Shape{64, 64, 64}, 1, "[0, :, :]"},
		{graph.Shape{8, 64, 48, 1}, 1, "[0, :, :, 0]"},
		{graph.Shape{8, 64, 64, 128}, 1, "[0, :, :, 0]"},
		{graph.Shape{8, 128, 64, 64}, 2, "[0, 0, :, :]"},
		{graph.Shape{64, 1, 64, 64}, 2, "[0, 0, :, :]"},
		{graph.Shape{1, 3, 64, 48, 2}, 2, "[0, 0, :, :, 0]"},
	} {
		require.Equal(t, c.axis, imageAxis(c.shape), c.shape)
		require.Equal(t, c.place, place(c.shape, c.axis))
	}
	for _, none := range []graph.Shape{nil, {5}, {5, 1}, {1, 5}, {1, 1, 7, 1}} {
		require.Equal(t, -1, imageAxis(none), none)
	}
	// [2, 3, 4, 2] holds 0, 1, 2, …; [0, :, :, 0] is every other one of the first 24.
	data := make([]int32, 48)
	for i := range data {
		data[i] = int32(i)
	}
	im := firstImage(bridge.NewTensor(data, 2, 3, 4, 2), imageAxis(graph.Shape{2, 3, 4, 2}))
	require.Equal(t, []int{3, 4}, []int{im.Rows, im.Cols})
	require.Equal(t, []float64{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}, im.Values)
}

// TestForeignTable: 80 columns, whatever the figures are, and long names on
// lines of their own.
func TestForeignTable(t *testing.T) {
	first, second := twoFields()
	first[1].Name, second[1].Name = "a_name_of_more_than_its_columns", "a_name_of_more_than_its_columns"
	first[2].Data, second[2].Data = []float64{math.NaN()}, []float64{1}
	var b bytes.Buffer
	require.NoError(t, WriteForeignTable(&b, foreignOf(t, first, second, 0)))
	text := b.String()
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 81, line)
	}
	for _, says := range []string{
		"A  /models/exported\n   tensorflow 2.21.0 on cpu, 2 threads\nB  /models/exported.pt\n   pytorch 2.15.0 on cpu, 2 threads\n",
		"\na_name_of_more_than_its_columns\n                       int64           0         0 100.0 %  ok\n",
		"\nsum                    float64 no number no number   0.0 %  OFF, allowed 1.0e-08\n",
		"\npytorch in this process instead of its own: the same bits\nOutside the limit, in 2 of 3 outputs that are judged.\n",
	} {
		require.Contains(t, text, says)
	}
	b.Reset()
	require.NoError(t, WriteForeignTable(&b, FailForeign(RuntimeFailure{"pytorch", "it\nended"})))
	require.Equal(t, "pytorch did not finish:\n  it\n  ended\nNo verdict: pytorch did not come to the end.\n", b.String())
}

// TestAgainForeign: the second run of a model has other bits in one output.
func TestAgainForeign(t *testing.T) {
	first, second := twoFields()
	r := AgainForeign("again", bridge.Info{Backend: "pytorch", Threads: 2}, first, second)
	require.Equal(t, Repeat{Backend: "pytorch", What: "again", Threads: 2, Figures: 3, Different: 2, Largest: r.Largest, Where: "field"}, r)
	require.InDelta(t, .002/.975, r.Largest, 1e-6)
	require.True(t, AgainForeign("again", bridge.Info{}, first, first).Equal)
	require.False(t, AgainForeign("again", bridge.Info{}, first, first[:2]).Equal)
}
