package authz

import (
	"errors"
	"fmt"
	"time"
)

// The reasons for which a request does not get in. What the guard returns wraps one of them together with the cause,
// which is for the log alone: a client that is told which check failed learns what to forge next.
var (
	// ErrMissing says that the request carries no usable bearer token: none, an empty one, another scheme, or several
	// Authorization headers.
	ErrMissing = errors.New("no access token")
	// ErrMalformed says that the token is not a compact JWS (RFC 7515 section 7.1) with a JSON header and JSON claims.
	ErrMalformed = errors.New("the access token is malformed")
	// ErrInvalid says that the token is not one of the issuer's for this API.
	ErrInvalid = errors.New("the access token is not valid")
	// ErrExpired says that the token was valid once.
	ErrExpired = errors.New("the access token expired")
	// ErrForbidden says that the token is valid but lacks the permission. See ForbiddenError.
	ErrForbidden = errors.New("the access token lacks the permission")
	// ErrKeysUnavailable says that nobody can tell, since the issuer's keys cannot be had. See KeysUnavailableError.
	ErrKeysUnavailable = errors.New("the signing keys are unavailable")
)

// ForbiddenError is an ErrForbidden that names the permission.
type ForbiddenError struct{ Permission string }

// Error names the permission.
func (e *ForbiddenError) Error() string { return fmt.Sprintf("%v %s", ErrForbidden, e.Permission) }

// Unwrap makes a ForbiddenError an ErrForbidden.
func (e *ForbiddenError) Unwrap() error { return ErrForbidden }

// KeysUnavailableError is an ErrKeysUnavailable that says when to ask again.
type KeysUnavailableError struct {
	RetryAfter time.Duration // at least a second
	Cause      error
}

// Error gives the cause.
func (e *KeysUnavailableError) Error() string {
	return fmt.Sprintf("%v: %v", ErrKeysUnavailable, e.Cause)
}

// Unwrap makes a KeysUnavailableError an ErrKeysUnavailable.
func (e *KeysUnavailableError) Unwrap() []error { return []error{ErrKeysUnavailable, e.Cause} }
