package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/cli"
	"menu-api/config"
	"menu-api/docs/docstest"
	"menu-api/items"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/sqlite"
	"menu-api/items/storetest"
)

// asProgram has the test binary behave as the program, so that a test can look at exit status and standard error.
const asProgram = "MENU_API_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program()
		return
	}
	// The tests name files from the root of the repository.
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// program is what main.go does.
func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "menu-api:", err)
		os.Exit(cli.ExitStatus(err))
	}
}

// env is an environment for run.
type env map[string]string

func (e env) get(key string) string { return e[key] }

// instance is a run of the program inside the test.
type instance struct {
	tb     testing.TB
	api    string // its URL without a trailing slash
	issuer string // the development provider's URL, with the trailing slash
	out    *syncBuffer
	stop   func() error // stops it in an orderly way and returns what run returned
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var (
	menuURL     = regexp.MustCompile(`Menu +(http://\S+)/items`)
	providerURL = regexp.MustCompile(`Identity provider +(http://\S+)`)
	listenAddr  = regexp.MustCompile(`"msg":"listening","addr":"([^"]+)"`)
)

// start runs a command that serves, on free ports, and waits until it is ready.
func start(tb testing.TB, command string, e env) *instance {
	tb.Helper()
	full := env{"HOST": "127.0.0.1", "PORT": "0", "DEV_IDP_PORT": "0", "DATABASE_URL": pgtest.DatabaseURL(tb)}
	maps.Copy(full, e)
	ctx, cancel := context.WithCancel(context.Background())
	p := &instance{tb: tb, out: &syncBuffer{}}
	done := make(chan error, 1)
	go func() { done <- cli.Run(ctx, strings.Fields(command), full.get, p.out) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	tb.Cleanup(func() { _ = p.stop() })

	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		out := p.out.String()
		if m := menuURL.FindStringSubmatch(out); m != nil {
			p.api, p.issuer = m[1], providerURL.FindStringSubmatch(out)[1]
		} else if m := listenAddr.FindStringSubmatch(out); m != nil {
			p.api = "http://" + m[1]
		}
		if p.api != "" && p.get("/readyz") == http.StatusOK {
			return p
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s is not ready: %v\n%s", command, p.stop(), p.out)
		}
	}
}

func (p *instance) get(path string) (status int) {
	p.tb.Helper()
	response, _ := p.do(http.MethodGet, path, "", "")
	return response.StatusCode
}

func (p *instance) do(method, path, token, body string) (*http.Response, string) {
	p.tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, p.api+path, strings.NewReader(body))
	if err != nil {
		p.tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return p.send(http.DefaultClient, request)
}

// send fails the test for an answer of the API that the OpenAPI document does not allow.
func (p *instance) send(client *http.Client, request *http.Request) (*http.Response, string) {
	p.tb.Helper()
	if strings.HasPrefix(request.URL.String(), p.api+"/") {
		judged := *client
		judged.Transport = docstest.Transport(p.tb, http.DefaultTransport)
		client = &judged
	}
	response, err := client.Do(request)
	if err != nil {
		p.tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		p.tb.Fatal(err)
	}
	return response, string(raw)
}

// token is the token command.
func (p *instance) token(user string) string {
	p.tb.Helper()
	issuer, err := url.Parse(p.issuer)
	if err != nil {
		p.tb.Fatal(err)
	}
	var out bytes.Buffer
	if err := cli.Run(context.Background(), []string{"token", user}, env{"DEV_IDP_PORT": issuer.Port()}.get, &out); err != nil {
		p.tb.Fatalf("token %s: %v", user, err)
	}
	if strings.Count(out.String(), "\n") != 1 {
		p.tb.Errorf("got %q, want the token alone on a line", out.String())
	}
	return strings.TrimSpace(out.String())
}

const soup = `{"item":{"name":"Soup","price":4.5,"description":"Warm","image":""}}`

// signIn goes through the login of a single-page application: authorization code with PKCE (RFC 7636), the person's
// click included. It returns an access token.
func (p *instance) signIn(user string) string {
	p.tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.tb.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	const redirect = "http://localhost:4040/callback"
	verifier := strings.Repeat("verifier-", 6)
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"client_id": {"menu-dashboard"}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid profile email"},
		"audience": {"https://menu.example.com"}, "state": {"a+b=="}, "nonce": {"n"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	_, page := p.send(browser, p.request(http.MethodGet, p.issuer+"authorize?"+query.Encode(), nil))
	form := regexp.MustCompile(`<form method="post" action="/(login[^"]*)"`).FindStringSubmatch(page)
	if form == nil {
		p.tb.Fatalf("got no sign-in page: %s", page)
	}
	response, _ := p.send(browser, p.request(http.MethodPost, p.issuer+html.UnescapeString(form[1]), url.Values{"user": {user}}))
	back, err := response.Location()
	if err != nil || !strings.HasPrefix(back.String(), redirect) || back.Query().Get("state") != "a+b==" {
		p.tb.Fatalf("got %s to %v (%v), want a redirect back with the state", response.Status, back, err)
	}
	response, raw := p.send(browser, p.request(http.MethodPost, p.issuer+"oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"menu-dashboard"}, "code": {back.Query().Get("code")},
		"code_verifier": {verifier}, "redirect_uri": {redirect},
	}))
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(raw), &tokens); err != nil || tokens.AccessToken == "" {
		p.tb.Fatalf("got %s %s, want an access token", response.Status, raw)
	}
	return tokens.AccessToken
}

func (p *instance) request(method, target string, form url.Values) *http.Request {
	p.tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		p.tb.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request
}

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

// A rotated key must not cost a valid token a single 401, neither one signed with the old key nor one with the new.
func TestKeyRotationUnderLoad(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", env{"RATE_LIMIT_WRITES_PER_MINUTE": "0", "LOG_LEVEL": "error"})
	var current atomic.Pointer[string]
	first := p.token("admin")
	current.Store(&first)
	var requests, refused atomic.Int64
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
					refused.Add(1)
					t.Errorf("got %d %s, want 200", response.StatusCode, body)
					return
				}
			}
		})
	}
	for range 4 { // the guard looks for an unknown key five times a minute
		before := requests.Load()
		response, body := p.send(http.DefaultClient, p.request(http.MethodPost, p.issuer+"dev/rotate", nil))
		if response.StatusCode != http.StatusOK {
			t.Fatalf("rotate: got %d %s", response.StatusCode, body)
		}
		token := p.token("admin")
		current.Store(&token)
		for requests.Load() < before+50 && refused.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d requests across 4 rotations, %d refused", requests.Load(), refused.Load())
}

// serve against a tenant, from the three lines of the NestJS application's .env.
func TestServeWithTheTutorialsEnvFile(t *testing.T) {
	t.Parallel()
	tenant := authztest.NewIssuer(t)
	file := filepath.Join(t.TempDir(), ".env")
	content := fmt.Sprintf("PORT=0\nAUTH0_ISSUER_URL=%s\nAUTH0_AUDIENCE=%s\n", strings.TrimSuffix(tenant.URL, "/"), authztest.Audience)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"serve", ""} { // serve is the default
		p := start(t, strings.TrimSpace(command+" --env-file "+file), env{"PORT": ""})
		response, body := p.do("POST", "/items", tenant.Token(t, items.CreateItems), soup)
		if response.StatusCode != http.StatusCreated {
			t.Errorf("%q: got %d %s, want 201", command, response.StatusCode, body)
		}
		if strings.Contains(p.out.String(), "dev-admin") || strings.Contains(p.out.String(), "Identity provider") {
			t.Errorf("%q: the development provider is about:\n%s", command, p.out)
		}
		if err := p.stop(); err != nil {
			t.Errorf("%q: stop: %v", command, err)
		}
	}
}

// In serve there is no development provider, whatever the settings say: not on its port, and not among the routes.
func TestServeHasNoDevelopmentProvider(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	for name, e := range map[string]env{
		"its port is set":      {"AUTH0_ISSUER_URL": "tenant.eu.auth0.com", "DEV_IDP_PORT": port},
		"its issuer is set":    {"AUTH0_ISSUER_URL": "http://localhost:" + port, "DEV_IDP_PORT": port, "AUTH0_CLIENT_ID": "menu-dashboard"},
		"permissions are off":  {"AUTH0_ISSUER_URL": "http://localhost:" + port, "DEV_IDP_PORT": port, "AUTHZ_REQUIRE_PERMISSIONS": "false"},
		"the log is a debug's": {"AUTH0_ISSUER_URL": "http://localhost:" + port, "DEV_IDP_PORT": port, "LOG_LEVEL": "debug"},
	} {
		e["AUTH0_AUDIENCE"] = "https://menu.example.com"
		p := start(t, "serve", e)
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			t.Errorf("%s: something listens on the provider's port", name)
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

// The provider lets anyone in, so it listens on loopback alone, also where the API is opened to the network.
func TestProviderStaysOnLoopback(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", env{"HOST": "0.0.0.0"})
	api, err := url.Parse(p.api)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := url.Parse(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	// 127.0.0.2 reaches what listens on all addresses, and nothing that listens on 127.0.0.1.
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
	// A profile takes longer than a request may: net/http ends the request when ReadTimeout is over.
	start := time.Now()
	response, body := p.send(http.DefaultClient, p.request(http.MethodGet, strings.Replace(metrics, "/metrics", "/debug/pprof/profile?seconds=17", 1), nil))
	if response.StatusCode != 200 || !strings.HasPrefix(body, "\x1f\x8b") || time.Since(start) < 17*time.Second {
		t.Errorf("got %s after %s, want a profile of 17 s: %.100s", response.Status, time.Since(start), body)
	}
}

// metricsURL is where the log says that the metrics are.
func (p *instance) metricsURL() string {
	p.tb.Helper()
	m := regexp.MustCompile(`"url":"(http://[^"]+/metrics)"`).FindStringSubmatch(p.out.String())
	if m == nil {
		p.tb.Fatalf("the log does not say where the metrics are:\n%s", p.out)
	}
	return m[1]
}

// The spans of the last requests reach the collector before the program ends, and one that does not answer does not keep
// it from ending.
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
	deaf, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for endpoint, want := range map[string]bool{collector.URL: true, "http://" + deaf.Addr().String(): false} {
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
			t.Errorf("the log must have trace ids and no header:\n%s", p.out)
		}
		mu.Lock()
		if got := strings.Contains(received.String(), "GET /items"); got != want {
			t.Errorf("%s: got the span %t, want %t", endpoint, got, want)
		}
		received.Reset()
		mu.Unlock()
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	p := start(t, "dev", nil)
	u, err := url.Parse(p.api)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"", "127.0.0.1", "0.0.0.0"} {
		e := env{"PORT": u.Port(), "HOST": host}
		if err := cli.Run(context.Background(), []string{"healthcheck"}, e.get, io.Discard); err != nil {
			t.Errorf("HOST=%q: %v", host, err)
		}
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if err := cli.Run(context.Background(), []string{"healthcheck"}, env{"PORT": u.Port()}.get, io.Discard); err == nil {
		t.Error("got no error from a server that is stopped")
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

// What stops a start is said in one line, with an exit status for scripts, and without a stack trace.
func TestStartThatFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	mustWrite := func(name, content string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	tenant := env{"AUTH0_ISSUER_URL": "tenant.eu.auth0.com", "AUTH0_AUDIENCE": "x", "HOST": "127.0.0.1", "PORT": "0"}

	tests := map[string]struct {
		args   string
		env    env
		status int
		want   []string
	}{
		"no settings":                 {"serve", nil, 2, []string{"AUTH0_ISSUER_URL", "AUTH0_AUDIENCE", "menu-api dev"}},
		"wrong settings":              {"dev", env{"PORT": "x", "LOG_LEVEL": "loud"}, 2, []string{"PORT", "LOG_LEVEL"}},
		"a wrong .env":                {"dev --env-file " + mustWrite("bad.env", "what is this"), nil, 2, []string{"bad.env"}},
		"a missing .env":              {"dev --env-file " + filepath.Join(folder, "none.env"), nil, 2, []string{"none.env"}},
		"a port in use":               {"serve", env{"PORT": takenPort}, 1, []string{"PORT", takenPort, "in use"}},
		"a provider port in use":      {"dev", env{"DEV_IDP_PORT": takenPort, "PORT": "0"}, 1, []string{"DEV_IDP_PORT", takenPort}},
		"a metrics port in use":       {"serve", env{"METRICS_ADDR": taken.Addr().String()}, 1, []string{"METRICS_ADDR"}},
		"a folder that cannot be":     {"serve", env{"DATABASE_URL": "sqlite:" + filepath.Join(mustWrite("file", ""), "menu.db")}, 1, []string{"menu.db", "folder"}},
		"a file that is no database":  {"serve", env{"DATABASE_URL": "sqlite:" + mustWrite("text.db", strings.Repeat("text ", 2000))}, 1, []string{"text.db", "not an SQLite database"}},
		"an unknown command":          {"sevre", nil, 1, []string{"sevre"}},
		"an unknown flag":             {"serve --port 1", nil, 1, []string{"--port"}},
		"an unknown user":             {"token root", nil, 1, []string{"token admin", "token customer"}},
		"no user":                     {"token", nil, 1, []string{"token admin", "token customer"}},
		"no provider":                 {"token admin", env{"DEV_IDP_PORT": "1"}, 1, []string{"menu-api dev"}},
		"healthcheck, wrong settings": {"healthcheck", env{"PORT": "x"}, 1, []string{"not ready", "PORT"}},
		"a host that is not":          {"serve", env{"HOST": "192.0.2.1"}, 1, []string{"HOST", "192.0.2.1"}},
		"audiences of commas":         {"token admin", env{"AUTH0_AUDIENCE": ","}, 2, []string{"AUTH0_AUDIENCE"}},
		"no server":                   {"healthcheck", env{"PORT": "1"}, 1, []string{"not ready"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), os.Args[0], strings.Fields(test.args)...)
			command.Dir = t.TempDir()
			command.Env = []string{asProgram + "=1", "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
			if strings.HasPrefix(test.args, "serve") && test.env != nil {
				for key, value := range tenant {
					command.Env = append(command.Env, key+"="+value)
				}
			}
			for key, value := range test.env {
				command.Env = append(command.Env, key+"="+value)
			}
			var stdout, stderr bytes.Buffer
			command.Stdout, command.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != test.status {
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
					t.Errorf("got %q, want it to say %q", message, want)
				}
			}
			if strings.Contains(stdout.String()+message, "goroutine") || strings.Contains(stdout.String(), message) {
				t.Errorf("got a stack trace, or the message twice:\n%s%s", stdout.String(), message)
			}
		})
	}
}

// A stop while the program starts is a stop, not a failure.
func TestStopDuringStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := env{"DATABASE_URL": pgtest.DatabaseURL(t), "PORT": "0", "DEV_IDP_PORT": "0"}
	if err := cli.Run(ctx, []string{"dev"}, e.get, io.Discard); err != nil {
		t.Errorf("got %v, want nothing", err)
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	if got := cli.ExitStatus(fmt.Errorf("wrapped: %w", &config.Error{})); got != 2 {
		t.Errorf("got %d for a configuration, want 2", got)
	}
}

// The arrows of the architecture: who may import whom. A package that is not named here may import nothing of ours.
func TestImportArrows(t *testing.T) {
	t.Parallel()
	arrows := map[string]string{
		"menu-api":                 "menu-api/cli",
		"menu-api/cli":             "menu-api/authz menu-api/authz/devidp menu-api/config menu-api/dashboard menu-api/docs menu-api/items menu-api/items/postgres menu-api/items/sqlite menu-api/items/transfer menu-api/server",
		"menu-api/server":          "menu-api/authz menu-api/dashboard menu-api/docs menu-api/items",
		"menu-api/dashboard":       "",
		"menu-api/docs":            "",
		"menu-api/docs/docstest":   "menu-api/docs",
		"menu-api/items/sqlite":    "menu-api/items",
		"menu-api/items/postgres":  "menu-api/items",
		"menu-api/items/storetest": "menu-api/items",
		"menu-api/items/transfer":  "menu-api/items",
		"menu-api/items":           "",
		"menu-api/authz":           "",
		"menu-api/authz/devidp":    "",
		"menu-api/authz/authztest": "",
		"menu-api/config":          "",
	}
	confined := map[string]string{ // third-party packages and the tree that alone may import them
		"github.com/auth0/go-jwt-middleware": "menu-api/authz",
		"gopkg.in/go-jose/":                  "menu-api/authz",
		"github.com/go-jose/":                "menu-api/authz/devidp",
		"modernc.org/sqlite":                 "menu-api/items/sqlite",
		"github.com/spf13/viper":             "menu-api/config",
		"github.com/pressly/goose":           "menu-api/items",
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		importer, imports := fields[0], fields[1:]
		allowed := strings.Fields(arrows[importer])
		for _, imported := range imports {
			if strings.HasPrefix(imported, "menu-api") && !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+imported+" ") {
				t.Errorf("%s imports %s", importer, imported)
			}
			if imported == "html/template" || imported == "text/template" {
				t.Errorf("%s imports %s, which makes the binary a quarter larger (see docs/performance.md)", importer, imported)
			}
			for library, home := range confined {
				if strings.HasPrefix(imported, library) && importer != home && !strings.HasPrefix(importer, home+"/") {
					t.Errorf("%s imports %s, which is for %s alone", importer, imported, home)
				}
			}
		}
	}
}

// What docs/security.md and docs/durability.md claim is only worth the test that they name.
func TestSecurityDocumentsNameRealTests(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(source, -1) {
			exists[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for file, least := range map[string]int{"docs/security.md": 30, "docs/durability.md": 15} {
		document, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+)`").FindAllSubmatch(document, -1)
		if len(named) < least {
			t.Errorf("%s: got %d names, want at least one for each threat", file, len(named))
		}
		for _, name := range named {
			if !exists[string(name[1])] {
				t.Errorf("%s: %s does not exist", file, name[1])
			}
		}
	}
}

// A file that takes long to read is served at once, and no longer once it is found to be damaged.
func TestDamageEndsTheServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	store, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Import(t.Context(), items.Stamp{}, false, storetest.Many(2500)), store.Close()); err != nil {
		t.Fatal(err)
	}
	settings := env{"HOST": "127.0.0.1", "PORT": "0", "DEV_IDP_PORT": "0", "DATABASE_URL": "sqlite:" + file}
	sound := start(t, "dev", settings)
	if status := sound.get("/items/2500"); status != http.StatusOK {
		t.Errorf("got status %d from a sound file", status)
	}
	if err := sound.stop(); err != nil {
		t.Fatal(err)
	}
	storetest.Damage(t, file)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := cli.Run(ctx, []string{"dev"}, settings.get, &syncBuffer{}); err == nil || !strings.Contains(err.Error(), file+": it is damaged") {
		t.Errorf("got error %v, want one that names the file and says that it is damaged", err)
	}
}
