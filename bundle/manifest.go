package bundle

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Schema is the version of the format that this package writes; it reads no
// newer one. It rises with every change that a reader must know of. Entries
// of the manifest that a reader can do without may be added at any time. A
// bundle of each schema is kept in testdata, which every later version must
// open, predict with and go on with; a test of package workflow holds it to that.
const Schema = 1

// readableFrom is the first version of the program that reads Schema.
const readableFrom = "0.1.0"

// Models are the names under which a bundle's model is loaded.
func Models() []string { return []string{"autoencoder", "diffraction_to_obj"} }

// Manifest says what a bundle is and holds. The caller of Write gives Backend,
// Library, Program, Created and Constants; Write fills in the rest.
type Manifest struct {
	SchemaVersion  int       `json:"schema_version"`  // Schema of the program that wrote it
	ReadableFrom   string    `json:"readable_from"`   // the first version of the program that reads this
	Program        string    `json:"program"`         // the version of the program that wrote it
	Models         []string  `json:"models"`          // Models()
	Backend        string    `json:"backend"`         // that trained it
	Library        string    `json:"library"`         // the native library's version
	Created        time.Time `json:"created"`         // to the second, UTC; the zero time becomes that of writing
	ParameterCount int       `json:"parameter_count"` // elements of the weights but LogScale and Probe
	Constants      Constants `json:"constants"`
	Members        []Member  `json:"members"` // all but the manifest, in the order of the archive

	// Parity says how far two runtimes agreed on the model, where that was
	// measured, see Certify.
	Parity *Certificate `json:"parity,omitempty"`
}

// Constants are what an inference takes over from the training.
type Constants struct {
	Normalization  float64 `json:"normalization"`    // factor of the measured amplitudes
	IntensityScale float64 `json:"intensity_scale"`  // s = √nphotons/(N/2)
	NPhotons       float64 `json:"nphotons"`         // photons in a mean pattern
	ProbeScale     float64 `json:"probe_scale"`      // divisor of the normalised probe
	Canvas         int     `json:"canvas,omitempty"` // side in pixels on which the patches of a group are merged; 0 at gridsize 1
}

// Member is a file of the archive.
type Member struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // hexadecimal
}

func newMember(name string, content []byte) Member {
	return Member{name, int64(len(content)), hash(content)}
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// check refuses a manifest that lacks what a reader needs.
func (m Manifest) check() error {
	if m.Backend == "" {
		return errors.New("manifest: backend is missing")
	}
	for name, v := range map[string]float64{
		"normalization": m.Constants.Normalization, "intensity_scale": m.Constants.IntensityScale,
		"nphotons": m.Constants.NPhotons, "probe_scale": m.Constants.ProbeScale,
	} {
		if !(v > 0 && v <= math.MaxFloat64) {
			return fmt.Errorf("manifest: constants: %s is %g instead of a finite number above 0", name, v)
		}
	}
	return nil
}

// readManifest refuses a newer schema before it looks at anything else.
func readManifest(f *zip.File, size int64) (Manifest, error) {
	if err := fits([]*zip.File{f}, size); err != nil {
		return Manifest{}, err
	}
	text, err := content(f, largestText)
	if err != nil {
		return Manifest{}, err
	}
	return parseManifest(text)
}

func parseManifest(content []byte) (Manifest, error) {
	var version struct {
		SchemaVersion int    `json:"schema_version"`
		ReadableFrom  string `json:"readable_from"`
	}
	if err := json.Unmarshal(content, &version); err != nil {
		return Manifest{}, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	if v := version.SchemaVersion; v > Schema {
		return Manifest{}, fmt.Errorf("%w: schema %d, this program reads up to %d; version %s or later reads it", ErrNewer, v, Schema, version.ReadableFrom)
	} else if v < 1 {
		return Manifest{}, fmt.Errorf("%w: %s: schema_version is %d", ErrDamaged, manifestName, v)
	}
	var m Manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	if !slices.Equal(m.Models, Models()) {
		return Manifest{}, fmt.Errorf("%w: %s: models are %q instead of %q", ErrDamaged, manifestName, m.Models, Models())
	}
	return m, nil
}
