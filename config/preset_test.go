package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPresets: each is a layer below the others that changes a default, and says
// so as a source.
func TestPresets(t *testing.T) {
	for _, p := range Presets() {
		l, err := Preset(p.Name)
		require.NoError(t, err)
		require.Len(t, l.Keys(), len(p.Settings))
		over := Layer{Source: "command line"}
		require.NoError(t, over.Set("training.seed", "7"))
		r, err := Resolve(l, over)
		require.NoError(t, err)
		require.Empty(t, r.Warnings, "settings without effect")
		for _, s := range p.Settings {
			f, err := Lookup(s[0])
			require.NoError(t, err)
			require.Equal(t, s[1], f.Get(r.Config), s[0])
			require.NotEqual(t, f.Get(Default()), s[1], "%s: %s is the default", p.Name, s[0])
			require.Equal(t, "preset "+p.Name, r.Sources[s[0]])
		}
	}
	_, err := Preset("quick")
	require.EqualError(t, err, `preset is "quick", allowed: fast, balanced, reference`)
}
