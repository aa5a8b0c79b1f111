package devidp

import (
	"net/http"
	"sync/atomic"
	"time"
)

const (
	sessionCookie = "devidp_session" // who is signed in
	browserCookie = "devidp_browser" // which browser opened a sign-in page
)

// session says who is signed in, in one browser.
type session struct {
	user   *user
	origin atomic.Pointer[string] // of the application that it last signed in to: where to go after sign-out
}

// sessionOf returns the session that a request belongs to, or nil.
func (p *Provider) sessionOf(r *http.Request) *session {
	s, _ := p.sessions.get(cookieValue(r, sessionCookie))
	return s
}

// startSession replaces the browser's session. The id is new, so that nobody else can have planted it.
func (p *Provider) startSession(w http.ResponseWriter, r *http.Request, u *user) *session {
	p.sessions.remove(cookieValue(r, sessionCookie))
	s := &session{user: u}
	p.setCookie(w, sessionCookie, p.sessions.add(s), sessionLifetime)
	return s
}

// endSession forgets the browser's session and returns it, or nil if there was none.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) *session {
	s := p.sessionOf(r)
	p.sessions.remove(cookieValue(r, sessionCookie))
	p.setCookie(w, sessionCookie, "", -time.Second)
	return s
}

func cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie that scripts cannot read. Lax is enough for the silent login in a frame: an application on
// another port of localhost is another origin, but the same site.
func (p *Provider) setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     "/",
		MaxAge:   int(lifetime.Seconds()),
		HttpOnly: true,
		Secure:   p.issuer.Scheme == "https",
		SameSite: http.SameSiteLaxMode,
	})
}
