package authz

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

const (
	freshFor     = 10 * time.Minute // the age at which a set is fetched again
	staleFor     = 24 * time.Hour   // the age up to which a set is used while the issuer is down
	fetchTimeout = 5 * time.Second
	maxKeySet    = 1 << 20 // bytes

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

	mu      sync.Mutex
	set     *keySet
	attempt chan struct{} // closed when the background fetch in progress ends; otherwise nil
	next    time.Time     // of the next background fetch
	failure error         // of the last background fetch
	stats   KeyStats      // the counters only
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
		attempt:       make(chan struct{}),
		failure:       errors.New("they have not been fetched yet"),
		client: &http.Client{
			Transport: transport,
			Timeout:   fetchTimeout,
			// Whoever controls a redirect would choose the keys. A redirect is an error like any other status.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	go k.keepFresh()
	return k
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
	if set, _, err := k.current(); err == nil && set.keys[kid] != nil {
		return set.keys[kid], nil
	}
	select {
	case k.waiting <- struct{}{}:
		defer func() { <-k.waiting }()
	default:
		return nil, &KeysUnavailableError{RetryAfter: minPause, Cause: errWaiting}
	}
	set, err := k.wait(ctx)
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

// wait returns the current set. If there is none, it waits for the background fetch in progress.
func (k *Keys) wait(ctx context.Context) (*keySet, error) {
	set, attempt, err := k.current()
	if set != nil || attempt == nil {
		return set, err
	}
	select {
	case <-attempt:
		set, _, err = k.current()
		return set, err
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
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
			k.mu.Lock()
			k.stats.UnknownKid.Refused++
			k.mu.Unlock()
			return nil, &KeysUnavailableError{RetryAfter: max(minPause, wait), Cause: errBudget}
		}
		set, err := k.fetch(&k.stats.UnknownKid)
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
		set, err := k.fetch(&k.stats.Background)
		wait := freshFor
		if err != nil {
			wait, pause = max(minPause, pause-time.Since(began)), min(2*pause, maxPause)
			k.log.Warn("signing keys: fetch failed", "url", k.url, "error", err, "retry_in", wait)
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
func (k *Keys) fetch(count *FetchStats) (*keySet, error) {
	asked := time.Now()
	keys, err := k.download()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		count.Failed++
		return nil, err
	}
	count.OK++
	if k.set == nil || k.set.asked.Before(asked) { // a slow response does not replace a newer set
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
		return nil, fmt.Errorf("the issuer responded %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("the response is longer than %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}

// jwk is a JSON Web Key (RFC 7517 section 4, RFC 7518 section 6.3). Other members do not matter.
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
	Private   string `json:"d"`
}

// parseKeySet reads a JWK Set (RFC 7517 section 5) and returns its usable keys by kid. It skips other keys, so that an
// issuer may publish keys for other purposes. A set without a usable key is an error.
func parseKeySet(body []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("it is not a JWK Set: %w", err)
	}
	keys := map[string]*rsa.PublicKey{} // nil for a kid that is ambiguous or belongs to a key that is not usable
	for _, raw := range set.Keys {
		var named struct {
			ID string `json:"kid"`
		}
		if json.Unmarshal(raw, &named) != nil || named.ID == "" {
			continue
		}
		if _, ambiguous := keys[named.ID]; ambiguous {
			keys[named.ID] = nil
			continue
		}
		keys[named.ID] = usableKey(raw)
	}
	for kid, key := range keys {
		if key == nil {
			delete(keys, kid)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no usable key: RSA, 2048 bits or more, for RS256 signatures, with a unique kid")
	}
	return keys, nil
}

// usableKey returns the key if it can verify an RS256 signature, else nil. A private key is not usable: its owner has lost
// it.
func usableKey(raw []byte) *rsa.PublicKey {
	const minBits, maxBits = 2048, 16384 // RFC 7518 section 3.3; a larger key would make every check slow
	var k jwk
	if json.Unmarshal(raw, &k) != nil || k.Type != "RSA" || k.Private != "" ||
		(k.Use != "" && k.Use != "sig") || (k.Algorithm != "" && k.Algorithm != "RS256") {
		return nil
	}
	n, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.Modulus, "="))
	if err != nil {
		return nil
	}
	exponent, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.Exponent, "="))
	if err != nil {
		return nil
	}
	modulus, e := new(big.Int).SetBytes(n), new(big.Int).SetBytes(exponent)
	if modulus.BitLen() < minBits || modulus.BitLen() > maxBits || !e.IsInt64() {
		return nil
	}
	if e := e.Int64(); e >= 3 && e%2 == 1 && e <= math.MaxInt32 {
		return &rsa.PublicKey{N: modulus, E: int(e)}
	}
	return nil
}

// KeyStats describe how fresh the issuer's keys are and count the fetches.
type KeyStats struct {
	// Keys is the number of current keys: 0 before the first fetch, and if the keys are too old.
	Keys int
	// Age is the time since they were requested. It means nothing without keys.
	Age time.Duration
	// Background counts the fetches at the start and when the set is no longer fresh.
	Background FetchStats
	// UnknownKid counts the fetches for tokens with an unknown kid.
	UnknownKid FetchStats
}

// FetchStats count fetches by result.
type FetchStats struct {
	OK      uint64
	Failed  uint64
	Refused uint64 // not made, because of the limit
}

// Stats returns the state of the keys at this moment.
func (k *Keys) Stats() KeyStats {
	set, _, err := k.current()
	k.mu.Lock()
	defer k.mu.Unlock()
	stats := k.stats
	if err == nil {
		stats.Keys, stats.Age = len(set.keys), time.Since(set.asked)
	}
	return stats
}
