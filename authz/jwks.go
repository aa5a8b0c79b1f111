package authz

import (
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errNoUsableKey = errors.New("it holds no usable key: RSA, 2048 bits or more, for RS256 signatures, with a kid of its own")

// parseKeySet reads a JWK Set (RFC 7517 section 5) and returns its usable keys by kid. A key that is not usable is
// passed over, so that an issuer may publish keys for other purposes; a set without a usable one is an error.
func parseKeySet(body []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("it is not a JWK Set: %w", err)
	}
	keys, seen := map[string]*rsa.PublicKey{}, map[string]int{}
	for _, raw := range set.Keys {
		var named struct {
			KeyID string `json:"kid"`
		}
		if json.Unmarshal(raw, &named) != nil || named.KeyID == "" {
			continue
		}
		seen[named.KeyID]++
		if key := usableKey(raw); key != nil {
			keys[named.KeyID] = key
		}
	}
	for kid, times := range seen {
		if times > 1 {
			delete(keys, kid) // which of them is meant is anyone's guess
		}
	}
	if len(keys) == 0 {
		return nil, errNoUsableKey
	}
	return keys, nil
}

// usableKey returns the key if it can verify an RS256 signature, else nil.
func usableKey(raw []byte) *rsa.PublicKey {
	const minBits = 2048 // RFC 7518 section 3.3
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil {
		return nil
	}
	key, ok := jwk.Key.(*rsa.PublicKey)
	if !ok || (jwk.Use != "" && jwk.Use != "sig") || (jwk.Algorithm != "" && jwk.Algorithm != string(jose.RS256)) {
		return nil
	}
	if key.N.BitLen() < minBits || key.E < 3 || key.E%2 == 0 {
		return nil
	}
	return key
}
