package authz

import (
	"crypto/rsa"
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	maxCachedTokens = 4096
	maxCachedToken  = 4 << 10 // bytes; limits what an entry's principal can take
)

// tokenCache keeps the result of the full check of valid tokens, so that the next request with the same token costs a hash
// instead of a signature check: less than a hundredth of the time (BenchmarkAuthenticate). Every get checks again what
// changes with time: the dates and the key. The rest, such as the issuer and the audience, does not change during the life
// of a Guard. See docs/adr/0018-token-cache.md.
//
// The keys of the cache are digests, so that the memory of the process contains no usable token.
type tokenCache struct {
	entries *lru.Cache[[sha256.Size]byte, *cachedToken]
}

type cachedToken struct {
	principal Principal
	keyID     string
	key       *rsa.PublicKey // verified the signature
	from      time.Time      // the later of nbf and iat
	expiry    time.Time
}

func newTokenCache() tokenCache {
	entries, err := lru.New[[sha256.Size]byte, *cachedToken](maxCachedTokens)
	if err != nil {
		panic(err) // the size is not positive
	}
	return tokenCache{entries}
}

// get returns the entry of a token that the full check would accept at this moment, or nil.
func (c tokenCache) get(token string, keys *Keys, skew time.Duration) *cachedToken {
	if len(token) > maxCachedToken {
		return nil
	}
	cached, ok := c.entries.Get(digest(token))
	if !ok || !cached.isCurrent(time.Now(), skew) || !keys.isCurrent(cached.keyID, cached.key) {
		return nil
	}
	return cached
}

// put keeps the result of the full check.
func (c tokenCache) put(token string, checked *cachedToken) {
	if len(token) <= maxCachedToken {
		c.entries.Add(digest(token), checked)
	}
}

// digest hashes a token of at most maxCachedToken bytes. The array stays on the stack.
func digest(token string) [sha256.Size]byte {
	var copied [maxCachedToken]byte
	return sha256.Sum256(copied[:copy(copied[:], token)])
}

// isCurrent compares the dates exactly as the library does. The lower bound matters too: a clock may be set back.
func (t *cachedToken) isCurrent(now time.Time, skew time.Duration) bool {
	return !now.Add(skew).Before(t.from) && !now.Add(-skew).After(t.expiry)
}
