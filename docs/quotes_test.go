package docs

import (
	"archive/zip"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// TestQuotes: each text that troubleshooting.md quotes is what the program
// says, to the letter where it can be provoked without a native library; what
// is said only with one must consist of texts of the source.
func TestQuotes(t *testing.T) {
	said := provoked(t)
	pieces := append(sourceTexts(t), foreign...)
	quotes := read(t, "troubleshooting.md").code("text")
	exact := 0
	for _, q := range quotes {
		q = oneSpace(q)
		if strings.Contains(said, q) {
			exact++
			continue
		}
		share, rest := covered(q, pieces)
		t.Logf("%3.0f %% of the source, besides %q: %.70s", 100*share, rest, q)
		assert.Greater(t, share, 0.6, "no text of the source: %s\nwhat is not: %q", q, rest)
	}
	t.Logf("%d of %d quotes provoked", exact, len(quotes))
	require.GreaterOrEqual(t, exact, 34, "quotes that the program gave")
}

// foreign are texts of the system and of Go in the quotes.
var foreign = []string{"cannot open shared object file: No such file or directory", "no such file or directory", "context canceled"}

// oneSpace makes one space of all that separates words.
func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// provoked gives all that the program says to what is wrong here.
func provoked(t *testing.T) string {
	t.Helper()
	var said strings.Builder
	say := func(directory string, code int, arguments ...string) {
		out, got := output(t, directory, arguments...)
		require.Equal(t, code, got, "%v: %s", arguments, out)
		said.WriteString(oneSpace(out) + "\n")
	}
	for name, change := range wrongScans {
		directory := t.TempDir()
		arrays := change(scan())
		if arrays == nil { // a file that was cut off
			cutOff(t, filepath.Join(directory, "scan.npz"))
			say(directory, 1, "inspect", "scan.npz")
			continue
		}
		require.NoError(t, npz.Write(filepath.Join(directory, "scan.npz"), arrays...), name)
		out, _ := output(t, directory, "inspect", "scan.npz")
		// inspect hangs the text of a warning under its key.
		said.WriteString(strings.ReplaceAll(oneSpace(out), "warning scan.npz", "warning: scan.npz") + "\n")
	}
	for text, quoted := range wrongSettings {
		directory := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(directory, "bad.yaml"), []byte(text), 0o600))
		say(directory, 2, "run", "--config", "bad.yaml")
		require.Contains(t, said.String(), quoted)
		say(directory, 2, "run", "--config", "bad.yaml", "--backend", "jax", "--positions-provided=false")
	}
	empty := t.TempDir()
	say(empty, 2, "run", "--gridsize", "3")
	say(empty, 2, "run", "--backend", "jax")
	say(empty, 2, "run", "--positions-provided=false")
	say(empty, 2, "run", "--batchsize", "3")
	say(empty, 2, "runn")
	say(empty, 2, "run", "--train-data-file", "")
	say(empty, 2, "run", "--deterministic", "false")
	say(empty, 3, "run")
	say(empty, 3, "run", "--backend", "pytorch")
	goOn(t, say)
	say(empty, 2, "inspect", "none.npz")
	apart(t, say)
	models(t, say)
	return said.String()
}

// goOn resumes what is no run, and a run with train.
func goOn(t *testing.T, say func(directory string, code int, arguments ...string)) {
	t.Helper()
	directory := t.TempDir()
	for _, name := range []string{"emptyd", "first"} {
		require.NoError(t, os.Mkdir(filepath.Join(directory, name), 0o700))
	}
	say(directory, 2, "run", "--resume", "emptyd")
	for name, content := range map[string]string{"config.yaml": "", "reconstruction.npz": "x"} {
		require.NoError(t, os.WriteFile(filepath.Join(directory, "first", name), []byte(content), 0o600))
	}
	say(directory, 2, "train", "--resume", "first")
}

// apart compares two objects that have no pixel in common.
func apart(t *testing.T, say func(directory string, code int, arguments ...string)) {
	t.Helper()
	directory := t.TempDir()
	for name, origin := range map[string]int64{"one.npz": 0, "other.npz": 100} {
		require.NoError(t, npz.Write(filepath.Join(directory, name),
			npz.Array{Key: "object", Data: make([]complex64, 40*50), Shape: []int{40, 50}},
			npz.Array{Key: "origin_xy", Data: []int64{origin, origin}, Shape: []int{2}},
		))
	}
	say(directory, 1, "evaluate", "one.npz", "--reference", "other.npz")
}

// wrongSettings are configuration files, and a part of what is said to them.
var wrongSettings = map[string]string{
	"training:\n  nepochs: -3\n  optimizer: adamax\nmodel:\n  N: 100\n": "3 settings cannot be accepted",
	"training.seed: 1\n":                      "a file nests its settings",
	"training:\n  gridsize: 2\n":              "unknown key",
	"training:\n  nepochs: 3\n  nepochs: 4\n": "second time",
}

// scan is a small data file that is accepted: four patterns of 64×64 pixels.
func scan() []npz.Array {
	counts, probe := make([]float32, 4*64*64), make([]complex64, 64*64)
	for k := range counts {
		counts[k] = float32(k % 7)
	}
	for k := range probe {
		probe[k] = 1
	}
	return []npz.Array{
		{Key: "diffraction", Data: counts, Shape: []int{4, 64, 64}},
		{Key: "xcoords", Data: []float64{0, 2, 0, 2}, Shape: []int{4}},
		{Key: "ycoords", Data: []float64{0, 0, 1, 1}, Shape: []int{4}},
		{Key: "probeGuess", Data: probe, Shape: []int{64, 64}},
	}
}

// The arrays of scan.
const (
	diffraction = iota
	xcoords
	ycoords
	probeGuess
)

// wrongScans spoil a scan.
var wrongScans = map[string]func([]npz.Array) []npz.Array{
	"missing": func(a []npz.Array) []npz.Array { return a[:ycoords] },
	"positions": func(a []npz.Array) []npz.Array {
		a[ycoords] = npz.Array{Key: "ycoords", Data: []float64{0, 0, 1}, Shape: []int{3}}
		return a
	},
	"patterns": func(a []npz.Array) []npz.Array {
		a[diffraction] = npz.Array{Key: "diffraction", Data: a[diffraction].Data.([]float32)[:3*64*64], Shape: []int{3, 64, 64}}
		return a
	},
	"oblong": func(a []npz.Array) []npz.Array {
		a[diffraction] = npz.Array{Key: "diffraction", Data: a[diffraction].Data.([]float32)[:4*64*60], Shape: []int{4, 64, 60}}
		return a
	},
	"negative": func(a []npz.Array) []npz.Array {
		a[diffraction].Data.([]float32)[3*64*64+1*64+2] = -1
		return a
	},
	"dark": func(a []npz.Array) []npz.Array {
		clear(a[diffraction].Data.([]float32)[3*64*64:])
		return a
	},
	"scaled": func(a []npz.Array) []npz.Array {
		for k := range a[diffraction].Data.([]float32) {
			a[diffraction].Data.([]float32)[k] *= 0.3173
		}
		return a
	},
	"metres": func(a []npz.Array) []npz.Array {
		for _, key := range []int{xcoords, ycoords} {
			for k := range a[key].Data.([]float64) {
				a[key].Data.([]float64)[k] *= 1e-6
			}
		}
		return a
	},
	"small probe": func(a []npz.Array) []npz.Array {
		a[probeGuess] = npz.Array{Key: "probeGuess", Data: a[probeGuess].Data.([]complex64)[:32*32], Shape: []int{32, 32}}
		return a
	},
	"cut off": func([]npz.Array) []npz.Array { return nil },
}

// cutOff writes the first half of a data file.
func cutOff(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, npz.Write(path, scan()...))
	half(t, path)
}

func half(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content[:len(content)/2], 0o600))
}

// models provokes what is said of models.
func models(t *testing.T, say func(directory string, code int, arguments ...string)) {
	t.Helper()
	infer := func(directory, path string) {
		say(directory, 1, "infer", "--model-path", path, "--test-data-file", "scan.npz")
	}
	empty := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(empty, "other"), 0o700))
	infer(empty, "other")
	say(empty, 2, "infer", "--model-path", "model.zip", "--test-data-file", "scan.npz")
	zipped(t, filepath.Join(empty, "wts.h5.zip"), map[string]string{"manifest.dill": "x"})
	infer(empty, "wts.h5.zip")
	zipped(t, filepath.Join(empty, "data.zip"), map[string]string{"a.txt": "x"})
	infer(empty, "data.zip")

	whole := t.TempDir()
	writeModel(t, whole)
	say(whole, 2, "infer", "--model-path", ".", "--test-data-file", "scan.npz", "--model-name", "obj")
	say(whole, 2, "infer", "--model-path", ".", "--test-data-file", "scan.npz", "--set", "model.n_filters_scale=2")

	for _, spoil := range []func(name, content string) string{
		func(name, content string) string {
			if name == "manifest.json" {
				content = strings.Replace(content, `"schema_version": 1`, `"schema_version": 2`, 1)
				content = strings.Replace(content, `"readable_from": "0.1.0"`, `"readable_from": "0.9.0"`, 1)
			}
			return content
		},
		func(name, content string) string {
			if name == "weights.safetensors" {
				content = content[:len(content)-1] + "x"
			}
			return content
		},
	} {
		directory := t.TempDir()
		rewritten(t, filepath.Join(whole, bundle.FileName), filepath.Join(directory, bundle.FileName), spoil)
		infer(directory, bundle.FileName)
	}
	half(t, filepath.Join(whole, bundle.FileName))
	infer(whole, bundle.FileName)
}

// writeModel writes a bundle that is whole, of a network without weights.
func writeModel(t *testing.T, directory string) {
	t.Helper()
	c := config.Default()
	c.Training.Model.NFiltersScale = 1
	require.NoError(t, bundle.Write(directory, bundle.Bundle{
		Manifest: bundle.Manifest{Backend: config.TensorFlow, Constants: bundle.Constants{Normalization: 1, IntensityScale: 1, NPhotons: 1, ProbeScale: 4}},
		Config:   c,
		Params:   config.LegacyParams{},
		Weights: []safetensors.Tensor{
			{Name: bundle.LogScale, Shape: []int{}, F32: []float32{0}},
			{Name: bundle.Probe, Shape: []int{2, 64, 64}, F32: make([]float32, 2*64*64)},
		},
		History: []byte("epoch\n"),
	}))
}

func zipped(t *testing.T, path string, members map[string]string) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	w := zip.NewWriter(file)
	for name, content := range members {
		member, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		require.NoError(t, err)
		_, err = io.WriteString(member, content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
}

// rewritten copies an archive with other contents.
func rewritten(t *testing.T, from, to string, change func(name, content string) string) {
	t.Helper()
	r, err := zip.OpenReader(from)
	require.NoError(t, err)
	members := map[string]string{}
	for _, f := range r.File {
		member, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(member)
		require.NoError(t, err)
		members[f.Name] = change(f.Name, string(content))
	}
	require.NoError(t, r.Close())
	zipped(t, to, members)
}

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// sourceTexts gives the constant parts of all texts in the source, tests left
// out, that are long enough to tell something.
func sourceTexts(t *testing.T) []string {
	t.Helper()
	const least = 8
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil {
					for _, piece := range verb.Split(text, -1) {
						if piece = oneSpace(piece); len(piece) >= least {
							seen[piece] = true
						}
					}
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	out := make([]string, 0, len(seen))
	for piece := range seen {
		out = append(out, piece)
	}
	return out
}

// covered says which share of a text consists of pieces, and what else is in
// it.
func covered(text string, pieces []string) (share float64, rest []string) {
	marked := make([]bool, len(text))
	for _, piece := range pieces {
		for at := 0; ; {
			i := strings.Index(text[at:], piece)
			if i < 0 {
				break
			}
			at += i
			for k := range piece {
				marked[at+k] = true
			}
			at += len(piece)
		}
	}
	count := 0
	var gap strings.Builder
	for k := range marked {
		if marked[k] {
			count++
			if gap.Len() > 0 {
				rest = append(rest, gap.String())
				gap.Reset()
			}
			continue
		}
		gap.WriteByte(text[k])
	}
	if gap.Len() > 0 {
		rest = append(rest, gap.String())
	}
	rest = slices.DeleteFunc(rest, func(s string) bool { return strings.TrimSpace(s) == "" })
	return float64(count) / float64(len(text)), rest
}

func TestCovered(t *testing.T) {
	share, rest := covered("ptycho: the loss is NaN", []string{"the loss is"})
	require.InDelta(t, 11.0/23, share, 1e-12) // letters of the piece and of the text
	require.Equal(t, []string{"ptycho: ", " NaN"}, rest)
}
