package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// NewLogger returns a logger that writes each line at once. The format is text or json; "" means text on a terminal, and
// json otherwise.
func NewLogger(out io.Writer, format string, level slog.Leveler) *slog.Logger {
	return slog.New(newLogHandler(out, format, level, isTerminal(out)))
}

// NewBufferedLogger returns a logger for a server that runs until the context ends, and the writer that it uses. A terminal
// gets each line at once.
func NewBufferedLogger(ctx context.Context, out io.Writer, format string, level slog.Leveler) (*slog.Logger, *LogWriter) {
	terminal := isTerminal(out)
	writer := &LogWriter{to: out, direct: terminal}
	writer.timer = time.AfterFunc(time.Hour, func() { _ = writer.Flush() })
	writer.timer.Stop()
	context.AfterFunc(ctx, writer.WriteThrough)
	return slog.New(flushingHandler{newLogHandler(writer, format, level, terminal), writer}), writer
}

func newLogHandler(out io.Writer, format string, level slog.Leveler, terminal bool) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" || format == "" && terminal {
		return slog.NewTextHandler(out, options)
	}
	return slog.NewJSONHandler(out, options)
}

func isTerminal(out io.Writer) bool {
	file, isFile := out.(*os.File)
	return isFile && isatty.IsTerminal(file.Fd())
}

const (
	// maxLogDelay is how long a line may wait for others.
	maxLogDelay = 100 * time.Millisecond
	// logBuffer is how many bytes may wait.
	logBuffer = 64 << 10
)

// LogWriter writes lines that come in quick succession together. Without it, each request makes a system call under the lock
// of the log handler, which cost a third of the throughput of GET /items on a machine with other work. A line after a pause
// is written at once, so that an idle server has nothing to lose.
type LogWriter struct {
	mu      sync.Mutex
	to      io.Writer
	waiting []byte
	written time.Time // the last time
	timer   *time.Timer
	direct  bool
}

// Write implements io.Writer.
func (w *LogWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 && !w.direct {
		w.timer.Reset(maxLogDelay)
	}
	w.waiting = append(w.waiting, line...)
	if w.direct || len(w.waiting) >= logBuffer || time.Since(w.written) >= maxLogDelay {
		return len(line), w.flushLocked()
	}
	return len(line), nil
}

// Flush writes the waiting lines.
func (w *LogWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flushLocked()
}

func (w *LogWriter) flushLocked() error {
	w.timer.Stop()
	if len(w.waiting) == 0 {
		return nil
	}
	_, err := w.to.Write(w.waiting)
	w.waiting = w.waiting[:0]
	w.written = time.Now()
	return err
}

// WriteThrough writes the waiting lines, and from now on every line at once. It is for the shutdown, which a second signal
// may cut short.
func (w *LogWriter) WriteThrough() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.direct = true
	_ = w.flushLocked() // there is no other place to report that the log cannot be written
}

// flushingHandler writes warnings and errors at once, together with the lines before them: the program may end right after.
type flushingHandler struct {
	slog.Handler
	writer *LogWriter
}

// Handle implements slog.Handler.
func (h flushingHandler) Handle(ctx context.Context, line slog.Record) error {
	err := h.Handler.Handle(ctx, line)
	if line.Level >= slog.LevelWarn {
		_ = h.writer.Flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h flushingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return flushingHandler{h.Handler.WithAttrs(attrs), h.writer}
}

// WithGroup implements slog.Handler.
func (h flushingHandler) WithGroup(name string) slog.Handler {
	return flushingHandler{h.Handler.WithGroup(name), h.writer}
}
