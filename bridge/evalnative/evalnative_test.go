package evalnative_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/evalnative"
)

func TestConformance(t *testing.T) {
	bridgetest.Run(t, func(t *testing.T) bridge.Backend {
		b := evalnative.Open()
		t.Cleanup(func() { require.NoError(t, b.Close()) })
		return b
	})
}

func TestClosedBackend(t *testing.T) {
	b := evalnative.Open()
	require.NoError(t, b.Close())
	_, err := b.Compile()
	require.ErrorIs(t, err, bridge.ErrClosed)
}
