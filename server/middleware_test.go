package server_test

import (
	"bufio"
	"context"
	"errors"
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
	"menu-api/server"
)

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	const listed, app = "https://menu.example.com", "capacitor://localhost"
	a := newAPI(t, func(o *server.Options) { o.CORSOrigins = []string{listed, app} })
	for origin, want := range map[string]bool{
		listed:                                 true,
		app:                                    true,
		"capacitor://localhost:1":              false,
		"https://menu.example.com.evil.io":     false,
		"https://evil-menu.example.com":        false,
		"http://menu.example.com":              false,
		"https://menu.example.com:8443":        false,
		"null":                                 false,
		strings.Replace(a.url, "http", "x", 1): false,
		a.url:                                  true, // a page of this server itself
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			r := a.do(method, "/items", "", "Origin", origin, "Access-Control-Request-Method", "GET")
			allowed := r.header.Get("Access-Control-Allow-Origin")
			switch {
			case !want:
				r.assertStatus(t, 403)
				r.mustProblem(t)
				if allowed != "" {
					t.Errorf("%s from %s: got Access-Control-Allow-Origin %q", method, origin, allowed)
				}
			case r.status >= 400 || (origin != a.url && allowed != origin):
				t.Errorf("%s from %s: got %d with Access-Control-Allow-Origin %q", method, origin, r.status, allowed)
			}
			assertHeader(t, r, "Access-Control-Allow-Credentials", "")
			assertHeader(t, r, "Vary", "Origin")
		}
	}
	assertHeader(t, a.do("GET", "/items", ""), "Vary", "Origin")
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	r := a.do("OPTIONS", "/items/1", "", "Origin", "http://localhost:4040", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,content-type")
	r.assertStatus(t, 204)
	assertHeader(t, r, "Access-Control-Allow-Origin", "*")
	assertHeader(t, r, "Access-Control-Max-Age", "600")
	assertHeader(t, r, "Access-Control-Allow-Credentials", "")
	for _, asked := range []string{
		"authorization,content-type", "if-match, if-none-match", "idempotency-key,last-event-id,x-request-id", "baggage,sentry-trace,traceparent",
		"cache-control,x-requested-with", "X-Custom",
	} {
		r := a.do("OPTIONS", "/items/1", "", "Origin", "http://localhost:4040", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", asked)
		r.assertStatus(t, 204)
		assertHeader(t, r, "Access-Control-Allow-Headers", asked)
	}
	exposed := strings.ToLower(a.do("GET", "/items", "", "Origin", "http://localhost:4040").header.Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"ETag", "Location", "Link", "Retry-After", "WWW-Authenticate", "X-Request-Id", "RateLimit"} {
		if !strings.Contains(exposed, strings.ToLower(name)) {
			t.Errorf("%s is not exposed: %s", name, exposed)
		}
	}
}

// A JSON response has only the headers that have an effect there; pages and their assets have the others too.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	ofPages := map[string]string{"Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"}
	for path, isPage := range map[string]bool{
		"/items": false, "/items/1": false, "/items/99": false, "/nope": false, "/healthz": false,
		"/": true, "/menu/1": true, "/docs": true, "/docs/callback": true, "/openapi.yaml": true,
	} {
		r := a.do("GET", path, "")
		assertHeader(t, r, "X-Content-Type-Options", "nosniff")
		assertHeader(t, r, "Server", "")
		for name, want := range ofPages {
			if got := r.header.Get(name); isPage && !strings.HasPrefix(got, want) || !isPage && got != "" {
				t.Errorf("%s: got %s %q, want it to start with %q on a page and to be absent elsewhere", path, name, got, want)
			}
		}
	}
}

// The header is sent only over TLS (RFC 6797). Only a trusted proxy can say that the client uses TLS.
func TestStrictTransportSecurity(t *testing.T) {
	t.Parallel()
	proxied := newAPI(t, func(o *server.Options) { o.TrustedProxies = []string{"127.0.0.1"} })
	direct := newAPI(t, nil)
	for name, test := range map[string]struct {
		api     *api
		headers []string
		want    string
	}{
		"behind a proxy with TLS":     {proxied, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "max-age=31536000"},
		"behind a proxy without":      {proxied, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "http"}, ""},
		"a client that says so":       {direct, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, ""},
		"a client without any header": {direct, nil, ""},
	} {
		if got := test.api.do("GET", "/items", "", test.headers...).header.Get("Strict-Transport-Security"); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// A request over the limit is rejected immediately. Once the others have their responses, requests work again.
func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 3), make(chan struct{})
	var ping atomic.Bool
	a := newAPI(t, func(o *server.Options) {
		o.MaxConcurrent = 3
		o.Store = brokenStore{o.Store, func(context.Context) error {
			if !ping.Load() {
				arrived <- struct{}{}
				<-release
			}
			return nil
		}}
	})
	var wg sync.WaitGroup
	for _, path := range []string{"/items/1", "/items/2", "/items/3"} { // equal requests share one read
		wg.Go(func() { a.do("GET", path, "").assertStatus(t, 200) })
	}
	for range 3 {
		<-arrived
	}
	ping.Store(true)
	for _, path := range []string{"/items", "/items/1", "/nope"} {
		r := a.do("GET", path, "")
		r.assertStatus(t, 503)
		r.mustProblem(t)
		assertHeader(t, r, "Retry-After", "1")
	}
	a.do("GET", "/healthz", "").assertStatus(t, 200)
	a.do("GET", "/readyz", "").assertStatus(t, 200)
	close(release)
	wg.Wait()
	for range 10 { // more than the limit, one after the other
		a.do("GET", "/items/1", "").assertStatus(t, 200)
		a.do("GET", "/items/99", "").assertStatus(t, 404)
	}
}

// All clients that wait for the same response take two slots together: one for the read in progress and one for the next.
func TestWaitersForOneResponseTakeNoSlots(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	a := newAPI(t, func(o *server.Options) {
		o.MaxConcurrent = 2
		o.Store = brokenStore{o.Store, func(context.Context) error { <-release; return nil }}
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { a.do("GET", "/items/1", "").assertStatus(t, 200) })
	}
	time.Sleep(200 * time.Millisecond)
	close(release)
	wg.Wait()
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	assertHeader(t, a.do("GET", "/items", "", "X-Request-Id", "my-request.1"), "X-Request-Id", "my-request.1")
	seen := map[string]bool{}
	for _, id := range []string{"", "has space", "<script>", strings.Repeat("x", 65), "ä", `"`} {
		r := a.do("GET", "/nope", "", "X-Request-Id", id)
		got := r.header.Get("X-Request-Id")
		if got == id || len(got) < 16 || seen[got] {
			t.Errorf("%q: got id %q, want a new one", id, got)
		}
		seen[got] = true
		if r.mustProblem(t); !strings.Contains(a.log.String(), got) {
			t.Errorf("%q: the log does not have the id %s", id, got)
		}
	}
}

func TestLogLinesAreShort(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	long := strings.Repeat("1", 50_000)
	token := a.issuer.TokenWith(t, items.Permissions(), map[string]any{"sub": long[:8000]})
	a.do("GET", "/items/"+long, "").assertStatus(t, 400)
	a.do("POST", "/items", soup, "Authorization", "Bearer "+token).assertStatus(t, 201)
	for line := range strings.Lines(a.log.String()) {
		if len(line) > 2000 {
			t.Errorf("got a line of %d bytes: %.300s", len(line), line)
		}
	}
}

// brokenStore calls get first, which can fail, wait or panic.
type brokenStore struct {
	items.Store
	get func(ctx context.Context) error
}

func (s brokenStore) Get(ctx context.Context, id int64) (items.Item, error) {
	if err := s.get(ctx); err != nil {
		return items.Item{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s brokenStore) Ping(ctx context.Context) error { return s.get(ctx) }

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		get        func(context.Context) error
		want       int
		retryAfter string
		log        string
	}{
		"unavailable": {func(context.Context) error {
			return fmt.Errorf("%w: disk I/O error in /secret/path", items.ErrUnavailable)
		}, 503, "1", "disk I/O error"},
		"too slow": {func(context.Context) error { return context.DeadlineExceeded }, 503, "1", "deadline exceeded"},
		"a bug":    {func(context.Context) error { return errors.New("SELECT secret FROM nowhere") }, 500, "", "SELECT secret"},
		"a panic":  {func(context.Context) error { panic("SELECT secret") }, 500, "", "SELECT secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(o *server.Options) { o.Store = brokenStore{o.Store, test.get} })
			r := a.do("GET", "/items/1", "", "Authorization", "Bearer hunter2")
			r.assertStatus(t, test.want)
			assertHeader(t, r, "Retry-After", test.retryAfter)
			if r.mustProblem(t); strings.Contains(r.body, "secret") {
				t.Errorf("the response contains the cause: %s", r.body)
			}
			if log := a.log.String(); !strings.Contains(log, test.log) || strings.Contains(log, "hunter2") {
				t.Errorf("the log must contain the cause %q and no token:\n%s", test.log, log)
			}
			if name != "a panic" {
				a.do("GET", "/readyz", "").assertStatus(t, 503)
			}
			a.do("GET", "/healthz", "").assertStatus(t, 200)
			a.do("GET", "/items", "").assertStatus(t, 200)
		})
	}
}

// The log has no error for a client that disconnects.
func TestClientThatDisconnects(t *testing.T) {
	t.Parallel()
	arrived, done := make(chan struct{}), make(chan struct{})
	a := newAPI(t, func(o *server.Options) {
		o.Store = brokenStore{o.Store, func(ctx context.Context) error {
			close(arrived)
			<-ctx.Done()
			defer close(done)
			return ctx.Err()
		}}
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/items/1", http.NoBody)
	must(t, err)
	if response, err := a.client.Do(request); err == nil {
		_ = response.Body.Close()
		t.Fatal("got a response to a cancelled request")
	}
	<-done
	waitFor(t, func() bool { return strings.Contains(a.log.String(), `"status":499`) })
	if strings.Contains(a.log.String(), `"level":"ERROR"`) {
		t.Errorf("got an error in the log:\n%s", a.log.String())
	}
}

func waitFor(tb testing.TB, condition func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatal("the condition is false after 10 s")
		}
	}
}

func TestWriteLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.WritesPerMinute = 3 })
	for i := range 3 {
		r := a.do("POST", "/items", soup, a.admin()...)
		r.assertStatus(t, 201)
		if want := fmt.Sprintf(`"writes";r=%d;`, 2-i); !strings.HasPrefix(r.header.Get("RateLimit"), want) {
			t.Errorf("got RateLimit %q, want %s", r.header.Get("RateLimit"), want)
		}
		assertHeader(t, r, "RateLimit-Policy", `"writes";q=3;w=60`)
		a.do("POST", "/items", soup, a.as()...).assertStatus(t, 403) // a rejected write does not count
	}
	r := a.do("POST", "/items", "not even JSON", a.admin()...) // checked before the body
	r.assertStatus(t, 429)
	r.mustProblem(t)
	if got := r.header.Get("Retry-After"); got != "20" && got != "19" {
		t.Errorf("got Retry-After %q, want a third of a minute", got)
	}
	other := a.issuer.TokenWith(t, items.Permissions(), map[string]any{"sub": "auth0|another"})
	a.do("POST", "/items", soup, "Authorization", "Bearer "+other).assertStatus(t, 201)
	a.do("GET", "/items", "").assertStatus(t, 200)
}

func TestAuthFailureLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) {
		o.AuthFailuresPerMinute = 3
		o.TrustedProxies = []string{"127.0.0.1"}
	})
	from := func(client string) int {
		return a.do("POST", "/items", soup, "Authorization", "Bearer garbage", "X-Forwarded-For", client).status
	}
	for range 3 {
		if got := from("192.0.2.1"); got != 401 {
			t.Errorf("got %d, want 401", got)
		}
	}
	r := a.do("POST", "/items", soup, "Authorization", "Bearer garbage", "X-Forwarded-For", "192.0.2.1")
	r.assertStatus(t, 429)
	r.mustProblem(t)
	assertHeader(t, r, "WWW-Authenticate", "")
	if got := from("192.0.2.2"); got != 401 {
		t.Errorf("another address: got %d, want 401", got)
	}
	a.do("POST", "/items", soup, append(a.admin(), "X-Forwarded-For", "192.0.2.1")...).assertStatus(t, 201)
	if r := a.do("POST", "/items", soup, "X-Forwarded-For", "192.0.2.1"); r.status != 401 {
		t.Errorf("without a token: got %d, want 401, because a missing token does not count", r.status)
	}
	for i := range 4 { // one IPv6 network, many addresses
		want := 401
		if i == 3 {
			want = 429
		}
		if got := from(fmt.Sprintf("2001:db8::%d", i)); got != want {
			t.Errorf("address %d of a /64: got %d, want %d", i, got, want)
		}
	}
	r = a.do("POST", "/items", soup, "Authorization", "Bearer garbage", "X-Forwarded-For", "192.0.2.1", "X-Real-Ip", "192.0.2.9")
	r.assertStatus(t, 429) // no other header sets the address of the client
	for range 3 {
		from("not an address")
	}
	r = a.do("POST", "/items", soup, "Authorization", "Bearer garbage", "X-Forwarded-For", "not an address", "X-Real-Ip", "192.0.2.9")
	r.assertStatus(t, 429)
}

// Without a trusted proxy, a client cannot choose its address.
func TestForwardedForWithoutProxy(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.AuthFailuresPerMinute = 1 })
	got := ""
	for i := range 2 {
		got += fmt.Sprint(a.do("POST", "/items", soup, "Authorization", "Bearer x", "X-Forwarded-For", fmt.Sprint("192.0.2.", i)).status, " ")
	}
	if got != "401 429 " {
		t.Errorf("got %s, want 401 429", got)
	}
	if strings.Contains(a.log.String(), "192.0.2.") {
		t.Error("the log contains the address that the client made up")
	}
}

func TestInvalidProxyIsRejected(t *testing.T) {
	t.Parallel()
	_, options := newParts(t)
	options.TrustedProxies = []string{"proxy.example"}
	if _, err := server.New(options); err == nil {
		t.Error("got no error")
	}
}

// mustDial opens a connection for raw HTTP.
func mustDial(tb testing.TB, url string) net.Conn {
	tb.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", strings.TrimPrefix(url, "http://"))
	must(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// mustAnswer reads a response from the connection.
func mustAnswer(tb testing.TB, conn net.Conn) answer {
	tb.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(tb, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	must(tb, err)
	return answer{response.StatusCode, response.Header, string(raw)}
}

// The guard runs before the server reads the body, and a body whose Content-Length is too large is rejected unread.
func TestTokenIsCheckedBeforeTheBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, test := range map[string]struct {
		authorization, length string
		want                  int
	}{
		"no token":  {"", "1000", 401},
		"forbidden": {"Authorization: Bearer " + a.issuer.Token(t) + "\r\n", "1000", 403},
		"too large": {"Authorization: Bearer " + a.issuer.Token(t, items.Permissions()...) + "\r\n", "100000", 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := mustDial(t, a.url)
			_, _ = fmt.Fprintf(conn, "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n%sContent-Length: %s\r\n\r\n", test.authorization, test.length)
			mustAnswer(t, conn).assertStatus(t, test.want)
		})
	}
}

// A rejection does not wait for a body that never arrives. If the body arrives, the connection stays open for the next request.
func TestRejectionDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	token := a.issuer.Token(t, items.Permissions()...)
	for name, head := range map[string]string{
		"no token":  "Content-Length: 100",
		"too large": "Content-Length: 70000\r\nAuthorization: Bearer " + token,
	} {
		conn := mustDial(t, a.url)
		start := time.Now()
		_, _ = fmt.Fprintf(conn, "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n\r\n", head)
		mustAnswer(t, conn).mustProblem(t)
		if waited := time.Since(start); waited > 5*time.Second {
			t.Errorf("%s: waited %s for the response", name, waited)
		}
	}
	conn := mustDial(t, a.url)
	for range 3 {
		_, _ = io.WriteString(conn, "POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		mustAnswer(t, conn).assertStatus(t, 401)
		time.Sleep(300 * time.Millisecond) // longer than a rejection waits for a body
	}
}

func TestMalformedChunk(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	conn := mustDial(t, a.url)
	_, _ = fmt.Fprintf(conn, "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", a.issuer.Token(t, items.Permissions()...))
	r := mustAnswer(t, conn)
	r.assertStatus(t, 400)
	r.mustProblem(t)
}

func TestChunkedBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	conn := mustDial(t, a.url)
	_, _ = fmt.Fprintf(conn, "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
		a.issuer.Token(t, items.Permissions()...), 70_000, strings.Repeat(" ", 70_000))
	r := mustAnswer(t, conn)
	r.assertStatus(t, 413)
	r.mustProblem(t)
}

// TestDisconnectCancelsTheStoreCall: when the client disconnects while its request waits for the store, the call is cancelled.
func TestDisconnectCancelsTheStoreCall(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 50 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			called, cancelled := make(chan struct{}), make(chan struct{})
			a := newAPI(t, func(o *server.Options) {
				o.Store = brokenStore{o.Store, func(ctx context.Context) error {
					close(called)
					<-ctx.Done()
					close(cancelled)
					return ctx.Err()
				}}
			})
			client, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
			must(t, err)
			// The second request waits. Its connection was used before, as most are.
			for _, path := range []string{"/nope", "/items/1"} {
				if _, err := fmt.Fprintf(client, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
					t.Fatal(err)
				}
			}
			<-called
			time.Sleep(after)
			_ = client.Close()
			select {
			case <-cancelled:
			case <-time.After(5 * time.Second):
				t.Error("the store call still runs 5 s after the client disconnected")
			}
		})
	}
}
