//go:build !torch || !cgo

package torchnative_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
)

// TestUnavailable: D7: what is missing from this build, and how to get it.
func TestUnavailable(t *testing.T) {
	b, err := torchnative.Open(bridge.Options{})
	require.Nil(t, b)
	require.ErrorIs(t, err, bridge.ErrUnavailable)
	require.True(t, strings.HasPrefix(err.Error(), "PyTorch backend selected"), err.Error())
	require.ErrorContains(t, err, "no LibTorch support")
	require.ErrorContains(t, err, "make native shim build")
	script, of := torchnative.OpenScript(bridge.Options{}, "network.pt")
	require.Nil(t, script)
	require.Equal(t, err, of)
	require.Zero(t, torchnative.LiveHandles())
}
