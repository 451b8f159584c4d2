//go:build cgo && !notensorflow

package tfnative

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

	tf "github.com/wamuir/graft/tensorflow"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/build"
)

const remedy = `Install TensorFlow, in the source tree:
  make native
or set PTYCHO_LIBTENSORFLOW to a directory that holds libtensorflow_cc.so.2 and
libtensorflow_framework.so.2 (the folder tensorflow of an installed Python package does).`

// library is what was opened; it stays open until the process ends.
type library struct {
	path, version string
	oneDNN        bool
}

var (
	loading sync.Mutex
	opened  *library
)

// load opens TensorFlow once per process and points graft's calls into it; a
// failure can be tried again. A directory that is asked for by name later must
// be the one that was opened.
func load(dir string) (*library, error) {
	loading.Lock()
	defer loading.Unlock()
	if opened != nil {
		return opened, sameLibrary(dir)
	}
	_, chosen := os.LookupEnv("TF_CPP_MIN_LOG_LEVEL")
	setDefault("TF_CPP_MIN_LOG_LEVEL", "2") // errors; what fails comes back as an error and not as a warning
	// Each session gets threads of its own, as many as it asks for. Else the
	// first session of a process decides for all.
	setDefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
	lib, err := openTensorFlow(dir, !chosen)
	if err != nil {
		return nil, err
	}
	if missing := C.tfn_bind(lib.handle); missing != nil {
		return nil, fmt.Errorf("%s does not fit: it has no function %s", lib.path, C.GoString(missing))
	}
	opened = &library{path: lib.path, version: tf.Version(), oneDNN: environment("TF_ENABLE_ONEDNN_OPTS") != "0"}
	return opened, nil
}

// errOther says that a process that holds one TensorFlow was asked for
// another, which it cannot open as well.
var errOther = errors.New("another TensorFlow is open in this process")

func sameLibrary(dir string) error {
	if dir == "" {
		return nil
	}
	path := filepath.Join(dir, libraryName)
	asked, err := os.Stat(path)
	if err != nil {
		return notOpened([]string{"  " + err.Error()})
	}
	if held, err := os.Stat(opened.path); err == nil && os.SameFile(asked, held) {
		return nil
	}
	return fmt.Errorf("%w: %s cannot be opened beside %s", errOther, path, opened.path)
}

const (
	libraryName   = "libtensorflow_cc.so.2"
	frameworkName = "libtensorflow_framework.so.2"
)

type openedFile struct {
	path   string
	handle unsafe.Pointer
}

// openTensorFlow opens both libraries of the first directory that has them.
func openTensorFlow(dir string, quietly bool) (openedFile, error) {
	var tried []string
	for _, d := range places(dir) {
		path := filepath.Join(d, libraryName)
		_, err := openLibrary(filepath.Join(d, frameworkName), quietly)
		if err == nil {
			var handle unsafe.Pointer
			if handle, err = openLibrary(path, false); err == nil {
				return openedFile{path, handle}, nil
			}
		}
		tried = append(tried, "  "+err.Error())
	}
	return openedFile{}, notOpened(tried)
}

func notOpened(tried []string) error {
	return fmt.Errorf("TensorFlow could not be opened; looked in:\n%s", strings.Join(tried, "\n"))
}

// places lists directories that may hold TensorFlow: only the one asked for,
// if there is one.
func places(dir string) []string {
	if dir != "" {
		return []string{dir}
	}
	if dir = os.Getenv("PTYCHO_LIBTENSORFLOW"); dir != "" {
		return []string{dir}
	}
	var all []string
	for _, path := range bridge.BesideExecutable(libraryName) {
		all = append(all, filepath.Dir(path))
	}
	if d, err := build.TensorFlowDir(); err == nil {
		all = append(all, d)
	}
	return all
}

// openLibrary gives the loader's own words, which begin with the path.
func openLibrary(path string, quietly bool) (unsafe.Pointer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var message [2048]C.char
	open := func(path, err *C.char, size C.size_t) unsafe.Pointer { return C.tfn_open(path, err, size) }
	if quietly {
		open = func(path, err *C.char, size C.size_t) unsafe.Pointer { return C.tfn_open_quietly(path, err, size) }
	}
	handle := open(name, &message[0], C.size_t(len(message)))
	if handle == nil {
		return nil, errors.New(C.GoString(&message[0]))
	}
	return handle, nil
}

// setDefault sets a variable of the environment that native code reads, where
// the user has not set it.
func setDefault(name, value string) {
	n, v := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(v))
	C.tfn_setenv(n, v)
}

func environment(name string) string {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return C.GoString(C.getenv(n))
}
