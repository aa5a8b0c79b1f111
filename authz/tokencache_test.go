package authz_test

import (
	"context"
	"log/slog"
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

// clocked is a guard with synctest's clock.
type clocked struct {
	guard  *authz.Guard
	issuer *authztest.Issuer
	*endpoint
}

func withClockedGuard(t *testing.T, test func(*testing.T, clocked)) {
	t.Helper()
	issuer := authztest.NewIssuerWith(t, keyA()) // outside the bubble, since it has a network
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		e := publishing(keyA())
		guard, err := authz.NewGuard(authz.Options{
			Issuer: issuer.URL, Audiences: []string{authztest.Audience}, ClockSkew: skew, RequirePermissions: true,
			Keys: authz.NewKeys(ctx, "https://issuer.example/jwks", e, slog.New(slog.DiscardHandler)),
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, clocked{guard, issuer, e})
	})
}

const skew = 30 * time.Second

// ask sends a token through the guard and returns the status, 200 if it passed.
func (c clocked) ask(t *testing.T, token string) int {
	t.Helper()
	return askWith(t, c.guard, token)
}

func askWith(t *testing.T, guard *authz.Guard, token string) int {
	t.Helper()
	recorder := httptest.NewRecorder()
	ctx, _ := gin.CreateTestContext(recorder)
	ctx.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	ctx.Request.Header.Set("Authorization", "Bearer "+token)
	guard.Authenticate(ctx)
	if !ctx.IsAborted() {
		if principal, ok := authz.PrincipalOf(ctx); !ok || principal.Subject != "auth0|someone" {
			t.Errorf("got principal %v, %t", principal, ok)
		}
	}
	return ctx.Writer.Status()
}

// TestCachedTokenEndsWithItsDates compares a guard that has cached a token with a new one around the end of the token's
// life. They must agree to the nanosecond.
func TestCachedTokenEndsWithItsDates(t *testing.T) {
	t.Parallel()
	withClockedGuard(t, func(t *testing.T, c clocked) {
		expires := time.Now().Add(time.Minute).Truncate(time.Second)
		token := c.issuer.TokenWith(t, nil, map[string]any{"exp": expires.Unix(), "iat": time.Now().Unix()})
		if got := c.ask(t, token); got != 200 {
			t.Fatalf("a fresh token: got %d, want 200", got)
		}
		last := expires.Add(skew)
		for _, step := range []struct {
			at   time.Time
			want int
		}{
			{expires, 200},
			{expires.Add(time.Nanosecond), 200},
			{last.Add(-time.Nanosecond), 200},
			{last, 200},
			{last.Add(time.Nanosecond), 401},
			{last.Add(time.Hour), 401},
		} {
			time.Sleep(time.Until(step.at))
			fresh, err := authz.NewGuard(authz.Options{
				Issuer: c.issuer.URL, Audiences: []string{authztest.Audience}, ClockSkew: skew,
				Keys: newKeys(t, "https://issuer.example/jwks", c.endpoint),
			})
			if err != nil {
				t.Fatal(err)
			}
			cached, full := c.ask(t, token), askWith(t, fresh, token)
			if cached != step.want || full != step.want {
				t.Errorf("%s after exp: got %d from the guard that has cached the token and %d from a new one, want %d",
					step.at.Sub(expires), cached, full, step.want)
			}
		}
	})
}

func TestCachedTokenEndsWithItsKey(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*endpoint)
		wait   time.Duration
		want   int
	}{
		"the key is withdrawn":                   {func(e *endpoint) { e.publish(keyB()) }, 11 * time.Minute, 401},
		"the kid has another key":                {func(e *endpoint) { e.publish(&authztest.Key{ID: keyA().ID, Private: keyB().Private}) }, 11 * time.Minute, 401},
		"the set is fetched again":               {func(*endpoint) {}, 11 * time.Minute, 200},
		"a key is added":                         {func(e *endpoint) { e.publish(keyA(), keyB()) }, 11 * time.Minute, 200},
		"the issuer is down for less than a day": {(*endpoint).fail, 23 * time.Hour, 200},
		"the issuer is down for a day":           {(*endpoint).fail, 24*time.Hour + time.Minute, 503},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withClockedGuard(t, func(t *testing.T, c clocked) {
				token := c.issuer.TokenWith(t, nil, map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()})
				for range 2 {
					if got := c.ask(t, token); got != 200 {
						t.Fatalf("before: got %d, want 200", got)
					}
				}
				test.change(c.endpoint)
				time.Sleep(test.wait)
				synctest.Wait()
				for range 2 {
					if got := c.ask(t, token); got != test.want {
						t.Errorf("got %d, want %d", got, test.want)
					}
				}
			})
		})
	}
}

// TestSimilarTokensAreNotCached sends tokens that differ from a cached one in one place.
func TestSimilarTokensAreNotCached(t *testing.T) {
	t.Parallel()
	withClockedGuard(t, func(t *testing.T, c clocked) {
		token := c.issuer.Token(t)
		if got := c.ask(t, token); got != 200 {
			t.Fatalf("got %d, want 200", got)
		}
		for i := range token {
			other := []byte(token)
			other[i] ^= 1
			if got := c.ask(t, string(other)); got != 401 {
				t.Fatalf("byte %d changed: got %d, want 401", i, got)
			}
		}
		for _, other := range []string{token + " ", token + "=", token + ".", token[:len(token)-1]} {
			if got := c.ask(t, other); got != 401 {
				t.Errorf("%q: got %d, want 401", other, got)
			}
		}
	})
}

func TestLongTokensAreNotCached(t *testing.T) {
	t.Parallel()
	withClockedGuard(t, func(t *testing.T, c clocked) {
		long := c.issuer.TokenWith(t, nil, map[string]any{"padding": strings.Repeat("x", 4000)})
		for _, test := range []struct {
			token string
			want  int
		}{{long, 0}, {c.issuer.Token(t), 1}, {"garbage", 1}} {
			c.ask(t, test.token)
			if got := authz.CachedTokens(c.guard); got != test.want {
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
	issuer := authztest.NewIssuerWith(tb, keyA())
	guard, err := authz.NewGuard(authz.Options{
		Issuer: issuer.URL, Audiences: []string{authztest.Audience}, ClockSkew: time.Minute, RequirePermissions: true,
		Keys: newKeys(tb, issuer.JWKSURL(), nil),
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, _ := gin.CreateTestContext(httptest.NewRecorder())
	ctx.Request = httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/", http.NoBody)
	ctx.Request.Header.Set("Authorization", "Bearer "+issuer.Token(tb, "create:items", "update:items", "delete:items"))
	guard.Authenticate(ctx)
	if ctx.IsAborted() {
		tb.Fatal(ctx.Errors.Last())
	}
	return guard, ctx
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
