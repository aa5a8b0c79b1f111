package devidp

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// vault keeps values under unguessable keys, each for a limited time. When it is full, the least recently used value
// makes room. The library's own expirable cache is not used because its goroutine can never be stopped.
type vault[V any] struct {
	lifetime time.Duration
	entries  *lru.Cache[string, entry[V]]
}

type entry[V any] struct {
	value   V
	expires time.Time
}

func newVault[V any](lifetime time.Duration, size int) *vault[V] {
	entries, _ := lru.New[string, entry[V]](size) // fails only for a size below one
	return &vault[V]{lifetime, entries}
}

// add stores a value and returns its key.
func (v *vault[V]) add(value V) string {
	key := randomString()
	v.entries.Add(key, entry[V]{value, time.Now().Add(v.lifetime)})
	return key
}

// get returns the value under a key, unless it has expired.
func (v *vault[V]) get(key string) (V, bool) {
	e, ok := v.entries.Get(key)
	if !ok || !time.Now().Before(e.expires) {
		v.entries.Remove(key)
		var none V
		return none, false
	}
	return e.value, true
}

// remove deletes a key and reports whether it was there: of several callers, one is told so.
func (v *vault[V]) remove(key string) bool {
	return v.entries.Remove(key)
}

// randomString returns 256 random bits, safe in a URL, a cookie and a header (RFC 6749 section 10.10 asks for 160).
func randomString() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
