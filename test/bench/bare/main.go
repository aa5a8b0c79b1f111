// Command bare does the least that a Go program can do for the requests of the benchmark. Ratio 1.00 is its rate. It
// responds to reads with fixed bytes, and for a write it verifies an RS256 token and decodes the item, and keeps nothing.
//
// With -gin, Gin and its CORS middleware serve the same handlers: the least that a program with this framework can do.
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
)

const etag = `"1-fixed"`

func main() {
	addr := flag.String("addr", "127.0.0.1:7800", "where to listen")
	list := flag.String("list", "", "file with the response to GET /items")
	item := flag.String("item", "", "file with the response to GET /items/1")
	key := flag.String("key", "", "PEM file with the public key of the tokens")
	withGin := flag.Bool("gin", false, "serve with Gin and its CORS middleware")
	flag.Parse()

	var handler http.Handler = http.DefaultServeMux
	handle := func(method, path string, h http.HandlerFunc) { http.HandleFunc(method+" "+path, h) }
	if *withGin {
		gin.SetMode(gin.ReleaseMode)
		engine := gin.New()
		engine.Use(cors.Default())
		handler = engine
		handle = func(method, path string, h http.HandlerFunc) { engine.Handle(method, path, gin.WrapF(h)) }
	}
	handle("GET", "/items", fixed(mustRead(*list)))
	handle("GET", "/items/1", fixed(mustRead(*item)))
	handle("POST", "/items", create(mustKey(*key)))
	log.Fatal(http.ListenAndServe(*addr, handler)) //nolint:gosec // timeouts are among what it does without
}

// create verifies the token and decodes the item.
func create(public *rsa.PublicKey) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := verify(r.Header.Get("Authorization"), public); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var wrapped struct{ Item written }
		if err := json.Unmarshal(body, &wrapped); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		response, err := json.Marshal(wrapped.Item)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(response)
	}
}

type written struct {
	Name        string  `json:"name"`
	Price       float64 `json:"price"`
	Description string  `json:"description"`
	Image       string  `json:"image"`
}

func fixed(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(body)
	}
}

var errToken = errors.New("the token is not valid")

// verify checks the signature and the expiry of a token, with nothing but the standard library.
func verify(authorization string, public *rsa.PublicKey) error {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	end := strings.LastIndexByte(token, '.')
	if !ok || end < 0 {
		return errToken
	}
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	if err != nil {
		return errToken
	}
	digest := sha256.Sum256([]byte(token[:end]))
	if rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) != nil {
		return errToken
	}
	_, payload, _ := strings.Cut(token[:end], ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return errToken
	}
	var claims struct {
		Expiry      int64    `json:"exp"`
		Permissions []string `json:"permissions"`
	}
	if json.Unmarshal(text, &claims) != nil || time.Now().Unix() > claims.Expiry {
		return errToken
	}
	return nil
}

func mustRead(file string) []byte {
	body, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	return body
}

func mustKey(file string) *rsa.PublicKey {
	block, _ := pem.Decode(mustRead(file))
	if block == nil {
		log.Fatal("no PEM block in ", file)
	}
	key, err := x509.ParsePKCS1PublicKey(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	return key
}
