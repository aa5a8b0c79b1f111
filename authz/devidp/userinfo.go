package devidp

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"
)

// userinfo tells an application who its access token stands for (OpenID Connect Core section 5.3).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		// No token, no error code (RFC 6750 section 3.1).
		w.Header().Set("WWW-Authenticate", `Bearer realm="devidp"`)
		p.writeJSON(w, http.StatusUnauthorized, invalidRequest("Send an access token as a Bearer token"))
		return
	}
	g, err := p.verifyAccessToken(strings.TrimSpace(token))
	if err != nil {
		p.log.Info("userinfo refused", "reason", err)
		w.Header().Set("WWW-Authenticate", `Bearer realm="devidp", error="invalid_token"`)
		p.writeJSON(w, http.StatusUnauthorized, &oauthError{
			Code: "invalid_token", Description: "The access token is invalid, expired, or was issued without the scope openid",
		})
		return
	}
	p.writeJSON(w, http.StatusOK, struct {
		Subject string `json:"sub"`
		profileClaims
	}{g.user.Subject, g.profile()})
}

// verifyAccessToken returns what an access token, issued for this endpoint, was granted.
func (p *Provider) verifyAccessToken(token string) (grant, error) {
	var registered jwt.Claims
	var own accessClaims
	if err := p.keys.verify(token, &registered, &own); err != nil {
		return grant{}, err
	}
	if err := registered.ValidateWithLeeway(jwt.Expected{
		Issuer:      p.issuer.String(),
		AnyAudience: jwt.Audience{p.endpoint("userinfo")},
	}, 0); err != nil {
		return grant{}, err
	}
	u := p.userBy(func(u *user) bool { return u.Subject == registered.Subject })
	if u == nil {
		return grant{}, errors.New("unknown subject")
	}
	return grant{user: u, scope: strings.Fields(own.Scope)}, nil
}
