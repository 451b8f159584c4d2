package npz

import (
	"hash/crc32"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// readStored fills out from a stored member, whose elements lie in the file as
// they are: every processor takes the next portion, reads it, adds up its
// checksum and converts it.
func readStored[T Element](out []T, f *File, m member) error {
	start, err := m.zip.DataOffset()
	if err != nil {
		return err
	}
	header := make([]byte, m.header)
	if err := f.readAt(header, start); err != nil {
		return err
	}
	start += int64(m.header)
	count := (len(out) + portion - 1) / portion
	sums, faults := make([]uint32, count), make([]error, count)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), count) {
		workers.Go(func() {
			c := newConverter[T](m.dtype)
			for {
				k := int(next.Add(1)) - 1
				if k >= count {
					return
				}
				first := k * portion
				faults[k] = c.read(out[first:min(first+portion, len(out))], first, func(to []byte) error {
					err := f.readAt(to, start+int64(first)*int64(m.dtype.size))
					sums[k] = crc32.ChecksumIEEE(to)
					return err
				})
				if faults[k] != nil {
					next.Store(int64(count)) // the portions before this one have been taken
					return
				}
			}
		})
	}
	workers.Wait()
	if err := first(faults); err != nil {
		return err
	}
	sum, whole := crc32.ChecksumIEEE(header), power(portion*m.dtype.size)
	for k, s := range sums {
		if k == count-1 {
			whole = power((len(out) - k*portion) * m.dtype.size)
		}
		sum = multiply(whole, sum) ^ s
	}
	return checkSum(m.zip, sum)
}

// readAt reads the bytes at an offset of the file.
func (f *File) readAt(to []byte, offset int64) error {
	return readFull(io.NewSectionReader(f.source, offset, int64(len(to))), to)
}

// first is the first of the errors, or nil.
func first(faults []error) error {
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

// A checksum is the remainder of a polynomial over the numbers 0 and 1 by that
// of CRC-32, whose coefficients are bits; x⁰ is the highest. Bytes that follow
// multiply it by x⁸ each, so the checksum of a text in two parts is
// sum(first)·x^(8·length of the second) + sum(second).

// multiply is the product of two remainders.
func multiply(a, b uint32) uint32 {
	product := uint32(0)
	for ; a != 0; a <<= 1 {
		if a>>31 == 1 {
			product ^= b
		}
		if b&1 == 1 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}

// power is x to the 8·n, by squaring.
func power(n int) uint32 {
	result, square := uint32(1)<<31, uint32(1)<<23 // 1 and x⁸
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			result = multiply(result, square)
		}
		square = multiply(square, square)
	}
	return result
}
