//go:build torch && cgo

package torchnative

import "runtime"

// thread makes calls on one thread of the operating system. libgomp keeps a
// team of threads and malloc an arena for every thread that computes, and Go
// would move the calls of a session from thread to thread.
type thread struct{ calls chan func() }

func newThread() *thread {
	t := &thread{calls: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range t.calls {
			f()
		}
	}()
	return t
}

// do makes a call and waits for its end.
func (t *thread) do(f func()) {
	done := make(chan struct{})
	t.calls <- func() {
		defer close(done)
		f()
	}
	<-done
}

func (t *thread) stop() { close(t.calls) }
