package npz

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// stream gives the unpacked bytes of a member and keeps their checksum.
// archive/zip's own reader lets a checksum of 0 and bytes behind the deflated
// data pass; this one does not.
type stream struct {
	zip    *zip.File
	packed *bufio.Reader
	data   io.Reader
	sum    hash.Hash32
}

func newStream(z *zip.File) (*stream, error) {
	raw, err := z.OpenRaw()
	if err != nil {
		return nil, err
	}
	s := &stream{zip: z, packed: bufio.NewReaderSize(raw, 1<<16), sum: crc32.NewIEEE()}
	s.data = s.packed
	if z.Method == zip.Deflate {
		s.data = flate.NewReader(s.packed)
	}
	return s, nil
}

func (s *stream) Read(to []byte) (int, error) {
	n, err := s.data.Read(to)
	_, _ = s.sum.Write(to[:n]) // a hash never fails
	return n, err
}

// fill reads exactly as many bytes.
func (s *stream) fill(to []byte) error { return readFull(s, to) }

// finish makes sure that everything was read, and that it is what was written.
func (s *stream) finish() error {
	one := make([]byte, 1)
	if n, err := io.ReadFull(s, one); n != 0 {
		return fmt.Errorf("found more than the expected %d bytes", s.zip.UncompressedSize64)
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("its end is damaged: %w", err)
	}
	if _, err := s.packed.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("found bytes behind the deflated data; expected none")
	}
	return checkSum(s.zip, s.sum.Sum32())
}

func checkSum(z *zip.File, got uint32) error {
	if got != z.CRC32 {
		return fmt.Errorf("found checksum %08x; expected %08x: the data are damaged", got, z.CRC32)
	}
	return nil
}
