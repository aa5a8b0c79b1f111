package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const audience = "https://menu.example.com"

// issuer publishes a key and has signed one token with it.
type issuer struct {
	url      string
	token    string
	keyFile  string // the public key as PEM, for the bare server
	listener net.Listener
}

func newIssuer(folder string) (*issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	i := &issuer{keyFile: filepath.Join(folder, "key.pem")}
	block := &pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)}
	if err := os.WriteFile(i.keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	if i.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	i.url = "http://" + i.listener.Addr().String() + "/"
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "bench", Use: "sig", Algorithm: "RS256"}}})
	if err != nil {
		return nil, err
	}
	go func() { //nolint:errcheck // ends with close
		_ = http.Serve(i.listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) })) //nolint:gosec // for ourselves
	}()
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "bench")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, options)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	i.token, err = jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: i.url, Subject: "auth0|bench", Audience: jwt.Audience{audience, i.url + "userinfo"},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(24 * time.Hour)),
	}).Claims(map[string]any{
		"azp": "menu-dashboard", "scope": "openid profile email",
		"permissions": []string{"create:items", "update:items", "delete:items"},
	}).Serialize()
	return i, err
}

func (i *issuer) close() { _ = i.listener.Close() }
