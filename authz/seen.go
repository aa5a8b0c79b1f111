package authz

import (
	"crypto/rsa"
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// maxSeen is how many tokens are remembered. The one used longest ago is forgotten first.
	maxSeen = 4096
	// maxSeenToken is the longest token that is remembered, in bytes: what it grants takes no more memory than that.
	maxSeenToken = 4 << 10
)

// seenTokens remembers what the full check found in the tokens that passed it, so that the next request with the same
// token costs a hash and not a signature: less than a hundredth of the time (BenchmarkAuthenticate). What the full check would find
// otherwise in a moment from now is looked at every time: the dates and the key. The rest of it, such as the issuer and
// the audience, does not change while a Guard lives. See docs/adr/0018-tokens-seen-before.md.
//
// A token is known by its digest, so that the memory of the process holds no token that could be used.
type seenTokens struct {
	byDigest *lru.Cache[[sha256.Size]byte, *seenToken]
}

type seenToken struct {
	principal Principal
	keyID     string
	key       *rsa.PublicKey // the one that the signature was verified with
	from      time.Time      // the later of nbf and iat
	expiry    time.Time
}

func newSeenTokens() seenTokens {
	byDigest, err := lru.New[[sha256.Size]byte, *seenToken](maxSeen)
	if err != nil {
		panic(err) // the size is not positive
	}
	return seenTokens{byDigest}
}

// find returns what is known of a token that the full check would let pass at this moment, or nil.
func (s seenTokens) find(token string, keys *Keys, skew time.Duration) *seenToken {
	if len(token) > maxSeenToken {
		return nil
	}
	seen, ok := s.byDigest.Get(digest(token))
	if !ok || !seen.isCurrent(time.Now(), skew) || !keys.holds(seen.keyID, seen.key) {
		return nil
	}
	return seen
}

// remember keeps what the full check has found in a token.
func (s seenTokens) remember(token string, seen *seenToken) {
	if len(token) <= maxSeenToken {
		s.byDigest.Add(digest(token), seen)
	}
}

// digest hashes a token of at most maxSeenToken bytes, by way of an array that stays on the stack.
func digest(token string) [sha256.Size]byte {
	var copied [maxSeenToken]byte
	return sha256.Sum256(copied[:copy(copied[:], token)])
}

// isCurrent judges the dates exactly as the library does. The lower bound matters too: a clock may be set back.
func (t *seenToken) isCurrent(now time.Time, skew time.Duration) bool {
	return !now.Add(skew).Before(t.from) && !now.Add(-skew).After(t.expiry)
}
