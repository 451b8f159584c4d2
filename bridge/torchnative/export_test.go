//go:build torch && cgo

package torchnative

import "github.com/ptychobridge/ptychobridge/bridge"

// Record lets a backend on the CPU record its programs by the recorder of a
// library.
func Record(b bridge.Backend, path string) error {
	native := b.(*backend)
	r, err := readRecorder(path, native.info.Version)
	native.settings.recorder = r
	return err
}
