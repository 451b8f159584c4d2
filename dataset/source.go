package dataset

import (
	"errors"
	"fmt"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// ErrOrder says that the patterns of a file cannot be read one after the other:
// they are stored as (N, N, n), in Fortran order, or under both keys. Load reads
// such a file.
var ErrOrder = errors.New("patterns do not lie one after the other")

// passValues is how many values of patterns are looked at at a time.
const passValues = 1 << 21

// Source is a scan in a file whose patterns are read when they are asked for, so
// that never all of them are in memory. It is for one goroutine at a time. Whoever
// opens it closes it.
type Source struct {
	loader    *loader
	key       string
	intensity bool // what is stored are squares of amplitudes
	elements  *npz.Elements[float32]
	next      int // pattern that elements reads next
}

// Open opens a file as Load does and passes over its patterns once, with the same
// checks, warnings and errors, and keeps none of them. Of Y only the shape is
// looked at. An error that matches ErrOrder is about a file that only Load reads.
func Open(path string, o Options) (*Source, error) {
	l, err := newLoader(path, o)
	if err != nil {
		return nil, err
	}
	s := &Source{loader: l}
	l.readPatterns, l.withoutY = s.pass, true
	if err := l.load(); err != nil {
		_ = l.close() // the first error counts
		return nil, fmt.Errorf("dataset: load: %w", err)
	}
	return s, nil
}

// pass looks at all patterns.
func (s *Source) pass() error {
	l := s.loader
	s.key = l.patternKey()
	m, _ := l.file.Member(s.key)
	order, err := l.layout(s.key, m)
	if err != nil {
		return err
	}
	if order.last || m.Fortran || s.key == keyPatterns && l.has(keyOld) {
		return l.fault(s.key, ErrOrder)
	}
	if err := s.rewind(); err != nil {
		return err
	}
	size, n := l.raw.N*l.raw.N, l.raw.Len()
	found := newSurvey()
	values := make([]float32, min(n, max(1, passValues/size))*size)
	for first := 0; first < n; first += len(values) / size {
		part := values[:min(len(values), (n-first)*size)]
		if err := s.elements.Read(part); err != nil {
			return err
		}
		found.add(surveyed(part, l.raw.N, first, rounding(m)))
	}
	if err := s.elements.Finish(); err != nil {
		return err
	}
	s.next = n
	verdict, err := l.judge(s.key, found, m)
	s.intensity = verdict.intensity
	return err
}

// rewind begins with the first pattern.
func (s *Source) rewind() (err error) {
	s.elements, err = npz.NewElements[float32](s.loader.file, s.key)
	s.next = 0
	return err
}

// Scan is the scan but for its patterns and Y: Amplitude and Patches are nil.
func (s *Source) Scan() *Raw { return s.loader.raw }

// Read reads the amplitudes [len(indices), N, N] of the patterns of those numbers,
// which rise, into to, as Load gives them. It goes on where it stopped; a first
// number before that place has the file read from its beginning. Errors: numbers
// that do not rise or are not there, another length of to, a file that was
// changed, and those of reading.
func (s *Source) Read(to []float32, indices []int) error {
	if err := s.read(to, indices); err != nil {
		return fmt.Errorf("dataset: read: %w", err)
	}
	return nil
}

func (s *Source) read(to []float32, indices []int) error {
	raw := s.loader.raw
	size := raw.N * raw.N
	if len(to) != len(indices)*size {
		return fmt.Errorf("%s: %d values for %d patterns of %d×%d pixels", raw.Path, len(to), len(indices), raw.N, raw.N)
	}
	if len(indices) > 0 && indices[0] < s.next {
		if err := s.rewind(); err != nil {
			return err
		}
	}
	for k := 0; k < len(indices); {
		i, run := indices[k], 1
		for k+run < len(indices) && indices[k+run] == i+run {
			run++
		}
		if i < s.next || i+run > raw.Len() {
			return fmt.Errorf("%s: patterns %d to %d were asked for after %d; expected numbers that rise from 0 to %d", raw.Path, i, i+run-1, s.next-1, raw.Len()-1)
		}
		if err := s.elements.Skip((i - s.next) * size); err != nil {
			return err
		}
		if err := s.elements.Read(to[k*size : (k+run)*size]); err != nil {
			return err
		}
		k, s.next = k+run, i+run
	}
	if found := surveyed(to, raw.N, 0, 0); found.fault != nil || found.dark > 0 {
		return fmt.Errorf("%s: its patterns are not those of when it was opened; expected a file that stays as it is", raw.Path)
	}
	if len(indices) > 0 && s.next == raw.Len() { // a sum over all of them
		if err := s.elements.Finish(); err != nil {
			return err
		}
	}
	if s.intensity {
		squareRoots(to)
	}
	return nil
}

// Close closes the file.
func (s *Source) Close() error { return s.loader.close() }
