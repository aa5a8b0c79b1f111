package devidp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"menu-api/authz/devidp"
)

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		user        string
		subject     string
		name, email string
		roles       []any
		permissions []any
	}{
		{"admin", "auth0|dev-admin", "Avery Admin", "admin@example.com", []any{"menu-admin"}, []any{"create:items", "update:items", "delete:items"}},
		{"customer", "auth0|dev-customer", "Casey Customer", "customer@example.com", []any{}, []any{}},
	}
	b := start(t)
	for _, tt := range tests {
		t.Run(tt.user, func(t *testing.T) {
			back := b.signIn(tt.user, url.Values{"prompt": {"login"}})
			if got := strings.TrimSuffix(back.String(), "?"+back.RawQuery); got != callback {
				t.Errorf("got redirect to %s, want %s", got, callback)
			}
			if got := back.Query().Get("state"); got != oddState {
				t.Errorf("got state %q, want %q", got, oddState)
			}
			answer := b.exchange(back.Query().Get("code"))
			answer.want(t, http.StatusOK, "")
			if answer.TokenType != "Bearer" || answer.ExpiresIn != 86400 || answer.Scope != "openid profile email offline_access" || answer.RefreshToken == "" {
				t.Errorf("got token answer %+v", answer)
			}

			id := b.claims(answer.IDToken)
			lifetime(t, id, 10*time.Hour)
			if updated, _ := id["updated_at"].(string); updated == "" {
				t.Error("the ID token has no updated_at")
			}
			if picture, _ := id["picture"].(string); !strings.HasPrefix(picture, "data:image/svg+xml;base64,") {
				t.Errorf("got picture %q, want a data: URL", picture)
			}
			for _, volatile := range []string{"iat", "exp", "updated_at", "picture"} {
				delete(id, volatile)
			}
			same(t, "ID token", id, map[string]any{
				"iss": b.issuer, "aud": clientID, "sub": tt.subject, "nonce": "n+0==", "name": tt.name, "nickname": tt.user,
				"email": tt.email, "email_verified": true, audience + "/roles": tt.roles,
			})

			access := b.claims(answer.AccessToken)
			lifetime(t, access, 24*time.Hour)
			delete(access, "iat")
			delete(access, "exp")
			same(t, "access token", access, map[string]any{
				"iss": b.issuer, "aud": []any{audience, b.issuer + "userinfo"}, "sub": tt.subject, "azp": clientID,
				"scope": "openid profile email offline_access", "permissions": tt.permissions, "name": tt.name,
			})
		})
	}
}

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, "http://localhost:7001/", newProvider(t, devidp.Options{TokenLifetime: 90 * time.Second}))
	answer := b.password("admin", "openid")
	answer.want(t, http.StatusOK, "")
	if answer.ExpiresIn != 90 {
		t.Errorf("got expires_in %d, want 90", answer.ExpiresIn)
	}
	lifetime(t, b.claims(answer.AccessToken), 90*time.Second)
	lifetime(t, b.claims(answer.IDToken), 10*time.Hour)
}

func lifetime(t *testing.T, claims map[string]any, want time.Duration) {
	t.Helper()
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	if got := time.Duration(expires-issued) * time.Second; got != want {
		t.Errorf("got a lifetime of %v, want %v", got, want)
	}
}

func same(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestScopeDecidesWhatIsIssued(t *testing.T) {
	t.Parallel()
	b := start(t)
	tests := []struct {
		name, user, scope string
		wantScope         string
		wantAudience      any
		id, refresh       bool
	}{
		{"none is the permissions", "admin", "", "create:items update:items delete:items", audience, false, false},
		{"none for the customer", "customer", "", "", audience, false, false},
		{"openid", "admin", "openid", "openid", []any{audience, b.issuer + "userinfo"}, true, false},
		{"offline_access", "admin", "offline_access", "offline_access", audience, false, true},
		{"permissions held", "admin", "create:items create:items", "create:items", audience, false, false},
		{"permissions not held", "customer", "openid create:items", "openid", []any{audience, b.issuer + "userinfo"}, true, false},
		{"unknown", "admin", "read:secrets", "", audience, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer := b.password(tt.user, tt.scope)
			answer.want(t, http.StatusOK, "")
			if answer.Scope != tt.wantScope {
				t.Errorf("got scope %q, want %q", answer.Scope, tt.wantScope)
			}
			if got := answer.IDToken != ""; got != tt.id {
				t.Errorf("got an ID token: %v, want %v", got, tt.id)
			}
			if got := answer.RefreshToken != ""; got != tt.refresh {
				t.Errorf("got a refresh token: %v, want %v", got, tt.refresh)
			}
			if got := b.claims(answer.AccessToken)["aud"]; !reflect.DeepEqual(got, tt.wantAudience) {
				t.Errorf("got aud %v, want %v", got, tt.wantAudience)
			}
			if tt.id {
				if claims := b.claims(answer.IDToken); claims["name"] != nil || claims["email"] != nil || claims["nonce"] != nil {
					t.Errorf("got claims that the scope does not include: %v", claims)
				}
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	b := start(t)
	r := b.get("/.well-known/openid-configuration", "Origin", "http://localhost:4040")
	if got := r.header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("got Access-Control-Allow-Origin %q, want *", got)
	}
	var metadata map[string]any
	if err := json.Unmarshal([]byte(r.body), &metadata); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"issuer":                           b.issuer,
		"authorization_endpoint":           b.issuer + "authorize",
		"token_endpoint":                   b.issuer + "oauth/token",
		"userinfo_endpoint":                b.issuer + "userinfo",
		"jwks_uri":                         b.issuer + ".well-known/jwks.json",
		"end_session_endpoint":             b.issuer + "oidc/logout",
		"code_challenge_methods_supported": []any{"S256"},
	} {
		if got := metadata[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("got %s %v, want %v", name, got, want)
		}
	}

	r = b.get("/.well-known/jwks.json")
	if got := r.header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("got Access-Control-Allow-Origin %q, want *", got)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(r.body), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 {
		t.Fatalf("got %d keys, want 1", len(set.Keys))
	}
	key := set.Keys[0]
	if key["kty"] != "RSA" || key["use"] != "sig" || key["alg"] != "RS256" || key["kid"] == "" || key["n"] == "" || key["e"] != "AQAB" {
		t.Errorf("got key %v", key)
	}
	for _, private := range []string{"d", "p", "q"} {
		if key[private] != "" {
			t.Errorf("the private %s is published", private)
		}
	}
}

func TestUserinfo(t *testing.T) {
	t.Parallel()
	b := start(t)
	answer := b.password("admin", "openid profile email")

	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r := b.do(method, "/userinfo", "", "Authorization", "bearer "+answer.AccessToken)
		var claims map[string]any
		if err := json.Unmarshal([]byte(r.body), &claims); err != nil || r.status != http.StatusOK {
			t.Fatalf("%s: got %d %s", method, r.status, r.body)
		}
		if claims["sub"] != "auth0|dev-admin" || claims["email"] != "admin@example.com" || claims["name"] != "Avery Admin" {
			t.Errorf("%s: got %v", method, claims)
		}
	}

	other := newBrowser(t, b.issuer, newProvider(t, devidp.Options{}))
	rejected := []struct{ name, authorization, challenge string }{
		{"none", "", `Bearer realm="devidp"`},
		{"another scheme", "Basic YTpi", `Bearer realm="devidp"`},
		{"empty", "Bearer ", `Bearer realm="devidp"`},
		{"garbage", "Bearer a.b.c", `Bearer realm="devidp", error="invalid_token"`},
		{"an ID token", "Bearer " + answer.IDToken, `Bearer realm="devidp", error="invalid_token"`},
		{"without openid", "Bearer " + b.password("admin", "").AccessToken, `Bearer realm="devidp", error="invalid_token"`},
		{"of another provider", "Bearer " + other.password("admin", "openid").AccessToken, `Bearer realm="devidp", error="invalid_token"`},
		{"tampered with", "Bearer " + answer.AccessToken[:len(answer.AccessToken)-8] + "AAAAAAAA", `Bearer realm="devidp", error="invalid_token"`},
	}
	for _, tt := range rejected {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := b.get("/userinfo", "Authorization", tt.authorization)
			if r.status != http.StatusUnauthorized || strings.Contains(r.body, "Avery") {
				t.Errorf("got %d %s, want 401", r.status, r.body)
			}
			if got := r.header.Get("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("got challenge %s, want %s", got, tt.challenge)
			}
		})
	}
}
