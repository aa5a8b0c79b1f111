// Package authz controls access: it validates the access tokens of an OpenID provider and checks the permissions in them.
// It does not depend on what it protects.
package authz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/go-jose/go-jose.v2/jwt"
)

// Options configure a Guard.
type Options struct {
	Issuer             string        // the exact iss claim
	Audiences          []string      // the API's identifiers. The aud claim must contain one of them.
	ClockSkew          time.Duration // the tolerated difference between the issuer's clock and ours
	Keys               *Keys         // the issuer's
	RequirePermissions bool          // false if any valid access token grants everything
}

// Guard adapts the validator of go-jwt-middleware to Gin. The library verifies the signature and the claims; the guard adds
// the checks that it lacks (see docs/adr/0003-go-jwt-middleware-v2.md).
type Guard struct {
	keys               *Keys
	skew               time.Duration
	validator          *validator.Validator
	cache              tokenCache
	requirePermissions bool
}

// NewGuard returns a Guard. It returns an error if the issuer or the audiences are empty.
func NewGuard(o Options) (*Guard, error) {
	// The library requests a key without the token's kid. check finds the key first and passes it in the context.
	keyFromContext := func(ctx context.Context) (any, error) { return ctx.Value(keyContextKey{}), nil }
	v, err := validator.New(keyFromContext, validator.RS256, o.Issuer, o.Audiences,
		validator.WithAllowedClockSkew(o.ClockSkew),
		validator.WithCustomClaims(func() validator.CustomClaims { return &claims{} }))
	if err != nil {
		return nil, err
	}
	return &Guard{
		keys: o.Keys, skew: o.ClockSkew, validator: v, cache: newTokenCache(), requirePermissions: o.RequirePermissions,
	}, nil
}

type keyContextKey struct{}

// Metrics returns the metrics of the guard's keys.
func (g *Guard) Metrics() []prometheus.Collector { return g.keys.Metrics() }

// Authenticate aborts a request unless it carries a valid access token. Later handlers get its claims from PrincipalOf.
func (g *Guard) Authenticate(c *gin.Context) {
	c.Header("Cache-Control", "no-store") // the response depends on a token, even if it is an error
	principal, err := g.authenticate(c.Request.Context(), c.Request.Header)
	if err != nil {
		abort(c, err)
		return
	}
	c.Set(principalKey{}, principal)
}

func (g *Guard) authenticate(ctx context.Context, h http.Header) (*Principal, error) {
	token, err := bearerToken(h)
	if err != nil {
		return nil, err
	}
	if cached := g.cache.get(token, g.keys, g.skew); cached != nil {
		return &cached.principal, nil
	}
	checked, err := g.check(ctx, token)
	if err != nil {
		return nil, err
	}
	g.cache.put(token, checked)
	return &checked.principal, nil
}

// check is the full check of a token.
func (g *Guard) check(ctx context.Context, token string) (*cachedToken, error) {
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
		// The library verifies the signature before it reads a claim, so the issuer did issue this token.
		return nil, fmt.Errorf("%w: %w", ErrExpired, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	v, ok := validated.(*validator.ValidatedClaims)
	if !ok {
		return nil, fmt.Errorf("%w: the validator returned %T", ErrInvalid, validated)
	}
	custom, ok := v.CustomClaims.(*claims)
	if !ok {
		return nil, fmt.Errorf("%w: the validator returned custom claims of type %T", ErrInvalid, v.CustomClaims)
	}
	registered := v.RegisteredClaims
	return &cachedToken{
		principal: Principal{Subject: registered.Subject, Name: string(custom.Name), Permissions: custom.Permissions},
		keyID:     kid,
		key:       key,
		from:      time.Unix(max(registered.NotBefore, registered.IssuedAt), 0), // a missing date is 0
		expiry:    time.Unix(registered.Expiry, 0),
	}, nil
}
