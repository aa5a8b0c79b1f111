package authztest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"menu-api/authz/authztest"
)

// Another library verifies the tokens with the published keys, before and after a rotation.
func TestTokensVerify(t *testing.T) {
	t.Parallel()
	issuer := authztest.NewIssuer(t)
	tokens := []string{issuer.Token(t, "create:items")}
	issuer.Rotate(t)
	tokens = append(tokens, issuer.Token(t, "create:items"))

	response, err := http.Get(issuer.JWKSURL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &keys); err != nil {
		t.Fatal(err)
	}
	if len(keys.Keys) != 2 || issuer.Fetches.Load() != 1 {
		t.Errorf("got %d keys in %d fetches, want 2 in 1", len(keys.Keys), issuer.Fetches.Load())
	}
	for _, token := range tokens {
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			jwt.Claims
			Permissions []string `json:"permissions"`
		}
		if err := parsed.Claims(keys, &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Issuer != issuer.URL || !claims.Audience.Contains(authztest.Audience) || len(claims.Permissions) != 1 {
			t.Errorf("got claims %+v", claims)
		}
	}
}
