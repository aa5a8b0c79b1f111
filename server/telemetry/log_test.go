package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/server/telemetry/logtest"
)

// A line is written at once, unless others were written just before it: then it waits for 10 ms at the most.
func TestLogLinesWaitBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &logtest.Buffer{} // a timer writes to it, too
		log, writer := NewServerLogger(out, "", slog.LevelInfo)
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
		log.With("of", "something").WithGroup("in").Warn("third", "text", strings.Repeat("x", 1<<20))
		want("right after", 1)
		time.Sleep(9 * time.Millisecond)
		want("in a moment", 1)
		time.Sleep(time.Millisecond)
		want("after 10 ms", 3)
		time.Sleep(10 * time.Millisecond)
		log.Info("fourth")
		want("after another pause", 4)
		log.Info("fifth")
		writer.Close()
		want("at the end", 5)
	})
}

// brokenOutput fails or blocks as a full disk or a reader does.
type brokenOutput struct {
	logtest.Buffer

	room    int           // bytes that it accepts before it fails
	blocked chan struct{} // Write waits until this is closed, unless it is nil
}

func (b *brokenOutput) Write(p []byte) (int, error) {
	if b.blocked != nil {
		<-b.blocked
	}
	if len(p) <= b.room {
		b.room -= len(p)
		return b.Buffer.Write(p)
	}
	n, _ := b.Buffer.Write(p[:b.room])
	b.room = 0
	return n, errors.New("no space left on device")
}

func TestLogOnAFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &brokenOutput{room: 100}
		log, writer := NewServerLogger(out, "text", slog.LevelInfo)
		for range 3 { // the first two lines fit, but the second one only in part
			log.Warn("a line of about seventy bytes, with its time")
			time.Sleep(maxLogDelay)
			synctest.Wait()
		}
		if got := writer.Lost(); got != 2 {
			t.Errorf("got %d lost lines, want 2", got)
		}
		out.room = 1000
		log.Warn("there is room again")
		writer.Close()
		lines := strings.Split(out.String(), "\n")
		if len(lines) != 5 || !strings.Contains(lines[2], "there is room again") || !strings.Contains(lines[3], "lost\" lines=2") {
			t.Errorf("got %q, want a whole line, a part of one, the line after, and how many were lost", lines)
		}
	})
}

// A stalled reader blocks neither the callers nor the shutdown.
func TestLogWithAStalledReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &brokenOutput{room: 100 << 20, blocked: make(chan struct{})}
		log, writer := NewServerLogger(out, "", slog.LevelInfo)
		const lines = 20_000
		for range lines {
			log.Info("request", "text", strings.Repeat("x", 1000))
		}
		lost := int(writer.Lost())
		if lost == 0 {
			t.Errorf("got no lost lines of %d, want those beyond %d bytes", lines, maxLogWaiting)
		}
		start := time.Now()
		writer.Close()
		if took := time.Since(start); took != logCloseTimeout {
			t.Errorf("Close took %v, want %v", took, logCloseTimeout)
		}
		close(out.blocked)
		synctest.Wait()
		text := out.String()
		if got := strings.Count(text, "\n"); got != lines-lost+1 {
			t.Errorf("got %d lines after the stall, want %d and a report", got, lines-lost)
		}
		if want := fmt.Sprintf(`"msg":"log lines were lost","lines":%d`, lost); !strings.Contains(text, want) {
			t.Errorf("got no line with %s", want)
		}
	})
}
