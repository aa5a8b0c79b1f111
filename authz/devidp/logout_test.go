package devidp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLogout(t *testing.T) {
	t.Parallel()
	b := start(t)
	hint := b.password("admin", "openid").IDToken
	for _, tt := range []struct {
		name, path string
		want       string // Location; empty for the page
	}{
		{"without returnTo", "/v2/logout?client_id=" + clientID, "http://localhost:4040"},
		{"without anything", "/v2/logout", "http://localhost:4040"},
		{"with returnTo", "/v2/logout?client_id=" + clientID + "&returnTo=" + url.QueryEscape("http://127.0.0.1:3000/bye?x=1"), "http://127.0.0.1:3000/bye?x=1"},
		{"standard, without anything", "/oidc/logout", "http://localhost:4040"},
		{
			"standard, with everything", "/oidc/logout?id_token_hint=" + hint + "&client_id=" + clientID + "&state=a%2Bb%3D&post_logout_redirect_uri=" + url.QueryEscape("http://localhost:4040/bye"),
			"http://localhost:4040/bye?state=a%2Bb%3D",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.signIn("admin", url.Values{"prompt": {"login"}})
			r := b.get(tt.path)
			if got := r.location(t).String(); got != tt.want {
				t.Errorf("got redirect to %s, want %s", got, tt.want)
			}
			if m := parseMessage(t, b.get(authorizePath(silent))); m["error"] != "login_required" {
				t.Errorf("still signed in after sign-out: %v", m)
			}
		})
	}

	t.Run("the last application wins", func(t *testing.T) {
		b.signIn("admin", nil)
		b.get(authorizePath(url.Values{"redirect_uri": {"http://localhost:5000/"}})).location(t)
		if got := b.get("/v2/logout").location(t).String(); got != "http://localhost:5000" {
			t.Errorf("got redirect to %s, want http://localhost:5000", got)
		}
	})
	t.Run("without a session", func(t *testing.T) {
		r := b.get("/v2/logout?client_id=" + clientID)
		if r.status != http.StatusOK || !strings.Contains(r.body, "You are signed out") {
			t.Errorf("got %d %s, want the page", r.status, r.body)
		}
	})
}

func TestLogoutIsRejected(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.signIn("admin", nil)
	for name, path := range map[string]string{
		"foreign returnTo": "/v2/logout?returnTo=" + url.QueryEscape("http://localhost.evil.com"),
		"empty returnTo":   "/v2/logout?returnTo=",
		"two returnTos":    "/v2/logout?returnTo=http://localhost&returnTo=http://evil.com",
		"unknown client":   "/v2/logout?client_id=x",
		"foreign redirect": "/oidc/logout?post_logout_redirect_uri=" + url.QueryEscape("//evil.com"),
	} {
		r := b.get(path)
		if r.status != http.StatusBadRequest || r.header.Get("Location") != "" {
			t.Errorf("%s: got %d to %q, want the error page", name, r.status, r.header.Get("Location"))
		}
	}
	if b.get(authorizePath(nil)).location(t).Query().Get("code") == "" {
		t.Error("a rejected sign-out ended the session")
	}
}
