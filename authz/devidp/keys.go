package devidp

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const maxKeys = 8 // how many keys stay published, the current one included

// keyring holds the signing key and earlier keys. These stay published, so that tokens signed with them stay valid.
type keyring struct {
	mu     sync.RWMutex
	signer jose.Signer
	public []jose.JSONWebKey // newest first
}

// rotate generates a new signing key and returns its id.
func (k *keyring) rotate() (kid string, err error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", fmt.Errorf("devidp: generating a signing key: %w", err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: randomString(), Algorithm: string(jose.RS256), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("devidp: creating a signer: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signer = signer
	k.public = append([]jose.JSONWebKey{key.Public()}, k.public...) // a new array: readers may use the old one
	k.public = k.public[:min(len(k.public), maxKeys)]
	return key.KeyID, nil
}

// current returns the signer and the public keys, newest first.
func (k *keyring) current() (jose.Signer, jose.JSONWebKeySet) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.signer, jose.JSONWebKeySet{Keys: k.public}
}

// sign returns the compact form of a token.
func (k *keyring) sign(c claims) string {
	signer, _ := k.current()
	token, err := jwt.Signed(signer).Claims(map[string]any(c)).Serialize()
	if err != nil {
		panic(err) // the key and the claims are the provider's, so this is a mistake in the code
	}
	return token
}

// verify checks a token's signature and reads its claims, but does not validate them.
func (k *keyring) verify(token string, claims ...any) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	_, public := k.current()
	return parsed.Claims(public, claims...)
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	_, public := p.keys.current()
	p.writeJSON(w, http.StatusOK, public)
}

// rotate generates a new signing key, on request of anyone on this machine.
func (p *Provider) rotate(w http.ResponseWriter, _ *http.Request) {
	kid, err := p.keys.rotate()
	if err != nil {
		p.log.Error("key rotation failed", "error", err)
		p.errorPage(w, http.StatusInternalServerError, "The provider could not generate a new signing key. The old one stays in use.")
		return
	}
	p.log.Info("signing key rotated", "kid", kid)
	w.Header().Set("Cache-Control", "no-store")
	p.writeJSON(w, http.StatusOK, map[string]string{"kid": kid})
}
