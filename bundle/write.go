package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ptychobridge/ptychobridge/bundle/safetensors"
	"github.com/ptychobridge/ptychobridge/wholefile"
)

// Names of the archive's members.
const (
	manifestName      = "manifest.json"
	configName        = "config.yaml"
	paramsName        = "params.json"
	weightsName       = "weights.safetensors"
	historyName       = "history.csv"
	trainingName      = "training.safetensors"
	trainingStateName = "training.json"
)

// Write writes the bundle to the file path, or to FileName in the directory
// path; it makes no directory. The file appears whole or not at all, and replaces an
// older one. The same bundle with the same Created gives the same bytes. Errors:
// a bundle without Backend, Constants, LogScale or Probe, weights that are not
// float32, settings that config refuses, and those of the file system.
func Write(path string, b Bundle) error {
	path = locate(path)
	content, err := encode(b)
	if err != nil {
		return fmt.Errorf("bundle: write %s: %w", path, err)
	}
	if err := wholefile.WriteBytes(path, content); err != nil {
		return fmt.Errorf("bundle: write %s: %w", path, err)
	}
	return nil
}

// part is a member with its content.
type part struct {
	name    string
	content []byte
}

// encode makes the archive. Its members are stored as they are, so that the
// file's size bounds what a reader must allocate.
func encode(b Bundle) ([]byte, error) {
	if err := b.checkContent(); err != nil {
		return nil, err
	}
	parts, err := b.parts()
	if err != nil {
		return nil, err
	}
	m := b.Manifest
	m.SchemaVersion, m.ReadableFrom, m.Models, m.ParameterCount = Schema, readableFrom, Models(), b.count()
	if m.Created.IsZero() {
		m.Created = time.Now()
	}
	m.Created = m.Created.UTC().Truncate(time.Second)
	m.Members = nil
	for _, p := range parts {
		m.Members = append(m.Members, newMember(p.name, p.content))
	}
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, p := range append([]part{{manifestName, append(manifest, '\n')}}, parts...) {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Store, Modified: m.Created})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(p.content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// parts gives the members but the manifest.
func (b Bundle) parts() ([]part, error) {
	configuration, err := b.Config.YAML()
	if err != nil {
		return nil, err
	}
	params, err := json.MarshalIndent(b.Params, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", paramsName, err)
	}
	weights, err := safetensors.Encode(b.Weights, nil)
	if err != nil {
		return nil, err
	}
	parts := []part{
		{configName, configuration},
		{paramsName, append(params, '\n')},
		{weightsName, weights},
		{historyName, b.History},
	}
	if b.Training == nil {
		return parts, nil
	}
	tensors, err := safetensors.Encode(b.Training.Tensors, nil)
	if err != nil {
		return nil, fmt.Errorf("training: %w", err)
	}
	if err := jsonObject(b.Training.State); err != nil {
		return nil, fmt.Errorf("training: %w", err)
	}
	return append(parts, part{trainingName, tensors}, part{trainingStateName, b.Training.State}), nil
}

// jsonObject refuses anything but one JSON object.
func jsonObject(content []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(content, &members); err != nil || members == nil {
		return errors.Join(errors.New("the state is no JSON object"), err)
	}
	return nil
}
