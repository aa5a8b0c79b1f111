//go:build external

package test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

// TestProxy runs the proxy of compose.yaml, with the Caddyfile, in front of two replicas over one PostgreSQL database.
func TestProxy(t *testing.T) {
	t.Parallel()
	issuer := authztest.NewIssuer(t)
	database := pgtest.NewDatabase(t)
	var replicas []*replica
	for range 2 {
		r := &replica{
			tenant: issuer, database: database, addr: mustFindAddr(t),
			settings: []string{"TRUSTED_PROXIES=127.0.0.1", "LOG_LEVEL=info", "SEED_MENU=true"},
		}
		r.start(t)
		replicas = append(replicas, r)
	}
	proxy := startProxy(t, replicas)
	token := issuer.Token(t, items.Permissions()...)

	t.Run("both replicas get requests and send the same responses", func(t *testing.T) {
		path := proxy.create(t, token)
		for range 10 {
			if status, _ := proxy.get(t, path, nil); status != http.StatusOK {
				t.Errorf("got %d, want 200", status)
			}
		}
		for _, r := range replicas {
			if !r.logs(t, `"path":"`+path+`"`) {
				t.Errorf("a replica got no request for %s", path)
			}
		}
	})

	t.Run("only the proxy sets the address of the client", func(t *testing.T) {
		proxy.get(t, "/items/2", http.Header{"X-Forwarded-For": {"203.0.113.9"}})
		for _, r := range replicas {
			if !r.logs(t, `"client":"127.0.0.2"`) { // where this test calls the proxy from
				t.Error("the log of a replica does not have the client's address")
			}
			if strings.Contains(mustReadFile(t, r.log), "203.0.113.9") {
				t.Error("the log of a replica has the address that the client made up")
			}
		}
	})

	t.Run("events are not delayed", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		response := proxy.do(ctx, t, http.MethodGet, "/items/events", "", http.Header{"Accept": {"text/event-stream"}})
		defer func() { _ = response.Body.Close() }()
		lines := bufio.NewScanner(response.Body)
		waitFor := func(want string) {
			t.Helper()
			for lines.Scan() {
				if lines.Text() == want {
					return
				}
			}
			t.Fatalf("the stream ended (%v) before %q", lines.Err(), want)
		}
		waitFor("event: ready")
		proxy.create(t, token)
		waitFor("event: change")
	})

	t.Run("a replica shuts down", func(t *testing.T) {
		must(t, replicas[0].Process.Signal(syscall.SIGTERM))
		for ended := false; !ended; {
			select {
			case <-replicas[0].ended:
				ended = true
			default:
			}
			if status, body := proxy.get(t, "/items", nil); status != http.StatusOK {
				t.Fatalf("got %d %s while a replica shuts down, want 200", status, body)
			}
		}
		proxy.create(t, token)
	})
}

// logs reports whether the log of the replica contains the text. It waits, because the log is buffered.
func (r *replica) logs(tb testing.TB, text string) bool {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if found := strings.Contains(mustReadFile(tb, r.log), text); found || time.Now().After(deadline) {
			return found
		}
	}
}

// proxied is a client of a running proxy.
type proxied struct {
	url    string
	client *http.Client
	log    string // the name of a file
}

// findCaddy returns the name of the program.
func findCaddy(tb testing.TB) string {
	tb.Helper()
	caddy, err := exec.LookPath("caddy")
	if err != nil {
		tb.Fatal("Caddy is not installed: run `make test`, which installs it, or set PATH")
	}
	return caddy
}

func startProxy(tb testing.TB, replicas []*replica) proxied {
	tb.Helper()
	addr := mustFindAddr(tb)
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), findCaddy(tb), "run", "--config", "deploy/Caddyfile", "--adapter", "caddyfile")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + tb.TempDir(), "SITE=http://" + addr, "REPLICAS=" + replicas[0].addr + " " + replicas[1].addr}
	process := startProcess(tb, cmd)
	// The client uses another address than the proxy, because the replicas trust that of the proxy.
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	p := proxied{"http://" + addr, &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}, process.log}
	tb.Cleanup(p.client.CloseIdleConnections)
	process.mustBecomeReady(tb, p.url+"/readyz")
	return p
}

func (p proxied) do(ctx context.Context, tb testing.TB, method, path, body string, header http.Header) *http.Response {
	tb.Helper()
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	must(tb, err)
	request.Header = header
	response, err := p.client.Do(request)
	must(tb, err)
	return response
}

func (p proxied) get(tb testing.TB, path string, header http.Header) (status int, body string) {
	tb.Helper()
	response := p.do(tb.Context(), tb, http.MethodGet, path, "", header)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	must(tb, err)
	return response.StatusCode, string(content)
}

// create adds an item and returns its path.
func (p proxied) create(tb testing.TB, token string) string {
	tb.Helper()
	response := p.do(tb.Context(), tb, http.MethodPost, "/items", `{"item":{"name":"Soup","price":4.5,"description":"","image":""}}`,
		http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}})
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusCreated {
		tb.Fatalf("got %s, want 201\n%s", response.Status, mustReadFile(tb, p.log))
	}
	return response.Header.Get("Location")
}
