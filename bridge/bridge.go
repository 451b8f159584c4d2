// Package bridge is the contract that a native runtime fulfils: open it,
// compile graph programs into a session, run them. A runtime behind it knows
// operations; it does not know what a probe is. A Backend compiles, a Session
// holds states on the device, and Tensors go in and out, always copied. Package
// bridgetest holds every backend to the float64 evaluator; package selector
// opens them by name.
package bridge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ptychobridge/ptychobridge/graph"
)

// ErrUnavailable is matched by the error of a runtime that this build or this
// machine does not have.
var ErrUnavailable = errors.New("backend unavailable")

// ErrClosed is matched by the error of a call to a closed session or backend.
var ErrClosed = errors.New("closed")

// Backend is an opened runtime on one device. Sessions must be closed before
// it.
type Backend interface {
	// Info tells what was opened.
	Info() Info
	// Compile makes the programs runnable in a session of their own, which the
	// caller closes. States of one name are shared by the programs; each must
	// be written before a program that uses it runs. Errors: programs that
	// Declare refuses, ErrClosed, and those of the runtime; nothing stays open
	// then.
	Compile(programs ...*graph.Program) (Session, error)
	// Close releases the runtime. Closing twice is harmless.
	Close() error
}

// Session holds compiled programs and the states they share, on the device.
// It is for one goroutine at a time.
type Session interface {
	// Run feeds the inputs of the named program by their names, makes its
	// updates and gives its outputs by their names. The tensors of the feeds
	// are not kept. Errors: a program that is not there, feeds that CheckFeeds
	// refuses, a state that was not written, an index outside its axis,
	// ErrClosed, and those of the runtime.
	Run(program string, feeds Tensors) (Tensors, error)
	// Read copies a state to the host. It is an error to read one that is not
	// there or was not written, as it is after Close.
	Read(state string) (Tensor, error)
	// Write copies a host tensor of the state's type and shape into a state;
	// another type or shape is an error.
	Write(state string, value Tensor) error
	// Close frees the states and programs. Closing twice is harmless.
	Close() error
}

// Options say how a runtime is to be opened. The zero value is the usual
// case.
type Options struct {
	Device        string // auto (or empty), cpu, cuda, cuda:N
	Threads       int    // threads of one operation; 0: one for each processor
	Deterministic bool   // same numbers at every run with the same number of threads
	TF32          bool   // a GPU may round the factors of float32 products to 10 bits
	Directory     string // where the native library lies; empty: look in the usual places
}

// Info says what was opened, for logs and results. It stays the same as long as
// the backend is open.
type Info struct {
	Backend string `json:"backend"`           // tensorflow, pytorch or evaluator
	Version string `json:"version"`           // of the native library, as it says itself
	Path    string `json:"path"`              // of the native library
	Device  string `json:"device"`            // cpu or cuda:N
	GPU     string `json:"gpu,omitempty"`     // name of that device, where it is a GPU
	Threads int    `json:"threads"`           // used by one operation
	Setting string `json:"setting,omitempty"` // switches that bear on speed or numbers
}

// Usage is what a session says of itself besides its results.
type Usage struct {
	PeakGPUBytes int64    // the most memory of the GPU that the process has had at once; 0 on the CPU
	Notes        []string // what did not go as planned, such as a program that is not run as a CUDA graph
}

// Metered is a Session that tells its Usage.
type Metered interface {
	// Usage is that so far. Errors: those of the runtime, ErrClosed.
	Usage() (Usage, error)
}

// Unavailable makes the error of a runtime that cannot be used: "<Name>
// backend selected" and why, then what to do. It matches ErrUnavailable.
func Unavailable(name, why, remedy string) error {
	return fmt.Errorf("%s backend selected, but %s.\n%s (%w)", name, why, remedy, ErrUnavailable)
}

// BesideExecutable gives the places where a native library may lie that comes
// with the program: beside it, and in the folder lib next to its own.
func BesideExecutable(name string) []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	if target, err := filepath.EvalSymlinks(exe); err == nil {
		exe = target
	}
	dir := filepath.Dir(exe)
	return []string{filepath.Join(dir, name), filepath.Join(filepath.Dir(dir), "lib", name)}
}

// ThreadCount is the number of threads that an option asks for: 0 means one
// for each processor.
func ThreadCount(asked int) int {
	if asked > 0 {
		return asked
	}
	return runtime.NumCPU()
}
