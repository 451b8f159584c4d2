package workflow

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/bridge"
)

// metered is a session that has something to tell.
type metered struct {
	bridge.Session
	usage bridge.Usage
	err   error
}

func (m metered) Usage() (bridge.Usage, error) { return m.usage, m.err }

// TestNotesAreTold: those of a session come as warnings, so does a usage that
// cannot be told; a session without any is silent.
func TestNotesAreTold(t *testing.T) {
	var said bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&said, nil))
	(&network{session: metered{usage: bridge.Usage{Notes: []string{"program train/16 is not run as a CUDA graph: no"}}}}).tellNotes(logger)
	(&network{session: metered{err: errors.New("no usage")}}).tellNotes(logger)
	require.Contains(t, said.String(), `level=WARN msg="program train/16 is not run as a CUDA graph: no"`)
	require.Contains(t, said.String(), `level=WARN msg="no usage"`)
	said.Reset()
	(&network{}).tellNotes(logger)
	require.Empty(t, said.String())
}
