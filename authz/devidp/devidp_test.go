package devidp_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"menu-api/authz/devidp"
)

const (
	clientID = "menu-dashboard"
	audience = "https://menu.example.com"
	callback = "http://localhost:4040/callback"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
	oddState = "aG9sYQ==+/&<\"'"                             // characters that an incorrect encoding loses
)

var permissions = []string{"create:items", "update:items", "delete:items"}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// browser is a client with its own cookie jar, which follows no redirects.
type browser struct {
	tb     testing.TB
	issuer string
	client *http.Client
}

// shared is the provider for tests that change neither its keys nor its clock.
var shared = sync.OnceValue(func() http.Handler { return newProvider(&testing.B{}, devidp.Options{}) })

// start opens a browser at the shared provider.
func start(tb testing.TB) *browser {
	tb.Helper()
	return newBrowser(tb, "http://localhost:7001/", shared())
}

// newProvider returns a provider; o overrides the defaults.
func newProvider(tb testing.TB, o devidp.Options) *devidp.Provider {
	tb.Helper()
	o.Issuer = cmp.Or(o.Issuer, "http://localhost:7001/")
	o.ClientID, o.Audiences, o.Permissions = clientID, []string{audience, "https://other.example.com"}, permissions
	p, err := devidp.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func newBrowser(tb testing.TB, issuer string, provider http.Handler) *browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &browser{tb, issuer, &http.Client{
		Jar:           jar,
		Transport:     inProcess{provider},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// inProcess calls a handler without a network, which also works in a synctest bubble.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	t.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

type response struct {
	status int
	header http.Header
	body   string
}

// do sends a request, with headers given as pairs of name and value.
func (b *browser) do(method, path, body string, headers ...string) response {
	b.tb.Helper()
	r, err := http.NewRequestWithContext(b.tb.Context(), method, b.issuer+strings.TrimPrefix(path, "/"), strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		b.tb.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(content)}
}

func (b *browser) get(path string, headers ...string) response {
	b.tb.Helper()
	return b.do(http.MethodGet, path, "", headers...)
}

func (b *browser) postForm(path string, form url.Values, headers ...string) response {
	b.tb.Helper()
	return b.do(http.MethodPost, path, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func (r response) location(tb testing.TB) *url.URL {
	tb.Helper()
	if r.status != http.StatusSeeOther {
		tb.Fatalf("got status %d, want 303; body %s", r.status, r.body)
	}
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func with(base, set url.Values) url.Values {
	v := maps.Clone(base)
	for name, values := range set {
		if v[name] = values; values == nil {
			delete(v, name)
		}
	}
	return v
}

// authorizePath returns a valid authorization request, with some parameters set or (nil) removed.
func authorizePath(set url.Values) string {
	return "/authorize?" + with(url.Values{
		"client_id":             {clientID},
		"redirect_uri":          {callback},
		"response_type":         {"code"},
		"response_mode":         {"query"},
		"scope":                 {"openid profile email offline_access"},
		"audience":              {audience},
		"state":                 {oddState},
		"nonce":                 {"n+0=="},
		"code_challenge":        {challenge(verifier)},
		"code_challenge_method": {"S256"},
	}, set).Encode()
}

var formAction = regexp.MustCompile(`<form method="post" action="(/login[^"]*)"`)

// openSignIn opens the sign-in page and returns where its form is posted to.
func (b *browser) openSignIn(set url.Values) string {
	b.tb.Helper()
	r := b.get(authorizePath(set))
	match := formAction.FindStringSubmatch(r.body)
	if r.status != http.StatusOK || match == nil {
		b.tb.Fatalf("got status %d without a form, want the sign-in page: %s", r.status, r.body)
	}
	return html.UnescapeString(match[1])
}

// signIn submits the form of the sign-in page and returns the redirect's target.
func (b *browser) signIn(user string, set url.Values) *url.URL {
	b.tb.Helper()
	return b.postForm(b.openSignIn(set), url.Values{"user": {user}}, "Origin", strings.TrimSuffix(b.issuer, "/")).location(b.tb)
}

// code signs in and returns the authorization code.
func (b *browser) code(user string, set url.Values) string {
	b.tb.Helper()
	code := b.signIn(user, set).Query().Get("code")
	if code == "" {
		b.tb.Fatal("got no code")
	}
	return code
}

// tokens is a response of the token endpoint.
type tokens struct {
	Status       int    `json:"-"`
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
	TokenType    string `json:"token_type"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
}

func parseTokens(tb testing.TB, r response) tokens {
	tb.Helper()
	t := tokens{Status: r.status}
	if err := json.Unmarshal([]byte(r.body), &t); err != nil {
		tb.Fatalf("%v in %s", err, r.body)
	}
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		tb.Errorf("got Cache-Control %q, want no-store", got)
	}
	return t
}

func (b *browser) token(form url.Values, headers ...string) tokens {
	b.tb.Helper()
	return parseTokens(b.tb, b.postForm("/oauth/token", form, headers...))
}

func codeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {code},
		"redirect_uri": {callback}, "code_verifier": {verifier},
	}
}

func (b *browser) exchange(code string) tokens {
	b.tb.Helper()
	return b.token(codeForm(code))
}

func (b *browser) refresh(token string) tokens {
	b.tb.Helper()
	return b.token(url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {token}})
}

func (b *browser) password(user, scope string) tokens {
	b.tb.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {clientID}, "username": {user}, "password": {user}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return b.token(form)
}

func (t tokens) want(tb testing.TB, status int, code string) {
	tb.Helper()
	if t.Status != status || t.Error != code {
		tb.Errorf("got %d %q (%s), want %d %q", t.Status, t.Error, t.Description, status, code)
	}
	if code != "" && t.Description == "" {
		tb.Errorf("%s has no description", code)
	}
	if (code == "") != (t.AccessToken != "") {
		tb.Errorf("got access token %q with error %q", t.AccessToken, t.Error)
	}
}

func (b *browser) published() jose.JSONWebKeySet {
	b.tb.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(b.get("/.well-known/jwks.json").body), &keys); err != nil {
		b.tb.Fatal(err)
	}
	return keys
}

// claims verifies a token with the published keys and returns its claims.
func (b *browser) claims(token string) map[string]any {
	b.tb.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		b.tb.Fatal(err)
	}
	if got := parsed.Headers[0].ExtraHeaders[jose.HeaderType]; got != "JWT" {
		b.tb.Errorf("got typ %v, want JWT", got)
	}
	var claims map[string]any
	if err := parsed.Claims(b.published(), &claims); err != nil {
		b.tb.Fatalf("not signed with a published key: %v", err)
	}
	return claims
}
