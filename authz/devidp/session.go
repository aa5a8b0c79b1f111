package devidp

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const sessionCookie = "devidp_session"

// session is a signed-in user in one browser.
type session struct {
	user   *user
	origin atomic.Pointer[string] // of the application that the user signed in to last
}

// sessionID returns the id of a request's session, or "".
func sessionID(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets the session cookie. Scripts cannot read it. Lax is enough for the silent login in a frame: an application
// on another port of localhost is another origin, but the same site.
func (p *Provider) setCookie(w http.ResponseWriter, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: int(lifetime.Seconds()),
		HttpOnly: true, Secure: p.issuer.Scheme == "https", SameSite: http.SameSiteLaxMode,
	})
}

// logout returns a handler that ends the browser's session and redirects to the URL in the named parameter. Without it,
// the handler redirects to the application that the user signed in to last: like Auth0, which redirects to the client's
// first allowed logout URL.
func (p *Provider) logout(parameter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if id := q.Get("client_id"); id != "" && id != p.options.ClientID {
			p.errorPage(w, http.StatusBadRequest, "Unknown client. The client_id has to be "+p.options.ClientID+".")
			return
		}
		target, ok := parseLoopbackURL(q.Get(parameter))
		if q.Has(parameter) && (!ok || len(q[parameter]) > 1) {
			p.errorPage(w, http.StatusBadRequest, "The "+parameter+" is not allowed. "+allowedURLs)
			return
		}
		p.setCookie(w, "", -time.Second)
		if s, ok := p.sessions.take(sessionID(r)); ok {
			p.log.Info("signed out", "user", s.user.Login)
			if target == nil {
				target, _ = parseLoopbackURL(*s.origin.Load())
			}
		}
		if target == nil {
			p.page(w, http.StatusOK, simplePage("You are signed out", "You may close this page, or go back to the application."))
			return
		}
		state := map[string]string{}
		if q.Has("state") {
			state["state"] = q.Get("state")
		}
		p.redirect(w, r, target, state)
	}
}

const allowedURLs = "Allowed is any path on http://localhost:<port> or http://127.0.0.1:<port>, without a fragment."

// parseLoopbackURL accepts the URLs that a redirect may lead to: any path at any port of this machine, over plain http. It
// compares parsed components, never prefixes: "http://localhost" is also a prefix of http://localhost.evil.com and
// http://localhost@evil.com (RFC 9700 section 4.1).
func parseLoopbackURL(raw string) (*url.URL, bool) {
	// Browsers read a backslash as a slash, drop tabs and line feeds, and trim blanks. Reject everything that they correct.
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' || c == '#' }) {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Opaque != "" || !strings.HasPrefix(raw, "http:") { // u.Scheme is in lower case
		return nil, false
	}
	name, port, hasPort := strings.Cut(u.Host, ":")
	if name != "localhost" && name != "127.0.0.1" {
		return nil, false
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0 || strconv.FormatUint(n, 10) != port) {
		return nil, false
	}
	return u, true
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// redirect sends the browser to a URL with parameters. RFC 6749 section 3.1.2: the query that the URL already has is kept.
func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, to *url.URL, parameters map[string]string) {
	q := to.Query()
	for name, value := range parameters {
		q.Set(name, value)
	}
	with := *to
	with.RawQuery = q.Encode()
	// 303, so that the browser does not post the sign-in form to the application (RFC 9700 section 4.12).
	http.Redirect(w, r, with.String(), http.StatusSeeOther) //nolint:gosec // the caller has checked that it is a loopback URL
}

const maxStored = 1_000

// store keeps values under unguessable keys, each for a limited time. If it is full, it evicts the least recently used
// value. The library's own expirable cache is not used because its goroutine never stops.
type store[V any] struct {
	lifetime time.Duration
	entries  *lru.Cache[string, entry[V]]
}

type entry[V any] struct {
	value   V
	expires time.Time
}

func newStore[V any](lifetime time.Duration) *store[V] {
	entries, _ := lru.New[string, entry[V]](maxStored) // fails only for a size below one
	return &store[V]{lifetime, entries}
}

// add stores a value under a new key, which is safe in a URL, a cookie and a header, and returns the key.
func (s *store[V]) add(value V) string {
	key := rand.Text() // RFC 6749 section 10.10 requires its 128 bits
	s.put(key, value)
	return key
}

func (s *store[V]) put(key string, value V) {
	s.entries.Add(key, entry[V]{value, time.Now().Add(s.lifetime)})
}

// get returns the value under a key, unless it has expired.
func (s *store[V]) get(key string) (value V, ok bool) {
	e, ok := s.entries.Get(key)
	if !ok || !time.Now().Before(e.expires) {
		return value, false
	}
	return e.value, true
}

// take removes the value under a key and returns it. Of several concurrent callers, one gets it.
func (s *store[V]) take(key string) (V, bool) {
	value, ok := s.get(key)
	return value, s.entries.Remove(key) && ok
}
