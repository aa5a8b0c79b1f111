// Package devidp is a development identity provider: an OAuth 2.0 and OpenID Connect server that stands in for an Auth0
// tenant on a developer's own machine. Nobody has to prove who they are to it, so it must never face a network. What it
// issues is real, though: RS256 tokens, published keys, PKCE, rotation of keys and of refresh tokens, so that a resource
// server or a single-page application cannot tell it from the tenant it will meet in production.
package devidp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// clientSecret is the fixed secret of the one client, for the client_credentials grant. It protects nothing.
const clientSecret = "development-secret"

// Every store is bounded in time and in number: whoever can reach the provider can make it remember things.
const (
	codeLifetime    = time.Minute // RFC 6749 section 4.1.2 allows ten at most
	loginLifetime   = time.Hour
	sessionLifetime = 8 * time.Hour
	refreshLifetime = 30 * 24 * time.Hour

	maxStored      = 1_000    // codes, sign-in pages, sessions
	maxRefresh     = 10_000   // spent refresh tokens stay, so that a second use is noticed
	maxQueryLength = 8 << 10  // of an authorization request, which is kept while its sign-in page is open
	maxBodyLength  = 64 << 10 // of anything posted
)

// Options says whom the provider serves.
type Options struct {
	Issuer      string       // absolute, with the trailing slash: "http://localhost:7001/"
	ClientID    string       // the single-page application's client id, e.g. "menu-dashboard"
	Audiences   []string     // API identifiers it issues access tokens for; the first is the default when a request names none
	Permissions []string     // what the administrator, and the client itself, hold in every access token
	Logger      *slog.Logger // may be nil

	// TokenLifetime is how long an access token is good for, in whole seconds. 0 is a day, which is Auth0's default.
	TokenLifetime time.Duration
}

// Provider is the identity provider's HTTP handler. It keeps everything in memory and is safe for concurrent use.
type Provider struct {
	issuer      *url.URL
	clientID    string
	audiences   []string
	permissions []string
	log         *slog.Logger
	lifetime    time.Duration // of access tokens

	handler http.Handler
	keys    *keyring
	users   []*user

	logins   *vault[login]         // authorization requests whose sign-in page is open
	sessions *vault[*session]      // by the session cookie
	codes    *vault[*code]         // authorization codes, spent ones included until they expire
	refresh  *vault[*refreshToken] // refresh tokens, spent ones included until they expire
}

// New returns a provider with a fresh signing key, or an error that names every option that is wrong.
func New(o Options) (*Provider, error) {
	issuer, err := parseIssuer(o.Issuer)
	if o.ClientID == "" {
		err = errors.Join(err, errors.New("devidp: ClientID is empty"))
	}
	if len(o.Audiences) == 0 || slices.Contains(o.Audiences, "") {
		err = errors.Join(err, errors.New("devidp: Audiences needs at least one name, and none may be empty"))
	}
	if o.TokenLifetime != 0 && o.TokenLifetime < time.Second { // tokens count in seconds
		err = errors.Join(err, errors.New("devidp: TokenLifetime is less than a second"))
	}
	if err != nil {
		return nil, err
	}
	keys, err := newKeyring()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		issuer:      issuer,
		clientID:    o.ClientID,
		audiences:   slices.Clone(o.Audiences),
		permissions: append([]string{}, o.Permissions...), // never nil: an empty list has to be [] in a token
		log:         o.Logger,
		lifetime:    cmp.Or(o.TokenLifetime, defaultTokenLifetime),
		keys:        keys,
		logins:      newVault[login](loginLifetime, maxStored),
		sessions:    newVault[*session](sessionLifetime, maxStored),
		codes:       newVault[*code](codeLifetime, maxStored),
		refresh:     newVault[*refreshToken](refreshLifetime, maxRefresh),
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.users = developers(p.permissions, time.Now())
	p.handler = p.routes()
	return p, nil
}

func parseIssuer(issuer string) (*url.URL, error) {
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("devidp: Issuer: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil, u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("devidp: Issuer %q is not of the form http://host:port/", issuer)
	}
	return u, nil
}

func (p *Provider) routes() http.Handler {
	mux := http.NewServeMux()
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(p.foreignOrigin))

	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /style.css", stylesheet)

	mux.HandleFunc("GET /authorize", p.authorize)
	mux.Handle("POST /login", sameOrigin.Handler(http.HandlerFunc(p.login)))
	mux.HandleFunc("GET /v2/logout", p.logout)
	mux.HandleFunc("GET /oidc/logout", p.oidcLogout)
	mux.Handle("POST /dev/rotate", sameOrigin.Handler(http.HandlerFunc(p.rotate)))

	// What a single-page application calls from its own origin.
	mux.HandleFunc("GET /.well-known/openid-configuration", public(p.discovery))
	mux.HandleFunc("GET /.well-known/jwks.json", public(p.jwks))
	mux.HandleFunc("POST /oauth/token", forApplications(p.token))
	mux.HandleFunc("GET /userinfo", forApplications(p.userinfo))
	mux.HandleFunc("POST /userinfo", forApplications(p.userinfo))
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/jwks.json"} {
		mux.HandleFunc("OPTIONS "+path, public(preflight))
	}
	for _, path := range []string{"/oauth/token", "/userinfo"} {
		mux.HandleFunc("OPTIONS "+path, forApplications(preflight))
	}
	return p.withErrorPages(mux)
}

// ServeHTTP answers a request that was addressed to the provider by its own name.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")

	// DNS rebinding: a hostile page whose own name has been pointed at 127.0.0.1 is same-origin with us as far as the
	// browser can see. Only the Host header tells.
	if !p.isOwnHost(r.Host) {
		http.Error(w, "This development identity provider answers only as "+p.issuer.String(), http.StatusMisdirectedRequest)
		return
	}
	p.handler.ServeHTTP(w, r)
}

// isOwnHost reports whether a Host header names the issuer, or this machine at the issuer's port.
func (p *Provider) isOwnHost(host string) bool {
	name, port := splitHost(host, p.issuer.Scheme)
	issuerName, issuerPort := splitHost(p.issuer.Host, p.issuer.Scheme)
	return port == issuerPort && slices.Contains([]string{issuerName, "localhost", "127.0.0.1", "::1"}, name)
}

func splitHost(host, scheme string) (name, port string) {
	name, port, err := net.SplitHostPort(host)
	if err != nil { // no port
		name, port = strings.Trim(host, "[]"), map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return strings.ToLower(name), port
}

// endpoint returns the absolute URL of one of the provider's paths, given without its leading slash.
func (p *Provider) endpoint(path string) string {
	return p.issuer.String() + path
}
