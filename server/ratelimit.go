package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"menu-api/authz"
)

// maxTracked bounds how many subjects or addresses are remembered. The one seen longest ago is forgotten first.
const maxTracked = 10_000

// rateLimitError is an errRateLimited that says when to come back.
type rateLimitError struct {
	policy     string
	detail     string
	retryAfter time.Duration
}

func (e *rateLimitError) Error() string { return errRateLimited.Error() + ": " + e.detail }
func (e *rateLimitError) Unwrap() error { return errRateLimited }

// rateLimiter is a token bucket per key: perMinute at once, refilled over a minute.
type rateLimiter struct {
	policy    string // the name of the limit in the RateLimit fields
	perMinute int
	buckets   *lru.Cache[string, *rate.Limiter]
}

func newRateLimiter(policy string, perMinute int) *rateLimiter {
	buckets, err := lru.New[string, *rate.Limiter](maxTracked)
	if err != nil {
		panic(err) // the size is not positive
	}
	return &rateLimiter{policy: policy, perMinute: perMinute, buckets: buckets}
}

// take takes one token from the key's bucket and sets the RateLimit fields (draft-ietf-httpapi-ratelimit-headers). It
// returns how long to wait for one, 0 if there was one.
func (l *rateLimiter) take(c *gin.Context, key string) (wait time.Duration) {
	bucket := rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute)
	if known, ok, _ := l.buckets.PeekOrAdd(key, bucket); ok {
		bucket = known
		l.buckets.Get(key) // marks it as seen
	}
	now := time.Now()
	perSecond := float64(bucket.Limit())
	if !bucket.AllowN(now, 1) {
		wait = seconds((1 - bucket.TokensAt(now)) / perSecond)
	}
	left := max(0, bucket.TokensAt(now))
	full := seconds((float64(l.perMinute) - left) / perSecond)
	c.Header("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=60", l.policy, l.perMinute))
	c.Header("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", l.policy, int(left), wholeSeconds(full)))
	return wait
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// limitWrites bounds the writes of one subject, whatever address they come from. 0 is no bound.
func limitWrites(perMinute int) gin.HandlerFunc {
	if perMinute == 0 {
		return func(*gin.Context) {}
	}
	limiter := newRateLimiter("writes", perMinute)
	return func(c *gin.Context) {
		if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
			return
		}
		if wait := limiter.take(c, subject(c)); wait > 0 {
			fail(c, &rateLimitError{
				policy:     limiter.policy,
				detail:     fmt.Sprintf("You may write %d times a minute. See Retry-After.", perMinute),
				retryAfter: wait,
			})
		}
	}
}

// limitAuthFailures bounds the tokens from one client address that fail authenticate. Only failures count, so that a
// valid token still passes from an address where others guess. 0 is no bound.
func limitAuthFailures(perMinute int, authenticate gin.HandlerFunc) gin.HandlerFunc {
	if perMinute == 0 {
		return authenticate
	}
	limiter := newRateLimiter("auth-failures", perMinute)
	return func(c *gin.Context) {
		authenticate(c)
		if !c.IsAborted() || !isBadToken(c.Errors.Last().Err) {
			return
		}
		if wait := limiter.take(c, network(c.ClientIP())); wait > 0 {
			c.Writer.Header().Del("WWW-Authenticate")
			fail(c, &rateLimitError{
				policy:     limiter.policy,
				detail:     "Too many access tokens from this address were not valid. See Retry-After.",
				retryAfter: wait,
			})
		}
	}
}

func isBadToken(err error) bool {
	return errors.Is(err, authz.ErrMalformed) || errors.Is(err, authz.ErrInvalid) || errors.Is(err, authz.ErrExpired)
}

// network returns what one client has to itself: an IPv4 address, or an IPv6 /64, in which it can pick any address.
func network(client string) string {
	addr, err := netip.ParseAddr(client)
	if err != nil || addr.Unmap().Is4() {
		return client
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return client
	}
	return prefix.String()
}
