package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/config"
)

// largestText is the most that a member of text may have, in bytes.
const largestText = 64 << 20

// Read reads the bundle at path, its file or the directory that holds it as
// FileName. Sizes are checked before anything is allocated, and every member
// against its hash; names and shapes of the weights are for CheckWeights. The
// errors match ErrMissing, ErrNoBundle, ErrDamaged, ErrForeign or ErrNewer.
func Read(path string) (*Bundle, error) {
	b, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("bundle: read %s: %w", path, err)
	}
	return b, nil
}

func read(path string) (*Bundle, error) {
	file, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return decode(file, size)
}

// open finds the file and says what there is instead of it.
func open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		path = filepath.Join(path, FileName)
		if info, err = os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, 0, noBundle(filepath.Dir(path))
		} else if err != nil {
			return nil, 0, err
		}
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%w: not a regular file", ErrForeign)
	}
	file, err := os.Open(path)
	return file, info.Size(), err
}

// decode reads an archive of size bytes.
func decode(r io.ReaderAt, size int64) (*Bundle, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, notZip(r, err)
	}
	members, err := index(archive)
	if err != nil {
		return nil, err
	}
	manifest, err := readManifest(members[manifestName], size)
	if err != nil {
		return nil, err
	}
	if err := fits(archive.File, size); err != nil {
		return nil, err
	}
	contents, err := checked(members, manifest.Members)
	if err != nil {
		return nil, err
	}
	b, err := assemble(manifest, contents)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return b, nil
}

// index gives the archive's members by their names. The manifest is among
// them; a name that comes twice is damage.
func index(archive *zip.Reader) (map[string]*zip.File, error) {
	members := map[string]*zip.File{}
	for _, f := range archive.File {
		if members[f.Name] != nil {
			return nil, fmt.Errorf("%w: two members are named %q", ErrDamaged, f.Name)
		}
		members[f.Name] = f
	}
	if members[manifestName] == nil {
		return nil, withoutManifest(archive)
	}
	return members, nil
}

// fits refuses members that are compressed, or larger than the file together:
// what passes can be allocated.
func fits(members []*zip.File, size int64) error {
	left := uint64(size)
	for _, f := range members {
		if f.Method != zip.Store || f.UncompressedSize64 != f.CompressedSize64 {
			return fmt.Errorf("%w: %s is compressed; a bundle stores its members as they are", ErrDamaged, f.Name)
		}
		if f.UncompressedSize64 > left {
			return fmt.Errorf("%w: %s: the members have more bytes than the file, %d", ErrDamaged, f.Name, size)
		}
		left -= f.UncompressedSize64
	}
	return nil
}

// content reads a member whole. It must have passed fits.
func content(f *zip.File, most uint64) ([]byte, error) {
	if f.UncompressedSize64 > most {
		return nil, fmt.Errorf("%w: %s has %d bytes, more than %d", ErrDamaged, f.Name, f.UncompressedSize64, most)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name, err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	out := make([]byte, f.UncompressedSize64)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name, err)
	}
	if crc32.ChecksumIEEE(out) != f.CRC32 {
		return nil, fmt.Errorf("%w: %s: its checksum does not fit", ErrDamaged, f.Name)
	}
	return out, nil
}

// checked reads all members that the manifest lists and compares sizes and
// hashes.
func checked(members map[string]*zip.File, listed []Member) (map[string][]byte, error) {
	contents := map[string][]byte{}
	for _, m := range listed {
		f := members[m.Name]
		if f == nil {
			return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, m.Name)
		}
		if m.Size < 0 || f.UncompressedSize64 != uint64(m.Size) {
			return nil, fmt.Errorf("%w: %s has %d bytes, the manifest says %d", ErrDamaged, m.Name, f.UncompressedSize64, m.Size)
		}
		most := uint64(largestText)
		if filepath.Ext(m.Name) == ".safetensors" {
			most = f.UncompressedSize64 // no more than the file has
		}
		text, err := content(f, most)
		if err != nil {
			return nil, err
		}
		if hash(text) != m.SHA256 {
			return nil, fmt.Errorf("%w: %s: its sha256 is not that of the manifest", ErrDamaged, m.Name)
		}
		contents[m.Name] = text
	}
	for name := range members {
		if _, ok := contents[name]; !ok && name != manifestName {
			return nil, fmt.Errorf("%w: %q is not in the manifest", ErrDamaged, name)
		}
	}
	return contents, checkNames(contents)
}

// checkNames refuses a bundle with a member too few or too many.
func checkNames(contents map[string][]byte) error {
	names := []string{configName, paramsName, weightsName, historyName}
	if contents[trainingName] != nil || contents[trainingStateName] != nil {
		names = append(names, trainingName, trainingStateName)
	}
	for _, n := range names {
		if contents[n] == nil {
			return fmt.Errorf("%w: %s is missing", ErrDamaged, n)
		}
	}
	for n := range contents {
		if !slices.Contains(names, n) {
			return fmt.Errorf("%w: %q is no member of a bundle", ErrDamaged, n)
		}
	}
	return nil
}

// assemble makes the bundle out of its members.
func assemble(manifest Manifest, contents map[string][]byte) (*Bundle, error) {
	b := &Bundle{Manifest: manifest, History: contents[historyName]}
	layer, err := config.Parse(configName, contents[configName])
	if err != nil {
		return nil, err
	}
	resolved, err := config.Resolve(layer)
	if err != nil {
		return nil, err
	}
	b.Config = resolved.Config
	if err := json.Unmarshal(contents[paramsName], &b.Params); err != nil {
		return nil, fmt.Errorf("%s: %w", paramsName, err)
	}
	if b.Weights, _, err = safetensors.Decode(contents[weightsName]); err != nil {
		return nil, fmt.Errorf("%s: %w", weightsName, err)
	}
	if contents[trainingName] != nil {
		if b.Training, err = readTraining(contents); err != nil {
			return nil, err
		}
	}
	if err := b.checkContent(); err != nil {
		return nil, err
	}
	if n := b.count(); n != manifest.ParameterCount {
		return nil, fmt.Errorf("%s has %d parameters, the manifest says %d", weightsName, n, manifest.ParameterCount)
	}
	return b, nil
}

func readTraining(contents map[string][]byte) (*Training, error) {
	tensors, _, err := safetensors.Decode(contents[trainingName])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", trainingName, err)
	}
	if err := jsonObject(contents[trainingStateName]); err != nil {
		return nil, fmt.Errorf("%s: %w", trainingStateName, err)
	}
	return &Training{Tensors: tensors, State: bytes.Clone(contents[trainingStateName])}, nil
}
