package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func resolved(t *testing.T, layers ...Layer) Resolved {
	t.Helper()
	r, err := Resolve(layers...)
	require.NoError(t, err)
	return r
}

func parsed(t *testing.T, text string) Layer {
	t.Helper()
	l, err := Parse("run.yaml", []byte(text))
	require.NoError(t, err)
	return l
}

// TestEffectiveRoundTrip: what YAML writes gives the same configuration, with
// every setting changed too.
func TestEffectiveRoundTrip(t *testing.T) {
	other := changed(t)
	before := Default()
	for path, p := range fieldsOf(&other) {
		if path != "model.architecture" && path != "training.probe_trainable" {
			require.NotEqual(t, reflect.ValueOf(fieldsOf(&before)[path]).Elem().Interface(), reflect.ValueOf(p).Elem().Interface(), path)
		}
	}
	for name, c := range map[string]Config{"defaults": Default(), "changed": other} {
		text, err := c.YAML()
		require.NoError(t, err, name)
		again, err := c.YAML()
		require.NoError(t, err)
		require.Equal(t, text, again)
		l := parsed(t, string(text))
		require.Len(t, l.Keys(), len(table), name)
		back := resolved(t, l).Config
		require.Equal(t, c, back, name)
		twice, err := back.YAML()
		require.NoError(t, err)
		require.Equal(t, string(text), string(twice))
	}
}

func TestEffectiveText(t *testing.T) {
	text, err := Default().YAML()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), `model:
  # side of a diffraction pattern in pixels (64, 128 or 256)
  N: 64
  # g: a group has g² patterns (1 or more)
  gridsize: 1
`), string(text))
	require.Equal(t, len(table), strings.Count(string(text), "\n  # "), "a line of explanation for each setting")
	for _, line := range []string{"  nphotons: 1e+09\n", "  subsample_seed: null\n", `  train_data_file: ""` + "\n", "  backend: tensorflow\n"} {
		require.Contains(t, string(text), line)
	}
	c := Default()
	c.Training.BatchSize = 0
	_, err = c.YAML()
	require.ErrorContains(t, err, "training.batch_size")
}

// TestAwkwardText: texts that YAML could read as something else.
func TestAwkwardText(t *testing.T) {
	for _, s := range []string{"", " ", "yes", "null", "~", "1e3", "0x1F", "-", "- a", "a: b", "#", "a #b", "'", `"`, `\`, "{}", "[a", "&a", "*a", "!t", "%", "@", "|", "ä/β", "\ufeff", "a\u2028b", "=", "<<", "2025-01-02", "...", "---", "é\u0301", "\U0001F52C"} {
		c := Default()
		c.Training.OutputDir = s
		text, err := c.YAML()
		require.NoError(t, err, "%q", s)
		l, err := Parse("x", text)
		require.NoError(t, err, "%q", s)
		require.Equal(t, s, resolved(t, l).Config.Training.OutputDir)
	}
}

func TestParseNamesAllFaults(t *testing.T) {
	_, err := Parse("run.yaml", []byte(`model:
  N: "64"
  gridsize: 0
  colour: red
  batch_size: 3
training:
  batch_size: 2.5
  nepochs: 1_0
  seed: 010
  optimizer: [adam]
  learning_rate: fast
  probe_trainable: yes
  backend: 7
  nepochs: 5
  nphotons: .nan
  output_dir:
  n_images: 3
  n_groups: 4
  ? [a, b]
  : 1
data: [1]
gpu: 1
`))
	require.EqualError(t, err, `config: 18 settings cannot be accepted:
  run.yaml:2: model.N is "64", allowed: a whole number in plain digits
  run.yaml:3: model.gridsize is "0", allowed: 1 or more
  run.yaml:4: unknown key "model.colour": keys of model are N, gridsize, n_filters_scale, model_type, architecture, pad_object, object_big, probe_big, probe_mask, probe_scale, gaussian_smoothing_sigma, amp_activation, patch_merge
  run.yaml:5: unknown key "model.batch_size": it is training.batch_size
  run.yaml:7: training.batch_size is "2.5", allowed: a whole number in plain digits
  run.yaml:8: training.nepochs is "1_0", allowed: a whole number in plain digits
  run.yaml:9: training.seed is "010", allowed: a whole number from 0 to 2⁶⁴−1 in plain digits
  run.yaml:10: training.optimizer is "a list", allowed: text (in a file: in quotes where it could be read as something else)
  run.yaml:11: training.learning_rate is "fast", allowed: a number
  run.yaml:12: training.probe_trainable is "yes", allowed: true or false
  run.yaml:13: training.backend is "7", allowed: text (in a file: in quotes where it could be read as something else)
  run.yaml:14: training.nepochs: given a second time, first in line 8
  run.yaml:15: training.nphotons is ".nan", allowed: a number
  run.yaml:16: training.output_dir is "", allowed: text (in a file: in quotes where it could be read as something else)
  run.yaml:18: training.n_groups: given under two names, training.n_images and training.n_groups
  run.yaml:19: a key of training is "a list", allowed: words as keys
  run.yaml:21: data is "a list", allowed: a mapping with the settings of this section
  run.yaml:22: unknown key "gpu": sections are model, data, training, reconstruction, execution`)
	for text, want := range map[string]string{
		"a: [":                        "run.yaml: yaml: line 1",
		"model: {N: 64}\n---\na: 1\n": "run.yaml: line 2: a second document",
		"- 1":                         `run.yaml:1: the file is "a list"`,
		"model: {N: 64}\nmodel: {}":   "run.yaml:2: model: given a second time, first in line 1",
		"model: &a {N: *a}":           `model.N is "a mapping"`,
		"model: {<<: {N: 64}}":        `unknown key "model.<<"`,
		"model: {n-filters-scale: 1}": `unknown key "model.n-filters-scale"`,
		"batch_size: 3":               `unknown key "batch_size": it is training.batch_size`,
		"training: {nepoch: 3}":       `unknown key "training.nepoch": did you mean training.nepochs?`,
		"training.seed: 1":            `run.yaml:1: training.seed: a file nests its settings: write "training:", and indented in the next line "seed: …"`,
		"x.seed: 1":                   `unknown key "x.seed": it is training.seed`,
		"\x00":                        "control characters",
		strings.Repeat("#", 1<<20+1):  "larger than 1048576 bytes",
	} {
		_, err := Parse("run.yaml", []byte(text))
		require.ErrorContains(t, err, want, "%.20q", text)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n", "model:\n", "null"} {
		require.Equal(t, Default(), resolved(t, parsed(t, empty)).Config, "%q", empty)
	}
	require.Equal(t, 128, resolved(t, parsed(t, "training: {nepochs: &n 128}\nmodel: {N: *n}")).Config.Training.Model.N)
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	_, err := Load(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, path)
	require.NoError(t, os.WriteFile(path, []byte("training: {batch_size: -3}"), 0o600))
	_, err = Load(path)
	require.EqualError(t, err, "config: "+path+`:1: training.batch_size is "-3", allowed: 1 or more`)
	require.NoError(t, os.WriteFile(path, []byte("training: {n_images: 9}"), 0o600))
	l, err := Load(path)
	require.NoError(t, err)
	r := resolved(t, l)
	require.Equal(t, 9, r.Config.Training.NGroups)
	require.Equal(t, []string{path + ": training.n_images is deprecated, use training.n_groups"}, r.Warnings)
}

// TestPrecedence: flag, file, metadata, default, in this order; a flag that
// was not given is in no layer and beats nothing.
func TestPrecedence(t *testing.T) {
	metadata, err := Metadata("scan.npz", map[string]any{"nphotons": 5e8, "N": 128, "other": []int{1}})
	require.NoError(t, err)
	require.Equal(t, []string{"training.nphotons"}, metadata.Keys())
	file := parsed(t, "training:\n  nphotons: 4e8\n  batch_size: 3\n  nepochs: 7\n")
	flags := Layer{Source: "flag"}
	require.NoError(t, flags.Set("nepochs", "9"))
	require.NoError(t, flags.Set("nepochs", "8"), "the last of a repeated flag counts")

	r := resolved(t, metadata, file, flags)
	require.Equal(t, 4e8, r.Config.Training.NPhotons)
	require.Equal(t, 3, r.Config.Training.BatchSize)
	require.Equal(t, 8, r.Config.Training.NEpochs)
	require.Equal(t, 64, r.Config.Training.Model.N)
	require.Equal(t, "run.yaml", r.Sources["training.nphotons"])
	require.Equal(t, "flag", r.Sources["training.nepochs"])
	require.Equal(t, "default", r.Sources["model.N"])
	require.Len(t, r.Sources, len(table))
	require.Equal(t, 5e8, resolved(t, metadata, flags).Config.Training.NPhotons)

	// Setting a flag to its default beats the file, because it was given.
	require.NoError(t, flags.Set("batch-size", "16"))
	require.Equal(t, 16, resolved(t, metadata, file, flags).Config.Training.BatchSize)

	require.NoError(t, flags.Set("n-images", "3"))
	require.Equal(t, []string{"flag: n-images is deprecated, use training.n_groups"}, flags.Warnings)
	require.ErrorContains(t, flags.Set("n-groups", "3"), "given under two names")
	require.EqualError(t, flags.Set("threads", "-1"), `flag: execution.threads is "-1", allowed: 0 to 1024`)

	_, err = Metadata("scan.npz", map[string]any{"nphotons": -1})
	require.EqualError(t, err, `config: metadata: scan.npz: training.nphotons is "-1", allowed: a finite number above 0`)
	_, err = Metadata("scan.npz", map[string]any{"nphotons": []int{1}})
	require.Error(t, err)
	none, err := Metadata("scan.npz", nil)
	require.NoError(t, err)
	require.Empty(t, none.Keys())
}

func TestResolveNamesTheSourceOfABrokenRule(t *testing.T) {
	_, err := Resolve(parsed(t, "model:\n  n_filters_scale: 0.3\n\nreconstruction:\n  M: 100\n"))
	require.EqualError(t, err, `config: 2 settings cannot be accepted:
  run.yaml:2: model.n_filters_scale is "0.3", allowed: a multiple of 1/32, for whole numbers of channels at N = 64
  run.yaml:5: reconstruction.M is "100", allowed: 0 (20·N/64) or 1 to N = 64`)
	r := resolved(t, parsed(t, "reconstruction: {M: 100}"), parsed(t, "model: {N: 128}"))
	require.Equal(t, 100, r.Config.Reconstruction.M)
}

func FuzzParse(f *testing.F) {
	text, err := Default().YAML()
	require.NoError(f, err)
	for _, seed := range []string{string(text), "a: &a [*a]", "model: &m {N: *m}", "{[]: 1}", "? {a: b}\n: c", "model: !!binary x", "\xff", "%TAG ! x\n--- a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Parse("x", text)
		if err != nil {
			return
		}
		r, err := Resolve(l)
		if err != nil {
			return
		}
		written, err := r.Config.YAML()
		require.NoError(t, err)
		l, err = Parse("x", written)
		require.NoError(t, err)
		again, err := Resolve(l)
		require.NoError(t, err)
		require.Equal(t, r.Config, again.Config)
	})
}

// TestPrecedenceOfEverySetting: of each, of every kind, a file beats the
// default, metadata too where they have it, and a flag beats the file, also
// with the default's value; a flag that was not given beats nothing.
func TestPrecedenceOfEverySetting(t *testing.T) {
	other := changed(t)
	text, err := other.YAML()
	require.NoError(t, err)
	whole := parsed(t, string(text))
	kinds := map[Kind]bool{}
	for _, f := range Fields() {
		kinds[f.Kind] = true
		one, flag := Layer{Source: "file"}, Layer{Source: "flag"}
		require.NoError(t, one.Set(f.Path(), whole.values[f.Path()].text))
		require.NoError(t, flag.Set(f.Flag, f.Default))

		r, err := Resolve(one, Layer{Source: "flag"}) // a rule between settings may not like one alone
		require.Equal(t, f.Get(other), f.Get(r.Config), "%s: %v", f.Path(), err)
		require.Equal(t, "file", r.Sources[f.Path()])
		r, _ = Resolve(one, flag)
		require.Equal(t, f.Default, f.Get(r.Config), f.Path())
		require.Equal(t, "flag", r.Sources[f.Path()])
		if slices.Contains(fromMetadata, f.Path()) {
			metadata, err := Metadata("scan.npz", map[string]any{f.Key: 3})
			require.NoError(t, err)
			require.Equal(t, "3", f.Get(resolved(t, metadata).Config))
			require.Equal(t, f.Get(other), f.Get(resolved(t, metadata, one).Config))
			require.Equal(t, f.Default, f.Get(resolved(t, metadata, flag).Config))
		}
	}
	require.Len(t, kinds, int(Text)+1, "every kind")
}
