//go:build external && soak

package test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"menu-api/items"
)

// TestEventBurstAtScale changes the menu 500 times in quick succession while 10,000 event streams follow it. The streams get the
// last event soon, and reads continue.
//
//nolint:paralleltest // it measures
func TestEventBurstAtScale(t *testing.T) {
	const (
		streams = 10_000
		sample  = 20 // of the streams, in the process that measures
		writes  = 500
		// The targets are 2 s and 3 times the duration before, on two idle cores. The clients share the cores with the server.
		maxDelay = 10 * time.Second
		maxRead  = time.Second
	)
	x := startTarget(t, newFile(t), fmt.Sprint("MAX_EVENT_CLIENTS=", streams+sample), "MAX_CONNECTIONS_PER_ADDRESS=0",
		"RATE_LIMIT_READS_PER_MINUTE=0", "RATE_LIMIT_WRITES_PER_MINUTE=0")
	token := x.issuer.Token(t, items.CreateItems)
	const last = "The last one"
	write := func(name string) {
		if failure := x.try(http.MethodPost, "http://"+x.addr+"/items", strings.Replace(soup, "Soup", name, 1), token); failure != "" {
			t.Errorf("POST: %s", failure)
		}
	}
	idle := x.memory(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	x.underAttack(t, []string{"events"}, streams, func() {
		for deadline := time.Now().Add(time.Minute); x.streams(t) < streams; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got %d streams after a minute, want %d", x.streams(t), streams)
			}
		}
		perStream := (x.memory(t) - idle) << 10 / streams
		var receiving, reading sync.WaitGroup
		for range sample {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.addr+"/items/events", http.NoBody)
			must(t, err)
			response, err := http.DefaultClient.Do(request)
			must(t, err)
			t.Cleanup(func() { _ = response.Body.Close() })
			lines := bufio.NewScanner(response.Body)
			readUntil(t, lines, "event: ready")
			receiving.Go(func() { readUntil(t, lines, last) })
		}
		before := x.readOne(3 * time.Second)

		var during *experience
		reading.Go(func() { during = x.readOne(3 * time.Second) })
		began := time.Now()
		var writing errgroup.Group
		writing.SetLimit(16)
		for i := range writes - 1 {
			writing.Go(func() error { write(fmt.Sprint("Soup ", i)); return nil })
		}
		_ = writing.Wait()
		write(last)
		written := time.Now()
		receiving.Wait()
		received := time.Now()
		reading.Wait()

		t.Logf("%d KiB for each stream; %d writes in %s; all streams have the last event after %s; p99 of reads is %s, and was %s before",
			perStream, writes, written.Sub(began), received.Sub(written), during.percentile(99), before.percentile(99))
		if got := received.Sub(written); got > maxDelay {
			t.Errorf("the streams have the last event after %s, want at most %s", got, maxDelay)
		}
		during.assertServed(t)
		if got := during.percentile(99); got > maxRead {
			t.Errorf("p99 of reads is %s, want at most %s", got, maxRead)
		}
	})
}

// streams returns the number of open event streams.
func (x *target) streams(t *testing.T) int {
	t.Helper()
	response, err := x.client.Get("http://" + x.metrics + "/metrics")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	n, err := strconv.Atoi(string(regexp.MustCompile(`(?m)^\S*event_clients (\d+)$`).FindSubmatch(text)[1]))
	must(t, err)
	return n
}

// readOne reads an item again and again, from two clients.
func (x *target) readOne(duration time.Duration) *experience {
	e, ended := &experience{failed: map[string]int{}}, time.Now().Add(duration)
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			for time.Now().Before(ended) {
				began := time.Now()
				e.add("GET", x.try(http.MethodGet, "http://"+x.addr+"/items/1", "", ""), time.Since(began))
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	clients.Wait()
	e.sort()
	return e
}

// readUntil reads lines of a stream until one contains the text.
func readUntil(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Errorf("the stream ended with %v, before %q", lines.Err(), text)
}
