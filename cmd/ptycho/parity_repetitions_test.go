package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/parity"
)

// TestRepetitions: on a GPU the other setting of TF32 is one more way to compute, on
// the CPU it is none.
func TestRepetitions(t *testing.T) {
	for _, c := range []struct {
		device string
		tf32   bool
		want   []string
	}{
		{"cpu", false, []string{"again, in another process", "with 1 threads instead of 2"}},
		{"cuda", false, []string{"again, in another process", "with 1 threads instead of 2", "with TF32"}},
		{"cuda:1", true, []string{"again, in another process", "with 1 threads instead of 2", "without TF32"}},
	} {
		var got []string
		var tf32 []bool
		for _, r := range repetitions(parity.Settings{Device: c.device, TF32: c.tf32}, 2, 1) {
			got, tf32 = append(got, r.what), append(tf32, r.settings.TF32)
		}
		require.Equal(t, c.want, got)
		require.Equal(t, []bool{c.tf32, c.tf32, !c.tf32}[:len(tf32)], tf32)
	}
}
