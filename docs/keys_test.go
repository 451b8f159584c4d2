package docs

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/evaluate"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// TestKeysOfOutput: data-formats.md names every key of run.json, metrics.json,
// history.csv and the manifest of a bundle.
func TestKeysOfOutput(t *testing.T) {
	content, err := os.ReadFile("data-formats.md")
	require.NoError(t, err)
	keys := map[string]bool{}
	for _, v := range []any{workflow.Results{}, evaluate.Metrics{}, bundle.Manifest{}} {
		collect(reflect.TypeOf(v), keys)
	}
	header, err := workflow.HistoryCSV(nil)
	require.NoError(t, err)
	for column := range strings.SplitSeq(strings.TrimSpace(string(header)), ",") {
		keys[column] = true
	}
	// Of the manifest's members; the page says so in words.
	for _, key := range []string{"name", "size", "sha256"} {
		delete(keys, key)
	}
	require.Greater(t, len(keys), 80, "keys were found")
	for key := range keys {
		require.True(t, strings.Contains(string(content), "`"+key+"`"), "data-formats.md does not name the key %s", key)
	}
}

// fileOfARun is the name of a file in cmd/ptycho/output.go.
var fileOfARun = regexp.MustCompile(`(?m)^\tfile[A-Z]\w* += "(.+)"$`)

// TestFilesOfARun: data-formats.md names every file that the program writes into
// the directory of a run, and so does the README.
func TestFilesOfARun(t *testing.T) {
	source, err := os.ReadFile("../cmd/ptycho/output.go")
	require.NoError(t, err)
	files := fileOfARun.FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(files), 10, "names of files were found")
	for _, page := range []string{"data-formats.md", "../README.md"} {
		content, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, f := range files {
			require.Contains(t, string(content), "`"+f[1]+"`", page)
		}
	}
}

// collect adds the JSON keys of a type and of those in it that are of this
// project.
func collect(typ reflect.Type, keys map[string]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || !strings.Contains(typ.PkgPath(), "ptychobridge") {
		return
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" || key == "-" {
			continue
		}
		keys[key] = true
		collect(f.Type, keys)
	}
}
