package devidp

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	defaultTokenLifetime = 24 * time.Hour // of access tokens
	idTokenLifetime      = 10 * time.Hour
)

// claims are the contents of a token, or of a userinfo response.
type claims map[string]any

// registered returns the claims of RFC 7519 section 4.1.
func (p *Provider) registered(g grant, audience any, lifetime time.Duration) claims {
	now := time.Now()
	return claims{
		"iss": p.options.Issuer, "sub": g.user.Subject, "aud": audience, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
	}
}

// addProfile adds the information about the user that the scope allows (OpenID Connect Core section 5.4).
func (c claims) addProfile(g grant) claims {
	if g.has("profile") {
		maps.Copy(c, claims{
			"name": g.user.Name, "nickname": g.user.Login, "picture": g.user.Picture,
			"updated_at": "2026-01-01T00:00:00Z", // a date, as in Auth0; the standard has a number
		})
	}
	if g.has("email") {
		maps.Copy(c, claims{"email": g.user.Email, "email_verified": true})
	}
	return c
}

func (p *Provider) accessToken(g grant) string {
	var audience any = g.audience
	if g.has("openid") {
		audience = []string{g.audience, p.options.Issuer + "userinfo"}
	}
	c := p.registered(g, audience, p.options.TokenLifetime)
	c["azp"], c["scope"], c["permissions"] = p.options.ClientID, strings.Join(g.scope, " "), g.user.Permissions
	c["name"] = g.user.Name // as the Action in docs/auth0 adds it
	if g.kind != "" {
		c["gty"] = g.kind
	}
	token := p.keys.sign(c)
	p.access.put(token, g)
	return token
}

func (p *Provider) idToken(g grant) string {
	c := p.registered(g, p.options.ClientID, idTokenLifetime).addProfile(g)
	c[g.audience+"/roles"] = g.user.Roles
	if g.nonce != "" {
		c["nonce"] = g.nonce
	}
	return p.keys.sign(c)
}

// userinfo returns the profile of the user that an access token belongs to (OpenID Connect Core section 5.3). The provider
// remembers the tokens that it issued, so it does not have to verify a signature.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	isBearer := strings.EqualFold(scheme, "Bearer") && token != ""
	if g, ok := p.access.get(token); isBearer && ok && g.has("openid") {
		p.writeJSON(w, http.StatusOK, claims{"sub": g.user.Subject}.addProfile(g))
		return
	}
	challenge := `Bearer realm="devidp"`
	if isBearer {
		p.log.Info("userinfo request rejected")
		challenge += `, error="invalid_token"` // RFC 6750 section 3.1: only if there is a token
	}
	w.Header().Set("WWW-Authenticate", challenge)
	p.writeJSON(w, http.StatusUnauthorized, oauthError{
		Code: "invalid_token", Description: "Send a valid access token with the scope openid as a Bearer token",
	})
}

// user is a person who can sign in.
type user struct {
	Login       string // the user name and, in this provider, also the password
	Subject     string
	Name        string
	Email       string
	Picture     string // a data: URL, which needs no network
	About       string
	Roles       []string
	Permissions []string
}

func developmentUsers(permissions []string) []*user {
	return []*user{
		{
			Login: "admin", Subject: "auth0|dev-admin", Name: "Avery Admin", Email: "admin@example.com",
			Picture: avatar("A", "#b4232a"), About: "Administrator: has every permission",
			Roles: []string{"menu-admin"}, Permissions: permissions,
		},
		{
			Login: "customer", Subject: "auth0|dev-customer", Name: "Casey Customer", Email: "customer@example.com",
			Picture: avatar("C", "#1f6f5c"), About: "Customer: no role, no permissions",
			Roles: []string{}, Permissions: []string{},
		},
	}
}

// userBy returns the user that matches, or nil.
func (p *Provider) userBy(matches func(*user) bool) *user {
	if i := slices.IndexFunc(p.users, matches); i >= 0 {
		return p.users[i]
	}
	return nil
}
