package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
	"menu-api/server"
)

// stream is a client of the events, as EventSource reads them.
type stream struct {
	tb       testing.TB
	response *http.Response
	lines    *bufio.Scanner
	close    func()
	lastID   string
}

// streamEvent is one event as a client reads it.
type streamEvent struct {
	name, id, data string
	comment        string // of a heartbeat, which is not an event
	retry          string
}

// timeout is the limit for an event that usually arrives within milliseconds.
const timeout = 30 * time.Second

// open opens a stream. Headers are pairs of name and value.
func (a *api) open(headers ...string) *stream {
	a.tb.Helper()
	return a.openPath(feed.Path, headers...)
}

func (a *api) openPath(path string, headers ...string) *stream {
	a.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, http.NoBody)
	must(a.tb, err)
	request.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: a.client.Transport} // without its timeout
	response, err := client.Do(request)
	if err != nil {
		cancel()
		a.tb.Fatal(err)
	}
	s := &stream{tb: a.tb, response: response, lines: bufio.NewScanner(response.Body), close: func() { cancel(); _ = response.Body.Close() }}
	s.lines.Buffer(nil, 1<<20)
	a.tb.Cleanup(s.close)
	return s
}

// follow opens a stream and reads its beginning.
func (a *api) follow(headers ...string) *stream {
	a.tb.Helper()
	return a.followPath(feed.Path, headers...)
}

func (a *api) followPath(path string, headers ...string) *stream {
	a.tb.Helper()
	s := a.openPath(path, headers...)
	if s.response.StatusCode != 200 {
		body, _ := io.ReadAll(s.response.Body)
		a.tb.Fatalf("got %d %s, want a stream", s.response.StatusCode, body)
	}
	if e := s.next(); e.name != "ready" || e.id == "" || e.data != "{}" {
		a.tb.Fatalf("got %+v first, want ready", e)
	}
	if e := s.block(); e.retry != "3000" {
		a.tb.Fatalf("got %+v second, want the time after which to retry", e)
	}
	return s
}

// block reads up to the next empty line. It is zero at the end of the stream.
func (s *stream) block() (e streamEvent) {
	s.tb.Helper()
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "event":
			e.name = value
		case "id":
			e.id, s.lastID = value, value
		case "data":
			e.data += value
		case "retry":
			e.retry = value
		case "":
			if value == "" {
				return e
			}
			e.comment = value
		default:
			s.tb.Errorf("got line %q", s.lines.Text())
		}
	}
	return streamEvent{}
}

// next reads the next event. The test fails if the stream ends.
func (s *stream) next() streamEvent {
	s.tb.Helper()
	timer := time.AfterFunc(timeout, s.close)
	defer timer.Stop()
	for {
		e := s.block()
		if e == (streamEvent{}) {
			s.tb.Fatalf("the stream ended: %v", s.lines.Err())
		}
		if e.name != "" {
			return e
		}
	}
}

// changeEvent is the data of a change.
type changeEvent struct {
	ID, Version int
	Action      string
	Item        json.RawMessage
}

func (s *stream) mustChange() changeEvent {
	s.tb.Helper()
	e := s.next()
	if e.name != "change" || e.id == "" {
		s.tb.Fatalf("got %+v, want a change", e)
	}
	return mustDecode[changeEvent](s.tb, e.data)
}

func TestEventsOfEveryChange(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	s := a.follow("Origin", "http://localhost:4040")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8",
		// Without no-transform, the compression of Express, which webpack's proxy also uses, holds events back until its buffer is full.
		"Cache-Control":               "no-store, no-transform",
		"X-Accel-Buffering":           "no", // nginx would wait for a full buffer, too
		"Access-Control-Allow-Origin": "*",
		"X-Content-Type-Options":      "nosniff",
		"Content-Length":              "",
	} {
		if got := s.response.Header.Get(name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	want := func(id, version int, action, item string) {
		t.Helper()
		e := s.next()
		if data := fmt.Sprintf(`{"id":%d,"action":%q,"version":%d,"item":%s}`, id, action, version, item); e.name != "change" || e.data != data {
			t.Errorf("got %+v, want a change with %s", e, data)
		}
	}
	want(4, 1, "create", a.do("POST", "/items", soup, admin...).body)
	want(4, 2, "update", a.do("PATCH", "/items/4", `{"price":7}`, admin...).body)
	a.do("DELETE", "/items/4", "", admin...).assertStatus(t, 200)
	want(4, 3, "delete", "null")
	want(4, 4, "restore", a.do("POST", "/items/4/restore", "", admin...).body)
	a.do("POST", "/items", `{"item":{}}`, admin...).assertStatus(t, 400) // no change, no event
	want(2, 2, "update", a.do("PUT", "/items/2", soda, admin...).body)
}

func TestEventsResetOnImport(t *testing.T) {
	t.Parallel()
	var store items.Store
	a := newAPI(t, func(o *server.Options) { store = o.Store })
	s, away := a.follow(), a.follow()
	away.close()
	next := func() (items.Record, error) { return items.Record{}, io.EOF }
	must(t, store.Import(context.Background(), items.AuditInfo{}, true, next))
	reset := s.next()
	if reset.name != "reset" || reset.data != "{}" {
		t.Errorf("got %+v, want a reset", reset)
	}
	if e := a.follow("Last-Event-ID", away.lastID).next(); e.name != "reset" {
		t.Errorf("got %+v for a client that was disconnected, want a reset", e)
	}
	later := a.follow("Last-Event-ID", reset.id)
	created := a.do("POST", "/items", soup, a.admin()...)
	for _, s := range []*stream{s, later} {
		if e := s.mustChange(); string(e.Item) != created.body {
			t.Errorf("got %s after the reset, want %s", e.Item, created.body)
		}
	}
}

// An invalid id, or one of another database, gets a reset: after an error, a browser would not reconnect.
func TestEventsUnknownLastEventID(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	known := a.follow().lastID
	id, number, ok := strings.Cut(known, "-")
	if !ok || id == "" || number == "" {
		t.Fatalf("got id %q, want a feed and a number", known)
	}
	for name, id := range map[string]string{
		"garbage":                "garbage",
		"huge":                   strings.Repeat("9", 50_000),
		"many numbers":           strings.Repeat("1-", 20_000) + "1",
		"the old format":         number,
		"several old numbers":    "3.0.1.0.0.0.0.0",
		"a negative number":      id + "--1",
		"not a number":           id + "-NaN",
		"a number of the future": id + "-4611686018427387904",
		"a number out of range":  id + "-9223372036854775808",
		"a number with a sign":   id + "-+" + number,
		"a number with a zero":   id + "-0" + number,
		"two numbers":            known + "-1",
		"another feed":           "0123456789abcdef-" + number,
		"no feed":                "-" + number,
		"markup":                 "<script>alert(1)</script>",
		"UTF-8":                  "\u202e\u00e9",
	} {
		s := a.follow("Last-Event-ID", id)
		if s.lastID != known {
			t.Errorf("%s: got %q as the id to resume from, want %q", name, s.lastID, known)
		}
		if e := s.next(); e.name != "reset" || e.id != known {
			t.Errorf("%s: got %+v, want a reset at %s", name, e, known)
		}
		s.close()
	}
}

// A client that reconnects to either of two replicas gets every change once, and those of an item in order.
func TestEventsResumeWithoutLoss(t *testing.T) {
	t.Parallel()
	for name, replicas := range eventReplicas(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const writers, each = 4, 15
			admin := replicas[0].admin()
			s := replicas[0].follow()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					path := replicas[w%2].do("POST", "/items", soup, admin...).header.Get("Location")
					for n := range each {
						replicas[(w+n)%2].do("PATCH", path, fmt.Sprintf(`{"price":%d}`, n), admin...).assertStatus(t, 200)
					}
				})
			}
			versions := map[int]int{}
			for n := range writers * (each + 1) {
				if n%7 == 6 {
					s.close()
					if n%2 == 0 { // the header of a program, or the parameter of a page
						s = replicas[n/7%2].follow("Last-Event-ID", s.lastID)
					} else {
						s = replicas[n/7%2].followPath(feed.Path + "?after=" + s.lastID)
					}
				}
				e := s.mustChange()
				if e.Version != versions[e.ID]+1 {
					t.Fatalf("got version %d of item %d after %d", e.Version, e.ID, versions[e.ID])
				}
				versions[e.ID] = e.Version
			}
			wg.Wait()
			replicas[0].do("DELETE", "/items/1", "", admin...).assertStatus(t, 200)
			if e := s.mustChange(); e.ID != 1 || e.Action != "delete" {
				t.Errorf("got %+v, want the deletion and nothing twice", e)
			}
		})
	}
}

// eventReplicas returns two APIs over one database, for each way in which one learns of the changes of the other.
func eventReplicas(tb testing.TB) map[string][2]*api {
	tb.Helper()
	if !pgtest.IsPostgres(tb) {
		one, two := newReplicas(tb)
		return map[string][2]*api{"one file": {one, two}}
	}
	pairs := map[string][2]*api{}
	for name, notify := range map[string]bool{"with notifications": true, "polling": false} {
		url := newDatabase(tb)
		one, two := newReplicasWith(tb, func() items.Store {
			store, err := postgres.Open(context.Background(), postgres.Options{URL: url, Notify: notify})
			must(tb, err)
			tb.Cleanup(func() { _ = store.Close() })
			return store
		})
		pairs[name] = [2]*api{one, two}
	}
	return pairs
}

func TestEventsHeartbeat(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.Heartbeat = 20 * time.Millisecond })
	s := a.follow()
	for range 3 {
		if e := s.block(); e.comment != "heartbeat" || e.name != "" || e.id != "" {
			t.Errorf("got %+v, want a heartbeat", e)
		}
	}
	a.do("DELETE", "/items/1", "", a.admin()...).assertStatus(t, 200)
	if e := s.mustChange(); e.ID != 1 {
		t.Errorf("got %+v among heartbeats, want the deletion", e)
	}
}

func TestEventsHead(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.MaxEventClients = 1 })
	a.follow()
	r := a.do("HEAD", feed.Path, "")
	r.assertStatus(t, 200)
	assertHeader(t, r, "Content-Type", "text/event-stream; charset=utf-8")
	assertHeader(t, r, "Cache-Control", "no-store, no-transform")
}

// Streams have their own limit and do not count towards that of requests.
func TestEventClientsAreBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.MaxEventClients, o.MaxConcurrent = 3, 1 })
	clients := []*stream{a.follow(), a.follow(), a.follow()}
	r := a.do("GET", feed.Path, "")
	r.assertStatus(t, 503)
	assertHeader(t, r, "Retry-After", "10")
	if p := r.mustProblem(t); p.Type != "urn:problem-type:menu-api:too-many-event-clients" {
		t.Errorf("got %+v", p)
	}
	a.do("GET", "/items", "").assertStatus(t, 200)
	clients[1].close()
	for deadline := time.Now().Add(timeout); ; {
		s := a.open()
		if s.response.StatusCode == 200 {
			break
		}
		s.close()
		if time.Now().After(deadline) {
			t.Fatal("a client that disconnected still counts")
		}
	}
}

// Pages on origins that are not on the list are rejected, as everywhere.
func TestEventsFromForeignOrigin(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.CORSOrigins = []string{"http://localhost:4040"} })
	r := a.do("GET", feed.Path, "", "Origin", "https://evil.example")
	r.assertStatus(t, 403)
	r.mustProblem(t)
	s := a.follow("Origin", "http://localhost:4040")
	if got := s.response.Header.Get("Access-Control-Allow-Origin"); got != "http://localhost:4040" {
		t.Errorf("got Access-Control-Allow-Origin %q, want the origin of the page", got)
	}
}

// The log gets a line for a stream when the stream ends. A client that disconnects is not an error.
func TestEventsAreLogged(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	s := a.follow("Last-Event-ID", "secret-of-the-client")
	time.Sleep(50 * time.Millisecond)
	if strings.Contains(a.log.String(), feed.Path) {
		t.Error("the stream is in the log before it is over")
	}
	s.close()
	for deadline := time.Now().Add(timeout); ; time.Sleep(time.Millisecond) {
		if log := a.log.String(); strings.Contains(log, feed.Path) {
			last := log[strings.LastIndex(strings.TrimSpace(log), "\n")+1:]
			line := mustDecode[struct {
				Level    string
				Status   int
				Duration float64 `json:"duration_ms"`
			}](t, last)
			if line.Level != "INFO" || line.Status != 200 || line.Duration < 50 || strings.Contains(log, "secret-of") {
				t.Errorf("got %s, want a line of level INFO without the Last-Event-ID", log)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the stream is not in the log")
		}
	}
}

// serveWith serves the API with an http.Server. adjust may change the settings of each connection.
func serveWith(tb testing.TB, change func(*server.Options), srv *http.Server, adjust func(*net.TCPConn)) *api {
	tb.Helper()
	a, options := newParts(tb)
	if change != nil {
		change(&options)
	}
	options.Feed = storetest.MustFollow(tb, options.Store)
	s := newServer(tb, options)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	srv.Handler = s.Handler()
	go func() { _ = srv.Serve(adjusting{listener, adjust}) }()
	tb.Cleanup(func() { _ = srv.Close() })
	a.url = "http://" + listener.Addr().String()
	return a
}

type adjusting struct {
	net.Listener
	adjust func(*net.TCPConn)
}

func (l adjusting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && l.adjust != nil {
		l.adjust(conn.(*net.TCPConn))
	}
	return conn, err
}

// A stream outlives the server's deadlines for requests.
func TestEventsOutliveTimeouts(t *testing.T) {
	t.Parallel()
	a := serveWith(t, nil, &http.Server{ReadTimeout: 50 * time.Millisecond, WriteTimeout: 50 * time.Millisecond}, nil)
	s := a.follow()
	time.Sleep(200 * time.Millisecond)
	a.do("DELETE", "/items/1", "", a.admin()...).assertStatus(t, 200)
	if e := s.mustChange(); e.ID != 1 {
		t.Errorf("got %+v, want the deletion", e)
	}
}

// A server that stops ends its streams immediately, so the shutdown does not wait for them.
func TestEventsEndWhenTheServerStops(t *testing.T) {
	t.Parallel()
	r := serve(t, func(o *server.Options) { o.ShutdownGrace = time.Minute }, nil)
	clients := []*stream{r.follow(), r.follow("Last-Event-ID", "x")}
	if e := clients[1].next(); e.name != "reset" {
		t.Errorf("got %+v, want a reset", e)
	}
	start := time.Now()
	r.stop()
	for _, s := range clients {
		if e := s.block(); e != (streamEvent{}) || s.lines.Err() != nil {
			t.Errorf("got %+v, %v, want the end", e, s.lines.Err())
		}
	}
	<-r.done
	if waited := time.Since(start); r.err != nil || waited > 20*time.Second {
		t.Errorf("got %v after %s, want a stop that does not wait for streams", r.err, waited)
	}
}

// A client that reads nothing is disconnected and delays no other client.
func TestEventsSlowClient(t *testing.T) {
	t.Parallel()
	a := serveWith(t, func(o *server.Options) { o.MaxEventClients = 2 }, &http.Server{}, func(conn *net.TCPConn) {
		_ = conn.SetWriteBuffer(4096) // otherwise the system would buffer megabytes
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", feed.Path); err != nil {
		t.Fatal(err)
	}
	must(t, readUntil(conn, "event: ready"))
	s := a.follow()
	admin := a.admin()
	for n := range 30 {
		a.do("PATCH", "/items/1", fmt.Sprintf(`{"description":%q}`, strings.Repeat("ä", 1990)+fmt.Sprint(n)), admin...).assertStatus(t, 200)
		if e := s.mustChange(); e.Version != n+2 {
			t.Fatalf("got version %d, want %d", e.Version, n+2)
		}
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(100 * time.Millisecond) {
		probe := a.open()
		if probe.response.StatusCode == 200 {
			return // the slow client no longer counts
		}
		probe.close()
		if time.Now().After(deadline) {
			t.Fatal("the client that reads nothing is still there")
		}
	}
}

// An idle client costs little.
func TestEventClientsMemory(t *testing.T) { //nolint:paralleltest // measures the memory of the whole process
	a := newAPI(t, nil)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	a.follow()
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	const clients = 500
	before := memory()
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", feed.Path); err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	for _, conn := range conns {
		must(t, readUntil(conn, "retry: 3000\n\n"))
	}
	each := (int64(memory()) - int64(before)) / clients
	t.Logf("%d bytes for each client", each)
	if each > 64<<10 {
		t.Errorf("got %d bytes for each idle client, want less than 64 KiB", each)
	}
	a.do("DELETE", "/items/1", "", a.admin()...).assertStatus(t, 200)
	for _, conn := range conns {
		must(t, readUntil(conn, `"action":"delete"`))
	}
}

// readUntil reads from the connection until it has seen the text.
func readUntil(conn net.Conn, text string) error {
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	var seen strings.Builder
	buf := make([]byte, 512)
	for !strings.Contains(seen.String(), text) {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		seen.Write(buf[:n])
	}
	return nil
}
