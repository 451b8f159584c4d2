package evaluate

import (
	"encoding/json"
	"image"
)

// Area is a rectangle of object pixels, half-open. As JSON it is
// {"x": [x0, x1], "y": [y0, y1]}, the last ones left out: the numbers of the
// option --area, x along columns and y along rows.
type Area struct{ image.Rectangle }

type sides struct {
	X [2]int `json:"x"`
	Y [2]int `json:"y"`
}

// MarshalJSON is described at Area.
func (a Area) MarshalJSON() ([]byte, error) {
	return json.Marshal(sides{X: [2]int{a.Min.X, a.Max.X}, Y: [2]int{a.Min.Y, a.Max.Y}})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (a *Area) UnmarshalJSON(text []byte) error {
	var b sides
	err := json.Unmarshal(text, &b)
	a.Rectangle = image.Rectangle{Min: image.Pt(b.X[0], b.Y[0]), Max: image.Pt(b.X[1], b.Y[1])}
	return err
}
