package dataset

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// modesOf are modes that differ from each other.
func modesOf(count, side int) []complex64 {
	var out []complex64
	for mode := range count {
		for p, v := range DefaultProbe(side) {
			out = append(out, v*complex(float32(1+mode), float32(p%side)*float32(mode)/10))
		}
	}
	return out
}

func TestProbeModes(t *testing.T) {
	probe := modesOf(3, smallSide)
	raw, err := smallFile().with(keyProbe, probe, 3, smallSide, smallSide).load(t, Options{})
	require.NoError(t, err)
	require.Equal(t, 3, raw.Modes())
	require.Equal(t, probe, raw.Probe)
	path := filepath.Join(t.TempDir(), "again.npz")
	require.NoError(t, raw.Write(path))
	again, err := Load(path, Options{})
	require.NoError(t, err)
	require.Equal(t, probe, again.Probe)

	raw, err = smallFile().with(keyProbe, probe[:64], 1, smallSide, smallSide).load(t, Options{})
	require.NoError(t, err)
	require.Equal(t, 1, raw.Modes())
	raw.Probe = probe[:100]
	require.ErrorContains(t, raw.Check(), "found 100 values of the probe; expected 64")
	raw.Probe = modesOf(5, smallSide)
	require.ErrorContains(t, raw.Check(), "found 5 probe modes; expected 1 to N/2 = 4")
}

// TestNormalizedModes: modes of modulus 3 and 4 make 5 everywhere, and the
// disc of N = 8 holds 12 of 64 pixels: both are divided by 2·5·12/64.
func TestNormalizedModes(t *testing.T) {
	probe := make([]complex64, 128)
	for p := range 64 {
		probe[p], probe[64+p] = 3, 4i
	}
	got := NormalizedProbe(probe, 8, 2)
	require.InDelta(t, 3/1.875, real(got[20]), 1e-6)
	require.InDelta(t, 4/1.875, imag(got[64+20]), 1e-6)

	one := NormalizedProbe(modesOf(1, 8), 8, 4)
	padded := NormalizedProbe(append(modesOf(1, 8), make([]complex64, 64)...), 8, 4)
	require.Equal(t, one, padded[:64], "a mode without light changes nothing")
}

// TestSimulateModes: a second mode without light changes nothing, and the
// same mode split into parts of 0.6 and 0.8 gives the same light.
func TestSimulateModes(t *testing.T) {
	simulate := func(probe []complex64) *Raw {
		raw, err := Simulate(SimulateOptions{Patterns: 2, N: 16, NPhotons: 1e7, Seed: 3, Probe: probe})
		require.NoError(t, err)
		return raw
	}
	one := DefaultProbe(16)
	plain := simulate(one)
	dark := simulate(append(append([]complex64(nil), one...), make([]complex64, 256)...))
	require.Equal(t, plain.Amplitude, dark.Amplitude)
	require.Equal(t, 2, dark.Modes())
	parts := make([]complex64, 512)
	for p, v := range one {
		parts[p], parts[256+p] = 0.6*v, 0.8i*v
	}
	split := simulate(parts)
	require.InDelta(t, MeanPhotons(plain.Amplitude, 16), MeanPhotons(split.Amplitude, 16), 2e4)
	x, y := plain.X, plain.Y
	want, got := intensities(plain.Object, one, 16, x, y), intensities(plain.Object, parts, 16, x, y)
	for i := range want {
		require.InDelta(t, want[i], got[i], 1e-4)
	}
	_, err := Simulate(SimulateOptions{Patterns: 2, N: 16, NPhotons: 1e7, Probe: modesOf(9, 16)})
	require.ErrorContains(t, err, "probe: found 9 probe modes; expected 1 to N/2 = 8")
}
