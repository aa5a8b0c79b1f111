package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/items"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// exchange sends bytes on a new connection. It returns every response, and whether the server closed the connection. It waits
// only if the connection stays open.
func exchange(tb testing.TB, url, raw string) (answers []answer, closed bool) {
	tb.Helper()
	conn := mustDial(tb, url)
	_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = conn.Close() }()
	// The server may respond and close before everything is written, so write and read at the same time.
	wg.Go(func() { _, _ = io.WriteString(conn, raw) })
	reader := bufio.NewReader(conn)
	request := &http.Request{Method: http.MethodGet}
	if strings.HasPrefix(raw, "HEAD ") {
		request.Method = http.MethodHead // the response has no body
	}
	for {
		response, err := http.ReadResponse(reader, request)
		if err != nil {
			return answers, !errors.Is(err, os.ErrDeadlineExceeded)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusContinue {
			answers = append(answers, answer{response.StatusCode, response.Header, string(body)})
		}
		if err != nil {
			return answers, !errors.Is(err, os.ErrDeadlineExceeded)
		}
		request.Method = http.MethodGet
	}
}

// exchangeOnce is exchange with exactly one response.
func exchangeOnce(tb testing.TB, url, raw string) answer {
	tb.Helper()
	answers, _ := exchange(tb, url, raw)
	if len(answers) != 1 {
		tb.Fatalf("got %d responses %+v, want 1", len(answers), answers)
	}
	return answers[0]
}

// assertUnchanged checks that no attack has touched the menu.
func assertUnchanged(tb testing.TB, a *api) {
	tb.Helper()
	if r := a.do("GET", "/items", ""); r.status != 200 || r.body != menu {
		tb.Errorf("the menu has changed: got %d %s", r.status, r.body)
	}
}

// assertBare checks a response that net/http sends without our handlers: it is short, does not repeat what the client sent, and
// does not name the software of the server.
func assertBare(tb testing.TB, r answer, sent ...string) {
	tb.Helper()
	if len(r.body) > 200 {
		tb.Errorf("got a body of %d bytes, want a short one", len(r.body))
	}
	assertHeader(tb, r, "Server", "")
	for _, s := range sent {
		if strings.Contains(r.body, s) {
			tb.Errorf("the response repeats %q: %s", s, r.body)
		}
	}
}

// assertKind checks a status of a table. "bare" says that net/http sends the response without our handlers.
func assertKind(tb testing.TB, r answer, kind string, sent ...string) {
	tb.Helper()
	status, bare := strings.CutSuffix(kind, " bare")
	r.assertStatus(tb, mustAtoi(tb, status))
	if bare {
		assertBare(tb, r, sent...)
	} else if r.status >= 400 {
		r.mustProblem(tb)
	}
}

// fill returns a request of a table, with its placeholders filled in.
func (r *running) fill(raw string) string {
	r.tb.Helper()
	return strings.NewReplacer("<AUTH>", "Authorization: "+r.admin()[1]+"\r\n", "<TE>", "Transfer-Encoding: chunked\r\n", "<END>", "Connection: close\r\n\r\n",
		"<POST>", "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n").Replace(expand(unescape(r.tb, raw)))
}

// pipeListener accepts connections in memory, so that a test can run with a fake clock.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestSlowClientsEnd measures when the server disconnects slow clients. It runs the server's own http.Server with a fake clock,
// so the times are exact and the test is fast.
func TestSlowClientsEnd(t *testing.T) {
	t.Parallel()
	a, options := newParts(t)
	s := newServer(t, options)
	// Fetch the keys with the real clock, because they come over a real network.
	if r := handle(s.Handler(), "POST", "/items", "", a.admin()...); r.status != 400 {
		t.Fatalf("got %d %s, want the keys to be there", r.status, r.body)
	}
	// The fake clock starts with the year 2000, so this token is valid then.
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	token := a.issuer.TokenWith(t, items.Permissions(), map[string]any{"iat": epoch, "exp": epoch + 3600})
	post := "POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token + "\r\n"

	const slack = 100 * time.Millisecond // how late the server may notice a deadline

	for name, test := range map[string]struct {
		head    string
		trickle string // sent once a second
		status  int    // 0 means no response
		from    time.Duration
		to      time.Duration
		silent  bool // the client never reads
	}{
		"nothing is sent":              {"", "", 0, 5 * time.Second, 5 * time.Second, false},
		"half a head":                  {"GET /items HT", "", 400, 5 * time.Second, 6 * time.Second, false},
		"a head that trickles":         {"GET /items HTTP/1.1\r\nHost: x\r\nX: ", "a", 0, 5 * time.Second, 5 * time.Second, false},
		"headers that trickle":         {"GET /items HTTP/1.1\r\nHost: x\r\n", "A: b\r\n", 0, 5 * time.Second, 5 * time.Second, false},
		"a body that does not come":    {post + "Content-Length: 100\r\n\r\n", "", 408, 15 * time.Second, 17 * time.Second, false},
		"a body that trickles":         {post + "Content-Length: 1000\r\n\r\n{", " ", 408, 15 * time.Second, 17 * time.Second, false},
		"chunks that trickle":          {post + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 408, 15 * time.Second, 17 * time.Second, false},
		"a chunk that never ends":      {post + "Transfer-Encoding: chunked\r\n\r\nffff\r\n", " ", 408, 15 * time.Second, 17 * time.Second, false},
		"a chunk size that trickles":   {post + "Transfer-Encoding: chunked\r\n\r\n", "0", 408, 15 * time.Second, 17 * time.Second, false},
		"a chunk extension trickles":   {post + "Transfer-Encoding: chunked\r\n\r\n1;", "a", 408, 15 * time.Second, 17 * time.Second, false},
		"a body without a token":       {"POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", " ", 401, 0, 2 * time.Second, false},
		"a body to nowhere":            {"POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", " ", 404, 0, 2 * time.Second, false},
		"a body of a GET":              {"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "", 200, 15 * time.Second, 17 * time.Second, false},
		"a connection that falls idle": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", 200, 2 * time.Minute, 2 * time.Minute, false},
		"a response without a reader":  {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", 0, 30 * time.Second, 31 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			// Not parallel, because http.Server has state that only one bubble at a time can use.
			options.Metrics = telemetry.NewMetrics() // of one server
			s := newServer(t, options)
			synctest.Test(t, func(t *testing.T) {
				listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				var serving sync.WaitGroup
				serving.Go(func() { _ = s.Serve(ctx, listener) })
				client, conn := net.Pipe()
				listener.conns <- conn
				start := time.Now()

				gone := make(chan struct{})
				serving.Go(func() {
					_, err := io.WriteString(client, test.head)
					for ; err == nil; _, err = io.WriteString(client, test.trickle) {
						select {
						case <-gone:
							return
						case <-time.After(time.Second):
						}
						if test.trickle == "" {
							return
						}
					}
				})
				status := 0
				if test.silent {
					time.Sleep(40 * time.Second)
					if _, err := client.Write([]byte("x")); err == nil {
						t.Error("the connection is still open")
					}
				} else {
					reader := bufio.NewReader(client)
					if response, err := http.ReadResponse(reader, nil); err == nil {
						body, _ := io.ReadAll(response.Body)
						status = response.StatusCode
						switch got := (answer{status, response.Header, string(body)}); {
						case status == 400: // net/http parses half a line as a whole one, which is not a valid request
							assertBare(t, got, "GET")
						case status > 400:
							got.mustProblem(t)
						}
						_, _ = io.Copy(io.Discard, reader) // until it is closed
					}
					if took := time.Since(start); took < test.from || took > test.to+slack {
						t.Errorf("closed after %s, want %s to %s", took, test.from, test.to+slack)
					}
				}
				if status != test.status {
					t.Errorf("got status %d, want %d", status, test.status)
				}
				close(gone)
				_ = client.Close()
				cancel()
				serving.Wait()
			})
		})
	}
}

// TestHeadTooLarge: net/http rejects a head larger than MaxHeaderBytes, and closes the connection.
func TestHeadTooLarge(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, nil)
	smuggled := "DELETE /items/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + r.admin()[1] + "\r\n\r\n"
	for _, row := range table(t, "heads.txt", 3) {
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			answers, closed := exchange(t, r.url, r.fill(row[2])+smuggled)
			if len(answers) != 1 || !closed {
				t.Fatalf("got %d responses, closed %t, want one and a closed connection", len(answers), closed)
			}
			assertKind(t, answers[0], row[0], "aaaa", "1111")
			if answers[0].status >= 400 && len(answers[0].body) > 1000 {
				t.Errorf("got a body of %d bytes", len(answers[0].body))
			}
			assertUnchanged(t, r.api)
		})
	}
}

// TestFraming smuggles a request inside, or behind, the body of another. If two programs disagree where a request ends, a
// smuggled request gets past a proxy (RFC 9112 section 11.2). The smuggled request deletes an item with a valid token, so the
// item must still be there afterwards.
func TestFraming(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, nil)
	fill := func(raw, smuggled string) string {
		return strings.NewReplacer("<HEX>", fmt.Sprintf("%x", len(smuggled)), "<LENGTH+5>", fmt.Sprint(len(smuggled)+5), "<LENGTH>", fmt.Sprint(len(smuggled)),
			"<SMUGGLED>", smuggled).Replace(r.fill(raw))
	}
	victim := func(t *testing.T) (path, smuggled string) {
		t.Helper()
		created := r.do("POST", "/items", soup, r.admin()...)
		created.assertStatus(t, 201)
		path = created.header.Get("Location")
		return path, r.fill("DELETE " + path + ` HTTP/1.1\r\nHost: x\r\nConnection: close\r\n<AUTH>\r\n`)
	}

	t.Run("a separate request is executed", func(t *testing.T) {
		t.Parallel() // otherwise the other cases would prove nothing
		path, smuggled := victim(t)
		answers, closed := exchange(t, r.url, fill(`<POST>Content-Length: 0\r\n\r\n<SMUGGLED>`, smuggled))
		if len(answers) != 2 || !closed || answers[0].status != 401 || answers[1].status != 200 {
			t.Errorf("got %+v, closed %t, want 401 and 200", answers, closed)
		}
		r.do("GET", path, "").assertStatus(t, 404)
	})
	for _, row := range table(t, "framing.txt", 3) {
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			path, smuggled := victim(t)
			answers, closed := exchange(t, r.url, fill(row[2], smuggled))
			if len(answers) != 1 || !closed {
				t.Fatalf("got %d responses %+v, closed %t, want one and a closed connection", len(answers), answers, closed)
			}
			assertKind(t, answers[0], row[0], "chunked", "SMUGGLED", "Bearer", path)
			r.do("GET", path, "").assertStatus(t, 200) // still there
		})
	}
}

// TestRequestTargets: a path has one reading. The API rejects a path that another program could read as the menu.
func TestRequestTargets(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, nil)
	bodies := map[string]string{"menu": menu, "burger": burger}
	for _, row := range table(t, "targets.txt", 2) {
		target, _, _ := strings.Cut(row[1], " | ")
		target = expand(unescape(t, target))
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			got := exchangeOnce(t, r.url, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			status, body, _ := strings.Cut(row[0], " ")
			got.assertStatus(t, mustAtoi(t, status))
			switch {
			case body == "":
				got.mustProblem(t)
			case body == "bare":
				assertBare(t, got, "evil")
			case got.body != bodies[body]:
				t.Errorf("got %s, want the %s", got.body, body)
			}
			assertHeader(t, got, "X-Injected", "")
			assertHeader(t, got, "Location", "")
		})
	}
	for _, form := range []string{"evil.example:443", "/items/1", "/items", "127.0.0.1:22"} {
		t.Run("CONNECT "+form, func(t *testing.T) {
			t.Parallel()
			got := exchangeOnce(t, r.url, "CONNECT "+form+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if got.status != 404 && got.status != 405 {
				t.Errorf("got %d %s, want 404 or 405", got.status, got.body)
			}
			got.mustProblem(t)
		})
	}
}

// TestHostileMethods: only the methods of the route table do something, and no response repeats the request.
func TestHostileMethods(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, nil)
	for path, allow := range map[string]string{
		"/items": "GET, HEAD, POST, PUT, PATCH", "/items/1": "GET, HEAD, PUT, PATCH, DELETE", "/healthz": "GET, HEAD", "/nope": "",
	} {
		for _, method := range []string{
			"TRACE", "TRACK", "DEBUG", "PROPFIND", "MOVE", "LINK", "PURGE", "QUERY", "BREW", "get", "Get", "delete", "GETX", "DELETE", "POST", "PATCH", "PUT",
		} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			t.Run(method+" "+path, func(t *testing.T) {
				t.Parallel()
				got := exchangeOnce(t, r.url, method+" "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nMax-Forwards: 0\r\nCookie: session=hunter2\r\nX-Echo: hunter3\r\nAuthorization: Bearer hunter4\r\n\r\n")
				if allow == "" {
					got.assertStatus(t, 404)
				} else {
					got.assertStatus(t, 405)
				}
				assertHeader(t, got, "Allow", allow)
				got.mustProblem(t)
				if all := fmt.Sprint(got.header) + got.body; strings.Contains(all, "hunter") {
					t.Errorf("the response repeats the request: %s", all)
				}
			})
		}
		if allow == "" {
			continue
		}
		head, get := r.do("HEAD", path, ""), r.do("GET", path, "")
		head.assertStatus(t, 200)
		if head.body != "" || head.header.Get("Etag") != get.header.Get("Etag") || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("HEAD %s: got %q %v, want the headers of %v", path, head.body, head.header, get.header)
		}
		options := r.do("OPTIONS", path, "")
		assertBody(t, options, 204, "")
		assertHeader(t, options, "Allow", allow)
	}
	exchangeOnce(t, r.url, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").mustProblem(t)
	// A failed HEAD has no body either: a client would read it as the next response on the connection.
	answers, closed := exchange(t, r.url, "HEAD /items/99 HTTP/1.1\r\nHost: x\r\n\r\nGET /items/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if len(answers) != 2 || !closed || answers[0].status != 404 || answers[1].body != burger {
		t.Errorf("got %+v, closed %t, want 404 and the burger", answers, closed)
	}
	assertUnchanged(t, r.api)
}

// TestHeadersThatOverride: in some frameworks a header, a query or a form can change the method, the path or the client of a
// request. Here none can, even with all permissions or through a trusted proxy.
func TestHeadersThatOverride(t *testing.T) {
	t.Parallel()
	for name, trusted := range map[string][]string{"no proxy": nil, "a trusted proxy": {"127.0.0.1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, func(o *server.Options) { o.TrustedProxies = trusted }, nil)
			plain := r.do("GET", "/items/1", "")
			for _, header := range table(t, "overrides.txt", 2) {
				key, value := header[0], header[1]
				got := r.do("GET", "/items/1", "", append(r.admin(), key, value)...)
				if got.status != 200 || got.body != burger {
					t.Errorf("%s: got %d %s, want the item of the path", header, got.status, got.body)
				}
				for name := range got.header {
					if name != "Date" && name != requestID && fmt.Sprint(got.header[name]) != fmt.Sprint(plain.header[name]) {
						t.Errorf("%s: got %s %q, want %q", header, name, got.header[name], plain.header[name])
					}
				}
				if got := r.do("POST", "/items/1", soup, append(r.admin(), key, value)...); got.status != 405 {
					t.Errorf("%s: got %d for POST, want 405", header, got.status)
				}
				if got := r.do("POST", "/items", soup, key, value); got.status != 401 {
					t.Errorf("%s: got %d for a POST without a token, want 401", header, got.status)
				}
			}
			r.do("POST", "/items/1?_method=DELETE", "_method=DELETE", append(r.admin(), "Content-Type", "application/x-www-form-urlencoded")...).assertStatus(t, 405)
			assertUnchanged(t, r.api)
			if log := r.log.String(); strings.Contains(log, "192.0.2.66") || strings.Contains(log, "evil") {
				t.Error("the log contains a value of a header that has no effect")
			}
		})
	}
}

const requestID = "X-Request-Id"

// TestHost: the Host header decides nothing, and no response repeats it, not even in Location.
func TestHost(t *testing.T) {
	t.Parallel()
	r := serve(t, func(o *server.Options) { o.CORSOrigins = []string{"https://menu.example.com"} }, nil)
	for _, row := range table(t, "hosts.txt", 3) {
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			got := exchangeOnce(t, r.url, r.fill(row[2]))
			assertKind(t, got, row[0])
			if all := fmt.Sprint(got.header) + got.body; strings.Contains(all, "evil") {
				t.Errorf("the response repeats the host: %s", all)
			}
		})
	}
	assertUnchanged(t, r.api)
	got := exchangeOnce(t, r.url, r.fill(fmt.Sprintf(`POST http://evil.example/items HTTP/1.1\r\nHost: evil.example\r\n<AUTH>Content-Type: application/json\r\nContent-Length: %d\r\n<END>%s`, len(soup), soup)))
	got.assertStatus(t, 201)
	assertHeader(t, got, "Location", "/items/4") // relative, without a host
}

// TestCompressedBodies: the API decompresses nothing, so a zip bomb has no effect.
func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, nil)
	var zipped, deflated, bomb bytes.Buffer
	zip, deflate, big := gzip.NewWriter(&zipped), zlib.NewWriter(&deflated), gzip.NewWriter(&bomb)
	_, _ = io.WriteString(zip, soup)
	_, _ = io.WriteString(deflate, soup)
	_, _ = io.CopyN(big, zeros{}, 8<<20)
	for _, w := range []io.Closer{zip, deflate, big} {
		must(t, w.Close())
	}
	for name, test := range map[string]struct {
		body     string
		encoding []string
	}{
		"gzip":                        {zipped.String(), []string{"gzip"}},
		"x-gzip":                      {zipped.String(), []string{"x-gzip"}},
		"GZIP":                        {zipped.String(), []string{"GZIP"}},
		"deflate":                     {deflated.String(), []string{"deflate"}},
		"br":                          {"\x0b\x02\x80{}\x03", []string{"br"}},
		"zstd":                        {"\x28\xb5\x2f\xfd", []string{"zstd"}},
		"compress":                    {"\x1f\x9d", []string{"compress"}},
		"unknown":                     {soup, []string{"evil"}},
		"two":                         {zipped.String(), []string{"gzip, gzip"}},
		"identity, then gzip":         {zipped.String(), []string{"identity, gzip"}},
		"identity, gzip in two":       {zipped.String(), []string{"identity", "gzip"}},
		"empty, then gzip":            {zipped.String(), []string{"", "gzip"}},
		"a bomb":                      {bomb.String(), []string{"gzip"}},
		"a bomb in a bomb":            {bomb.String(), []string{"gzip, gzip, gzip"}},
		"a label without compression": {soup, []string{"gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"POST /items", "PUT /items/1", "PATCH /items/1"} {
				head := method + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: " + r.admin()[1] + "\r\n"
				for _, encoding := range test.encoding {
					head += "Content-Encoding: " + encoding + "\r\n"
				}
				got := exchangeOnce(t, r.url, fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(test.body), test.body))
				got.assertStatus(t, 415)
				got.mustProblem(t)
				// The API rejects it without asking for the body.
				got = exchangeOnce(t, r.url, fmt.Sprintf("%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", head, len(test.body)))
				got.assertStatus(t, 415)
			}
			assertUnchanged(t, r.api)
		})
	}
	t.Run("a bomb without a label is no JSON", func(t *testing.T) {
		t.Parallel()
		got := r.do("POST", "/items", bomb.String(), r.admin()...)
		got.assertStatus(t, 400)
		got.mustProblem(t)
	})
	t.Run("a compressed transfer", func(t *testing.T) {
		t.Parallel()
		got := exchangeOnce(t, r.url, "POST /items HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"+zipped.String())
		got.assertStatus(t, 501)
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestHostileNumbers: the API stores a price exactly, or rejects it.
func TestHostileNumbers(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	for literal, want := range map[string]string{ // "" is rejected
		"1e400": "", "-1e400": "", "1e999999999999999999": "", "1e-400": "", "1e-1": "0.1", "0e400": "0", "0e-999999999999": "0", "-0": "0", "-0.00": "0", "0.0": "0",
		"5.990000000000001": "", "5.99000000000000000000": "5.99", "5.999": "", "0.001": "", "599e-2": "5.99", "1e2": "100", "1E+2": "100", "1000000": "1000000",
		"1000000.01": "", "9007199254740993": "", "9223372036854775808": "", "-0.01": "", "-1": "", "1.5": "1.5",
		"NaN": "", "Infinity": "", "-Infinity": "", "nan": "", "inf": "", "0x10": "", "0b1": "", "0o7": "", "1_000": "", "1,000": "", "+1": "", ".5": "", "5.": "", "00": "",
		"01": "", "-": "", "1e": "", "1e+": "", "1.e1": "", "--1": "", "- 1": "", "1 0": "", `"5.99"`: "", `""`: "", "true": "", "null": "", "[]": "", "{}": "", "[5]": "",
		"１": "", "٣": "", "1n": "", "1f": "", "1d": "", "1;": "",
	} {
		t.Run("price "+literal, func(t *testing.T) {
			t.Parallel()
			got := a.do("PATCH", "/items/3", `{"item":{"price":`+literal+`}}`, append(admin, "If-Match", `"stale"`)...)
			if want != "" {
				// The precondition fails, so the menu stays as it is for the other cases.
				got.assertStatus(t, 412)
				own := newItem(t, a, `{"item":{"name":"n","price":`+literal+`,"description":"","image":""}}`)
				if !strings.Contains(own.body, `"price":`+want+`,`) {
					t.Errorf("got %s, want the price %s", own.body, want)
				}
				a.do("DELETE", own.header.Get("Location"), "", admin...).assertStatus(t, 200)
				return
			}
			got.assertStatus(t, 400)
			got.mustProblem(t)
		})
	}
	t.Cleanup(func() {
		if r := a.do("GET", "/items/3", ""); r.body != tea {
			t.Errorf("got %s, want it unchanged", r.body)
		}
	})
}

func newItem(tb testing.TB, a *api, body string) answer {
	tb.Helper()
	r := a.do("POST", "/items", body, a.admin()...)
	r.assertStatus(tb, 201)
	return r
}

// TestHostileOrigins: an origin has to match the list exactly.
func TestHostileOrigins(t *testing.T) {
	t.Parallel()
	const listed = "https://menu.example.com"
	listing := newAPI(t, func(o *server.Options) { o.CORSOrigins = []string{listed, "http://localhost:4040"} })
	open := newAPI(t, nil)
	own := strings.TrimPrefix(listing.url, "http://")
	requests := []struct {
		method, path, body string
		headers            []string
	}{
		{"GET", "/items", "", nil},
		{"HEAD", "/items/1", "", nil},
		{"GET", "/nope", "", nil},
		{"GET", "/healthz", "", nil},
		{"DELETE", "/items/1", "", nil},
		{"POST", "/items", soup, nil},
		{"OPTIONS", "/items", "", []string{"Access-Control-Request-Method", "GET"}},
		{"OPTIONS", "/items/1", "", []string{"Access-Control-Request-Method", "DELETE", "Access-Control-Request-Headers", "authorization"}},
		{"OPTIONS", "/items/1", "", []string{"Access-Control-Request-Method", "DELETE", "Access-Control-Request-Private-Network", "true"}},
		{"OPTIONS", "/items", "", nil},
		{"OPTIONS", "/nope", "", []string{"Access-Control-Request-Method", "GET"}},
	}

	for _, row := range table(t, "origins.txt", 1) {
		origin := strings.ReplaceAll(row[0], "<OWN>", own)
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			for _, request := range requests {
				headers := slices.Concat(request.headers, []string{"Origin", origin})
				if request.method == "DELETE" || request.method == "POST" {
					headers = append(headers, listing.admin()...)
				}
				r := listing.do(request.method, request.path, request.body, headers...)
				r.assertStatus(t, 403)
				if request.method != "HEAD" {
					r.mustProblem(t)
				}
				for name := range r.header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s: got %s %q, want no such header for this origin", request.method, request.path, name, r.header[name])
					}
				}
				assertHeader(t, r, "Vary", "Origin")

				if request.method == "DELETE" || request.method == "POST" {
					continue // where every origin is allowed, these change the menu
				}
				r = open.do(request.method, request.path, request.body, slices.Concat(request.headers, []string{"Origin", origin})...)
				assertHeader(t, r, "Access-Control-Allow-Origin", "*") // never the origin itself
				assertHeader(t, r, "Access-Control-Allow-Credentials", "")
				assertHeader(t, r, "Access-Control-Allow-Private-Network", "")
				if r.status >= 400 && request.path != "/nope" {
					t.Errorf("%s %s of an open API: got %d", request.method, request.path, r.status)
				}
			}
		})
	}
	t.Run("listed, then another", func(t *testing.T) {
		t.Parallel()
		for _, order := range [][2]string{{listed, "https://evil.io"}, {"https://evil.io", listed}} {
			got := exchangeOnce(t, listing.url, "GET /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: "+order[0]+"\r\nOrigin: "+order[1]+"\r\n\r\n")
			if allowed := got.header.Values("Access-Control-Allow-Origin"); len(allowed) > 1 || strings.Contains(strings.Join(allowed, ""), "evil") {
				t.Errorf("got Access-Control-Allow-Origin %q for %q", allowed, order)
			}
		}
	})
	t.Run("an allowed origin gets only what it needs", func(t *testing.T) {
		t.Parallel()
		r := listing.do("OPTIONS", "/items/1", "", "Origin", listed, "Access-Control-Request-Method", "DELETE",
			"Access-Control-Request-Headers", "x-evil,cookie", "Access-Control-Request-Private-Network", "true")
		r.assertStatus(t, 204)
		assertHeader(t, r, "Access-Control-Allow-Origin", listed)
		assertHeader(t, r, "Access-Control-Allow-Credentials", "")
		assertHeader(t, r, "Access-Control-Allow-Private-Network", "")
		assertHeader(t, r, "Access-Control-Allow-Headers", "x-evil,cookie") // no header but Authorization has an effect
		for _, asked := range []string{"*", strings.Repeat("x", 5000)} {
			r := listing.do("OPTIONS", "/items/1", "", "Origin", listed, "Access-Control-Request-Method", "DELETE", "Access-Control-Request-Headers", asked)
			assertHeader(t, r, "Access-Control-Allow-Headers", "")
		}
		// A preflight grants no access: the request still needs its token.
		listing.do("DELETE", "/items/1", "", "Origin", listed).assertStatus(t, 401)
	})
	t.Cleanup(func() {
		for _, a := range []*api{listing, open} {
			if r := a.do("GET", "/items", ""); r.body != menu {
				t.Errorf("got %s, want the menu unchanged", r.body)
			}
		}
	})
}

// TestCachePoisoning: a public response depends on nothing outside the key of a shared cache. The tests of CORS show that Vary
// names the only header that it depends on.
func TestCachePoisoning(t *testing.T) {
	t.Parallel()
	const listed = "https://menu.example.com"
	for name, origins := range map[string][]string{"every origin": nil, "a list": {listed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(o *server.Options) { o.CORSOrigins = origins })
			for _, path := range []string{"/items", "/items/1", "/items/99", "/nope"} {
				plain := a.do("GET", path, "")
				headers := append(table(t, "headers.txt", 2), []string{"Authorization", a.admin()[1]}, []string{"Origin", listed})
				for _, header := range headers {
					got := a.do("GET", path, "", header[0], header[1])
					vary := strings.Join(got.header.Values("Vary"), ",")
					if got.status != plain.status || stripID(got) != stripID(plain) && !strings.Contains(vary, header[0]) {
						t.Errorf("%s with %s: got %d %s, want %d %s", path, header, got.status, got.body, plain.status, plain.body)
					}
					for name := range union(got.header, plain.header) {
						same := fmt.Sprint(got.header[name]) == fmt.Sprint(plain.header[name])
						if !same && name != "Date" && name != requestID && name != "Content-Length" && !strings.Contains(vary, header[0]) {
							t.Errorf("%s with %s: got %s %q, without %q, and Vary %q", path, header, name, got.header[name], plain.header[name], vary)
						}
					}
					assertHeader(t, got, "Set-Cookie", "")
				}
			}
			// The API serves no ranges, so no cache can store a part as the whole menu.
			r := a.do("GET", "/items", "", "Range", "bytes=0-4")
			if r.status != 200 || r.body != menu || r.header.Get("Content-Range") != "" || r.header.Get("Accept-Ranges") == "bytes" {
				t.Errorf("a range: got %d %s, want the whole menu", r.status, r.body)
			}
			// Caches store neither errors nor responses that depend on a token.
			for _, r := range []answer{
				a.do("GET", "/nope", ""), a.do("GET", "/items/99", ""), a.do("POST", "/items", soup), a.do("POST", "/items", soup, a.as()...),
				a.do("PATCH", "/items/99", `{"price":1}`, a.admin()...), a.do("GET", "/healthz", ""),
			} {
				if got := r.header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("got Cache-Control %q for %d %s, want no-store", got, r.status, r.body)
				}
			}
		})
	}
}

func stripID(r answer) string {
	return strings.ReplaceAll(r.body, r.header.Get(requestID), "")
}

func union(a, b http.Header) http.Header {
	u := a.Clone()
	for name := range b {
		u[name] = b[name]
	}
	return u
}

// TestResponseSplitting: the API sends a line break in a client's input as a JSON escape, or not at all.
func TestResponseSplitting(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, nil)
	for _, row := range table(t, "request_ids.txt", 3) {
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			got := exchangeOnce(t, r.url, r.fill(`GET /nope HTTP/1.1\r\nHost: x\r\n`+row[2]+`\r\n<END>`))
			assertKind(t, got, row[0], "Injected")
			assertHeader(t, got, "X-Injected", "")
			if id := got.header.Values(requestID); got.status == 404 && (len(id) != 1 || strings.ContainsAny(id[0], " <>%\\\"\r\n")) {
				t.Errorf("got ids %q, want a plain one", id)
			}
		})
	}

	t.Run("the names of items", func(t *testing.T) {
		t.Parallel()
		const wicked = "a\\r\\nX-Injected: yes\\r\\n\\r\\n<script>\\u2028\\u2029\\u0085\\u001b[2J"
		created := newItem(t, r.api, `{"item":{"name":"`+wicked+`","price":1,"description":"`+wicked+`","image":"","tagline":"`+wicked+`","category":"b\r\nc"}}`)
		path := created.header.Get("Location")
		for _, got := range []answer{created, r.do("GET", path, ""), r.do("GET", "/items", ""), r.do("DELETE", path, "", r.admin()...)} {
			if strings.ContainsAny(got.body, "\r\n\x1b") {
				t.Errorf("got a control character in %q", got.body)
			}
			if !strings.Contains(got.body, `\r\n`) {
				t.Errorf("got %s, want the line break as an escape", got.body)
			}
			assertHeader(t, got, "X-Injected", "")
			assertHeader(t, got, "X-Content-Type-Options", "nosniff") // otherwise a browser could execute the markup
			assertHeader(t, got, "Content-Type", "application/json; charset=utf-8")
		}
	})
	t.Run("the names of fields, types and subjects", func(t *testing.T) {
		t.Parallel()
		token := r.issuer.TokenWith(t, items.Permissions(), map[string]any{"sub": "a\r\nX-Injected: yes\n{\"level\":\"ERROR\"}"})
		authorization := []string{"Authorization", "Bearer " + token}
		for _, got := range []answer{
			r.do("POST", "/items", `{"item":{"a\r\nX-Injected: yes":1}}`, authorization...),
			r.do("POST", "/items", `{"item":{"\u001b[2J\u2028":1}}`, authorization...),
			r.do("POST", "/items", soup, append(authorization, "Content-Type", "text/plain; x=\"a\u2028\"")...),
			r.do("POST", "/items", soup, append(authorization, "Content-Encoding", "evil\u0085")...),
		} {
			if got.status != 400 && got.status != 415 {
				t.Errorf("got %d, want 400 or 415", got.status)
			}
			got.mustProblem(t)
			if strings.ContainsAny(got.body, "\r\n\x1b") {
				t.Errorf("got a control character in %q", got.body)
			}
			assertHeader(t, got, "X-Injected", "")
		}
		for line := range strings.Lines(r.log.String()) {
			if !strings.HasPrefix(line, `{"time":`) {
				t.Errorf("a client has written a line of the log: %q", line)
			}
		}
	})
}
