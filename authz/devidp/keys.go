package devidp

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	keyBits = 2048
	maxKeys = 16 // how many keys stay published, the current one included
)

// keyring holds the signing key and the keys before it, which stay published so that the tokens they signed live on.
type keyring struct {
	mu     sync.RWMutex
	signer jose.Signer
	public []jose.JSONWebKey // newest first
}

func newKeyring() (*keyring, error) {
	k := new(keyring)
	_, err := k.rotate()
	return k, err
}

// rotate puts a new signing key before the others and returns its id.
func (k *keyring) rotate() (kid string, err error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return "", fmt.Errorf("devidp: making a signing key: %w", err)
	}
	key := jose.JSONWebKey{Key: private, Algorithm: string(jose.RS256), Use: "sig"}
	thumbprint, err := key.Thumbprint(crypto.SHA256) // RFC 7638
	if err != nil {
		return "", fmt.Errorf("devidp: naming a signing key: %w", err)
	}
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("devidp: making a signer: %w", err)
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	k.signer = signer
	k.public = append([]jose.JSONWebKey{key.Public()}, k.public...) // a new array: readers may hold the old one
	k.public = k.public[:min(len(k.public), maxKeys)]
	return key.KeyID, nil
}

// published returns the public keys, newest first.
func (k *keyring) published() jose.JSONWebKeySet {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return jose.JSONWebKeySet{Keys: k.public}
}

// sign returns the compact form of a token that holds all the given claims.
func (k *keyring) sign(claims ...any) (string, error) {
	k.mu.RLock()
	builder := jwt.Signed(k.signer)
	k.mu.RUnlock()
	for _, c := range claims {
		builder = builder.Claims(c)
	}
	token, err := builder.Serialize()
	if err != nil {
		return "", fmt.Errorf("devidp: signing a token: %w", err)
	}
	return token, nil
}

// verify checks a token's signature against the published keys and reads its claims. It does not look at them.
func (k *keyring) verify(token string, claims ...any) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	return parsed.Claims(k.published(), claims...)
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	p.writeJSON(w, http.StatusOK, p.keys.published())
}

// rotate makes a new signing key. Anyone on this machine may ask for it, but no page of another origin.
func (p *Provider) rotate(w http.ResponseWriter, _ *http.Request) {
	kid, err := p.keys.rotate()
	if err != nil {
		p.log.Error("key rotation failed", "error", err)
		p.errorPage(w, http.StatusInternalServerError, "The new signing key could not be made. The old one stays in use.")
		return
	}
	p.log.Info("signing key rotated", "kid", kid)
	w.Header().Set("Cache-Control", "no-store")
	p.writeJSON(w, http.StatusOK, map[string]string{"kid": kid})
}
