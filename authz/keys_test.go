package authz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/authz"
	"menu-api/authz/authztest"
)

// endpoint is a key set endpoint without a network, for tests in which the clock is synctest's.
type endpoint struct {
	mu     sync.Mutex
	body   []byte
	status int
	delay  time.Duration
	asked  []time.Time
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.asked = append(e.asked, time.Now())
	status, body, delay := e.status, e.body, e.delay
	e.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// answer sets what the endpoint answers from now on.
func (e *endpoint) answer(status int, body []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.body = status, body
}

func (e *endpoint) publish(keys ...*authztest.Key) {
	e.answer(http.StatusOK, authztest.KeySet(keys...))
}

// fail answers as a proxy in trouble does: JSON, which a careless cache takes for an empty set.
func (e *endpoint) fail() { e.answer(http.StatusInternalServerError, []byte(`{"error":"oops"}`)) }

func (e *endpoint) fetches() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// withClock runs a test against keys from an endpoint, under a clock that jumps whenever everything waits.
func withClock(t *testing.T, setUp func(*endpoint), test func(*testing.T, *authz.Keys, *endpoint)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		setUp(e)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		test(t, authz.NewKeys(ctx, "https://issuer.example/jwks", e, slog.New(slog.DiscardHandler)), e)
	})
}

func assertFound(t *testing.T, keys *authz.Keys, key *authztest.Key) {
	t.Helper()
	got, err := keys.Find(t.Context(), key.ID)
	if err != nil {
		t.Fatalf("%s: %v", key.ID, err)
	}
	if !got.Equal(&key.Private.PublicKey) {
		t.Errorf("%s: got another key", key.ID)
	}
}

func assertRefused(t *testing.T, keys *authz.Keys, kid string, want error) {
	t.Helper()
	if _, err := keys.Find(t.Context(), kid); !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", kid, err, want)
	}
}

func assertFetches(t *testing.T, e *endpoint, want int) {
	t.Helper()
	if got := e.fetches(); got != want {
		t.Errorf("got %d fetches, want %d", got, want)
	}
}

var (
	keyA = sync.OnceValue(func() *authztest.Key { return authztest.NewKey(&testing.B{}) })
	keyB = sync.OnceValue(func() *authztest.Key { return authztest.NewKey(&testing.B{}) })
)

func TestKeysAreFetchedOnce(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()); e.delay = time.Second }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		var wg sync.WaitGroup
		for range 50 { // all wait for the fetch that began at the start
			wg.Go(func() { assertFound(t, keys, keyA()) })
		}
		wg.Wait()
		assertFetches(t, e, 1)
	})
}

func TestKeysAreRefreshedInTheBackground(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()) }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		e.mu.Lock()
		e.delay = 3 * time.Second
		e.mu.Unlock()
		time.Sleep(10*time.Minute + time.Second)
		start := time.Now()
		assertFound(t, keys, keyA())
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s for a refresh, want the old set to serve", waited)
		}
		assertFetches(t, e, 2)
	})
}

// Also when no token came for hours: the refresh does not wait to be asked for.
func TestWithdrawnKeyStopsWorking(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA(), keyB()) }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		e.publish(keyB())
		time.Sleep(10*time.Minute + time.Second)
		assertRefused(t, keys, keyA().ID, authz.ErrInvalid)
		assertFound(t, keys, keyB())
	})
}

func TestStaleKeysServeForADay(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()) }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		e.fail()
		time.Sleep(24*time.Hour - time.Second)
		assertFound(t, keys, keyA())
		time.Sleep(2 * time.Second)
		assertRefused(t, keys, keyA().ID, authz.ErrKeysUnavailable)
		e.publish(keyA())
		time.Sleep(10 * time.Second)
		assertFound(t, keys, keyA())
	})
}

func TestAttemptsWithoutKeysAreSpaced(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.fail() }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		for range 600 { // requests do not add to the attempts
			assertRefused(t, keys, keyA().ID, authz.ErrKeysUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		for i := 1; i < e.fetches(); i++ {
			if pause := e.asked[i].Sub(e.asked[i-1]); pause < time.Second || pause > 10*time.Second {
				t.Errorf("got %s between attempts %d and %d, want 1 to 10 seconds", pause, i, i+1)
			}
		}
		_, err := keys.Find(t.Context(), "any")
		var unavailable *authz.KeysUnavailableError
		if !errors.As(err, &unavailable) || unavailable.RetryAfter < time.Second || unavailable.RetryAfter > 10*time.Second {
			t.Errorf("got %+v, want to be told to come back in 1 to 10 seconds", err)
		}
		e.publish(keyA())
		time.Sleep(10 * time.Second)
		assertFound(t, keys, keyA())
	})
}

func TestRotatedKeyIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()) }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		e.publish(keyB(), keyA())
		e.mu.Lock()
		e.delay = time.Second
		e.mu.Unlock()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { assertFound(t, keys, keyB()) })
		}
		wg.Wait()
		assertFetches(t, e, 2) // one for all of them
	})
}

// A fetch that was on its way before the key was rotated does not hold the new key. A token that comes meanwhile has to
// wait for the next one, not for a 401.
func TestFetchInProgressMayBeTooOld(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()) }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		e.mu.Lock()
		e.delay = time.Second
		e.mu.Unlock()
		done := make(chan struct{})
		go func() {
			defer close(done)
			assertRefused(t, keys, "made-up", authz.ErrInvalid)
		}()
		time.Sleep(500 * time.Millisecond)
		e.publish(keyB(), keyA())
		assertFound(t, keys, keyB())
		<-done
		assertFetches(t, e, 3)
	})
}

func TestUnknownKeysAreRateLimited(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()) }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		for i := range 30 * 60 { // half an hour of made-up kids
			time.Sleep(time.Second)
			assertRefused(t, keys, fmt.Sprint("made-up-", i), authz.ErrInvalid)
			assertFound(t, keys, keyA())
		}
		for i := range e.asked {
			var inMinute int
			for _, at := range e.asked[i:] {
				if at.Sub(e.asked[i]) < time.Minute {
					inMinute++
				}
			}
			if inMinute > 5+1 { // the one is the background refresh
				t.Fatalf("got %d fetches within a minute, want at most 5 and a refresh", inMinute)
			}
		}
		// The flood has used up the budget. The background refresh still brings the new key.
		e.publish(keyB())
		time.Sleep(10 * time.Minute)
		assertFound(t, keys, keyB())
		assertRefused(t, keys, keyA().ID, authz.ErrInvalid)
	})
}

// When the issuer cannot be asked about an unknown kid, nobody can tell.
func TestFailedRefetchIsUnavailable(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()) }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		e.fail()
		for range 5 {
			assertRefused(t, keys, keyB().ID, authz.ErrKeysUnavailable)
		}
		assertRefused(t, keys, keyB().ID, authz.ErrInvalid) // the budget is spent: the set at hand rules
		assertFound(t, keys, keyA())                        // which no failure has touched
	})
}

func TestSlowIssuerTimesOut(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()); e.delay = time.Hour }, func(t *testing.T, keys *authz.Keys, _ *endpoint) {
		start := time.Now()
		assertRefused(t, keys, keyA().ID, authz.ErrKeysUnavailable)
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("waited %s, want 5s", waited)
		}
	})
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	withClock(t, func(e *endpoint) { e.publish(keyA()); e.delay = 4 * time.Second }, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := keys.Find(ctx, keyA().ID); !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v at the start, want ErrKeysUnavailable", err)
		}
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := keys.Find(ctx, "unknown"); !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v for an unknown kid, want ErrKeysUnavailable", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := keys.Find(ctx, "unknown"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v for a client that hung up, want the context's error", err)
		}
		time.Sleep(5 * time.Second) // the fetch goes on for the others
		assertFetches(t, e, 2)
	})
}

func TestKeySetsThatAreRefused(t *testing.T) {
	t.Parallel()
	key := keyA()
	small := authztest.NewKeyOf(t, 1024)
	for name, body := range map[string][]byte{
		"empty":                        {},
		"an HTML page":                 []byte("<!doctype html><title>Sign in</title>"),
		"JSON of another kind":         []byte(`{"error":"oops"}`),
		"an array":                     []byte(`[]`),
		"no keys":                      authztest.KeySetOf(),
		"keys null":                    []byte(`{"keys":null}`),
		"not JWKs":                     []byte(`{"keys":[1,"x",null,[]]}`),
		"too long":                     append(authztest.KeySet(key), bytes.Repeat([]byte(" "), 1<<20)...),
		"cut off":                      authztest.KeySet(key)[:100],
		"1,024 bits":                   authztest.KeySet(small),
		"for encryption":               authztest.KeySetOf(key.JWK(map[string]any{"use": "enc"})),
		"for RS512":                    authztest.KeySetOf(key.JWK(map[string]any{"alg": "RS512"})),
		"exponent 1":                   authztest.KeySetOf(key.JWK(map[string]any{"e": "AQ"})),
		"exponent even":                authztest.KeySetOf(key.JWK(map[string]any{"e": "BA"})),
		"no kid":                       authztest.KeySetOf(key.JWK(map[string]any{"kid": nil})),
		"an empty kid":                 authztest.KeySetOf(key.JWK(map[string]any{"kid": ""})),
		"an elliptic curve key":        authztest.KeySetOf(map[string]any{"kty": "EC", "kid": key.ID, "crv": "P-256", "x": authztest.Encode(strings.Repeat("x", 32)), "y": authztest.Encode(strings.Repeat("y", 32))}),
		"a symmetric key":              authztest.KeySetOf(map[string]any{"kty": "oct", "kid": key.ID, "k": "c2VjcmV0"}),
		"one kid for two keys":         authztest.KeySetOf(key.JWK(nil), keyB().JWK(map[string]any{"kid": key.ID})),
		"one kid for two kinds of key": authztest.KeySetOf(key.JWK(nil), map[string]any{"kty": "oct", "kid": key.ID, "k": "c2VjcmV0"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withClock(t, func(e *endpoint) { e.answer(http.StatusOK, body) }, func(t *testing.T, keys *authz.Keys, _ *endpoint) {
				assertRefused(t, keys, key.ID, authz.ErrKeysUnavailable)
			})
		})
	}
}

func TestKeySetsThatAreAccepted(t *testing.T) {
	t.Parallel()
	key := keyA()
	for name, body := range map[string][]byte{
		"use and alg absent":      authztest.KeySetOf(key.JWK(map[string]any{"use": nil, "alg": nil})),
		"members nobody knows":    authztest.KeySetOf(key.JWK(map[string]any{"key_ops": []string{"verify"}, "ext": true, "https://issuer.example/note": 1})),
		"beside keys of no use":   authztest.KeySetOf(map[string]any{"kty": "oct", "kid": "other", "k": "c2VjcmV0"}, key.JWK(nil), map[string]any{"kty": "new"}),
		"beside a kid in dispute": authztest.KeySetOf(keyB().JWK(nil), key.JWK(nil), keyB().JWK(nil)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withClock(t, func(e *endpoint) { e.answer(http.StatusOK, body) }, func(t *testing.T, keys *authz.Keys, _ *endpoint) {
				assertFound(t, keys, key)
			})
		})
	}
}

// Over a real network: a redirect must not be followed, to wherever it leads, and a good answer must have status 200.
func TestAnswersThatAreRefused(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(authztest.KeySet(keyB())) }))
	t.Cleanup(elsewhere.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"status 203": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(203)
			_, _ = w.Write(authztest.KeySet(keyB()))
		},
		"status 500": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = w.Write(authztest.KeySet(keyB()))
		},
		"a hang-up":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a hundred MiB": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, spaces{}, 100<<20) },
		"a compressed MiB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authztest.NewIssuer(t)
			issuer.Answer(answer)
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			keys := authz.NewKeys(ctx, issuer.JWKSURL(), nil, slog.New(slog.DiscardHandler))
			assertRefused(t, keys, keyB().ID, authz.ErrKeysUnavailable)
		})
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
