package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"menu-api/authz"
	"menu-api/authz/authztest"
	"menu-api/items"
)

// keySetAttack is an answer of the key set endpoint, and a token that would get in if the answer were believed.
type keySetAttack struct {
	name   string
	answer http.HandlerFunc
	token  func(m mint) string // an ordinary token when nil
}

// page answers with the status and the body.
func page(status int, contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func published(jwks ...map[string]any) http.HandlerFunc {
	return page(200, "application/json", authztest.KeySetOf(jwks...))
}

// badKeys are keys that nobody may sign with, though their signatures verify.
func badKeys(tb testing.TB) map[string]struct {
	jwk   map[string]any
	token func(m mint) string
} {
	tb.Helper()
	wanted := tenantKey()
	small := &authztest.Key{ID: wanted.ID, Private: authztest.NewKeyOf(tb, 1024).Private}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	public, err := curve.PublicKey.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	number := func(n *big.Int) string { return authztest.Encode(string(n.Bytes())) }
	private := wanted.Private
	change := func(change map[string]any) map[string]any { return wanted.JWK(change) }
	return map[string]struct {
		jwk   map[string]any
		token func(m mint) string
	}{
		"1,024 bits": {small.JWK(nil), func(m mint) string { return small.Sign(m.tb, m.issuer.Header(), m.claims) }},
		// With exponent 1 the padded digest is its own signature.
		"exponent 1":       {change(map[string]any{"e": "AQ"}), func(m mint) string { return m.signed(m.paddedDigest()) }},
		"exponent 0":       {change(map[string]any{"e": "AA"}), func(m mint) string { return m.signed([]byte{1}) }},
		"exponent 2":       {change(map[string]any{"e": "Ag"}), nil},
		"exponent even":    {change(map[string]any{"e": "AQAA"}), nil},
		"exponent empty":   {change(map[string]any{"e": ""}), nil},
		"exponent huge":    {change(map[string]any{"e": number(new(big.Int).Lsh(big.NewInt(1), 4000))}), nil},
		"modulus empty":    {change(map[string]any{"n": ""}), nil},
		"modulus of 1":     {change(map[string]any{"n": "AQ"}), nil},
		"modulus huge":     {change(map[string]any{"n": authztest.Encode(strings.Repeat("\xff", 500_000))}), nil},
		"use enc":          {change(map[string]any{"use": "enc"}), nil},
		"use SIG":          {change(map[string]any{"use": "SIG"}), nil},
		"alg RS512":        {change(map[string]any{"alg": "RS512"}), func(m mint) string { return m.jose(jose.RS512, private) }},
		"alg PS256":        {change(map[string]any{"alg": "PS256"}), func(m mint) string { return m.jose(jose.PS256, private) }},
		"alg RSA-OAEP":     {change(map[string]any{"alg": "RSA-OAEP"}), nil},
		"alg none":         {change(map[string]any{"alg": "none"}), func(m mint) string { return m.header(`{"alg":"none","kid":"KID"}`) }},
		"kty in lowercase": {change(map[string]any{"kty": "rsa"}), nil},
		"EC": {
			map[string]any{
				"kty": "EC", "crv": "P-256", "kid": wanted.ID, "use": "sig",
				"x": authztest.Encode(string(public[1:33])), "y": authztest.Encode(string(public[33:])),
			},
			func(m mint) string { return m.jose(jose.ES256, curve) },
		},
		"oct": {
			map[string]any{"kty": "oct", "kid": wanted.ID, "k": authztest.Encode("0123456789abcdef0123456789abcdef")},
			func(m mint) string {
				return m.mac(sha256.New, `{"alg":"HS256","kid":"KID"}`, []byte("0123456789abcdef0123456789abcdef"))
			},
		},
		"oct that calls itself RS256": {
			map[string]any{"kty": "oct", "alg": "RS256", "kid": wanted.ID, "k": authztest.Encode("0123456789abcdef0123456789abcdef")},
			func(m mint) string {
				return m.mac(sha256.New, `{"alg":"RS256","kid":"KID"}`, []byte("0123456789abcdef0123456789abcdef"))
			},
		},
		// Who published it has lost it: whoever read it signs.
		"private": {change(map[string]any{
			"d": number(private.D), "p": number(private.Primes[0]), "q": number(private.Primes[1]),
		}), nil},
		"no kid": {change(map[string]any{"kid": nil}), nil},
	}
}

// paddedDigest is what a signature of the good token yields when it is verified.
func (m mint) paddedDigest() []byte {
	e := big.NewInt(int64(m.key.Private.E))
	return new(big.Int).Exp(new(big.Int).SetBytes(m.signature()), e, m.key.Private.N).FillBytes(make([]byte, m.key.Private.Size()))
}

// TestKeySetAttacks: whatever stands where the keys should be, no token is judged by it. The answer is 503, the reads go
// on, and the server is ready.
func TestKeySetAttacks(t *testing.T) {
	t.Parallel()
	store := attackedStore(t)
	good := authztest.KeySet(tenantKey())
	trap, caught := newTrap(t)
	attacks := []keySetAttack{
		{"an empty set", published(), nil},
		{"an empty body", page(200, "application/json", nil), nil},
		{"an HTML page", page(200, "text/html", []byte("<!doctype html><title>Sign in</title>")), nil},
		{"keys null", page(200, "application/json", []byte(`{"keys":null}`)), nil},
		{"keys an object", page(200, "application/json", []byte(`{"keys":{}}`)), nil},
		{"a nested bomb", page(200, "application/json", []byte(`{"keys":`+strings.Repeat("[", 500_000))), nil},
		{"a nested bomb in a key", page(200, "application/json", []byte(`{"keys":[{"kid":"`+tenantKey().ID+`","jwk":`+strings.Repeat("[", 200_000)+strings.Repeat("]", 200_000)+`}]}`)), nil},
		{"100 MiB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(good)
			for range 100 {
				_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
			}
		}, nil},
		{"100 MiB announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(100<<20))
			_, _ = w.Write(good)
		}, nil},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = w.Write(good[:len(good)-2])
		}, nil},
		{"a hang-up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil},
		{"compressed without being asked", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(good)
		}, nil},
		{"two keys with the kid", published(tenantKey().JWK(nil), forgerKey().JWK(map[string]any{"kid": tenantKey().ID})), nil},
		{"two keys with the kid, the forger's first", published(forgerKey().JWK(map[string]any{"kid": tenantKey().ID}), tenantKey().JWK(nil)), nil},
		{"the same key twice", published(tenantKey().JWK(nil), tenantKey().JWK(nil)), nil},
	}
	for _, status := range []int{201, 203, 204, 206, 304, 400, 404, 500, 503} {
		body := good
		if status == 204 || status == 304 {
			body = nil
		}
		attacks = append(attacks, keySetAttack{fmt.Sprintf("status %d with good JSON", status), page(status, "application/json", body), nil})
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		attacks = append(attacks, keySetAttack{fmt.Sprintf("redirect %d to another host", status), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(trap, "127.0.0.1", "localhost", 1)+"/jwks.json", status)
		}, func(m mint) string { return forgerKey().Sign(m.tb, m.issuer.Header(), m.claims) }})
	}
	attacks = append(attacks, keySetAttack{"redirect with a good body", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", trap)
		w.WriteHeader(302)
		_, _ = w.Write(good)
	}, nil})
	bad := badKeys(t)
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		attacks = append(attacks, keySetAttack{"alone: " + name, published(bad[name].jwk), bad[name].token})
	}

	before, err := store.List(t.Context(), items.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			issuer := authztest.NewIssuerWith(t, tenantKey())
			issuer.Answer(attack.answer)
			a := attackedAPI(t, store, issuer, issuer.JWKSURL(), nil)
			m := newMint(t, issuer)
			token := m.good
			if attack.token != nil {
				token = attack.token(m)
			}
			want := unavailable
			if strings.Contains(attack.name, "alg RS512") || strings.Contains(attack.name, "alg PS256") || strings.Contains(attack.name, "alg none") ||
				attack.name == "alone: EC" || attack.name == "alone: oct" {
				want = badToken // its alg is refused before a key is looked for
			}
			a.judge(t, want, a.do("POST", "/items", soup, "Authorization", "Bearer "+token))
			a.judge(t, unavailable, a.do("POST", "/items", soup, "Authorization", "Bearer "+m.good))
			a.do("GET", "/items/1", "", "Authorization", "Bearer "+token).assertStatus(t, 200)
			a.do("GET", "/readyz", "").assertStatus(t, 200)
			a.assertLogWithout(t, token)
		})
	}
	if n := caught.Load(); n != 0 {
		t.Errorf("the server followed a redirect %d times, want never", n)
	}
	if after, err := store.List(t.Context(), items.Query{}); err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("the menu changed: got %v, %v, want %v", after, err, before)
	}
	t.Logf("%d key sets", len(attacks))
}

// TestBadKeysBesideGoodOnes: the good key of the set works, and the bad one is as if it were not there.
func TestBadKeysBesideGoodOnes(t *testing.T) {
	t.Parallel()
	store := attackedStore(t)
	bad := badKeys(t)
	for name, key := range bad {
		t.Run(name, func(t *testing.T) {
			issuer := authztest.NewIssuerWith(t, tenantKey())
			issuer.Answer(published(key.jwk, forgerKey().JWK(nil)))
			a := attackedAPI(t, store, issuer, issuer.JWKSURL(), nil)
			m := newMint(t, issuer)
			token := m.good
			if key.token != nil {
				token = key.token(m)
			}
			a.judge(t, badToken, a.do("POST", "/items", soup, "Authorization", "Bearer "+token))
			other := forgerKey().Sign(t, `{"alg":"RS256","kid":"`+forgerKey().ID+`"}`, m.claims)
			r := a.do("POST", "/items", soup, "Authorization", "Bearer "+other)
			a.assertStatusCreated(t, r, other)
		})
	}
	t.Logf("%d key sets", len(bad))
}

// assertStatusCreated checks that an item was made with the token, and takes it off the menu with another like it.
func (a *api) assertStatusCreated(tb testing.TB, r answer, token string) {
	tb.Helper()
	if r.assertStatus(tb, 201); r.status == 201 {
		a.do("DELETE", r.header.Get("Location"), "", "Authorization", "Bearer "+token).assertStatus(tb, 403)
	}
}

// With exponent 3 a careless verifier takes the cube root of a block that only begins like the padded digest
// (Bleichenbacher 2006). The key is legal, so the forged signature has to fail.
func TestCubeRootSignature(t *testing.T) {
	t.Parallel()
	issuer := authztest.NewIssuerWith(t, tenantKey())
	issuer.Answer(published(tenantKey().JWK(map[string]any{"e": "Aw"})))
	a := attackedAPI(t, attackedStore(t), issuer, issuer.JWKSURL(), nil)
	m := newMint(t, issuer)
	digest := sha256.Sum256([]byte(m.parts[0] + "." + m.parts[1]))
	info := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	block := slices.Concat([]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, info, digest[:])
	block = append(block, bytes.Repeat([]byte{0xff}, 256-len(block))...)
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 700)
	for target, one := new(big.Int).SetBytes(block), big.NewInt(1); new(big.Int).Sub(high, low).Cmp(one) > 0; {
		middle := new(big.Int).Rsh(new(big.Int).Add(low, high), 1)
		if new(big.Int).Exp(middle, big.NewInt(3), nil).Cmp(target) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	cube := new(big.Int).Exp(low, big.NewInt(3), nil).FillBytes(make([]byte, 256))
	if !bytes.Equal(cube[:60], block[:60]) {
		t.Fatal("the test's own cube root is off")
	}
	a.judge(t, badToken, a.do("POST", "/items", soup, "Authorization", "Bearer "+m.signed(low.FillBytes(make([]byte, 256)))))
}

// A redirect from https to plain http would let anyone on the way choose the keys.
func TestRedirectToPlainHTTP(t *testing.T) {
	t.Parallel()
	trap, caught := newTrap(t)
	secure := httptest.NewTLSServer(http.RedirectHandler(trap+"/jwks.json", http.StatusFound))
	t.Cleanup(secure.Close)
	issuer := authztest.NewIssuerWith(t, tenantKey())
	a := attackedAPI(t, attackedStore(t), issuer, secure.URL+"/.well-known/jwks.json", secure.Client().Transport)
	m := newMint(t, issuer)
	for _, token := range []string{m.good, forgerKey().Sign(t, issuer.Header(), m.claims)} {
		a.judge(t, unavailable, a.do("POST", "/items", soup, "Authorization", "Bearer "+token))
	}
	if n := caught.Load(); n != 0 {
		t.Errorf("the server followed the redirect %d times, want never", n)
	}
	a.do("GET", "/items", "").assertStatus(t, 200)
	a.do("GET", "/readyz", "").assertStatus(t, 200)
}

// A certificate that nobody vouches for is no issuer.
func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(page(200, "application/json", authztest.KeySet(tenantKey())))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	issuer := authztest.NewIssuerWith(t, tenantKey())
	a := attackedAPI(t, attackedStore(t), issuer, secure.URL+"/jwks.json", nil)
	a.judge(t, unavailable, a.do("POST", "/items", soup, "Authorization", "Bearer "+newMint(t, issuer).good))
	a.do("GET", "/items", "").assertStatus(t, 200)
}

// A reply that trickles ends with the fetch's five seconds. Meanwhile reads are answered at once.
func TestKeySetThatTrickles(t *testing.T) {
	t.Parallel()
	issuer := authztest.NewIssuerWith(t, tenantKey())
	issuer.Answer(func(w http.ResponseWriter, r *http.Request) {
		for _, b := range authztest.KeySet(tenantKey()) {
			if _, err := w.Write([]byte{b}); err != nil || r.Context().Err() != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})
	a := attackedAPI(t, attackedStore(t), issuer, issuer.JWKSURL(), nil)
	m := newMint(t, issuer)
	var writing atomic.Bool
	writing.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer writing.Store(false)
		a.judge(t, unavailable, a.do("POST", "/items", soup, "Authorization", "Bearer "+m.good))
	})
	reads := 0
	for ; writing.Load(); reads++ {
		a.do("GET", "/items", "", "Authorization", "Bearer "+m.good).assertStatus(t, 200)
		a.do("GET", "/readyz", "").assertStatus(t, 200)
		time.Sleep(20 * time.Millisecond)
	}
	wg.Wait()
	if reads < 3 {
		t.Errorf("got %d reads while the token waited, want them answered at once", reads)
	}
}

// issuerInTrouble is a key set endpoint without a network, for tests in which the clock is synctest's.
type issuerInTrouble struct {
	mu     sync.Mutex
	keys   []*authztest.Key
	broken func(fetch int) bool // whether the fetch with this number fails
	delay  time.Duration
	asked  []time.Time
}

func (i *issuerInTrouble) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked = append(i.asked, time.Now())
	body, broken, delay := authztest.KeySet(i.keys...), i.broken != nil && i.broken(len(i.asked)), i.delay
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if broken {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

func (i *issuerInTrouble) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// most returns the largest number of fetches in any minute.
func (i *issuerInTrouble) most() (most int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, first := range i.asked {
		inMinute := 0
		for _, at := range i.asked[n:] {
			if at.Sub(first) < time.Minute {
				inMinute++
			}
		}
		most = max(most, inMinute)
	}
	return most
}

// keyNamed is the tenant's key under a name: a rotation changes what matters here, the kid.
func keyNamed(kid string) *authztest.Key {
	return &authztest.Key{ID: kid, Private: tenantKey().Private}
}

func inTrouble(t *testing.T, issuer *issuerInTrouble, test func(t *testing.T, keys *authz.Keys)) {
	t.Helper()
	tenantKey() // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		test(t, authz.NewKeys(ctx, "https://issuer.example/jwks", issuer, slog.New(slog.DiscardHandler)))
	})
}

// find looks a key up and returns how long that took.
func find(t *testing.T, keys *authz.Keys, kid string) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	_, err := keys.Find(t.Context(), kid)
	return time.Since(start), err
}

func assertAtOnce(t *testing.T, keys *authz.Keys, kid string) {
	t.Helper()
	if waited, err := find(t, keys, kid); err != nil || waited != 0 {
		t.Fatalf("%s: got %v after %s, want it at once", kid, err, waited)
	}
}

func TestIssuerDownAtStart(t *testing.T) {
	t.Parallel()
	issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("a")}, broken: func(int) bool { return true }}
	inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
		for range 60 * 60 { // an hour of tokens
			waited, err := find(t, keys, "a")
			var unavailable *authz.KeysUnavailableError
			if !errors.As(err, &unavailable) || unavailable.RetryAfter < time.Second || unavailable.RetryAfter > 10*time.Second || waited != 0 {
				t.Fatalf("got %v after %s, want to be told at once to come back in 1 to 10 s", err, waited)
			}
			time.Sleep(time.Second)
		}
		if most := issuer.most(); most > 10 {
			t.Errorf("got %d fetches in a minute, want them 1 to 10 s apart", most)
		}
		issuer.set(func() { issuer.broken = nil })
		time.Sleep(10*time.Second + time.Millisecond)
		assertAtOnce(t, keys, "a")
	})
}

func TestIssuerDownForADay(t *testing.T) {
	t.Parallel()
	issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("a")}}
	inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
		synctest.Wait()
		issuer.set(func() { issuer.broken = func(int) bool { return true }; issuer.delay = 4 * time.Second })
		for range 24*60 - 1 {
			time.Sleep(time.Minute)
			assertAtOnce(t, keys, "a")
		}
		time.Sleep(time.Minute + time.Second) // the set is a day old
		if _, err := find(t, keys, "a"); !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v after a day, want ErrKeysUnavailable", err)
		}
		issuer.set(func() { issuer.broken = nil; issuer.delay = 0; issuer.keys = []*authztest.Key{keyNamed("b")} })
		time.Sleep(15 * time.Second)
		assertAtOnce(t, keys, "b")
		if _, err := find(t, keys, "a"); !errors.Is(err, authz.ErrInvalid) {
			t.Errorf("got %v for a key that is no more, want ErrInvalid", err)
		}
	})
}

func TestSlowIssuerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("a")}, delay: 4900 * time.Millisecond}
	inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
		if waited, err := find(t, keys, "a"); err != nil || waited > 5*time.Second {
			t.Fatalf("got %v after %s at the start", err, waited)
		}
		for i := range 2 * 60 * 60 {
			go func() { _, _ = keys.Find(t.Context(), fmt.Sprint("made-up-", i)) }()
			assertAtOnce(t, keys, "a")
			time.Sleep(time.Second)
		}
		if most := issuer.most(); most > 5+1 {
			t.Errorf("got %d fetches in a minute, want at most 5 and a refresh", most)
		}
	})
}

func TestFlappingIssuer(t *testing.T) {
	t.Parallel()
	issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("a")}, broken: func(fetch int) bool { return fetch%2 == 1 }}
	inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
		time.Sleep(time.Second + time.Millisecond) // the first fetch fails, the second is a second later
		for range 24 * 60 {
			assertAtOnce(t, keys, "a")
			time.Sleep(time.Minute)
		}
		// A new key: the first token of it may find the issuer down, the second does not.
		issuer.set(func() { issuer.keys = []*authztest.Key{keyNamed("b"), keyNamed("a")} })
		if _, err := find(t, keys, "b"); err != nil {
			if !errors.Is(err, authz.ErrKeysUnavailable) {
				t.Errorf("got %v, want ErrKeysUnavailable: nobody could tell", err)
			}
			assertAtOnce(t, keys, "b")
		}
		// A withdrawn key: a failed refresh is repeated within seconds.
		issuer.set(func() { issuer.keys = []*authztest.Key{keyNamed("b")} })
		time.Sleep(10*time.Minute + 2*time.Second)
		if _, err := find(t, keys, "a"); !errors.Is(err, authz.ErrInvalid) && !errors.Is(err, authz.ErrKeysUnavailable) {
			t.Errorf("got %v for a withdrawn key, want it refused", err)
		}
	})
}

func TestIssuerThatRotatesEveryMinute(t *testing.T) {
	t.Parallel()
	issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("minute-0")}}
	inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
		assertFindable := func(kid string) {
			if waited, err := find(t, keys, kid); err != nil || waited != 0 {
				t.Fatalf("%s: got %v after %s, want it at once", kid, err, waited)
			}
		}
		time.Sleep(time.Second) // no rotation at the very instant of a refresh, which only this clock can hit
		for minute := 1; minute <= 60; minute++ {
			time.Sleep(time.Minute)
			current, last := fmt.Sprint("minute-", minute), fmt.Sprint("minute-", minute-1)
			issuer.set(func() { issuer.keys = []*authztest.Key{keyNamed(current), keyNamed(last)} })
			for range 10 {
				assertFindable(current)
				assertFindable(last)
			}
			if minute > 2 { // withdrawn with the rotation before this one, and fetched since
				if _, err := keys.Find(t.Context(), fmt.Sprint("minute-", minute-3)); err == nil && minute > 3 {
					t.Fatalf("minute %d: a key that was withdrawn twice over still works", minute)
				}
			}
		}
		if most := issuer.most(); most > 5+1 {
			t.Errorf("got %d fetches in a minute, want at most 5 and a refresh", most)
		}
	})
}

// Ten rotations a minute are more than the budget: five of them are followed at once, the others are not, and no more is
// asked of the issuer.
func TestIssuerThatRotatesTooOften(t *testing.T) {
	t.Parallel()
	issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("0")}}
	inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
		synctest.Wait()
		const minutes = 30
		followed := 0
		for i := 1; i <= minutes*10; i++ {
			time.Sleep(6 * time.Second)
			kid := fmt.Sprint(i)
			issuer.set(func() { issuer.keys = []*authztest.Key{keyNamed(kid)} })
			switch waited, err := find(t, keys, kid); {
			case waited != 0:
				t.Fatalf("waited %s", waited)
			case err == nil:
				followed++
			case !errors.Is(err, authz.ErrInvalid):
				t.Fatalf("got %v, want ErrInvalid: the set at hand rules", err)
			}
		}
		if followed < minutes*5-1 {
			t.Errorf("got %d of %d rotations followed, want five a minute", followed, minutes*10)
		}
		if most := issuer.most(); most > 5+1 {
			t.Errorf("got %d fetches in a minute, want at most 5 and a refresh", most)
		}
	})
}

// TestFloodOfRandomKids sends 10,000 tokens with made-up kids. The race detector knows 8,128 goroutines at most, so they
// come in two waves of 5,000 at the same time.
func TestFloodOfRandomKids(t *testing.T) {
	t.Parallel()
	issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("a"), keyNamed("withdrawn")}}
	inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
		assertAtOnce(t, keys, "a")
		issuer.set(func() { issuer.delay = time.Second })
		for wave := range 2 {
			time.Sleep(time.Second)
			var wg sync.WaitGroup
			var refused atomic.Int64
			for i := range 5000 {
				wg.Go(func() {
					if _, err := keys.Find(t.Context(), fmt.Sprintf("made-up-%d-%d", wave, i)); errors.Is(err, authz.ErrInvalid) {
						refused.Add(1)
					}
				})
			}
			for range 50 { // in the middle of it
				assertAtOnce(t, keys, "a")
				time.Sleep(20 * time.Millisecond)
			}
			wg.Wait()
			if got := refused.Load(); got != 5000 {
				t.Errorf("wave %d: got %d of 5000 refused as invalid", wave, got)
			}
		}
		if most := issuer.most(); most > 5+1 { // the first fetch of all is not one of the five
			t.Errorf("got %d fetches in a minute, want at most 5", most)
		}

		// The flood goes on, more thinly. The refresh comes all the same: the withdrawn key ends within 10 minutes.
		issuer.set(func() { issuer.keys = []*authztest.Key{keyNamed("a"), keyNamed("new")} })
		withdrawn := time.Now()
		for i := range 10 * 60 {
			go func() { _, _ = keys.Find(t.Context(), fmt.Sprint("made-up-", i)) }()
			assertAtOnce(t, keys, "a")
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		if _, err := find(t, keys, "withdrawn"); !errors.Is(err, authz.ErrInvalid) {
			t.Errorf("got %v for a key that was withdrawn %s ago, want ErrInvalid", err, time.Since(withdrawn))
		}
		assertAtOnce(t, keys, "new")
		if most := issuer.most(); most > 5+1 {
			t.Errorf("got %d fetches in a minute, want at most 5 and a refresh", most)
		}
	})
}

// Nobody but the background refresh asks the issuer, and it alone has to end the withdrawn key.
func TestWithdrawnKeyEndsWithinTheFreshness(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{0, time.Minute, 9*time.Minute + 59*time.Second} {
		issuer := &issuerInTrouble{keys: []*authztest.Key{keyNamed("a"), keyNamed("withdrawn")}, delay: time.Second}
		inTrouble(t, issuer, func(t *testing.T, keys *authz.Keys) {
			time.Sleep(time.Second + age)
			synctest.Wait()
			issuer.set(func() { issuer.keys = issuer.keys[:1] })
			withdrawn := time.Now()
			var lived time.Duration // the last answer that let it pass
			for {
				if _, err := find(t, keys, "withdrawn"); err != nil {
					break
				}
				lived = time.Since(withdrawn)
				time.Sleep(time.Second)
			}
			if lived > 10*time.Minute+2*time.Second { // the ten minutes lie between two fetches, which take a second each
				t.Errorf("withdrawn %s after a fetch: worked for another %s, want 10 minutes at most", age, lived)
			}
		})
	}
}

// Names of JSON are case-sensitive (RFC 7517 section 4, RFC 8259): KEYS is no member of a key set, and KID none of a key.
func TestKeySetMembersInAnotherCase(t *testing.T) {
	t.Parallel()
	object := func(jwk map[string]any) string {
		raw, err := json.Marshal(jwk)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	own, wanted := object(tenantKey().JWK(nil)), tenantKey().ID
	for name, set := range map[string]string{
		"KEYS beside keys": `{"keys":[` + own + `],"KEYS":[` + object(forgerKey().JWK(map[string]any{"kid": wanted})) + `]}`,
		"KEYS alone":       `{"KEYS":[` + object(forgerKey().JWK(map[string]any{"kid": wanted})) + `]}`,
		"KID beside kid":   `{"keys":[` + strings.TrimSuffix(object(forgerKey().JWK(nil)), "}") + `,"KID":"` + wanted + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			issuer := authztest.NewIssuerWith(t, tenantKey())
			issuer.Answer(page(200, "application/json", []byte(set)))
			a := attackedAPI(t, attackedStore(t), issuer, issuer.JWKSURL(), nil)
			m := newMint(t, issuer)
			r := a.do("POST", "/items", soup, "Authorization", "Bearer "+forgerKey().Sign(t, issuer.Header(), m.claims))
			if r.status != 401 && r.status != 503 {
				t.Errorf("got %d for a key that is not in the set, want it refused", r.status)
			}
		})
	}
}
