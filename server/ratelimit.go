package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"menu-api/authz"
	"menu-api/items"
)

// maxTracked is how many subjects or addresses a limit remembers. It forgets the least recently seen one first.
const maxTracked = 10_000

// tracked keeps a value for each subject or address.
type tracked[T any] struct {
	values   *lru.Cache[string, *T]
	newValue func() *T
}

func newTracked[T any](newValue func() *T) tracked[T] {
	values, err := lru.New[string, *T](maxTracked)
	if err != nil {
		panic(err) // the size is not positive
	}
	return tracked[T]{values, newValue}
}

func (t tracked[T]) get(key string) *T {
	if known, ok := t.values.Get(key); ok {
		return known
	}
	added := t.newValue()
	if known, ok, _ := t.values.PeekOrAdd(key, added); ok {
		return known // of a request at the same time
	}
	return added
}

// rateLimitError is an errRateLimited with the time after which to retry.
type rateLimitError struct {
	policy     string
	detail     string
	retryAfter time.Duration
}

func (e *rateLimitError) Error() string { return errRateLimited.Error() + ": " + e.detail }
func (e *rateLimitError) Unwrap() error { return errRateLimited }

// rateLimiter has a token bucket for each key. A bucket holds perMinute tokens and is refilled over a minute.
type rateLimiter struct {
	policy    string // the name of the limit in the RateLimit fields
	perMinute int    // 0 means no limit
	detail    string // for a client that exceeds the limit
	buckets   tracked[rate.Limiter]
}

func newRateLimiter(policy string, perMinute int, detail string) *rateLimiter {
	return &rateLimiter{policy: policy, perMinute: perMinute, detail: detail, buckets: newTracked(func() *rate.Limiter {
		return rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)
	})}
}

// take takes one token from the key's bucket and sets the RateLimit fields (draft-ietf-httpapi-ratelimit-headers). It
// returns a *rateLimitError if the bucket is empty.
func (l *rateLimiter) take(c *gin.Context, key string) error {
	if l.perMinute == 0 {
		return nil
	}
	bucket := l.buckets.get(key)
	now := time.Now()
	perSecond := float64(bucket.Limit())
	allowed := bucket.AllowN(now, 1)
	tokens := bucket.TokensAt(now)
	left := max(0, tokens)
	full := seconds((float64(l.perMinute) - left) / perSecond)
	c.Header("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=60", l.policy, l.perMinute))
	c.Header("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", l.policy, int(left), wholeSeconds(full)))
	if allowed {
		return nil
	}
	return &rateLimitError{policy: l.policy, detail: l.detail, retryAfter: seconds((1 - tokens) / perSecond)}
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// requireWithin returns a function like Guard.Require. It also limits the writes of one subject, regardless of the address. The
// permissions come first, so a rejected write does not count.
func requireWithin(guard *authz.Guard, writesPerMinute int) func(permissions ...string) gin.HandlerFunc {
	limiter := newRateLimiter("writes", writesPerMinute, fmt.Sprintf("You may write %d times a minute. See Retry-After.", writesPerMinute))
	return func(permissions ...string) gin.HandlerFunc {
		require := guard.Require(permissions...)
		return func(c *gin.Context) {
			require(c)
			if c.IsAborted() || c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
				return
			}
			subject, _ := caller(c)
			if err := limiter.take(c, subject); err != nil {
				items.Fail(c, err)
			}
		}
	}
}

// readLimits bounds the reads of the store for each client address: how many are in progress, and how many start per minute.
//
// Further reads of an address wait for their turn, so that they delay only each other: with hundreds of reads in progress, the
// reads of everyone else would wait behind them for a connection of the database or a processor.
type readLimits struct {
	limiter      *rateLimiter
	turns        tracked[semaphore.Weighted]
	memoryScarce func() bool
}

// newReadLimits returns the limits. perMinute 0 means no limit, neither on the rate nor on the reads in progress.
func newReadLimits(perMinute int, memoryScarce func() bool) *readLimits {
	most := int64(max(2, runtime.GOMAXPROCS(0)))
	return &readLimits{
		limiter:      newRateLimiter("reads", perMinute, "This address sends too many different reads. See Retry-After."),
		turns:        newTracked(func() *semaphore.Weighted { return semaphore.NewWeighted(most) }),
		memoryScarce: memoryScarce,
	}
}

// requireMemory aborts the requests that take memory for a long time while there is little left.
func (l *readLimits) requireMemory(c *gin.Context) {
	if l.memoryScarce() {
		items.Fail(c, errBusy)
	}
}

// begin waits for the other reads of the address. The read ends when end is called. begin returns errBusy if the wait is too
// long, or if there is little memory left.
func (l *readLimits) begin(c *gin.Context) (end func(), err error) {
	if l.memoryScarce() {
		return nil, errBusy
	}
	if l.limiter.perMinute == 0 {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(c.Request.Context(), items.ReadTimeout, errBusy)
	defer cancel()
	turns := l.turns.get(network(c.ClientIP()))
	if turns.Acquire(ctx, 1) != nil {
		return nil, context.Cause(ctx)
	}
	return func() { turns.Release(1) }, nil
}

// beginUntilResponse is begin for a read that ends when the request frees its slot.
func (l *readLimits) beginUntilResponse(c *gin.Context) error {
	end, err := l.begin(c)
	if err == nil {
		c.Writer.(*limitedWriter).endRead = end //nolint:forcetypeassert // limitResponses has set it
	}
	return err
}

// start takes the slot of a read and counts it. Reads that wait for their turn, or for the response to another read, do not use
// up the slots of other clients. start returns errBusy if there is no slot, or a *rateLimitError.
func (l *readLimits) start(c *gin.Context) error {
	if !c.Writer.(*limitedWriter).takeSlot() { //nolint:forcetypeassert // limitResponses has set it
		return errBusy
	}
	return l.count(c)
}

// count counts a read. It returns a *rateLimitError if there are too many.
func (l *readLimits) count(c *gin.Context) error {
	return l.limiter.take(c, network(c.ClientIP()))
}

// beginCounted is begin for a read that counts in any case.
func (l *readLimits) beginCounted(c *gin.Context) (end func(), err error) {
	if err := l.count(c); err != nil {
		return nil, err
	}
	return l.begin(c)
}

// limitAuthFailures limits the invalid tokens from one client address. A valid token from the same address is still accepted,
// because only failures count.
func limitAuthFailures(perMinute int, authenticate gin.HandlerFunc) gin.HandlerFunc {
	limiter := newRateLimiter("auth-failures", perMinute, "Too many access tokens from this address were not valid. See Retry-After.")
	return func(c *gin.Context) {
		authenticate(c)
		if !c.IsAborted() || !isBadToken(c.Errors.Last().Err) {
			return
		}
		if err := limiter.take(c, network(c.ClientIP())); err != nil {
			c.Writer.Header().Del("WWW-Authenticate")
			items.Fail(c, err)
		}
	}
}

func isBadToken(err error) bool {
	return errors.Is(err, authz.ErrMalformed) || errors.Is(err, authz.ErrInvalid) || errors.Is(err, authz.ErrExpired)
}
