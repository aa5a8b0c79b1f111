package authz_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
	"menu-api/authz/authztest"
)

const (
	skew    = 30 * time.Second
	jwksURL = "https://issuer.example/jwks"
)

// withClockedGuard runs a test with a guard and synctest's clock.
func withClockedGuard(t *testing.T, test func(*testing.T, guarded, *endpoint)) {
	t.Helper()
	issuer := authztest.NewIssuerWith(t, keyA()) // outside the bubble, since it has a network
	synctest.Test(t, func(t *testing.T) {
		e := publishing(keyA())
		test(t, newGuardedFor(t, issuer, newKeys(t, jwksURL, e), func(o *authz.Options) { o.ClockSkew = skew }), e)
	})
}

// TestCachedTokenEndsWithItsDates compares a guard that has cached a token with a new one around the end of the token's
// life. They must agree to the nanosecond.
func TestCachedTokenEndsWithItsDates(t *testing.T) {
	t.Parallel()
	withClockedGuard(t, func(t *testing.T, g guarded, e *endpoint) {
		expires := time.Now().Add(time.Minute).Truncate(time.Second)
		token := g.issuer.TokenWith(t, []string{permission}, map[string]any{"exp": expires.Unix(), "iat": time.Now().Unix()})
		g.assert(t, token, accepted)
		last := expires.Add(skew)
		for _, step := range []struct {
			at   time.Time
			want verdict
		}{
			{expires, accepted},
			{expires.Add(time.Nanosecond), accepted},
			{last.Add(-time.Nanosecond), accepted},
			{last, accepted},
			{last.Add(time.Nanosecond), expired},
			{last.Add(time.Hour), expired},
		} {
			time.Sleep(time.Until(step.at))
			g.assert(t, token, step.want)
			newGuardedFor(t, g.issuer, newKeys(t, jwksURL, e), func(o *authz.Options) { o.ClockSkew = skew }).assert(t, token, step.want)
		}
	})
}

func TestCachedTokenEndsWithItsKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*endpoint)
		wait   time.Duration
		want   verdict
	}{
		"the key is withdrawn": {func(e *endpoint) { e.publish(keyB()) }, 11 * time.Minute, invalid},
		"the kid has another key": {func(e *endpoint) {
			e.publish(&authztest.Key{ID: keyA().ID, Private: keyB().Private})
		}, 11 * time.Minute, invalid},
		"the set is fetched again":               {func(*endpoint) {}, 11 * time.Minute, accepted},
		"a key is added":                         {func(e *endpoint) { e.publish(keyA(), keyB()) }, 11 * time.Minute, accepted},
		"the issuer is down for less than a day": {(*endpoint).fail, 23 * time.Hour, accepted},
		"the issuer is down for a day":           {(*endpoint).fail, 24*time.Hour + time.Minute, unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withClockedGuard(t, func(t *testing.T, g guarded, e *endpoint) {
				token := g.issuer.TokenWith(t, []string{permission}, map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()})
				for range 2 {
					g.assert(t, token, accepted)
				}
				test.change(e)
				time.Sleep(test.wait)
				synctest.Wait()
				for range 2 {
					g.assert(t, token, test.want)
				}
			})
		})
	}
}

// TestSimilarTokensAreNotCached sends tokens that differ from a cached one in one place.
func TestSimilarTokensAreNotCached(t *testing.T) {
	t.Parallel()
	withClockedGuard(t, func(t *testing.T, g guarded, _ *endpoint) {
		token := g.issuer.Token(t, permission)
		g.assert(t, token, accepted)
		similar := []string{token + " ", token + "=", token + ".", token[:len(token)-1]}
		for i := range token {
			other := []byte(token)
			other[i] ^= 1
			similar = append(similar, string(other))
		}
		for _, other := range similar {
			if got := g.post("/", "Bearer "+other); got.Code != 401 {
				t.Fatalf("%q: got %d, want 401", other, got.Code)
			}
		}
	})
}

func TestLongTokensAreNotCached(t *testing.T) {
	t.Parallel()
	withClockedGuard(t, func(t *testing.T, g guarded, _ *endpoint) {
		long := g.issuer.TokenWith(t, []string{permission}, map[string]any{"padding": strings.Repeat("x", 4000)})
		for _, test := range []struct {
			token string
			want  int
		}{{long, 0}, {g.issuer.Token(t, permission), 1}, {"garbage", 1}} {
			g.post("/", "Bearer "+test.token)
			if got := authz.CachedTokens(g.guard); got != test.want {
				t.Errorf("after a token of %d bytes: got %d cached tokens, want %d", len(test.token), got, test.want)
			}
		}
	})
}

// BenchmarkAuthenticate measures the guard with a cached token and with a new one.
func BenchmarkAuthenticate(b *testing.B) {
	b.Run("cached", func(b *testing.B) { benchmarkAuthenticate(b, func(*authz.Guard) {}) })
	b.Run("new", func(b *testing.B) { benchmarkAuthenticate(b, authz.ClearTokenCache) })
}

func benchmarkAuthenticate(b *testing.B, before func(*authz.Guard)) {
	b.Helper()
	guard, ctx := newBenchmark(b)
	b.ReportAllocs()
	for b.Loop() {
		before(guard)
		guard.Authenticate(ctx)
	}
	if ctx.IsAborted() {
		b.Fatal(ctx.Errors.Last())
	}
}

// newBenchmark returns a guard and a request with a token as long as Auth0's.
func newBenchmark(tb testing.TB) (*authz.Guard, *gin.Context) {
	tb.Helper()
	g := newGuarded(tb, nil)
	ctx, _ := gin.CreateTestContext(httptest.NewRecorder())
	ctx.Request = httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/", http.NoBody)
	ctx.Request.Header.Set("Authorization", "Bearer "+g.issuer.Token(tb, "create:items", "update:items", "delete:items"))
	g.guard.Authenticate(ctx)
	if ctx.IsAborted() {
		tb.Fatal(ctx.Errors.Last())
	}
	return g.guard, ctx
}

// TestCachedTokenCostsTwoAllocations counts allocations, which do not depend on the load of the machine.
//
//nolint:paralleltest // AllocsPerRun counts what other tests allocate, too
func TestCachedTokenCostsTwoAllocations(t *testing.T) {
	guard, ctx := newBenchmark(t)
	if got := testing.AllocsPerRun(1000, func() { guard.Authenticate(ctx) }); got > 2 {
		t.Errorf("got %v allocations, want at most 2", got)
	}
}
