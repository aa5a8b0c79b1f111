package authz

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jwk is a JSON Web Key (RFC 7517 section 4, RFC 7518 section 6.3). Other members are ignored, even if they are damaged: some
// providers publish certificates that do not parse.
type jwk struct {
	ID         once[string]   `json:"kid"`
	Type       once[string]   `json:"kty"`
	Use        once[string]   `json:"use"`
	Operations once[[]string] `json:"key_ops"`
	Algorithm  once[string]   `json:"alg"`
	Modulus    once[string]   `json:"n"`
	Exponent   once[string]   `json:"e"`
	Private    once[string]   `json:"d"`
}

// once is a member that must not occur twice. The decoder allows duplicate names, since it would also reject those inside
// members that are ignored.
type once[T any] struct {
	value   T
	present bool
}

// UnmarshalJSONFrom decodes the value with the options of the decoder.
func (o *once[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if o.present {
		return errors.New("it occurs twice")
	}
	o.present = true
	return json.UnmarshalDecode(d, &o.value)
}

var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// skippedKey is a key of the issuer that is not used.
type skippedKey struct{ kid, reason string }

// parseKeySet reads a JWK Set (RFC 7517 section 5) and returns its usable keys by kid. It skips other keys, so that an
// issuer may publish keys for other purposes. A set without a usable key is an error.
func parseKeySet(body []byte) (keys map[string]*rsa.PublicKey, skipped []skippedKey, err error) {
	var set struct {
		Keys once[[]jsontext.Value] `json:"keys"`
	}
	if err := json.Unmarshal(body, &set, lenient); err != nil {
		return nil, nil, fmt.Errorf("it is not a JWK Set: %w", err)
	}
	keys = map[string]*rsa.PublicKey{} // nil for a kid that is ambiguous or belongs to a key that is not usable
	for _, raw := range set.Keys.value {
		var named struct {
			ID once[string] `json:"kid"`
		}
		err := json.Unmarshal(raw, &named, lenient)
		kid := named.ID.value
		switch _, ambiguous := keys[kid]; {
		case err != nil:
		case kid == "":
			err = errors.New("it has no kid")
		case ambiguous:
			keys[kid], err = nil, errors.New("another key has the same kid")
		default:
			keys[kid], err = usableKey(raw)
		}
		if err != nil {
			skipped = append(skipped, skippedKey{kid, err.Error()})
		}
	}
	maps.DeleteFunc(keys, func(_ string, key *rsa.PublicKey) bool { return key == nil })
	if len(keys) == 0 {
		return nil, skipped, errors.New("it has no usable key: RSA, 2048 bits or more, for RS256 signatures, with a unique kid")
	}
	return keys, skipped, nil
}

// usableKey returns the key if it can verify an RS256 signature, otherwise the reason why not.
func usableKey(raw []byte) (*rsa.PublicKey, error) {
	const minBits, maxBits = 2048, 16384 // RFC 7518 section 3.3; a larger key would make every check slow
	var k jwk
	if err := json.Unmarshal(raw, &k, lenient); err != nil {
		return nil, err
	}
	switch {
	case k.Type.value != "RSA":
		return nil, errors.New("kty is not RSA")
	case k.Private.value != "":
		return nil, errors.New("it is a private key, which is no longer secret once it is published")
	case k.Use.value != "" && k.Use.value != "sig":
		return nil, errors.New("use is not sig")
	case k.Operations.value != nil && !slices.Contains(k.Operations.value, "verify"):
		return nil, errors.New("key_ops does not contain verify")
	case k.Algorithm.value != "" && k.Algorithm.value != "RS256":
		return nil, errors.New("alg is not RS256")
	}
	n, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.Modulus.value, "="))
	if err != nil {
		return nil, fmt.Errorf("its modulus: %w", err)
	}
	exponent, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.Exponent.value, "="))
	if err != nil {
		return nil, fmt.Errorf("its exponent: %w", err)
	}
	modulus, e := new(big.Int).SetBytes(n), new(big.Int).SetBytes(exponent)
	if bits := modulus.BitLen(); bits < minBits || bits > maxBits {
		return nil, fmt.Errorf("it has %d bits, not %d to %d", bits, minBits, maxBits)
	}
	if !e.IsInt64() || e.Int64() < 3 || e.Int64()%2 == 0 || e.Int64() > math.MaxInt32 {
		return nil, fmt.Errorf("its exponent is not an odd number from 3 to %d", math.MaxInt32)
	}
	return &rsa.PublicKey{N: modulus, E: int(e.Int64())}, nil
}
