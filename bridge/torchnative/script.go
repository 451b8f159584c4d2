//go:build torch && cgo

package torchnative

// #include <stdlib.h>
// #include "load.h"
import "C"

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"unsafe"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// script is a bridge.Foreign over one ptorch_script.
type script struct {
	file   string
	handle *C.ptorch_script
	thread *thread // all native calls are made on it
	inputs []bridge.Slot
}

// OpenScript opens LibTorch as Open does and loads a TorchScript file, as
// torch.jit.save writes it, onto the CPU and for inference. Its inputs are the
// arguments of forward that are tensors; the file does not say their types and
// shapes. An argument of another type must have a default, which then holds.
// The outputs of a tuple or list are named out.0, out.1 and so on (a single
// tensor out.0), those of a dictionary by its keys. Elements are float32,
// float64, int32 or int64.
//
// Errors: those of Open; no such file; a file that is no TorchScript, with what
// it is instead where that can be told.
func OpenScript(o bridge.Options, file string) (bridge.Foreign, error) {
	if err := bridge.OnlyCPU("exported models", o.Device); err != nil {
		return nil, fmt.Errorf("torchnative: open script: %w", err)
	}
	o.Device = "cpu"
	opened, err := Open(o)
	if err != nil {
		return nil, err
	}
	if err := checkArchive(file); err != nil {
		return nil, fmt.Errorf("torchnative: open script: %s: %w", file, err)
	}
	s := &script{file: file, thread: newThread()}
	if err := s.load(opened.Info().Threads); err != nil {
		_ = s.Close() // the first error counts
		return nil, fmt.Errorf("torchnative: open script: %s: %w", file, err)
	}
	return s, nil
}

func (s *script) load(threads int) error {
	name := C.CString(s.file)
	defer C.free(unsafe.Pointer(name))
	err := s.call(func(e *C.char, n C.size_t) C.int { return C.pt_script_new(&s.handle, name, C.int(threads), e, n) })
	if err != nil {
		return err
	}
	for i := range int(C.pt_script_input_count(s.handle)) {
		var name *C.char
		var optional C.int
		err := s.call(func(e *C.char, n C.size_t) C.int {
			return C.pt_script_input(s.handle, C.int(i), &name, &optional, e, n)
		})
		if err != nil {
			return err
		}
		s.inputs = append(s.inputs, bridge.Slot{Name: C.GoString(name), Optional: optional != 0})
	}
	return nil
}

func (s *script) Inputs() []bridge.Slot { return s.inputs }

// Run runs forward.
func (s *script) Run(inputs bridge.Tensors) ([]bridge.Named, error) {
	results, err := s.run(inputs)
	if err != nil {
		return nil, fmt.Errorf("torchnative: run script %s: %w", s.file, err)
	}
	return results, nil
}

func (s *script) run(inputs bridge.Tensors) ([]bridge.Named, error) {
	if s.handle == nil {
		return nil, fmt.Errorf("it is %w", bridge.ErrClosed)
	}
	if err := bridge.CheckSlots(s.inputs, inputs); err != nil {
		return nil, err
	}
	var in, out *C.ptorch_values
	defer s.thread.do(func() {
		C.pt_values_free(in)
		C.pt_values_free(out)
	})
	if err := s.call(func(e *C.char, n C.size_t) C.int { return C.pt_values_new(&in, e, n) }); err != nil {
		return nil, err
	}
	for name, t := range inputs {
		if err := s.add(in, name, t); err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
	}
	if err := s.call(func(e *C.char, n C.size_t) C.int { return C.pt_script_run(s.handle, in, &out, e, n) }); err != nil {
		return nil, err
	}
	results := make([]bridge.Named, int(C.pt_values_count(out)))
	for i := range results {
		var err error
		if results[i], err = s.value(out, i); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// add copies a tensor into a list.
func (s *script) add(to *C.ptorch_values, name string, t bridge.Tensor) error {
	as := C.CString(name)
	defer C.free(unsafe.Pointer(as))
	var pinned runtime.Pinner
	defer pinned.Unpin()
	shape, data := widen(t.Shape), elements(t.Data)
	if t.Shape.Size() > 0 {
		pinned.Pin(data)
	}
	return s.call(func(e *C.char, n C.size_t) C.int {
		return C.pt_values_add(to, as, scriptCode(t), C.int(len(shape)), (*C.int64_t)(unsafe.SliceData(shape)), data, e, n)
	})
}

// value copies a tensor out of a list.
func (s *script) value(from *C.ptorch_values, number int) (bridge.Named, error) {
	var name *C.char
	var dtype, rank C.int
	var lengths *C.int64_t
	err := s.call(func(e *C.char, n C.size_t) C.int {
		return C.pt_values_about(from, C.int(number), &name, &dtype, &rank, &lengths, e, n)
	})
	if err != nil {
		return bridge.Named{}, err
	}
	shape := make(graph.Shape, int(rank))
	for i, d := range unsafe.Slice(lengths, int(rank)) {
		shape[i] = int(d)
	}
	out := bridge.Named{Name: C.GoString(name), Tensor: zeros(dtype, shape)}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	data := elements(out.Data)
	if shape.Size() > 0 {
		pinned.Pin(data)
	}
	err = s.call(func(e *C.char, n C.size_t) C.int { return C.pt_values_read(from, C.int(number), data, e, n) })
	return out, err
}

// Close frees the script.
func (s *script) Close() error {
	if s.thread == nil {
		return nil
	}
	s.thread.do(func() { C.pt_script_free(s.handle) })
	s.thread.stop()
	s.handle, s.thread = nil, nil
	return nil
}

// call is call on the script's thread.
func (s *script) call(f func(err *C.char, size C.size_t) C.int) (err error) {
	s.thread.do(func() { err = call(f) })
	return err
}

// scriptCode is the shim's number for the type of a checked tensor.
func scriptCode(t bridge.Tensor) C.int {
	switch t.Data.(type) {
	case []float64:
		return C.PTORCH_FLOAT64
	case []int32:
		return C.PTORCH_INT32
	case []int64:
		return C.PTORCH_INT64
	}
	return C.PTORCH_FLOAT32
}

// zeros makes a tensor of one of the shim's types.
func zeros(dtype C.int, shape graph.Shape) bridge.Tensor {
	size := shape.Size()
	switch dtype {
	case C.PTORCH_FLOAT64:
		return bridge.NewTensor(make([]float64, size), shape...)
	case C.PTORCH_INT32:
		return bridge.NewTensor(make([]int32, size), shape...)
	case C.PTORCH_INT64:
		return bridge.NewTensor(make([]int64, size), shape...)
	}
	return bridge.NewTensor(make([]float32, size), shape...)
}

const (
	wantScript  = "expected a TorchScript file, as torch.jit.save writes it"
	weightsOnly = "found weights without a network (a state_dict or another object, as torch.save writes it); " + wantScript +
		": load them into the network in Python, then torch.jit.trace or torch.jit.script it"
)

// checkArchive tells a TorchScript file from others that PyTorch writes.
func checkArchive(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("found %s; %s", info.Mode(), wantScript)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		start := make([]byte, 2)
		if _, err := io.ReadFull(f, start); err == nil && start[0] == 0x80 && start[1] >= 2 {
			return errors.New(weightsOnly) // a pickle, the format before PyTorch 1.6
		}
		return fmt.Errorf("found no archive (%w); %s", err, wantScript)
	}
	has := map[string]bool{}
	for _, z := range archive.File {
		has[path.Base(z.Name)] = true
	}
	switch {
	case has["constants.pkl"]:
		return nil
	case has["archive_format"] || has["serialized_exported_program.json"]:
		return errors.New("found a program of torch.export (.pt2); " + wantScript + ": use torch.jit.trace or torch.jit.script")
	case has["data.pkl"]:
		return errors.New(weightsOnly)
	}
	return errors.New("found an archive of another kind; " + wantScript)
}
