package devidp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
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

func TestTokenRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	const form, object = "application/x-www-form-urlencoded", "application/json"
	id := "client_id=" + clientID
	tests := []struct {
		name              string
		contentType, body string
		status            int
		code              string
	}{
		{"nothing", form, "", 401, "invalid_client"},
		{"no client", form, "grant_type=password&username=admin&password=admin", 401, "invalid_client"},
		{"unknown client", form, "grant_type=password&username=admin&password=admin&client_id=x", 401, "invalid_client"},
		{"wrong secret", form, "grant_type=password&username=admin&password=admin&client_secret=x&" + id, 401, "invalid_client"},
		{"no grant", form, id, 400, "invalid_request"},
		{"unknown grant", form, "grant_type=implicit&" + id, 400, "unsupported_grant_type"},
		{"no code", form, "grant_type=authorization_code&" + id, 403, "invalid_grant"},
		{"no refresh token", form, "grant_type=refresh_token&" + id, 403, "invalid_grant"},
		{"wrong password", form, "grant_type=password&username=admin&password=customer&" + id, 403, "invalid_grant"},
		{"no password", form, "grant_type=password&username=admin&" + id, 403, "invalid_grant"},
		{"unknown user", form, "grant_type=password&username=root&password=root&" + id, 403, "invalid_grant"},
		{"unknown audience", form, "grant_type=password&username=admin&password=admin&audience=x&" + id, 403, "access_denied"},
		{"machine without a secret", form, "grant_type=client_credentials&" + id, 401, "invalid_client"},
		{"machine, unknown audience", form, "grant_type=client_credentials&client_secret=development-secret&audience=x&" + id, 403, "access_denied"},
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
	}
	for _, tt := range tests {
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
	tests := []struct {
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
	}
	for _, tt := range tests {
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

func TestCodeReplayRevokes(t *testing.T) {
	t.Parallel()
	b := start(t)
	code := b.code("admin", nil)
	first := b.exchange(code)
	first.want(t, http.StatusOK, "")
	b.exchange(code).want(t, http.StatusForbidden, "invalid_grant")
	b.refresh(first.RefreshToken).want(t, http.StatusForbidden, "invalid_grant")
}

func TestCodeRaceHasOneWinner(t *testing.T) {
	t.Parallel()
	b := start(t)
	code := b.code("admin", nil)
	answers := make([]tokens, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = b.exchange(code) })
	}
	wg.Wait()
	won := 0
	for _, answer := range answers {
		if answer.AccessToken != "" {
			won++
			b.refresh(answer.RefreshToken).want(t, http.StatusForbidden, "invalid_grant")
		}
	}
	if won != 1 {
		t.Errorf("got %d winners, want 1", won)
	}
}

func TestRefreshTokenRotates(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := b.exchange(b.code("admin", nil))
	second := b.refresh(first.RefreshToken)
	second.want(t, http.StatusOK, "")
	if second.RefreshToken == "" || second.RefreshToken == first.RefreshToken {
		t.Error("the refresh token was not rotated")
	}
	if id := b.claims(second.IDToken); id["sub"] != "auth0|dev-admin" || id["nonce"] != nil {
		t.Errorf("got ID token %v, want the same subject and no nonce", id)
	}

	// A part of the scope may be asked for, and what was not granted at sign-in never comes.
	narrow := b.token(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {second.RefreshToken},
		"scope": {"email delete:items"}, "audience": {audience},
	})
	narrow.want(t, http.StatusOK, "")
	if narrow.Scope != "email" || narrow.IDToken != "" {
		t.Errorf("got %+v, want the scope email alone", narrow)
	}
	third := b.refresh(narrow.RefreshToken)
	if third.Scope != first.Scope {
		t.Errorf("got scope %q after a narrow one, want %q", third.Scope, first.Scope)
	}
	b.token(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {third.RefreshToken},
		"audience": {"https://other.example.com"},
	}).want(t, http.StatusForbidden, "access_denied")

	reused := b.refresh(first.RefreshToken)
	reused.want(t, http.StatusForbidden, "invalid_grant")
	if !strings.Contains(reused.Description, "invalid refresh token") {
		t.Errorf("got description %q, which Auth0's SDK does not know", reused.Description)
	}
	b.refresh(third.RefreshToken).want(t, http.StatusForbidden, "invalid_grant")
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

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	b := start(t)
	form := url.Values{"grant_type": {"client_credentials"}}
	inBody := b.token(with(form, url.Values{"client_id": {clientID}, "client_secret": {"development-secret"}}))
	inBody.want(t, http.StatusOK, "")
	if inBody.IDToken != "" || inBody.RefreshToken != "" {
		t.Errorf("got %+v, want an access token alone", inBody)
	}
	claims := b.claims(inBody.AccessToken)
	if claims["sub"] != clientID+"@clients" || claims["aud"] != audience || claims["gty"] != "client-credentials" || claims["azp"] != clientID {
		t.Errorf("got %v", claims)
	}
	if want := []any{"create:items", "update:items", "delete:items"}; !reflect.DeepEqual(claims["permissions"], want) {
		t.Errorf("got permissions %v, want %v", claims["permissions"], want)
	}

	inHeader := b.token(with(form, url.Values{"scope": {"openid offline_access delete:items"}}), "Authorization", "Basic bWVudS1kYXNoYm9hcmQ6ZGV2ZWxvcG1lbnQtc2VjcmV0")
	inHeader.want(t, http.StatusOK, "")
	if inHeader.Scope != "delete:items" || inHeader.IDToken != "" || inHeader.RefreshToken != "" {
		t.Errorf("got %+v, want the scope delete:items alone", inHeader)
	}

	r := b.postForm("/oauth/token", form, "Authorization", "Basic eDp5")
	parseTokens(t, r).want(t, http.StatusUnauthorized, "invalid_client")
	if got := r.header.Get("WWW-Authenticate"); got != `Basic realm="devidp"` {
		t.Errorf("got challenge %q", got)
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	b := start(t)
	const application, foreign = "http://localhost:4040", "https://evil.com"
	for _, tt := range []struct{ path, origin, want string }{
		{"/oauth/token", application, application},
		{"/oauth/token", "http://127.0.0.1:5173", "http://127.0.0.1:5173"},
		{"/oauth/token", foreign, ""}, // it must not read a token out of the answer
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
