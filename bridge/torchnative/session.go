//go:build torch && cgo

package torchnative

// #include "load.h"
import "C"

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"unsafe"

	"github.com/ptychobridge/ptychobridge/bridge"
	"github.com/ptychobridge/ptychobridge/graph"
)

// session is a bridge.Session over one ptorch_session and its programs.
type session struct {
	handle   *C.ptorch_session
	settings settings
	thread   *thread // all native calls are made on it
	programs map[string]*program
	states   map[string]*graph.Node
	numbers  map[string]int
	written  map[string]bool
}

type program struct {
	handle  *C.ptorch_program
	source  *graph.Program
	feeds   []*graph.Node
	states  []*graph.Node
	outputs []graph.Output
	rows    []bridge.Rows // to be checked here, where the device does not
}

// compile makes a session of programs; on failure nothing stays behind.
func compile(with settings, programs []*graph.Program) (bridge.Session, error) {
	declared, err := bridge.Declare(programs)
	if err != nil {
		return nil, fmt.Errorf("torchnative: compile: %w", err)
	}
	s := &session{settings: with, thread: newThread(), programs: map[string]*program{}, states: declared.States, numbers: map[string]int{}, written: map[string]bool{}}
	if err := s.call(func(e *C.char, n C.size_t) C.int { return C.pt_session_new(&s.handle, C.int(with.threads), e, n) }); err != nil {
		s.thread.stop()
		return nil, fmt.Errorf("torchnative: compile: %w", err)
	}
	if err := s.place(); err != nil {
		_ = s.Close() // the first error counts
		return nil, fmt.Errorf("torchnative: compile: %w", err)
	}
	for i, name := range declared.StateNames() {
		s.numbers[name] = i
		if err := s.declare(declared.States[name]); err != nil {
			_ = s.Close() // the first error counts
			return nil, fmt.Errorf("torchnative: compile: state %s: %w", name, err)
		}
	}
	for _, p := range programs {
		if err := s.add(p); err != nil {
			_ = s.Close() // the first error counts
			return nil, fmt.Errorf("torchnative: compile %s: %w", p.Name, err)
		}
	}
	return s, nil
}

// place puts the session onto its device.
func (s *session) place() error {
	with := s.settings
	if with.recorder != nil {
		C.pt_session_record(s.handle, with.recorder)
	}
	if with.device.Kind != bridge.CUDA {
		return nil
	}
	return s.call(func(e *C.char, n C.size_t) C.int {
		return C.pt_session_cuda(s.handle, C.int(with.device.Number), C.int(flag(with.tf32)), C.int(flag(with.deterministic)), e, n)
	})
}

// checksRows says whether numbers of rows are checked before a run, which the
// CPU does in it.
func (s *session) checksRows() bool {
	return s.settings.device.Kind == bridge.CUDA || s.settings.recorder != nil
}

func (s *session) declare(n *graph.Node) error {
	shape := widen(n.Shape)
	return s.call(func(e *C.char, size C.size_t) C.int {
		return C.pt_state_declare(s.handle, C.int(typeCodes[n.DType]), C.int(len(shape)), (*C.int64_t)(unsafe.SliceData(shape)), e, size)
	})
}

func (s *session) add(p *graph.Program) error {
	f, err := lower(p, s.numbers)
	if err != nil {
		return err
	}
	made := &program{source: p, feeds: f.feeds, states: p.States(), outputs: p.Outputs}
	if s.checksRows() {
		if made.rows, err = bridge.TakenRows(p); err != nil {
			return err
		}
	}
	err = s.call(func(e *C.char, size C.size_t) C.int {
		return C.pt_program_new(&made.handle, s.handle,
			(*C.int64_t)(unsafe.SliceData(f.code)), C.size_t(len(f.code)),
			(*C.double)(unsafe.SliceData(f.reals)), C.size_t(len(f.reals)),
			(*C.int64_t)(unsafe.SliceData(f.outputs)), C.size_t(len(f.outputs)), e, size)
	})
	if err != nil {
		return err
	}
	s.programs[p.Name] = made
	return nil
}

// Run runs a program in one native call.
func (s *session) Run(name string, feeds bridge.Tensors) (bridge.Tensors, error) {
	if s.handle == nil {
		return nil, fmt.Errorf("torchnative: run %s: the session is %w", name, bridge.ErrClosed)
	}
	p := s.programs[name]
	if p == nil {
		return nil, fmt.Errorf("torchnative: run: no program is named %s", name)
	}
	if err := bridge.CheckFeeds(p.source, p.feeds, feeds); err != nil {
		return nil, fmt.Errorf("torchnative: %w", err)
	}
	if err := bridge.CheckRows(p.source, p.rows, feeds); err != nil {
		return nil, fmt.Errorf("torchnative: %w", err)
	}
	for _, n := range p.states {
		if !s.written[n.Attr.Name] {
			return nil, fmt.Errorf("torchnative: run %s: state %s was not written", name, n.Attr.Name)
		}
	}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	in := make([]unsafe.Pointer, len(p.feeds))
	for i, n := range p.feeds {
		in[i] = elements(feeds[n.Attr.Name].Data)
		pinned.Pin(in[i])
	}
	results := make(bridge.Tensors, len(p.outputs))
	out := make([]unsafe.Pointer, len(p.outputs))
	for i, o := range p.outputs {
		t := bridge.ValueOf(o.Node)
		results[o.Name] = t
		out[i] = elements(t.Data)
		pinned.Pin(out[i])
	}
	err := s.call(func(e *C.char, size C.size_t) C.int {
		return C.pt_run(p.handle, unsafe.SliceData(in), unsafe.SliceData(out), e, size)
	})
	if err != nil {
		return nil, fmt.Errorf("torchnative: run %s: %w", name, err)
	}
	return results, nil
}

// Read copies a state to the host.
func (s *session) Read(name string) (bridge.Tensor, error) {
	n, err := s.state("read", name)
	if err != nil {
		return bridge.Tensor{}, err
	}
	if !s.written[name] {
		return bridge.Tensor{}, fmt.Errorf("torchnative: read: state %s was not written", name)
	}
	t := bridge.ValueOf(n)
	err = s.call(func(e *C.char, size C.size_t) C.int {
		return C.pt_state_read(s.handle, C.int(s.numbers[name]), elements(t.Data), e, size)
	})
	if err != nil {
		return bridge.Tensor{}, fmt.Errorf("torchnative: read %s: %w", name, err)
	}
	return t, nil
}

// Write copies a host tensor into a state.
func (s *session) Write(name string, value bridge.Tensor) error {
	n, err := s.state("write", name)
	if err != nil {
		return err
	}
	if err := value.Check(n); err != nil {
		return fmt.Errorf("torchnative: write %s: %w", name, err)
	}
	err = s.call(func(e *C.char, size C.size_t) C.int {
		return C.pt_state_write(s.handle, C.int(s.numbers[name]), elements(value.Data), e, size)
	})
	if err != nil {
		return fmt.Errorf("torchnative: write %s: %w", name, err)
	}
	s.written[name] = true
	return nil
}

func (s *session) state(operation, name string) (*graph.Node, error) {
	if s.handle == nil {
		return nil, fmt.Errorf("torchnative: %s %s: the session is %w", operation, name, bridge.ErrClosed)
	}
	n := s.states[name]
	if n == nil {
		return nil, fmt.Errorf("torchnative: %s: no state is named %s", operation, name)
	}
	return n, nil
}

// Usage tells which programs are not recorded although they should be, and the
// memory of the GPU.
func (s *session) Usage() (bridge.Usage, error) {
	var u bridge.Usage
	if s.handle == nil {
		return u, fmt.Errorf("torchnative: usage: the session is %w", bridge.ErrClosed)
	}
	for _, name := range slices.Sorted(maps.Keys(s.programs)) {
		var note [2048]C.char
		s.thread.do(func() { C.pt_program_recorded(s.programs[name].handle, &note[0], C.size_t(len(note))) })
		if note[0] != 0 {
			u.Notes = append(u.Notes, fmt.Sprintf("program %s is not run as a CUDA graph: %s", name, C.GoString(&note[0])))
		}
	}
	if s.settings.device.Kind != bridge.CUDA {
		return u, nil
	}
	var peak C.int64_t
	err := s.call(func(e *C.char, n C.size_t) C.int { return C.pt_cuda_peak(C.int(s.settings.device.Number), &peak, e, n) })
	if err != nil {
		return u, fmt.Errorf("torchnative: usage: %w", err)
	}
	u.PeakGPUBytes = int64(peak)
	return u, nil
}

// Close frees programs and states.
func (s *session) Close() error {
	if s.handle == nil {
		return nil
	}
	s.thread.do(func() {
		for _, p := range s.programs {
			C.pt_program_free(p.handle)
		}
		C.pt_session_free(s.handle)
	})
	s.thread.stop()
	s.handle, s.programs = nil, nil
	return nil
}

// elements gives the address of a checked tensor's memory.
func elements(data any) unsafe.Pointer {
	switch d := data.(type) {
	case []float32:
		return unsafe.Pointer(unsafe.SliceData(d))
	case []float64:
		return unsafe.Pointer(unsafe.SliceData(d))
	case []int32:
		return unsafe.Pointer(unsafe.SliceData(d))
	case []int64:
		return unsafe.Pointer(unsafe.SliceData(d))
	}
	panic(fmt.Sprintf("torchnative: BUG: tensor of %T", data))
}

// call calls into the shim and turns its error into one of Go.
func call(f func(err *C.char, size C.size_t) C.int) error {
	var message [2048]C.char
	if f(&message[0], C.size_t(len(message))) == 0 {
		return nil
	}
	return fmt.Errorf("%s", C.GoString(&message[0]))
}

// call is call on the session's thread.
func (s *session) call(f func(err *C.char, size C.size_t) C.int) (err error) {
	s.thread.do(func() { err = call(f) })
	return err
}
