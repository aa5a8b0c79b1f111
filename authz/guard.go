// Package authz decides who gets in: it validates the access tokens of an OpenID provider and checks the permissions
// they carry. It knows nothing of what it guards.
package authz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/gin-gonic/gin"
	"gopkg.in/go-jose/go-jose.v2/jwt"
)

// Options say which tokens a Guard accepts.
type Options struct {
	// Issuer is what iss must be, to the letter.
	Issuer string
	// Audiences are the API identifiers of which aud must hold one.
	Audiences []string
	// ClockSkew is how far the issuer's clock may be from ours.
	ClockSkew time.Duration
	// Keys are the issuer's.
	Keys *Keys
	// RequirePermissions is false when any valid access token may do everything.
	RequirePermissions bool
}

// Guard adapts the validator of go-jwt-middleware to Gin. The library verifies the signature and the claims; what it
// lacks is added around it (see docs/adr/0003-go-jwt-middleware-v2.md).
type Guard struct {
	keys               *Keys
	skew               time.Duration
	validator          *validator.Validator
	seen               seenTokens
	requirePermissions bool
}

// NewGuard returns a Guard. It returns an error if the issuer or the audiences are empty.
func NewGuard(o Options) (*Guard, error) {
	v, err := validator.New(keyFromContext, validator.RS256, o.Issuer, o.Audiences,
		validator.WithAllowedClockSkew(o.ClockSkew),
		validator.WithCustomClaims(func() validator.CustomClaims { return &claims{} }))
	if err != nil {
		return nil, err
	}
	return &Guard{
		keys: o.Keys, skew: o.ClockSkew, validator: v, seen: newSeenTokens(), requirePermissions: o.RequirePermissions,
	}, nil
}

// Authenticate lets a request pass if it carries a valid access token, and tells the handlers after it who makes the
// request (see PrincipalOf).
func (g *Guard) Authenticate(c *gin.Context) {
	c.Header("Cache-Control", "no-store") // what follows depends on a token, the refusal too
	principal, err := g.authenticate(c.Request.Context(), c.Request.Header)
	if err != nil {
		refuse(c, err)
		return
	}
	c.Set(principalKey{}, principal)
}

func (g *Guard) authenticate(ctx context.Context, h http.Header) (*Principal, error) {
	token, err := bearerToken(h)
	if err != nil {
		return nil, err
	}
	if seen := g.seen.find(token, g.keys, g.skew); seen != nil {
		return &seen.principal, nil
	}
	checked, err := g.check(ctx, token)
	if err != nil {
		return nil, err
	}
	g.seen.remember(token, checked)
	return &checked.principal, nil
}

// check is the full check of a token.
func (g *Guard) check(ctx context.Context, token string) (*seenToken, error) {
	kid, err := readKeyID(token)
	if err != nil {
		return nil, err
	}
	key, err := g.keys.Find(ctx, kid)
	if err != nil {
		return nil, err
	}
	validated, err := g.validator.ValidateToken(context.WithValue(ctx, keyContextKey{}, key), token)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		// The library checks the signature before it looks at a claim, so this was a token of the issuer's.
		return nil, fmt.Errorf("%w: %w", ErrExpired, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	registered, custom, err := claimsOf(validated)
	if err != nil {
		return nil, err
	}
	return &seenToken{
		principal: Principal{Subject: registered.Subject, Permissions: custom.Permissions},
		keyID:     kid,
		key:       key,
		from:      time.Unix(max(registered.NotBefore, registered.IssuedAt), 0), // 0 where it is missing
		expiry:    time.Unix(registered.Expiry, 0),
	}, nil
}

func claimsOf(validated any) (validator.RegisteredClaims, *claims, error) {
	v, ok := validated.(*validator.ValidatedClaims)
	if !ok {
		return validator.RegisteredClaims{}, nil, fmt.Errorf("%w: the validator returned %T", ErrInvalid, validated)
	}
	custom, ok := v.CustomClaims.(*claims)
	if !ok {
		return validator.RegisteredClaims{}, nil, fmt.Errorf("%w: the validator returned custom claims of type %T", ErrInvalid, v.CustomClaims)
	}
	return v.RegisteredClaims, custom, nil
}

type keyContextKey struct{}

// keyFromContext hands the validator the key that was looked up before. The library asks for a key without saying
// which: it does not pass the token's kid on.
func keyFromContext(ctx context.Context) (any, error) { return ctx.Value(keyContextKey{}), nil }
