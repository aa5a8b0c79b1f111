package authz

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

const (
	freshFor     = 10 * time.Minute // the age at which a set is fetched again
	staleFor     = 24 * time.Hour   // the age up to which a set is used while the issuer is down
	fetchTimeout = 5 * time.Second
	maxKeySet    = 1 << 20 // bytes
	maxLogged    = 20      // skipped keys of a set

	// An unknown kid triggers a fetch. Anyone can make up a kid, so a bucket of refetchBurst tokens, one more for each
	// refetchPause, limits these fetches: at most five in any minute. Made-up kids that empty the bucket delay the first
	// token of a new key by one pause and a fetch.
	refetchBurst = 2
	refetchPause = 16 * time.Second

	// maxWaiting limits the requests that wait for a fetch at the same time.
	maxWaiting = 32

	// The pause between two attempts doubles from minPause to maxPause while they fail.
	minPause = time.Second
	maxPause = 10 * time.Second
)

// Keys is the issuer's set of signing keys. It refreshes itself in the background. A request waits for the network only
// while there are no keys yet, and when its token names a key that is not in the set.
type Keys struct {
	url    string
	client *http.Client
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // the life of the background work, not of a call

	waiting       chan struct{} // one element for each request that waits for a fetch
	refetch       singleflight.Group
	refetchBudget *rate.Limiter // does not count background fetches
	fetches       *prometheus.CounterVec

	mu      sync.Mutex
	set     *keySet
	attempt chan struct{} // closed when the background fetch in progress ends; otherwise nil
	next    time.Time     // of the next background fetch
	failure error         // of the last background fetch
	skipped []skippedKey  // of the last set
}

type keySet struct {
	keys  map[string]*rsa.PublicKey
	asked time.Time // when the request was sent: the set contains no later change of the issuer
}

// NewKeys returns the keys that the issuer publishes at url, and starts to fetch them without waiting for them. The
// background work ends with the context. If the transport is nil, it is http.DefaultTransport.
func NewKeys(ctx context.Context, url string, transport http.RoundTripper, log *slog.Logger) *Keys {
	k := &Keys{
		url: url, log: log, ctx: ctx,
		waiting:       make(chan struct{}, maxWaiting),
		refetchBudget: rate.NewLimiter(rate.Every(refetchPause), refetchBurst),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jwks_fetches_total",
			Help: "Fetches of the signing keys, in the background or for an unknown_kid: ok, failed, or refused if unknown key ids used up the limit.",
		}, []string{"cause", "outcome"}),
		attempt: make(chan struct{}),
		failure: errors.New("they have not been fetched yet"),
		client: &http.Client{
			Transport: transport,
			Timeout:   fetchTimeout,
			// A redirect could lead to the keys of an attacker, so it is an error like any other status.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, outcome := range []string{"ok", "failed"} { // a counter that is missing until the first failure raises no alert
		k.fetches.WithLabelValues(background, outcome)
		k.fetches.WithLabelValues(unknownKid, outcome)
	}
	k.fetches.WithLabelValues(unknownKid, "refused")
	go k.keepFresh()
	return k
}

// The causes of a fetch, in the metrics.
const (
	background = "background"
	unknownKid = "unknown_kid"
)

// Metrics returns how fresh the keys are, and the counters of the fetches.
func (k *Keys) Metrics() []prometheus.Collector {
	return []prometheus.Collector{
		k.fetches,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "jwks_keys",
			Help: "Usable signing keys of the issuer.",
		}, func() float64 {
			if set, _, err := k.current(); err == nil {
				return float64(len(set.keys))
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "jwks_age_seconds",
			Help: "Time since the last successful fetch of the signing keys: at most about 600 while the issuer responds, +Inf without keys.",
		}, func() float64 {
			if set, _, err := k.current(); err == nil {
				return time.Since(set.asked).Seconds()
			}
			return math.Inf(1)
		}),
	}
}

// The causes of a KeysUnavailableError other than a failed fetch.
var (
	errWaiting = errors.New("too many requests wait for the issuer's key set")
	errBudget  = errors.New("the kid is not in the key set, which was fetched too often for unknown kids")
)

// Find returns the key with the kid.
//
// Returns ErrInvalid if the issuer has no such key, a KeysUnavailableError if that is unknown or takes longer than the
// context's deadline, and the context's error if it was cancelled. An unknown kid may belong to a new key, so it is invalid
// only after a fetch.
func (k *Keys) Find(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	arrived := time.Now()
	set, attempt, err := k.current()
	if err == nil && set.keys[kid] != nil {
		return set.keys[kid], nil
	}
	select {
	case k.waiting <- struct{}{}:
		defer func() { <-k.waiting }()
	default:
		return nil, &KeysUnavailableError{RetryAfter: minPause, Cause: errWaiting}
	}
	if err != nil && attempt != nil { // there are no keys yet, or none any more
		select {
		case <-attempt:
			set, _, err = k.current()
		case <-ctx.Done():
			return nil, contextError(ctx)
		}
	}
	for err == nil {
		if key, ok := set.keys[kid]; ok {
			return key, nil
		}
		if !set.asked.Before(arrived) { // the set is newer than the token
			return nil, fmt.Errorf("%w: its kid is not in the issuer's key set", ErrInvalid)
		}
		set, err = k.refetchSet(ctx)
	}
	return nil, err
}

// current returns the set unless it is too old, the background fetch in progress, and the error if there is no set.
func (k *Keys) current() (*keySet, chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set != nil && time.Since(k.set.asked) < staleFor {
		return k.set, k.attempt, nil
	}
	return nil, k.attempt, &KeysUnavailableError{RetryAfter: max(time.Second, time.Until(k.next)), Cause: k.failure}
}

// isCurrent reports whether the current set contains this very key under the kid. Every fetch creates new keys, even if
// their numbers are the same.
func (k *Keys) isCurrent(kid string, key *rsa.PublicKey) bool {
	set, _, err := k.current()
	return err == nil && set.keys[kid] == key
}

// refetchSet fetches the set for an unknown kid, once for all requests that wait for it at the same time.
func (k *Keys) refetchSet(ctx context.Context) (*keySet, error) {
	result := k.refetch.DoChan("", func() (any, error) {
		reservation := k.refetchBudget.Reserve()
		if wait := reservation.Delay(); wait > 0 {
			reservation.Cancel()
			k.fetches.WithLabelValues(unknownKid, "refused").Inc()
			return nil, &KeysUnavailableError{RetryAfter: max(minPause, wait), Cause: errBudget}
		}
		set, err := k.fetch(unknownKid)
		if err != nil {
			k.log.Warn("signing keys: fetch for an unknown kid failed", "url", k.url, "error", err)
			return nil, &KeysUnavailableError{RetryAfter: minPause, Cause: err}
		}
		return set, nil
	})
	select {
	case <-ctx.Done():
		return nil, contextError(ctx)
	case r := <-result:
		set, _ := r.Val.(*keySet)
		return set, r.Err
	}
}

// contextError returns why a request stopped waiting for the issuer: its client disconnected, or the issuer was too slow.
func contextError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &KeysUnavailableError{RetryAfter: minPause, Cause: ctx.Err()}
	}
	return ctx.Err()
}

// keepFresh fetches the set at the start, when it is no longer fresh, and after a failure until a fetch succeeds. It does
// not depend on requests: a key that the issuer withdrew must stop working even if no token arrives for hours.
func (k *Keys) keepFresh() {
	pause := minPause
	for k.ctx.Err() == nil {
		began := time.Now()
		set, err := k.fetch(background)
		wait := freshFor
		if err != nil {
			wait, pause = max(minPause, pause-time.Since(began)), min(2*pause, maxPause)
			if k.ctx.Err() == nil { // otherwise the program stops, and does not retry
				k.log.Warn("signing keys: fetch failed", "url", k.url, "error", err, "retry_in", wait.Round(time.Millisecond).String())
			}
		} else {
			pause = minPause
			k.log.Debug("signing keys: fetched", "url", k.url, "keys", len(set.keys))
		}
		k.mu.Lock()
		k.failure, k.next = err, time.Now().Add(wait)
		close(k.attempt)
		k.attempt = nil
		k.mu.Unlock()

		select {
		case <-time.After(wait):
		case <-k.ctx.Done():
			return
		}
		k.mu.Lock()
		k.attempt = make(chan struct{})
		k.mu.Unlock()
	}
}

// fetch downloads the keys, makes them the current set and counts the result. A failure leaves the set as it is.
func (k *Keys) fetch(cause string) (*keySet, error) {
	asked := time.Now()
	keys, skipped, err := k.download()
	k.mu.Lock()
	defer k.mu.Unlock()
	if (err == nil || skipped != nil) && !slices.Equal(skipped, k.skipped) { // most sets are the same as the last one
		k.skipped = skipped
		for _, key := range skipped[:min(len(skipped), maxLogged)] {
			k.log.Info("signing keys: skipped a key", "url", k.url, "kid", fmt.Sprintf("%.100s", key.kid), "reason", fmt.Sprintf("%.200s", key.reason))
		}
	}
	if err != nil {
		k.fetches.WithLabelValues(cause, "failed").Inc()
		return nil, err
	}
	k.fetches.WithLabelValues(cause, "ok").Inc()
	if k.set == nil || k.set.asked.Before(asked) { // a slow response does not replace a newer set
		k.set = &keySet{keys: keys, asked: asked}
	}
	return k.set, nil
}

func (k *Keys) download() (map[string]*rsa.PublicKey, []skippedKey, error) {
	request, err := http.NewRequestWithContext(k.ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := k.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the issuer responded with %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxKeySet {
		return nil, nil, fmt.Errorf("the response is longer than %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}
