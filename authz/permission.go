package authz

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
)

// The reasons for which the guard rejects a request. An error of the guard wraps one of them and the cause. The cause is
// only for the log: a client that knows which check failed knows what to forge next.
var (
	// ErrMissing means that the request has no usable bearer token: none, an empty one, another scheme, or several
	// Authorization headers.
	ErrMissing = errors.New("no access token")
	// ErrMalformed means that the token is not a compact JWS (RFC 7515 section 7.1) with a JSON header and JSON claims.
	ErrMalformed = errors.New("the access token is malformed")
	// ErrOpaque is an ErrMalformed of a token that is not a JWT, such as Auth0's if the client requests no audience.
	ErrOpaque = fmt.Errorf("%w: it is opaque", ErrMalformed)
	// ErrEncrypted is an ErrMalformed of a JWE (RFC 7516).
	ErrEncrypted = fmt.Errorf("%w: it is encrypted", ErrMalformed)
	// ErrTooLong is an ErrMalformed of a token with more than MaxToken bytes.
	ErrTooLong = fmt.Errorf("%w: it is longer than %d bytes", ErrMalformed, MaxToken)
	// ErrInvalid means that the issuer did not issue the token for this API.
	ErrInvalid = errors.New("the access token is not valid")
	// ErrExpired means that the token was valid once.
	ErrExpired = errors.New("the access token expired")
	// ErrForbidden means that the token is valid but lacks the permission. See ForbiddenError.
	ErrForbidden = errors.New("the access token lacks the permission")
	// ErrKeysUnavailable means that the token cannot be checked without the issuer's keys. See KeysUnavailableError.
	ErrKeysUnavailable = errors.New("the signing keys are unavailable")
)

// ForbiddenError is an ErrForbidden that names the permission.
type ForbiddenError struct{ Permission string }

func (e *ForbiddenError) Error() string { return fmt.Sprintf("%v %s", ErrForbidden, e.Permission) }
func (e *ForbiddenError) Unwrap() error { return ErrForbidden }

// KeysUnavailableError is an ErrKeysUnavailable that says when to retry.
type KeysUnavailableError struct {
	RetryAfter time.Duration // at least a second
	Cause      error
}

func (e *KeysUnavailableError) Error() string {
	return fmt.Sprintf("%v: %v", ErrKeysUnavailable, e.Cause)
}
func (e *KeysUnavailableError) Unwrap() []error { return []error{ErrKeysUnavailable, e.Cause} }

// Require aborts a request unless its token grants all permissions. It follows Authenticate; without it, Require aborts every
// request.
func (g *Guard) Require(permissions ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if _, ok := PrincipalOf(c); !ok {
			abort(c, ErrMissing)
			return
		}
		for _, permission := range permissions {
			if !g.Allows(c, permission) {
				abort(c, &ForbiddenError{Permission: permission})
				return
			}
		}
	}
}

// Allows reports whether the token of a request that Authenticate has passed grants the permission.
func (g *Guard) Allows(c *gin.Context, permission string) bool {
	principal, ok := PrincipalOf(c)
	return ok && (!g.requirePermissions || slices.Contains(principal.Permissions, permission))
}

// The challenges in WWW-Authenticate (RFC 6750 section 3). A request without a token gets the realm alone.
const (
	realm        = `Bearer realm="menu-api"`
	invalidToken = realm + `, error="invalid_token", error_description=`
)

// responses lists the status and the challenge of each error, and its outcome in the metrics. An unavailable key is not the
// client's fault: it gets no challenge.
var responses = []struct {
	err       error
	status    int
	challenge string
	outcome   string
}{
	{ErrMissing, http.StatusUnauthorized, realm, "missing"},
	{ErrMalformed, http.StatusUnauthorized, invalidToken + `"The access token is malformed"`, "malformed"},
	{ErrInvalid, http.StatusUnauthorized, invalidToken + `"The access token is not valid for this API"`, "invalid"},
	{ErrExpired, http.StatusUnauthorized, invalidToken + `"The access token expired"`, "expired"},
	{ErrForbidden, http.StatusForbidden, realm + `, error="insufficient_scope", scope=`, "forbidden"}, // and the permission
	{ErrKeysUnavailable, http.StatusServiceUnavailable, "", "keys_unavailable"},
}

type outcomeKey struct{}

// Outcome returns "ok" for a request that has passed the guard, the reason if the guard has rejected it, and "" on a route that
// is not guarded.
func Outcome(c *gin.Context) string {
	if reason := c.GetString(outcomeKey{}); reason != "" {
		return reason
	}
	if _, ok := PrincipalOf(c); ok {
		return "ok"
	}
	return ""
}

// abort stops the handler chain. It sets the status and the challenge itself and leaves the body to the error renderer, so
// that the API stays closed if a program forgets the renderer.
func abort(c *gin.Context, err error) {
	c.Status(http.StatusUnauthorized)
	for _, r := range responses {
		if errors.Is(err, r.err) {
			if forbidden, ok := errors.AsType[*ForbiddenError](err); ok {
				r.challenge += fmt.Sprintf("%q", forbidden.Permission)
			}
			c.Status(r.status)
			c.Set(outcomeKey{}, r.outcome)
			c.Header("WWW-Authenticate", r.challenge) // an empty value removes the header
			break
		}
	}
	_ = c.Error(err)
	c.Abort()
}
