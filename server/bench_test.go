package server_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"menu-api/items/storetest"
	"menu-api/server/telemetry"
)

// discard is a response writer that keeps everything except the body.
type discard struct {
	header http.Header
	status int
	size   int // of the body
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { d.size += len(b); return len(b), nil }

// call is a request that can be repeated.
type call struct {
	name    string
	handler http.Handler
	request *http.Request
	body    []byte
	want    int
}

func (c *call) serve(tb testing.TB) {
	w := &discard{header: http.Header{}}
	if c.body != nil {
		c.request.Body = io.NopCloser(bytes.NewReader(c.body))
	}
	c.handler.ServeHTTP(w, c.request)
	if w.status != c.want {
		tb.Fatalf("got status %d, want %d", w.status, c.want)
	}
}

// calls are requests to an API with all its features and a JSON log. The last one changes what the others read.
func calls(tb testing.TB) []*call {
	tb.Helper()
	a, options := newParts(tb)
	options.Logger = telemetry.NewLogger(io.Discard, "json", slog.LevelInfo) // the encoding of the lines counts
	options.Feed = storetest.MustFollow(tb, options.Store)
	options.MaxConcurrent = 1000
	s := newServer(tb, options)
	newCall := func(name string, want int, method, path, body string, headers ...string) *call {
		c := &call{name: name, handler: s.Handler(), request: httptest.NewRequestWithContext(tb.Context(), method, path, http.NoBody), want: want}
		if body != "" {
			c.body = []byte(body)
			c.request.ContentLength = int64(len(body))
			c.request.Header.Set("Content-Type", "application/json")
		}
		for i := 0; i < len(headers); i += 2 {
			c.request.Header.Set(headers[i], headers[i+1])
		}
		return c
	}
	list := newCall("list", 200, "GET", "/items", "")
	w := &discard{header: http.Header{}}
	list.handler.ServeHTTP(w, list.request)
	return []*call{
		list,
		newCall("one", 200, "GET", "/items/1", ""),
		newCall("not modified", 304, "GET", "/items", "", "If-None-Match", w.header.Get("ETag")),
		newCall("create", 201, "POST", "/items", soup, a.admin()...),
	}
}

// BenchmarkServe measures the handlers without net/http.
func BenchmarkServe(b *testing.B) {
	for _, call := range calls(b) {
		b.Run(call.name, func(b *testing.B) {
			call.serve(b)
			b.ReportAllocs()
			for b.Loop() {
				call.serve(b)
			}
		})
	}
}

// TestAllocations limits the allocations of a request, which do not depend on the load of the machine. A failure means that the
// hot path has become longer; docs/performance.md shows how to find out where.
//
//nolint:paralleltest // AllocsPerRun counts what other tests allocate, too
func TestAllocations(t *testing.T) {
	// The limits have some room, because pools keep less under the race detector.
	bounds := map[string]float64{"list": 36, "one": 36, "not modified": 26, "create": 310}
	for _, call := range calls(t) {
		call.serve(t)
		got := testing.AllocsPerRun(200, func() { call.serve(t) })
		t.Logf("%s: %v allocations", call.name, got)
		if got > bounds[call.name] {
			t.Errorf("%s: got %v allocations, want at most %v", call.name, got, bounds[call.name])
		}
	}
}
