package devidp

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authorizationRequest is the valid query of /authorize (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1,
// RFC 7636 section 4.3).
type authorizationRequest struct {
	url.Values
	redirect *url.URL // the parsed redirect_uri
	audience string
}

// code is an issued authorization code. There is only one client, so the code does not name it.
type code struct {
	grant
	redirectURI string // as sent: the token request has to repeat it
	challenge   string
}

// authorize is the authorization endpoint.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	req := p.authorizationRequest(w, r)
	if req == nil {
		return
	}
	prompt := strings.Fields(req.Get("prompt"))
	s, signedIn := p.sessions.get(sessionID(r))
	switch {
	case signedIn && !slices.Contains(prompt, "login") && !slices.Contains(prompt, "select_account"):
		p.grantCode(w, r, req, s)
	case slices.Contains(prompt, "none"):
		p.respond(w, r, req, map[string]string{"error": "login_required", "error_description": "Login required"})
	default:
		// With no-referrer, a browser would post the form with "Origin: null".
		w.Header().Set("Referrer-Policy", "same-origin")
		// Chromium applies form-action to the redirect after the form, too.
		w.Header().Set("Content-Security-Policy", pagePolicy+"; form-action 'self' "+originOf(req.redirect))
		p.page(w, http.StatusOK, p.signInPage(req, "/login?"+r.URL.RawQuery))
	}
}

// login receives the form of the sign-in page. The authorization request is in the query again.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	req := p.authorizationRequest(w, r)
	if req == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyLength)
	u := p.userBy(func(u *user) bool { return u.Login == r.PostFormValue("user") })
	if u == nil {
		p.errorPage(w, http.StatusBadRequest, "There is no such user.")
		return
	}
	p.log.Info("signed in", "user", u.Login)
	// The session replaces the browser's old one. Its id is new, so that no other page can have planted it.
	p.sessions.take(sessionID(r))
	s := &session{user: u}
	p.setCookie(w, p.sessions.add(s), sessionLifetime)
	p.grantCode(w, r, req, s)
}

// authorizationRequest checks the query. If it is not valid, it sends the error response and returns nil.
func (p *Provider) authorizationRequest(w http.ResponseWriter, r *http.Request) *authorizationRequest {
	if len(r.URL.RawQuery) > maxQueryLength {
		p.errorPage(w, http.StatusRequestURITooLong, "This authorization request is too long.")
		return nil
	}
	// Until the client and the redirect URI are known to be valid, errors are shown to the user. A redirect would make the
	// provider an open redirector (RFC 6749 section 4.1.2.1).
	q := r.URL.Query()
	if id := q["client_id"]; len(id) != 1 || id[0] != p.options.ClientID {
		p.errorPage(w, http.StatusBadRequest, "Unknown client. The client_id has to be "+p.options.ClientID+".")
		return nil
	}
	redirect, ok := parseLoopbackURL(q.Get("redirect_uri"))
	if !ok || len(q["redirect_uri"]) != 1 {
		p.errorPage(w, http.StatusBadRequest, "The redirect_uri is missing or not allowed. "+allowedURLs)
		return nil
	}
	req := &authorizationRequest{q, redirect, cmp.Or(q.Get("audience"), p.options.Audiences[0])}
	if code, description := p.check(req); code != "" {
		p.respond(w, r, req, map[string]string{"error": code, "error_description": description})
		return nil
	}
	return req
}

// check returns the error code and description for the application, empty if the request is valid.
func (p *Provider) check(req *authorizationRequest) (code, description string) {
	const invalid = "invalid_request"
	for name, values := range req.Values {
		if len(values) > 1 {
			return invalid, "Repeated parameter: " + name // RFC 6749 section 3.1
		}
	}
	prompt := strings.Fields(req.Get("prompt"))
	challenge, err := base64.RawURLEncoding.DecodeString(req.Get("code_challenge"))
	switch mode, kind := req.Get("response_mode"), req.Get("response_type"); {
	case mode != "" && mode != "query" && mode != "web_message":
		return invalid, "Unsupported response mode: " + mode
	case kind == "":
		return invalid, "Missing required parameter: response_type"
	case kind != "code":
		return "unsupported_response_type", "Unsupported response type: " + kind
	case !slices.Contains(p.options.Audiences, req.audience):
		return "access_denied", "Service not found: " + req.audience
	// PKCE is required, with S256, the only method that keeps the verifier secret (RFC 9700 section 2.1.1). A missing
	// method means plain (RFC 7636 section 4.3).
	case req.Get("code_challenge_method") != "S256":
		return invalid, "The code_challenge_method has to be S256"
	case err != nil || len(challenge) != sha256.Size:
		return invalid, "The code_challenge is not the base64url of a SHA-256 hash"
	case slices.Contains(prompt, "none") && len(prompt) > 1:
		return invalid, "prompt=none cannot be combined with another prompt"
	}
	return "", ""
}

// grantCode responds with a code for the user of the session.
func (p *Provider) grantCode(w http.ResponseWriter, r *http.Request, req *authorizationRequest, s *session) {
	origin := originOf(req.redirect)
	s.origin.Store(&origin)
	p.log.Info("authorization code issued", "user", s.user.Login, "audience", req.audience, "application", origin)
	p.respond(w, r, req, map[string]string{"code": p.codes.add(code{
		grant:       newGrant(s.user, req.audience, req.Get("scope"), req.Get("nonce")),
		redirectURI: req.Get("redirect_uri"),
		challenge:   req.Get("code_challenge"),
	})})
}

// respond sends the response to the application, with the state exactly as it was received: in a message or in the query.
func (p *Provider) respond(w http.ResponseWriter, r *http.Request, req *authorizationRequest, response map[string]string) {
	if state := req.Get("state"); state != "" {
		response["state"] = state
	}
	if req.Get("response_mode") == "web_message" {
		p.messagePage(w, originOf(req.redirect), response)
		return
	}
	p.redirect(w, r, req.redirect, response)
}
