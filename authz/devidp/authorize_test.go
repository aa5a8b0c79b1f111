package devidp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// posted matches the message of the message page, and the origin that may receive it.
var posted = regexp.MustCompile(`(?m)^\(window\.opener \|\| parent\)\.postMessage\(\{type: "authorization_response", response: (\{.*\})\}, "([^"]*)"\);$`)

// parseMessage returns the response in the message that a page posts.
func parseMessage(t *testing.T, r response) (message map[string]string) {
	t.Helper()
	match := posted.FindStringSubmatch(r.body)
	if r.status != http.StatusOK || match == nil {
		t.Fatalf("got %d without a message: %s", r.status, r.body)
	}
	if match[2] != "http://localhost:4040" {
		t.Errorf("got target origin %q, want that of the redirect_uri", match[2])
	}
	if err := json.Unmarshal([]byte(match[1]), &message); err != nil {
		t.Fatal(err)
	}
	if r.header.Get("X-Frame-Options") != "" || strings.Contains(r.header.Get("Content-Security-Policy"), "frame-ancestors") {
		t.Error("the message page cannot be framed")
	}
	nonce := regexp.MustCompile(`script-src 'nonce-([^']+)'`).FindStringSubmatch(r.header.Get("Content-Security-Policy"))
	if nonce == nil || !strings.Contains(r.body, `<script nonce="`+nonce[1]+`">`) {
		t.Error("the policy stops the message page's script")
	}
	return message
}

var silent = url.Values{"prompt": {"none"}, "response_mode": {"web_message"}}

func TestSilentLogin(t *testing.T) {
	t.Parallel()
	b := start(t)

	m := parseMessage(t, b.get(authorizePath(silent)))
	if m["error"] != "login_required" || m["error_description"] == "" || m["state"] != oddState || m["code"] != "" {
		t.Errorf("signed out: got %v", m)
	}
	if got := b.get(authorizePath(url.Values{"prompt": {"none"}})).location(t).Query().Get("error"); got != "login_required" {
		t.Errorf("signed out, in query mode: got %q, want login_required", got)
	}

	b.signIn("customer", nil)
	m = parseMessage(t, b.get(authorizePath(silent)))
	if m["error"] != "" || m["state"] != oddState {
		t.Errorf("signed in: got %v", m)
	}
	answer := b.exchange(m["code"])
	answer.want(t, http.StatusOK, "")
	if got := b.claims(answer.IDToken)["sub"]; got != "auth0|dev-customer" {
		t.Errorf("got sub %v, want the customer's", got)
	}
}

func TestPrompt(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.signIn("admin", nil)
	if b.get(authorizePath(nil)).location(t).Query().Get("code") == "" {
		t.Error("a session without a prompt does not sign in directly")
	}
	for _, prompt := range []string{"login", "select_account", "login consent"} {
		b.openSignIn(url.Values{"prompt": {prompt}})
	}
	// In a popup, the response to the sign-in form is also a message.
	action := b.openSignIn(url.Values{"prompt": {"login"}, "response_mode": {"web_message"}})
	m := parseMessage(t, b.postForm(action, url.Values{"user": {"admin"}}))
	if m["code"] == "" {
		t.Errorf("got %v, want a code", m)
	}
}

func TestAuthorizeErrorPages(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, tt := range []struct {
		name string
		path string
		want int
	}{
		{"no parameters", "/authorize", http.StatusBadRequest},
		{"no client", authorizePath(url.Values{"client_id": nil}), http.StatusBadRequest},
		{"unknown client", authorizePath(url.Values{"client_id": {"<script>"}}), http.StatusBadRequest},
		{"two clients", authorizePath(url.Values{"client_id": {clientID, clientID}}), http.StatusBadRequest},
		{"no redirect_uri", authorizePath(url.Values{"redirect_uri": nil}), http.StatusBadRequest},
		{"foreign redirect_uri", authorizePath(url.Values{"redirect_uri": {"http://localhost.evil.com/"}}), http.StatusBadRequest},
		{"foreign redirect_uri, silently", authorizePath(with(silent, url.Values{"redirect_uri": {"http://evil.com"}})), http.StatusBadRequest},
		{"two redirect_uris", authorizePath(url.Values{"redirect_uri": {callback, "http://evil.com"}}), http.StatusBadRequest},
		{"malformed query", "/authorize?client_id=%zz", http.StatusBadRequest},
		{"enormous", authorizePath(url.Values{"state": {strings.Repeat("x", 9<<10)}}), http.StatusRequestURITooLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := b.get(tt.path)
			if r.status != tt.want || r.header.Get("Location") != "" || !strings.Contains(r.body, "<h1>") {
				t.Errorf("got %d to %q, want the error page %d", r.status, r.header.Get("Location"), tt.want)
			}
			if strings.Contains(r.body, "<script") {
				t.Errorf("got a script in %s", r.body)
			}
		})
	}
}

func TestAuthorizeErrorResponses(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, tt := range []struct {
		name string
		set  url.Values
		want string
	}{
		{"no response_type", url.Values{"response_type": nil}, "invalid_request"},
		{"implicit", url.Values{"response_type": {"token"}}, "unsupported_response_type"},
		{"fragment mode", url.Values{"response_mode": {"fragment"}}, "invalid_request"},
		{"unknown audience", url.Values{"audience": {"https://evil.com"}}, "access_denied"},
		{"no PKCE", url.Values{"code_challenge": nil, "code_challenge_method": nil}, "invalid_request"},
		{"plain PKCE", url.Values{"code_challenge": {verifier}, "code_challenge_method": {"plain"}}, "invalid_request"},
		{"plain PKCE by default", url.Values{"code_challenge_method": nil}, "invalid_request"},
		{"no hash", url.Values{"code_challenge": {"short"}}, "invalid_request"},
		{"repeated parameter", url.Values{"nonce": {"a", "b"}}, "invalid_request"},
		{"contradictory prompt", url.Values{"prompt": {"none login"}}, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			back := b.get(authorizePath(tt.set)).location(t)
			q := back.Query()
			if back.Host != "localhost:4040" || q.Get("error") != tt.want || q.Get("error_description") == "" || q.Get("state") != oddState || q.Has("code") {
				t.Errorf("got %s, want %s", back, tt.want)
			}
			if tt.set.Get("response_mode") == "" {
				m := parseMessage(t, b.get(authorizePath(with(tt.set, url.Values{"response_mode": {"web_message"}}))))
				if m["error"] != tt.want || m["state"] != oddState {
					t.Errorf("got message %v, want %s", m, tt.want)
				}
			}
		})
	}
}

func TestStateCannotBreakOutOfTheScript(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, state := range []string{
		"</script><script>alert(1)</script>", "<!--<script>", `"}});alert(1)//`, "\u2028\u2029", "`${alert(1)}`", "a\x00b", "&quot;",
	} {
		r := b.get(authorizePath(with(silent, url.Values{"state": {state}})))
		if got := parseMessage(t, r)["state"]; got != state {
			t.Errorf("got state %q, want %q", got, state)
		}
		if n := strings.Count(r.body, "<script"); n != 1 || strings.Count(r.body, "</script") != 1 || strings.Contains(r.body, "<!--") {
			t.Errorf("state %q breaks out: %s", state, r.body)
		}
	}
}

func TestRedirectKeepsItsQuery(t *testing.T) {
	t.Parallel()
	b := start(t)
	back := b.signIn("admin", url.Values{"redirect_uri": {"http://127.0.0.1:4040/cb?tab=a%2Bb"}, "state": nil})
	q := back.Query()
	if q.Get("tab") != "a+b" || q.Get("code") == "" || q.Has("state") {
		t.Errorf("got %s", back)
	}
}

func TestDefaultAudience(t *testing.T) {
	t.Parallel()
	b := start(t)
	answer := b.exchange(b.code("admin", url.Values{"audience": nil, "scope": {"openid"}}))
	if got := b.claims(answer.IDToken); got[audience+"/roles"] == nil {
		t.Errorf("got ID token %v, want the roles of the first audience", got)
	}
}

func TestSignInPage(t *testing.T) {
	t.Parallel()
	b := start(t)
	r := b.get(authorizePath(nil))
	for _, want := range []string{
		"Avery Admin", "Casey Customer", "create:items", clientID, audience, "http://localhost:4040",
		"Development identity provider", "No password is needed",
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("the sign-in page does not say %q", want)
		}
	}
	policy := r.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http://localhost:4040"} {
		if !strings.Contains(policy, want) {
			t.Errorf("got policy %s, want %s in it", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("got policy %s", policy)
	}
	r = b.postForm(b.openSignIn(nil), url.Values{"user": {"admin"}})
	if cookie := r.header.Get("Set-Cookie"); !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || !strings.Contains(cookie, "Path=/;") {
		t.Errorf("got cookie %q", cookie)
	}
}

func TestSignInIsRejected(t *testing.T) {
	t.Parallel()
	b := start(t)
	good := strings.TrimPrefix(authorizePath(nil), "/authorize")
	for _, tt := range []struct {
		name, query, user string
		headers           []string
		want              int
	}{
		{"unknown user", good, "root", nil, http.StatusBadRequest},
		{"no user", good, "", nil, http.StatusBadRequest},
		{"too large", good, strings.Repeat("x", 65<<10), nil, http.StatusBadRequest},
		{"no authorization request", "", "admin", nil, http.StatusBadRequest},
		{"foreign redirect_uri", strings.Replace(good, "localhost", "localhost.evil.com", 1), "admin", nil, http.StatusBadRequest},
		{"foreign origin", good, "admin", []string{"Origin", "http://localhost:4040"}, http.StatusForbidden},
		{"opaque origin", good, "admin", []string{"Origin", "null"}, http.StatusForbidden},
		{"cross-site", good, "admin", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"same-site", good, "admin", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := b.postForm("/login"+tt.query, url.Values{"user": {tt.user}}, tt.headers...)
			if r.status != tt.want || r.header.Get("Location") != "" || len(r.header.Values("Set-Cookie")) != 0 {
				t.Errorf("got %d %v, want %d", r.status, r.header, tt.want)
			}
		})
	}
}

func TestTwoTabs(t *testing.T) {
	t.Parallel()
	b := start(t)
	first, second := b.openSignIn(nil), b.openSignIn(nil)
	for _, action := range []string{first, second} {
		b.postForm(action, url.Values{"user": {"admin"}}).location(t)
	}
}
