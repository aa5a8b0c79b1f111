package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/cli"
	"menu-api/config"
	"menu-api/items"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/sqlite"
	"menu-api/items/storetest"
	"menu-api/server/telemetry/logtest"
)

func TestDevFromSignInToRestart(t *testing.T) {
	t.Parallel()
	database := pgtest.DatabaseURL(t)
	p := start(t, "dev", env{"DATABASE_URL": database})
	if got := p.get("/items"); got != http.StatusOK {
		t.Errorf("a public read: got %d, want 200", got)
	}
	if response, _ := p.do("POST", "/items", "", soup); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a write without a token: got %d, want 401", response.StatusCode)
	}
	if response, _ := p.do("POST", "/items", p.signIn("customer"), soup); response.StatusCode != http.StatusForbidden {
		t.Errorf("a customer's write: got %d, want 403", response.StatusCode)
	}
	response, created := p.do("POST", "/items", p.signIn("admin"), soup)
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("an administrator's write: got %d %s, want 201", response.StatusCode, created)
	}
	location := response.Header.Get("Location")
	if err := p.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}

	again := start(t, "dev", env{"DATABASE_URL": database})
	if _, got := again.do("GET", location, "", ""); got != created {
		t.Errorf("after a restart: got %s, want %s", got, created)
	}
	for _, want := range []string{"DEVELOPMENT", again.api + "/items", again.issuer, "curl", "token admin"} {
		if !strings.Contains(again.out.String(), want) {
			t.Errorf("the banner does not say %q:\n%s", want, again.out)
		}
	}
}

// While keys rotate, every valid token is accepted, whether the old or the new key signed it.
func TestKeyRotationUnderLoad(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", env{"RATE_LIMIT_WRITES_PER_MINUTE": "0", "LOG_LEVEL": "error"})
	var current atomic.Pointer[string]
	first := p.token("admin")
	current.Store(&first)
	var requests, rejected atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				token := first
				if worker%2 == 0 {
					token = *current.Load()
				}
				response, body := p.do("PATCH", "/items/1", token, `{"price":1}`)
				requests.Add(1)
				if response.StatusCode != http.StatusOK {
					rejected.Add(1)
					t.Errorf("got %d %s, want 200", response.StatusCode, body)
					return
				}
			}
		})
	}
	for range 2 { // after two rotations in a row, the first token of a new key may have to wait, see TestMadeUpKeysDelayARotationByTwentySeconds
		before := requests.Load()
		response, body := p.send(http.DefaultClient, p.request(http.MethodPost, p.issuer+"dev/rotate", nil))
		if response.StatusCode != http.StatusOK {
			t.Fatalf("rotate: got %d %s", response.StatusCode, body)
		}
		token := p.token("admin")
		current.Store(&token)
		for requests.Load() < before+50 && rejected.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d requests across 2 rotations, %d rejected", requests.Load(), rejected.Load())
}

// serve works with the three lines of the .env of the NestJS application.
func TestServeWithTheTutorialsEnvFile(t *testing.T) {
	t.Parallel()
	tenant := authztest.NewIssuer(t)
	file := filepath.Join(t.TempDir(), ".env")
	content := fmt.Sprintf("PORT=0\nAUTH0_ISSUER_URL=%s\nAUTH0_AUDIENCE=%s\n", strings.TrimSuffix(tenant.URL, "/"), authztest.Audience)
	must(t, os.WriteFile(file, []byte(content), 0o600))
	for _, command := range []string{"serve", ""} { // serve is the default
		p := start(t, strings.TrimSpace(command+" --env-file "+file), env{"PORT": ""})
		response, body := p.do("POST", "/items", tenant.Token(t, items.CreateItems), soup)
		if response.StatusCode != http.StatusCreated {
			t.Errorf("%q: got %d %s, want 201", command, response.StatusCode, body)
		}
		if strings.Contains(p.out.String(), "dev-admin") || strings.Contains(p.out.String(), "Identity provider") {
			t.Errorf("%q: the development provider runs:\n%s", command, p.out)
		}
		if err := p.stop(); err != nil {
			t.Errorf("%q: stop: %v", command, err)
		}
	}
}

// serve never starts the development provider, with any settings: neither on its port nor as routes of the API.
func TestServeHasNoDevelopmentProvider(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	for name, e := range map[string]env{
		"its port is set":        {"AUTH0_ISSUER_URL": "tenant.eu.auth0.com", "DEV_IDP_PORT": port},
		"its issuer is set":      {"AUTH0_ISSUER_URL": "http://localhost:" + port, "DEV_IDP_PORT": port, "AUTH0_CLIENT_ID": "menu-dashboard"},
		"permissions are off":    {"AUTH0_ISSUER_URL": "http://localhost:" + port, "DEV_IDP_PORT": port, "AUTHZ_REQUIRE_PERMISSIONS": "false"},
		"the log level is debug": {"AUTH0_ISSUER_URL": "http://localhost:" + port, "DEV_IDP_PORT": port, "LOG_LEVEL": "debug"},
	} {
		e["AUTH0_AUDIENCE"] = "https://menu.example.com"
		p := start(t, "serve", e)
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			t.Errorf("%s: the provider's port is open", name)
		}
		for _, path := range []string{"/authorize", "/login", "/oauth/token", "/userinfo", "/v2/logout", "/dev/rotate", "/.well-known/jwks.json", "/.well-known/openid-configuration"} {
			for _, method := range []string{"GET", "POST"} {
				if response, _ := p.do(method, path, "", ""); response.StatusCode != http.StatusNotFound {
					t.Errorf("%s: %s %s: got %d, want 404", name, method, path, response.StatusCode)
				}
			}
		}
		if err := p.stop(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The provider lets anyone sign in, so it listens only on loopback, even if the API is open to the network.
func TestProviderStaysOnLoopback(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", env{"HOST": "0.0.0.0"})
	api, err := url.Parse(p.api)
	must(t, err)
	issuer, err := url.Parse(p.issuer)
	must(t, err)
	// 127.0.0.2 reaches a listener on all addresses, but not one on 127.0.0.1.
	for port, want := range map[string]bool{api.Port(): true, issuer.Port(): false} {
		conn, err := net.Dial("tcp", "127.0.0.2:"+port)
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != want {
			t.Errorf("port %s on another address: got %v, want reachable %v", port, err, want)
		}
	}
}

// With DEV_IDP_HOST, as in the container image, the provider listens beyond loopback. It still rejects a foreign Host header.
func TestProviderBeyondLoopback(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", env{"DEV_IDP_HOST": "0.0.0.0"})
	issuer, err := url.Parse(p.issuer)
	must(t, err)
	for host, want := range map[string]int{"localhost:" + issuer.Port(): 200, "menu.example:" + issuer.Port(): 421, "127.0.0.2:" + issuer.Port(): 421} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.2:"+issuer.Port()+"/.well-known/jwks.json", http.NoBody)
		must(t, err)
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("Host %s: got %d, want %d", host, response.StatusCode, want)
		}
	}
}

func TestStartNamesItsSettings(t *testing.T) {
	t.Parallel()
	tenant := authztest.NewIssuer(t)
	file := filepath.Join(t.TempDir(), "menu.env")
	must(t, os.WriteFile(file, []byte("AUTH0_ISSUER_URL="+tenant.URL+"\nAUTH0_AUDIANCE=secret\nAUTH0_CLIENT_ID=S3$CRET\n"), 0o600))
	p := start(t, "serve --env-file "+file, env{"AUTH0_AUDIENCE": authztest.Audience, "CRET": "expanded"})
	for _, want := range []string{
		`"env_file":"` + file + `"`, `"jwks_url":"` + strings.TrimSuffix(tenant.URL, "/") + `/.well-known/jwks.json"`,
		"AUTH0_AUDIANCE is not a setting; did you mean AUTH0_AUDIENCE?", "AUTH0_CLIENT_ID contains $",
	} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("got\n%s\nwant %s", p.out, want)
		}
	}
	if strings.Contains(p.out.String(), "secret") || strings.Contains(p.out.String(), "S3") {
		t.Errorf("got a value of the file in\n%s", p.out)
	}
}

func TestServeWithoutPermissionsWarns(t *testing.T) {
	t.Parallel()
	tenant := authztest.NewIssuer(t)
	p := start(t, "serve", env{
		"AUTH0_ISSUER_URL": tenant.URL, "AUTH0_AUDIENCE": authztest.Audience,
		"AUTHZ_REQUIRE_PERMISSIONS": "false", "SEED_MENU": "false",
	})
	if !strings.Contains(p.out.String(), "every valid access token may change the menu") {
		t.Errorf("got no warning:\n%s", p.out)
	}
	if _, body := p.do("GET", "/items", "", ""); body != "{}" {
		t.Errorf("got %s, want an empty menu", body)
	}
	if response, body := p.do("POST", "/items", tenant.Token(t), soup); response.StatusCode != http.StatusCreated {
		t.Errorf("got %d %s, want 201", response.StatusCode, body)
	}
}

func TestMetricsListener(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", env{"METRICS_ADDR": "127.0.0.1:0"})
	metrics := p.metricsURL()
	_, body := p.send(http.DefaultClient, p.request(http.MethodGet, metrics, nil))
	if !strings.Contains(body, `route="/readyz"`) {
		t.Errorf("got %.300s, want metrics", body)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if got := p.get(path); got != http.StatusNotFound {
			t.Errorf("%s on the API's own port: got %d, want 404", path, got)
		}
	}
	// A profile takes longer than ReadTimeout, after which net/http ends a request.
	start := time.Now()
	response, body := p.send(http.DefaultClient, p.request(http.MethodGet, strings.Replace(metrics, "/metrics", "/debug/pprof/profile?seconds=17", 1), nil))
	if response.StatusCode != 200 || !strings.HasPrefix(body, "\x1f\x8b") || time.Since(start) < 17*time.Second {
		t.Errorf("got %s after %s, want a profile of 17 s: %.100s", response.Status, time.Since(start), body)
	}
}

// The spans of the last requests reach the collector before the program ends. A collector that does not respond does not
// delay the end.
func TestTracesAreFlushed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var received bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = received.ReadFrom(r.Body)
	}))
	defer collector.Close()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer silent.Close()
	for endpoint, want := range map[string]bool{collector.URL: true, "http://" + silent.Addr().String(): false} {
		p := start(t, "dev", env{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=hunter2"})
		if status := p.get("/items"); status != http.StatusOK {
			t.Errorf("got %d", status)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- p.stop() }()
		select {
		case err := <-stopped:
			if err != nil {
				t.Errorf("%s: %v", endpoint, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: still running after 20 s", endpoint)
		}
		if !strings.Contains(p.out.String(), `"trace_id":"`) || strings.Contains(p.out.String(), "hunter2") {
			t.Errorf("the log must contain trace ids and no header:\n%s", p.out)
		}
		mu.Lock()
		if got := strings.Contains(received.String(), "GET /items"); got != want {
			t.Errorf("%s: got the span %t, want %t", endpoint, got, want)
		}
		received.Reset()
		mu.Unlock()
	}
}

func TestTracesDisabled(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", env{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"})
	p.get("/items")
	must(t, p.stop())
	if strings.Contains(p.out.String(), `"trace_id":"`) || strings.Contains(p.out.String(), "127.0.0.1:1") {
		t.Errorf("got traces, want none:\n%s", p.out)
	}
}

// TestHealthcheckUsesNoProxy runs the health check in a new process, because net/http reads the proxy only once. It needs an
// address that is not loopback: net/http uses no proxy for loopback.
func TestHealthcheckUsesNoProxy(t *testing.T) {
	t.Parallel()
	if os.Getenv("HTTP_PROXY") == "http://127.0.0.1:1" {
		must(t, cli.Run(t.Context(), []string{"healthcheck"}, os.Getenv, io.Discard))
		return
	}
	addresses, err := net.InterfaceAddrs()
	must(t, err)
	for _, address := range addresses {
		network, ok := address.(*net.IPNet)
		if !ok || !network.IP.IsGlobalUnicast() {
			continue
		}
		p := start(t, "dev", env{"HOST": "0.0.0.0"})
		u, err := url.Parse(p.api)
		must(t, err)
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHealthcheckUsesNoProxy$")
		again.Env = []string{"HTTP_PROXY=http://127.0.0.1:1", "HOST=" + network.IP.String(), "PORT=" + u.Port()}
		if output, err := again.CombinedOutput(); err != nil {
			t.Errorf("got %v, want a direct connection\n%s", err, output)
		}
		return
	}
	t.Skip("this machine has only loopback")
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", nil)
	u, err := url.Parse(p.api)
	must(t, err)
	for _, host := range []string{"", "127.0.0.1", "0.0.0.0"} {
		e := env{"PORT": u.Port(), "HOST": host}
		if err := cli.Run(context.Background(), []string{"healthcheck"}, e.get, io.Discard); err != nil {
			t.Errorf("HOST=%q: %v", host, err)
		}
	}
	must(t, p.stop())
	if err := cli.Run(context.Background(), []string{"healthcheck"}, env{"PORT": u.Port()}.get, io.Discard); err == nil {
		t.Error("got no error after the shutdown")
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{"version": "menu-api ", "--version": "menu-api ", "--help": "healthcheck", "help dev": "no account is needed"} {
		var out bytes.Buffer
		if err := cli.Run(context.Background(), strings.Fields(args), env{}.get, &out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %v %q, want %q", args, err, out.String(), want)
		}
	}
}

// If the start fails, the program prints one line without a stack trace, and its exit status tells scripts the kind of failure.
func TestStartThatFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	mustWrite := func(name, content string) string {
		file := filepath.Join(folder, name)
		must(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	tests := map[string]struct {
		args   string
		env    env
		status int
		want   []string
	}{
		"no settings":                     {"serve", nil, 2, []string{"AUTH0_ISSUER_URL", "AUTH0_AUDIENCE", "menu-api dev"}},
		"wrong settings":                  {"dev", env{"PORT": "x", "LOG_LEVEL": "loud"}, 2, []string{"PORT", "LOG_LEVEL"}},
		"a wrong .env":                    {"dev --env-file " + mustWrite("bad.env", "what is this"), nil, 2, []string{"bad.env"}},
		"a missing .env":                  {"dev --env-file " + filepath.Join(folder, "none.env"), nil, 2, []string{"none.env"}},
		"a port in use":                   {"serve", env{"PORT": takenPort}, 1, []string{"PORT", takenPort, "in use"}},
		"a provider port in use":          {"dev", env{"DEV_IDP_PORT": takenPort, "PORT": "0"}, 1, []string{"DEV_IDP_PORT", takenPort}},
		"a metrics port in use":           {"serve", env{"METRICS_ADDR": taken.Addr().String()}, 1, []string{"METRICS_ADDR"}},
		"a folder that cannot be created": {"serve", env{"DATABASE_URL": "sqlite:" + filepath.Join(mustWrite("file", ""), "menu.db")}, 1, []string{"menu.db", "folder"}},
		"a file that is not a database":   {"serve", env{"DATABASE_URL": "sqlite:" + mustWrite("text.db", strings.Repeat("text ", 2000))}, 1, []string{"text.db", "not an SQLite database"}},
		"an unknown command":              {"sevre", nil, 1, []string{"sevre", "menu-api --help"}},
		"an unknown flag":                 {"serve --port 1", nil, 1, []string{"--port", "menu-api serve --help"}},
		"an argument too many":            {"version now", nil, 1, []string{"now", "menu-api version --help"}},
		"an unknown user":                 {"token root", nil, 1, []string{"token admin", "token customer"}},
		"no user":                         {"token", nil, 1, []string{"token admin", "token customer"}},
		"no provider":                     {"token admin", env{"DEV_IDP_PORT": "1"}, 1, []string{"menu-api dev"}},
		"healthcheck, wrong settings":     {"healthcheck", env{"PORT": "x"}, 1, []string{"not ready", "PORT"}},
		"an address of another machine":   {"serve", env{"HOST": "192.0.2.1"}, 1, []string{"HOST", "192.0.2.1"}},
		"an audience without a name":      {"token admin", env{"AUTH0_AUDIENCE": ","}, 2, []string{"AUTH0_AUDIENCE"}},
		"no server":                       {"healthcheck", env{"PORT": "1"}, 1, []string{"not ready"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var settings []string
			if strings.HasPrefix(test.args, "serve") && test.env != nil {
				settings = append(settings, "AUTH0_ISSUER_URL=tenant.eu.auth0.com", "AUTH0_AUDIENCE=x", "HOST=127.0.0.1", "PORT=0")
			}
			for key, value := range test.env {
				settings = append(settings, key+"="+value)
			}
			cmd := command(t, settings, strings.Fields(test.args)...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != test.status {
				t.Errorf("got %v, want exit status %d", err, test.status)
			}
			message := stderr.String()
			lines := strings.Count(message, "\n")
			if test.status == 2 { // one line for each invalid key
				lines -= strings.Count(message, "\n  ")
			}
			if !strings.HasPrefix(message, "menu-api: ") || lines != 1 {
				t.Errorf("got %q on standard error, want one line", message)
			}
			for _, want := range test.want {
				if !strings.Contains(message, want) {
					t.Errorf("got %q, want it to contain %q", message, want)
				}
			}
			if strings.Contains(stdout.String()+message, "goroutine") || strings.Contains(stdout.String(), message) {
				t.Errorf("got a stack trace, or the message twice:\n%s%s", stdout.String(), message)
			}
		})
	}
}

// A shutdown during the start is not a failure.
func TestStopDuringStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := env{"DATABASE_URL": pgtest.DatabaseURL(t), "PORT": "0", "DEV_IDP_PORT": "0"}
	if err := cli.Run(ctx, []string{"dev"}, e.get, io.Discard); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	if got := cli.ExitStatus(fmt.Errorf("wrapped: %w", &config.Error{})); got != 2 {
		t.Errorf("got %d for a configuration error, want 2", got)
	}
}

// newLargeFile returns the name of a database with 2,500 items.
func newLargeFile(tb testing.TB) string {
	tb.Helper()
	content, err := largeFile()
	must(tb, err)
	file := filepath.Join(tb.TempDir(), "menu.db")
	must(tb, os.WriteFile(file, content, 0o600))
	return file
}

var largeFile = sync.OnceValues(func() ([]byte, error) {
	file := filepath.Join(scratch, "large.db")
	store, err := sqlite.Open(context.Background(), file)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(store.Import(context.Background(), items.AuditInfo{}, false, storetest.Many(2500)), store.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// The server serves a large file immediately, while a check reads it. If the file is damaged, the server ends.
func TestDamageEndsTheServer(t *testing.T) {
	t.Parallel()
	file := newLargeFile(t)
	settings := env{"HOST": "127.0.0.1", "PORT": "0", "DEV_IDP_PORT": "0", "DATABASE_URL": "sqlite:" + file}
	sound := start(t, "dev", settings)
	if status := sound.get("/items/2500"); status != http.StatusOK {
		t.Errorf("got status %d from a sound file", status)
	}
	must(t, sound.stop())
	storetest.Damage(t, file)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := cli.Run(ctx, []string{"dev"}, settings.get, &logtest.Buffer{}); err == nil || !strings.Contains(err.Error(), file+": it is damaged") {
		t.Errorf("got error %v, want one that names the file and says that it is damaged", err)
	}
}

// A server whose file was deleted, replaced or damaged ends with a message that says what to do, and writes nothing into the
// file that has the name now.
func TestFileThatChangesUnderTheServer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not let a program replace a file that is open")
	}
	folder := t.TempDir()
	backup := filepath.Join(folder, "backup.db")
	for name, test := range map[string]struct {
		change func(t *testing.T, file string)
		want   string
	}{
		"deleted":  {func(t *testing.T, file string) { must(t, os.Remove(file)) }, "was deleted or replaced"},
		"replaced": {func(t *testing.T, file string) { must(t, os.Rename(backup, file)) }, "was deleted or replaced"},
		"damaged": {func(t *testing.T, file string) {
			storetest.Damage(t, file)
			must(t, os.Truncate(file, 40_000))
		}, "it is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := newLargeFile(t)
			settings := env{"HOST": "127.0.0.1", "PORT": "0", "DEV_IDP_PORT": "0", "DATABASE_URL": "sqlite:" + file}
			if name == "replaced" {
				must(t, cli.Run(t.Context(), []string{"backup", backup}, settings.get, io.Discard))
			}
			p := start(t, "dev", settings)
			time.Sleep(time.Second) // until the check at the start is over
			test.change(t, file)
			ended := make(chan error, 1)
			go func() { ended <- p.wait() }()
			for path := range 2500 { // the damage is found when it is read
				if response, err := http.Get(fmt.Sprintf("%s/items/%d", p.api, path+1)); err == nil {
					_ = response.Body.Close()
				}
			}
			select {
			case err := <-ended:
				if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want an error that names the file and says that it %s", err, test.want)
				}
			case <-time.After(20 * time.Second):
				t.Error("the server still runs")
			}
		})
	}
}

// The metrics of a running server have the time of the last backup and the size of the database.
func TestBackupMetric(t *testing.T) {
	t.Parallel()
	for engine, newDatabase := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			settings := env{"DATABASE_URL": newDatabase(t), "METRICS_ADDR": "127.0.0.1:0"}
			p := start(t, "dev", settings)
			metrics := func() string {
				_, text := p.send(http.DefaultClient, p.request(http.MethodGet, p.metricsURL(), nil))
				return text
			}
			if got := metrics(); !strings.Contains(got, "\nstore_last_backup_timestamp_seconds 0\n") {
				t.Errorf("got %s, want no backup", got)
			}
			must(t, cli.Run(t.Context(), []string{"backup", filepath.Join(t.TempDir(), "backup.db")}, settings.get, io.Discard))
			got := metrics()
			if strings.Contains(got, "\nstore_last_backup_timestamp_seconds 0\n") {
				t.Errorf("got %s, want the time of the backup", got)
			}
			if !regexp.MustCompile(`\nstore_file_size_bytes\{file="database"\} [1-9]`).MatchString(got) {
				t.Errorf("got %s, want the size of the database", got)
			}
		})
	}
}
