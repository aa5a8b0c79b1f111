//go:build external

package test

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/items"
)

// The attacks come from one address. The bystanders are ordinary clients on another.
const (
	attackerAddress  = "127.0.0.1"
	bystanderAddress = "127.0.0.2"
)

// attack uses one connection until the server closes it. n counts the requests of the attack, so that no two are alike.
type attack func(conn net.Conn, n *atomic.Int64) error

// attacks are the shapes of hostile clients. Each of them runs on up to 1,000 connections.
var attacks = map[string]attack{
	"idle":                    send(""),
	"slow headers":            drip("GET /items HTTP/1.1\r\nHost: x\r\nX: "),
	"slow bodies":             drip("POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"),
	"slow bodies, bad tokens": drip("POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer x.y.z\r\nContent-Length: 60000\r\n\r\n"),
	"unread lists":            send(strings.Repeat(getRequest("/items"), 200)),
	"unread different lists":  unread("/items?v=%d"),
	"unread script":           send(strings.Repeat(getRequest("/docs/assets/swagger-ui-bundle.js"), 20)),
	"unread events":           send(getRequest("/items/events")),
	"events":                  exchange("GET", "/items/events", ""),
	"old events":              exchange("GET", "/items/events", "Last-Event-ID: FEED-1\r\n"),
	"new connections":         func(conn net.Conn, _ *atomic.Int64) error { return conn.Close() },
	"lists":                   exchange("GET", "/items", ""),
	"different lists":         exchange("GET", "/items?v=%d", ""),
	"pages by price":          exchange("GET", "/items?limit=1000&sort=-price&v=%d", ""),
	"categories":              exchange("GET", "/items?category=none%d", ""),
	"items":                   exchange("GET", "/items/%d", ""),
	"second contract":         exchange("GET", "/api/menu/items?v=%d", ""),
	"searches":                exchange("GET", "/items?limit=20&sort=-price&q=word%d", ""),
	"searches for one letter": exchange("GET", "/items?limit=20&sort=name&q=z+%d", ""),
	"searches, abandoned":     abandon("/items?sort=name&q=gone%d"),
	"pages":                   exchange("GET", "/?v=%d", ""),
	"pages of items":          exchange("GET", "/menu/%d", ""),
	"unknown paths":           exchange("GET", "/unknown/%d", ""),
	"unknown methods":         exchange("BREW", "/items/%d", ""),
	"bad tokens":              exchange("POST", "/items", "Authorization: Bearer x.y.%d\r\n"),
	"made-up keys":            exchange("DELETE", "/items/1", "Authorization: Bearer HEADER.e30.c2ln\r\n"),
	"no tokens":               exchange("PATCH", "/items", "X-N: %d\r\n"),
	"script":                  exchange("GET", "/docs/assets/swagger-ui-bundle.js", ""),
	"script, HEAD":            exchange("HEAD", "/docs/assets/swagger-ui-bundle.js", ""),
	"script, gzip":            exchange("GET", "/docs/assets/swagger-ui-bundle.js", "Accept-Encoding: gzip\r\n"),
	"document":                exchange("GET", "/openapi.json", ""),
	"reference":               exchange("GET", "/docs", ""),
	"long Accept-Encoding":    exchange("GET", "/docs/assets/swagger-ui.css", "Accept-Encoding: "+strings.Repeat("a,", 27<<10)+"\r\n"),
	"long If-None-Match":      exchange("GET", "/items", "If-None-Match: "+strings.Repeat(`"a",`, 14<<10)+"\r\n"),
	"long X-Forwarded-For":    exchange("GET", "/items", "X-Forwarded-For: "+strings.Repeat("1.1.1.1,", 7<<10)+"\r\n"),
	"preflights":              exchange("OPTIONS", "/items", "Origin: https://x%d\r\nAccess-Control-Request-Method: POST\r\n"),
	"userinfo":                exchange("GET", "/me", "Authorization: Bearer x.y.%d\r\n"),
}

func getRequest(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }

// send sends the text and then waits, without reading.
func send(text string) attack {
	return func(conn net.Conn, _ *atomic.Int64) error {
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		time.Sleep(time.Second)
		return nil
	}
}

// drip sends the text and then one byte every 200 ms.
func drip(text string) attack {
	return func(conn net.Conn, _ *atomic.Int64) error {
		_, err := io.WriteString(conn, text)
		for err == nil {
			time.Sleep(200 * time.Millisecond)
			_, err = io.WriteString(conn, "x")
		}
		return err
	}
}

// unread sends many different requests and reads no response.
func unread(path string) attack {
	return func(conn net.Conn, n *atomic.Int64) error {
		var text strings.Builder
		for range 200 {
			text.WriteString(getRequest(fmt.Sprintf(path, n.Add(1))))
		}
		return send(text.String())(conn, n)
	}
}

// abandon sends a request and closes the connection before the response.
func abandon(path string) attack {
	return func(conn net.Conn, n *atomic.Int64) error {
		_, _ = io.WriteString(conn, getRequest(fmt.Sprintf(path, n.Add(1))))
		time.Sleep(50 * time.Millisecond)
		return conn.Close()
	}
}

// exchange sends requests one after the other and reads each response. %d is the number of the request, FEED the id of the
// change feed, and HEADER the header of a token with a made-up key id.
func exchange(method, path, header string) attack {
	return func(conn net.Conn, n *atomic.Int64) error {
		responses := bufio.NewReader(conn)
		for {
			number := strconv.FormatInt(n.Add(1), 10)
			head := strings.NewReplacer(
				"%d", number, "FEED", os.Getenv("ATTACK_FEED"), "HEADER", authztest.Encode(`{"alg":"RS256","kid":"`+number+`"}`),
			).Replace(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\n")
			if _, err := io.WriteString(conn, head); err != nil {
				return err
			}
			response, err := http.ReadResponse(responses, &http.Request{Method: method})
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				return err
			}
		}
	}
}

// TestAttacker is the process of an attacker. The other tests start it, so that the attack does not run in the process that
// measures.
func TestAttacker(t *testing.T) { //nolint:paralleltest // nothing else runs in its process
	names := os.Getenv("ATTACKS")
	if names == "" {
		t.Skip("other tests start it")
	}
	connections, err := strconv.Atoi(os.Getenv("ATTACK_CONNECTIONS"))
	must(t, err)
	var n atomic.Int64
	var list []attack
	for name := range strings.SplitSeq(names, ";") {
		list = append(list, attacks[name])
	}
	for i := range connections {
		go func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(attackerAddress)}, Timeout: 5 * time.Second}
			for {
				conn, err := dialer.Dial("tcp", os.Getenv("ATTACK_TARGET"))
				if err == nil {
					_ = list[i%len(list)](conn, &n)
					_ = conn.Close()
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
	_, _ = fmt.Fprintln(os.Stdout, "requests:", n.Load())
}

// target is the running program, and a bystander's view of it.
type target struct {
	*process
	addr, metrics string
	feed          string // the id of its change feed
	issuer        *authztest.Issuer
	client        *http.Client
}

func startTarget(tb testing.TB, database string, settings ...string) *target {
	tb.Helper()
	x := &target{addr: mustFindAddr(tb), metrics: mustFindAddr(tb), issuer: authztest.NewIssuer(tb)}
	host, port, err := net.SplitHostPort(x.addr)
	must(tb, err)
	x.process = startProcess(tb, command(tb, append(settings,
		"HOST="+host, "PORT="+port, "METRICS_ADDR="+x.metrics, "DATABASE_URL="+database,
		"AUTH0_ISSUER_URL="+x.issuer.URL, "AUTH0_AUDIENCE="+authztest.Audience,
	), "serve"))
	x.mustBecomeReady(tb, "http://"+x.addr+"/readyz")
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(bystanderAddress)}}
	x.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 10}}
	tb.Cleanup(x.client.CloseIdleConnections)
	response, err := x.client.Get("http://" + x.addr + "/items/events")
	must(tb, err)
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for x.feed == "" && lines.Scan() {
		id, _ := strings.CutPrefix(lines.Text(), "id: ")
		x.feed, _, _ = strings.Cut(id, "-")
	}
	return x
}

// underAttack runs the attacks on a number of connections while do runs.
func (x *target) underAttack(tb testing.TB, names []string, connections int, do func()) {
	tb.Helper()
	// With a low priority, because a real attacker does not use the processors of the server.
	cmd := exec.CommandContext(tb.Context(), "nice", "-n", "10", os.Args[0], "-test.run=^TestAttacker$", "-test.v")
	cmd.Dir = "test"
	cmd.Env = append(os.Environ(),
		"ATTACKS="+strings.Join(names, ";"), "ATTACK_FEED="+x.feed, "ATTACK_CONNECTIONS="+strconv.Itoa(connections), "ATTACK_TARGET="+x.addr)
	stop, err := cmd.StdinPipe()
	must(tb, err)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	must(tb, cmd.Start())
	do()
	_ = stop.Close()
	if err := cmd.Wait(); err != nil {
		tb.Errorf("the attacker failed: %v\n%s", err, out.String())
	}
}

// experience has the results of the bystanders' requests.
type experience struct {
	mu     sync.Mutex
	took   []time.Duration // of the requests that succeeded
	failed map[string]int
}

// watch sends the requests of bystanders for some time, each kind from two clients, and requests the metrics.
func (x *target) watch(tb testing.TB, duration time.Duration) *experience {
	tb.Helper()
	token := x.issuer.TokenWith(tb, []string{items.CreateItems}, map[string]any{"sub": rand.Text()}) // with its own limit of writes
	api, e := "http://"+x.addr, &experience{failed: map[string]int{}}
	ended := time.Now().Add(duration)
	var wg sync.WaitGroup
	for _, kind := range []struct {
		method, url, body string
		clients           int
		pause             time.Duration
	}{
		{"GET", api + "/items/1", "", 2, 100 * time.Millisecond},
		{"GET", api + "/items", "", 2, 100 * time.Millisecond},
		{"GET", api + "/items?limit=20&sort=price", "", 2, 100 * time.Millisecond},
		{"POST", api + "/items", soup, 2, 100 * time.Millisecond},
		{"GET", "http://" + x.metrics + "/metrics", "", 1, time.Second},
	} {
		for range kind.clients {
			wg.Go(func() {
				for time.Now().Before(ended) {
					began := time.Now()
					e.add(kind.method+" "+kind.url, x.try(kind.method, kind.url, kind.body, token), time.Since(began))
					time.Sleep(kind.pause)
				}
			})
		}
	}
	wg.Wait()
	e.sort()
	return e
}

// try sends a request. It returns what failed, "" for success.
func (x *target) try(method, url, body, token string) string {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := x.client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err.Error()
	case response.StatusCode >= 300:
		return response.Status + " " + string(text)
	}
	return ""
}

func (e *experience) add(kind, failure string, took time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if failure != "" {
		e.failed[kind+": "+failure]++
		return
	}
	e.took = append(e.took, took)
}

func (e *experience) sort() { slices.Sort(e.took) }

// percentile returns the duration that p percent of the successful requests did not exceed.
func (e *experience) percentile(p int) time.Duration {
	if len(e.took) == 0 {
		return 0
	}
	return e.took[(len(e.took)-1)*p/100]
}

// assertServed checks that at least 99 % of the bystanders' requests succeeded.
func (e *experience) assertServed(tb testing.TB) {
	tb.Helper()
	failed := 0
	for _, n := range e.failed {
		failed += n
	}
	if sent := len(e.took) + failed; failed*100 > sent || sent == 0 {
		tb.Errorf("%d of %d requests of bystanders failed, want at most 1 %%: %v", failed, sent, e.failed)
	}
}

// TestBystandersUnderAttack runs all attacks at once, from one address.
func TestBystandersUnderAttack(t *testing.T) {
	t.Parallel()
	x := startTarget(t, newFile(t))
	x.underAttack(t, slices.Sorted(maps.Keys(attacks)), 1000, func() {
		time.Sleep(time.Second)
		x.watch(t, 5*time.Second).assertServed(t)
	})
}

// memory returns the resident memory of the process in MiB.
func (p *process) memory(tb testing.TB) int {
	tb.Helper()
	text := mustReadFile(tb, fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	kib, err := strconv.Atoi(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindStringSubmatch(text)[1])
	must(tb, err)
	return kib >> 10
}
