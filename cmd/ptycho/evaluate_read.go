package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
	"github.com/ptychobridge/ptychobridge/stitch"
)

// Keys of objects in NPZ files.
const (
	keyReconstructed = "object"      // of a run
	keyGuess         = "objectGuess" // of a data file
)

// found is an object that was read from a file.
type found struct {
	*stitch.Object
	path    string          // of the file
	key     string          // of the array
	scanned image.Rectangle // by the positions of the file; the whole object where it has none
}

// readObject reads the object of a run's directory or of an NPZ file: object
// with origin_xy, weight and positions as far as they are there, else
// objectGuess, whose first pixel is (0, 0).
func readObject(path string) (*found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, given(err)
	}
	if info.IsDir() {
		directory := path
		path = filepath.Join(path, fileReconstruction)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s holds no %s; expected the directory of a run that stitched its object", directory, fileReconstruction)
		}
	}
	file, err := npz.Open(path)
	if err != nil {
		return nil, err
	}
	o, err := readFrom(file, path, keyReconstructed, keyGuess)
	return o, errors.Join(err, file.Close())
}

// readFrom reads the first of the arrays that is there.
func readFrom(file *npz.File, path string, keys ...string) (*found, error) {
	o := &found{Object: &stitch.Object{}, path: path}
	for _, key := range keys {
		if _, ok := file.Member(key); ok && o.key == "" {
			o.key = key
		}
	}
	if o.key == "" {
		return nil, fmt.Errorf("%s: missing key %s; found %.300q", path, strings.Join(keys, " or "), file.Keys())
	}
	m, _ := file.Member(o.key)
	if len(m.Shape) != 2 || m.Len() == 0 {
		return nil, fmt.Errorf("%s: key %q: found shape %v; expected (rows, columns)", path, o.key, m.Shape)
	}
	var err error
	o.Rows, o.Cols = m.Shape[0], m.Shape[1]
	if o.Data, err = npz.Read[complex64](file, o.key); err != nil {
		return nil, err
	}
	if o.key == keyReconstructed {
		if err := o.readPlace(file); err != nil {
			return nil, err
		}
	}
	if o.scanned.Empty() {
		o.scanned = image.Rect(0, 0, o.Cols, o.Rows).Add(image.Pt(o.OriginX, o.OriginY))
	}
	return o, nil
}

// readPlace reads what else a reconstruction may hold.
func (o *found) readPlace(file *npz.File) error {
	if m, ok := file.Member("weight"); ok {
		if len(m.Shape) != 2 || m.Shape[0] != o.Rows || m.Shape[1] != o.Cols {
			return fmt.Errorf("%s: key %q: found shape %v; expected [%d %d] as object has", o.path, m.Key, m.Shape, o.Rows, o.Cols)
		}
		var err error
		if o.Weight, err = npz.Read[float32](file, m.Key); err != nil {
			return err
		}
	}
	if m, ok := file.Member("origin_xy"); ok {
		origin, err := npz.Read[int64](file, m.Key)
		if err != nil {
			return err
		}
		if len(origin) != 2 {
			return fmt.Errorf("%s: key %q: found %d numbers; expected two object pixels, x and y", o.path, m.Key, len(origin))
		}
		if max(origin[0], -origin[0], origin[1], -origin[1]) > 1<<30 {
			return fmt.Errorf("%s: key %q: found (%d, %d); expected object pixels", o.path, m.Key, origin[0], origin[1])
		}
		o.OriginX, o.OriginY = int(origin[0]), int(origin[1])
	}
	return o.readPositions(file)
}

func (o *found) readPositions(file *npz.File) error {
	m, ok := file.Member("positions")
	if !ok {
		return nil
	}
	if len(m.Shape) != 2 || m.Shape[1] != 2 {
		return fmt.Errorf("%s: key %q: found shape %v; expected (positions, 2)", o.path, m.Key, m.Shape)
	}
	values, err := npz.Read[float64](file, m.Key)
	if err != nil {
		return err
	}
	var x, y []float64
	for i, v := range values {
		if !(math.Abs(v) < 1<<30) { // NaN fails too
			return fmt.Errorf("%s: key %q: found %g at position %d; expected object pixels", o.path, m.Key, v, i/2)
		}
		if i%2 == 0 {
			x = append(x, v)
		} else {
			y = append(y, v)
		}
	}
	o.scanned = stitch.ScannedArea(x, y)
	return nil
}

// readReference reads the object to compare with.
func (e *evaluation) readReference(object *found) (*found, error) {
	if e.reference != "" {
		return readObject(e.reference)
	}
	input, err := inputOf(filepath.Dir(object.path))
	if err != nil {
		return nil, err
	}
	file, err := npz.Open(input.Path)
	if err != nil {
		return nil, fmt.Errorf("the run's data file: %w; --reference names another one", err)
	}
	defer file.Close() //nolint:errcheck // it is only read
	if hash, err := file.SHA256(); err == nil && input.SHA256 != "" && hash != input.SHA256 {
		e.warn(fmt.Sprintf("%s has changed since the run read it", input.Path))
	}
	reference, err := readFrom(file, input.Path, keyGuess)
	if err != nil {
		return nil, fmt.Errorf("the run's data file: %w; --reference names another object", err)
	}
	return reference, nil
}

// inputOf is the data file whose object the run in a directory reconstructed:
// the test file, or else the training file. A path that leads nowhere from here
// is looked for in the directory.
func inputOf(directory string) (inputRecord, error) {
	content, err := os.ReadFile(filepath.Join(directory, fileRun))
	if errors.Is(err, os.ErrNotExist) {
		return inputRecord{}, fmt.Errorf("%s holds no %s that names the data; --reference names an object to compare with", directory, fileRun)
	}
	if err != nil {
		return inputRecord{}, err
	}
	var run struct {
		Inputs []inputRecord `json:"inputs"`
	}
	path := filepath.Join(directory, fileRun)
	if err := json.Unmarshal(content, &run); err != nil {
		return inputRecord{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(run.Inputs) == 0 || strings.TrimSpace(run.Inputs[len(run.Inputs)-1].Path) == "" {
		return inputRecord{}, fmt.Errorf("%s: key %q names no data file; --reference names an object to compare with", path, "inputs")
	}
	input := run.Inputs[len(run.Inputs)-1]
	if _, err := os.Stat(input.Path); errors.Is(err, os.ErrNotExist) {
		if beside := filepath.Join(directory, filepath.Base(input.Path)); exists(beside) {
			input.Path = beside
		}
	}
	return input, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
