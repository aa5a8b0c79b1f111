// Package keycloak_test checks that the API works as docs/sign-in.md says.
package keycloak_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
	"menu-api/authz/authztest"
	"menu-api/config"
	"menu-api/items"
)

// realm is the part of menu-realm.json that this test checks.
type realm struct {
	Realm string
	Roles struct {
		Realm []struct {
			Name       string
			Composites struct{ Client map[string][]string }
		}
		Client map[string][]struct{ Name string }
	}
	Clients []struct {
		ClientID        string `json:"clientId"`
		ProtocolMappers []struct {
			ProtocolMapper string
			Config         map[string]string
		}
	}
}

func TestRealm(t *testing.T) {
	t.Parallel()
	r := mustReadRealm(t)
	var permissions []string
	for _, role := range r.Roles.Client[authztest.Audience] {
		permissions = append(permissions, role.Name)
	}
	if !slices.Equal(permissions, items.Permissions()) {
		t.Errorf("got the client roles %q, want the permissions of package items, %q", permissions, items.Permissions())
	}
	granted := map[string][]string{}
	for _, role := range r.Roles.Realm {
		granted[role.Name] = role.Composites.Client[authztest.Audience]
	}
	if len(granted) != 2 || !slices.Equal(granted["menu-admin"], items.Permissions()) || granted["menu-viewer"] != nil {
		t.Errorf("got the roles %q, want menu-admin with every permission and menu-viewer with none", granted)
	}
}

// TestTokens: the API, with the settings in sign-in.md, checks tokens as Keycloak's mappers make them.
func TestTokens(t *testing.T) {
	t.Parallel()
	key := authztest.NewKey(t)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/realms/menu/protocol/openid-connect/certs" {
			http.NotFound(w, r)
			return
		}
		// Keycloak publishes a key for encryption as well as the one for signatures.
		encryption := authztest.NewKey(t).JWK(map[string]any{"use": "enc", "alg": "RSA-OAEP"})
		_, _ = w.Write(authztest.KeySetOf(encryption, key.JWK(nil)))
	}))
	t.Cleanup(provider.Close)
	api := newAPI(t, provider.URL)

	tests := map[string]struct {
		roles  []string // of the user, in the realm
		change map[string]any
		want   int
	}{
		"an administrator":         {[]string{"menu-admin"}, nil, http.StatusOK},
		"a viewer":                 {[]string{"menu-viewer"}, nil, http.StatusForbidden},
		"a user without roles":     {nil, nil, http.StatusForbidden},
		"without audience mapper":  {[]string{"menu-admin"}, map[string]any{"aud": "account"}, http.StatusUnauthorized},
		"another realm":            {[]string{"menu-admin"}, map[string]any{"iss": provider.URL + "/realms/master"}, http.StatusUnauthorized},
		"a slash behind the realm": {[]string{"menu-admin"}, map[string]any{"iss": provider.URL + "/realms/menu/"}, http.StatusUnauthorized},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims := keycloakClaims(t, mustReadRealm(t), provider.URL, test.roles)
			maps.Copy(claims, test.change)
			payload, err := json.Marshal(claims)
			if err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
			request.Header.Set("Authorization", "Bearer "+key.Sign(t, fmt.Sprintf(`{"alg":"RS256","typ":"JWT","kid":%q}`, key.ID), string(payload)))
			response := httptest.NewRecorder()
			api.ServeHTTP(response, request)
			if response.Code != test.want {
				t.Errorf("got %d, want %d for %s", response.Code, test.want, payload)
			}
		})
	}
}

// newAPI returns a route with a guard that has the settings in sign-in.md.
func newAPI(t *testing.T, provider string) http.Handler {
	t.Helper()
	document, err := os.ReadFile("../sign-in.md")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, setting := range regexp.MustCompile(`(?m)^export (\w+)=(\S+)$`).FindAllStringSubmatch(string(document), -1) {
		env[setting[1]] = strings.Replace(setting[2], "http://localhost:8080", provider, 1)
	}
	cfg, err := config.Load(config.Serve, "", func(key string) string { return env[key] })
	if err != nil {
		t.Fatal(err)
	}
	guard, err := authz.NewGuard(authz.Options{
		Issuer: cfg.Issuer, Audiences: cfg.Audiences, ClockSkew: cfg.ClockSkew, RequirePermissions: cfg.RequirePermissions,
		Keys: authz.NewKeys(t.Context(), cfg.JWKSURL, nil, slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	engine.POST("/", guard.Authenticate, guard.Require(items.DeleteItems), func(c *gin.Context) { c.Status(http.StatusOK) })
	return engine
}

// keycloakClaims returns the claims of an access token for a user with the realm roles, as Keycloak documents its mappers.
func keycloakClaims(t *testing.T, r realm, provider string, roles []string) map[string]any {
	t.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": provider + "/realms/" + r.Realm, "sub": "f6c1b1a5-7c0e-4a53-9c3b-6f0e4a0c7f2e", "typ": "Bearer", "azp": "menu-page",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "scope": "openid profile email", "jti": "1", "sid": "2",
	}
	for _, client := range r.Clients {
		for _, mapper := range client.ProtocolMappers {
			config := mapper.Config
			if config["access.token.claim"] != "true" {
				continue
			}
			switch mapper.ProtocolMapper {
			case "oidc-audience-mapper":
				claims["aud"] = config["included.client.audience"]
			case "oidc-usermodel-client-role-mapper":
				var values []string
				for _, role := range r.Roles.Realm {
					if slices.Contains(roles, role.Name) {
						values = append(values, role.Composites.Client[config["usermodel.clientRoleMapping.clientId"]]...)
					}
				}
				if len(values) > 0 { // Keycloak omits a claim without values
					claims[config["claim.name"]] = values
				}
			default:
				t.Errorf("this test does not know the mapper %s", mapper.ProtocolMapper)
			}
		}
	}
	return claims
}

func mustReadRealm(tb testing.TB) (r realm) {
	tb.Helper()
	content, err := os.ReadFile("menu-realm.json")
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		tb.Fatal(err)
	}
	return r
}
