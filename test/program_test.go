// Package test has the tests of the whole program: its commands, its processes, crashes, replicas, the container image.
//
// Tests in a file with the build tag external need another program, such as PostgreSQL or Caddy, or build the project again.
// Tests in a file with the build tag soak are too large for make test.
package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/cli"
	"menu-api/docs/docstest"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/sqlite/sqlitetest"
	"menu-api/server/telemetry/logtest"
)

// scratch is a folder that all tests share. It is removed at the end.
var scratch string

func TestMain(m *testing.M) {
	// The tests name files from the root of the repository.
	err := os.Chdir("..")
	if err == nil {
		scratch, err = os.MkdirTemp("", "menu-api-test-")
	}
	if err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(status)
}

// binary builds the program once. Like the tests, it has the race detector and counts coverage if they do.
var binary = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "menu-api")
	// Without the version control's stamp, the build also works in a working copy of another user.
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", file}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" && setting.Value == "true" {
				args = append(args, "-race")
			}
		}
	}
	if testing.CoverMode() != "" {
		args = append(args, "-cover", "-coverpkg=./...")
	}
	output, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, output)
	}
	return file, err
})

// command returns a command of the program. Its environment contains only the settings.
func command(tb testing.TB, settings []string, args ...string) *exec.Cmd {
	tb.Helper()
	file, err := binary()
	must(tb, err)
	coverage := os.Getenv("GOCOVERDIR")
	if coverage == "" {
		coverage = scratch // a program that counts coverage requires a folder
	}
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), file, args...)
	cmd.Dir = tb.TempDir() // has no .env
	cmd.Env = append([]string{"GOCOVERDIR=" + coverage}, settings...)
	return cmd
}

// process is a running program. Its output goes to a file, unless the test has set another one. It ends with the test.
type process struct {
	*exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended
}

func startProcess(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	p := &process{cmd, filepath.Join(tb.TempDir(), "log"), make(chan struct{})}
	log, err := os.Create(p.log)
	must(tb, err)
	defer func() { _ = log.Close() }()
	cmd.Stderr = log
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	must(tb, cmd.Start())
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	tb.Cleanup(p.kill)
	return p
}

// kill ends the process with SIGKILL, unless it has ended by itself.
func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

// mustBecomeReady waits until the URL responds with 200.
func (p *process) mustBecomeReady(tb testing.TB, url string) {
	tb.Helper()
	for deadline := time.After(time.Minute); ; {
		response, err := http.Get(url)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("got %s", response.Status)
		}
		select {
		case <-p.ended:
			tb.Fatalf("the process ended before %s was ready\n%s", url, mustReadFile(tb, p.log))
		case <-deadline:
			tb.Fatalf("%s is not ready after a minute: %v\n%s", url, err, mustReadFile(tb, p.log))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func mustReadFile(tb testing.TB, name string) string {
	tb.Helper()
	content, err := os.ReadFile(name)
	must(tb, err)
	return string(content)
}

// mustFindAddr returns an address on which nothing listens.
func mustFindAddr(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// engines are the databases of tests that run once on each engine. PostgreSQL comes with the build tag external.
var engines = map[string]func(testing.TB) string{"SQLite": newFile}

// newFile returns the DATABASE_URL of a database that has the schema.
func newFile(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "menu.db")
	sqlitetest.Write(tb, file)
	return "sqlite:" + file
}

// newDatabase returns the DATABASE_URL of a new database in the engine that the tests run on.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	if pgtest.IsPostgres(tb) {
		return pgtest.NewDatabase(tb)
	}
	return newFile(tb)
}

// env is an environment for cli.Run.
type env map[string]string

func (e env) get(key string) string { return e[key] }

// instance is the program, run inside the process of the test.
type instance struct {
	tb     testing.TB
	api    string // its URL without a trailing slash
	issuer string // the development provider's URL, with the trailing slash
	out    *logtest.Buffer
	wait   func() error // returns the error of cli.Run once it has ended
	stop   func() error // shuts it down and returns that error
}

var (
	menuURL     = regexp.MustCompile(`Menu +(http://\S+)/items`)
	providerURL = regexp.MustCompile(`Identity provider +(http://\S+)`)
	listenAddr  = regexp.MustCompile(`"msg":"listening","addr":"([^"]+)"`)
)

// start runs a command that serves, on free ports, and waits until it is ready.
func start(tb testing.TB, command string, e env) *instance {
	tb.Helper()
	full := env{"HOST": "127.0.0.1", "PORT": "0", "DEV_IDP_PORT": "0", "DATABASE_URL": newDatabase(tb)}
	maps.Copy(full, e)
	ctx, cancel := context.WithCancel(context.Background())
	p := &instance{tb: tb, out: &logtest.Buffer{}}
	done := make(chan error, 1)
	go func() { done <- cli.Run(ctx, strings.Fields(command), full.get, p.out) }()
	p.wait = sync.OnceValue(func() error { return <-done })
	p.stop = func() error {
		cancel()
		return p.wait()
	}
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
	request, err := http.NewRequest(method, p.api+path, strings.NewReader(body))
	must(p.tb, err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return p.send(http.DefaultClient, request)
}

// send fails the test if the OpenAPI document does not allow the API's response.
func (p *instance) send(client *http.Client, request *http.Request) (*http.Response, string) {
	p.tb.Helper()
	if strings.HasPrefix(request.URL.String(), p.api+"/") {
		checked := *client
		checked.Transport = docstest.Transport(p.tb, http.DefaultTransport)
		client = &checked
	}
	response, err := client.Do(request)
	must(p.tb, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	must(p.tb, err)
	return response, string(raw)
}

// token runs the token command.
func (p *instance) token(user string) string {
	p.tb.Helper()
	issuer, err := url.Parse(p.issuer)
	must(p.tb, err)
	var out bytes.Buffer
	if err := cli.Run(context.Background(), []string{"token", user}, env{"DEV_IDP_PORT": issuer.Port()}.get, &out); err != nil {
		p.tb.Fatalf("token %s: %v", user, err)
	}
	if strings.Count(out.String(), "\n") != 1 {
		p.tb.Errorf("got %q, want one line with the token", out.String())
	}
	return strings.TrimSpace(out.String())
}

const soup = `{"item":{"name":"Soup","price":4.5,"description":"Warm","image":""}}`

// signIn signs a user in as a single-page application does: authorization code with PKCE (RFC 7636), including the form of the
// sign-in page. It returns an access token.
func (p *instance) signIn(user string) string {
	p.tb.Helper()
	jar, err := cookiejar.New(nil)
	must(p.tb, err)
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
	request, err := http.NewRequest(method, target, strings.NewReader(form.Encode()))
	must(p.tb, err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request
}

// metricsURL returns the URL of the metrics, from the log.
func (p *instance) metricsURL() string {
	p.tb.Helper()
	m := regexp.MustCompile(`"url":"(http://[^"]+/metrics)"`).FindStringSubmatch(p.out.String())
	if m == nil {
		p.tb.Fatalf("the log does not contain the URL of the metrics:\n%s", p.out)
	}
	return m[1]
}
