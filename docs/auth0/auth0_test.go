//go:build soak

// Package auth0_test deploys the tenant's description with Auth0's own tool to a fake tenant that records every call.
// make soak runs it, because the tool takes a minute of CPU time to compile its schemas.
package auth0_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"menu-api/authz/devidp"
	"menu-api/docs/nodetest"
	"menu-api/items"
)

const (
	audience = "https://menu.example.com"
	page     = "http://localhost:7000"
)

// TestTenantDeploys runs the command of docs/sign-in.md: the tool checks the description against its schemas and turns it into
// calls of Auth0's Management API.
func TestTenantDeploys(t *testing.T) {
	t.Parallel()
	tenant := mustDeploy(t)

	t.Run("API", func(t *testing.T) {
		var api struct {
			Identifier    string
			Algorithm     string `json:"signing_alg"`
			Dialect       string `json:"token_dialect"`
			RBAC          bool   `json:"enforce_policies"`
			RefreshTokens bool   `json:"allow_offline_access"`
			Scopes        []struct{ Value string }
		}
		mustDecode(t, one(t, tenant.bodies(t, "POST", "/resource-servers")), &api)
		var scopes []string
		for _, scope := range api.Scopes {
			scopes = append(scopes, scope.Value)
		}
		if !slices.Equal(scopes, items.Permissions()) {
			t.Errorf("got permissions %q, want those of package items, %q", scopes, items.Permissions())
		}
		if api.Identifier != audience || api.Algorithm != "RS256" || api.Dialect != "access_token_authz" || !api.RBAC || !api.RefreshTokens {
			t.Errorf("got %+v, want RS256, RBAC, permissions in the token, and refresh tokens", api)
		}
	})

	t.Run("page", func(t *testing.T) {
		got := map[string]any{}
		mustDecode(t, one(t, tenant.bodies(t, "POST", "/clients")), &got)
		refresh, _ := got["refresh_token"].(map[string]any)
		got["rotation"], got["expiration"] = refresh["rotation_type"], refresh["expiration_type"]
		for key, want := range map[string]any{
			"app_type":                   "spa",
			"token_endpoint_auth_method": "none",
			"grant_types":                []any{"authorization_code", "refresh_token"},
			"callbacks":                  []any{page + "/callback", page + "/docs/callback"},
			"allowed_logout_urls":        []any{page},
			"web_origins":                []any{page},
			"rotation":                   "rotating",
			"expiration":                 "expiring",
		} {
			if !reflect.DeepEqual(got[key], want) {
				t.Errorf("%s: got %v, want %v", key, got[key], want)
			}
		}
	})

	t.Run("Action is deployed and bound", func(t *testing.T) {
		var action struct{ Name string }
		mustDecode(t, one(t, tenant.bodies(t, "POST", "/actions/actions")), &action)
		var bound struct {
			Bindings []struct{ Ref struct{ Value string } }
		}
		mustDecode(t, one(t, tenant.bodies(t, "PATCH", "/actions/triggers/post-login/bindings")), &bound)
		if len(bound.Bindings) != 1 || bound.Bindings[0].Ref.Value != action.Name {
			t.Errorf("got the bindings %+v, want the Action %q", bound, action.Name)
		}
		one(t, tenant.bodies(t, "POST", "/actions/actions/*/deploy"))
	})

	t.Run("agrees with the development provider", func(t *testing.T) { checkAgainstDevelopment(t, tenant) })
	t.Run("the Management API knows every property", func(t *testing.T) { checkTypes(t, tenant) })

	t.Run("scopes in the document", func(t *testing.T) {
		used := map[string]bool{}
		for _, c := range tenant.calls {
			resource, _, _ := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
			used["`"+strings.ReplaceAll(resource, "-", "_")+"`"] = true
		}
		want := slices.Sorted(maps.Keys(used))
		if sentence := "of " + strings.Join(want[:3], ", ") + " and " + want[3]; len(want) != 4 || !strings.Contains(instructions(t), sentence) {
			t.Errorf("the tool uses %q; sign-in.md does not say so", want)
		}
	})
}

// mustDeploy runs the command of docs/sign-in.md, with its settings, against a fake tenant.
func mustDeploy(tb testing.TB) *tenant {
	tb.Helper()
	tenant, domain, certificate := mustStartTenant(tb)
	deploy := exec.CommandContext(tb.Context(), nodetest.Tool(tb, "a0deploy"), "import", "--input_file", "tenant.yaml")
	deploy.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + tb.TempDir(),
		"NODE_EXTRA_CA_CERTS=" + certificate,
		"AUTH0_DOMAIN=" + domain,
		"AUTH0_ACCESS_TOKEN=fake",
		match(tb, instructions(tb), `(AUTH0_INCLUDED_ONLY=)'(.*)'`),
		match(tb, instructions(tb), `(AUTH0_KEYWORD_REPLACE_MAPPINGS=)'(.*)'`),
	}
	if output, err := deploy.CombinedOutput(); err != nil {
		tb.Fatalf("a0deploy: %v\n%s", err, output)
	}
	for _, c := range tenant.calls {
		if left := regexp.MustCompile(`##\w+##|@@\w+@@`).Find(c.body); left != nil {
			tb.Errorf("%s %s: the keyword %s has no value", c.method, c.path, left)
		}
	}
	return tenant
}

// checkAgainstDevelopment compares the tenant with the development provider, which replaces it in development: both give
// the administrator the same role and permissions, and the same claim in the ID token.
func checkAgainstDevelopment(t *testing.T, tenant *tenant) {
	idToken, accessToken := mustSignInToDevelopment(t, "admin")

	var roles []string
	permissions := map[string][]string{} // by role
	for i, body := range tenant.bodies(t, "POST", "/roles") {
		var role struct{ Name string }
		mustDecode(t, body, &role)
		roles = append(roles, role.Name)
		for _, body := range tenant.bodies(t, "POST", fmt.Sprintf("/roles/roles_%d/permissions", i)) {
			var granted struct {
				Permissions []struct {
					Name string `json:"permission_name"`
					API  string `json:"resource_server_identifier"`
				}
			}
			mustDecode(t, body, &granted)
			for _, p := range granted.Permissions {
				if p.API != audience {
					t.Errorf("role %s has a permission of %s, want %s", role.Name, p.API, audience)
				}
				permissions[role.Name] = append(permissions[role.Name], p.Name)
			}
		}
	}
	slices.Sort(roles) // the tool sends them concurrently
	if want := []string{"menu-admin", "menu-viewer"}; !slices.Equal(roles, want) {
		t.Errorf("got roles %q, want %q", roles, want)
	}
	if got, want := permissions["menu-admin"], texts(accessToken["permissions"]); !slices.Equal(got, want) {
		t.Errorf("the role has the permissions %q, the development administrator %q", got, want)
	}
	if got := permissions["menu-viewer"]; got != nil {
		t.Errorf("menu-viewer has the permissions %q, want none", got)
	}

	const claim = audience + "/roles"
	var action struct{ Code string }
	mustDecode(t, one(t, tenant.bodies(t, "POST", "/actions/actions")), &action)
	tests := map[string]struct {
		event string
		want  []string
		name  any
	}{
		"an administrator": {`{"user":{"name":"Avery Admin"},"authorization":{"roles":["menu-admin"]}}`, texts(idToken[claim]), accessToken["name"]},
		"no role":          {`{"user":{"name":""},"authorization":{"roles":[]}}`, nil, nil},
		"no authorization": {`{}`, nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := mustRunAction(t, action.Code, test.event)
			if got.AccessToken["name"] != test.name || len(got.IDToken) != 1 || !slices.Equal(texts(got.IDToken[claim]), test.want) {
				t.Errorf("got %+v, want the claim %s of the ID token to be %q, and the name %v in the access token", got, claim, test.want, test.name)
			}
		})
	}
}

type customClaims struct{ IDToken, AccessToken map[string]any }

func mustRunAction(tb testing.TB, code, event string) (claims customClaims) {
	tb.Helper()
	input, err := json.Marshal(map[string]any{"code": code, "event": json.RawMessage(event)})
	if err != nil {
		tb.Fatal(err)
	}
	run := exec.CommandContext(tb.Context(), "node", "testdata/run-action.js")
	run.Stdin = bytes.NewReader(input)
	run.Stderr = os.Stderr
	output, err := run.Output()
	if err != nil {
		tb.Fatalf("the Action: %v", err)
	}
	mustDecode(tb, output, &claims)
	return claims
}

// checkTypes compares the request bodies with the types of Auth0's SDK, using the TypeScript compiler: the tool's schemas
// ignore unknown properties.
func checkTypes(t *testing.T, tenant *tenant) {
	source := "import type { Management } from 'auth0';\n"
	for _, request := range []struct{ path, of string }{
		{"/resource-servers", "CreateResourceServerRequestContent"},
		{"/clients", "CreateClientRequestContent"},
		{"/roles", "CreateRoleRequestContent"},
		{"/roles/*/permissions", "AddRolePermissionsRequestContent"},
		{"/actions/actions", "CreateActionRequestContent"},
	} {
		bodies := tenant.bodies(t, "POST", request.path)
		if len(bodies) == 0 {
			t.Errorf("nothing was sent to %s", request.path)
		}
		for _, body := range bodies {
			source += fmt.Sprintf("{ const request: Management.%s = %s; void request; }\n", request.of, body)
		}
	}
	nodetest.CheckTypes(t, source)
}

// mustSignInToDevelopment returns the claims of the two tokens that the development provider issues to a user.
func mustSignInToDevelopment(tb testing.TB, user string) (idToken, accessToken map[string]any) {
	tb.Helper()
	server := httptest.NewUnstartedServer(nil) // the issuer contains the port, so the listener comes first
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	issuer := "http://localhost:" + port + "/"
	provider, err := devidp.New(devidp.Options{
		Issuer: issuer, ClientID: "menu-dashboard", Audiences: []string{audience}, Permissions: items.Permissions(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	server.Config.Handler = provider
	server.Start()
	tb.Cleanup(server.Close)

	response, err := http.PostForm(issuer+"oauth/token", url.Values{
		"grant_type": {"password"}, "client_id": {"menu-dashboard"}, "audience": {audience},
		"username": {user}, "password": {user}, "scope": {"openid"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var tokens struct {
		ID     string `json:"id_token"`
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&tokens); err != nil {
		tb.Fatal(err)
	}
	return claimsOf(tb, tokens.ID), claimsOf(tb, tokens.Access)
}

func claimsOf(tb testing.TB, token string) (claims map[string]any) {
	tb.Helper()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		tb.Fatalf("got %q, want a token", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(segments[1])
	if err != nil {
		tb.Fatal(err)
	}
	mustDecode(tb, payload, &claims)
	return claims
}

// texts returns the strings of a JSON array, nil for anything else.
func texts(value any) (list []string) {
	values, _ := value.([]any)
	for _, v := range values {
		list = append(list, fmt.Sprint(v))
	}
	return list
}

func instructions(tb testing.TB) string {
	tb.Helper()
	content, err := os.ReadFile("../sign-in.md")
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

// match returns the text that the groups of the pattern match.
func match(tb testing.TB, text, pattern string) string {
	tb.Helper()
	groups := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if groups == nil {
		tb.Fatalf("sign-in.md does not have %s", pattern)
	}
	return strings.Join(groups[1:], "")
}

// one returns the body of the only request.
func one(tb testing.TB, bodies [][]byte) []byte {
	tb.Helper()
	if len(bodies) != 1 {
		tb.Fatalf("got %d requests, want one: %s", len(bodies), bytes.Join(bodies, []byte("\n")))
	}
	return bodies[0]
}

func mustDecode(tb testing.TB, body []byte, into any) {
	tb.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		tb.Fatalf("%v in %s", err, body)
	}
}
