package cli

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logPause is how long a line may wait for others to be written with it.
	logPause = 100 * time.Millisecond
	// logBuffer is how many bytes may wait.
	logBuffer = 64 << 10
)

// logWriter writes lines that come in quick succession together, instead of asking the kernel for each. A line after a
// pause is written at once, so that an idle server has nothing to lose.
type logWriter struct {
	mu      sync.Mutex
	to      io.Writer
	waiting []byte
	written time.Time // when something was written last
	timer   *time.Timer
	direct  bool
}

func newLogWriter(to io.Writer) *logWriter {
	w := &logWriter{to: to}
	w.timer = time.AfterFunc(time.Hour, func() { _ = w.flush() })
	w.timer.Stop()
	return w
}

// Write implements io.Writer.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 && !w.direct {
		w.timer.Reset(logPause)
	}
	w.waiting = append(w.waiting, line...)
	if w.direct || len(w.waiting) >= logBuffer || time.Since(w.written) >= logPause {
		return len(line), w.flushLocked()
	}
	return len(line), nil
}

func (w *logWriter) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flushLocked()
}

func (w *logWriter) flushLocked() error {
	w.timer.Stop()
	if len(w.waiting) == 0 {
		return nil
	}
	_, err := w.to.Write(w.waiting)
	w.waiting = w.waiting[:0]
	w.written = time.Now()
	return err
}

// writeThrough writes what waits, and from now on every line at once. It is for the end of the program, which a second
// signal may hasten.
func (w *logWriter) writeThrough() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.direct = true
	_ = w.flushLocked() // where should it be told that the log cannot be written?
}

// urgent is a slog.Handler that has warnings and errors written at once, with all that came before them: they may be the
// last words of the program.
type urgent struct {
	slog.Handler
	writer *logWriter
}

// Handle implements slog.Handler.
func (u urgent) Handle(ctx context.Context, line slog.Record) error {
	err := u.Handler.Handle(ctx, line)
	if line.Level >= slog.LevelWarn {
		_ = u.writer.flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (u urgent) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgent{u.Handler.WithAttrs(attrs), u.writer}
}

// WithGroup implements slog.Handler.
func (u urgent) WithGroup(name string) slog.Handler {
	return urgent{u.Handler.WithGroup(name), u.writer}
}
