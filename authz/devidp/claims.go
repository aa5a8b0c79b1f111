package devidp

import (
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	defaultTokenLifetime = 24 * time.Hour // of access tokens
	idTokenLifetime      = 10 * time.Hour
)

// identityScopes ask for who somebody is. All other scopes ask for what somebody may do.
var identityScopes = []string{"openid", "profile", "email", "offline_access"}

// grant is what was granted to whom: the source of every token of one sign-in.
type grant struct {
	user     *user
	audience string
	scope    []string
	nonce    string
	kind     string // the gty claim: empty, "password" or "client-credentials"
}

// newGrant gives a person the scopes asked for, less those that stand for permissions the person does not hold. It is what
// Auth0 does for an API that has RBAC switched on.
func newGrant(u *user, audience, scope, nonce string) grant {
	g := grant{user: u, audience: audience, nonce: nonce, scope: u.Permissions} // asked for nothing: RFC 6749 section 3.3
	if scope != "" {
		g.scope = allowedScope(scope, slices.Concat(identityScopes, u.Permissions))
	}
	return g
}

// allowedScope returns those of the space-separated scopes that are allowed, each once.
func allowedScope(scope string, allowed []string) []string {
	var granted []string
	for s := range strings.FieldsSeq(scope) {
		if slices.Contains(allowed, s) && !slices.Contains(granted, s) {
			granted = append(granted, s)
		}
	}
	return granted
}

func (g grant) has(scope string) bool {
	return slices.Contains(g.scope, scope)
}

// registeredClaims are those of RFC 7519 section 4.1. The library's own type always writes aud as an array.
type registeredClaims struct {
	Issuer   string           `json:"iss"`
	Subject  string           `json:"sub"`
	Audience any              `json:"aud"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	Expiry   *jwt.NumericDate `json:"exp"`
}

func (p *Provider) registered(g grant, audience any, lifetime time.Duration) registeredClaims {
	now := time.Now()
	return registeredClaims{p.issuer.String(), g.user.Subject, audience, jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(lifetime))}
}

// profileClaims say who somebody is, as far as the scope asks (OpenID Connect Core section 5.4).
type profileClaims struct {
	Name          string `json:"name,omitempty"`
	Nickname      string `json:"nickname,omitempty"`
	Picture       string `json:"picture,omitempty"`
	UpdatedAt     string `json:"updated_at,omitempty"` // a date, as Auth0 has it; the standard has a number
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
}

func (g grant) profile() (c profileClaims) {
	if g.has("profile") {
		c.Name, c.Nickname, c.Picture, c.UpdatedAt = g.user.Name, g.user.Login, g.user.Picture, g.user.UpdatedAt
	}
	if g.has("email") {
		c.Email, c.EmailVerified = g.user.Email, new(true)
	}
	return c
}

// accessClaims are an access token's own, under Auth0's names.
type accessClaims struct {
	AuthorizedParty string   `json:"azp"`
	Scope           string   `json:"scope"`
	GrantType       string   `json:"gty,omitempty"`
	Permissions     []string `json:"permissions"`
}

func (p *Provider) accessToken(g grant) (string, error) {
	var audience any = g.audience
	if g.has("openid") {
		audience = []string{g.audience, p.endpoint("userinfo")}
	}
	return p.keys.sign(
		p.registered(g, audience, p.lifetime),
		accessClaims{p.clientID, strings.Join(g.scope, " "), g.kind, g.user.Permissions},
	)
}

func (p *Provider) idToken(g grant) (string, error) {
	own := map[string]any{g.audience + "/roles": g.user.Roles}
	if g.nonce != "" {
		own["nonce"] = g.nonce
	}
	return p.keys.sign(p.registered(g, p.clientID, idTokenLifetime), g.profile(), own)
}
