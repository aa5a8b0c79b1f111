// Package devidp is a development identity provider: an OAuth 2.0 and OpenID Connect server that replaces an Auth0 tenant
// on a developer's own machine. Its users never prove who they are, so it must never be reachable from a network. Its
// tokens are real, though: RS256 signatures, published keys, PKCE and key rotation, so that an API or a single-page
// application cannot tell it from a tenant.
package devidp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Everything stored has a lifetime, and a store has a size limit (see store): every local page can fill it.
const (
	codeLifetime    = time.Minute // RFC 6749 section 4.1.2 allows ten at most
	sessionLifetime = 8 * time.Hour
	refreshLifetime = 30 * 24 * time.Hour

	maxQueryLength = 8 << 10
	maxBodyLength  = 64 << 10
)

// Options configure a Provider.
type Options struct {
	Issuer      string       // absolute, with the trailing slash: "http://localhost:7001/"
	ClientID    string       // the single-page application's client id, e.g. "menu-dashboard"
	Audiences   []string     // API identifiers; the first is the default for requests without an audience
	Permissions []string     // granted to the administrator
	Logger      *slog.Logger // may be nil

	// TokenLifetime is the lifetime of an access token, in whole seconds. 0 means a day, which is Auth0's default.
	TokenLifetime time.Duration
}

// Provider is the identity provider's HTTP handler. It keeps everything in memory and is safe for concurrent use.
type Provider struct {
	options Options
	issuer  *url.URL
	log     *slog.Logger
	mux     *http.ServeMux
	keys    keyring
	users   []*user

	sessions *store[*session] // by the session cookie
	codes    *store[code]     // unused authorization codes
	refresh  *store[grant]    // by refresh token
	access   *store[grant]    // by access token, for userinfo
}

// New returns a provider with a new signing key.
func New(o Options) (*Provider, error) {
	issuer, err := url.Parse(o.Issuer)
	switch {
	case err != nil || issuer.Scheme != "http" && issuer.Scheme != "https" || issuer.Hostname() == "" || o.Issuer != originOf(issuer)+"/":
		return nil, fmt.Errorf("devidp: Issuer %q is not of the form http://host:port/", o.Issuer)
	case o.ClientID == "":
		return nil, errors.New("devidp: ClientID is empty")
	case len(o.Audiences) == 0 || slices.Contains(o.Audiences, ""):
		return nil, errors.New("devidp: Audiences is empty or contains an empty name")
	case o.TokenLifetime != 0 && o.TokenLifetime < time.Second:
		return nil, errors.New("devidp: TokenLifetime is less than a second")
	}
	o.Permissions = append([]string{}, o.Permissions...) // never nil: an empty list is [] in a token
	o.TokenLifetime = cmp.Or(o.TokenLifetime, defaultTokenLifetime)
	p := &Provider{
		options:  o,
		issuer:   issuer,
		log:      cmp.Or(o.Logger, slog.New(slog.DiscardHandler)),
		users:    developmentUsers(o.Permissions),
		sessions: newStore[*session](sessionLifetime),
		codes:    newStore[code](codeLifetime),
		refresh:  newStore[grant](refreshLifetime),
		access:   newStore[grant](o.TokenLifetime),
	}
	p.mux = p.routes()
	p.keys.rotate()
	return p, nil
}

func (p *Provider) routes() *http.ServeMux {
	// A page of another origin can neither sign a browser in nor rotate the keys.
	sameOrigin := http.NewCrossOriginProtection()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /style.css", stylesheet)

	mux.HandleFunc("GET /authorize", p.authorize)
	mux.Handle("POST /login", sameOrigin.Handler(http.HandlerFunc(p.login)))
	mux.HandleFunc("POST /oauth/token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	mux.HandleFunc("POST /userinfo", p.userinfo)
	mux.HandleFunc("GET /v2/logout", p.logout("returnTo"))                   // Auth0's
	mux.HandleFunc("GET /oidc/logout", p.logout("post_logout_redirect_uri")) // OpenID Connect's

	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /.well-known/jwks.json", p.jwks)
	mux.Handle("POST /dev/rotate", sameOrigin.Handler(http.HandlerFunc(p.rotate)))
	return mux
}

// ServeHTTP serves requests that are addressed to the provider by its own name.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	// Most responses contain a token, or depend on the session (RFC 6749 section 5.1).
	w.Header().Set("Cache-Control", "no-store")

	// DNS rebinding: if a hostile site points its name to 127.0.0.1, the browser treats its pages as same-origin with the
	// provider. Only the Host header shows the difference.
	if !p.isOwnHost(r.Host) {
		http.Error(w, "The development identity provider only serves "+p.options.Issuer, http.StatusMisdirectedRequest)
		return
	}
	if allowCrossOrigin(w, r); r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// isOwnHost reports whether a Host header names the issuer, or this machine at the issuer's port.
func (p *Provider) isOwnHost(host string) bool {
	standard := map[string]string{"http": "80", "https": "443"}[p.issuer.Scheme] // clients leave the standard port out
	u, err := url.Parse(p.issuer.Scheme + "://" + strings.ToLower(host))
	return err == nil && cmp.Or(u.Port(), standard) == cmp.Or(p.issuer.Port(), standard) &&
		slices.Contains([]string{p.issuer.Hostname(), "localhost", "127.0.0.1", "::1"}, u.Hostname())
}

// allowCrossOrigin sets the CORS headers of the endpoints that a single-page application calls. Every origin may read the
// public ones. Only pages that a redirect may lead to may read a token response: otherwise, any page that a developer
// happens to visit could fetch an administrator's token with the well-known password.
func allowCrossOrigin(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration", "/.well-known/jwks.json":
		w.Header().Set("Access-Control-Allow-Origin", "*")
	case "/oauth/token", "/userinfo":
		w.Header().Add("Vary", "Origin")
		if u, ok := parseLoopbackURL(r.Header.Get("Origin")); ok {
			w.Header().Set("Access-Control-Allow-Origin", originOf(u))
		}
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Auth0-Client, Authorization") // Auth0-Client: the SDK's version
		w.Header().Set("Access-Control-Max-Age", "600")
	}
}

// discovery publishes the provider's metadata (OpenID Connect Discovery 1.0 section 3).
func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer := p.options.Issuer
	p.writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                issuer + "authorize",
		"token_endpoint":                        issuer + "oauth/token",
		"userinfo_endpoint":                     issuer + "userinfo",
		"jwks_uri":                              issuer + ".well-known/jwks.json",
		"end_session_endpoint":                  issuer + "oidc/logout",
		"scopes_supported":                      slices.Concat(identityScopes, p.options.Permissions),
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query", "web_message"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "password"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"none"},
		"code_challenge_methods_supported":      []string{"S256"},
		"request_uri_parameter_supported":       false, // the default is true
	})
}
