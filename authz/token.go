package authz

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxToken is the length limit of a token, in bytes. Auth0's have one or two thousand.
const MaxToken = 16 << 10

// bearerToken returns the token of the Authorization header (RFC 6750 section 2.1), or ErrMissing. It reads no
// other place: tokens in queries end up in logs.
func bearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", fmt.Errorf("%w: %d Authorization headers", ErrMissing, len(values))
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fmt.Errorf("%w: the Authorization header is not a bearer token", ErrMissing)
	}
	return token, nil
}

// readKeyID checks the form of a token, before any cryptography, and returns its kid. It is stricter than the library that
// verifies the token afterwards, so that both read the same: each segment has one encoding, each member occurs once, and no
// header changes how the token is processed.
//
// The error wraps ErrMalformed or ErrInvalid.
func readKeyID(token string) (kid string, err error) {
	switch {
	case len(token) > MaxToken:
		return "", ErrTooLong
	case isEncrypted(token):
		return "", ErrEncrypted
	case strings.Count(token, ".") != 2:
		return "", malformedOrOpaque(token, "it does not have three segments")
	}
	var segments [3][]byte
	for i, text := range strings.Split(token, ".") {
		if segments[i], err = decodeSegment(text); err != nil {
			return "", malformedOrOpaque(token, fmt.Sprintf("segment %d: %v", i+1, err))
		}
	}
	var header, claims map[string]jsontext.Value
	if err := json.Unmarshal(segments[0], &header); err != nil {
		return "", malformedOrOpaque(token, "its header is not a JSON object with unique names")
	}
	if err := json.Unmarshal(segments[1], &claims); err != nil {
		return "", fmt.Errorf("%w: its claims are not a JSON object with unique names", ErrMalformed)
	}
	return checkHeader(header)
}

// malformedOrOpaque returns ErrOpaque if a token that is not a JWT is a legal bearer token (RFC 6750 section 2.1) and does
// not look like a damaged JWT, which begins with the base64url of a brace and a quotation mark or white space.
func malformedOrOpaque(token, reason string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/="
	if strings.Trim(token, letters) == "" && !strings.HasPrefix(token, "ey") && !strings.HasPrefix(token, "ew") {
		return ErrOpaque
	}
	return fmt.Errorf("%w: %s", ErrMalformed, reason)
}

// isEncrypted reports whether the token is a compact JWE: five segments and a header with enc (RFC 7516 section 3.1).
func isEncrypted(token string) bool {
	first, _, _ := strings.Cut(token, ".")
	header, err := decodeSegment(first)
	var members map[string]jsontext.Value
	return strings.Count(token, ".") == 4 && err == nil && json.Unmarshal(header, &members) == nil && members["enc"] != nil
}

var errSegment = errors.New("not canonical base64url without padding")

// decodeSegment decodes base64url (RFC 7515 section 2). It rejects what Go's decoder tolerates: line breaks, and unused bits
// that are not zero.
func decodeSegment(text string) ([]byte, error) {
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, errSegment
	}
	segment, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errSegment
	}
	return segment, nil
}

func checkHeader(header map[string]jsontext.Value) (kid string, err error) {
	if alg, ok := text(header["alg"]); !ok || alg != "RS256" {
		return "", fmt.Errorf("%w: alg is not RS256", ErrInvalid)
	}
	// RFC 7515 section 4.1.11: a verifier must reject a critical header that it does not understand. We understand none.
	for _, name := range []string{"crit", "b64"} {
		if header[name] != nil {
			return "", fmt.Errorf("%w: it has the header %s", ErrInvalid, name)
		}
	}
	if header["typ"] != nil && !isAccessTokenType(header["typ"]) {
		return "", fmt.Errorf("%w: typ is not that of an access token", ErrInvalid)
	}
	kid, ok := text(header["kid"])
	if !ok || kid == "" {
		return "", fmt.Errorf("%w: it has no kid", ErrInvalid)
	}
	return kid, nil
}

// isAccessTokenType distinguishes an access token from other JWTs of the same issuer, such as a logout token, whose typ is
// logout+jwt (RFC 8725 section 3.11, RFC 9068 section 2.1).
func isAccessTokenType(value jsontext.Value) bool {
	typ, ok := text(value)
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return ok && (typ == "jwt" || typ == "at+jwt")
}

func text(value jsontext.Value) (s string, ok bool) {
	if value.Kind() != jsontext.KindString {
		return "", false
	}
	return s, json.Unmarshal(value, &s) == nil
}
