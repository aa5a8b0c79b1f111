package authz

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Principal is the user or client that a validated access token belongs to.
type Principal struct {
	Subject     string   // the sub claim
	Name        string   // the name claim, for people: it may be empty, and several subjects may have the same name
	Permissions []string // the permissions claim. Requests with the same token share it, so it must not be changed.
}

type principalKey struct{}

// PrincipalOf returns the principal of a request, or false on a route that is not guarded.
func PrincipalOf(c *gin.Context) (Principal, bool) {
	value, _ := c.Get(principalKey{})
	if principal, ok := value.(*Principal); ok {
		return *principal, true
	}
	return Principal{}, false
}

// claims are the claims that the library does not check, or not strictly enough. It implements validator.CustomClaims.
type claims struct {
	Subject      string       `json:"sub"`
	Name         displayName  `json:"name"`
	Expiry       *numericDate `json:"exp"`
	NotBefore    *numericDate `json:"nbf"`
	IssuedAt     *numericDate `json:"iat"`
	Confirmation any          `json:"cnf"`
	Permissions  permissions  `json:"permissions"`
}

// Validate rejects tokens that the library accepts.
func (c *claims) Validate(context.Context) error {
	switch {
	case c.Expiry == nil:
		return errors.New("the token has no exp claim, so it never expires")
	case c.Subject == "":
		// Rate limits and idempotency keys belong to a subject. All clients without one would share them.
		return errors.New("the token has no sub claim, or an empty one")
	case c.Confirmation != nil:
		// Such a token is bound to a key (RFC 7800, RFC 9449, RFC 8705). A bearer request does not prove possession of it.
		return errors.New("the token has a cnf claim: DPoP and client certificates are not supported")
	}
	return nil
}

// displayName is the name claim. A name that is not a string counts as none.
type displayName string

// maxName is how many characters of a name count.
const maxName = 200

// UnmarshalJSON never fails: the name grants nothing. It leaves out characters that would garble the text around the name.
func (n *displayName) UnmarshalJSON(literal []byte) error {
	name, _ := text(literal)
	visible := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, name)
	runes := []rune(strings.TrimSpace(visible))
	*n = displayName(runes[:min(len(runes), maxName)])
	return nil
}

// numericDate rejects values that are not dates (RFC 7519 section 2). The library accepts a number in quotes, and converts
// 1e308 to an integer that depends on the processor.
type numericDate struct{}

// UnmarshalJSON checks the literal. The library reads the value.
func (numericDate) UnmarshalJSON(literal []byte) error {
	const endOf9999 = 253402300799
	seconds, err := strconv.ParseFloat(string(literal), 64)
	if err != nil || !(seconds >= 0 && seconds <= endOf9999) {
		return errors.New("a date claim is not a number of seconds between the years 1970 and 9999")
	}
	return nil
}

// permissions is the permissions claim. Anything but an array of strings grants nothing.
type permissions []string

// UnmarshalJSON never fails: with an unusual claim, the token is valid but grants nothing.
func (p *permissions) UnmarshalJSON(literal []byte) error {
	var entries []jsontext.Value
	if err := json.Unmarshal(literal, &entries); err != nil {
		return nil //nolint:nilerr // it never fails
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
