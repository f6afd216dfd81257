package prack

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// lines is the log of prack-worker: time, level, sentence. What a gateway has said is shown, but not
// obeyed by a terminal.
type lines struct {
	mu    sync.Mutex
	out   io.Writer
	level slog.Level
}

func (e *environment) level() (level slog.Level) {
	switch text := e.get("PRACK_LOG_LEVEL"); text {
	case "", "debug", "info", "warning", "error":
		_ = level.UnmarshalText([]byte(strings.TrimSuffix(strings.ToUpper(text), "ING")))
	default:
		e.wrong("PRACK_LOG_LEVEL", text, "debug, info, warning or error")
	}
	return level
}

func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

func (l *lines) Handle(_ context.Context, record slog.Record) error {
	level := strings.Replace(record.Level.String(), "WARN", "WARNING", 1)
	text := fmt.Sprintf("%s %s %s\n", record.Time.Format("15:04:05"), level, visible(record.Message))
	record.Attrs(func(attr slog.Attr) bool {
		text += attr.Value.String() // a stack
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.out, text)
	return err
}

// WithAttrs and WithGroup are for loggers that others make; this one is ours alone.
func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup is slog.Handler's.
func (l *lines) WithGroup(string) slog.Handler { return l }

// visible escapes what a terminal would obey.
func visible(text string) string {
	var shown strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			shown.WriteRune(r)
		} else {
			shown.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return shown.String()
}
