//go:build torch && cgo

package torchnative

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "load.h"
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"github.com/ptychobridge/ptychobridge/build"
)

// abi is the number of the interface that this package was built with.
const abi = C.PTORCH_ABI

const remedy = `Install LibTorch and build the shim, in the source tree:
  make native shim
or set PTYCHO_LIBTORCH to a directory of LibTorch (the one that holds lib/libtorch_cpu.so)
and PTYCHO_SHIM to libptorch.so.`

// library is what was opened; it stays open until the process ends.
type library struct{ path, version string }

var (
	loading sync.Mutex
	opened  *library
)

// load opens LibTorch and the shim once per process; a failure can be tried
// again.
func load(dir string) (*library, error) {
	loading.Lock()
	defer loading.Unlock()
	if opened != nil {
		return opened, nil
	}
	// libgomp reads these when it is loaded. Waiting threads that spin make
	// two threads slower than one on a busy machine.
	setDefault("OMP_WAIT_POLICY", "passive")
	setDefault("GOMP_SPINCOUNT", "0")
	torch, err := openLibTorch(dir)
	if err != nil {
		return nil, err
	}
	shim, err := openFirst("the shim libptorch.so", shimPlaces())
	if err != nil {
		return nil, err
	}
	if err := call(func(e *C.char, n C.size_t) C.int { return C.pt_bind(shim.handle, e, n) }); err != nil {
		return nil, fmt.Errorf("the shim %s does not fit: %w", shim.path, err)
	}
	if found := C.pt_abi(); found != abi {
		return nil, fmt.Errorf("the shim %s has interface %d, this program needs %d", shim.path, found, abi)
	}
	opened = &library{path: torch, version: C.GoString(C.pt_version())}
	return opened, nil
}

// openLibTorch opens libc10 and libtorch_cpu of the first directory that has
// them and gives the path of the latter.
func openLibTorch(dir string) (string, error) {
	var tried []string
	for _, d := range torchPlaces(dir) {
		for _, lib := range []string{filepath.Join(d, "lib"), d} {
			path := filepath.Join(lib, "libtorch_cpu.so")
			_, err := openLibrary(filepath.Join(lib, "libc10.so"))
			if err == nil {
				_, err = openLibrary(path)
			}
			if err == nil {
				return path, nil
			}
			tried = append(tried, "  "+err.Error())
		}
	}
	return "", fmt.Errorf("LibTorch could not be opened; looked in:\n%s", strings.Join(tried, "\n"))
}

// torchPlaces lists directories that may hold LibTorch: only the one asked
// for, if there is one.
func torchPlaces(dir string) []string {
	if dir != "" {
		return []string{dir}
	}
	if dir = os.Getenv("PTYCHO_LIBTORCH"); dir != "" {
		return []string{dir}
	}
	places := besideExecutable("")
	if d, err := build.TorchDir(); err == nil {
		places = append(places, d)
	}
	return places
}

func shimPlaces() []string {
	if path := os.Getenv("PTYCHO_SHIM"); path != "" {
		return []string{path}
	}
	return besideExecutable("libptorch.so")
}

// besideExecutable gives the places of a file beside this program and in the
// folder lib next to the program's.
func besideExecutable(name string) []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	dir := filepath.Dir(exe)
	return []string{filepath.Join(dir, name), filepath.Join(filepath.Dir(dir), "lib", name)}
}

type openedFile struct {
	path   string
	handle unsafe.Pointer
}

func openFirst(what string, places []string) (openedFile, error) {
	var tried []string
	for _, path := range places {
		handle, err := openLibrary(path)
		if err == nil {
			return openedFile{path, handle}, nil
		}
		tried = append(tried, "  "+err.Error())
	}
	return openedFile{}, fmt.Errorf("%s could not be opened; looked in:\n%s", what, strings.Join(tried, "\n"))
}

// openLibrary gives the loader's own words, which begin with the path.
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
