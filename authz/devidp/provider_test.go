package devidp_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/authz/devidp"
)

func TestNewRejects(t *testing.T) {
	t.Parallel()
	good := devidp.Options{Issuer: "http://localhost:7001/", ClientID: "c", Audiences: []string{"a"}}
	if _, err := devidp.New(good); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*devidp.Options)
	}{
		{"no issuer", func(o *devidp.Options) { o.Issuer = "" }},
		{"no trailing slash", func(o *devidp.Options) { o.Issuer = "http://localhost:7001" }},
		{"bare host", func(o *devidp.Options) { o.Issuer = "localhost:7001/" }},
		{"unparsable issuer", func(o *devidp.Options) { o.Issuer = "http://[" }},
		{"issuer with a path", func(o *devidp.Options) { o.Issuer = "http://localhost:7001/x/" }},
		{"no client", func(o *devidp.Options) { o.ClientID = "" }},
		{"no audience", func(o *devidp.Options) { o.Audiences = nil }},
		{"empty audience", func(o *devidp.Options) { o.Audiences = []string{"a", ""} }},
		{"token lifetime below a second", func(o *devidp.Options) { o.TokenLifetime = time.Millisecond }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := good
			tt.change(&o)
			if _, err := devidp.New(o); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	standard := newProvider(t, devidp.Options{Issuer: "http://localhost/"})
	for issuer, hosts := range map[string]map[string]int{
		"http://localhost:7001/": {
			"localhost:7001": 200, "LocalHost:7001": 200, "127.0.0.1:7001": 200, "[::1]:7001": 200,
			"localhost": 421, "localhost:1": 421, "evil.com": 421, "evil.com:7001": 421, "localhost.evil.com": 421,
			"192.168.1.1:7001": 421, "localhost.:7001": 421, "x.localhost:7001": 421, "localhost:7001.": 421,
		},
		"http://localhost/": {"localhost": 200, "localhost:80": 200, "127.0.0.1": 200, "localhost:7001": 421, "evil.com": 421},
	} {
		b := newBrowser(t, issuer, map[bool]http.Handler{true: standard, false: shared()}[issuer == "http://localhost/"])
		for host, want := range hosts {
			for _, path := range []string{"/", "/.well-known/jwks.json"} {
				r := b.get(path, "Host", host)
				if r.status != want || want == 421 && !strings.Contains(r.body, issuer) {
					t.Errorf("%s at %s: got %d %.100s, want %d, and the issuer if it is 421", path, host, r.status, r.body, want)
				}
			}
		}
	}
}

func TestCookiesOfAnHTTPSIssuerAreSecure(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "https://idp.test/", newProvider(t, devidp.Options{Issuer: "https://idp.test/"}))
	if got := b.postForm(b.openSignIn(nil), url.Values{"user": {"admin"}}).header.Get("Set-Cookie"); !strings.Contains(got, "Secure") {
		t.Errorf("got cookie %s, want it Secure", got)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, tt := range []struct {
		method, path string
		status       int
		contentType  string
		says         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "menu-api token admin"},
		{"GET", "/", 200, "text/html; charset=utf-8", "/.well-known/openid-configuration"},
		{"GET", "/", 200, "text/html; charset=utf-8", "customer"},
		{"GET", "/style.css", 200, "text/css; charset=utf-8", "prefers-color-scheme"},
		{"GET", "/favicon.ico", 404, "text/plain; charset=utf-8", "404"},
		{"GET", "/templates/style.css", 404, "text/plain; charset=utf-8", "404"},
		{"GET", "/oauth/token", 405, "text/plain; charset=utf-8", "Method Not Allowed"},
		{"POST", "/authorize", 405, "text/plain; charset=utf-8", "Method Not Allowed"},
		{"GET", "/dev/rotate", 405, "text/plain; charset=utf-8", "Method Not Allowed"},
	} {
		r := b.do(tt.method, tt.path, "")
		if r.status != tt.status || r.header.Get("Content-Type") != tt.contentType || !strings.Contains(r.body, tt.says) {
			t.Errorf("%s %s: got %d %s, want %d %s that says %q", tt.method, tt.path, r.status, r.header.Get("Content-Type"), tt.status, tt.contentType, tt.says)
		}
		if r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s %s: got headers %v", tt.method, tt.path, r.header)
		}
		if tt.status == 405 && r.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow header", tt.method, tt.path)
		}
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "http://localhost:7001/", newProvider(t, devidp.Options{}))
	old := b.password("admin", "openid").AccessToken
	before := b.published()

	for _, headers := range [][]string{
		{"Origin", "http://localhost:4040"},
		{"Origin", "https://evil.com"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
	} {
		if r := b.do(http.MethodPost, "/dev/rotate", "", headers...); r.status != http.StatusForbidden {
			t.Errorf("%v: got %d, want 403", headers, r.status)
		}
	}
	if got := len(b.published().Keys); got != 1 {
		t.Errorf("got %d keys after the requests of other origins, want 1", got)
	}

	r := b.do(http.MethodPost, "/dev/rotate", "", "Origin", strings.TrimSuffix(b.issuer, "/"))
	var rotated struct{ Kid string }
	if err := json.Unmarshal([]byte(r.body), &rotated); err != nil || r.status != http.StatusOK {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	after := b.published()
	if len(after.Keys) != 2 || after.Keys[0].KeyID != rotated.Kid || after.Keys[1].KeyID != before.Keys[0].KeyID {
		t.Errorf("got keys %v, want the new one and the old one", after.Keys)
	}
	b.claims(old) // still verifies
	if r := b.get("/userinfo", "Authorization", "Bearer "+old); r.status != http.StatusOK {
		t.Errorf("got %d for a token of the old key, want 200", r.status)
	}
	b.claims(b.password("admin", "").AccessToken)
}

// During rotations, every token is valid, and the number of published keys is limited.
func TestRotateUnderLoad(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "http://localhost:7001/", newProvider(t, devidp.Options{}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				response := b.password("customer", "openid")
				if r := b.get("/userinfo", "Authorization", "Bearer "+response.AccessToken); r.status != http.StatusOK {
					t.Errorf("got %d for a valid token, want 200", r.status)
				}
			}
		})
	}
	for range 8 {
		b.do(http.MethodPost, "/dev/rotate", "")
	}
	wg.Wait()
	if got := len(b.published().Keys); got != 8 {
		t.Errorf("got %d keys after 8 rotations, want 8", got)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	provider := newProvider(t, devidp.Options{})
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, b *browser)
	}{
		{"a code lasts a minute", func(t *testing.T, b *browser) {
			code := b.code("admin", nil)
			time.Sleep(59 * time.Second)
			b.exchange(code).want(t, http.StatusOK, "")
			code = b.code("admin", url.Values{"prompt": {"login"}})
			time.Sleep(time.Minute)
			b.exchange(code).want(t, http.StatusForbidden, "invalid_grant")
		}},
		{"a session lasts eight hours", func(t *testing.T, b *browser) {
			b.signIn("admin", nil)
			// The browser deletes the cookie by itself. A stolen copy must become invalid too.
			cookie := sessionCookie(t, b)
			time.Sleep(8*time.Hour - time.Second)
			if m := parseMessage(t, b.get(authorizePath(silent), "Cookie", cookie)); m["code"] == "" {
				t.Errorf("got %v before the end, want a code", m)
			}
			time.Sleep(time.Second)
			b.client.Jar = nil
			if m := parseMessage(t, b.get(authorizePath(silent), "Cookie", cookie)); m["error"] != "login_required" {
				t.Errorf("got %v after eight hours, want login_required", m)
			}
		}},
		{"an access token lasts a day", func(t *testing.T, b *browser) {
			access := b.password("admin", "openid").AccessToken
			time.Sleep(24*time.Hour - time.Second)
			if r := b.get("/userinfo", "Authorization", "Bearer "+access); r.status != http.StatusOK {
				t.Errorf("got %d before the end, want 200", r.status)
			}
			time.Sleep(2 * time.Second)
			if r := b.get("/userinfo", "Authorization", "Bearer "+access); r.status != http.StatusUnauthorized {
				t.Errorf("got %d after a day, want 401", r.status)
			}
		}},
		{"a refresh token lasts thirty days", func(t *testing.T, b *browser) {
			token := b.password("admin", "offline_access").RefreshToken
			time.Sleep(30*24*time.Hour - time.Second)
			b.refresh(token).want(t, http.StatusOK, "")
			time.Sleep(time.Second)
			b.refresh(token).want(t, http.StatusForbidden, "invalid_grant")
		}},
		{"an expired ID token is still a hint", func(t *testing.T, b *browser) {
			id := b.password("admin", "openid").IDToken
			time.Sleep(48 * time.Hour)
			if r := b.get("/oidc/logout?id_token_hint=" + id); r.status != http.StatusOK {
				t.Errorf("got %d, want 200", r.status)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { tt.run(t, newBrowser(t, "http://localhost:7001/", provider)) })
		})
	}
}

func sessionCookie(t *testing.T, b *browser) string {
	t.Helper()
	u, err := url.Parse(b.issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "devidp_session" {
			return c.String()
		}
	}
	t.Fatal("no session cookie")
	return ""
}

func TestSignInReplacesTheSession(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.signIn("admin", nil)
	old := sessionCookie(t, b)
	b.signIn("customer", url.Values{"prompt": {"login"}})
	if sessionCookie(t, b) == old {
		t.Error("the session id did not change")
	}
	b.client.Jar = nil
	if m := parseMessage(t, b.get(authorizePath(silent), "Cookie", old)); m["error"] != "login_required" {
		t.Errorf("got %v for the old session, want login_required", m)
	}
}

func TestCodesAreLimited(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "http://localhost:7001/", newProvider(t, devidp.Options{}))
	oldest := b.code("admin", nil)
	for range 1000 {
		b.get(authorizePath(nil)).location(t)
	}
	b.exchange(oldest).want(t, http.StatusForbidden, "invalid_grant")
}

func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	log := new(bytes.Buffer)
	handler := slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})
	b := newBrowser(t, "http://localhost:7001/", newProvider(t, devidp.Options{Logger: slog.New(handler)}))
	code := b.code("admin", nil)
	first := b.exchange(code)
	second := b.refresh(first.RefreshToken)
	b.exchange(code)
	b.get("/userinfo", "Authorization", "Bearer "+first.IDToken)
	b.get("/oidc/logout?returnTo=http://evil.com/" + first.AccessToken)
	b.signIn("admin", nil)
	cookie := sessionCookie(t, b)
	b.get("/v2/logout")

	for _, want := range []string{"signed in", "tokens issued", "userinfo request rejected", "signed out"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not contain %q:\n%s", want, log)
		}
	}
	for name, secret := range map[string]string{
		"code": code, "access token": first.AccessToken, "second access token": second.AccessToken, "ID token": first.IDToken,
		"refresh token": first.RefreshToken, "session": strings.TrimPrefix(cookie, "devidp_session="),
	} {
		if secret == "" || strings.Contains(log.String(), secret) {
			t.Errorf("the log contains the %s", name)
		}
	}
}
