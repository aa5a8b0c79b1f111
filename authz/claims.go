package authz

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Principal is who a validated access token speaks for.
type Principal struct {
	// Subject is the sub claim.
	Subject string
	// Permissions are those that the issuer granted, from the permissions claim. Requests with the same token share them:
	// they must not be changed.
	Permissions []string
}

// Has reports whether the principal holds the permission, to the letter.
func (p Principal) Has(permission string) bool { return slices.Contains(p.Permissions, permission) }

type principalKey struct{}

// PrincipalOf returns who makes the request. It is false on a route that is not guarded.
func PrincipalOf(c *gin.Context) (Principal, bool) {
	value, _ := c.Get(principalKey{})
	principal, ok := value.(*Principal)
	if !ok {
		return Principal{}, false
	}
	return *principal, true
}

// claims are those that the middleware's validator leaves to its user. It implements validator.CustomClaims.
type claims struct {
	Expiry      *numericDate `json:"exp"`
	NotBefore   *numericDate `json:"nbf"`
	IssuedAt    *numericDate `json:"iat"`
	Permissions permissions  `json:"permissions"`
}

var errNoExpiry = errors.New("the token has no exp claim")

// Validate refuses a token that never expires: the library takes a missing exp for one that is always in the future.
func (c *claims) Validate(context.Context) error {
	if c.Expiry == nil {
		return errNoExpiry
	}
	return nil
}

// numericDate refuses what is no date (RFC 7519 section 2). The library would take a quoted number for one, and turn
// 1e308 into whatever integer the processor makes of it.
type numericDate struct{}

var errNumericDate = errors.New("a date claim is not a number of seconds between the years 1970 and 9999")

// UnmarshalJSON checks the literal. The value is the library's business.
func (numericDate) UnmarshalJSON(literal []byte) error {
	const endOf9999 = 253402300799
	seconds, err := strconv.ParseFloat(string(literal), 64)
	if err != nil || !(seconds >= 0 && seconds <= endOf9999) {
		return errNumericDate
	}
	return nil
}

// permissions is the permissions claim. Anything but an array of strings grants nothing.
type permissions []string

// UnmarshalJSON never fails: an odd claim makes its holder powerless, not the token invalid.
func (p *permissions) UnmarshalJSON(literal []byte) error {
	var entries []jsontext.Value
	if err := json.Unmarshal(literal, &entries); err != nil {
		return nil //nolint:nilerr // see above
	}
	granted := make([]string, len(entries))
	for i, entry := range entries {
		var ok bool
		if granted[i], ok = text(entry); !ok {
			return nil
		}
	}
	*p = granted
	return nil
}
