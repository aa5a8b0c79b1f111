package devidp

import (
	"net/http"
	"slices"
)

// discovery publishes the provider's metadata (OpenID Connect Discovery 1.0 section 3).
func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	p.writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                p.issuer.String(),
		"authorization_endpoint":                p.endpoint("authorize"),
		"token_endpoint":                        p.endpoint("oauth/token"),
		"userinfo_endpoint":                     p.endpoint("userinfo"),
		"jwks_uri":                              p.endpoint(".well-known/jwks.json"),
		"end_session_endpoint":                  p.endpoint("oidc/logout"),
		"scopes_supported":                      slices.Concat(identityScopes, p.permissions),
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query", "web_message"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "password", "client_credentials"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"none", "client_secret_post", "client_secret_basic"},
		"code_challenge_methods_supported":      []string{"S256"},
		"claims_supported": []string{
			"iss", "sub", "aud", "iat", "exp", "nonce",
			"name", "nickname", "picture", "updated_at", "email", "email_verified",
		},
		"request_uri_parameter_supported": false, // the default is true
	})
}
