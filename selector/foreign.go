package selector

import (
	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/bridge/tfnative"
	"github.com/ptychobridge/ptychobridge/bridge/torchnative"
)

// OpenSavedModel loads a network that another program exported as a TensorFlow
// SavedModel, to be run by the names of a signature; empty means
// serving_default, or the only one there is. The caller closes it. The error of
// a runtime that is not there matches bridge.ErrUnavailable.
func OpenSavedModel(dir, signature string, o bridge.Options) (bridge.Foreign, error) {
	return tfnative.OpenSavedModel(o, dir, signature)
}

// OpenTorchScript is OpenSavedModel for a TorchScript file.
func OpenTorchScript(file string, o bridge.Options) (bridge.Foreign, error) {
	return torchnative.OpenScript(o, file)
}
