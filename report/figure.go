package report

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Sides in screen pixels of what is drawn of one image: about as many in a
// picture of its own and in one of several, and at most so many in any.
const (
	sideAlone = 640
	sideAmong = 480
	maxSide   = 4096
)

var ink = color.RGBA{0x22, 0x22, 0x22, 255}

// figure is a picture of panels in rows. All panels have one size; the panels
// of a row share a colour bar at its end.
type figure struct {
	rows          [][]Image
	low, high     []float64 // of each row's colours
	width, height int       // of a panel's pixels on the screen
	size          int       // of the letters, and the measure of all distances
	canvas        draw.Image
	page          vgdraw.Canvas // the same, for text
}

// pixelSize is the size on the screen of an image of so many pixels: a whole
// number of screen pixels for each, at least 2, as long as it fits.
func pixelSize(rows, cols, side int) (width, height int) {
	longest := max(rows, cols)
	each := max(2, (side+longest/2)/longest)
	if longest > maxSide/each {
		each = 1
	}
	if longest > maxSide {
		return max(1, cols*maxSide/longest), max(1, rows*maxSide/longest)
	}
	return cols * each, rows * each
}

func newFigure(rows [][]Image) (*figure, error) {
	f := &figure{rows: rows}
	for _, row := range rows {
		low, high, err := colourRange(row)
		if err != nil {
			return nil, err
		}
		f.low, f.high = append(f.low, low), append(f.high, high)
	}
	side := sideAlone
	if len(rows)*len(rows[0]) > 1 {
		side = sideAmong
	}
	first := rows[0][0]
	f.width, f.height = pixelSize(first.Rows, first.Cols, side)
	f.size = max(16, max(f.width, f.height)/36)
	return f, nil
}

// corner is the top left of the first panel's pixels. Left of the panels stand
// the axis' name and labels, above them their titles, right of a row its colour
// bar with labels, and below all labels and the axis' name.
func (f *figure) corner() image.Point { return image.Pt(f.size*5, f.size*5/2) }

// place is the top left of the pixels of a row's panel, which stands in the
// middle of its cell where titles or colour bars need more than it.
func (f *figure) place(row, panel int) image.Point {
	cell := f.cell()
	middle := image.Pt((cell.X-f.between()-f.width)/2, (f.bar()-f.height)/2)
	return f.corner().Add(image.Pt(panel*cell.X, row*cell.Y)).Add(middle)
}

// barPlace is the top left of a row's colour bar.
func (f *figure) barPlace(row int) image.Point {
	return f.corner().Add(image.Pt(len(f.rows[row])*f.cell().X-f.size/2, row*f.cell().Y))
}

// between is the distance of two panels in a row.
func (f *figure) between() int { return f.size * 3 / 2 }

// cell is the distance from one panel's corner to the next one's.
func (f *figure) cell() image.Point {
	wide := max(f.width, 8*f.size)
	for _, row := range f.rows {
		for _, im := range row {
			wide = max(wide, int(f.style(f.size).Width(im.Title)))
		}
	}
	return image.Pt(wide+f.between(), f.bar()+f.size*3)
}

// bar is the length of a colour bar.
func (f *figure) bar() int { return max(f.height, 8*f.size) }

// draw gives the finished picture.
func (f *figure) draw() image.Image {
	cell := f.cell()
	width := f.corner().X + cell.X*len(f.rows[0]) + f.size*6
	height := f.corner().Y + cell.Y*len(f.rows) + f.size
	// At 72 dots an inch a point is a pixel.
	page := vgimg.NewWith(vgimg.UseWH(vg.Length(width), vg.Length(height)), vgimg.UseDPI(72))
	f.canvas, f.page = page.Image(), vgdraw.New(page)
	for r, row := range f.rows {
		for c := range row {
			at := f.place(r, c)
			f.panel(&row[c], row[0].Palette, at, f.low[r], f.high[r])
			f.axes(&row[c], at, c == 0, r == len(f.rows)-1)
		}
		f.colourBar(&row[0], f.barPlace(r), f.low[r], f.high[r])
	}
	return f.canvas
}

// panel draws an image's pixels, without smoothing, with a frame and a title.
func (f *figure) panel(im *Image, palette Palette, at image.Point, low, high float64) {
	f.frame(image.Rect(0, 0, f.width, f.height).Add(at))
	for v := range f.height {
		row := v * im.Rows / f.height
		for u := range f.width {
			i := row*im.Cols + u*im.Cols/f.width
			shade := palette.missing()
			if im.valid(i) {
				value := min(max(im.Values[i], low), high)
				shade = palette.at((value - low) / (high - low))
			}
			f.canvas.Set(at.X+u, at.Y+v, shade)
		}
	}
	f.text(im.Title, at.Add(image.Pt(f.width/2, -f.size*2/3)), f.size, text.XCenter, text.YBottom)
}

// axes draws ticks at the centres of object pixels, with labels and names where
// they are not a neighbour's too.
func (f *figure) axes(im *Image, at image.Point, left, bottom bool) {
	small := f.size * 7 / 8
	for _, t := range ticks(float64(im.OriginX), float64(im.OriginX+im.Cols-1), max(1, f.width/(4*f.size)), 1) {
		x := at.X + int((t.value-float64(im.OriginX)+.5)*float64(f.width)/float64(im.Cols))
		f.line(x, at.Y+f.height, x+f.stroke(), at.Y+f.height+f.size/3)
		if bottom {
			f.text(t.label, image.Pt(x, at.Y+f.height+f.size/2), small, text.XCenter, text.YTop)
		}
	}
	for _, t := range ticks(float64(im.OriginY), float64(im.OriginY+im.Rows-1), max(1, f.height/(4*f.size)), 1) {
		y := at.Y + int((t.value-float64(im.OriginY)+.5)*float64(f.height)/float64(im.Rows))
		f.line(at.X-f.size/3, y, at.X, y+f.stroke())
		if left {
			f.text(t.label, image.Pt(at.X-f.size/2, y), small, text.XRight, text.YCenter)
		}
	}
	if bottom {
		f.text("x (object pixels)", at.Add(image.Pt(f.width/2, f.height+f.size*7/4)), small, text.XCenter, text.YTop)
	}
	if left {
		f.upright("y (object pixels)", at.Add(image.Pt(-f.size*4, f.height/2)), small)
	}
}

// colourBar draws the colours of a range, the highest value at the top.
func (f *figure) colourBar(im *Image, at image.Point, low, high float64) {
	length, wide := f.bar(), f.size
	f.frame(image.Rect(0, 0, wide, length).Add(at))
	for v := range length {
		shade := image.NewUniform(im.Palette.at(1 - (float64(v)+.5)/float64(length)))
		draw.Draw(f.canvas, image.Rect(at.X, at.Y+v, at.X+wide, at.Y+v+1), shade, image.Point{}, draw.Src)
	}
	small := f.size * 7 / 8
	for _, t := range ticks(low, high, max(3, length/(4*f.size)), 0) {
		y := at.Y + int(math.Round(float64(length-1)*(high-t.value)/(high-low)))
		f.line(at.X+wide, y, at.X+wide+f.size/3, y+f.stroke())
		f.text(t.label, image.Pt(at.X+wide+f.size/2, y), small, text.XLeft, text.YCenter)
	}
	f.text(im.Unit, at.Add(image.Pt(0, -f.size*2/3)), small, text.XLeft, text.YBottom)
}

// stroke is the width of lines.
func (f *figure) stroke() int { return max(1, f.size/16) }

// frame draws a line around a rectangle, outside of it.
func (f *figure) frame(r image.Rectangle) { f.fill(r.Inset(-f.stroke())) }

func (f *figure) line(left, top, right, bottom int) { f.fill(image.Rect(left, top, right, bottom)) }

func (f *figure) fill(r image.Rectangle) {
	draw.Draw(f.canvas, r, image.NewUniform(ink), image.Point{}, draw.Src)
}

func (f *figure) style(size int) text.Style {
	return text.Style{
		Color:   ink,
		Font:    font.From(font.Font{Typeface: plot.DefaultFont.Typeface, Variant: "Sans"}, vg.Length(size)),
		Handler: plot.DefaultTextHandler,
	}
}

// text writes a line of text beside a point of the screen, on the side that
// the alignments say.
func (f *figure) text(line string, at image.Point, size int, x text.XAlignment, y text.YAlignment) {
	style := f.style(size)
	style.XAlign, style.YAlign = x, y
	f.page.FillText(style, f.point(at), line)
}

// upright writes a line of text that reads upwards, centred on a point.
func (f *figure) upright(line string, at image.Point, size int) {
	style := f.style(size)
	style.XAlign, style.YAlign, style.Rotation = text.XCenter, text.YCenter, math.Pi/2
	f.page.FillText(style, f.point(at), line)
}

// point is a point of the screen for text, whose y goes upwards.
func (f *figure) point(at image.Point) vg.Point {
	return vg.Point{X: vg.Length(at.X), Y: vg.Length(f.canvas.Bounds().Dy() - at.Y)}
}
