package npz

import (
	"fmt"
	"io"
	"unsafe"
)

// Elements reads an array portion by portion, in the order of the file, so that
// never all of it is in memory. It is for one goroutine at a time; its File must
// stay open.
type Elements[T Element] struct {
	file      *File
	key       string
	member    member
	stream    *stream
	converter *converter[T]
	done      int
}

// NewElements begins with the array of that key, converted as Read does. Errors
// are those of Read that are known before the data, and an array in Fortran
// order, whose elements come in another order than its shape says.
func NewElements[T Element](f *File, key string) (*Elements[T], error) {
	e := &Elements[T]{file: f, key: key}
	if err := e.begin(); err != nil {
		return nil, e.fault(err)
	}
	return e, nil
}

func (e *Elements[T]) begin() (err error) {
	if e.member, err = e.file.numbers(e.key); err != nil {
		return err
	}
	if e.member.Fortran && len(e.member.Shape) > 1 {
		return fmt.Errorf("found an array in Fortran order with shape %s; expected C order", short(e.member.Shape))
	}
	var zero T
	if err := e.member.checkExpansion(int(unsafe.Sizeof(zero))); err != nil {
		return err
	}
	e.converter = newConverter[T](e.member.dtype)
	e.stream, err = e.member.data()
	return err
}

func (e *Elements[T]) fault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("npz: read: %s: key %q: %w", e.file.path, e.key, err)
}

// Read fills out with the next elements. Errors are those of the function Read,
// and more elements than are left.
func (e *Elements[T]) Read(out []T) error {
	if left := e.member.Len() - e.done; len(out) > left {
		return e.fault(fmt.Errorf("%d elements were asked for where %d are left", len(out), left))
	}
	for first := 0; first < len(out); first += portion {
		part := out[first:min(first+portion, len(out))]
		if err := e.converter.read(part, e.done, e.stream.fill); err != nil {
			return e.fault(err)
		}
		e.done += len(part)
	}
	return nil
}

// Skip passes over so many elements, which are not looked at. Errors as those of
// Read.
func (e *Elements[T]) Skip(count int) error {
	if left := e.member.Len() - e.done; count < 0 || count > left {
		return e.fault(fmt.Errorf("%d elements were to be skipped where %d are left", count, left))
	}
	if _, err := io.CopyN(io.Discard, e.stream, int64(count)*int64(e.member.dtype.size)); err != nil {
		return e.fault(fmt.Errorf("elements from %d on: %w", e.done, err))
	}
	e.done += count
	return nil
}

// Finish passes over what is left and makes sure that the data are what was
// written: before it, damage may not have been seen.
func (e *Elements[T]) Finish() error {
	if err := e.Skip(e.member.Len() - e.done); err != nil {
		return err
	}
	return e.fault(e.stream.finish())
}
