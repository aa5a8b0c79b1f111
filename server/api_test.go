package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/authz"
	"menu-api/authz/authztest"
	"menu-api/docs/docstest"
	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/sqlite"
	"menu-api/items/sqlite/sqlitetest"
	"menu-api/server"
	"menu-api/server/telemetry"
	"menu-api/server/telemetry/logtest"
)

// api is the whole API over HTTP, with the real handler chain, a real database, and tokens of a real issuer.
type api struct {
	tb     testing.TB
	url    string
	issuer *authztest.Issuer
	log    *logtest.Buffer
	client *http.Client
	tokens sync.Map // by permissions: signing takes a millisecond
}

// newAPI starts an API with the default menu. change may alter its parts before it starts.
func newAPI(tb testing.TB, change func(*server.Options)) *api {
	tb.Helper()
	return serve(tb, change, nil).api
}

func newParts(tb testing.TB) (*api, server.Options) {
	tb.Helper()
	store := openStore(tb)
	must(tb, store.Seed(context.Background(), items.AuditInfo{}, items.DefaultMenu()))
	a := &api{tb: tb, issuer: authztest.NewIssuer(tb), log: &logtest.Buffer{}, client: newClient(tb)}
	log := telemetry.NewLogger(a.log, "json", slog.LevelDebug)
	return a, server.Options{
		Store: store, Guard: newGuard(tb, a.issuer, log), Logger: log, Metrics: telemetry.NewMetrics(), ShutdownGrace: 5 * time.Second,
	}
}

// newServer returns a server. It adds the parts that the test has not set.
func newServer(tb testing.TB, o server.Options) *server.Server {
	tb.Helper()
	if o.Cache == nil {
		o.Cache = items.NewResponseCache()
		o.Store = items.Instrument(o.Store, o.Cache, nil)
	}
	if o.Feed == nil {
		o.Feed = feed.New(o.Store, o.Logger) // does not run, so there are no events
	}
	if o.MemoryScarce == nil {
		o.MemoryScarce = func() bool { return false }
	}
	s, err := server.New(o)
	must(tb, err)
	return s
}

// newGuard returns a guard that fetches the keys of the issuer.
func newGuard(tb testing.TB, issuer *authztest.Issuer, log *slog.Logger) *authz.Guard {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	guard, err := authz.NewGuard(authz.Options{
		Issuer: issuer.URL, Audiences: []string{authztest.Audience}, ClockSkew: time.Minute, RequirePermissions: true,
		Keys: authz.NewKeys(ctx, issuer.JWKSURL(), nil, log),
	})
	must(tb, err)
	return guard
}

// openStore returns a store on a new database in the engine that the tests run on.
func openStore(tb testing.TB) items.Store {
	tb.Helper()
	return openStoreAt(tb, newDatabase(tb))
}

// newDatabase returns the DATABASE_URL of a new database that has the schema.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	if !pgtest.IsPostgres(tb) {
		return "sqlite:" + sqlitetest.NewFile(tb)
	}
	return pgtest.NewMigratedDatabase(tb, func(url string) error {
		store, err := postgres.Open(context.Background(), postgres.Options{URL: url})
		if err != nil {
			return err
		}
		return store.Close()
	})
}

// openStoreAt returns a store on the database that the URL names.
func openStoreAt(tb testing.TB, url string) items.Store {
	tb.Helper()
	var store items.Store
	var err error
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		store, err = sqlite.Open(context.Background(), file)
	} else {
		store, err = postgres.Open(context.Background(), postgres.Options{URL: url, Notify: true})
	}
	must(tb, err)
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

// newClient returns a client that shares no connections. It follows no redirects, because the API sends none. It fails the test
// if the OpenAPI document does not allow a response.
func newClient(tb testing.TB) *http.Client {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     docstest.Transport(tb, transport),
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem is a problem document as a client reads it.
type problem struct {
	Type, Title, Detail, Instance string
	Status                        int
	Errors                        []items.FieldError
}

// do sends a request. Headers are pairs of name and value. A body is sent as JSON unless a header says otherwise.
func (a *api) do(method, path, body string, headers ...string) answer {
	a.tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, a.url+path, strings.NewReader(body))
	must(a.tb, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			request.Header.Del(headers[i])
		}
	}
	response, err := a.client.Do(request)
	if err != nil {
		a.tb.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		a.tb.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{response.StatusCode, response.Header, string(raw)}
}

// as returns an Authorization header for a token that grants the permissions, to be passed to do.
func (a *api) as(permissions ...string) []string {
	a.tb.Helper()
	key := strings.Join(permissions, " ")
	token, ok := a.tokens.Load(key)
	if !ok {
		token, _ = a.tokens.LoadOrStore(key, a.issuer.Token(a.tb, permissions...))
	}
	return []string{"Authorization", fmt.Sprint("Bearer ", token)}
}

func (a *api) admin() []string { return a.as(items.Permissions()...) }

// mustProblem checks that the response is a well-formed problem document and returns it.
func (r answer) mustProblem(tb testing.TB) problem {
	tb.Helper()
	var p problem
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		tb.Errorf("got Content-Type %q, want application/problem+json", got)
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		tb.Fatalf("%v in %q", err, r.body)
	}
	if p.Status != r.status || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, "urn:problem-type:menu-api:") {
		tb.Errorf("got problem %+v with status %d, want all of its members", p, r.status)
	}
	if p.Instance == "" || p.Instance != r.header.Get("X-Request-Id") {
		tb.Errorf("got instance %q, want the request id %q", p.Instance, r.header.Get("X-Request-Id"))
	}
	for _, internal := range []string{"sqlite", "SQL", "goroutine", ".go:", "/work", "/home", "/root", "/tmp", "jose"} {
		if strings.Contains(strings.ReplaceAll(r.body, p.Instance, ""), internal) { // a random id can contain any letters
			tb.Errorf("the response exposes the internal detail %q: %s", internal, r.body)
		}
	}
	return p
}

func (r answer) assertStatus(tb testing.TB, want int) {
	tb.Helper()
	if r.status != want {
		tb.Errorf("got %d %s, want %d", r.status, r.body, want)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func assertHeader(tb testing.TB, r answer, name, want string) {
	tb.Helper()
	if got := r.header.Get(name); got != want {
		tb.Errorf("got %s %q, want %q", name, got, want)
	}
}

// fields returns the names of the invalid fields, in their order.
func (p problem) fields() string {
	names := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		names[i] = e.Field
	}
	return strings.Join(names, " ")
}
