package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/ptychobridge/ptychobridge/workflow"
)

// onTerminal runs f with a pseudo-terminal of so many columns and gives what f
// wrote to it, as the terminal received it.
func onTerminal(t *testing.T, columns uint16, f func(tty *os.File)) string {
	t.Helper()
	t.Setenv("TERM", "xterm")
	control, tty, err := pty.Open()
	if err != nil {
		t.Skipf("this machine has no pseudo-terminals: %v", err)
	}
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 30, Cols: columns}))
	received := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(control) // it ends with an error when the terminal is closed
		received <- text
	}()
	f(tty)
	require.NoError(t, tty.Close())
	text := <-received
	require.NoError(t, control.Close())
	return string(text)
}

// visible is what is left on a terminal that received text.
func visible(text string) string {
	var lines []string
	var line []rune
	column := 0
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, "\x1b[2K"): // erase the line
			line, text = nil, text[4:]
		case strings.HasPrefix(text, "\x1b[0K"): // erase to its end
			line, text = line[:min(column, len(line))], text[4:]
		case text[0] == '\r':
			column, text = 0, text[1:]
		case text[0] == '\n':
			lines, line, text = append(lines, string(line)), nil, text[1:]
		default:
			r := []rune(text)[0]
			for len(line) <= column {
				line = append(line, ' ')
			}
			line[column] = r
			column++
			text = text[len(string(r)):]
		}
	}
	return strings.Join(append(lines, string(line)), "\n")
}

func step(epoch, done int) workflow.Progress {
	return workflow.Progress{Stage: workflow.StageStep, Epoch: workflow.Epoch{Epoch: epoch, TrainLoss: -123.4567}, Epochs: 12, Done: done, Total: 40}
}

// TestBar: the bar shows epoch, loss and groups done, stands in one line, and
// whatever is written takes its place.
func TestBar(t *testing.T) {
	text := onTerminal(t, 80, func(tty *os.File) {
		s := newScreen(tty)
		s.tell(step(3, 10))
		s.tell(step(3, 40))
		fmt.Fprintln(s, "epoch   3/12 has ended")
		s.tell(step(4, 10))
		fmt.Fprintln(s, "warning: it is late")
		s.tell(workflow.Progress{Stage: workflow.StagePredict, Done: 20, Total: 40})
		s.tell(workflow.Progress{Stage: workflow.StagePredict, Done: 40, Total: 40})
	})
	require.Contains(t, text, "epoch   3/12  loss -123.457  100% |"+strings.Repeat("█", 20)+"| (40/40)")
	require.Contains(t, text, "epoch   4/12  loss -123.457 ")
	require.Contains(t, text, "prediction  100%")
	require.Equal(t, "epoch   3/12 has ended\nwarning: it is late\n", visible(text))
}

// TestBarFits: a bar is never wider than its terminal, and none is drawn where
// it has no room or where the terminal cannot move back.
func TestBarFits(t *testing.T) {
	draw := func(tty *os.File) { newScreen(tty).tell(step(3, 40)) }
	text := onTerminal(t, narrowest, draw)
	require.Contains(t, text, "█")
	require.LessOrEqual(t, len([]rune(strings.TrimRight(visible(text), " "))), narrowest)
	require.Empty(t, onTerminal(t, narrowest-1, draw))
	require.Empty(t, onTerminal(t, 100, func(tty *os.File) {
		t.Setenv("TERM", "dumb")
		draw(tty)
	}))
}

// TestNoBar: what is no terminal gets no bar.
func TestNoBar(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out)
	s.tell(step(1, 10))
	fmt.Fprintln(s, "text")
	require.Equal(t, "text\n", out.String())
	file, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	newScreen(file).tell(step(1, 10))
	info, err := file.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Size())
	require.NoError(t, file.Close())
}

// TestRunOnTerminal: a training on a terminal draws bars and leaves the lines
// that it prints elsewhere; with --quiet it prints nothing.
func TestRunOnTerminal(t *testing.T) {
	requireBackend(t, "tensorflow")
	path := scan(t)
	arguments := func(more ...string) []string {
		return append(append([]string{"run", "--train-data-file", path, "--nphotons", "1e5", "--output-dir", t.TempDir()}, small...), more...)
	}
	var stdout bytes.Buffer
	text := onTerminal(t, 100, func(tty *os.File) {
		require.Equal(t, exitDone, Main(t.Context(), arguments(), &stdout, tty))
	})
	require.Contains(t, stdout.String(), "wrote")
	require.Contains(t, text, "█| (9/9)")
	require.Contains(t, text, "prediction  100%")
	lines := strings.Split(visible(text), "\n")
	require.Len(t, lines, 6, text) // data (2), backend, two epochs, and the cursor's empty line
	require.Regexp(t, `^epoch   1/2  loss \S+  validation \S+  deviance \S+  rate \S+  \S+ s$`, lines[3])
	require.Regexp(t, `^epoch   2/2 `, lines[4])
	require.Empty(t, lines[5])

	text = onTerminal(t, 100, func(tty *os.File) {
		require.Equal(t, exitDone, Main(t.Context(), arguments("--quiet"), &stdout, tty))
	})
	require.Empty(t, text)
}
