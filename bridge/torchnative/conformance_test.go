//go:build torch && cgo

package torchnative_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/bridgetest"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
)

// open opens LibTorch or skips the test where it is missing, unless
// PTYCHO_REQUIRE_NATIVE says that it must be there.
func open(t *testing.T) bridge.Backend {
	t.Helper()
	required := os.Getenv("PTYCHO_REQUIRE_NATIVE") != "" // read first: go test's cache goes by it
	b, err := torchnative.Open(bridge.Options{Device: "cpu", Threads: 2})
	if errors.Is(err, bridge.ErrUnavailable) && !required {
		t.Skipf("LibTorch is missing: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestConformance(t *testing.T) {
	bridgetest.Run(t, open)
	require.Zero(t, torchnative.LiveHandles(), "native handles that were not freed")
}
