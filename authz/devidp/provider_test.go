package devidp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/authz/devidp"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := devidp.Options{Issuer: "http://localhost:7001/", ClientID: "c", Audiences: []string{"a"}}
	if _, err := devidp.New(good); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	tests := []struct {
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
		{"tokens for less than they can say", func(o *devidp.Options) { o.TokenLifetime = time.Millisecond }},
	}
	for _, tt := range tests {
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
	b := start(t)
	u, err := url.Parse(b.issuer)
	if err != nil {
		t.Fatal(err)
	}
	port := u.Port()
	for host, want := range map[string]int{
		"localhost:" + port:       http.StatusOK,
		"LocalHost:" + port:       http.StatusOK,
		"127.0.0.1:" + port:       http.StatusOK,
		"[::1]:" + port:           http.StatusOK,
		"localhost":               http.StatusMisdirectedRequest,
		"localhost:1":             http.StatusMisdirectedRequest,
		"evil.com":                http.StatusMisdirectedRequest,
		"evil.com:" + port:        http.StatusMisdirectedRequest,
		"localhost.evil.com":      http.StatusMisdirectedRequest,
		"192.168.1.1:" + port:     http.StatusMisdirectedRequest,
		"localhost.:" + port:      http.StatusMisdirectedRequest,
		"x.localhost:" + port:     http.StatusMisdirectedRequest,
		"localhost:" + port + ".": http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"/", "/.well-known/jwks.json"} {
			r := b.get(path, "Host", host)
			if r.status != want {
				t.Errorf("%s at %s: got %d, want %d", path, host, r.status, want)
			}
			if want == http.StatusMisdirectedRequest && !strings.Contains(r.body, b.issuer) {
				t.Errorf("%s: got %q, which does not say what to use", host, r.body)
			}
		}
	}
}

func TestHostOfADefaultPort(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "http://localhost/")
	if r := b.get("/"); r.status != http.StatusOK {
		t.Errorf("got %d, want 200", r.status)
	}
}

func TestCookiesOfAnHTTPSIssuerAreSecure(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "https://idp.test/")
	if got := b.get(authorizePath(nil)).header.Get("Set-Cookie"); !strings.Contains(got, "Secure") {
		t.Errorf("got cookie %s, want it Secure", got)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := start(t)
	tests := []struct {
		method, path string
		status       int
		contentType  string
		says         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "menu-api token admin"},
		{"GET", "/", 200, "text/html; charset=utf-8", "/.well-known/openid-configuration"},
		{"GET", "/", 200, "text/html; charset=utf-8", "customer"},
		{"GET", "/style.css", 200, "text/css; charset=utf-8", "prefers-color-scheme"},
		{"GET", "/favicon.ico", 404, "text/html; charset=utf-8", "There is nothing here"},
		{"GET", "/templates/style.css", 404, "text/html; charset=utf-8", "There is nothing here"},
		{"GET", "/oauth/token", 405, "text/html; charset=utf-8", "Method Not Allowed"},
		{"POST", "/authorize", 405, "text/html; charset=utf-8", "Method Not Allowed"},
		{"GET", "/dev/rotate", 405, "text/html; charset=utf-8", "Method Not Allowed"},
	}
	for _, tt := range tests {
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
	b := start(t)
	old := b.password("admin", "openid").AccessToken
	before := b.published()

	r := b.do(http.MethodPost, "/dev/rotate", "", "Origin", strings.TrimSuffix(b.issuer, "/"))
	var answer struct{ Kid string }
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != http.StatusOK {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	after := b.published()
	if len(after.Keys) != 2 || after.Keys[0].KeyID != answer.Kid || after.Keys[1].KeyID != before.Keys[0].KeyID {
		t.Errorf("got keys %v, want the new one and the old one", after.Keys)
	}
	b.claims(old) // still verifies
	if r := b.get("/userinfo", "Authorization", "Bearer "+old); r.status != http.StatusOK {
		t.Errorf("got %d for a token of the old key, want 200", r.status)
	}
	b.claims(b.password("admin", "").AccessToken)
}

func TestRotateIsRefusedToOtherOrigins(t *testing.T) {
	t.Parallel()
	b := start(t)
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
		t.Errorf("got %d keys, want 1", got)
	}
}

func TestPublishedKeysAreBounded(t *testing.T) {
	t.Parallel()
	b := start(t)
	for range 17 {
		b.do(http.MethodPost, "/dev/rotate", "")
	}
	if got := len(b.published().Keys); got != 16 {
		t.Errorf("got %d keys, want 16", got)
	}
}

func TestRotateUnderLoad(t *testing.T) {
	t.Parallel()
	b := start(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				answer := b.password("customer", "openid")
				if r := b.get("/userinfo", "Authorization", "Bearer "+answer.AccessToken); r.status != http.StatusOK {
					t.Errorf("got %d for a valid token, want 200", r.status)
				}
			}
		})
	}
	for range 4 {
		b.do(http.MethodPost, "/dev/rotate", "")
	}
	wg.Wait()
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	tests := []struct {
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
			// The browser forgets the cookie by itself; a thief's copy has to be worthless too.
			cookie := sessionCookie(t, b)
			time.Sleep(8*time.Hour - time.Second)
			if m := parseMessage(t, b.get(authorizePath(silent), "Cookie", cookie)); m.Response["code"] == "" {
				t.Errorf("got %v before the end, want a code", m.Response)
			}
			time.Sleep(time.Second)
			b.client.Jar = nil
			if m := parseMessage(t, b.get(authorizePath(silent), "Cookie", cookie)); m.Response["error"] != "login_required" {
				t.Errorf("got %v after eight hours, want login_required", m.Response)
			}
		}},
		{"a sign-in page lasts an hour", func(t *testing.T, b *browser) {
			token := b.openSignIn(nil)
			time.Sleep(time.Hour)
			if r := b.postForm("/login", url.Values{"token": {token}, "user": {"admin"}}); r.status != http.StatusForbidden {
				t.Errorf("got %d, want 403", r.status)
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
			first := b.password("admin", "offline_access").RefreshToken
			time.Sleep(30*24*time.Hour - time.Second)
			second := b.refresh(first)
			second.want(t, http.StatusOK, "")
			time.Sleep(30 * 24 * time.Hour)
			b.refresh(second.RefreshToken).want(t, http.StatusForbidden, "invalid_grant")
		}},
		{"an expired ID token is still a hint", func(t *testing.T, b *browser) {
			id := b.password("admin", "openid").IDToken
			time.Sleep(48 * time.Hour)
			if r := b.get("/oidc/logout?id_token_hint=" + id); r.status != http.StatusOK {
				t.Errorf("got %d, want 200", r.status)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { tt.run(t, newBrowser(t, "http://localhost:7001/")) })
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
	if m := parseMessage(t, b.get(authorizePath(silent), "Cookie", old)); m.Response["error"] != "login_required" {
		t.Errorf("got %v for the old session, want login_required", m.Response)
	}
}

func TestStoresAreBounded(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "http://localhost:7001/")
	oldest := b.openSignIn(nil)
	for range 1000 {
		b.get(authorizePath(nil))
	}
	if r := b.postForm("/login", url.Values{"token": {oldest}, "user": {"admin"}}); r.status != http.StatusForbidden {
		t.Errorf("got %d for the oldest of 1001 sign-in pages, want 403", r.status)
	}
}

func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	b := start(t)
	code := b.code("admin", nil)
	first := b.exchange(code)
	second := b.refresh(first.RefreshToken)
	b.refresh(first.RefreshToken)
	b.exchange(code)
	b.get("/userinfo", "Authorization", "Bearer "+first.IDToken)
	b.get("/oidc/logout?id_token_hint=" + first.AccessToken)
	cookie := sessionCookie(t, b)
	b.get("/v2/logout")

	log := b.log.String()
	for _, want := range []string{"signed in", "tokens issued", "used twice", "signed out"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	for name, secret := range map[string]string{
		"code": code, "access token": first.AccessToken, "ID token": first.IDToken, "refresh token": first.RefreshToken,
		"second refresh token": second.RefreshToken, "session": strings.TrimPrefix(cookie, "devidp_session="),
	} {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("the %s is in the log", name)
		}
	}
}
