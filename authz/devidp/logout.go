package devidp

import (
	"errors"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4/jwt"
)

// logout is Auth0's own sign-out endpoint.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	p.signOut(w, r, "returnTo", "")
}

// oidcLogout is the standard one (OpenID Connect RP-Initiated Logout 1.0), which the metadata announces.
func (p *Provider) oidcLogout(w http.ResponseWriter, r *http.Request) {
	if hint := r.URL.Query().Get("id_token_hint"); hint != "" {
		if err := p.verifyIDTokenHint(hint); err != nil {
			p.log.Info("sign-out refused", "reason", err)
			p.errorPage(w, http.StatusBadRequest, "The id_token_hint is not an ID token of this provider.")
			return
		}
	}
	p.signOut(w, r, "post_logout_redirect_uri", r.URL.Query().Get("state"))
}

// signOut ends the browser's session and sends the browser where the named parameter says. Without it, the browser goes
// back to the application that the session was last used for, the closest thing there is to the first of a client's
// "Allowed Logout URLs".
func (p *Provider) signOut(w http.ResponseWriter, r *http.Request, parameter, state string) {
	w.Header().Set("Cache-Control", "no-store")
	q := r.URL.Query()
	if id := q.Get("client_id"); id != "" && id != p.clientID {
		p.errorPage(w, http.StatusBadRequest, "Unknown client. The client_id has to be "+p.clientID+".")
		return
	}
	target, ok := parseLoopbackURL(q.Get(parameter))
	if q.Has(parameter) && (!ok || len(q[parameter]) > 1) {
		p.errorPage(w, http.StatusBadRequest, "The "+parameter+" is not allowed. "+allowedURLs)
		return
	}
	s := p.endSession(w, r)
	if s != nil {
		p.log.Info("signed out", "user", s.user.Login)
		if origin := s.origin.Load(); target == nil && origin != nil {
			target, _ = parseLoopbackURL(*origin)
		}
	}
	if target == nil {
		p.page(w, http.StatusOK, simplePage("You are signed out", "You may close this page, or go back to the application."))
		return
	}
	http.Redirect(w, r, withQuery(target, map[string]string{"state": state}), http.StatusSeeOther)
}

// verifyIDTokenHint accepts every ID token that was ever issued to the client, expired ones included.
func (p *Provider) verifyIDTokenHint(token string) error {
	var claims jwt.Claims
	if err := p.keys.verify(token, &claims); err != nil {
		return err
	}
	if claims.Issuer != p.issuer.String() || !slices.Contains(claims.Audience, p.clientID) {
		return errors.New("not issued to this client")
	}
	return nil
}
