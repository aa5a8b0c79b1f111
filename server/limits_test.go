package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/server"
)

// bigStore has one item, whose description is large.
type bigStore struct {
	items.Store
	size int
}

func (s bigStore) List(context.Context, items.Query) ([]items.Item, error) {
	return []items.Item{{ID: 1, Name: "Big", Description: strings.Repeat("x", s.size)}}, nil
}

// mustStall requests the path and reads only the first byte of the response, so that the server cannot write the rest.
func mustStall(t *testing.T, url, path string) net.Conn {
	t.Helper()
	conn := mustDial(t, url)
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestSlowReadersHoldNoSlots(t *testing.T) {
	t.Parallel()
	r := serve(t, func(o *server.Options) {
		o.MaxConcurrent = 2
		o.Store = bigStore{o.Store, 12 << 20}
	}, nil)
	for range 5 {
		mustStall(t, r.url, "/items")
	}
	r.do("GET", "/items/1", "").assertStatus(t, 200)
}

func TestUnwrittenBodiesAreBounded(t *testing.T) {
	t.Parallel()
	// Two of these bodies exceed the 64 MiB for all of them.
	r := serve(t, func(o *server.Options) { o.Store = bigStore{o.Store, 33 << 20} }, nil)
	stalled := mustStall(t, r.url, "/items?v=1")

	for _, coding := range []string{"identity", "gzip"} {
		over := r.do("GET", "/items?v=2", "", "Accept-Encoding", coding)
		over.assertStatus(t, 503)
		if got := over.mustProblem(t); !strings.HasSuffix(got.Type, ":too-busy") {
			t.Errorf("%s: got the problem %s, want too-busy", coding, got.Type)
		}
		assertHeader(t, over, "Retry-After", "1")
		assertHeader(t, over, "ETag", "")
		assertHeader(t, over, "Cache-Control", "no-store")
		assertHeader(t, over, "Content-Encoding", "")
	}
	r.do("GET", "/items/1", "").assertStatus(t, 200)
	r.do("POST", "/items", soup, r.admin()...).assertStatus(t, 201)

	_ = stalled.Close()
	waitFor(t, func() bool { return r.do("HEAD", "/items?v=2", "").status == 200 })
}

// deadlineRecorder records the last write deadline.
type deadlineRecorder struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (r *deadlineRecorder) SetWriteDeadline(deadline time.Time) error {
	r.deadline = deadline
	return nil
}

func TestWriteDeadlineDependsOnTheSize(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size int
		want time.Duration
	}{
		"small response": {0, 10 * time.Second},
		"64 KiB":         {64 << 10, 11 * time.Second},
		"1 MiB":          {1 << 20, 26 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, options := newParts(t)
			options.Store = bigStore{options.Store, test.size}
			s := newServer(t, options)
			w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/items", nil))
			if got := time.Until(w.deadline); w.Code != 200 || got > test.want+time.Second || got < test.want-time.Second {
				t.Errorf("got %d with %s to write %d bytes, want about %s", w.Code, got, w.Body.Len(), test.want)
			}
		})
	}
}

// All forms of an address share a limit.
func TestFormsOfOneAddress(t *testing.T) {
	t.Parallel()
	for name, forms := range map[string][]string{
		"IPv4 with and without a port": {"192.0.2.1", "192.0.2.1:4711", "192.0.2.1:1"},
		"IPv4-mapped":                  {"::ffff:192.0.2.1", "192.0.2.1", "[::ffff:192.0.2.1]:80"},
		"IPv6 of one /64":              {"2001:db8::1", "[2001:db8::2]:443", "[2001:db8::3]"},
		"a list, the last is the peer": {"192.0.2.1", "198.51.100.1, 192.0.2.1:80", "203.0.113.7:1,192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(o *server.Options) {
				o.AuthFailuresPerMinute = 2
				o.TrustedProxies = []string{"127.0.0.1"}
			})
			for i, want := range []int{401, 401, 429} {
				r := a.do("POST", "/items", soup, "Authorization", "Bearer x", "X-Forwarded-For", forms[i])
				if r.status != want {
					t.Errorf("%s: got %d, want %d", forms[i], r.status, want)
				}
			}
		})
	}
}

// A header line that the client sends before the line of the proxy does not change its address.
func TestForwardedForLinesAreOneList(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.TrustedProxies = []string{"127.0.0.1"} })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/items/1", nil)
	must(t, err)
	request.Header["X-Forwarded-For"] = []string{"203.0.113.7", "192.0.2.1"}
	response, err := a.client.Do(request)
	must(t, err)
	_ = response.Body.Close()
	waitFor(t, func() bool { return strings.Contains(a.log.String(), "192.0.2.1") })
	if strings.Contains(a.log.String(), "203.0.113.7") {
		t.Error("the log contains the address that the client made up")
	}
}

func TestConnectionsPerAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		trusted  []string
		limit    int
		open     int
		accepted int
	}{
		"over the limit":  {nil, 3, 5, 3},
		"no limit":        {nil, 0, 5, 5},
		"a trusted proxy": {[]string{"127.0.0.0/8"}, 3, 5, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, func(o *server.Options) {
				o.MaxConnectionsPerAddress = test.limit
				o.TrustedProxies = test.trusted
			}, nil)
			accepted := 0
			conns := make([]net.Conn, test.open)
			for i := range conns {
				conns[i] = mustDial(t, r.url)
				t.Cleanup(func() { _ = conns[i].Close() })
				if isServed(conns[i]) {
					accepted++
				}
			}
			if accepted != test.accepted {
				t.Errorf("got %d of %d connections accepted, want %d", accepted, test.open, test.accepted)
			}
			_ = conns[0].Close() // a closed connection no longer counts
			waitFor(t, func() bool {
				conn := mustDial(t, r.url)
				defer func() { _ = conn.Close() }()
				return isServed(conn)
			})
		})
	}
}

// isServed reports whether the server responds on the connection.
func isServed(conn net.Conn) bool {
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	n, _ := conn.Read(make([]byte, 4096))
	return n > 0
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	peers := func(format string, n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf(format, i))
		}
		return list
	}
	for name, test := range map[string]struct {
		peers []string
		want  int // accepted connections
	}{
		"one IPv4 address":                  {[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1"}, 2},
		"IPv4 and the mapped form":          {[]string{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"}, 2},
		"one IPv6 /64":                      {peers("2001:db8::%d", 4), 2},
		"several IPv6 /64":                  {peers("2001:db8:0:%d::1", 4), 4},
		"a trusted proxy":                   {peers("10.0.0.%d", 4), 4},
		"a trusted proxy in mapped form":    {peers("::ffff:10.0.0.%d", 4), 4},
		"all addresses together":            {peers("192.0.2.%d", 30), 25}, // 10 times 2, and 5 event clients
		"trusted proxies together have one": {peers("10.0.0.%d", 30), 25},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, left, err := server.AddConnections(2, 5, []string{"10.0.0.0/8"}, test.peers)
			if err != nil || got != test.want || left != 0 {
				t.Errorf("got %d accepted, %d left after all were closed, and %v; want %d, 0 and no error", got, left, err, test.want)
			}
		})
	}
}

func TestReadLimit(t *testing.T) {
	t.Parallel()
	const limit = 3
	newLimited := func(t *testing.T) *api {
		return newAPI(t, func(o *server.Options) {
			o.ReadsPerMinute = limit
			o.TrustedProxies = []string{"127.0.0.1"}
		})
	}
	for name, path := range map[string]string{
		"lists":            "/items?v=%d",
		"items":            "/items/%d",
		"second contract":  "/api/menu/items/%d",
		"dashboard's item": "/menu/%d",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newLimited(t)
			for i := range limit {
				if r := a.do("GET", fmt.Sprintf(path, i+1), "", "X-Forwarded-For", "192.0.2.1"); r.status != 200 {
					t.Errorf("read %d: got %d, want 200", i+1, r.status)
				}
			}
			over := a.do("GET", fmt.Sprintf(path, limit+1), "", "X-Forwarded-For", "192.0.2.1:99")
			over.assertStatus(t, 429)
			over.mustProblem(t)
			assertHeader(t, over, "RateLimit-Policy", `"reads";q=3;w=60`)
			if got := over.header.Get("Retry-After"); got != "20" && got != "19" {
				t.Errorf("got Retry-After %q, want a third of a minute", got)
			}
			a.do("GET", fmt.Sprintf(path, 1), "", "X-Forwarded-For", "192.0.2.2").assertStatus(t, 200)
			a.do("POST", "/items", soup, append(a.admin(), "X-Forwarded-For", "192.0.2.1")...).assertStatus(t, 201)
		})
	}
	t.Run("responses from the cache do not count", func(t *testing.T) {
		t.Parallel()
		a := newLimited(t)
		start := time.Now()
		for range 50 { // the cache lasts for a second
			for _, path := range []string{"/items", "/"} {
				if r := a.do("GET", path, ""); r.status != 200 && time.Since(start) < time.Second {
					t.Fatalf("%s: got %d, want 200", path, r.status)
				}
			}
		}
	})
}

// blockingStore counts the lists in progress, and blocks each of them until release is closed.
type blockingStore struct {
	items.Store
	running *atomic.Int64
	release chan struct{}
}

func (s blockingStore) List(ctx context.Context, query items.Query) ([]items.Item, error) {
	s.running.Add(1)
	defer s.running.Add(-1)
	select {
	case <-s.release:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Store.List(ctx, query)
}

// The reads of an address wait for each other, so that the database and the processors are free for everyone else.
func TestReadsInProgressPerAddress(t *testing.T) {
	t.Parallel()
	const attacker, bystander = "192.0.2.1", "192.0.2.2"
	most := int64(max(2, runtime.GOMAXPROCS(0)))
	tests := map[string]struct {
		readsPerMinute int
		paths          string // of the attacker's reads
		sent, want     int64  // reads in progress
	}{
		"lists":           {6000, "/items?v=%d", most + 3, most},
		"second contract": {6000, "/api/menu/items?v=%d", most + 3, most},
		"no limit":        {0, "/items?v=%d", most + 3, most + 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := blockingStore{running: &atomic.Int64{}, release: make(chan struct{})}
			r := serve(t, func(o *server.Options) {
				store.Store = o.Store
				o.Store = store
				o.ReadsPerMinute = test.readsPerMinute
				o.TrustedProxies = []string{"127.0.0.1"}
			}, nil)
			var reads sync.WaitGroup
			for i := range test.sent {
				reads.Go(func() {
					r.do("GET", fmt.Sprintf(test.paths, i), "", "X-Forwarded-For", attacker).assertStatus(t, 200)
				})
			}
			waitFor(t, func() bool { return store.running.Load() >= test.want })
			time.Sleep(50 * time.Millisecond) // more would run by now
			if got := store.running.Load(); got != test.want {
				t.Errorf("got %d reads in progress, want %d", got, test.want)
			}
			r.do("GET", "/items/1", "", "X-Forwarded-For", bystander).assertStatus(t, 200)
			// A reader does not wait for the turn of another address, not even for the same list.
			for i := range test.sent {
				reads.Go(func() {
					r.do("GET", fmt.Sprintf(test.paths, i), "", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).assertStatus(t, 200)
				})
			}
			waitFor(t, func() bool { return store.running.Load() >= test.sent })
			close(store.release)
			reads.Wait()
		})
	}
}

func TestResumedEventsCountAsReads(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.ReadsPerMinute = 3 })
	s := a.follow()
	start := s.lastID
	s.close()
	waitFor(t, func() bool {
		// Once the server has noticed that there are no subscribers, the events come from the store. Until then, they come from memory.
		a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201)
		s := a.open("Last-Event-ID", start)
		defer s.close()
		return s.response.StatusCode == 429
	})
	a.follow() // reads nothing from the store
}

// While memory is scarce, the requests that need little of it still work.
func TestScarceMemory(t *testing.T) {
	t.Parallel()
	var scarce atomic.Bool
	r := serve(t, func(o *server.Options) {
		o.MemoryScarce = scarce.Load
	}, nil)
	scarce.Store(true)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/items", 503},
		{"GET", "/items/1", 503},
		{"GET", "/api/menu/items", 503},
		{"GET", "/items/events", 503},
		{"GET", "/healthz", 200},
		{"GET", "/readyz", 200},
		{"GET", "/openapi.json", 200},
		{"POST", "/items", 201},
	} {
		got := r.do(test.method, test.path, soup, r.admin()...)
		got.assertStatus(t, test.want)
		if test.want == 503 {
			assertHeader(t, got, "Retry-After", "1")
		}
	}
	waitFor(t, func() bool { // a response from the cache, which lasts for a second
		scarce.Store(false)
		r.do("GET", "/items", "").assertStatus(t, 200)
		scarce.Store(true)
		return r.do("GET", "/items", "").status == 200
	})
}
