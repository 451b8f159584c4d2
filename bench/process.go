package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Contestant is a program that can be started.
type Contestant struct {
	// Arguments are the program and its words; DIR comes after them.
	Arguments []string
	// Name is a backend of this program, or what a user typed.
	Name string
	// Ours says that it is this program.
	Ours bool
}

// Peer is a contestant from outside, given as a shell would take it.
func Peer(command string) Contestant {
	return Contestant{Arguments: []string{"sh", "-c", "exec " + command + ` "$1"`, "sh"}, Name: command}
}

// Exit is the end of a contestant that had not been asked to quit.
type Exit struct {
	Code  int // −1: by a signal
	cause error
	Said  string // the last that it wrote to stderr
}

func (e *Exit) Error() string {
	text := fmt.Sprintf("the process ended: %v", e.cause)
	if said := LastWords(e.Said); said != "" {
		text += "\n" + said
	}
	return text
}

// Unwrap gives how it ended.
func (e *Exit) Unwrap() error { return e.cause }

// shown is how many lines of the last words an error has.
const shown = 12

// LastWords are the last lines of what a process has said.
func LastWords(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-shown):], "\n")
}

// Process is a contestant that runs.
type Process struct {
	Ready Ready
	// ReadySeconds passed between its start and its line, by our clock.
	ReadySeconds float64

	ctx     context.Context
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	said    *tail
	began   time.Time
	waited  sync.Once
	ended   error
}

// Start runs a contestant on a directory and waits until it is ready. When ctx
// ends, the process and all that it started are killed. Errors: *Exit where the
// process ends, what the contestant says itself, and those of ctx.
func Start(ctx context.Context, c Contestant, directory string) (*Process, error) {
	words := append(append([]string{}, c.Arguments[1:]...), directory)
	p := &Process{ctx: ctx, command: exec.CommandContext(ctx, c.Arguments[0], words...), said: &tail{}}
	// A group of its own: a shell's children end with it, and Ctrl-C in the
	// terminal reaches it only through us.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.command.Cancel = p.kill
	p.command.WaitDelay = 10 * time.Second
	p.command.Stderr = p.said
	in, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out, p.began = in, bufio.NewReader(out), time.Now()
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	if err := p.ready(); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

func (p *Process) ready() error {
	if err := p.read(&p.Ready); err != nil {
		return err
	}
	p.ReadySeconds = time.Since(p.began).Seconds()
	switch {
	case p.Ready.Error != "":
		return p.failed(p.Ready.Error)
	case p.Ready.Name == "":
		return errors.New("the contestant told no name")
	}
	return nil
}

// failed is the error of a contestant that said so. It is given a moment to end
// by itself, so that its exit code is known.
func (p *Process) failed(text string) error {
	err := p.end()
	if p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	if code := p.command.ProcessState.ExitCode(); code > 0 {
		return &Exit{Code: code, cause: err, Said: text}
	}
	return errors.New(text)
}

// read reads the next line that begins as a JSON object: a library may write
// others.
func (p *Process) read(into any) error {
	for {
		line, err := p.out.ReadBytes('\n')
		if err != nil {
			return p.gone()
		}
		if line = bytes.TrimSpace(line); !bytes.HasPrefix(line, []byte("{")) {
			continue
		}
		if err := json.Unmarshal(line, into); err != nil {
			return fmt.Errorf("found the line %q: %w", line, err)
		}
		return nil
	}
}

// gone says how the process ended.
func (p *Process) gone() error {
	cause := p.wait()
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if cause == nil {
		cause = errors.New("exit status 0, before it was asked to quit")
	}
	return &Exit{Code: p.command.ProcessState.ExitCode(), cause: cause, Said: p.said.String()}
}

// Do lets the contestant work once.
func (p *Process) Do(task Task, count int) (Answer, error) {
	var a Answer
	if err := json.NewEncoder(p.in).Encode(Request{task, count}); err != nil {
		return a, p.gone()
	}
	if err := p.read(&a); err != nil {
		return a, err
	}
	switch {
	case a.Error != "":
		return a, p.failed(a.Error)
	case !(a.Seconds > 0) || math.IsInf(a.Seconds, 1):
		return a, fmt.Errorf("it answered %g seconds; expected more than 0", a.Seconds)
	}
	return a, nil
}

// patience is how long a contestant may take to end after it was asked to.
const patience = 10 * time.Second

// Quit asks the contestant to end and waits, kills it where it does not.
func (p *Process) Quit() {
	_ = json.NewEncoder(p.in).Encode(Request{Do: Quit}) // it may have ended
	_ = p.end()                                         // its results are here
}

// end closes the contestant's stdin and waits, with patience, for its end.
func (p *Process) end() error {
	_ = p.in.Close() // it may have ended
	t := time.AfterFunc(patience, func() { _ = p.kill() })
	defer t.Stop()
	return p.wait()
}

// Kill ends the contestant and all that it started.
func (p *Process) Kill() {
	if p.command.ProcessState == nil { // else its number may be another's by now
		_ = p.kill()
	}
	_ = p.wait() // it ends as it was made to
}

func (p *Process) kill() error { return syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) }

// wait waits for the end, once.
func (p *Process) wait() error {
	p.waited.Do(func() { p.ended = p.command.Wait() })
	return p.ended
}

// tail keeps the end of what is written to it.
type tail struct {
	mutex sync.Mutex
	text  []byte
}

const tailBytes = 16 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return string(t.text)
}
