package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDistance: insertions, removals and changes of letters, by hand.
func TestDistance(t *testing.T) {
	for words, want := range map[[2]string]int{
		{"", "abc"}: 3, {"abc", ""}: 3, {"seed", "seed"}: 0, {"sed", "seed"}: 1, {"seeds", "seed"}: 1, {"kitten", "sitting"}: 3, {"ab", "ba"}: 2,
	} {
		require.Equal(t, want, distance(words[0], words[1]), words)
	}
}

// TestNearest: a short word is not near to whatever is short.
func TestNearest(t *testing.T) {
	names := []string{"M", "seed", "tv_weight", "mae_weight"}
	for word, want := range map[string]string{"seed": "seed", "sead": "seed", "maeweight": "mae_weight", "nn_weight": "tv_weight", "m": "", "sx": "", "mae": "", "": ""} {
		require.Equal(t, want, Nearest(word, names), word)
	}
}
