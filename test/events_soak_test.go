//go:build external && soak

package test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/items"
)

// TestEventBurstAtScale follows the menu with 10,000 event streams and changes it 500 times in quick succession. Every stream
// gets the last event soon, and reads continue.
//
//nolint:paralleltest // it measures
func TestEventBurstAtScale(t *testing.T) {
	const (
		streams = 10_000
		writes  = 500
		// The targets are 2 s and 3 times the duration before, on two idle cores. The clients share the cores with the server.
		maxDelay  = 10 * time.Second
		maxSlower = 10
	)
	x := startTarget(t, newFile(t), fmt.Sprint("MAX_EVENT_CLIENTS=", streams+1), "MAX_CONNECTIONS_PER_ADDRESS=0",
		"RATE_LIMIT_READS_PER_MINUTE=0", "RATE_LIMIT_WRITES_PER_MINUTE=0")
	token := x.issuer.Token(t, items.CreateItems)
	const last = "The last one"
	write := func(name string) {
		if failure := x.try(http.MethodPost, "http://"+x.addr+"/items", strings.Replace(soup, "Soup", name, 1), token); failure != "" {
			t.Errorf("POST: %s", failure)
		}
	}

	idle := x.memory(t)
	var conns [streams]net.Conn
	inParallel(64, streams, func(i int) {
		conn, err := net.Dial("tcp", x.addr)
		must(t, err)
		conns[i] = conn
		_, err = io.WriteString(conn, getRequest("/items/events"))
		must(t, err)
		mustReadUntil(t, conn, "event: ready")
	})
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	perStream := (x.memory(t) - idle) << 10 / streams

	before := x.readOne(time.Now().Add(3 * time.Second))
	var during *experience
	var reading, receiving sync.WaitGroup
	reading.Go(func() { during = x.readOne(time.Now().Add(3 * time.Second)) })
	for _, conn := range conns {
		receiving.Go(func() { mustReadUntil(t, conn, last) })
	}
	began := time.Now()
	inParallel(16, writes-1, func(i int) { write(fmt.Sprint("Soup ", i)) })
	write(last)
	written := time.Now()
	receiving.Wait()
	received := time.Now()
	reading.Wait()

	t.Logf("%d KiB for each stream; %d writes in %s; the last stream has the last event after %s; reads: p99 %s before, %s during",
		perStream, writes, written.Sub(began), received.Sub(written), before.percentile(99), during.percentile(99))
	if got := received.Sub(written); got > maxDelay {
		t.Errorf("the last stream has the last event after %s, want at most %s", got, maxDelay)
	}
	during.assertServed(t)
	if got, was := during.percentile(99), before.percentile(99); got > maxSlower*was+100*time.Millisecond {
		t.Errorf("p99 of reads is %s during the burst and %s before, want at most %d times", got, was, maxSlower)
	}
}

// readOne reads an item again and again, from two clients.
func (x *target) readOne(until time.Time) *experience {
	e := &experience{failed: map[string]int{}}
	inParallel(2, 2, func(int) {
		for time.Now().Before(until) {
			began := time.Now()
			e.add("GET", x.try(http.MethodGet, "http://"+x.addr+"/items/1", "", ""), time.Since(began))
			time.Sleep(5 * time.Millisecond)
		}
	})
	e.sort()
	return e
}

// inParallel calls f with 0 to n-1, from a few goroutines.
func inParallel(goroutines, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	wg.Wait()
}

// mustReadUntil reads from the connection until it has seen the text.
func mustReadUntil(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	buffer := make([]byte, 32<<10)
	for kept := 0; ; {
		n, err := conn.Read(buffer[kept:])
		seen := buffer[:kept+n]
		if bytes.Contains(seen, []byte(text)) {
			return
		}
		if err != nil {
			t.Errorf("the stream ended with %v, before %q", err, text)
			return
		}
		kept = copy(buffer, seen[max(0, len(seen)-len(text)):])
	}
}
