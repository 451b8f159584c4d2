//go:build !cgo || notensorflow

package tfnative_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/tfnative"
)

// TestOpenSaysWhatToDo: D8: what is missing from this build, and how to get it.
func TestOpenSaysWhatToDo(t *testing.T) {
	_, err := tfnative.Open(bridge.Options{})
	require.ErrorIs(t, err, bridge.ErrUnavailable)
	require.True(t, strings.HasPrefix(err.Error(), "TensorFlow backend selected, but this build has no TensorFlow support"), err.Error())
	require.ErrorContains(t, err, "make native build")
	_, of := tfnative.OpenSavedModel(bridge.Options{}, "network", "")
	require.Equal(t, err, of)
}
