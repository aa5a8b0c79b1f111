package devidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
)

// tokenResponse is a successful answer of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3).
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in"`
	TokenType    string `json:"token_type"`
}

// oauthError is an unsuccessful one (RFC 6749 section 5.2). Status codes are Auth0's where they differ from the standard's.
type oauthError struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

func invalidRequest(description string) *oauthError {
	return &oauthError{http.StatusBadRequest, "invalid_request", description}
}

func invalidGrant(description string) *oauthError {
	return &oauthError{http.StatusForbidden, "invalid_grant", description}
}

func accessDenied(description string) *oauthError {
	return &oauthError{http.StatusForbidden, "access_denied", description}
}

// family is a line of refresh tokens that all go back to one sign-in.
type family struct{ revoked atomic.Bool }

// refreshToken is an issued refresh token, good for one use.
type refreshToken struct {
	grant
	family *family
	spent  atomic.Bool
}

// token is the token endpoint.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store") // RFC 6749 section 5.1
	answer, err := p.exchange(w, r)
	if err == nil {
		p.writeJSON(w, http.StatusOK, answer)
		return
	}
	var problem *oauthError
	if !errors.As(err, &problem) {
		p.log.Error("token request failed", "error", err)
		problem = &oauthError{http.StatusInternalServerError, "server_error", "The token could not be issued"}
	}
	if _, _, basic := r.BasicAuth(); basic && problem.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="devidp"`)
	}
	p.writeJSON(w, problem.Status, problem)
}

func (p *Provider) exchange(w http.ResponseWriter, r *http.Request) (*tokenResponse, error) {
	params, err := tokenParameters(w, r)
	if err != nil {
		return nil, err
	}
	if err := p.authenticateClient(r, params); err != nil {
		return nil, err
	}
	switch kind := params.Get("grant_type"); kind {
	case "authorization_code":
		return p.exchangeCode(params)
	case "refresh_token":
		return p.exchangeRefreshToken(params)
	case "password":
		return p.exchangePassword(params)
	case "client_credentials":
		return p.exchangeClientCredentials(params)
	case "":
		return nil, invalidRequest("Missing required parameter: grant_type")
	default:
		return nil, &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: " + kind}
	}
}

// tokenParameters reads the request's body: a form, as the standard has it, or JSON, which Auth0 also takes. Parameters in
// the query do not count.
func tokenParameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyLength)
	params := url.Values{}
	var err error
	switch mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType {
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
		params = r.PostForm
	case "application/json":
		var object map[string]string
		decoder := json.NewDecoder(r.Body)
		if err = decoder.Decode(&object); err == nil {
			if _, trailing := decoder.Token(); trailing != io.EOF {
				err = errors.New("trailing data")
			}
		}
		for name, value := range object {
			params.Set(name, value)
		}
	default:
		return nil, &oauthError{
			http.StatusUnsupportedMediaType, "invalid_request",
			"Send application/x-www-form-urlencoded or application/json",
		}
	}
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, &oauthError{http.StatusRequestEntityTooLarge, "invalid_request", "The request is too large"}
	}
	if err != nil {
		return nil, invalidRequest("The body is neither a form nor a JSON object of strings")
	}
	for name, values := range params {
		if len(values) > 1 {
			return nil, invalidRequest("Repeated parameter: " + name)
		}
	}
	return params, nil
}

// authenticateClient checks the client id and, where there is one, the secret: in the body or in an Authorization header
// (RFC 6749 section 2.3.1). The client is a public one and needs none, except to act on its own behalf.
func (p *Provider) authenticateClient(r *http.Request, params url.Values) error {
	id, secret := params.Get("client_id"), params.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	wrongSecret := secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(clientSecret)) != 1
	if id != p.clientID || wrongSecret || secret == "" && params.Get("grant_type") == "client_credentials" {
		return &oauthError{http.StatusUnauthorized, "invalid_client", "Unknown client or wrong client secret"}
	}
	return nil
}

func (p *Provider) exchangeCode(params url.Values) (*tokenResponse, error) {
	c, ok := p.codes.get(params.Get("code"))
	if !ok {
		return nil, invalidGrant("Invalid authorization code")
	}
	// One attempt is all there is. After a second one nobody knows which of the two was the thief's, so the first one's
	// refresh tokens go too (RFC 6749 section 4.1.2). The family exists since the code does, so it does not matter how far
	// a concurrent exchange has come.
	if c.spent.Swap(true) {
		c.family.revoked.Store(true)
		p.log.Warn("authorization code used twice; its refresh tokens are revoked", "user", c.user.Login)
		return nil, invalidGrant("Invalid authorization code")
	}
	if params.Get("redirect_uri") != c.rawRedirect {
		return nil, invalidGrant("The redirect_uri is not that of the authorization request")
	}
	if !verifies(params.Get("code_verifier"), c.challenge) {
		return nil, invalidGrant("Failed to verify code verifier")
	}
	p.log.Info("tokens issued", "grant", "authorization_code", "user", c.user.Login, "audience", c.audience)
	return p.issue(c.grant, c.grant, c.family)
}

// verifies reports whether a code verifier belongs to an S256 challenge (RFC 7636 sections 4.1 and 4.6).
func verifies(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	return len(verifier) >= 43 && len(verifier) <= 128 && subtle.ConstantTimeCompare([]byte(want), []byte(challenge)) == 1
}

// exchangeRefreshToken rotates a refresh token: it is good once, and using it again revokes all that came of it, since one
// of its two holders has stolen it (RFC 9700 section 4.14.2). Auth0's SDK signs in anew when it reads this description.
func (p *Provider) exchangeRefreshToken(params url.Values) (*tokenResponse, error) {
	invalid := invalidGrant("Unknown or invalid refresh token.")
	t, ok := p.refresh.get(params.Get("refresh_token"))
	if !ok {
		return nil, invalid
	}
	if audience := params.Get("audience"); audience != "" && audience != t.audience {
		return nil, accessDenied("This refresh token is for the audience " + t.audience)
	}
	if t.spent.Swap(true) {
		t.family.revoked.Store(true)
		p.log.Warn("refresh token used twice; its family is revoked", "user", t.user.Login)
	}
	if t.family.revoked.Load() {
		return nil, invalid
	}
	now := t.grant
	now.nonce = "" // it belongs to the sign-in (OpenID Connect Core section 12.2)
	if scope := params.Get("scope"); scope != "" {
		now.scope = allowedScope(scope, t.scope) // less is allowed, more is not (RFC 6749 section 6)
	}
	p.log.Info("tokens issued", "grant", "refresh_token", "user", t.user.Login, "audience", t.audience)
	return p.issue(now, t.grant, t.family)
}

func (p *Provider) exchangePassword(params url.Values) (*tokenResponse, error) {
	audience, err := p.audience(params)
	if err != nil {
		return nil, err
	}
	name := params.Get("username")
	u := p.userBy(func(u *user) bool { return name == u.Login || strings.EqualFold(name, u.Email) })
	if u == nil || params.Get("password") != u.Login {
		return nil, invalidGrant("Wrong email or password.")
	}
	g := newGrant(u, audience, params.Get("scope"), "")
	g.kind = "password"
	p.log.Info("tokens issued", "grant", "password", "user", u.Login, "audience", audience)
	return p.issue(g, g, new(family))
}

func (p *Provider) exchangeClientCredentials(params url.Values) (*tokenResponse, error) {
	audience, err := p.audience(params)
	if err != nil {
		return nil, err
	}
	// A machine has no identity to ask for, and can ask for a new token at any time (RFC 6749 section 4.4.3).
	machine := &user{Login: p.clientID, Subject: p.clientID + "@clients", Permissions: p.permissions}
	g := grant{user: machine, audience: audience, scope: p.permissions, kind: "client-credentials"}
	if scope := params.Get("scope"); scope != "" {
		g.scope = allowedScope(scope, p.permissions)
	}
	p.log.Info("tokens issued", "grant", "client_credentials", "client", p.clientID, "audience", audience)
	return p.issue(g, g, new(family))
}

// audience returns the API that a token is asked for.
func (p *Provider) audience(params url.Values) (string, error) {
	audience := params.Get("audience")
	if audience == "" {
		return p.audiences[0], nil
	}
	if !slices.Contains(p.audiences, audience) {
		return "", accessDenied("Service not enabled within domain: " + audience)
	}
	return audience, nil
}

// issue makes the tokens for what is granted now. The refresh token keeps all that was granted at sign-in, even when less
// is asked for this time.
func (p *Provider) issue(now, atSignIn grant, f *family) (*tokenResponse, error) {
	answer := &tokenResponse{
		Scope:     strings.Join(now.scope, " "),
		ExpiresIn: int(p.lifetime.Seconds()),
		TokenType: "Bearer",
	}
	var err error
	if answer.AccessToken, err = p.accessToken(now); err != nil {
		return nil, err
	}
	if now.has("openid") {
		if answer.IDToken, err = p.idToken(now); err != nil {
			return nil, err
		}
	}
	if atSignIn.has("offline_access") {
		answer.RefreshToken = p.refresh.add(&refreshToken{grant: atSignIn, family: f})
	}
	return answer, nil
}
