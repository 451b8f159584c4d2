package npz

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// npy makes an NPY 1.0 array of a header and data.
func npy(header string, data []byte) []byte {
	out := append([]byte(magic), 1, 0)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(header)))
	return append(append(out, header...), data...)
}

const twoFloats = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"

type entry struct {
	name   string
	method uint16
	body   []byte
}

func archive(t testing.TB, entries ...entry) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		m, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: e.method})
		require.NoError(t, err)
		_, err = m.Write(e.body)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func openBytes(data []byte) (*File, error) {
	return NewReader(bytes.NewReader(data), int64(len(data)), "scan.npz")
}

func TestHeaders(t *testing.T) {
	for name, c := range map[string]struct{ header, want string }{
		"keys in another order":   {"{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}", ""},
		"white space and quotes":  {" {\n\"shape\" :( 2 , ) ,\t'descr':\"<f4\",'fortran_order':False , } \n", ""},
		"fortran":                 {"{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", ""},
		"python 2 long":           {"{'descr': '<f4', 'fortran_order': False, 'shape': (2L,)}", ""},
		"two axes":                {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}", ""},
		"number in brackets":      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "found shape 2; expected a tuple"},
		"list":                    {"{'descr': '<f4', 'fortran_order': False, 'shape': [2]}", "found shape [2]; expected a tuple"},
		"negative":                {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", `found "-2,)}" at character 51; expected a value`},
		"fraction":                {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.,)}", "expected a comma or )"},
		"text in shape":           {"{'descr': '<f4', 'fortran_order': False, 'shape': ('2',)}", "expected whole numbers"},
		"missing key":             {"{'descr': '<f4', 'shape': (2,)}", "found fortran_order <nil>; expected True or False"},
		"no shape":                {"{'descr': '<f4', 'fortran_order': False}", "found shape <nil>"},
		"no descr":                {"{'fortran_order': False, 'shape': (2,)}", "found descr <nil>"},
		"unknown key":             {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", `found the key "x"`},
		"key twice":               {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", `found the key "descr" twice`},
		"code":                    {"{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,)}", "expected a value"},
		"escape":                  {`{'descr': '<\x664', 'fortran_order': False, 'shape': (2,)}`, "expected text without escapes"},
		"unclosed":                {"{'descr': '<f4", "expected a closing quote"},
		"open":                    {"{'descr': '<f4'", "expected a comma or }"},
		"empty":                   {"", "expected a value"},
		"not a dictionary":        {"(2,)", "expected a dictionary"},
		"rubbish behind":          {twoFloats + "x", `found "x"`},
		"deep":                    {strings.Repeat("(", 30000), "expected at most 8 levels"},
		"many axes":               {"{'descr': '<f4', 'fortran_order': False, 'shape': (" + strings.Repeat("1,", 65) + ")}", "found a shape of 65 axes; expected at most 64"},
		"number too large":        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "expected a smaller number"},
		"product too large":       {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "expected a size that can be stored"},
		"product hidden by zero":  {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0)}", "expected a size that can be stored"},
		"100 GB in a small file":  {"{'descr': '<f4', 'fortran_order': False, 'shape': (25000000000,)}", "found 83 bytes; expected 100000000075 for dtype <f4"},
		"more values than header": {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "found 73 bytes; expected 69"},
		"huge text":               {"{'descr': '<U999999999', 'fortran_order': False, 'shape': ()}", "expected elements of at most"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := openBytes(archive(t, entry{"a.npy", zip.Store, npy(c.header, []byte{0, 0, 128, 63, 0, 0, 0, 64})}))
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, `npz: open: scan.npz: member "a.npy": `)
				return
			}
			require.NoError(t, err)
			got, err := Read[float64](f, "a")
			require.NoError(t, err)
			require.Equal(t, []float64{1, 2}, got) // 0x3f800000 and 0x40000000
		})
	}
}

func TestArchiveFaults(t *testing.T) {
	good := npy(twoFloats, make([]byte, 8))
	version4 := bytes.Clone(good)
	version4[6] = 4
	long := bytes.Clone(good)
	binary.LittleEndian.PutUint16(long[8:], 60000)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty file":       {nil, "scan.npz: found an empty file; expected an NPZ archive"},
		"single array":     {good, "found a single NPY array; expected an NPZ archive"},
		"HDF5":             {[]byte("\x89HDF\r\n\x1a\n"), "found an HDF5 file"},
		"text":             {[]byte("x,y\n1,2\n"), `found a file that begins with "x,y\n1,2\n"`},
		"half an archive":  {archive(t, entry{"a.npy", zip.Store, good})[:100], "found a damaged or truncated ZIP archive"},
		"duplicate":        {archive(t, entry{"a.npy", zip.Store, good}, entry{"a.npy", zip.Store, good}), `member "a.npy": found a second one of that name`},
		"no array":         {archive(t, entry{"a.txt", zip.Store, good}), `member "a.txt": found a file that is no array`},
		"directory":        {archive(t, entry{"d/", zip.Store, nil}), `member "d/": found a file that is no array`},
		"no magic":         {archive(t, entry{"a.npy", zip.Store, []byte("plain text")}), `expected an NPY array`},
		"empty member":     {archive(t, entry{"a.npy", zip.Store, nil}), "header: found 0 bytes where 8 were expected: the member is truncated"},
		"short header":     {archive(t, entry{"a.npy", zip.Deflate, long}), "where 60000 were expected: the member is truncated"},
		"version":          {archive(t, entry{"a.npy", zip.Store, version4}), "found NPY version 4.0; expected 1.0, 2.0 or 3.0"},
		"truncated member": {archive(t, entry{"a.npy", zip.Store, good[:len(good)-1]}), "found 74 bytes; expected 75"},
		"oversized member": {archive(t, entry{"a.npy", zip.Deflate, append(bytes.Clone(good), 0)}), "found 76 bytes; expected 75"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(c.data)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "npz: open: scan.npz")
		})
	}
}

// patch overwrites bytes of the only member's entry in the directory, at an
// offset that the ZIP format gives.
func patch(data []byte, offset int, with ...byte) []byte {
	out := bytes.Clone(data)
	copy(out[bytes.LastIndex(out, []byte("PK\x01\x02"))+offset:], with)
	return out
}

func TestDirectoryFaults(t *testing.T) {
	body := npy(twoFloats, make([]byte, 8))
	stored := archive(t, entry{"a.npy", zip.Store, body})
	deflated := archive(t, entry{"a.npy", zip.Deflate, body})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		// Offsets in the directory: flags 8, method 10, checksum 16, packed size 20, size 24.
		"encrypted":                    {patch(stored, 8, 9, 0), "found an encrypted member; expected one without a password"},
		"method":                       {patch(stored, 10, 12, 0), "found compression method 12; expected 0 (stored) or 8 (deflated)"},
		"packed size beyond the file":  {patch(stored, 20, 0, 0, 0, 1), "expected 16777216: the file is truncated"},
		"stored size":                  {patch(stored, 24, 0, 0, 0, 1), "found 75 stored bytes; expected 16777216"},
		"more than deflate can do":     {patch(deflated, 24, 0, 0, 0, 127), "the most that deflate can compress"},
		"deflated size too small":      {patch(deflated, 24, 74), "found 74 bytes; expected 75"},
		"checksum":                     {patch(stored, 16, 1, 2, 3, 4), "expected 04030201: the data are damaged"},
		"checksum that says it is not": {patch(stored, 16, 0, 0, 0, 0), "expected 00000000: the data are damaged"},
		"deflated bytes cut off":       {patch(deflated, 20, 70), "unexpected EOF"},
		"damaged deflate stream":       {damage(deflated), "flate: corrupt input"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := openBytes(c.data)
			if err == nil {
				_, err = Read[float32](f, "a")
			}
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "scan.npz")
			require.Regexp(t, `member "a.npy"|key "a"`, err.Error())
		})
	}
}

// damage makes the first block of the only member's deflate stream one of the
// kind that does not exist. The stream begins behind the local header of 30
// bytes and the name.
func damage(data []byte) []byte {
	out := bytes.Clone(data)
	out[30+len("a.npy")] |= 6
	return out
}

// A forged header and directory that agree on more data than there are.
func TestLessDataThanDeclared(t *testing.T) {
	header := "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }"
	data := archive(t, entry{"a.npy", zip.Deflate, npy(header, make([]byte, 8))})
	f, err := openBytes(patch(data, 24, byte(len(header)+10+16)))
	require.NoError(t, err)
	_, err = Read[float32](f, "a")
	require.ErrorContains(t, err, `npz: read: scan.npz: key "a": elements from 0 on: found 8 bytes where 16 were expected: the member is truncated`)
}

func TestMoreDataThanDeclared(t *testing.T) {
	data := archive(t, entry{"a.npy", zip.Deflate, npy(twoFloats, make([]byte, 12))})
	f, err := openBytes(patch(data, 24, byte(len(twoFloats)+10+8)))
	require.NoError(t, err)
	_, err = Read[float32](f, "a")
	require.ErrorContains(t, err, `key "a": found more than the expected 75 bytes`)
}

// 1.2 GB of zeros take 1.2 MB deflated: that is refused before any of it is
// unpacked. Here only the directory says so, which comes to the same.
func TestBombIsRefused(t *testing.T) {
	const size = 1200 << 20
	header := "{'descr': '|u1', 'fortran_order': False, 'shape': (1258291200,), }"
	noise := make([]byte, 2<<20) // deflate leaves noise as long as it is
	for i := range noise {
		noise[i] = byte(i * i >> 8 * 37)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	m, err := w.CreateRaw(&zip.FileHeader{Name: "a.npy", Method: zip.Deflate, CompressedSize64: uint64(len(noise)), UncompressedSize64: uint64(size + len(header) + 10)})
	require.NoError(t, err)
	first := npy(header, nil)
	block := append([]byte{0}, binary.LittleEndian.AppendUint16(nil, uint16(len(first)))...) // a stored deflate block
	block = binary.LittleEndian.AppendUint16(block, ^uint16(len(first)))
	copy(noise, append(block, first...))
	_, err = m.Write(noise)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	f, err := openBytes(b.Bytes())
	require.NoError(t, err)
	_, err = Read[float32](f, "a")
	require.ErrorContains(t, err, `key "a": found an array of 5.03e+09 bytes in 2097152 bytes of the file; expected at most 250 times as much`)
}

func TestValuesThatDoNotFit(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Encode(&b,
		Array{Key: "large", Data: []float64{1, 1e300}, Shape: []int{2}},
		Array{Key: "infinite", Data: []float64{math.Inf(1)}, Shape: []int{1}},
		Array{Key: "beyond", Data: []float64{0x1p63}, Shape: []int{1}},
		Array{Key: "complex", Data: []complex128{1, complex(0, -1e300)}, Shape: []int{2}}))
	f, err := openBytes(b.Bytes())
	require.NoError(t, err)
	_, err = Read[float32](f, "large")
	require.ErrorContains(t, err, "element 1: found 1e+300; expected a number that float32 can hold")
	_, err = Read[complex64](f, "complex")
	require.ErrorContains(t, err, "element 1: found (0-1e+300i); expected a number that complex64 can hold")
	_, err = Read[int64](f, "beyond")
	require.ErrorContains(t, err, "expected a whole number")
	_, err = Read[int64](f, "infinite")
	require.ErrorContains(t, err, "expected a whole number")
	got, err := Read[float32](f, "infinite") // judged by who reads it
	require.NoError(t, err)
	require.Equal(t, float32(math.Inf(1)), got[0])

	unsigned := npy("{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}", bytes.Repeat([]byte{255}, 8))
	f, err = openBytes(archive(t, entry{"u.npy", zip.Store, unsigned}))
	require.NoError(t, err)
	_, err = Read[int64](f, "u")
	require.ErrorContains(t, err, "element 0: found 18446744073709551615; expected at most 9223372036854775807")
	float, err := Read[float64](f, "u")
	require.NoError(t, err)
	require.Equal(t, []float64{0x1p64}, float)

	text := npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", []byte{0, 0, 17, 0})
	f, err = openBytes(archive(t, entry{"t.npy", zip.Store, text}))
	require.NoError(t, err)
	_, err = f.Strings("t")
	require.ErrorContains(t, err, "element 0: found code point 0x110000; expected unicode")
}

func TestOpenWhatIsNoFile(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "missing.npz"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open(t.TempDir())
	require.ErrorContains(t, err, ": is a directory; expected a file")
	_, err = Open(os.DevNull)
	require.ErrorContains(t, err, "expected a regular file")
}
