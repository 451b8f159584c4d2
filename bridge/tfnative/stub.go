//go:build !cgo || notensorflow

// Package tfnative runs graph programs on TensorFlow: with cgo and without the
// tag notensorflow, Open gives the bridge.Backend. In this build TensorFlow is
// left out, and Open gives the error that says how to get it.
package tfnative

import "github.com/ptychobridge/ptychobridge/bridge"

const remedy = `Build with it, in the source tree (github.com/ptychobridge/ptychobridge):
  make native build
which fetches TensorFlow and builds the program with cgo and without the tag notensorflow.`

// Open gives an error that matches bridge.ErrUnavailable and names the commands
// that build a program with TensorFlow.
func Open(bridge.Options) (bridge.Backend, error) {
	return nil, unavailable()
}

// OpenSavedModel gives an error that matches bridge.ErrUnavailable.
func OpenSavedModel(bridge.Options, string, string) (bridge.Foreign, error) {
	return nil, unavailable()
}

func unavailable() error {
	return bridge.Unavailable("TensorFlow", "this build has no TensorFlow support (it was built with the tag notensorflow, or without cgo)", remedy)
}
