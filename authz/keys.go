package authz

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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

// wait returns the current set. Without a set, it waits for the background fetch in progress.
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

// jwk is a JSON Web Key (RFC 7517 section 4, RFC 7518 section 6.3). Other members are ignored, even if they are damaged: some
// providers publish certificates that do not parse.
type jwk struct {
	ID         once[string]   `json:"kid"`
	Type       once[string]   `json:"kty"`
	Use        once[string]   `json:"use"`
	Operations once[[]string] `json:"key_ops"`
	Algorithm  once[string]   `json:"alg"`
	Modulus    once[string]   `json:"n"`
	Exponent   once[string]   `json:"e"`
	Private    once[string]   `json:"d"`
}

// once is a member that must not occur twice. The decoder allows duplicate names, since it would also reject those inside
// members that are ignored.
type once[T any] struct {
	value   T
	present bool
}

// UnmarshalJSONFrom decodes the value with the options of the decoder.
func (o *once[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if o.present {
		return errors.New("it occurs twice")
	}
	o.present = true
	return json.UnmarshalDecode(d, &o.value)
}

var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// skippedKey is a key of the issuer that is not used.
type skippedKey struct{ kid, reason string }

// parseKeySet reads a JWK Set (RFC 7517 section 5) and returns its usable keys by kid. It skips other keys, so that an
// issuer may publish keys for other purposes. A set without a usable key is an error.
func parseKeySet(body []byte) (keys map[string]*rsa.PublicKey, skipped []skippedKey, err error) {
	var set struct {
		Keys once[[]jsontext.Value] `json:"keys"`
	}
	if err := json.Unmarshal(body, &set, lenient); err != nil {
		return nil, nil, fmt.Errorf("it is not a JWK Set: %w", err)
	}
	keys = map[string]*rsa.PublicKey{} // nil for a kid that is ambiguous or belongs to a key that is not usable
	for _, raw := range set.Keys.value {
		var named struct {
			ID once[string] `json:"kid"`
		}
		err := json.Unmarshal(raw, &named, lenient)
		kid := named.ID.value
		switch _, ambiguous := keys[kid]; {
		case err != nil:
		case kid == "":
			err = errors.New("it has no kid")
		case ambiguous:
			keys[kid], err = nil, errors.New("another key has the same kid")
		default:
			keys[kid], err = usableKey(raw)
		}
		if err != nil {
			skipped = append(skipped, skippedKey{kid, err.Error()})
		}
	}
	maps.DeleteFunc(keys, func(_ string, key *rsa.PublicKey) bool { return key == nil })
	if len(keys) == 0 {
		return nil, skipped, errors.New("it has no usable key: RSA, 2048 bits or more, for RS256 signatures, with a unique kid")
	}
	return keys, skipped, nil
}

// usableKey returns the key if it can verify an RS256 signature, otherwise the reason why not.
func usableKey(raw []byte) (*rsa.PublicKey, error) {
	const minBits, maxBits = 2048, 16384 // RFC 7518 section 3.3; a larger key would make every check slow
	var k jwk
	if err := json.Unmarshal(raw, &k, lenient); err != nil {
		return nil, err
	}
	switch {
	case k.Type.value != "RSA":
		return nil, errors.New("kty is not RSA")
	case k.Private.value != "":
		return nil, errors.New("it is a private key, which is no longer secret once it is published")
	case k.Use.value != "" && k.Use.value != "sig":
		return nil, errors.New("use is not sig")
	case k.Operations.value != nil && !slices.Contains(k.Operations.value, "verify"):
		return nil, errors.New("key_ops does not contain verify")
	case k.Algorithm.value != "" && k.Algorithm.value != "RS256":
		return nil, errors.New("alg is not RS256")
	}
	n, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.Modulus.value, "="))
	if err != nil {
		return nil, fmt.Errorf("its modulus: %w", err)
	}
	exponent, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(k.Exponent.value, "="))
	if err != nil {
		return nil, fmt.Errorf("its exponent: %w", err)
	}
	modulus, e := new(big.Int).SetBytes(n), new(big.Int).SetBytes(exponent)
	if bits := modulus.BitLen(); bits < minBits || bits > maxBits {
		return nil, fmt.Errorf("it has %d bits, not %d to %d", bits, minBits, maxBits)
	}
	if !e.IsInt64() || e.Int64() < 3 || e.Int64()%2 == 0 || e.Int64() > math.MaxInt32 {
		return nil, fmt.Errorf("its exponent is not an odd number from 3 to %d", math.MaxInt32)
	}
	return &rsa.PublicKey{N: modulus, E: int(e.Int64())}, nil
}
