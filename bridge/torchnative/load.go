//go:build torch && cgo

package torchnative

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "load.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/build"
)

// abi is the number of the interface that this package was built with.
const abi = C.PTORCH_ABI

const remedy = `Install LibTorch and build the shim, in the source tree:
  make native shim
or set PTYCHO_LIBTORCH to a directory of LibTorch (the one that holds lib/libtorch_cpu.so)
and PTYCHO_SHIM to the file libptorch.so.`

var errOther = errors.New("a process can have one LibTorch only")

// library is what was opened; it stays open until the process ends.
type library struct{ path, version string }

var (
	loading   sync.Mutex
	torchPath string // of libtorch_cpu.so, once it is open
	opened    *library
)

// load opens LibTorch and the shim once per process; a failure can be tried
// again. more, where there is one, is done between the two, or once more.
func load(dir string, more func() error) (*library, error) {
	loading.Lock()
	defer loading.Unlock()
	if err := openTorch(dir); err != nil {
		return nil, err
	}
	if more != nil {
		if err := more(); err != nil {
			return nil, err
		}
	}
	if opened != nil {
		return opened, nil
	}
	shim, path, err := openFirst("the shim", shimPlaces())
	if err != nil {
		return nil, err
	}
	if err := call(func(e *C.char, n C.size_t) C.int { return C.pt_bind(shim, e, n) }); err != nil {
		return nil, fmt.Errorf("the shim %s does not fit: %w", path, err)
	}
	version, err := checkShim(path)
	if err != nil {
		return nil, err
	}
	if cuda.open {
		openRecorder(path, version)
	}
	C.pt_keep_memory()
	opened = &library{path: torchPath, version: version}
	return opened, nil
}

// checkShim compares the shim with this program and with the LibTorch that is
// open, and gives the latter's version.
func checkShim(path string) (string, error) {
	if found := C.pt_abi(); found != abi {
		return "", fmt.Errorf("the shim %s has interface %d, this program needs %d", path, found, abi)
	}
	var text [64]C.char
	err := call(func(e *C.char, n C.size_t) C.int { return C.pt_version(&text[0], C.size_t(len(text)), e, n) })
	if err != nil {
		return "", err
	}
	version := C.GoString(&text[0])
	if built := C.GoString(C.pt_built_for()); built != version {
		return "", fmt.Errorf("the shim %s was built for LibTorch %s, and %s is %s", path, built, torchPath, version)
	}
	return version, nil
}

// openTorch opens LibTorch from dir or, where dir is empty, from the usual
// places. A process can have one LibTorch only.
func openTorch(dir string) error {
	if torchPath != "" {
		return sameTorch(dir)
	}
	// libgomp reads these when it is loaded. Waiting threads that spin for long
	// make two threads slower than one on a busy machine; those that do not spin
	// at all are late for the next of many short operations.
	setDefault("OMP_WAIT_POLICY", "passive")
	setDefault("GOMP_SPINCOUNT", "2000")
	_, path, err := openFirst("LibTorch", torchPlaces(dir))
	if err == nil {
		torchPath = path
	}
	return err
}

func sameTorch(dir string) error {
	if dir == "" {
		return nil
	}
	open, err := os.Stat(torchPath)
	if err != nil {
		return err
	}
	var missing []error
	for _, path := range in(dir) {
		asked, err := os.Stat(path)
		switch {
		case err != nil:
			missing = append(missing, err)
		case os.SameFile(asked, open):
			return nil
		default:
			return fmt.Errorf("%w: %s was asked for, and %s is already open", errOther, path, torchPath)
		}
	}
	return fmt.Errorf("LibTorch could not be opened: %w", errors.Join(missing...))
}

// torchPlaces lists the files that may be LibTorch: only those of the
// directory asked for, if there is one.
func torchPlaces(dir string) []string {
	if dir == "" {
		dir = os.Getenv("PTYCHO_LIBTORCH")
	}
	if dir != "" {
		return in(dir)
	}
	places := bridge.BesideExecutable("libtorch_cpu.so")
	if d, err := build.TorchDir(); err == nil {
		places = append(places, filepath.Join(d, "lib", "libtorch_cpu.so"))
	}
	return places
}

// in gives the two places of LibTorch in a directory that a user names.
func in(dir string) []string {
	return []string{filepath.Join(dir, "lib", "libtorch_cpu.so"), filepath.Join(dir, "libtorch_cpu.so")}
}

func shimPlaces() []string {
	if path := os.Getenv("PTYCHO_SHIM"); path != "" {
		return []string{path}
	}
	return bridge.BesideExecutable("libptorch.so")
}

// openFirst opens the first file that can be opened and gives its handle and
// its path; else an error with each place and the loader's own words.
func openFirst(what string, places []string) (unsafe.Pointer, string, error) {
	var tried strings.Builder
	for _, path := range places {
		handle, err := openLibrary(path)
		if err == nil {
			return handle, path, nil
		}
		fmt.Fprintf(&tried, "\n  %s: %s", path, strings.TrimPrefix(err.Error(), path+": "))
	}
	return nil, "", fmt.Errorf("%s could not be opened; looked in:%s", what, tried.String())
}

func openLibrary(path string) (unsafe.Pointer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var handle unsafe.Pointer
	err := call(func(e *C.char, n C.size_t) C.int {
		handle = C.pt_open(name, e, n)
		if handle == nil {
			return 1
		}
		return 0
	})
	return handle, err
}

// setDefault sets a variable of the environment that native code reads, where
// the user has not set it.
func setDefault(name, value string) {
	n, v := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(v))
	C.pt_setenv(n, v)
}

func environment(name string) string {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return C.GoString(C.getenv(n))
}
