//go:build !torch || !cgo

// Package torchnative runs graph programs on LibTorch: with the tag torch and
// cgo, Open gives the bridge.Backend. In this build LibTorch is left out, and
// Open gives the error that says how to get it.
package torchnative

import "github.com/ptychobridge/ptychobridge/bridge"

const remedy = `Build with it, in the source tree (github.com/ptychobridge/ptychobridge):
  make native shim build
which fetches LibTorch, builds the shim and the program with the tag torch.`

// Open gives an error that matches bridge.ErrUnavailable and names the commands
// that build a program with LibTorch.
func Open(bridge.Options) (bridge.Backend, error) {
	return nil, unavailable()
}

// OpenScript gives an error that matches bridge.ErrUnavailable.
func OpenScript(bridge.Options, string) (bridge.Foreign, error) { return nil, unavailable() }

func unavailable() error {
	return bridge.Unavailable("PyTorch", "this build has no LibTorch support (it was built without the tag torch, or without cgo)", remedy)
}

// LiveHandles counts native sessions and programs that are not closed: there are
// none in this build, and it is 0.
func LiveHandles() int { return 0 }
