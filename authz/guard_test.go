package authz_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
	"menu-api/authz/authztest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// RSA keys are slow to generate, so all tests share two: A belongs to the issuer, B to a forger or to a rotation.
var (
	keyA = sync.OnceValue(func() *authztest.Key { return authztest.NewKey(&testing.B{}) })
	keyB = sync.OnceValue(func() *authztest.Key { return authztest.NewKey(&testing.B{}) })
)

const permission = "create:items"

// verdict is the guard's response to a token.
type verdict struct {
	status    int
	challenge string
}

var (
	missing     = verdict{401, `Bearer realm="menu-api"`}
	malformed   = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token is malformed"`}
	invalid     = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token is not valid for this API"`}
	expired     = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token expired"`}
	forbidden   = verdict{403, `Bearer realm="menu-api", error="insufficient_scope", scope="create:items"`}
	unavailable = verdict{status: 503}
	accepted    = verdict{status: 200}
)

// guarded is a handler with one guarded route.
type guarded struct {
	http.Handler
	guard  *authz.Guard
	issuer *authztest.Issuer
}

// newGuarded returns a guard for an issuer with key A.
func newGuarded(tb testing.TB, change func(*authz.Options)) guarded {
	tb.Helper()
	issuer := authztest.NewIssuerWith(tb, keyA())
	return newGuardedFor(tb, issuer, newKeys(tb, issuer.JWKSURL(), nil), change)
}

func newGuardedFor(tb testing.TB, issuer *authztest.Issuer, keys *authz.Keys, change func(*authz.Options)) guarded {
	tb.Helper()
	options := authz.Options{
		Issuer: issuer.URL, Audiences: []string{authztest.Audience}, ClockSkew: time.Minute, Keys: keys, RequirePermissions: true,
	}
	if change != nil {
		change(&options)
	}
	guard, err := authz.NewGuard(options)
	must(tb, err)
	engine := gin.New()
	engine.Use(func(c *gin.Context) {
		c.Next()
		if last := c.Errors.Last(); last != nil {
			c.Header("Cause", last.Error()) // the text for the log
		}
	})
	engine.POST("/", guard.Authenticate, guard.Require(permission), func(c *gin.Context) {
		principal, ok := authz.PrincipalOf(c)
		c.JSON(http.StatusOK, gin.H{"ran": true, "known": ok, "subject": principal.Subject, "permissions": principal.Permissions})
	})
	engine.POST("/unauthenticated", guard.Require(permission), func(c *gin.Context) { c.String(http.StatusOK, "ran") })
	return guarded{engine, guard, issuer}
}

func newKeys(tb testing.TB, url string, transport http.RoundTripper) *authz.Keys {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	return authz.NewKeys(ctx, url, transport, slog.New(slog.DiscardHandler))
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// post sends a request with the Authorization headers.
func (g guarded) post(path string, authorization ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, http.NoBody)
	request.Header["Authorization"] = authorization
	recorder := httptest.NewRecorder()
	g.ServeHTTP(recorder, request)
	return recorder
}

// assert sends a token and checks the whole response.
func (g guarded) assert(tb testing.TB, token string, want verdict) {
	tb.Helper()
	assertVerdict(tb, g.post("/", "Bearer "+token), want)
}

func assertVerdict(tb testing.TB, got *httptest.ResponseRecorder, want verdict) {
	tb.Helper()
	header := got.Header()
	if challenge := strings.Join(header.Values("WWW-Authenticate"), " | "); got.Code != want.status || challenge != want.challenge {
		tb.Errorf("got %d with challenge %q, want %d with %q; cause: %.200s", got.Code, challenge, want.status, want.challenge, header.Get("Cause"))
	}
	if ran := strings.Contains(got.Body.String(), `"ran":true`); ran != (want == accepted) {
		tb.Errorf("the handler ran: %v", ran)
	}
	if control := header.Get("Cache-Control"); control != "no-store" {
		tb.Errorf("got Cache-Control %q, want no-store", control)
	}
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	good := g.issuer.Token(t, permission)
	for name, test := range map[string]struct {
		headers []string
		want    verdict
	}{
		"valid":                      {[]string{"Bearer " + good}, accepted},
		"scheme in lower case":       {[]string{"bearer " + good}, accepted},
		"scheme in upper case":       {[]string{"BEARER " + good}, accepted},
		"no header":                  {nil, missing},
		"two headers":                {[]string{"Bearer " + good, "Bearer " + good}, missing},
		"another scheme":             {[]string{"Basic dXNlcjpwYXNz"}, missing},
		"only a scheme":              {[]string{"Bearer"}, missing},
		"empty token":                {[]string{"Bearer "}, missing},
		"no scheme":                  {[]string{good}, missing},
		"scheme with another ending": {[]string{"BearerX " + good}, missing},
		"two tokens":                 {[]string{"Bearer " + good + " " + good}, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assertVerdict(t, g.post("/", test.headers...), test.want)
		})
	}
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	got := g.post("/", "Bearer "+g.issuer.Token(t, permission, "update:items")).Body.String()
	if want := `{"known":true,"permissions":["create:items","update:items"],"ran":true,"subject":"auth0|someone"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPermissionsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(o *authz.Options) { o.RequirePermissions = false })
	g.assert(t, g.issuer.Token(t), accepted)
	g.assert(t, "garbage", malformed)
	if got := g.post("/unauthenticated"); got.Code != 401 {
		t.Errorf("got %d on a route without Authenticate, want 401", got.Code)
	}
}

// Without Authenticate there is no principal, and Require aborts every request.
func TestRequireWithoutAuthenticate(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	got := g.post("/unauthenticated", "Bearer "+g.issuer.Token(t, permission))
	if got.Code != 401 || strings.Contains(got.Body.String(), "ran") {
		t.Errorf("got %d %s, want 401 and no handler", got.Code, got.Body)
	}
}

func TestSeveralAudiences(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(o *authz.Options) { o.Audiences = []string{"https://other.example.com", authztest.Audience} })
	for audience, want := range map[string]verdict{
		"https://other.example.com": accepted, authztest.Audience: accepted, "https://third.example.com": invalid,
	} {
		g.assert(t, g.issuer.TokenWith(t, []string{permission}, map[string]any{"aud": audience}), want)
	}
}

// The log names the check that failed, so that an operator can fix the tenant.
func TestCauseForTheLog(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	for name, test := range map[string]struct {
		change map[string]any
		want   string
	}{
		"no sub":       {map[string]any{"sub": nil}, "no sub claim"},
		"an empty sub": {map[string]any{"sub": ""}, "no sub claim"},
		"DPoP":         {map[string]any{"cnf": map[string]any{"jkt": "x"}}, "cnf"},
		"no exp":       {map[string]any{"exp": nil}, "no exp claim"},
	} {
		got := g.post("/", "Bearer "+g.issuer.TokenWith(t, []string{permission}, test.change))
		assertVerdict(t, got, invalid)
		if cause := got.Header().Get("Cause"); !strings.Contains(cause, test.want) {
			t.Errorf("%s: got cause %q, want it to contain %q", name, cause, test.want)
		}
	}
}

func TestClockSkewOfZero(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(o *authz.Options) { o.ClockSkew = 0 })
	g.assert(t, g.issuer.TokenWith(t, []string{permission}, map[string]any{"exp": time.Now().Unix() - 1}), expired)
}

func TestNoKeysIsUnavailable(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(o *authz.Options) { o.Keys = newKeys(t, "http://127.0.0.1:1/keys", nil) })
	g.assert(t, g.issuer.Token(t, permission), unavailable)
}

func TestNewGuardRejectsEmptyOptions(t *testing.T) {
	t.Parallel()
	if _, err := authz.NewGuard(authz.Options{Audiences: []string{"x"}}); err == nil {
		t.Error("got no error without an issuer")
	}
	if _, err := authz.NewGuard(authz.Options{Issuer: "x"}); err == nil {
		t.Error("got no error without an audience")
	}
}
