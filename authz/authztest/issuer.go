// Package authztest is an issuer of access tokens for tests. It publishes its keys over HTTP, as Auth0 does, and signs
// everything, including tokens that no provider would issue.
package authztest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Audience is the API that the tokens are for.
const Audience = "https://menu.example.com"

// Issuer is a running issuer.
type Issuer struct {
	URL     string       // the iss claim, with the trailing slash
	Fetches atomic.Int64 // the number of requests for the keys

	mu      sync.Mutex
	signing *Key
	keys    []*Key
	answer  http.HandlerFunc // serves the keys, unless it is nil
}

// Key is a signing key with its id.
type Key struct {
	ID      string
	Private *rsa.PrivateKey
}

// RSA keys are slow to generate, so all issuers of a process begin with the same one.
var firstKey = sync.OnceValue(func() *Key { return NewKey(&testing.B{}) })

// NewIssuer starts an issuer with one key. It ends with the test.
func NewIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	return NewIssuerWith(tb, firstKey())
}

// NewIssuerWith starts an issuer that signs with the key.
func NewIssuerWith(tb testing.TB, key *Key) *Issuer {
	tb.Helper()
	i := &Issuer{signing: key, keys: []*Key{key}}
	server := httptest.NewServer(http.HandlerFunc(i.serve))
	tb.Cleanup(server.Close)
	i.URL = server.URL + "/"
	return i
}

// JWKSURL is the URL of the published keys.
func (i *Issuer) JWKSURL() string { return i.URL + ".well-known/jwks.json" }

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/.well-known/jwks.json" {
		http.NotFound(w, r)
		return
	}
	i.Fetches.Add(1)
	i.mu.Lock()
	answer, keys := i.answer, i.keys
	i.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(KeySet(keys...))
}

// Answer makes the handler respond to requests for the keys. With nil, the issuer publishes them again.
func (i *Issuer) Answer(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

// Rotate signs with a new key from now on. The old keys stay published.
func (i *Issuer) Rotate(tb testing.TB) *Key {
	tb.Helper()
	key := NewKey(tb)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signing = key
	i.keys = append([]*Key{key}, i.keys...)
	return key
}

// Key returns the key that the issuer signs with.
func (i *Issuer) Key() *Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signing
}

// Claims are the claims of a valid token with the permissions. Those in change override them; nil removes a claim.
func (i *Issuer) Claims(permissions []string, change map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "sub": "auth0|someone", "aud": []string{Audience, i.URL + "userinfo"},
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "azp": "a-client", "scope": "openid", "permissions": permissions,
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Token returns a valid token that grants the permissions.
func (i *Issuer) Token(tb testing.TB, permissions ...string) string {
	tb.Helper()
	return i.TokenWith(tb, permissions, nil)
}

// TokenWith returns a token with changed claims. See Claims.
func (i *Issuer) TokenWith(tb testing.TB, permissions []string, change map[string]any) string {
	tb.Helper()
	claims, err := json.Marshal(i.Claims(permissions, change))
	if err != nil {
		tb.Fatal(err)
	}
	return i.Sign(tb, i.Header(), string(claims))
}

// Header is the JSON of an ordinary token's header.
func (i *Issuer) Header() string {
	return fmt.Sprintf(`{"alg":"RS256","typ":"JWT","kid":%q}`, i.Key().ID)
}

// Sign returns a token of a header and claims, which need not be JSON, with a valid signature.
func (i *Issuer) Sign(tb testing.TB, header, claims string) string {
	tb.Helper()
	return i.Key().Sign(tb, header, claims)
}

// Sign signs with RS256. It does not read the header.
func (k *Key) Sign(tb testing.TB, header, claims string) string {
	tb.Helper()
	input := Encode(header) + "." + Encode(claims)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.Private, crypto.SHA256, digest[:])
	if err != nil {
		tb.Fatal(err)
	}
	return input + "." + Encode(string(signature))
}

// Encode is base64url without padding (RFC 7515 section 2).
func Encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

var keyCount atomic.Int64

// NewKey generates a key with a unique id.
func NewKey(tb testing.TB) *Key {
	tb.Helper()
	return NewKeyOf(tb, 2048)
}

// NewKeyOf generates a key of a size in bits.
func NewKeyOf(tb testing.TB, bits int) *Key {
	tb.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		tb.Fatal(err)
	}
	return &Key{ID: fmt.Sprintf("key-%d", keyCount.Add(1)), Private: private}
}

// JWK returns the public key as members of a JWK (RFC 7517). Those in change override them; nil removes one.
func (k *Key) JWK(change map[string]any) map[string]any {
	public := k.Private.PublicKey
	jwk := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.ID,
		"n": Encode(string(public.N.Bytes())), "e": Encode(string(big.NewInt(int64(public.E)).Bytes())),
	}
	maps.Copy(jwk, change)
	maps.DeleteFunc(jwk, func(_ string, value any) bool { return value == nil })
	return jwk
}

// KeySet returns the JWK Set of the keys.
func KeySet(keys ...*Key) []byte {
	jwks := make([]map[string]any, len(keys))
	for n, key := range keys {
		jwks[n] = key.JWK(nil)
	}
	return KeySetOf(jwks...)
}

// KeySetOf returns the JWK Set of JSON objects.
func KeySetOf(jwks ...map[string]any) []byte {
	set, err := json.Marshal(map[string]any{"keys": jwks})
	if err != nil {
		panic(err) // a test passed a value that JSON does not have
	}
	return set
}
