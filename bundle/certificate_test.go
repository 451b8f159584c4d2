package bundle

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCertify: a certificate, good or bad, takes the place of an earlier one, and
// all else of a bundle stays as it was, a training that can go on included.
func TestCertify(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	require.NoError(t, Write(path, resumable(t)))
	before, err := Read(path)
	require.NoError(t, err)
	require.Nil(t, before.Manifest.Parity)
	for _, within := range []bool{true, false} {
		c := Certificate{
			Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Program: "0.1.0", DataSHA256: "ab", Within: within,
			Runtimes: []Certified{{"tensorflow", "2.21.0", "cd", "cpu"}, {"pytorch", "2.15.0", "ef", "cpu"}},
			Levels:   []CertifiedLevel{{"gradient", "float64", 47, 0, 5.5e-13}},
		}
		require.NoError(t, Certify(filepath.Dir(path), c))
		after, err := Read(path)
		require.NoError(t, err)
		c.Schema = CertificateSchema
		require.Equal(t, &c, after.Manifest.Parity)
		require.True(t, after.Manifest.Parity.Known())
		after.Manifest.Parity = nil
		require.Equal(t, before, after)
	}
	require.Error(t, Certify(t.TempDir(), Certificate{}), "there is no bundle")
}

// TestCertificateOfAnotherForm: a model with a certificate that this version
// cannot read is read, the certificate is kept to the letter, and a new one takes
// its place. One without a schema has the first form.
func TestCertificateOfAnotherForm(t *testing.T) {
	for text, schema := range map[string]string{
		`{"schema":"ptychobridge.certificate/2","within":"mostly","levels":{"a":1}}`: "ptychobridge.certificate/2",
		`{"schema":"ptychobridge.certificate/0","within":true}`:                      "ptychobridge.certificate/0",
		`{"schema":7}`:             "",
		`{"levels":"all of them"}`: "",
		`["a list"]`:               "",
		`"signed by hand"`:         "",
	} {
		var c Certificate
		require.NoError(t, json.Unmarshal([]byte(text), &c))
		b := resumable(t)
		b.Manifest.Parity = &c
		path := filepath.Join(t.TempDir(), FileName)
		require.NoError(t, Write(path, b))
		read, err := Read(path)
		require.NoError(t, err, text)
		require.False(t, read.Manifest.Parity.Known(), text)
		require.Equal(t, schema, read.Manifest.Parity.Schema)
		require.ElementsMatch(t, b.Weights, read.Weights)
		again, err := json.Marshal(read.Manifest.Parity)
		require.NoError(t, err)
		require.JSONEq(t, text, string(again))

		require.NoError(t, Certify(path, Certificate{Program: "0.1.0", Within: true}))
		read, err = Read(path)
		require.NoError(t, err)
		require.Equal(t, &Certificate{Schema: CertificateSchema, Program: "0.1.0", Within: true}, read.Manifest.Parity)
	}
	var c Certificate
	require.NoError(t, json.Unmarshal([]byte(`{"program":"0.1.0","within":true,"levels":[{"level":"loss","precision":"float32","figures":2}]}`), &c))
	require.True(t, c.Known())
	require.Equal(t, Certificate{Program: "0.1.0", Within: true, Levels: []CertifiedLevel{{Level: "loss", Precision: "float32", Figures: 2}}}, c)
}
