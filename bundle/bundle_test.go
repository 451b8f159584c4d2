package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/config"
)

// sample is a bundle with a probe whose two parts, rows and columns differ.
func sample(t testing.TB) Bundle {
	t.Helper()
	c := config.Default()
	c.Training.Seed = math.MaxUint64
	c.Training.Backend = config.PyTorch
	c.Execution.Precision = "float64"
	params := config.LegacyParams{"own": "entry"}
	require.NoError(t, params.Update(c.Training))
	probe := make([]float32, 2*64*64)
	for i := range probe {
		probe[i] = float32(i) / 3
	}
	return Bundle{
		Manifest: Manifest{
			Backend: "pytorch", Library: "2.15.0", Program: "0.1.0",
			Created:   time.Date(2025, 3, 4, 5, 6, 7, 89, time.FixedZone("", 3600)),
			Constants: Constants{Normalization: 0.0123, IntensityScale: 988.2118, NPhotons: 1e9, ProbeScale: 4},
		},
		Config: c, Params: params,
		Weights: []safetensors.Tensor{
			{Name: "encoder.0.conv0.kernel", Shape: []int{3, 3, 1, 2}, F32: probe[:18]},
			{Name: "encoder.0.conv0.bias", Shape: []int{2}, F32: []float32{0.1, -0.2}},
			{Name: LogScale, Shape: []int{}, F32: []float32{6.9}},
			{Name: Probe, Shape: []int{2, 64, 64}, F32: probe},
		},
		History: []byte("epoch,train_loss\n1,-3.5\n"),
	}
}

func resumable(t testing.TB) Bundle {
	b := sample(t)
	b.Training = &Training{
		Tensors: []safetensors.Tensor{
			{Name: "adam.m.w", Shape: []int{1, 2}, F32: []float32{1, 2}},
			{Name: "adam.v.w", Shape: []int{2, 1}, F64: []float64{3, 4}},
		},
		State: []byte(`{"step": 3}`),
	}
	return b
}

func encoded(t testing.TB, b Bundle) []byte {
	t.Helper()
	content, err := encode(b)
	require.NoError(t, err)
	return content
}

func decoded(content []byte) (*Bundle, error) {
	return decode(bytes.NewReader(content), int64(len(content)))
}

// repack gives the archive with its members changed: nil content leaves a
// member out, others are replaced or added.
func repack(t *testing.T, archive []byte, method uint16, changes map[string][]byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, content []byte) {
		m, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		require.NoError(t, err)
		_, err = m.Write(content)
		require.NoError(t, err)
	}
	for _, f := range r.File {
		content, changed := changes[f.Name]
		if !changed {
			m, err := f.Open()
			require.NoError(t, err)
			content, err = io.ReadAll(m)
			require.NoError(t, err)
		}
		if content != nil {
			add(f.Name, content)
		}
		delete(changes, f.Name)
	}
	for name, content := range changes {
		add(name, content)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for name, b := range map[string]Bundle{"inference": sample(t), "training": resumable(t)} {
		directory := t.TempDir()
		require.NoError(t, Write(directory, b), name)
		file := filepath.Join(directory, "model.ptycho.zip")
		back, err := Read(directory)
		require.NoError(t, err, name)
		same, err := Read(file)
		require.NoError(t, err)
		require.Equal(t, back, same)

		require.Equal(t, b.Config, back.Config)
		require.Equal(t, b.Params, back.Params)
		require.Equal(t, b.History, back.History)
		require.Equal(t, b.Training, back.Training)
		require.Equal(t, []safetensors.Tensor{b.Weights[1], b.Weights[0], b.Weights[2], b.Weights[3]}, back.Weights, "sorted by name")
		m := back.Manifest
		require.Equal(t, 1, m.SchemaVersion)
		require.Equal(t, []string{"autoencoder", "diffraction_to_obj"}, m.Models)
		require.Equal(t, 20, m.ParameterCount, "18 of the kernel, 2 of the bias")
		require.Equal(t, b.Manifest.Constants, m.Constants)
		require.Equal(t, "pytorch 2.15.0 0.1.0", m.Backend+" "+m.Library+" "+m.Program)
		require.Equal(t, "2025-03-04T04:06:07Z", m.Created.Format(time.RFC3339))

		// Written again it is the same file.
		require.NoError(t, Write(file, *back))
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, encoded(t, b), content)
		left, err := os.ReadDir(directory)
		require.NoError(t, err)
		require.Len(t, left, 1, "no temporary file is left")
	}
}

// TestArchive looks at the file as another program would.
func TestArchive(t *testing.T) {
	content := encoded(t, resumable(t))
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"manifest.json", "config.yaml", "params.json", "weights.safetensors", "history.csv", "training.safetensors", "training.json"}, names)
	manifest, err := r.Open("manifest.json")
	require.NoError(t, err)
	var entries map[string]any
	require.NoError(t, json.NewDecoder(manifest).Decode(&entries))
	require.Equal(t, 1.0, entries["schema_version"])
	require.Equal(t, "2025-03-04T04:06:07Z", entries["created"])
	require.Equal(t, map[string]any{"normalization": 0.0123, "intensity_scale": 988.2118, "nphotons": 1e9, "probe_scale": 4.0}, entries["constants"])
	member := entries["members"].([]any)[3].(map[string]any)
	require.Equal(t, "history.csv", member["name"])
	require.Equal(t, 24.0, member["size"])
	// printf 'epoch,train_loss\n1,-3.5\n' | sha256sum
	require.Equal(t, "ea64938d4766952333c2c988789a83de10564f61f7fbf93e6ca6309c68577b55", member["sha256"])
}

func TestCreatedDefaultsToNow(t *testing.T) {
	b := sample(t)
	b.Manifest.Created = time.Time{}
	back, err := decoded(encoded(t, b))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), back.Manifest.Created, time.Minute)
}

func TestWriteRefuses(t *testing.T) {
	for want, change := range map[string]func(*Bundle){
		"log_scale is missing":                    func(b *Bundle) { b.Weights = b.Weights[:2] },
		"probe has the shape [64 64 2]":           func(b *Bundle) { b.Weights[3].Shape = []int{64, 64, 2} },
		"log_scale has the shape [1]":             func(b *Bundle) { b.Weights[2].Shape = []int{1} },
		"bias is F64 instead of F32":              func(b *Bundle) { b.Weights[1].F32, b.Weights[1].F64 = nil, []float64{1, 2} },
		"has 2 elements, but 1":                   func(b *Bundle) { b.Weights[1].F32 = []float32{1} },
		"two arrays have this name":               func(b *Bundle) { b.Weights[0].Name = b.Weights[1].Name },
		"training.batch_size":                     func(b *Bundle) { b.Config.Training.BatchSize = 0 },
		"params.json":                             func(b *Bundle) { b.Params["x"] = math.NaN() },
		"normalization is 0 instead":              func(b *Bundle) { b.Manifest.Constants.Normalization = 0 },
		"nphotons is NaN":                         func(b *Bundle) { b.Manifest.Constants.NPhotons = math.NaN() },
		"backend is missing":                      func(b *Bundle) { b.Manifest.Backend = "" },
		"training: the state is no JSON object":   func(b *Bundle) { b.Training.State = []byte("[]") },
		"training: the state is no JSON object\n": func(b *Bundle) { b.Training.State = []byte("{") },
	} {
		directory := t.TempDir()
		file := filepath.Join(directory, FileName)
		require.NoError(t, os.WriteFile(file, []byte("older"), 0o600))
		b := resumable(t)
		change(&b)
		err := Write(file, b)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "bundle: write "+file)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "older", string(content), "an error leaves what is there")
	}
	gone := filepath.Join(t.TempDir(), "none", FileName)
	require.ErrorIs(t, Write(gone, sample(t)), os.ErrNotExist)

	// A directory in the file's place cannot be replaced, and nothing is left.
	directory := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(directory, FileName, "x"), 0o700))
	require.Error(t, Write(directory, sample(t)))
	left, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestWriteReplaces(t *testing.T) {
	directory := t.TempDir()
	b := sample(t)
	require.NoError(t, Write(directory, b))
	b.History = []byte("other\n")
	require.NoError(t, Write(directory, b))
	back, err := Read(directory)
	require.NoError(t, err)
	require.Equal(t, "other\n", string(back.History))
	info, err := os.Stat(filepath.Join(directory, FileName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())
}

// kinds are the errors that Read tells apart.
var kinds = []error{ErrMissing, ErrNoBundle, ErrDamaged, ErrForeign, ErrNewer, ErrMismatch}

// requireKind: the error is of this kind and of no other.
func requireKind(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	for _, k := range kinds {
		require.Equal(t, errors.Is(kind, k), errors.Is(err, k), "%v, %v", err, k)
	}
	for _, w := range words {
		require.ErrorContains(t, err, w)
	}
}

func TestReadOfWhatIsNotThere(t *testing.T) {
	directory := t.TempDir()
	_, err := Read(filepath.Join(directory, "none"))
	requireKind(t, err, ErrMissing, filepath.Join(directory, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Read(directory)
	requireKind(t, err, ErrNoBundle, directory, "there is no model.ptycho.zip in it")
	require.NoError(t, os.WriteFile(filepath.Join(directory, "wts.h5.zip"), nil, 0o600))
	_, err = Read(directory)
	requireKind(t, err, ErrForeign, "wts.h5.zip", "PtychoPINN", "train the model again")
	require.NoError(t, os.Mkdir(filepath.Join(directory, FileName), 0o700))
	_, err = Read(directory)
	requireKind(t, err, ErrForeign, "not a regular file")
}

func TestReadOfForeignFiles(t *testing.T) {
	archive := func(names ...string) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for _, n := range names {
			_, err := w.Create(n)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return out.Bytes()
	}
	for _, c := range []struct {
		content []byte
		kind    error
		word    string
	}{
		{archive("manifest.dill", "autoencoder/model.keras", "autoencoder/params.dill"), ErrForeign, `"manifest.dill", as a model of PtychoPINN`},
		{archive("weights.H5"), ErrForeign, "PtychoPINN"},
		{archive("archive/data.pkl"), ErrForeign, "PtychoPINN"},
		{archive("a.txt"), ErrForeign, "without manifest.json"},
		{archive(), ErrForeign, "without manifest.json"},
		{[]byte("\x89HDF\r\n\x1a\n 1234"), ErrForeign, "HDF5"},
		{[]byte("\x93NUMPY"), ErrForeign, "no zip archive"},
		{nil, ErrDamaged, "empty"},
	} {
		_, err := decoded(c.content)
		requireKind(t, err, c.kind, c.word)
	}
}

func TestReadOfDamagedArchives(t *testing.T) {
	whole := encoded(t, resumable(t))
	for _, c := range []struct {
		name    string
		method  uint16
		changes map[string][]byte
		kind    error
		word    string
	}{
		{"no manifest", zip.Store, map[string][]byte{manifestName: nil}, ErrDamaged, "manifest.json is missing"},
		{"manifest is no JSON", zip.Store, map[string][]byte{manifestName: []byte("{")}, ErrDamaged, "manifest.json"},
		{"manifest without a schema", zip.Store, map[string][]byte{manifestName: []byte("{}")}, ErrDamaged, "schema_version is 0"},
		{"another model", zip.Store, map[string][]byte{manifestName: []byte(`{"schema_version": 1, "models": ["x"]}`)}, ErrDamaged, `models are ["x"]`},
		{"manifest without members", zip.Store, map[string][]byte{manifestName: []byte(`{"schema_version": 1, "models": ["autoencoder", "diffraction_to_obj"]}`)}, ErrDamaged, "is not in the manifest"},
		{"newer", zip.Store, map[string][]byte{manifestName: []byte(`{"schema_version": 2, "readable_from": "0.9.0", "models": 3}`)}, ErrNewer, "schema 2, this program reads up to 1; version 0.9.0 or later reads it"},
		{"no weights", zip.Store, map[string][]byte{weightsName: nil}, ErrDamaged, "weights.safetensors is missing"},
		{"no history", zip.Store, map[string][]byte{historyName: nil}, ErrDamaged, "history.csv is missing"},
		{"half of the training", zip.Store, map[string][]byte{trainingStateName: nil}, ErrDamaged, "training.json is missing"},
		{"a member of another size", zip.Store, map[string][]byte{historyName: []byte("epoch")}, ErrDamaged, "history.csv has 5 bytes, the manifest says 24"},
		{"another content", zip.Store, map[string][]byte{historyName: []byte("epoch,train_loss\n1,-3.6\n")}, ErrDamaged, "history.csv: its sha256"},
		{"one member more", zip.Store, map[string][]byte{"run.py": []byte("x")}, ErrDamaged, `"run.py" is not in the manifest`},
		{"compressed", zip.Deflate, map[string][]byte{}, ErrDamaged, "manifest.json is compressed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := decoded(repack(t, whole, c.method, c.changes))
			requireKind(t, err, c.kind, c.word)
			require.Nil(t, b)
		})
	}
	same, err := decoded(repack(t, whole, zip.Store, map[string][]byte{}))
	require.NoError(t, err, "packed anew without compression it is still the bundle")
	require.Equal(t, "pytorch", same.Manifest.Backend)

	doubled := bytes.ReplaceAll(whole, []byte(trainingStateName), []byte(manifestName)) // as long
	_, err = decoded(doubled)
	requireKind(t, err, ErrDamaged, "two members are named")
}

// rewritten changes a member and makes the manifest agree with it, so that
// only the content is wrong.
func rewritten(t *testing.T, name string, text []byte) []byte {
	t.Helper()
	whole := encoded(t, resumable(t))
	b, err := decoded(whole)
	require.NoError(t, err)
	m := b.Manifest
	for i := range m.Members {
		if m.Members[i].Name == name {
			m.Members[i] = newMember(name, text)
		}
	}
	manifest, err := json.Marshal(m)
	require.NoError(t, err)
	return repack(t, whole, zip.Store, map[string][]byte{name: text, manifestName: manifest})
}

func TestReadOfWrongContents(t *testing.T) {
	few, err := safetensors.Encode(sample(t).Weights[1:], nil)
	require.NoError(t, err)
	for _, c := range []struct{ name, text, word string }{
		{configName, "model: {colour: red}", `config.yaml:1: unknown key "model.colour"`},
		{configName, "model: {N: 128}", "probe has the shape [2 64 64] instead of [2 128 128]"},
		{paramsName, `{"N": "x"}`, "params.json"},
		{weightsName, "x", "weights.safetensors: safetensors: decode"},
		{weightsName, string(few), "has 2 parameters, the manifest says 20"},
		{trainingName, "x", "training.safetensors"},
		{trainingStateName, "[]", "training.json"},
	} {
		b, err := decoded(rewritten(t, c.name, []byte(c.text)))
		requireKind(t, err, ErrDamaged, c.word)
		require.Nil(t, b)
	}
}

// TestEveryFlippedBitIsFound: with any bit changed the bundle is refused or,
// where the bit says nothing about the content (as a time in a header of the
// archive), read as exactly the same.
func TestEveryFlippedBitIsFound(t *testing.T) {
	whole := encoded(t, resumable(t))
	want, err := decoded(whole)
	require.NoError(t, err)
	refused, tried := 0, 0
	for i := 0; i < len(whole); i++ {
		if i > 2500 && i < len(whole)-1500 && i%61 != 0 {
			continue // the middle is elements of arrays
		}
		tried++
		whole[i] ^= 1 << (i % 8)
		b, err := decoded(whole)
		whole[i] ^= 1 << (i % 8)
		if err != nil {
			require.Nil(t, b)
			refused++
			continue
		}
		require.Equal(t, want, b, "byte %d", i)
	}
	t.Logf("%d of %d flipped bits refused, the others without effect", refused, tried)
	require.Greater(t, refused, tried*8/10)
}

func TestEveryTruncationIsRefused(t *testing.T) {
	whole := encoded(t, sample(t))
	for n := 0; n < len(whole); n += 1 + n/50 {
		b, err := decoded(whole[:n])
		require.Nil(t, b)
		require.Error(t, err, "%d bytes", n)
		require.NotErrorIs(t, err, ErrNewer)
	}
	_, err := decoded(whole[:len(whole)-1])
	requireKind(t, err, ErrDamaged, "cut off")
}

// TestSizesAreCheckedBeforeAllocating: members that say they have more bytes
// than the file are refused without being read.
func TestSizesAreCheckedBeforeAllocating(t *testing.T) {
	r, err := zip.NewReader(bytes.NewReader(encoded(t, sample(t))), int64(len(encoded(t, sample(t)))))
	require.NoError(t, err)
	r.File[3].UncompressedSize64, r.File[3].CompressedSize64 = 1<<62, 1<<62
	require.ErrorContains(t, fits(r.File, 1<<20), "weights.safetensors: the members have more bytes than the file, 1048576")
	r.File[0].UncompressedSize64 = largestText + 1
	_, err = content(r.File[0], largestText)
	requireKind(t, err, ErrDamaged, "more than 67108864")
}

func TestCheckWeights(t *testing.T) {
	b := sample(t)
	expected := []NamedShape{
		{"encoder.0.conv0.kernel", []int{3, 3, 1, 2}}, {"encoder.0.conv0.bias", []int{2}}, {LogScale, nil}, {Probe, []int{2, 64, 64}},
	}
	require.NoError(t, b.CheckWeights(expected))
	expected[0].Shape = []int{3, 3, 2, 1}
	expected[1].Name = "encoder.0.conv1.bias"
	err := b.CheckWeights(expected)
	requireKind(t, err, ErrMismatch,
		"encoder.0.conv0.kernel has the shape [3 3 1 2], the model has [3 3 2 1]", "encoder.0.conv1.bias is missing", "the model has no encoder.0.conv0.bias")
	require.Equal(t, 2, strings.Count(err.Error(), "; "))

	w, ok := b.Weight(LogScale)
	require.True(t, ok)
	require.Equal(t, []float32{6.9}, w.F32)
	_, ok = b.Weight("none")
	require.False(t, ok)
}

// FuzzRead: whatever the bytes, no panic, and no bundle beside an error.
func FuzzRead(f *testing.F) {
	whole := encoded(f, resumable(f))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("\x89HDF\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		b, err := decoded(content)
		require.Equal(t, err == nil, b != nil)
	})
}

// TestProbeModes: a probe of three modes has a shape of its own, and the
// bundle says how many there are.
func TestProbeModes(t *testing.T) {
	b := sample(t)
	require.Equal(t, 1, b.Modes())
	values := make([]float32, 2*3*64*64)
	values[7] = 1
	b.Weights[3] = safetensors.Tensor{Name: Probe, Shape: ProbeShape(3, 64), F32: values}
	got, err := decoded(encoded(t, b))
	require.NoError(t, err)
	require.Equal(t, 3, got.Modes())
	plain := sample(t)
	require.Equal(t, plain.count(), got.count(), "the probe does not count")
	b.Weights[3].Shape = []int{2, 64, 3, 64}
	_, err = encode(b)
	require.ErrorContains(t, err, "the weight probe has the shape [2 64 3 64] instead of [2 64 64 64]")
}
