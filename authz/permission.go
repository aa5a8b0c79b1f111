package authz

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Require lets a request pass if its token holds the permission. It goes behind Authenticate; without it nobody passes.
func (g *Guard) Require(permission string) gin.HandlerFunc {
	return func(c *gin.Context) {
		principal, ok := PrincipalOf(c)
		switch {
		case !ok:
			refuse(c, ErrMissing)
		case g.requirePermissions && !principal.Has(permission):
			refuse(c, &ForbiddenError{Permission: permission})
		}
	}
}

// RequiresPermissions reports whether Require looks at permissions at all. Else any valid token will do.
func (g *Guard) RequiresPermissions() bool { return g.requirePermissions }

// Realm names what the tokens are for in a challenge (RFC 9110 section 11.5).
const Realm = "menu-api"

// refuse ends the request. It sets the status and the challenge itself and leaves the body to the error renderer, so
// that a forgotten renderer cannot let anyone in.
func refuse(c *gin.Context, err error) {
	c.Status(statusOf(err))
	if challenge := challengeFor(err); challenge != "" {
		c.Header("WWW-Authenticate", challenge)
	}
	_ = c.Error(err)
	c.Abort()
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrKeysUnavailable):
		return http.StatusServiceUnavailable
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	default:
		return http.StatusUnauthorized
	}
}

// challengeFor returns the WWW-Authenticate header (RFC 6750 section 3), "" when the token is not at fault. A request
// that sent no token is told the realm alone.
func challengeFor(err error) string {
	const realm = `Bearer realm="` + Realm + `"`
	const invalid = realm + `, error="invalid_token", error_description=`
	var forbidden *ForbiddenError
	switch {
	case errors.As(err, &forbidden):
		return fmt.Sprintf(`%s, error="insufficient_scope", scope=%q`, realm, forbidden.Permission)
	case errors.Is(err, ErrExpired):
		return invalid + `"The access token expired"`
	case errors.Is(err, ErrMalformed):
		return invalid + `"The access token is malformed"`
	case errors.Is(err, ErrInvalid):
		return invalid + `"The access token is not valid for this API"`
	case errors.Is(err, ErrMissing):
		return realm
	default:
		return ""
	}
}
