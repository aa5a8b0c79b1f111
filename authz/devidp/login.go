package devidp

import (
	"crypto/subtle"
	"net/http"
)

// login is an open sign-in page. Its key in the vault is the page's CSRF token, good for one sign-in and only in the
// browser that the page was made for.
type login struct {
	request *authorizationRequest
	browser string // the value of the browser cookie
}

// signInPage shows the people one may sign in as.
func (p *Provider) signInPage(w http.ResponseWriter, r *http.Request, req *authorizationRequest) {
	browser := cookieValue(r, browserCookie) // kept when there is one: other tabs may have pages open
	if browser == "" {
		browser = randomString()
	}
	p.setCookie(w, browserCookie, browser, loginLifetime)

	// Under no-referrer a browser would post the form with "Origin: null".
	w.Header().Set("Referrer-Policy", "same-origin")
	// Chromium holds a form's redirects to form-action too, so the application has to be named.
	w.Header().Set("Content-Security-Policy", pagePolicy+"; form-action 'self' "+originOf(req.redirectURI))
	p.page(w, http.StatusOK, p.signInForm(signInForm{
		Application: p.clientID,
		Origin:      originOf(req.redirectURI),
		Audience:    req.audience,
		Token:       p.logins.add(login{req, browser}),
	}))
}

// login is where the sign-in page's form goes.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyLength)
	if err := r.ParseForm(); err != nil {
		p.errorPage(w, http.StatusBadRequest, "This form could not be read.")
		return
	}
	token := r.PostForm.Get("token")
	l, ok := p.logins.get(token)
	if !ok || subtle.ConstantTimeCompare([]byte(l.browser), []byte(cookieValue(r, browserCookie))) != 1 {
		p.errorPage(w, http.StatusForbidden, staleSignIn)
		return
	}
	u := p.userBy(func(u *user) bool { return u.Login == r.PostForm.Get("user") })
	if u == nil {
		p.errorPage(w, http.StatusBadRequest, "There is no such user.")
		return
	}
	if !p.logins.remove(token) { // another request was faster
		p.errorPage(w, http.StatusForbidden, staleSignIn)
		return
	}
	p.log.Info("signed in", "user", u.Login)
	p.grantCode(w, r, l.request, p.startSession(w, r, u))
}

const staleSignIn = "This sign-in page has expired or has been used. Go back to the application and sign in again."
