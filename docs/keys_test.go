package docs

import (
	"os"
	"reflect"
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
		require.Contains(t, string(content), "`"+key+"`")
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
