package authz

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	freshFor     = 10 * time.Minute // how long a set is used before it is asked for again
	staleFor     = 24 * time.Hour   // how long a set is used when the issuer cannot be reached
	fetchTimeout = 5 * time.Second
	maxKeySet    = 1 << 20 // bytes

	// An unknown kid has the set fetched again, at most refetches times in any refetchWindow: anyone can make one up.
	refetches     = 5
	refetchWindow = time.Minute

	// The pause after a failed fetch doubles from minPause to maxPause.
	minPause = time.Second
	maxPause = 10 * time.Second
)

// Keys is the issuer's set of signing keys, kept fresh in the background. A request waits for the network only while
// there are no keys yet, and when its token names a key that is not in the set.
type Keys struct {
	url    string
	client *http.Client
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // the life of the background work, not of a call

	refetch singleflight.Group

	background, unknownKid fetchCounts

	mu        sync.Mutex
	set       *keySet
	refetched []time.Time   // when unknown kids had the set fetched, the last ones
	attempt   chan struct{} // closed when the background fetch in progress ends; nil when there is none
	next      time.Time     // when the next background fetch begins
	failure   error         // why the last background fetch failed
}

type keySet struct {
	keys  map[string]*rsa.PublicKey
	asked time.Time // when the request for it went out: what the issuer did later is not in it
}

// NewKeys returns the keys that the issuer publishes at url and starts to fetch them. It does not wait for them. The
// work ends with the context. The transport is http.DefaultTransport when nil.
func NewKeys(ctx context.Context, url string, transport http.RoundTripper, log *slog.Logger) *Keys {
	k := &Keys{
		url: url, log: log, ctx: ctx,
		attempt: make(chan struct{}),
		failure: errors.New("they have not been fetched yet"),
		client: &http.Client{
			Transport: transport,
			Timeout:   fetchTimeout,
			// A redirect would let whoever controls it choose the keys. The answer to it is an error like any other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	go k.keepFresh()
	return k
}

// errUnknownKey is the cause of an ErrInvalid.
var errUnknownKey = errors.New("its kid is not in the issuer's key set")

// Find returns the key with the kid.
//
// Returns ErrInvalid if the issuer has no such key, a KeysUnavailableError if that cannot be told or not within the
// context's deadline, and the context's error if it was cancelled.
func (k *Keys) Find(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	arrived := time.Now()
	set, err := k.current(ctx)
	for err == nil {
		if key, ok := set.keys[kid]; ok {
			return key, nil
		}
		if !set.asked.Before(arrived) {
			// The issuer was asked after the token came, and does not know the kid either.
			return nil, fmt.Errorf("%w: %w", ErrInvalid, errUnknownKey)
		}
		set, err = k.refetchSet(ctx)
	}
	return nil, err
}

// current returns the set at hand. Without one it waits for the fetch in progress, if there is one.
func (k *Keys) current(ctx context.Context) (*keySet, error) {
	set, attempt, err := k.state()
	if set == nil && attempt != nil {
		select {
		case <-attempt:
		case <-ctx.Done():
			return nil, gaveUp(ctx)
		}
		set, _, err = k.state()
	}
	if set == nil {
		return nil, err
	}
	return set, nil
}

// state returns the set unless it is too old, the fetch in progress, and the error to give when there is no set.
func (k *Keys) state() (*keySet, chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set != nil && time.Since(k.set.asked) < staleFor {
		return k.set, k.attempt, nil
	}
	return nil, k.attempt, &KeysUnavailableError{RetryAfter: max(time.Second, time.Until(k.next)), Cause: k.failure}
}

var errBudget = errors.New("too many unknown kids")

// holds reports whether the set at hand has this very key under the kid. A key of a set that was fetched later is another
// one, even with the same numbers in it.
func (k *Keys) holds(kid string, key *rsa.PublicKey) bool {
	set, _, err := k.state()
	return err == nil && set.keys[kid] == key
}

// refetchSet fetches the set once for all requests that ask for it at the same time.
func (k *Keys) refetchSet(ctx context.Context) (*keySet, error) {
	result := k.refetch.DoChan("", func() (any, error) {
		if !k.mayRefetch() {
			k.unknownKid.refused.Add(1)
			return nil, errBudget
		}
		set, err := k.fetch()
		k.unknownKid.ended(err)
		if err != nil {
			k.log.Warn("signing keys: fetch for an unknown kid failed", "url", k.url, "error", err)
		}
		return set, err
	})
	select {
	case <-ctx.Done():
		return nil, gaveUp(ctx)
	case r := <-result:
		if errors.Is(r.Err, errBudget) {
			return nil, fmt.Errorf("%w: %w; the key set was fetched often enough for unknown kids", ErrInvalid, errUnknownKey)
		}
		if set, ok := r.Val.(*keySet); ok && r.Err == nil {
			return set, nil
		}
		return nil, &KeysUnavailableError{RetryAfter: minPause, Cause: r.Err}
	}
}

// gaveUp says why a request stopped waiting for the issuer: its client hung up, or the issuer was too slow for it.
func gaveUp(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &KeysUnavailableError{RetryAfter: minPause, Cause: ctx.Err()}
	}
	return ctx.Err()
}

// mayRefetch takes one of the refetches that unknown kids may cause. Any window of a minute holds at most five.
func (k *Keys) mayRefetch() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if len(k.refetched) == refetches {
		if now.Sub(k.refetched[0]) < refetchWindow {
			return false
		}
		k.refetched = k.refetched[1:]
	}
	k.refetched = append(k.refetched, now)
	return true
}

// keepFresh fetches the set at once, whenever it is no longer fresh, and after a failure until it succeeds. It does not
// wait to be asked: a key that the issuer withdrew must stop working even where no token comes for hours.
func (k *Keys) keepFresh() {
	pause := minPause
	for k.ctx.Err() == nil {
		set, err := k.fetch()
		k.background.ended(err)
		wait := freshFor
		if err != nil {
			wait, pause = pause, min(2*pause, maxPause)
			k.log.Warn("signing keys: fetch failed", "url", k.url, "error", err, "retry_in", wait)
		} else {
			pause = minPause
			k.log.Debug("signing keys: fetched", "url", k.url, "keys", len(set.keys))
		}
		k.endAttempt(err, wait)
		select {
		case <-time.After(wait):
			k.beginAttempt()
		case <-k.ctx.Done():
		}
	}
}

func (k *Keys) beginAttempt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.attempt = make(chan struct{})
}

func (k *Keys) endAttempt(err error, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failure, k.next = err, time.Now().Add(wait)
	close(k.attempt)
	k.attempt = nil
}

// fetch asks the issuer for its keys and makes them the current set. Anything but a good answer leaves the set as it is.
func (k *Keys) fetch() (*keySet, error) {
	asked := time.Now()
	keys, err := k.download()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil || k.set.asked.Before(asked) { // an answer that was overtaken does not undo a newer one
		k.set = &keySet{keys: keys, asked: asked}
	}
	return k.set, nil
}

func (k *Keys) download() (map[string]*rsa.PublicKey, error) {
	request, err := http.NewRequestWithContext(k.ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the issuer answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}
