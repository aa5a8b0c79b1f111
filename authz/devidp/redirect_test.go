package devidp_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"menu-api/authz/devidp"
)

var goodRedirects = []string{
	"http://localhost", "http://localhost/", "http://localhost:4040", "http://localhost:4040/callback", "http://127.0.0.1:3000/a/b?c=d&e",
	"http://localhost:65535/@x:y", "http://localhost?x=//evil.com",
}

var badRedirects = []string{
	"", " ", "/", "localhost", "localhost:4040", "//localhost", "//localhost:4040/", "http:", "http://", "http:///localhost", "http:localhost",
	"http:/localhost", "https://localhost", "HTTP://localhost", "Http://localhost", "http://LOCALHOST", "ftp://localhost",
	"http://localhost.evil.com", "http://localhost.", "http://evil.com/localhost", "http://localhost@evil.com", "http://localhost:80@evil.com",
	"http://user@localhost", "http://@localhost", "http://evil.com#@localhost", "http://evil.com?@localhost", "http://localhost#", "http://localhost/#x",
	"http://evil.com\\@localhost", "http:\\\\localhost", "http://localhost\\.evil.com", "http://localhost\t.evil.com", "http://local\nhost",
	"http://localhost\r\nSet-Cookie:x", " http://localhost", "http://localhost ", "\x00http://localhost", "http://localhost/\x7f",
	"http://localhost:80:80", "http://localhost:", "http://localhost:0", "http://localhost:65536", "http://localhost:-1", "http://localhost:+80",
	"http://localhost:0080", "http://localhost:8O", "http://[::1]", "http://[::1]:80", "http://[localhost]", "http://127.1", "http://127.0.0.2",
	"http://2130706433", "http://127.0.0.1.evil.com", "http://0.0.0.0", "http://localhost%00.evil.com", "http://localhost%2eevil.com", "http://%6cocalhost",
	"http://locаlhost", "http://localhost。evil.com", "javascript:alert(1)", "javascript://localhost/%0aalert(1)", "data:text/html,x", "http://localhost/%zz",
	"http://*", "http://localhost:4040,http://evil.com",
}

func TestRedirectURLs(t *testing.T) {
	t.Parallel()
	for _, raw := range goodRedirects {
		if _, ok := devidp.ParseLoopbackURL(raw); !ok {
			t.Errorf("%q is rejected, want it allowed", raw)
		}
	}
	for _, raw := range badRedirects {
		if _, ok := devidp.ParseLoopbackURL(raw); ok {
			t.Errorf("%q is allowed, want it rejected", raw)
		}
	}
}

func TestBadRedirectsNeverRedirect(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, raw := range badRedirects {
		for _, path := range []string{
			authorizePath(url.Values{"redirect_uri": {raw}}),
			"/v2/logout?returnTo=" + url.QueryEscape(raw),
			"/oidc/logout?post_logout_redirect_uri=" + url.QueryEscape(raw),
		} {
			if r := b.get(path); r.status != 400 || r.header.Get("Location") != "" {
				t.Errorf("%s: got %d to %q, want 400", path, r.status, r.header.Get("Location"))
			}
		}
	}
}

// FuzzParseLoopbackURL compares the matcher with a regular expression.
func FuzzParseLoopbackURL(f *testing.F) {
	for _, raw := range append(goodRedirects, badRedirects...) {
		f.Add(raw)
	}
	allowed := regexp.MustCompile(`^http://(localhost|127\.0\.0\.1)(:[1-9][0-9]{0,4})?([/?][!-~]*)?$`)
	f.Fuzz(func(t *testing.T, raw string) {
		u, ok := devidp.ParseLoopbackURL(raw)
		if !ok {
			return
		}
		if !allowed.MatchString(raw) || strings.ContainsAny(raw, "#\\") {
			t.Fatalf("%q is allowed", raw)
		}
		if u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
			t.Fatalf("%q goes to %s", raw, u.Host)
		}
		if again, ok := devidp.ParseLoopbackURL(u.String()); !ok || again.Host != u.Host {
			t.Fatalf("%q becomes %q, which is rejected", raw, u)
		}
	})
}
