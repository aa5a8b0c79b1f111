//go:build soak

package server_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"menu-api/items"
	"menu-api/server"
)

func init() { largeMenu = 20_000 }

// floodBound is how much the memory of the whole process, including the clients, may grow during a flood. The memory of the
// race detector does not count.
const floodBound = 64 << 20

// underFlood checks that memory stays within the bound during a flood, and that the flood leaves no goroutine and little memory
// behind.
func underFlood(t *testing.T, bound int64, flood func()) (took time.Duration) {
	t.Helper()
	var before, after, now runtime.MemStats
	runtime.GC()
	goroutines := runtime.NumGoroutine()
	runtime.ReadMemStats(&before)

	done := make(chan struct{})
	var peakAlloc, peakInuse uint64
	var sampling sync.WaitGroup
	sampling.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				runtime.ReadMemStats(&now)
				peakAlloc, peakInuse = max(peakAlloc, now.HeapAlloc), max(peakInuse, now.HeapInuse)
			}
		}
	})
	start := time.Now()
	flood()
	took = time.Since(start)
	close(done)
	sampling.Wait()

	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines+10 })
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := func(n, from uint64) int64 { return int64(n) - int64(from) }
	t.Logf("%.1fs; memory over the start: peak in use %+.1f MiB (allocated %+.1f MiB), afterwards %+.1f MiB; %d goroutines before, %d after",
		took.Seconds(), mib(grown(peakInuse, before.HeapInuse)), mib(grown(peakAlloc, before.HeapAlloc)), mib(grown(after.HeapAlloc, before.HeapAlloc)),
		goroutines, runtime.NumGoroutine())
	if got := grown(peakInuse, before.HeapInuse); got > bound {
		t.Errorf("memory grew by %.1f MiB, want at most %.1f", mib(got), mib(bound))
	}
	if got := grown(after.HeapAlloc, before.HeapAlloc); got > floodBound/4 {
		t.Errorf("%.1f MiB are left, want at most %.1f", mib(got), mib(floodBound/4))
	}
	return took
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// quiet discards the log, because its length would dominate what these tests measure.
func quiet(o *server.Options) { o.Logger = slog.New(slog.DiscardHandler) }

// inParallel calls f with 0 to n-1, at most limit calls at a time.
func inParallel(n, limit int, f func(i int)) {
	var group errgroup.Group
	group.SetLimit(limit)
	for i := range n {
		group.Go(func() error { f(i); return nil })
	}
	_ = group.Wait()
}

// TestSlowClientsDoNotDelayOthers runs 500 slow clients, which send single bytes of the head or body of a request, or never read
// their response. A fast client still gets all of its responses.
//
//nolint:paralleltest // it measures
func TestSlowClientsDoNotDelayOthers(t *testing.T) {
	r := serve(t, quiet, nil)
	authorization := r.admin()[1]
	fast := func() (p50, p99 time.Duration) {
		took := make([]time.Duration, 300)
		for i := range took {
			start := time.Now()
			if i%10 == 0 {
				r.do("PATCH", "/items/3", `{"item":{"price":1.99}}`, "Authorization", authorization).assertStatus(t, 200)
			} else {
				r.do("GET", "/items", "").assertStatus(t, 200)
			}
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		return took[len(took)/2], took[len(took)*99/100]
	}
	p50, p99 := fast()
	t.Logf("alone: p50 %s, p99 %s", p50, p99)

	underFlood(t, floodBound, func() {
		heads := []string{
			"GET /items HTTP/1.1\r\nHost: x\r\nX: ",
			"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\nAuthorization: " + authorization + "\r\n\r\n{",
			"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nAuthorization: " + authorization + "\r\n\r\nffff\r\n{",
			strings.Repeat("GET /items HTTP/1.1\r\nHost: x\r\n\r\n", 5), // and reads no response
		}
		conns := make([]net.Conn, 500)
		for i := range conns {
			conns[i] = mustDial(t, r.url)
			_, _ = io.WriteString(conns[i], heads[i%len(heads)])
		}
		stop := make(chan struct{})
		var trickling sync.WaitGroup
		var cut atomic.Int64
		trickling.Go(func() {
			for {
				for _, conn := range conns {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						if _, err := conn.Write([]byte(" ")); err != nil {
							cut.Add(1)
						}
					}
				}
			}
		})
		p50, p99 := fast()
		t.Logf("beside 500 slow clients: p50 %s, p99 %s", p50, p99)
		if p99 > 5*time.Second {
			t.Errorf("got p99 %s, want at most 5 s", p99)
		}
		if n := cut.Load(); n > 0 {
			t.Logf("%d writes of slow clients failed, because the server had disconnected them", n)
		}
		close(stop)
		trickling.Wait()
		for _, conn := range conns {
			_ = conn.Close()
		}
		r.client.CloseIdleConnections()
	})
	r.do("GET", "/items", "").assertStatus(t, 200)
}

// TestFloodOfBodies: 200 clients at a time send bodies of the largest size that are not items.
//
//nolint:paralleltest // it measures
func TestFloodOfBodies(t *testing.T) {
	// A body of 64 KiB is read, parsed and copied a few times. This bound includes garbage and the client.
	const perBody = 1 << 20
	r := serve(t, quiet, nil)
	admin := r.admin()
	fill := func(body, with string) string {
		return strings.Replace(body, "FILL", strings.Repeat(with, (items.MaxBody-len(body))/len(with)), 1)
	}
	bodies := []string{
		fill(`{"item":{"name":"FILL","price":1,"description":"","image":""}}`, "a"),
		fill(`{"item":{"name":"FILL","price":1,"description":"","image":""}}`, `\u0061`),
		fill(`{"item":{"name":"x","price":1,"description":"","image":"","x":[FILL1]}}`, "1,"),
		fill(`{"item":{"name":"x","price":1FILL}}`, "0"),
		`{"item":{` + manyNames(5000) + `}}`,
		strings.Repeat(`[`, 9999),
		fill(`FILL`, " "),
		fill(`{"item":{}}FILLx`, " "),
	}
	clients := make([]*http.Client, 200)
	for i := range clients {
		clients[i] = newClient(t)
	}
	var failed atomic.Int64
	took := underFlood(t, 200*perBody, func() {
		inParallel(400, len(clients), func(i int) {
			request, err := http.NewRequest(http.MethodPost, r.url+"/items", strings.NewReader(bodies[i%len(bodies)]))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set(admin[0], admin[1])
			response, err := clients[i%len(clients)].Do(request)
			if err != nil {
				failed.Add(1)
				return
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode == 408 {
				failed.Add(1)
			} else if response.StatusCode != 400 || len(body) > 5000 {
				t.Errorf("body %d: got %d with %d bytes, want 400 and a short response", i%len(bodies), response.StatusCode, len(body))
			}
		})
		for _, client := range clients {
			client.CloseIdleConnections()
		}
	})
	// On a busy machine, requests may time out.
	if n := failed.Load(); n > 0 && took < 10*time.Second {
		t.Errorf("%d writers had no response", n)
	}
	assertUnchanged(t, r.api)
	r.client.CloseIdleConnections()
}

// TestFloodOfEndlessBodies: 100 clients at a time announce a chunk or a body of 10 GiB, and send until the server closes the
// connection. They send little, so the server does not read on.
//
//nolint:paralleltest // it measures
func TestFloodOfEndlessBodies(t *testing.T) {
	r := serve(t, quiet, nil)
	authorization := "Authorization: " + r.admin()[1] + "\r\n"
	const post = "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	requests := []struct {
		head   string
		status int
	}{
		{post + authorization + "Transfer-Encoding: chunked\r\n\r\n280000000\r\n", 413},
		{post + authorization + "Content-Length: 10737418240\r\n\r\n", 413},
		{post + "Transfer-Encoding: chunked\r\n\r\n280000000\r\n", 401},
		{post + "Content-Length: 10737418240\r\n\r\n", 401},
		{"POST /nope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n280000000\r\n", 404},
	}
	piece := make([]byte, 64<<10)
	var mu sync.Mutex
	var most int64
	underFlood(t, floodBound, func() {
		inParallel(200, 100, func(i int) {
			test := requests[i%len(requests)]
			conn := mustDial(t, r.url)
			defer func() { _ = conn.Close() }()
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() {
				_, err := io.WriteString(conn, test.head)
				var sent int64
				for err == nil && sent < 64<<20 {
					var n int
					n, err = conn.Write(piece)
					sent += int64(n)
				}
				mu.Lock()
				defer mu.Unlock()
				most = max(most, sent)
			})
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("request %d: %v", i%len(requests), err)
				return
			}
			_ = response.Body.Close()
			if response.StatusCode != test.status {
				t.Errorf("request %d: got %d, want %d", i%len(requests), response.StatusCode, test.status)
			}
		})
	})
	t.Logf("the most that one client sent, including buffers: %.1f MiB of 10 GiB", mib(most))
	if most >= 64<<20 {
		t.Errorf("the server read %d bytes or more of a rejected body", most)
	}
	assertUnchanged(t, r.api)
	r.client.CloseIdleConnections()
}

// TestFloodOfAddresses sends invalid tokens from 20,000 addresses. The limiter keeps the last 10,000, so it must have removed
// the first and kept the last.
//
//nolint:paralleltest // it measures
func TestFloodOfAddresses(t *testing.T) {
	const flood, remembered = 20_000, 10_000
	_, options := newParts(t)
	quiet(&options)
	options.AuthFailuresPerMinute = 1
	options.TrustedProxies = []string{"192.0.2.1"} // where httptest says that its requests come from
	s := newServer(t, options)
	from := func(i int) int {
		client := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		if i%2 == 0 { // networks of IPv6
			client = fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff)
		}
		return handle(s.Handler(), "POST", "/items", "", "Authorization", "Bearer garbage", "X-Forwarded-For", client).status
	}
	if first, second := from(0), from(0); first != 401 || second != 429 {
		t.Fatalf("got %d and %d, want 401 and 429", first, second)
	}
	took := underFlood(t, floodBound, func() {
		inParallel(flood, 4, func(i int) {
			if got := from(i + 1); got != 401 {
				t.Errorf("address %d: got %d, want 401", i, got)
			}
		})
	})
	assertRemembers(t, took, from, flood, remembered, 401)
}

// assertRemembers checks which of the keys 1 to n a limiter keeps after it has seen them about in this order.
func assertRemembers(t *testing.T, took time.Duration, try func(int) int, n, remembered, fresh int) {
	t.Helper()
	if took > 40*time.Second {
		t.Logf("the flood took %s, so most limits have recovered: this run cannot show which keys the limiter keeps", took)
		return
	}
	// Several goroutines sent the flood, so the order is not exact.
	for _, i := range []int{n, n - 1, n - remembered/2, n - remembered + 100} {
		if got := try(i); got != 429 {
			t.Errorf("number %d of %d: got %d, want the limiter to have it", i, n, got)
		}
	}
	for _, i := range []int{0, 1, (n - remembered) / 2, n - remembered - 100} {
		if got := try(i); got != fresh {
			t.Errorf("number %d of %d: got %d, want the limiter to have removed it", i, n, got)
		}
	}
}

// TestFloodOfSubjects is TestFloodOfAddresses for writes, with a valid token for each of 10,500 subjects.
//
//nolint:paralleltest // it measures
func TestFloodOfSubjects(t *testing.T) {
	const flood, remembered = 10_500, 10_000
	a, options := newParts(t)
	quiet(&options)
	options.WritesPerMinute = 1
	s := newServer(t, options)
	try := func(i int) int {
		token := a.issuer.TokenWith(t, []string{items.CreateItems}, map[string]any{"sub": fmt.Sprint("subject-", i)})
		// The limiter counts the request before the API finds that it has no body.
		return handle(s.Handler(), "POST", "/items", "", "Authorization", "Bearer "+token).status
	}
	if first, second := try(0), try(0); first != 400 || second != 429 {
		t.Fatalf("got %d and %d, want 400 and 429", first, second)
	}
	took := underFlood(t, floodBound, func() {
		inParallel(flood, 4, func(i int) {
			if got := try(i + 1); got != 400 {
				t.Errorf("subject %d: got %d, want 400", i, got)
			}
		})
	})
	assertRemembers(t, took, try, flood, remembered, 400)
}
