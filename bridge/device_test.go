package bridge

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseDevice(t *testing.T) {
	for text, want := range map[string]Device{
		"": {Auto, 0}, "auto": {Auto, 0}, "cpu": {CPU, 0}, "cuda": {CUDA, 0}, "cuda:0": {CUDA, 0}, "cuda:3": {CUDA, 3}, "cuda:99": {CUDA, 99},
	} {
		got, err := ParseDevice(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"tpu", "CUDA", "cuda:", "cuda:-1", "cuda:+1", "cuda:1.0", "cuda:128", "cuda0"} {
		_, err := ParseDevice(text)
		require.EqualError(t, err, `device "`+text+`" is not known; expected auto, cpu, cuda or cuda:N`)
	}
	require.Equal(t, "cuda:3", Device{CUDA, 3}.String())
	require.Equal(t, "cpu", Device{Kind: CPU}.String())
	require.Equal(t, "auto", Device{}.String())
}

func TestOnlyCPU(t *testing.T) {
	for _, text := range []string{"", "auto", "cpu"} {
		require.NoError(t, OnlyCPU("exported models", text))
	}
	require.EqualError(t, OnlyCPU("exported models", "cuda:1"), "device cuda:1: exported models run on the CPU only; use device cpu or auto")
	require.ErrorContains(t, OnlyCPU("exported models", "tpu"), "not known")
}
