package devidp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func TestTokenRequestsMayBeJSON(t *testing.T) {
	t.Parallel()
	b := start(t)
	body, err := json.Marshal(map[string]string{
		"grant_type": "authorization_code", "client_id": clientID, "code": b.code("admin", nil),
		"redirect_uri": callback, "code_verifier": verifier,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := b.do(http.MethodPost, "/oauth/token", string(body), "Content-Type", "application/json; charset=utf-8", "Auth0-Client", "e30=")
	parseTokens(t, r).want(t, http.StatusOK, "")
}

func TestTokenRequestsThatAreRejected(t *testing.T) {
	t.Parallel()
	b := start(t)
	const form, object = "application/x-www-form-urlencoded", "application/json"
	id := "client_id=" + clientID
	for _, tt := range []struct {
		name              string
		contentType, body string
		status            int
		code              string
	}{
		{"nothing", form, "", 401, "invalid_client"},
		{"no client", form, "grant_type=password&username=admin&password=admin", 401, "invalid_client"},
		{"unknown client", form, "grant_type=password&username=admin&password=admin&client_id=x", 401, "invalid_client"},
		{"no grant", form, id, 400, "invalid_request"},
		{"unknown grant", form, "grant_type=implicit&" + id, 400, "unsupported_grant_type"},
		{"no code", form, "grant_type=authorization_code&" + id, 403, "invalid_grant"},
		{"no refresh token", form, "grant_type=refresh_token&" + id, 403, "invalid_grant"},
		{"wrong password", form, "grant_type=password&username=admin&password=customer&" + id, 403, "invalid_grant"},
		{"no password", form, "grant_type=password&username=admin&" + id, 403, "invalid_grant"},
		{"unknown user", form, "grant_type=password&username=root&password=root&" + id, 403, "invalid_grant"},
		{"unknown audience", form, "grant_type=password&username=admin&password=admin&audience=x&" + id, 403, "access_denied"},
		{"client credentials", form, "grant_type=client_credentials&client_secret=x&" + id, 400, "unsupported_grant_type"},
		{"repeated parameter", form, "grant_type=password&grant_type=password&" + id, 400, "invalid_request"},
		{"malformed form", form, "%zz", 400, "invalid_request"},
		{"malformed JSON", object, "{", 400, "invalid_request"},
		{"JSON of other types", object, `{"grant_type":1}`, 400, "invalid_request"},
		{"trailing JSON", object, `{}{}`, 400, "invalid_request"},
		{"null", object, `null`, 401, "invalid_client"},
		{"unknown media type", "text/plain", id, 415, "invalid_request"},
		{"no media type", "", id, 415, "invalid_request"},
		{"large form", form, "x=" + strings.Repeat("x", 65<<10), 413, "invalid_request"},
		{"large JSON", object, `{"x":"` + strings.Repeat("x", 65<<10) + `"}`, 413, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := b.do(http.MethodPost, "/oauth/token", tt.body, "Content-Type", tt.contentType)
			parseTokens(t, r).want(t, tt.status, tt.code)
		})
	}

	t.Run("parameters in the query", func(t *testing.T) {
		t.Parallel()
		r := b.postForm("/oauth/token?grant_type=password&username=admin&password=admin&"+id, nil)
		parseTokens(t, r).want(t, 401, "invalid_client")
	})
}

func TestCodeIsBoundToItsRequest(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, tt := range []struct {
		name string
		set  url.Values
		want string
	}{
		{"wrong verifier", url.Values{"code_verifier": {strings.Repeat("x", 43)}}, "invalid_grant"},
		{"no verifier", url.Values{"code_verifier": nil}, "invalid_grant"},
		{"the challenge as verifier", url.Values{"code_verifier": {challenge(verifier)}}, "invalid_grant"},
		{"another redirect_uri", url.Values{"redirect_uri": {callback + "/"}}, "invalid_grant"},
		{"no redirect_uri", url.Values{"redirect_uri": nil}, "invalid_grant"},
		{"another client", url.Values{"client_id": {"x"}}, "invalid_client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := b.token(with(codeForm(b.code("admin", url.Values{"prompt": {"login"}})), tt.set))
			if answer.Error != tt.want || answer.AccessToken != "" {
				t.Errorf("got %+v, want %s", answer, tt.want)
			}
		})
	}

	t.Run("a verifier that is too short", func(t *testing.T) {
		code := b.code("admin", url.Values{"prompt": {"login"}, "code_challenge": {challenge("short")}})
		b.token(with(codeForm(code), url.Values{"code_verifier": {"short"}})).want(t, http.StatusForbidden, "invalid_grant")
	})
}

func TestCodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	b := start(t)
	code := b.code("admin", nil)
	responses := make([]tokens, 8)
	var wg sync.WaitGroup
	for i := range responses {
		wg.Go(func() { responses[i] = b.exchange(code) })
	}
	wg.Wait()
	succeeded := 0
	for _, response := range responses {
		if response.AccessToken != "" {
			succeeded++
		}
	}
	if succeeded != 1 {
		t.Errorf("got %d successful exchanges, want 1", succeeded)
	}
	b.exchange(code).want(t, http.StatusForbidden, "invalid_grant")
}

func TestRefreshToken(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := b.exchange(b.code("admin", nil))
	for range 2 {
		again := b.refresh(first.RefreshToken)
		again.want(t, http.StatusOK, "")
		if again.RefreshToken != first.RefreshToken { // without one, Auth0's SDK deletes the one that it has
			t.Errorf("got refresh token %q, want the same again", again.RefreshToken)
		}
		if id := b.claims(again.IDToken); id["sub"] != "auth0|dev-admin" || id["nonce"] != nil {
			t.Errorf("got ID token %v, want the same subject and no nonce", id)
		}
	}

	// The application may request a part of the scope, and never gets what the user did not grant at sign-in.
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {first.RefreshToken}}
	narrow := b.token(with(form, url.Values{"scope": {"email delete:items"}, "audience": {audience}}))
	narrow.want(t, http.StatusOK, "")
	if narrow.Scope != "email" || narrow.IDToken != "" {
		t.Errorf("got %+v, want the scope email alone", narrow)
	}
	if full := b.refresh(narrow.RefreshToken); full.Scope != first.Scope {
		t.Errorf("got scope %q after a narrow one, want %q", full.Scope, first.Scope)
	}
	b.token(with(form, url.Values{"audience": {"https://other.example.com"}})).want(t, http.StatusForbidden, "access_denied")

	unknown := b.refresh("x")
	unknown.want(t, http.StatusForbidden, "invalid_grant")
	if !strings.Contains(unknown.Description, "invalid refresh token") {
		t.Errorf("got description %q, which Auth0's SDK does not know", unknown.Description)
	}
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, name := range []string{"admin", "admin@example.com", "Admin@Example.com"} {
		answer := b.token(url.Values{
			"grant_type": {"password"}, "client_id": {clientID}, "username": {name}, "password": {"admin"},
			"audience": {"https://other.example.com"},
		})
		answer.want(t, http.StatusOK, "")
		claims := b.claims(answer.AccessToken)
		if claims["sub"] != "auth0|dev-admin" || claims["aud"] != "https://other.example.com" || claims["gty"] != "password" {
			t.Errorf("%s: got %v", name, claims)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	b := start(t)
	const application, foreign = "http://localhost:4040", "https://evil.com"
	for _, tt := range []struct{ path, origin, want string }{
		{"/oauth/token", application, application},
		{"/oauth/token", "http://127.0.0.1:5173", "http://127.0.0.1:5173"},
		{"/oauth/token", foreign, ""}, // it must not read a token from the response
		{"/oauth/token", "http://localhost.evil.com", ""},
		{"/oauth/token", "null", ""},
		{"/userinfo", application, application},
		{"/userinfo", foreign, ""},
		{"/.well-known/openid-configuration", foreign, "*"},
		{"/.well-known/jwks.json", foreign, "*"},
	} {
		r := b.do(
			http.MethodOptions, tt.path, "", "Origin", tt.origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "auth0-client,content-type",
		)
		if r.status != http.StatusNoContent {
			t.Errorf("%s from %s: got %d, want 204", tt.path, tt.origin, r.status)
		}
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":      tt.want,
			"Access-Control-Allow-Methods":     "GET, POST, OPTIONS",
			"Access-Control-Allow-Headers":     "Content-Type, Auth0-Client, Authorization",
			"Access-Control-Allow-Credentials": "",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s from %s: got %s %q, want %q", tt.path, tt.origin, name, got, want)
			}
		}
	}
	form := "grant_type=password&username=admin&password=admin&client_id=" + clientID
	for origin, want := range map[string]string{application: application, foreign: ""} {
		r := b.do(http.MethodPost, "/oauth/token", form, "Content-Type", "application/x-www-form-urlencoded", "Origin", origin)
		if got := r.header.Get("Access-Control-Allow-Origin"); got != want || r.status != http.StatusOK {
			t.Errorf("token for %s: got %d with Access-Control-Allow-Origin %q, want 200 with %q", origin, r.status, got, want)
		}
	}
	if got := b.get("/", "Origin", "http://localhost:4040").header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("got Access-Control-Allow-Origin %q on a page, want none", got)
	}
}
