package devidp

import (
	"cmp"
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
)

// grant says what a user has granted to the application. All tokens of one sign-in derive from it.
type grant struct {
	user     *user
	audience string
	scope    []string
	nonce    string
	kind     string // the gty claim: empty or "password"
}

// identityScopes request information about the user. All other scopes request permissions.
var identityScopes = []string{"openid", "profile", "email", "offline_access"}

// newGrant grants the requested scopes except permissions that the user does not have, as Auth0 does for an API with RBAC.
func newGrant(u *user, audience, scope, nonce string) grant {
	g := grant{user: u, audience: audience, nonce: nonce, scope: u.Permissions} // the default: RFC 6749 section 3.3
	if scope != "" {
		g.scope = allowedScopes(scope, slices.Concat(identityScopes, u.Permissions))
	}
	return g
}

// allowedScopes returns the scopes of a space-separated list that are allowed, each once.
func allowedScopes(scope string, allowed []string) (granted []string) {
	for s := range strings.FieldsSeq(scope) {
		if slices.Contains(allowed, s) && !slices.Contains(granted, s) {
			granted = append(granted, s)
		}
	}
	return granted
}

func (g grant) has(scope string) bool { return slices.Contains(g.scope, scope) }

// tokenResponse is a successful response of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3).
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in"`
	TokenType    string `json:"token_type"`
}

// oauthError is an error response (RFC 6749 section 5.2). The status codes are Auth0's where they differ from the standard.
type oauthError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// token is the token endpoint.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	params, problem := tokenParameters(w, r)
	var g grant
	var refreshToken string // which the response contains: a new one, or the one that was sent
	if problem == nil {
		switch kind := params.Get("grant_type"); {
		case params.Get("client_id") != p.options.ClientID: // a public client, which has no secret
			problem = &oauthError{http.StatusUnauthorized, "invalid_client", "Unknown client"}
		case kind == "authorization_code":
			g, problem = p.exchangeCode(params)
		case kind == "password":
			g, problem = p.exchangePassword(params)
		case kind == "refresh_token":
			refreshToken = params.Get("refresh_token")
			g, problem = p.renew(refreshToken, params)
		case kind == "":
			problem = &oauthError{http.StatusBadRequest, "invalid_request", "Missing required parameter: grant_type"}
		default:
			problem = &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: " + kind}
		}
	}
	if problem != nil {
		p.writeJSON(w, problem.status, problem)
		return
	}
	// A client that wants a refresh token asks for this scope (OpenID Connect Core section 11).
	if refreshToken == "" && g.has("offline_access") {
		refreshToken = p.refresh.add(g)
	}
	p.log.Info("tokens issued", "grant", params.Get("grant_type"), "user", g.user.Login, "audience", g.audience)
	response := tokenResponse{
		AccessToken: p.accessToken(g), RefreshToken: refreshToken,
		Scope: strings.Join(g.scope, " "), ExpiresIn: int(p.options.TokenLifetime.Seconds()), TokenType: "Bearer",
	}
	if g.has("openid") {
		response.IDToken = p.idToken(g)
	}
	p.writeJSON(w, http.StatusOK, response)
}

// tokenParameters reads the request body: a form, as in the standard, or JSON, which Auth0 also accepts. Parameters in
// the query are ignored.
func tokenParameters(w http.ResponseWriter, r *http.Request) (url.Values, *oauthError) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBodyLength)
	params := url.Values{}
	var err error
	switch mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType {
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
		params = r.PostForm
	case "application/json":
		var body []byte
		var object map[string]string
		if body, err = io.ReadAll(r.Body); err == nil {
			err = json.Unmarshal(body, &object)
		}
		for name, value := range object {
			params.Set(name, value)
		}
	default:
		return nil, &oauthError{http.StatusUnsupportedMediaType, "invalid_request", "Send application/x-www-form-urlencoded or application/json"}
	}
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, &oauthError{http.StatusRequestEntityTooLarge, "invalid_request", "The request is too large"}
	}
	if err != nil {
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", "The body is neither a form nor a JSON object of strings"}
	}
	for name, values := range params {
		if len(values) > 1 {
			return nil, &oauthError{http.StatusBadRequest, "invalid_request", "Repeated parameter: " + name}
		}
	}
	return params, nil
}

// exchangeCode uses up a code, even if the exchange fails (RFC 6749 section 4.1.2).
func (p *Provider) exchangeCode(params url.Values) (g grant, problem *oauthError) {
	c, ok := p.codes.take(params.Get("code"))
	verifier := params.Get("code_verifier") // RFC 7636 sections 4.1 and 4.6
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case !ok:
		return g, &oauthError{http.StatusForbidden, "invalid_grant", "Invalid authorization code"}
	case params.Get("redirect_uri") != c.redirectURI:
		return g, &oauthError{http.StatusForbidden, "invalid_grant", "The redirect_uri is not that of the authorization request"}
	case len(verifier) < 43 || len(verifier) > 128 || subtle.ConstantTimeCompare([]byte(challenge), []byte(c.challenge)) != 1:
		return g, &oauthError{http.StatusForbidden, "invalid_grant", "Failed to verify code verifier"}
	}
	return c.grant, nil
}

// renew returns the grant of a refresh token, which stays valid. Detecting a stolen one would protect nothing: anyone can
// sign in.
func (p *Provider) renew(refreshToken string, params url.Values) (grant, *oauthError) {
	g, ok := p.refresh.get(refreshToken)
	if !ok { // Auth0's SDK knows this description and signs in again
		return g, &oauthError{http.StatusForbidden, "invalid_grant", "Unknown or invalid refresh token."}
	}
	if audience := params.Get("audience"); audience != "" && audience != g.audience {
		return g, &oauthError{http.StatusForbidden, "access_denied", "This refresh token is for the audience " + g.audience}
	}
	g.nonce = "" // it belongs to the sign-in (OpenID Connect Core section 12.2)
	if scope := params.Get("scope"); scope != "" {
		g.scope = allowedScopes(scope, g.scope) // RFC 6749 section 6: never more than the user granted
	}
	return g, nil
}

// exchangePassword serves the token command, curl and Postman.
func (p *Provider) exchangePassword(params url.Values) (g grant, problem *oauthError) {
	audience, name := cmp.Or(params.Get("audience"), p.options.Audiences[0]), params.Get("username")
	if !slices.Contains(p.options.Audiences, audience) {
		return g, &oauthError{http.StatusForbidden, "access_denied", "Service not enabled within domain: " + audience}
	}
	// The error is the same for an unknown name and a wrong password, as in Auth0.
	u := p.userBy(func(u *user) bool { return name == u.Login || strings.EqualFold(name, u.Email) })
	if u == nil || params.Get("password") != u.Login {
		return g, &oauthError{http.StatusForbidden, "invalid_grant", "Wrong email or password."}
	}
	g = newGrant(u, audience, params.Get("scope"), "")
	g.kind = "password"
	return g, nil
}
