package authz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/authz"
	"menu-api/authz/authztest"
)

// endpoint is a key set endpoint without a network, for tests with synctest's clock.
type endpoint struct {
	mu    sync.Mutex
	keys  []*authztest.Key
	jwks  []map[string]any     // instead of keys, unless it is nil
	fails func(fetch int) bool // whether the fetch with this number gets a JSON error with status 500
	delay time.Duration
	asked []time.Time
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.asked = append(e.asked, time.Now())
	status, body, delay := http.StatusOK, authztest.KeySet(e.keys...), e.delay
	if e.jwks != nil {
		body = authztest.KeySetOf(e.jwks...)
	}
	if e.fails != nil && e.fails(len(e.asked)) {
		status, body = http.StatusInternalServerError, []byte(`{"error":"oops"}`)
	}
	e.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

func (e *endpoint) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

func (e *endpoint) publish(keys ...*authztest.Key) {
	e.set(func() { e.keys, e.fails = keys, nil })
}

func (e *endpoint) fail() { e.set(func() { e.fails = func(int) bool { return true } }) }

func (e *endpoint) slowDown(delay time.Duration) { e.set(func() { e.delay = delay }) }

// assertBudget checks that no minute has more fetches than the limit: five for unknown kids and a refresh.
func (e *endpoint) assertBudget(t *testing.T, limit int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for n, first := range e.asked {
		inMinute := 0
		for _, at := range e.asked[n:] {
			if at.Sub(first) < time.Minute {
				inMinute++
			}
		}
		if inMinute > limit {
			t.Fatalf("got %d fetches within a minute, want at most %d", inMinute, limit)
		}
	}
}

// assertPauses checks the time between two attempts.
func (e *endpoint) assertPauses(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := 1; i < len(e.asked); i++ {
		if pause := e.asked[i].Sub(e.asked[i-1]); pause < time.Second || pause > 10*time.Second {
			t.Errorf("got %s between attempts %d and %d, want 1 to 10 seconds", pause, i, i+1)
		}
	}
}

func (e *endpoint) assertFetches(t *testing.T, want int) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if got := len(e.asked); got != want {
		t.Errorf("got %d fetches, want %d", got, want)
	}
}

// keyNamed is key A with another kid, which makes it another key for Keys.
func keyNamed(kid string) *authztest.Key {
	return &authztest.Key{ID: kid, Private: keyA().Private}
}

// withClock runs a test with keys from an endpoint. The clock jumps whenever all goroutines wait.
func withClock(t *testing.T, e *endpoint, test func(*testing.T, *authz.Keys, *endpoint)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		test(t, authz.NewKeys(ctx, "https://issuer.example/jwks", e, slog.New(slog.DiscardHandler)), e)
	})
}

func publishing(keys ...*authztest.Key) *endpoint { return &endpoint{keys: keys} }

// find looks a key up and returns how long it waited.
func find(t *testing.T, keys *authz.Keys, kid string) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	_, err := keys.Find(t.Context(), kid)
	return time.Since(start), err
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

func assertFoundAtOnce(t *testing.T, keys *authz.Keys, kid string) {
	t.Helper()
	if waited, err := find(t, keys, kid); err != nil || waited != 0 {
		t.Fatalf("%s: got %v after %s, want it immediately", kid, err, waited)
	}
}

func assertRejected(t *testing.T, keys *authz.Keys, kid string, want error) {
	t.Helper()
	if _, err := keys.Find(t.Context(), kid); !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", kid, err, want)
	}
}

// assertUnavailable looks a key up and returns how long it waited for a KeysUnavailableError.
func assertUnavailable(t *testing.T, keys *authz.Keys, kid string, mostRetryAfter time.Duration) time.Duration {
	t.Helper()
	waited, err := find(t, keys, kid)
	assertUnavailableError(t, err, mostRetryAfter)
	return waited
}

// assertUnavailableError returns the error's RetryAfter.
func assertUnavailableError(t *testing.T, err error, most time.Duration) time.Duration {
	t.Helper()
	var unavailable *authz.KeysUnavailableError
	if !errors.As(err, &unavailable) {
		t.Errorf("got %v, want a KeysUnavailableError", err)
		return most
	}
	if unavailable.RetryAfter < time.Second || unavailable.RetryAfter > most {
		t.Errorf("got a retry in %s, want 1 s to %s", unavailable.RetryAfter, most)
	}
	return unavailable.RetryAfter
}

func TestKeysAreFetchedOnce(t *testing.T) {
	t.Parallel()
	e := publishing(keyA())
	e.delay = time.Second
	withClock(t, e, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		var wg sync.WaitGroup
		for range 32 { // all wait for the fetch that began at the start
			wg.Go(func() { assertFound(t, keys, keyA()) })
		}
		wg.Wait()
		e.assertFetches(t, 1)
	})
}

func TestKeysAreRefreshedInTheBackground(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyA()), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		e.slowDown(3 * time.Second)
		time.Sleep(10*time.Minute + time.Second)
		assertFoundAtOnce(t, keys, keyA().ID) // in the old set, during the refresh
		e.assertFetches(t, 2)
	})
}

// The refresh ends a withdrawn key, even without requests.
func TestWithdrawnKeyStopsWorking(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{0, time.Minute, 9*time.Minute + 59*time.Second} {
		t.Run(fmt.Sprintf("withdrawn %s after a fetch", age), func(t *testing.T) {
			t.Parallel()
			e := publishing(keyA(), keyB())
			e.delay = time.Second
			withClock(t, e, func(t *testing.T, keys *authz.Keys, e *endpoint) {
				time.Sleep(time.Second + age)
				synctest.Wait()
				assertFound(t, keys, keyA())
				e.publish(keyB())
				withdrawn := time.Now()
				var worked time.Duration
				for {
					if _, err := find(t, keys, keyA().ID); err != nil {
						break
					}
					worked = time.Since(withdrawn)
					time.Sleep(time.Second)
				}
				if worked > 10*time.Minute+2*time.Second { // ten minutes between two fetches, which take a second each
					t.Errorf("worked for another %s, want 10 minutes at most", worked)
				}
				time.Sleep(10 * time.Minute)
				assertRejected(t, keys, keyA().ID, authz.ErrInvalid)
				assertFound(t, keys, keyB())
			})
		})
	}
}

func TestStaleKeysServeForADay(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyA()), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		e.fail()
		e.slowDown(4 * time.Second)
		for range 24*60 - 1 {
			time.Sleep(time.Minute)
			assertFoundAtOnce(t, keys, keyA().ID)
		}
		time.Sleep(59 * time.Second)
		assertFoundAtOnce(t, keys, keyA().ID)
		time.Sleep(2 * time.Second) // the set is a day old
		assertRejected(t, keys, keyA().ID, authz.ErrKeysUnavailable)
		e.publish(keyB())
		e.slowDown(0)
		time.Sleep(15 * time.Second)
		assertFoundAtOnce(t, keys, keyB().ID)
		assertRejected(t, keys, keyA().ID, authz.ErrInvalid)
	})
}

func TestAttemptsWithoutKeysAreSpaced(t *testing.T) {
	t.Parallel()
	e := publishing(keyA())
	e.fail()
	withClock(t, e, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		synctest.Wait()
		for range 60 * 60 { // an hour of requests, which do not add to the attempts
			if waited := assertUnavailable(t, keys, keyA().ID, 10*time.Second); waited != 0 {
				t.Fatalf("waited %s", waited)
			}
			time.Sleep(time.Second)
		}
		e.assertPauses(t)
		e.publish(keyA())
		time.Sleep(10*time.Second + time.Millisecond)
		assertFoundAtOnce(t, keys, keyA().ID)
	})
}

// An attempt that hangs is part of the pause before the next one.
func TestHangingAttemptsWithoutKeysAreSpaced(t *testing.T) {
	t.Parallel()
	e := publishing(keyA())
	e.delay = time.Hour
	withClock(t, e, func(t *testing.T, _ *authz.Keys, e *endpoint) {
		time.Sleep(10 * time.Minute)
		e.assertPauses(t)
	})
}

func TestRotatedKeyIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyA()), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		e.publish(keyB(), keyA())
		e.slowDown(time.Second)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() { assertFound(t, keys, keyB()) })
		}
		wg.Wait()
		e.assertFetches(t, 2) // one for all of them
	})
}

// A fetch that was sent before a rotation does not return the new key. A token that arrives during this fetch must wait for
// the next one: a 401 would be wrong.
func TestFetchInProgressMayBeTooOld(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyA()), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		e.slowDown(time.Second)
		var wg sync.WaitGroup
		wg.Go(func() { assertRejected(t, keys, "made-up", authz.ErrInvalid) })
		time.Sleep(500 * time.Millisecond)
		e.publish(keyB(), keyA())
		assertFound(t, keys, keyB())
		wg.Wait()
		e.assertFetches(t, 3)
	})
}

// With made-up kids, at most five fetches are made in any minute. Beyond them, it is unknown whether a kid is made up.
func TestUnknownKeysAreRateLimited(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyA()), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		rejected := 0
		for i := range 30 * 60 { // half an hour
			time.Sleep(time.Second)
			if _, err := find(t, keys, fmt.Sprint("made-up-", i)); errors.Is(err, authz.ErrInvalid) {
				rejected++ // the keys were fetched
			} else {
				assertUnavailableError(t, err, 20*time.Second)
			}
			assertFoundAtOnce(t, keys, keyA().ID)
		}
		if rejected < 30*3 {
			t.Errorf("got %d kids looked up in half an hour, want at least 3 a minute", rejected)
		}
		e.assertBudget(t, 5+1)
		// The background refresh has its own budget and brings the new key.
		e.publish(keyB())
		time.Sleep(10 * time.Minute)
		assertFound(t, keys, keyB())
		assertRejected(t, keys, keyA().ID, authz.ErrInvalid)
	})
}

// A client that uses its new token again after each Retry-After gets in within 20 s, at any moment of a flood.
func TestMadeUpKeysDelayARotationByTwentySeconds(t *testing.T) {
	t.Parallel()
	for offset := range 20 {
		t.Run(fmt.Sprintf("%d s after the first made-up kid", offset), func(t *testing.T) {
			t.Parallel()
			withClock(t, publishing(keyA()), func(t *testing.T, keys *authz.Keys, e *endpoint) {
				var flood sync.WaitGroup
				flood.Go(func() {
					for i := range 10 * 90 {
						_, _ = keys.Find(t.Context(), fmt.Sprint("made-up-", i))
						time.Sleep(100 * time.Millisecond)
					}
				})
				defer flood.Wait()
				time.Sleep(time.Minute + time.Duration(offset)*time.Second + 50*time.Millisecond)
				e.publish(keyB(), keyA())
				rotated := time.Now()
				for {
					_, err := find(t, keys, keyB().ID)
					if err == nil {
						break
					}
					retryAfter := assertUnavailableError(t, err, 20*time.Second)
					time.Sleep((retryAfter + time.Second - 1).Truncate(time.Second)) // the header has whole seconds
				}
				if waited := time.Since(rotated); waited > 20*time.Second {
					t.Errorf("got the new key after %s, want at most 20 s", waited)
				}
			})
		})
	}
}

// If the issuer fails to respond about an unknown kid, the token may be valid.
func TestFailedRefetchIsUnavailable(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyA()), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		e.fail()
		for range 10 { // the fetches fail, then the budget is spent
			assertUnavailable(t, keys, keyB().ID, 20*time.Second)
		}
		assertFound(t, keys, keyA()) // no failure has changed the set
		e.publish(keyB(), keyA())
		time.Sleep(20 * time.Second)
		assertFound(t, keys, keyB())
	})
}

// At most 32 requests wait for an issuer that hangs. The others get an error immediately, and known keys work.
func TestFewRequestsWaitForTheIssuer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		started bool // whether there are keys before the issuer hangs
	}{{"at the start", false}, {"for unknown kids", true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := publishing(keyA())
			if !test.started {
				e.delay = time.Hour
			}
			withClock(t, e, func(t *testing.T, keys *authz.Keys, e *endpoint) {
				if test.started {
					assertFound(t, keys, keyA())
					e.slowDown(time.Hour)
				}
				time.Sleep(time.Millisecond)
				for range 2 { // after the timeout, 32 others can wait
					var wg sync.WaitGroup
					var waited atomic.Int64
					for i := range 500 {
						wg.Go(func() {
							if assertUnavailable(t, keys, fmt.Sprint("made-up-", i), 20*time.Second) > 0 {
								waited.Add(1)
							}
						})
					}
					if test.started {
						assertFoundAtOnce(t, keys, keyA().ID)
					}
					wg.Wait()
					if got := waited.Load(); got != 32 {
						t.Errorf("got %d requests that waited, want 32", got)
					}
					time.Sleep(time.Second + time.Millisecond) // the next attempt hangs
				}
			})
		})
	}
}

func TestSlowIssuerTimesOut(t *testing.T) {
	t.Parallel()
	e := publishing(keyA())
	e.delay = time.Hour
	withClock(t, e, func(t *testing.T, keys *authz.Keys, _ *endpoint) {
		if waited, err := find(t, keys, keyA().ID); waited != 5*time.Second || !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v after %s, want ErrKeysUnavailable after 5s", err, waited)
		}
	})
}

func TestSlowIssuerDelaysNoKnownKey(t *testing.T) {
	t.Parallel()
	e := publishing(keyA())
	e.delay = 4900 * time.Millisecond
	withClock(t, e, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		if waited, err := find(t, keys, keyA().ID); err != nil || waited > 5*time.Second {
			t.Fatalf("got %v after %s at the start", err, waited)
		}
		for i := range 2 * 60 * 60 {
			go func() { _, _ = keys.Find(t.Context(), fmt.Sprint("made-up-", i)) }()
			assertFoundAtOnce(t, keys, keyA().ID)
			time.Sleep(time.Second)
		}
		e.assertBudget(t, 5+1)
	})
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	e := publishing(keyA())
	e.delay = 4 * time.Second
	withClock(t, e, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		findWithin := func(kid string) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := keys.Find(ctx, kid)
			return err
		}
		if err := findWithin(keyA().ID); !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v at the start, want ErrKeysUnavailable", err)
		}
		assertFound(t, keys, keyA())
		time.Sleep(time.Second)
		if err := findWithin("unknown"); !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v for an unknown kid, want ErrKeysUnavailable", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := keys.Find(ctx, "unknown"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v for a client that disconnected, want the context's error", err)
		}
		time.Sleep(5 * time.Second) // the fetch goes on for the others
		e.assertFetches(t, 2)
	})
}

func TestIssuerThatFailsEverySecondTime(t *testing.T) {
	t.Parallel()
	e := publishing(keyNamed("a"))
	everySecond := func(fetch int) bool { return fetch%2 == 1 }
	e.fails = everySecond
	withClock(t, e, func(t *testing.T, keys *authz.Keys, e *endpoint) {
		time.Sleep(time.Second + time.Millisecond) // the first fetch fails, the second is a second later
		for range 24 * 60 {
			assertFoundAtOnce(t, keys, "a")
			time.Sleep(time.Minute)
		}
		// The first token with a new key may arrive while the issuer is down, the second does not.
		e.set(func() { e.keys = []*authztest.Key{keyNamed("b"), keyNamed("a")} })
		if _, err := find(t, keys, "b"); err != nil {
			if !errors.Is(err, authz.ErrKeysUnavailable) {
				t.Errorf("got %v, want ErrKeysUnavailable", err)
			}
			assertFoundAtOnce(t, keys, "b")
		}
		// A refresh that fails is repeated within seconds, and ends a withdrawn key.
		e.set(func() { e.keys = []*authztest.Key{keyNamed("b")} })
		time.Sleep(10*time.Minute + 2*time.Second)
		if _, err := find(t, keys, "a"); !errors.Is(err, authz.ErrInvalid) && !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v for a withdrawn key, want it rejected", err)
		}
	})
}

func TestIssuerThatRotatesEveryMinute(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyNamed("minute-0")), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		time.Sleep(time.Second) // so that no rotation coincides with a refresh
		for minute := 1; minute <= 60; minute++ {
			time.Sleep(time.Minute)
			current, last := fmt.Sprint("minute-", minute), fmt.Sprint("minute-", minute-1)
			e.publish(keyNamed(current), keyNamed(last))
			for range 10 {
				assertFoundAtOnce(t, keys, current)
				assertFoundAtOnce(t, keys, last)
			}
			if minute > 2 { // the rotation before this one withdrew it, and the set was fetched since
				if _, err := keys.Find(t.Context(), fmt.Sprint("minute-", minute-3)); err == nil && minute > 3 {
					t.Fatalf("minute %d: a key that was withdrawn two rotations ago still works", minute)
				}
			}
		}
		e.assertBudget(t, 5+1)
	})
}

// Ten rotations a minute are more than the budget: Keys follows at least three of them immediately and sends at most five
// requests.
func TestIssuerThatRotatesTooOften(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyNamed("0")), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		time.Sleep(time.Second) // so that no rotation coincides with a refresh
		const minutes = 30
		followed := 0
		for i := 1; i <= minutes*10; i++ {
			time.Sleep(6 * time.Second)
			kid := fmt.Sprint(i)
			e.publish(keyNamed(kid))
			switch waited, err := find(t, keys, kid); {
			case waited != 0:
				t.Fatalf("waited %s", waited)
			case err == nil:
				followed++
			default:
				assertUnavailableError(t, err, 20*time.Second)
			}
		}
		if followed < minutes*3 {
			t.Errorf("got %d of %d rotations followed, want three a minute", followed, minutes*10)
		}
		e.assertBudget(t, 5+1)
	})
}

// The flood is 10,000 made-up kids, in two waves: the race detector supports 8,128 goroutines at most.
func TestFloodOfRandomKids(t *testing.T) {
	t.Parallel()
	withClock(t, publishing(keyNamed("a"), keyNamed("withdrawn")), func(t *testing.T, keys *authz.Keys, e *endpoint) {
		assertFoundAtOnce(t, keys, "a")
		e.slowDown(time.Second)
		for wave := range 2 {
			time.Sleep(time.Second)
			var wg sync.WaitGroup
			var rejected, unavailable atomic.Int64
			for i := range 5000 {
				wg.Go(func() {
					switch _, err := keys.Find(t.Context(), fmt.Sprintf("made-up-%d-%d", wave, i)); {
					case errors.Is(err, authz.ErrInvalid):
						rejected.Add(1)
					case errors.Is(err, authz.ErrKeysUnavailable):
						unavailable.Add(1)
					}
				})
			}
			for range 50 { // during the wave
				assertFoundAtOnce(t, keys, "a")
				time.Sleep(20 * time.Millisecond)
			}
			wg.Wait()
			if rejected.Load() > 32 || rejected.Load()+unavailable.Load() != 5000 {
				t.Errorf("wave %d: got %d kids looked up and %d not, want at most 32 of 5000", wave, rejected.Load(), unavailable.Load())
			}
		}
		e.assertBudget(t, 5+1)

		// A thinner flood does not stop the refresh: the withdrawn key ends within 10 minutes.
		e.publish(keyNamed("a"), keyNamed("new"))
		for i := range 10 * 60 {
			go func() { _, _ = keys.Find(t.Context(), fmt.Sprint("made-up-", i)) }()
			assertFoundAtOnce(t, keys, "a")
			time.Sleep(time.Second)
		}
		time.Sleep(20 * time.Second)
		assertRejected(t, keys, "withdrawn", authz.ErrInvalid)
		assertFoundAtOnce(t, keys, "new")
		e.assertBudget(t, 5+1)
	})
}
