package devidp

import (
	"crypto/rand"
	"crypto/rsa"
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

// rotate generates a new signing key and returns its id. It panics on an error, which only a mistake in this code causes.
func (k *keyring) rotate() (kid string) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(jose.RS256), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signer = signer
	k.public = append([]jose.JSONWebKey{key.Public()}, k.public...) // a new array: readers may use the old one
	k.public = k.public[:min(len(k.public), maxKeys)]
	return key.KeyID
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

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	_, public := p.keys.current()
	p.writeJSON(w, http.StatusOK, public)
}

// rotate generates a new signing key, on request of anyone on this machine.
func (p *Provider) rotate(w http.ResponseWriter, _ *http.Request) {
	kid := p.keys.rotate()
	p.log.Info("signing key rotated", "kid", kid)
	p.writeJSON(w, http.StatusOK, map[string]string{"kid": kid})
}
