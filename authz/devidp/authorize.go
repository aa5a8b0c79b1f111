package devidp

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
)

// authorizationRequest is what an application asks for at /authorize (RFC 6749 section 4.1.1, OpenID Connect Core
// section 3.1.2.1, RFC 7636 section 4.3).
type authorizationRequest struct {
	redirectURI *url.URL
	rawRedirect string // as sent: the token request has to repeat it
	webMessage  bool   // answer by postMessage, not by a redirect
	state       string
	nonce       string
	scope       string
	audience    string
	challenge   string
	prompt      []string
}

// authorizationResponse is what the application gets back, in a query or in a message.
type authorizationResponse struct {
	Code             string `json:"code,omitempty"`
	Error            string `json:"error,omitempty"`
	ErrorDescription string `json:"error_description,omitempty"`
	State            string `json:"state,omitempty"`
}

// code is an issued authorization code. There is one client and every endpoint refuses any other, so a code is bound to
// its client without having to name it.
type code struct {
	grant
	rawRedirect string
	challenge   string
	family      *family // of the refresh tokens that it will be exchanged for
	spent       atomic.Bool
}

// authorize is the authorization endpoint.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if len(r.URL.RawQuery) > maxQueryLength {
		p.errorPage(w, http.StatusRequestURITooLong, "This authorization request is too long.")
		return
	}

	// Until client and redirect URI are known to be good, an error is shown to the person and goes nowhere else, or the
	// provider would be an open redirector (RFC 6749 section 4.1.2.1).
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		p.errorPage(w, http.StatusBadRequest, "The query of this authorization request is malformed.")
		return
	}
	if id := q["client_id"]; len(id) != 1 || id[0] != p.clientID {
		p.errorPage(w, http.StatusBadRequest, "Unknown client. The client_id has to be "+p.clientID+".")
		return
	}
	redirectURI, ok := parseLoopbackURL(q.Get("redirect_uri"))
	if !ok || len(q["redirect_uri"]) != 1 {
		p.errorPage(w, http.StatusBadRequest, "The redirect_uri is missing or not allowed. "+allowedURLs)
		return
	}

	req := &authorizationRequest{
		redirectURI: redirectURI,
		rawRedirect: q.Get("redirect_uri"),
		webMessage:  q.Get("response_mode") == "web_message",
		state:       q.Get("state"),
		nonce:       q.Get("nonce"),
		scope:       q.Get("scope"),
		audience:    q.Get("audience"),
		challenge:   q.Get("code_challenge"),
		prompt:      strings.Fields(q.Get("prompt")),
	}
	if err := p.checkRequest(req, q); err != nil {
		p.respond(w, r, req, authorizationResponse{Error: err.Code, ErrorDescription: err.Description})
		return
	}

	s := p.sessionOf(r)
	again := slices.Contains(req.prompt, "login") || slices.Contains(req.prompt, "select_account")
	switch {
	case s != nil && !again:
		p.grantCode(w, r, req, s)
	case slices.Contains(req.prompt, "none"):
		p.respond(w, r, req, authorizationResponse{Error: "login_required", ErrorDescription: "Login required"})
	default:
		p.signInPage(w, r, req)
	}
}

// checkRequest judges everything that is reported to the application, and fills in the default audience.
func (p *Provider) checkRequest(req *authorizationRequest, q url.Values) *oauthError {
	for name, values := range q {
		if len(values) > 1 {
			return invalidRequest("Repeated parameter: " + name) // RFC 6749 section 3.1
		}
	}
	if mode := q.Get("response_mode"); mode != "" && mode != "query" && mode != "web_message" {
		return invalidRequest("Unsupported response mode: " + mode)
	}
	switch kind := q.Get("response_type"); kind {
	case "code":
	case "":
		return invalidRequest("Missing required parameter: response_type")
	default:
		return &oauthError{Code: "unsupported_response_type", Description: "Unsupported response type: " + kind}
	}
	if req.audience == "" {
		req.audience = p.audiences[0]
	}
	if !slices.Contains(p.audiences, req.audience) {
		return &oauthError{Code: "access_denied", Description: "Service not found: " + req.audience}
	}
	// PKCE is not optional, and only S256 keeps the verifier off the front channel (RFC 9700 section 2.1.1). A missing
	// method means plain (RFC 7636 section 4.3).
	if req.challenge == "" {
		return invalidRequest("Missing required parameter: code_challenge")
	}
	if q.Get("code_challenge_method") != "S256" {
		return invalidRequest("The code_challenge_method has to be S256")
	}
	if sum, err := base64.RawURLEncoding.DecodeString(req.challenge); err != nil || len(sum) != 32 {
		return invalidRequest("The code_challenge is not the base64url of a SHA-256 hash")
	}
	if slices.Contains(req.prompt, "none") && len(req.prompt) > 1 {
		return invalidRequest("prompt=none cannot be combined with another prompt")
	}
	return nil
}

// grantCode answers an authorization request with a code for the person who is signed in.
func (p *Provider) grantCode(w http.ResponseWriter, r *http.Request, req *authorizationRequest, s *session) {
	origin := originOf(req.redirectURI)
	s.origin.Store(&origin)
	p.log.Info("authorization code issued", "user", s.user.Login, "audience", req.audience, "application", origin)
	p.respond(w, r, req, authorizationResponse{Code: p.codes.add(&code{
		grant:       newGrant(s.user, req.audience, req.scope, req.nonce),
		rawRedirect: req.rawRedirect,
		challenge:   req.challenge,
		family:      new(family),
	})})
}

// respond hands the outcome of an authorization request to the application, the state exactly as it came.
func (p *Provider) respond(w http.ResponseWriter, r *http.Request, req *authorizationRequest, a authorizationResponse) {
	a.State = req.state
	if req.webMessage {
		p.messagePage(w, originOf(req.redirectURI), a)
		return
	}
	// 303, so that the browser never posts the sign-in form on to the application (RFC 9700 section 4.12).
	http.Redirect(w, r, withQuery(req.redirectURI, map[string]string{
		"code":              a.Code,
		"error":             a.Error,
		"error_description": a.ErrorDescription,
		"state":             a.State,
	}), http.StatusSeeOther)
}
