package dataset

import (
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/dataset/npz"
)

// requireSource makes sure that Open gives what Load has given, of every file that
// the tests load: the same scan, warnings, amplitudes and errors, but for what is
// about Y and files that only Load reads.
func requireSource(t *testing.T, path string, o Options, want *Raw, fault error) {
	t.Helper()
	s, err := Open(path, o)
	switch {
	case errors.Is(err, ErrOrder):
		return
	case err != nil:
		require.EqualError(t, fault, err.Error())
		return
	case fault != nil:
		require.ErrorContains(t, fault, `key "Y": `, "Open found nothing wrong")
		require.NoError(t, s.Close())
		return
	}
	amplitude := make([]float32, len(want.Amplitude))
	require.NoError(t, s.Read(amplitude, upTo(want.Len())))
	require.Equal(t, want.Amplitude, amplitude)
	got := *s.Scan()
	got.Amplitude, got.Patches = want.Amplitude, want.Patches
	require.Equal(t, want, &got)
	require.NoError(t, s.Close())
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestSourceReadsSomePatterns(t *testing.T) {
	counts := photons(30)
	for name, file := range map[string]arrays{
		"amplitudes": smallFile().with(keyPatterns, roots(counts), smallN, smallSide, smallSide),
		"counts":     smallFile().with(keyPatterns, integersOf(counts), smallN, smallSide, smallSide, 1),
		"old name":   smallFile().without(keyPatterns).with(keyOld, counts, smallN, smallSide, smallSide),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(file.write(t), Options{})
			require.NoError(t, err)
			defer s.Close() //nolint:errcheck // it was only read
			require.Nil(t, s.Scan().Amplitude)
			require.True(t, s.Scan().Counts)
			const size = smallSide * smallSide
			for _, indices := range [][]int{{0, 1}, {3}, {4}, {1, 2, 4}, {0}, {}} { // onward, and back to the beginning
				got := make([]float32, len(indices)*size)
				require.NoError(t, s.Read(got, indices))
				for k, i := range indices {
					require.Equal(t, roots(counts)[i*size:(i+1)*size], got[k*size:(k+1)*size])
				}
			}
		})
	}
}

func TestSourceRefuses(t *testing.T) {
	path := smallFile().write(t)
	s, err := Open(path, Options{})
	require.NoError(t, err)
	const size = smallSide * smallSide
	require.EqualError(t, s.Read(make([]float32, 3), []int{0}), "dataset: read: "+path+": 3 values for 1 patterns of 8×8 pixels")
	require.EqualError(t, s.Read(make([]float32, 2*size), []int{2, 1}), "dataset: read: "+path+": patterns 1 to 1 were asked for after 2; expected numbers that rise from 0 to 4")
	require.ErrorContains(t, s.Read(make([]float32, 2*size), []int{4, 5}), "patterns 4 to 5 were asked for after 2; expected numbers that rise from 0 to 4")
	require.ErrorContains(t, s.Read(make([]float32, size), []int{-1}), "patterns -1 to -1 were asked for after")
	require.NoError(t, s.Read(make([]float32, size), []int{0}))
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Read(make([]float32, size), []int{0}), os.ErrClosed)

	_, err = Open(path, Options{CoordScale: -1})
	require.ErrorContains(t, err, "option coord_scale")
	_, err = Open(path+".missing", Options{})
	require.ErrorIs(t, err, os.ErrNotExist)

	values := roots(smallCounts())
	for name, file := range map[string]arrays{
		"n last":     smallFile().with(keyPatterns, last(values, smallN), smallSide, smallSide, smallN),
		"both names": smallFile().with(keyOld, values, smallN, smallSide, smallSide),
	} {
		_, err := Open(file.write(t), Options{})
		require.ErrorIs(t, err, ErrOrder, name)
		require.ErrorContains(t, err, `key "diffraction": patterns do not lie one after the other`)
	}
}

// TestSourceSeesThatTheFileChanged: what was looked at is what is read.
func TestSourceSeesThatTheFileChanged(t *testing.T) {
	path := smallFile().write(t)
	s, err := Open(path, Options{})
	require.NoError(t, err)
	defer s.Close() //nolint:errcheck // it was only read
	values := roots(smallCounts())
	values[100] = -1
	other := smallFile().with(keyPatterns, values, smallN, smallSide, smallSide).write(t)
	content, err := os.ReadFile(other)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600)) // into the same file
	err = s.Read(make([]float32, len(values)), upTo(smallN))
	require.ErrorContains(t, err, "its patterns are not those of when it was opened")

	// Other numbers that could be patterns are seen by the sum over all of them.
	values[100] = 3
	content, err = os.ReadFile(smallFile().with(keyPatterns, values, smallN, smallSide, smallSide).write(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.ErrorContains(t, s.Read(make([]float32, len(values)), upTo(smallN)), "found checksum")
}

// TestZeroBelowZero: −0 is 0, in a pattern with light and in a dark one.
func TestZeroBelowZero(t *testing.T) {
	values := roots(smallCounts())
	zero := float32(math.Copysign(0, -1))
	values[5] = zero
	raw, err := smallFile().with(keyPatterns, values, smallN, smallSide, smallSide).load(t, Options{})
	require.NoError(t, err)
	require.True(t, raw.Counts)
	for i := range smallSide * smallSide {
		values[i] = zero
	}
	_, err = smallFile().with(keyPatterns, values, smallN, smallSide, smallSide).load(t, Options{})
	require.ErrorContains(t, err, "pattern 0: found zeros throughout (1 such patterns of 5)")
}

// TestSurveyOfParts: what is found does not depend on how patterns are divided.
func TestSurveyOfParts(t *testing.T) {
	const n = 40
	size := smallSide * smallSide
	values := roots(slices.Repeat(photons(30), n/smallN))
	for at, change := range map[int]float32{17 * size: float32(math.Inf(1)), 23*size + 5: -1} {
		values[at] = change
	}
	clear(values[8*size : 9*size])
	clear(values[30*size : 31*size])
	whole := surveyed(values, smallSide, 0, 0x1p-24)
	require.Equal(t, 2, whole.dark)
	require.Equal(t, 8, whole.firstDark)
	require.EqualError(t, whole.err(), "pattern 17, row 0, column 0: found +Inf; expected finite numbers, at least 0")
	for _, part := range []int{1, 3, 7, 39} {
		parts := newSurvey()
		for first := 0; first < n; first += part {
			parts.add(surveyed(values[first*size:min(n, first+part)*size], smallSide, first, 0x1p-24))
		}
		require.Equal(t, whole.fault, parts.fault)
		require.Equal(t, []int{whole.patterns, whole.dark, whole.firstDark}, []int{parts.patterns, parts.dark, parts.firstDark})
		a, b := whole.settled(npz.Member{Descr: "<f4"}), parts.settled(npz.Member{Descr: "<f4"})
		require.Equal(t, []any{a.whole, a.squares, a.largest}, []any{b.whole, b.squares, b.largest})
	}
}
