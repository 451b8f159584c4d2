package npz

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChecksumsAreJoined: the checksum of a text is that of its parts, wherever
// it is cut; hash/crc32 says what it is.
func TestChecksumsAreJoined(t *testing.T) {
	text := make([]byte, 1000)
	for i := range text {
		text[i] = byte(i*i + 7)
	}
	for _, at := range []int{0, 1, 7, 512, 999, 1000} {
		a, b := crc32.ChecksumIEEE(text[:at]), crc32.ChecksumIEEE(text[at:])
		require.Equal(t, crc32.ChecksumIEEE(text), multiply(power(len(text)-at), a)^b, at)
	}
}

// numbers is an NPY array of so many values, in the type and the order that descr
// says: i/4 as a floating-point number or i mod 250 as an integer.
func numbers(t testing.TB, descr string, count int) []byte {
	d := parseDtype(descr)
	var order binary.AppendByteOrder = binary.LittleEndian
	if d.big {
		order = binary.BigEndian
	}
	var data []byte
	for i := range count {
		switch descr[1:] {
		case "f4":
			data = order.AppendUint32(data, math.Float32bits(float32(i)/4))
		case "f8":
			data = order.AppendUint64(data, math.Float64bits(float64(i)/4))
		case "u1":
			data = append(data, byte(i%250))
		case "u2", "i2":
			data = order.AppendUint16(data, uint16(i%250))
		case "u4", "i4":
			data = order.AppendUint32(data, uint32(i%250))
		case "i8":
			data = order.AppendUint64(data, uint64(i%250))
		default:
			t.Fatalf("no numbers of type %s", descr)
		}
	}
	return npy(fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d,)}", descr, count), data)
}

// TestPortionsOfEveryKind: arrays of several portions, stored and deflated, read
// at once and bit by bit, as the types that they have and as others.
func TestPortionsOfEveryKind(t *testing.T) {
	const count = 2*portion + 777
	for _, descr := range []string{"<f4", ">f4", "<f8", ">f8", "|u1", "<u2", ">u2", "<i2", "<u4", ">i4", "<i4", "<i8", ">i8"} {
		for _, method := range []uint16{zip.Store, zip.Deflate} {
			f, err := openBytes(archive(t, entry{"a.npy", method, numbers(t, descr, count)}, entry{"b.npy", method, numbers(t, descr, 3)}))
			require.NoError(t, err)
			got, err := Read[float32](f, "a")
			require.NoError(t, err, descr)
			for i, v := range got {
				want := float32(i % 250)
				if descr[1] == 'f' {
					want = float32(i) / 4
				}
				if v != want {
					require.Equal(t, want, v, "%s, element %d", descr, i)
				}
			}
			wide, err := Read[float64](f, "a")
			require.NoError(t, err)
			for i := range got {
				if wide[i] != float64(got[i]) {
					require.Equal(t, float64(got[i]), wide[i], "%s, element %d", descr, i)
				}
			}
			if descr[1] != 'f' {
				whole, err := Read[int64](f, "a")
				require.NoError(t, err)
				for i := range got {
					if float64(whole[i]) != wide[i] {
						require.Equal(t, int64(wide[i]), whole[i], "%s, element %d", descr, i)
					}
				}
			}
			requirePortions(t, f, got)
		}
	}
}

// requirePortions reads a with Elements, in portions of many sizes and with gaps.
func requirePortions(t *testing.T, f *File, want []float32) {
	e, err := NewElements[float32](f, "a")
	require.NoError(t, err)
	at := 0
	for _, size := range []int{1, 0, portion + 3, 12, 4000} {
		out := make([]float32, size)
		require.NoError(t, e.Read(out))
		require.Equal(t, want[at:at+size], out)
		require.NoError(t, e.Skip(17))
		at += size + 17
	}
	require.NoError(t, e.Finish())
	require.ErrorContains(t, e.Read(make([]float32, 1)), `npz: read: scan.npz: key "a": 1 elements were asked for where 0 are left`)
	require.ErrorContains(t, e.Skip(2), "2 elements were to be skipped where 0 are left")
}

// TestFirstFaultOfPortions: of faults in several portions the error is about the
// first, however many goroutines read; and damage anywhere is found.
func TestFirstFaultOfPortions(t *testing.T) {
	const count = 9 * portion
	values := make([]float64, count)
	for _, at := range []int{8*portion + 1, 5 * portion, 3*portion + 99} {
		values[at] = 1e300
	}
	path := filepath.Join(t.TempDir(), "a.npz")
	require.NoError(t, Write(path, Array{Key: "a", Data: values, Shape: []int{count}}))
	f := open(t, path)
	for range 5 {
		_, err := Read[float32](f, "a")
		require.ErrorContains(t, err, fmt.Sprintf("element %d: found 1e+300; expected a number that float32 can hold", 3*portion+99))
	}

	data := archive(t, entry{"a.npy", zip.Store, numbers(t, "<f4", count)})
	for _, at := range []int{200, len(data) / 2, len(data) - 300} { // in the first, a middle and the last portion
		broken := append([]byte(nil), data...)
		broken[at] ^= 1
		f, err := openBytes(broken)
		require.NoError(t, err)
		_, err = Read[float32](f, "a")
		require.ErrorContains(t, err, "the data are damaged")
		e, err := NewElements[float32](f, "a")
		require.NoError(t, err)
		require.ErrorContains(t, e.Finish(), "the data are damaged")
	}
}

func TestElementsRefuse(t *testing.T) {
	f := open(t, "testdata/numpy.npz")
	_, err := NewElements[float64](f, "fortran")
	require.ErrorContains(t, err, `key "fortran": found an array in Fortran order with shape [2 3 4]; expected C order`)
	_, err = NewElements[float64](f, "missing")
	require.ErrorContains(t, err, "there is no such key")
	_, err = NewElements[float64](f, "object")
	require.ErrorContains(t, err, "never read")
}

// BenchmarkRead reads 33 MB of amplitudes √n of photons, as float32, from memory.
func BenchmarkRead(b *testing.B) {
	const count = 1 << 23
	random := rand.New(rand.NewPCG(1, 1))
	counts, wide, roots := make([]byte, 2*count), make([]float64, count), make([]float32, count)
	for i := range count {
		n := uint16(random.ExpFloat64() * random.ExpFloat64() * 2)
		binary.LittleEndian.PutUint16(counts[2*i:], n)
		wide[i] = math.Sqrt(float64(n))
		roots[i] = float32(wide[i])
	}
	header := func(descr string) string {
		return fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d,)}", descr, count)
	}
	for _, c := range []struct {
		name string
		entry
	}{
		{"float32", entry{"a.npy", zip.Store, npy(header("<f4"), memory(roots))}},
		{"float64", entry{"a.npy", zip.Store, npy(header("<f8"), memory(wide))}},
		{"uint16", entry{"a.npy", zip.Store, npy(header("<u2"), counts)}},
		{"float32 deflated", entry{"a.npy", zip.Deflate, npy(header("<f4"), memory(roots))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			f, err := openBytes(archive(b, c.entry))
			require.NoError(b, err)
			b.SetBytes(4 * count)
			b.ReportAllocs()
			for b.Loop() {
				_, err := Read[float32](f, "a")
				require.NoError(b, err)
			}
		})
	}
}
