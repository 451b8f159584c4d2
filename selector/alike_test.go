package selector

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/workflow"
)

// native skips a test where a runtime is missing, unless it has to be there.
func native(t *testing.T, backend string) {
	t.Helper()
	b, err := Open(backend, bridge.Options{})
	if errors.Is(err, bridge.ErrUnavailable) && os.Getenv("PTYCHO_REQUIRE_NATIVE") == "" {
		t.Skipf("%s is missing: %v", backend, err)
	}
	require.NoError(t, err)
	require.NoError(t, b.Close())
}

// arrays has dtype and number of values of every array of the results, by name.
func arrays(r *workflow.Results) map[string]string {
	out := map[string]string{}
	add := func(name string, v reflect.Value) {
		out[name] = fmt.Sprintf("%s × %d", v.Type().Elem(), v.Len())
	}
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case field.Kind() == reflect.Slice && name != "Warnings":
			add(name, field)
		case name == "ReconAmp" || name == "ReconPhase":
			add(name, field.Elem().FieldByName("Data"))
			out[name] += fmt.Sprintf(" = %v × %v", field.Elem().FieldByName("Rows"), field.Elem().FieldByName("Cols"))
		case name == "Object":
			add(name, field.Elem().FieldByName("Data"))
		}
	}
	return out
}

// kinds has the JSON type of every key of the results, as run.json has them.
func kinds(t *testing.T, r *workflow.Results) map[string]string {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var root any
	require.NoError(t, json.Unmarshal(text, &root))
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		out[path] = fmt.Sprintf("%T", v)
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				walk(path+"."+key, value)
			}
		case []any:
			for i, value := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), value)
			}
		}
	}
	walk("", root)
	return out
}

// requireAlike runs both backends and compares what they give: keys, shapes and
// dtypes. C is the number of patches of a group.
func requireAlike(t *testing.T, gridsize int, objectBig bool, options func() []Option) {
	t.Helper()
	raw := smallScan(t)
	run := func(backend string) *workflow.Results {
		c := smallConfig(backend)
		c.Model.Gridsize, c.Model.ObjectBig, c.OutputDir, c.CheckpointEvery = gridsize, objectBig, t.TempDir(), 0
		_, _, r, err := RunCDIExampleWithBackend(t.Context(), raw, nil, c, append(options(), DoStitching(true))...)
		require.NoError(t, err)
		require.Equal(t, backend, r.Backend)
		return r
	}
	tensorflow, pytorch := run(config.TensorFlow), run(config.PyTorch)
	got := arrays(tensorflow)
	require.Equal(t, got, arrays(pytorch))
	keys := kinds(t, tensorflow)
	require.Equal(t, keys, kinds(t, pytorch))
	require.Equal(t, tensorflow.OriginXY, pytorch.OriginXY)
	require.Equal(t, tensorflow.GlobalOffsets, pytorch.GlobalOffsets)
	require.Equal(t, tensorflow.NNIndices, pytorch.NNIndices)

	// G = 5 groups of C = g² patterns of N = 64.
	patches := 5
	if !objectBig {
		patches *= gridsize * gridsize
	}
	require.Equal(t, fmt.Sprintf("complex64 × %d", patches*64*64), got["ObjTensorFull"])
	require.Equal(t, "float64 × 10", got["GlobalOffsets"])
	require.Equal(t, fmt.Sprintf("float64 × %d", 2*patches), got["Positions"])
	require.Equal(t, fmt.Sprintf("int64 × %d", 5*gridsize*gridsize), got["NNIndices"])
	require.Regexp(t, `^float32 × \d+ = \d+ × \d+$`, got["ReconAmp"])
	require.Equal(t, got["ReconAmp"], got["ReconPhase"])
	require.Equal(t, "workflow.Epoch × 2", got["History"])
	for key, kind := range map[string]string{
		".backend": "string", ".bundle_path": "string", ".intensity_scale": "float64", ".normalization": "float64", ".origin_xy[1]": "float64",
		".history[1].train_loss": "float64", ".history[1].validation_loss": "float64", ".history[1].learning_rate": "float64",
		".seconds.train": "float64", ".precision": "string", ".seed": "float64",
	} {
		require.Equal(t, kind, keys[key], key)
	}
}

// layouts are the shapes that results may have.
var layouts = []struct {
	name      string
	gridsize  int
	objectBig bool
}{
	{"gridsize 1", 1, true},
	{"gridsize 2", 2, true},
	{"gridsize 2, a patch for each pattern", 2, false},
}

// TestD11ResultsAlike: both backends give the same keys, shapes and dtypes.
func TestD11ResultsAlike(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			requireAlike(t, l.gridsize, l.objectBig, func() []Option { return []Option{spied(new(events))} })
		})
	}
}

// TestD11ResultsAlikeNative: so do the runtimes themselves.
func TestD11ResultsAlikeNative(t *testing.T) {
	for _, name := range Backends() {
		native(t, name)
	}
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			requireAlike(t, l.gridsize, l.objectBig, func() []Option { return []Option{WithLogger(nil)} })
		})
	}
}
