package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// warnings prints warnings as plain lines, attributes behind the text, and
// nothing else.
type warnings struct{ w io.Writer }

func (h warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (h warnings) Handle(_ context.Context, r slog.Record) error {
	line := "warning: " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf("; %s: %v", a.Key, a.Value)
		return true
	})
	_, err := fmt.Fprintln(h.w, line)
	return err
}

func (h warnings) WithAttrs([]slog.Attr) slog.Handler { return h } // no caller has any
func (h warnings) WithGroup(string) slog.Handler      { return h }
