// Package npz reads and writes NumPy archives: ZIP files of NPY arrays, as
// numpy.savez makes them (NumPy Enhancement Proposal 1, versions 1 to 3 of the
// format). Open gives a File, whose Members are described before anything of
// them is read; Read converts one to a slice; Write takes Arrays.
//
// The reader takes files from anywhere: whatever the bytes, it returns arrays
// or an error that names the file, the key, what was found and what was
// expected. It never unpickles. Nothing is allocated before the size that a
// header declares has been held against the size of the member and the size of
// the file.
package npz

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// maxMembers bounds the work of opening a file.
	maxMembers = 4096
	// maxDeflate is the highest ratio that the deflate format can reach.
	maxDeflate = 1032
	// freeBytes may always be read; larger arrays must not take more than
	// maxExpansion times the bytes they have in the file.
	freeBytes    = 1 << 30
	maxExpansion = 250
	encrypted    = 1
)

// Member describes one array of an archive, from its header alone.
type Member struct {
	// Key is the name of the member without the ending .npy.
	Key string
	// Descr is the dtype as the header has it, such as <f4; a structured
	// dtype is given as "structured".
	Descr string
	// Shape is empty for a single value.
	Shape []int
	// Fortran says that the first index runs fastest in the file.
	Fortran bool
}

// Len is the number of elements, the product of Shape; 1 for a single value.
func (m Member) Len() int {
	n := 1
	for _, d := range m.Shape {
		n *= d
	}
	return n
}

// Pickled says that the array holds Python objects, which are never read.
func (m Member) Pickled() bool { return parseDtype(m.Descr).kind == 'O' }

// Integer says that the dtype is bool or a signed or unsigned integer.
func (m Member) Integer() bool { return strings.IndexByte("biu", parseDtype(m.Descr).kind) >= 0 }

// Text says that the dtype is NumPy's unicode, which File.Strings reads and Read
// refuses.
func (m Member) Text() bool { return parseDtype(m.Descr).kind == 'U' }

// ItemSize is the number of bytes of one element; 0 where the dtype is not one
// that can be read.
func (m Member) ItemSize() int { return parseDtype(m.Descr).size }

// File is an open archive. Its methods may be called from several goroutines
// at once.
type File struct {
	path    string
	source  *io.SectionReader
	closer  io.Closer
	members []member
	index   map[string]int
}

type member struct {
	Member
	dtype  dtype
	header int // bytes before the data
	zip    *zip.File
}

// Open opens the archive at path and reads the headers of all its members. The
// caller closes it. Errors: the file cannot be read or is no ZIP archive; a
// member is no NPY array, occurs twice, is encrypted, compressed by another
// method than deflate, reaches beyond the end of the file, or has another
// length than its header says.
func Open(path string) (*File, error) {
	// A pipe would be waited for: look before opening.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("npz: open: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("npz: open: %s: is a directory; expected a file", path)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("npz: open: %s: found %s; expected a regular file", path, info.Mode())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npz: open: %w", err)
	}
	file, err := NewReader(f, info.Size(), path)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	file.closer = f
	return file, nil
}

// NewReader is Open for an archive of size bytes that is not a file; path
// names it in errors. r must stay readable as long as the File is used.
func NewReader(r io.ReaderAt, size int64, path string) (*File, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: open: %s: %s; expected an NPZ archive, which is a ZIP file: %w", path, describe(r, size), err)
	}
	if len(archive.File) > maxMembers {
		return nil, fmt.Errorf("npz: open: %s: found %d members; expected at most %d", path, len(archive.File), maxMembers)
	}
	f := &File{path: path, source: io.NewSectionReader(r, 0, size), index: map[string]int{}}
	for _, z := range archive.File {
		m, err := openMember(z, size)
		if err != nil {
			return nil, fmt.Errorf("npz: open: %s: member %q: %w", path, short(z.Name), err)
		}
		if _, twice := f.index[m.Key]; twice {
			return nil, fmt.Errorf("npz: open: %s: member %q: found a second one of that name; expected each key once", path, short(z.Name))
		}
		f.index[m.Key] = len(f.members)
		f.members = append(f.members, m)
	}
	return f, nil
}

// describe says what a file that is no ZIP archive looks like.
func describe(r io.ReaderAt, size int64) string {
	start := make([]byte, 8)
	n, _ := r.ReadAt(start, 0) // a short file is told by n
	start = start[:n]
	switch {
	case size == 0:
		return "found an empty file"
	case bytes.HasPrefix(start, []byte(magic)):
		return "found a single NPY array"
	case bytes.HasPrefix(start, []byte("PK")):
		return "found a damaged or truncated ZIP archive"
	case bytes.HasPrefix(start, []byte("\x89HDF")):
		return "found an HDF5 file"
	}
	return fmt.Sprintf("found a file that begins with %q", start)
}

// openMember checks a member's sizes and reads its header.
func openMember(z *zip.File, fileSize int64) (member, error) {
	key, isArray := strings.CutSuffix(z.Name, ".npy")
	m := member{zip: z, Member: Member{Key: key}}
	if !isArray {
		return m, fmt.Errorf("found a file that is no array; expected names that end in .npy")
	}
	if err := checkStorage(z, fileSize); err != nil {
		return m, err
	}
	stream, err := newStream(z)
	if err != nil {
		return m, err
	}
	h, err := readHeader(stream)
	if err != nil {
		return m, err
	}
	m.Descr, m.Shape, m.Fortran, m.header = h.descr, h.shape, h.fortran, h.bytes
	m.dtype = parseDtype(h.descr)
	return m, m.checkLength()
}

// checkStorage holds the sizes that the directory declares against the file.
func checkStorage(z *zip.File, fileSize int64) error {
	if z.Flags&encrypted != 0 {
		return fmt.Errorf("found an encrypted member; expected one without a password")
	}
	offset, err := z.DataOffset()
	if err != nil {
		return fmt.Errorf("its place in the archive is damaged: %w", err)
	}
	packed, size := z.CompressedSize64, z.UncompressedSize64
	if left := fileSize - offset; left < 0 || packed > uint64(left) {
		return fmt.Errorf("found %d bytes up to the end of the file; expected %d: the file is truncated", max(left, 0), packed)
	}
	switch z.Method {
	case zip.Store:
		if packed != size {
			return fmt.Errorf("found %d stored bytes; expected %d as the archive's directory says", packed, size)
		}
	case zip.Deflate:
		if size/maxDeflate > packed {
			return fmt.Errorf("found %d deflated bytes for %d; expected at least %d, the most that deflate can compress", packed, size, size/maxDeflate)
		}
	default:
		return fmt.Errorf("found compression method %d; expected 0 (stored) or 8 (deflated): save it with numpy.savez or savez_compressed", z.Method)
	}
	return nil
}

// checkLength holds the length that the header asks for against the length of
// the member. Shapes of dtypes whose size is not known are not checked.
func (m member) checkLength() error {
	if m.dtype.size == 0 {
		return nil
	}
	want := uint64(m.Len())*uint64(m.dtype.size) + uint64(m.header) // readHeader bounds the product
	if got := m.zip.UncompressedSize64; got != want {
		return fmt.Errorf("found %d bytes; expected %d for dtype %s and shape %s", got, want, m.Descr, short(m.Shape))
	}
	return nil
}

// Close closes the file that Open opened; nothing can be read after that. A File
// of NewReader has nothing to close. The error is that of the file system.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	if err := f.closer.Close(); err != nil {
		return fmt.Errorf("npz: close: %w", err)
	}
	return nil
}

// SHA256 is the hash of the whole file, in hexadecimal digits. It reads all of
// it; the error is one of reading.
func (f *File) SHA256() (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f.source, 0, f.source.Size())); err != nil {
		return "", fmt.Errorf("npz: hash: %s: %w", f.path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Members lists the arrays in the order of the archive. The slice is the
// caller's.
func (f *File) Members() []Member {
	out := make([]Member, len(f.members))
	for i, m := range f.members {
		out[i] = m.Member
	}
	return out
}

// Keys lists the keys in the order of the archive.
func (f *File) Keys() []string {
	out := make([]string, len(f.members))
	for i, m := range f.members {
		out[i] = m.Key
	}
	return out
}

// Member gives the array of that key, and whether there is one.
func (f *File) Member(key string) (Member, bool) {
	i, ok := f.index[key]
	if !ok {
		return Member{}, false
	}
	return f.members[i].Member, true
}
