package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// Options say how a file is to be read. The zero value takes it as it is. All but
// Kind change positions only: objectGuess and Y stay as they are in the file.
type Options struct {
	// Kind says what the patterns hold: KindAmplitude, KindIntensity, or
	// KindAuto, which looks at them; empty means auto.
	Kind string
	// FlipX turns x into −x, FlipY y into −y; SwapXY then exchanges them.
	FlipX, FlipY, SwapXY bool
	// CoordScale then multiplies both; 0 means 1.
	CoordScale float64
}

func (o Options) check() error {
	switch o.Kind {
	case "", KindAuto, KindAmplitude, KindIntensity:
	default:
		return fmt.Errorf("option kind: found %q; expected %s, %s or %s", o.Kind, KindAuto, KindAmplitude, KindIntensity)
	}
	if o.CoordScale < 0 || !finite(o.CoordScale) {
		return fmt.Errorf("option coord_scale: found %g; expected a number above 0", o.CoordScale)
	}
	return nil
}

// Load reads a scan from an NPZ file:
//
//	diffraction or diff3d      (n, N, N) or (N, N, n), or either with a trailing axis of 1
//	xcoords, ycoords           (n)
//	probeGuess                 (N, N), or (P, N, N) with P ≤ N/2 modes
//	objectGuess                (H, W), optional
//	Y                          shaped as the patterns, optional
//	scan_index, xcoords_start, ycoords_start   (n), optional
//	_metadata                  a JSON object as unicode text, optional
//
// Numbers may have any real or complex dtype. Where n = N the patterns are
// taken as (n, N, N), with a warning. A file may hold both names of the
// patterns only where both hold the same. The side N is any even number from 8
// on. Options change the positions and nothing else, in the order flip, swap,
// scale.
//
// Warnings are in the result. Errors name file, key, found and expected: a
// missing key; an object array, which is never unpickled (as _metadata it is
// skipped with a warning); shapes that do not agree; numbers that are not
// finite, or negative in a pattern; a pattern or a probe of zeros; more
// probe modes than N/2; a kind that the patterns contradict; all that npz.Open
// and npz.Read find.
func Load(path string, o Options) (*Raw, error) {
	l, err := newLoader(path, o)
	if err != nil {
		return nil, err
	}
	l.readPatterns = l.allPatterns
	if err := errors.Join(l.load(), l.close()); err != nil {
		return nil, fmt.Errorf("dataset: load: %w", err)
	}
	return l.raw, nil
}

// loader reads a scan.
type loader struct {
	file         *npz.File
	options      Options
	raw          *Raw
	readPatterns func() error
	withoutY     bool

	beside      sync.WaitGroup         // what is done while other things are read
	hash        func() (string, error) // waits for it
	readPatches func() ([]complex64, error)
}

func newLoader(path string, o Options) (*loader, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("dataset: load: %s: %w", path, err)
	}
	file, err := npz.Open(path)
	if err != nil {
		return nil, fmt.Errorf("dataset: load: %w", err)
	}
	return &loader{file: file, options: o, raw: &Raw{Path: path}}, nil
}

// close closes the file, which ends what is still done beside.
func (l *loader) close() error {
	defer l.beside.Wait()
	return l.file.Close()
}

// ahead begins to do something beside, and gives what waits for its result.
func ahead[T any](l *loader, do func() (T, error)) func() (T, error) {
	var result T
	var err error
	done := make(chan struct{})
	l.beside.Go(func() {
		result, err = do()
		close(done)
	})
	return func() (T, error) {
		<-done
		return result, err
	}
}

// load reads positions first: their number tells which axis of the patterns
// counts them.
func (l *loader) load() error {
	for _, step := range []func() error{
		l.required, l.numbers, l.positions, l.begin, l.readPatterns, l.probe, l.object, l.patches, l.scanIndex, l.metadata, l.unread, l.hashed,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	l.transform()
	if err := l.fault(keyX, errors.Join(checkPositions(l.raw.X), checkPositions(l.raw.Y))); err != nil {
		return err
	}
	if doubt := doubtUnits(l.raw.X, l.raw.Y, l.raw.N); doubt != "" {
		l.warn(keyX, "%s", doubt)
	}
	return nil
}

// fault adds file and key to an error.
func (l *loader) fault(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: key %q: %w", l.raw.Path, key, err)
}

func (l *loader) warn(key, format string, args ...any) {
	text := fmt.Sprintf("%s: key %q: ", l.raw.Path, key) + fmt.Sprintf(format, args...)
	l.raw.Warnings = append(l.raw.Warnings, text)
}

func (l *loader) has(key string) bool {
	_, ok := l.file.Member(key)
	return ok
}

// begin begins with what takes long, whichever array it is about: the hash, and
// Y, since a deflated array keeps one processor busy.
func (l *loader) begin() error {
	l.hash = ahead(l, l.file.SHA256)
	if l.has(keyPatches) && !l.withoutY {
		l.readPatches = ahead(l, func() ([]complex64, error) { return npz.Read[complex64](l.file, keyPatches) })
	}
	return nil
}

func (l *loader) hashed() (err error) {
	l.raw.SHA256, err = l.hash()
	return err
}

// numbers refuses arrays that hold anything else, whatever their shape.
func (l *loader) numbers() error {
	for _, m := range l.file.Members() {
		if !slices.Contains(keys, m.Key) {
			continue
		}
		switch {
		case m.Pickled():
			return l.fault(m.Key, fmt.Errorf("found an object array (dtype %q), which is pickled Python and is never read; expected numbers", m.Descr))
		case m.Text():
			return l.fault(m.Key, errors.New("found text; expected numbers"))
		}
	}
	return nil
}

// required names all missing keys at once.
func (l *loader) required() error {
	var missing []string
	if !l.has(keyPatterns) && !l.has(keyOld) {
		missing = append(missing, keyPatterns+" (or "+keyOld+")")
	}
	for _, key := range []string{keyX, keyY, keyProbe} {
		if !l.has(key) {
			missing = append(missing, key)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("%s: missing key %s; found %.300q", l.raw.Path, strings.Join(missing, ", "), l.file.Keys())
}

func (l *loader) positions() (err error) {
	if l.raw.X, err = l.column(keyX, -1); err != nil {
		return err
	}
	if len(l.raw.X) == 0 {
		return l.fault(keyX, errors.New("found no positions; expected at least 1"))
	}
	if l.raw.Y, err = l.column(keyY, l.raw.Len()); err != nil {
		return err
	}
	for _, key := range []string{keyStartX, keyStartY} {
		if l.has(key) {
			if _, err := l.column(key, l.raw.Len()); err != nil {
				return err
			}
		}
	}
	return nil
}

// column reads positions [n]; n < 0 takes any number.
func (l *loader) column(key string, n int) ([]float64, error) {
	if err := l.checkColumn(key, n); err != nil {
		return nil, err
	}
	values, err := npz.Read[float64](l.file, key)
	if err != nil {
		return nil, err
	}
	return values, l.fault(key, checkPositions(values))
}

func (l *loader) checkColumn(key string, n int) error {
	m, _ := l.file.Member(key)
	switch {
	case n < 0 && len(m.Shape) != 1:
		return l.fault(key, fmt.Errorf("found shape %v; expected one axis, a number for each pattern", m.Shape))
	case n >= 0 && (len(m.Shape) != 1 || m.Shape[0] != n):
		return l.fault(key, fmt.Errorf("found shape %v; expected [%d] as %s has", m.Shape, n, keyX))
	}
	return nil
}

func (l *loader) probe() error {
	m, _ := l.file.Member(keyProbe)
	side := l.raw.N
	shape := m.Shape
	if len(shape) == 2 {
		shape = append([]int{1}, shape...)
	}
	if len(shape) != 3 || shape[1] != side || shape[2] != side {
		return l.fault(keyProbe, fmt.Errorf("found shape %v; expected [%d %d], the size of the patterns, or [modes %d %d]", m.Shape, side, side, side, side))
	}
	err := checkModes(shape[0], side)
	if err != nil {
		return l.fault(keyProbe, err)
	}
	if l.raw.Probe, err = npz.Read[complex64](l.file, keyProbe); err != nil {
		return err
	}
	return l.fault(keyProbe, checkProbe(l.raw.Probe, side))
}

func (l *loader) object() error {
	m, ok := l.file.Member(keyObject)
	if !ok {
		return nil
	}
	if len(m.Shape) != 2 || m.Len() == 0 {
		return l.fault(keyObject, fmt.Errorf("found shape %v; expected (rows, columns)", m.Shape))
	}
	data, err := npz.Read[complex64](l.file, keyObject)
	if err != nil {
		return err
	}
	l.raw.Object = &Image{Rows: m.Shape[0], Cols: m.Shape[1], Data: data}
	return l.fault(keyObject, checkFinite(data))
}

func (l *loader) scanIndex() error {
	if !l.has(keyScan) {
		l.raw.ScanIndex = make([]int64, l.raw.Len())
		return nil
	}
	if err := l.checkColumn(keyScan, l.raw.Len()); err != nil {
		return err
	}
	var err error
	l.raw.ScanIndex, err = npz.Read[int64](l.file, keyScan)
	return err
}

func (l *loader) metadata() error {
	m, ok := l.file.Member(keyMetadata)
	if !ok {
		return nil
	}
	if m.Pickled() {
		l.warn(keyMetadata, "it is a pickled Python object, which is never read, so its settings do not count; to use them save it as JSON text")
		return nil
	}
	if !m.Text() || m.Len() != 1 {
		return l.fault(keyMetadata, fmt.Errorf("found dtype %.40q of shape %v; expected one unicode text that holds JSON", m.Descr, m.Shape))
	}
	texts, err := l.file.Strings(keyMetadata)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(texts[0]), &l.raw.Metadata); err != nil {
		return l.fault(keyMetadata, fmt.Errorf("found text that is no JSON object; expected one such as {\"nphotons\": 1e9}: %w", err))
	}
	return nil
}

// unread warns of pickled arrays that nothing here asks for.
func (l *loader) unread() error {
	for _, m := range l.file.Members() {
		if m.Pickled() && m.Key != keyMetadata {
			l.warn(m.Key, "it is an object array, which is never read")
		}
	}
	return nil
}

// transform changes the positions as the options say.
func (l *loader) transform() {
	o, r := l.options, l.raw
	scale := o.CoordScale
	if scale == 0 {
		scale = 1
	}
	signX, signY := scale, scale
	if o.FlipX {
		signX = -scale
	}
	if o.FlipY {
		signY = -scale
	}
	for i := range r.X {
		r.X[i] *= signX
		r.Y[i] *= signY
	}
	if o.SwapXY {
		r.X, r.Y = r.Y, r.X
	}
}
