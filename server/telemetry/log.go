package telemetry

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
)

// NewLogger returns a logger that writes each line at once. The format is text or json; "" means text on a terminal, and
// json otherwise.
func NewLogger(out io.Writer, format string, level slog.Leveler) *slog.Logger {
	return slog.New(newLogHandler(out, format, level, IsTerminal(out)))
}

// NewServerLogger returns a logger for a server, and the writer that it uses, which the caller has to close.
func NewServerLogger(out io.Writer, format string, level slog.Leveler) (*slog.Logger, *LogWriter) {
	writer := &LogWriter{to: out, wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{})}
	log := slog.New(newLogHandler(writer, format, level, IsTerminal(out)))
	go writer.run(func(lost uint64) { log.Warn("log lines were lost", "lines", lost) })
	return log, writer
}

func newLogHandler(out io.Writer, format string, level slog.Leveler, terminal bool) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" || format == "" && terminal {
		return slog.NewTextHandler(out, options)
	}
	return slog.NewJSONHandler(out, options)
}

// IsTerminal reports whether people read the output as it appears.
func IsTerminal(out io.Writer) bool {
	file, isFile := out.(*os.File)
	return isFile && isatty.IsTerminal(file.Fd())
}

const (
	// maxLogDelay is how long a line may wait for others.
	maxLogDelay = 10 * time.Millisecond
	// maxLogWaiting is how many bytes may wait for a reader. Further lines are lost.
	maxLogWaiting = 4 << 20
	// logCloseTimeout is how long the end of the program waits for a reader.
	logCloseTimeout = time.Second
)

// LogWriter writes lines in the background, so that no request waits for the reader of the log. If the reader stalls or is
// gone, or the disk is full, it loses lines and counts them.
//
// It writes lines that come in quick succession together: a system call for each line cost a third of the throughput of
// GET /items on a machine with other work. A line after a pause is written at once.
//
// Of the libraries, zap's buffered writer blocks its callers while the reader stalls, and closing zerolog's diode waits for
// the reader.
type LogWriter struct {
	to io.Writer

	mu      sync.Mutex
	waiting []byte
	lost    atomic.Uint64 // lines, since the start

	wake    chan struct{} // holds a value if lines wait
	closing chan struct{}
	ended   chan struct{} // closed when run has ended
}

// Write implements io.Writer. It never blocks.
func (w *LogWriter) Write(lines []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting)+len(lines) > maxLogWaiting {
		w.lost.Add(countLines(lines))
		return len(lines), nil
	}
	w.waiting = append(w.waiting, lines...)
	select {
	case w.wake <- struct{}{}:
	default: // it holds a value already
	}
	return len(lines), nil
}

// Lost returns how many lines were lost since the start.
func (w *LogWriter) Lost() uint64 { return w.lost.Load() }

// Close writes the waiting lines. If the reader of the log stalls, it gives up after a second.
func (w *LogWriter) Close() {
	close(w.closing)
	select {
	case <-w.ended:
	case <-time.After(logCloseTimeout):
	}
}

// run writes lines until Close. It reports the lines that were lost as soon as it can write again.
func (w *LogWriter) run(report func(lost uint64)) {
	defer close(w.ended)
	var reported uint64
	separator := "" // a newline after a write that may have ended inside a line
	for {
		select {
		case <-w.wake:
		case <-w.closing:
		}
		w.mu.Lock()
		batch, lost := w.waiting, w.lost.Load()
		w.waiting = nil
		w.mu.Unlock()
		if len(batch) == 0 {
			select {
			case <-w.closing:
				return
			default:
				continue
			}
		}
		n, err := w.to.Write(append([]byte(separator), batch...))
		switch {
		case err != nil:
			w.lost.Add(countLines(batch[max(n-len(separator), 0):]))
			if n > 0 {
				separator = "\n"
			}
		default:
			separator = ""
			if lost > reported {
				report(lost - reported)
				reported = lost
			}
		}
		select {
		case <-time.After(maxLogDelay): // further lines wait for each other
		case <-w.closing:
		}
	}
}

func countLines(text []byte) uint64 { return uint64(bytes.Count(text, []byte{'\n'})) } //nolint:gosec // a count is not negative
