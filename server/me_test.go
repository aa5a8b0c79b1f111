package server_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"menu-api/authz"
	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/server"
)

func TestMe(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, test := range map[string]struct {
		permissions []string
		change      map[string]any
		want        string
	}{
		"an administrator":        {items.Permissions(), nil, `["create:items","update:items","delete:items"]`},
		"a customer":              {nil, nil, `[]`},
		"in any order":            {[]string{"z:last", "delete:items", "a:other", "create:items"}, nil, `["create:items","delete:items","a:other","z:last"]`},
		"twice":                   {[]string{"update:items", "update:items"}, nil, `["update:items"]`},
		"a claim of another type": {nil, map[string]any{"permissions": "create:items"}, `[]`},
		"scopes do not count":     {nil, map[string]any{"scope": "create:items"}, `[]`},
		"text is data":            {[]string{`</script>"`}, nil, `["\u003c/script\u003e\""]`},
	} {
		change := map[string]any{"sub": "auth0|someone"}
		maps.Copy(change, test.change)
		bearer := []string{"Authorization", "Bearer " + a.issuer.TokenWith(t, test.permissions, change)}
		r := a.do("GET", "/me", "", bearer...)
		r.assertStatus(t, 200)
		if want := `{"sub":"auth0|someone","permissions":` + test.want + `}`; r.body != want {
			t.Errorf("%s: got %s, want %s", name, r.body, want)
		}
		assertHeader(t, r, "Cache-Control", "no-store")
		head := a.do("HEAD", "/me", "", bearer...)
		head.assertStatus(t, 200)
		assertHeader(t, head, "Content-Type", r.header.Get("Content-Type"))
		assertHeader(t, head, "Content-Length", r.header.Get("Content-Length"))
	}
}

func TestMeIsGuarded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, headers := range map[string][]string{
		"no token": nil,
		"garbage":  {"Authorization", "Bearer x.y.z"},
		"expired":  {"Authorization", "Bearer " + a.issuer.TokenWith(t, items.Permissions(), map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})},
	} {
		r := a.do("GET", "/me", "", headers...)
		if r.status != 401 || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: got %d %v, want 401 with a challenge", name, r.status, r.header)
		}
		r.mustProblem(t)
	}
	r := a.do("POST", "/me", "", a.admin()...)
	r.assertStatus(t, 405)
	assertHeader(t, r, "Allow", "GET, HEAD")
}

// If any valid token may write, /me lists all permissions.
func TestMeWithoutPermissions(t *testing.T) {
	t.Parallel()
	var issuer *authztest.Issuer
	a := newAPI(t, func(o *server.Options) {
		issuer = authztest.NewIssuer(t)
		guard, err := authz.NewGuard(authz.Options{
			Issuer: issuer.URL, Audiences: []string{authztest.Audience}, ClockSkew: time.Minute,
			Keys: authz.NewKeys(context.Background(), issuer.JWKSURL(), nil, o.Logger),
		})
		must(t, err)
		o.Guard = guard
	})
	r := a.do("GET", "/me", "", "Authorization", "Bearer "+issuer.Token(t, "delete:items", "other"))
	want := `"permissions":["create:items","update:items","delete:items","other"]}`
	if r.status != 200 || r.body[len(r.body)-len(want):] != want {
		t.Errorf("got %d %s, want %s at the end", r.status, r.body, want)
	}
}
