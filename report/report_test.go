package report

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// counting is an image whose values rise row by row.
func counting(rows, cols int) Image {
	im := Image{Title: "Counting", Unit: "rad", Rows: rows, Cols: cols, OriginX: -3, OriginY: 100}
	for i := range rows * cols {
		im.Values = append(im.Values, float64(i))
	}
	return im
}

func read(t *testing.T, path string) image.Image {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // it was only read
	picture, err := png.Decode(file)
	require.NoError(t, err)
	return picture
}

func written(t *testing.T, rows ...[]Image) image.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picture.png")
	require.NoError(t, WriteComparison(path, rows))
	return read(t, path)
}

func rgba(c color.Color) color.RGBA { return color.RGBAModel.Convert(c).(color.RGBA) }

// TestOrientation: of a dark image with one bright pixel at row 1, column 8 of
// 10×10, the bright part of the picture lies at the top right.
func TestOrientation(t *testing.T) {
	im := counting(10, 10)
	clear(im.Values)
	im.Values[1*10+8], im.Min, im.Max = 1, 0, 1
	path := filepath.Join(t.TempDir(), "picture.png")
	require.NoError(t, WriteImage(path, im))
	picture := read(t, path)
	dark, bright := where(picture, rgb(0x440154)), where(picture, rgb(0xfde725))
	require.Equal(t, 64, bright.Dx(), "a tenth of 640")
	require.Equal(t, 64, bright.Dy())
	require.Equal(t, image.Pt(8*64, 1*64), bright.Min.Sub(dark.Min))
}

// where is the bounding box of a colour in a picture's left part, which has no
// colour bar.
func where(picture image.Image, shade color.RGBA) image.Rectangle {
	var box image.Rectangle
	for y := range picture.Bounds().Dy() {
		for x := range 5*16 + 640 {
			if rgba(picture.At(x, y)) == shade {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}

// TestPixels: every screen pixel of a square has the colour of its value, and
// around all of them lies the frame.
func TestPixels(t *testing.T) {
	for _, palette := range []Palette{Viridis, Gray} {
		im := counting(7, 11)
		im.Min, im.Max, im.Palette = 3, 70, palette
		im.Valid = make([]bool, 77)
		for i := range im.Valid {
			im.Valid[i] = i != 30
		}
		im.Values[30] = math.NaN() // not valid, so it does no harm
		f, err := newFigure([][]Image{{im}})
		require.NoError(t, err)
		require.Equal(t, []int{11 * 58, 7 * 58}, []int{f.width, f.height}, "640/11 = 58.2")
		picture := written(t, []Image{im})
		at := f.place(0, 0)
		for v := range f.height {
			for u := range f.width {
				i := v/58*11 + u/58
				want := palette.at((min(max(float64(i), 3), 70) - 3) / 67)
				if i == 30 {
					want = palette.missing()
				}
				if got := rgba(picture.At(at.X+u, at.Y+v)); got != want {
					require.Equal(t, want, got, "row %d, column %d", i/11, i%11)
				}
			}
		}
		for _, corner := range []image.Point{{-1, -1}, {f.width, -1}, {-1, f.height}, {f.width, f.height}} {
			require.Equal(t, ink, rgba(picture.At(at.X+corner.X, at.Y+corner.Y)))
		}
	}
}

// TestColourBar: the bar's colours fall from top to bottom, and its lowest and
// highest are those of the range.
func TestColourBar(t *testing.T) {
	im := counting(8, 8)
	f, err := newFigure([][]Image{{im}})
	require.NoError(t, err)
	picture := written(t, []Image{im})
	at := f.barPlace(0)
	last := 256.
	for v := range f.bar() {
		light := lightness(rgba(picture.At(at.X+f.size/2, at.Y+v)))
		require.LessOrEqual(t, light, last+1, "but for rounding to 8 bits")
		last = light
	}
	require.Equal(t, rgb(0xfde725), rgba(picture.At(at.X, at.Y)))
	require.Equal(t, rgb(0x440154), rgba(picture.At(at.X, at.Y+f.bar()-1)))
}

// lightness is the luma of a colour, 0 to 255.
func lightness(c color.RGBA) float64 {
	return .2126*float64(c.R) + .7152*float64(c.G) + .0722*float64(c.B)
}

// TestPalettes: lightness rises with the value, and pixels without one have a
// colour that no value has.
func TestPalettes(t *testing.T) {
	for _, palette := range []Palette{Viridis, Gray} {
		last, nearest := -1., math.Inf(1)
		for i := range 201 {
			shade, missing := palette.at(float64(i)/200), palette.missing()
			require.Greater(t, lightness(shade), last)
			last = lightness(shade)
			distance := func(a, b uint8) float64 { return math.Abs(float64(a) - float64(b)) }
			nearest = min(nearest, distance(shade.R, missing.R)+distance(shade.G, missing.G)+distance(shade.B, missing.B))
		}
		require.Greater(t, nearest, 35.)
	}
	// Matplotlib 3's viridis at i/255, within the steps of 17 stops.
	for i, want := range map[int]uint32{0: 0x440154, 20: 0x481d6f, 77: 0x34608d, 100: 0x2a768e, 190: 0x5ac864, 235: 0xcae11f, 255: 0xfde725} {
		got, hex := Viridis.at(float64(i)/255), rgb(want)
		require.InDelta(t, hex.R, got.R, 3, i)
		require.InDelta(t, hex.G, got.G, 3, i)
		require.InDelta(t, hex.B, got.B, 3, i)
	}
}

// TestDifferencePalette: values of either sign lie on either side of white,
// darker the further they are from 0, and below is blue.
func TestDifferencePalette(t *testing.T) {
	require.Equal(t, rgb(0xffffff), Difference.at(.5))
	for _, end := range []float64{0, 1} {
		last := 256.
		for i := range 101 {
			shade := Difference.at(.5 + (end-.5)*float64(i)/100)
			require.Less(t, lightness(shade), last)
			require.Equal(t, end == 0, shade.B > shade.R || i == 0 && end == 0)
			last = lightness(shade)
		}
	}
}

// TestWords: title, unit, axis names and labels leave ink where they belong.
func TestWords(t *testing.T) {
	im := counting(10, 20)
	f, err := newFigure([][]Image{{im}})
	require.NoError(t, err)
	at, picture := f.place(0, 0), written(t, []Image{im})
	bare := im
	bare.Title, bare.Unit = "", ""
	without := written(t, []Image{bare})
	above := image.Rect(at.X, 0, at.X+f.width, at.Y-f.stroke())
	beside := image.Rect(at.X+f.width+f.size/2, 0, picture.Bounds().Dx(), at.Y-f.stroke())
	require.Greater(t, inked(picture, above), 100)
	require.Zero(t, inked(without, above))
	require.Greater(t, inked(picture, beside), 30)
	require.Zero(t, inked(without, beside))
	require.Greater(t, inked(picture, image.Rect(0, at.Y, f.size*2, at.Y+f.height)), 100, "name of y")
	require.Greater(t, inked(picture, image.Rect(at.X-f.size*5/2, at.Y, at.X-f.size/2, at.Y+f.height)), 100, "labels of y")
	require.Greater(t, inked(picture, image.Rect(at.X, at.Y+f.height+f.size/2, at.X+f.width, at.Y+f.height+f.size*3/2)), 100, "labels of x")
	require.Greater(t, inked(picture, image.Rect(at.X, at.Y+f.height+f.size*3/2, at.X+f.width, picture.Bounds().Dy())), 100, "name of x")
}

func inked(picture image.Image, r image.Rectangle) int {
	count := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if rgba(picture.At(x, y)).G < 128 {
				count++
			}
		}
	}
	return count
}

// TestTickMarks: columns −3 … 7 have ticks at every second one, below the
// middles of their pixels, and rows 100 … 104 at each.
func TestTickMarks(t *testing.T) {
	im := counting(5, 11)
	f, err := newFigure([][]Image{{im}})
	require.NoError(t, err)
	at, picture := f.place(0, 0), written(t, []Image{im})
	var columns, rows []int
	for u := range f.width {
		if rgba(picture.At(at.X+u, at.Y+f.height+f.size/4)) == ink {
			columns = append(columns, u)
		}
	}
	for v := range f.height {
		if rgba(picture.At(at.X-f.size/4, at.Y+v)) == ink {
			rows = append(rows, v)
		}
	}
	require.Equal(t, []int{1*58 + 29, 3*58 + 29, 5*58 + 29, 7*58 + 29, 9*58 + 29}, columns, "columns −2, 0, 2, 4, 6")
	require.Equal(t, []int{29, 58 + 29, 2*58 + 29, 3*58 + 29, 4*58 + 29}, rows)
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		n         int
		smallest  float64
		want      string
	}{
		{0, 1, 5, 0, "0 0.2 0.4 0.6 0.8 1.0"},
		{36, 200, 8, 1, "50 100 150 200"},
		{36, 200, 9, 1, "40 60 80 100 120 140 160 180 200"},
		{-.95, .59, 8, 0, "−0.8 −0.6 −0.4 −0.2 0 0.2 0.4"},
		{-3.2, 3.1, 7, 0, "−3 −2 −1 0 1 2 3"},
		{.9, 1.02, 3, 0, "0.90 0.95 1.00"},
		{0, 3, 20, 1, "0 1 2 3"},
		{7, 7, 5, 1, "7"},
		{0, 3e-8, 3, 0, "0 1e−08 2e−08 3e−08"},
		{0, 4e6, 2, 0, "0 2e+06 4e+06"},
		{1e15, 1e15 + .25, 4, 0, "1e+15 1e+15 1e+15"},
	} {
		var labels []string
		for _, tick := range ticks(c.low, c.high, c.n, c.smallest) {
			require.GreaterOrEqual(t, tick.value, c.low-1e-12*math.Abs(c.low))
			require.LessOrEqual(t, tick.value, c.high+1e-12*math.Abs(c.high))
			labels = append(labels, tick.label)
		}
		require.Equal(t, c.want, strings.Join(labels, " "), "%g … %g", c.low, c.high)
	}
}

// TestRange: of the values 0 … 1000 the percentiles 0.5 and 99.5 are 5 and 995,
// whatever the outliers beyond.
func TestRange(t *testing.T) {
	im := counting(7, 143) // 1001 values
	im.Values[0], im.Values[1000] = -1e9, 1e9
	low, high, err := colourRange([]Image{im})
	require.NoError(t, err)
	require.Equal(t, []float64{5, 995}, []float64{low, high})

	im.Valid = make([]bool, 1001)
	for i := 100; i <= 300; i++ {
		im.Valid[i] = true // 201 values, of which the second and the second to last count
	}
	low, high, err = colourRange([]Image{im})
	require.NoError(t, err)
	require.Equal(t, []float64{101, 299}, []float64{low, high})

	im.Min, im.Max = -1, 2
	low, high, err = colourRange([]Image{im})
	require.NoError(t, err)
	require.Equal(t, []float64{-1, 2}, []float64{low, high})

	for value, want := range map[float64][]float64{0: {-1, 1}, 4: {2, 6}, -4: {-6, -2}} {
		low, high, err = colourRange([]Image{{Rows: 1, Cols: 2, Values: []float64{value, value}}})
		require.NoError(t, err)
		require.Equal(t, want, []float64{low, high})
	}
}

// TestSharedColours: a value has one colour in all panels of a row, though one
// of them has the larger range, and another one in the next row.
func TestSharedColours(t *testing.T) {
	a, b := counting(6, 8), counting(6, 8)
	for i := range b.Values {
		b.Values[i] = 2 * float64(i)
	}
	b.Palette = Gray // of no account beside a
	rows := [][]Image{{a, b}, {b, b}}
	f, err := newFigure(rows)
	require.NoError(t, err)
	picture := written(t, rows...)
	shade := func(r, c, i int) color.RGBA {
		side := f.width / 8
		at := f.place(r, c).Add(image.Pt(i%8*side+side/2, i/8*side+side/2))
		return rgba(picture.At(at.X, at.Y))
	}
	require.Equal(t, shade(0, 0, 40), shade(0, 1, 20), "the value 40")
	require.Equal(t, shade(0, 0, 18), shade(0, 1, 9))
	require.NotEqual(t, shade(0, 0, 20), shade(0, 1, 20))
	require.Equal(t, shade(1, 0, 33), shade(1, 1, 33))
	require.NotEqual(t, shade(0, 0, 33), shade(1, 0, 33))
}

func TestSizes(t *testing.T) {
	for _, c := range []struct{ rows, cols, width, height int }{
		{166, 165, 660, 664},     // 4 screen pixels each
		{1000, 300, 600, 2000},   // 2
		{2048, 10, 20, 4096},     // 2 just fit
		{2049, 100, 100, 2049},   // 1
		{4096, 4096, 4096, 4096}, // 1
		{8192, 2000, 1000, 4096}, // every second
		{1, 100000, 4096, 1},     //
		{1, 1, 640, 640},         //
	} {
		width, height := pixelSize(c.rows, c.cols, sideAlone)
		require.Equal(t, []int{c.width, c.height}, []int{width, height}, "%d×%d", c.rows, c.cols)
	}
	for _, c := range []struct{ rows, cols int }{{1, 1}, {1, 900}, {900, 1}, {3, 200}} {
		im := counting(c.rows, c.cols)
		im.Title = "A title that is longer than a narrow picture is wide"
		picture := written(t, []Image{im})
		f, err := newFigure([][]Image{{im}})
		require.NoError(t, err)
		require.GreaterOrEqual(t, picture.Bounds().Dx(), f.width)
		require.GreaterOrEqual(t, picture.Bounds().Dy(), f.height)
	}
}

func TestErrors(t *testing.T) {
	with := func(edit func(im *Image)) [][]Image {
		im := counting(3, 4)
		edit(&im)
		return [][]Image{{im}}
	}
	for _, c := range []struct {
		name string
		rows [][]Image
		want string
	}{
		{"none", nil, "there are no images; expected at least one"},
		{"none in the row", [][]Image{{}}, "there are no images; expected at least one"},
		{"uneven rows", [][]Image{{counting(3, 4), counting(3, 4)}, {counting(3, 4)}}, "rows have 2 and 1 images; expected as many in each"},
		{"unlike sizes", [][]Image{{counting(3, 4), counting(4, 3)}}, "images have 3×4 and 4×3 pixels; expected one size"},
		{"no rows", with(func(im *Image) { im.Rows = 0 }), "image has 0 rows and 4 columns; expected at least 1 of both"},
		{"values", with(func(im *Image) { im.Rows = 2 }), "image has 12 values; expected 2 rows of 4 columns"},
		{"valid", with(func(im *Image) { im.Valid = make([]bool, 5) }), "image has 5 marks of valid pixels; expected 12, one for each value, or none"},
		{"palette", with(func(im *Image) { im.Palette = 7 }), "image has palette 7; expected one of this package"},
		{"NaN", with(func(im *Image) { im.Values[6] = math.NaN() }), "image has the value NaN at row 1, column 2; expected finite values"},
		{"Inf", with(func(im *Image) { im.Values[11] = math.Inf(1) }), "image has the value +Inf at row 2, column 3; expected finite values"},
		{"no valid pixel", with(func(im *Image) { im.Valid = make([]bool, 12) }), "no pixel has a value; expected at least one"},
		{"range reversed", with(func(im *Image) { im.Min, im.Max = 2, 1 }), "colours range from 2 to 1; expected two finite values, the lower first"},
		{"range NaN", with(func(im *Image) { im.Min = math.NaN() }), "colours range from NaN to 0; expected two finite values, the lower first"},
		{"range infinite", with(func(im *Image) { im.Min, im.Max = -math.MaxFloat64, math.MaxFloat64 }), "colours range from -1.7976931348623157e+308 to 1.7976931348623157e+308; expected two finite values, the lower first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "picture.png")
			require.NoError(t, os.WriteFile(path, []byte("what was there"), 0o600))
			require.EqualError(t, WriteComparison(path, c.rows), "report: write comparison: "+path+": "+c.want)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "what was there", string(content))
		})
	}
	path := filepath.Join(t.TempDir(), "no such directory", "picture.png")
	err := WriteImage(path, counting(3, 4))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "report: write image: "+path)
}

// TestFile: the same image gives the same bytes, in place of what was there and
// with nothing left beside; where the name is taken by a directory, nothing is
// left either.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "picture.png")
	require.NoError(t, WriteImage(path, counting(3, 4)))
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, WriteImage(path, counting(3, 4)))
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, first, second)

	taken := filepath.Join(dir, "taken")
	require.NoError(t, os.MkdirAll(filepath.Join(taken, "something"), 0o700))
	require.Error(t, WriteImage(taken, counting(3, 4)))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
}
