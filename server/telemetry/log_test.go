package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// syncBuffer is a buffer that several goroutines may use.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A line is written at once, unless others were written just before it: then it waits for 100 ms at the most.
func TestLogLinesWaitBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &syncBuffer{} // the timer writes too
		ctx, cancel := context.WithCancel(t.Context())
		log, writer := NewBufferedLogger(ctx, out, "", slog.LevelInfo)
		want := func(when string, lines int) {
			t.Helper()
			synctest.Wait()
			if got := strings.Count(out.String(), "\n"); got != lines {
				t.Errorf("%s: got %d lines written, want %d", when, got, lines)
			}
		}
		log.Info("first")
		want("after a pause", 1)
		log.Info("second")
		log.Info("third")
		want("right after", 1)
		time.Sleep(99 * time.Millisecond)
		want("in a moment", 1)
		time.Sleep(time.Millisecond)
		want("after 100 ms", 3)

		log.Info("fourth")
		log.With("of", "something").WithGroup("in").Log(ctx, slog.LevelWarn, "fifth")
		want("after a warning", 5)
		log.Info("sixth")
		want("after an ordinary line", 5)
		cancel() // the first signal
		want("when told to stop", 6)
		log.Info("seventh")
		want("while stopping", 7)
		writer.WriteThrough()
		want("at the end", 7)
	})
}

func TestLogIsWrittenWhenMuchWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log, writer := NewBufferedLogger(t.Context(), &out, "", slog.LevelInfo)
		log.Info("first")
		log.Info("long", "text", strings.Repeat("x", logBuffer))
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Errorf("got %d lines written, want 2", got)
		}
		log.Info("last")
		writer.WriteThrough()
		if got := strings.Count(out.String(), "\n"); got != 3 {
			t.Errorf("got %d lines at the end, want 3", got)
		}
	})
}
