package bundle

import (
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
		require.Equal(t, &c, after.Manifest.Parity)
		after.Manifest.Parity = nil
		require.Equal(t, before, after)
	}
	require.Error(t, Certify(t.TempDir(), Certificate{}), "there is no bundle")
}
