package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireGenerated compares a file of docs/ with what it is made from.
// PTYCHO_UPDATE=1 writes it anew.
func requireGenerated(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("PTYCHO_UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "%s is stale: PTYCHO_UPDATE=1 go test ./config", path)
}

// TestReference: docs/configuration.md is the table of defaults.
func TestReference(t *testing.T) {
	requireGenerated(t, "../docs/configuration.md", reference())
}

// reference is the text of docs/configuration.md.
func reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

Every setting has one row in ` + "`config/table.go`" + `, from which this page is made.
It has the same name in a YAML file, in a program and on the command line. In YAML it
stands in its section, as in [sample.yaml](sample.yaml), which holds all of them. Its
flag is in the tables; underscores instead of hyphens work too, and so does
` + "`--set section.key=value`" + `.

Of several sources the first in this list counts: flag, YAML file (` + "`--config`" + `),
preset (` + "`--preset`" + `), metadata in the data file, default. A flag that was not given beats nothing. Of the
metadata ` + codes(fromMetadata) + ` is read. A run writes its
whole configuration as ` + "`config.yaml`" + ` into its directory; ` + "`--config`" + ` reads it back.

An unknown key, a wrong type and a value that is not allowed are errors that name
file, line, key, value and what is allowed, all at once. What is allowed but not
supported yet is in [deferred.md](deferred.md).
`)
	for _, section := range sections() {
		fmt.Fprintf(&b, "\n## `%s`\n\n%s\n\n", section, sectionDocs[section])
		b.WriteString("| key | flag | type | default | allowed | meaning |\n|---|---|---|---|---|---|\n")
		for _, f := range Fields() {
			if f.Section == section {
				fmt.Fprintf(&b, "| `%s` | `--%s` | %s | %s | %s | %s |\n", f.Key, f.Flag, f.Kind, shownDefault(f), f.Allowed, f.Doc)
			}
		}
	}
	b.WriteString("\n## Presets\n\n`--preset NAME` of `ptycho run` and `ptycho train`. What they reach, and in which time, is in\n[benchmarks.md](benchmarks.md#time-to-a-good-reconstruction).\n\n| preset | for | settings |\n|---|---|---|\n")
	for _, p := range Presets() {
		var all []string
		for _, s := range p.Settings {
			all = append(all, "`"+s[0]+": "+s[1]+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, p.Doc, strings.Join(all, ", "))
	}
	b.WriteString("\n## Rules between settings\n\n| setting | is |\n|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.key, r.doc)
	}
	b.WriteString(`
## Settings without effect

Not an error: a warning names the setting where a flag or a file gives it. In a file
that gives a whole section, as ` + "`config.yaml`" + ` of a run does, only a value other than
the default counts as given.

| setting | has no effect |
|---|---|
`)
	for _, i := range idle {
		fmt.Fprintf(&b, "| `%s` | %s |\n", i.key, i.doc)
	}
	b.WriteString(`
## Names of the reference program

A file or a flag may use a deprecated name, with a warning:

| deprecated | is |
|---|---|
`)
	for _, alias := range sortedKeys(aliases) {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", alias, aliases[alias])
	}
	b.WriteString(`
The legacy map (` + "`config.LegacyParams`" + `, there ` + "`params.cfg`" + `) is flat. It holds the sections
` + "`model` and `training`" + `, settings by their keys but for these:

| setting | in the legacy map |
|---|---|
`)
	for _, f := range Fields() {
		if name := legacyName(f.Key); name != f.Key && (f.Section == "model" || f.Section == "training") {
			fmt.Fprintf(&b, "| `%s` | `%s` |\n", f.Path(), name)
		}
	}
	b.WriteString(`
and three derived values: ` + "`bigN` = N + (gridsize − 1)·4, `padding_size` = (gridsize − 1)·4 + 10,\n`padded_size` = `bigN`" + ` + 10. A setting without a value (no file, no seed, 0 where that
means none) leaves what the map holds.
`)
	return b.String()
}

// sectionDocs introduces the sections.
var sectionDocs = map[string]string{
	"model":          "Network and physics (`config.ModelConfig`). A trained model keeps them; an inference\nmay name them, and another value is an error.",
	"data":           "How a data file is read (`config.DataConfig`). The changes of coordinates are made in\nthe order of the rows. An inference takes them from the model where it gives none.",
	"training":       "The training (`config.TrainingConfig`). An inference (`config.InferenceConfig`) has\n" + inferenceDoc() + ", and `--model-path`.",
	"reconstruction": "How patches are stitched to an object (`config.ReconstructionConfig`). In a program\n`do_stitching` is false where no option says otherwise.",
	"execution":      "Where and how to compute (`config.ExecutionConfig`). These never enter the legacy map.",
}

func inferenceDoc() string {
	var keys []string
	for _, f := range Fields() {
		if f.Section == "training" && inferenceKeys[f.Key] {
			keys = append(keys, f.Key)
		}
	}
	return codes(keys)
}

// shownDefault is a default as the reference shows it.
func shownDefault(f Field) string {
	if f.Default == "" {
		return "none"
	}
	return "`" + f.Default + "`"
}

func codes(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestReferenceShowsEverySetting: each has a row under its section, and no
// cell breaks the table.
func TestReferenceShowsEverySetting(t *testing.T) {
	content, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	rows := 0
	section := ""
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(line, "## `"); ok {
			section = strings.TrimSuffix(strings.TrimSpace(name), "`")
		}
		if !strings.Contains(line, "| `--") {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), " | ")
		require.Len(t, cells, 6, line)
		f, err := Lookup(section + "." + strings.Trim(cells[0], "| `"))
		require.NoError(t, err, line)
		require.Equal(t, "`--"+f.Flag+"`", cells[1])
		rows++
	}
	require.Equal(t, len(table), rows)
	for _, s := range sections() {
		require.NotEmpty(t, sectionDocs[s], s)
	}
	for _, r := range rules {
		require.NotEmpty(t, r.doc, r.key)
	}
}

// sampleValues are the settings of docs/sample.yaml that are not the defaults.
var sampleValues = map[string]string{
	"training.train_data_file": "scan.npz",
	"training.nphotons":        "440000",
}

// TestSampleIsGenerated: docs/sample.yaml is written by Config.YAML.
func TestSampleIsGenerated(t *testing.T) {
	c := Default()
	header := "# Every setting, for ptycho run --config sample.yaml. A file needs only what is\n# to differ from the defaults. Here that is:\n"
	for _, path := range sortedKeys(sampleValues) {
		f, err := Lookup(path)
		require.NoError(t, err)
		require.NoError(t, f.Set(&c, sampleValues[path]))
		header += fmt.Sprintf("#   %s (default: %s)\n", path, strings.Trim(shownDefault(f), "`"))
	}
	text, err := c.YAML()
	require.NoError(t, err)
	requireGenerated(t, "../docs/sample.yaml", header+"\n"+string(text))
}

// TestSample: the file as it is in docs/ loads strictly, holds every key, and
// equals the defaults but for what its head names.
func TestSample(t *testing.T) {
	l, err := Load("../docs/sample.yaml")
	require.NoError(t, err)
	require.Empty(t, l.Warnings)
	require.Len(t, l.Keys(), len(table))
	c := resolved(t, l).Config
	require.NoError(t, c.Unsupported())

	content, err := os.ReadFile(l.Source)
	require.NoError(t, err)
	named := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if entry, ok := strings.CutPrefix(line, "#   "); ok {
			path, was, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(entry), ")"), " (default: ")
			named[path] = was
		}
	}
	require.NotEmpty(t, named)
	for _, f := range Fields() {
		was, differs := named[f.Path()]
		require.Equal(t, differs, f.Get(c) != f.Default, f.Path())
		if differs {
			require.Equal(t, strings.Trim(shownDefault(f), "`"), was)
		}
	}
}
