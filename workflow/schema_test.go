package workflow

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
	"github.com/ptychobridge/ptychobridge/bundle"
	"github.com/ptychobridge/ptychobridge/config"
	"github.com/ptychobridge/ptychobridge/dataset"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

// A bundle of each schema is kept in bundle/testdata/schema-N as the first
// version with that schema wrote it: model.ptycho.zip, a checkpoint after one
// epoch on scan.npz, and in expected.json what the float64 evaluator of that
// version predicted with it and its losses when it went on for an epoch.
// TestKeepSchema made them; they are never made anew.
const keptSchemas = "../bundle/testdata"

// How far a later version may be from what is kept: the evaluator computes in
// float64 and rounds patches, weights and moments to float32.
const (
	keptPatchTolerance = 1e-5 // of patches with amplitudes near 1
	keptLossTolerance  = 1e-5 // relative
)

type keptNumbers struct {
	From           string      `json:"from"`
	Patches        []keptPixel `json:"patches"`
	TrainLoss      float64     `json:"train_loss"` // of the second epoch
	ValidationLoss float64     `json:"validation_loss"`
}

// keptPixel is a pixel of a predicted patch.
type keptPixel struct {
	Group  int     `json:"group"`
	Row    int     `json:"row"`
	Column int     `json:"column"`
	Re     float64 `json:"re"`
	Im     float64 `json:"im"`
}

func schemaDirectory(schema int) string {
	return filepath.Join(keptSchemas, fmt.Sprintf("schema-%d", schema))
}

// compute predicts with a kept bundle and goes on with its training, in the
// directory that holds it.
func compute(t *testing.T) (pixels []keptPixel, history []Epoch) {
	t.Helper()
	b, err := bundle.Read(bundle.FileName)
	require.NoError(t, err)
	raw, err := dataset.Load("scan.npz", dataset.Options{})
	require.NoError(t, err)
	m, err := OpenModel(evalnative.Open(), b, b.Config.Inference(bundle.FileName), config.DefaultExecution(), DiffractionToObject)
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // nothing was written
	p, err := m.Predict(t.Context(), raw)
	require.NoError(t, err)
	for group := range p.X {
		for _, at := range [][2]int{{20, 41}, {33, 30}, {45, 12}} { // row, column
			v := p.Patches[(group*p.N+at[0])*p.N+at[1]]
			pixels = append(pixels, keptPixel{group, at[0], at[1], float64(real(v)), float64(imag(v))})
		}
	}
	from := reopened(t, bundle.FileName)
	c := from.Config().Training
	c.NEpochs, c.OutputDir = 2, t.TempDir()
	r, err := trainOn(t.Context(), evalnative.Open(), raw, c, Options{Resume: from})
	require.NoError(t, err)
	require.Len(t, r.Segments, 2)
	return pixels, r.History
}

// TestKeptSchemas: bundles of every schema that there has been open, predict
// what they predicted when they were written, and go on with their training.
func TestKeptSchemas(t *testing.T) {
	for schema := 1; schema <= bundle.Schema; schema++ {
		t.Run(fmt.Sprint(schema), func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(schemaDirectory(schema), "expected.json"))
			require.NoError(t, err, "each schema has a bundle that is kept; TestKeepSchema makes one")
			var want keptNumbers
			require.NoError(t, json.Unmarshal(content, &want))
			t.Chdir(schemaDirectory(schema))
			b, err := bundle.Read(".")
			require.NoError(t, err)
			require.Equal(t, schema, b.Manifest.SchemaVersion)
			pixels, history := compute(t)
			require.Len(t, pixels, len(want.Patches))
			largest := 0.0
			for i, p := range pixels {
				w := want.Patches[i]
				require.Equal(t, []int{w.Group, w.Row, w.Column}, []int{p.Group, p.Row, p.Column})
				largest = max(largest, abs(p.Re-w.Re), abs(p.Im-w.Im))
			}
			t.Logf("largest difference of the patches: %.3g", largest)
			require.Less(t, largest, keptPatchTolerance)
			require.Len(t, history, 2)
			require.InEpsilon(t, want.TrainLoss, history[1].TrainLoss, keptLossTolerance)
			require.InEpsilon(t, want.ValidationLoss, history[1].ValidationLoss, keptLossTolerance)
		})
	}
}

func abs(v float64) float64 { return max(v, -v) }

// TestKeepSchema makes what TestKeptSchemas reads, for a schema that has none
// yet. Set PTYCHO_KEEP_SCHEMA to the version of the program that writes it.
func TestKeepSchema(t *testing.T) {
	version := os.Getenv("PTYCHO_KEEP_SCHEMA")
	if version == "" {
		t.Skip("PTYCHO_KEEP_SCHEMA is not set: no bundle is to be kept")
	}
	dir := schemaDirectory(bundle.Schema)
	require.NoDirExists(t, dir, "what is kept is never made anew")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	t.Chdir(dir) // the names that it holds are relative
	raw, err := dataset.Simulate(dataset.SimulateOptions{Object: dataset.ObjectSiemens, Patterns: 5, N: 64, NPhotons: 1e5, Seed: 1})
	require.NoError(t, err)
	raw.Object = nil
	require.NoError(t, raw.Write("scan.npz"))
	raw, err = dataset.Load("scan.npz", dataset.Options{})
	require.NoError(t, err)
	c := config.Default().Training
	c.Model.NFiltersScale, c.Model.PadObject, c.Model.Gridsize = 0.125, false, 2
	c.BatchSize, c.NEpochs, c.NPhotons, c.ValidationSplit, c.WarmupSteps = 3, 1, 1e5, 0.3, 3
	c.TrainDataFile, c.OutputDir = raw.Path, "."
	_, err = trainOn(t.Context(), evalnative.Open(), raw, c, Options{Program: "ptycho " + version})
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(CheckpointDirectory, "epoch-0001.ptycho.zip"), bundle.FileName))
	require.NoError(t, os.RemoveAll(CheckpointDirectory))
	pixels, history := compute(t)
	content, err := json.MarshalIndent(keptNumbers{
		From:    "the float64 evaluator of version " + version + ", by TestKeepSchema of package workflow",
		Patches: pixels, TrainLoss: history[1].TrainLoss, ValidationLoss: history[1].ValidationLoss,
	}, "", "  ")
	require.NoError(t, err)
	require.NoError(t, wholefile.WriteBytes("expected.json", append(content, '\n')))
}
