package authz_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"menu-api/authz"
	"menu-api/authz/authztest"
)

// page responds with the status and the body.
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

// badKey is a key that must not verify tokens, and a token that it would verify: the ordinary one if token is nil.
type badKey struct {
	jwk   map[string]any
	token func(m mint) string
}

// badKeys are keys under the kid of key A.
func badKeys(tb testing.TB) map[string]badKey {
	tb.Helper()
	key := keyA()
	private := key.Private
	small := &authztest.Key{ID: key.ID, Private: authztest.NewKeyOf(tb, 1024).Private}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(tb, err)
	public, err := curve.PublicKey.Bytes()
	must(tb, err)
	number := func(n *big.Int) string { return authztest.Encode(string(n.Bytes())) }
	with := func(member string, value any) map[string]any { return key.JWK(map[string]any{member: value}) }
	const secret = "0123456789abcdef0123456789abcdef"
	return map[string]badKey{
		"1,024 bits": {small.JWK(nil), func(m mint) string { return small.Sign(m.tb, m.issuer.Header(), m.claims) }},
		// With exponent 1, the padded digest is its own signature.
		"exponent 1": {with("e", "AQ"), func(m mint) string {
			padded := new(big.Int).Exp(new(big.Int).SetBytes(m.signature()), big.NewInt(int64(private.E)), private.N)
			return m.signed(padded.FillBytes(make([]byte, private.Size())))
		}},
		"exponent 0":       {with("e", "AA"), func(m mint) string { return m.signed([]byte{1}) }},
		"exponent 2":       {with("e", "Ag"), nil},
		"exponent 4":       {with("e", "BA"), nil},
		"exponent even":    {with("e", "AQAA"), nil},
		"exponent empty":   {with("e", ""), nil},
		"exponent huge":    {with("e", number(new(big.Int).Lsh(big.NewInt(1), 4000))), nil},
		"modulus empty":    {with("n", ""), nil},
		"modulus of 1":     {with("n", "AQ"), nil},
		"modulus huge":     {with("n", authztest.Encode(strings.Repeat("\xff", 500_000))), nil},
		"use enc":          {with("use", "enc"), nil},
		"use SIG":          {with("use", "SIG"), nil},
		"alg RS512":        {with("alg", "RS512"), func(m mint) string { return m.jose(jose.RS512, private) }},
		"alg PS256":        {with("alg", "PS256"), func(m mint) string { return m.jose(jose.PS256, private) }},
		"alg RSA-OAEP":     {with("alg", "RSA-OAEP"), nil},
		"alg none":         {with("alg", "none"), func(m mint) string { return m.header(`{"alg":"none","kid":"KID"}`) }},
		"kty in lowercase": {with("kty", "rsa"), nil},
		"key_ops sign":     {with("key_ops", []string{"sign"}), nil},
		"key_ops wrapKey":  {with("key_ops", []string{"wrapKey", "encrypt"}), nil},
		"key_ops VERIFY":   {with("key_ops", []string{"VERIFY"}), nil},
		"key_ops empty":    {with("key_ops", []string{}), nil},
		"key_ops a string": {with("key_ops", "verify"), nil},
		"alg an array":     {with("alg", []string{"RS256"}), nil},
		"modulus a number": {with("n", 5), nil},
		"no kid":           {with("kid", nil), nil},
		"empty kid":        {with("kid", ""), nil},
		"EC": {
			map[string]any{
				"kty": "EC", "crv": "P-256", "kid": key.ID, "use": "sig",
				"x": authztest.Encode(string(public[1:33])), "y": authztest.Encode(string(public[33:])),
			},
			func(m mint) string { return m.jose(jose.ES256, curve) },
		},
		"oct": {
			map[string]any{"kty": "oct", "kid": key.ID, "k": authztest.Encode(secret)},
			func(m mint) string { return m.mac(sha256.New, `{"alg":"HS256","kid":"KID"}`, []byte(secret)) },
		},
		"oct with alg RS256": {
			map[string]any{"kty": "oct", "alg": "RS256", "kid": key.ID, "k": authztest.Encode(secret)},
			func(m mint) string { return m.mac(sha256.New, `{"alg":"RS256","kid":"KID"}`, []byte(secret)) },
		},
		// Everyone who read a published private key can sign with it.
		"private": {key.JWK(map[string]any{
			"d": number(private.D), "p": number(private.Primes[0]), "q": number(private.Primes[1]),
		}), nil},
	}
}

// guardedBy returns a guard for an issuer whose key set endpoint responds with the handler.
func guardedBy(tb testing.TB, response http.HandlerFunc) (guarded, mint) {
	tb.Helper()
	issuer := authztest.NewIssuerWith(tb, keyA())
	issuer.Answer(response)
	return newGuardedFor(tb, issuer, newKeys(tb, issuer.JWKSURL(), nil), nil), newMint(tb, issuer)
}

// TestKeySetAttacks: without a valid key set, the guard accepts no token and returns 503.
func TestKeySetAttacks(t *testing.T) {
	t.Parallel()
	key, good := keyA(), authztest.KeySet(keyA())
	under := func(kid string) map[string]any { return keyB().JWK(map[string]any{"kid": kid}) }
	set := func(body string) http.HandlerFunc { return page(200, "application/json", []byte(body)) }
	trap, caught := newTrap(t)
	responses := map[string]http.HandlerFunc{
		"an empty set":           published(),
		"an empty body":          set(""),
		"an HTML page":           page(200, "text/html", []byte("<!doctype html><title>Sign in</title>")),
		"another JSON object":    set(`{"error":"oops"}`),
		"an array":               set(`[]`),
		"keys null":              set(`{"keys":null}`),
		"keys an object":         set(`{"keys":{}}`),
		"not JWKs":               set(`{"keys":[1,"x",null,[]]}`),
		"a nested bomb":          set(`{"keys":` + strings.Repeat("[", 500_000)),
		"a nested bomb in a key": set(`{"keys":[{"kid":"` + key.ID + `","jwk":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}]}`),
		"a byte too long":        set(string(good) + strings.Repeat(" ", 1<<20+1-len(good))),
		"100 MiB": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(good)
			for range 100 {
				_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
			}
		},
		"100 MiB announced": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(100<<20))
			_, _ = w.Write(good)
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = w.Write(good[:len(good)-2])
		},
		"cut off without a length": set(string(good[:100])),
		"a closed connection":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"compression that was not requested": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(good)
		},
		"two keys with the kid":                     published(key.JWK(nil), under(key.ID)),
		"two keys with the kid, the forger's first": published(under(key.ID), key.JWK(nil)),
		"the same key twice":                        published(key.JWK(nil), key.JWK(nil)),
		"two kinds of key with the kid":             published(key.JWK(nil), map[string]any{"kty": "oct", "kid": key.ID, "k": "c2VjcmV0"}),
		"redirect with a good body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", trap)
			w.WriteHeader(302)
			_, _ = w.Write(good)
		},
	}
	for _, status := range []int{201, 203, 204, 206, 304, 400, 404, 500, 503} {
		body := good
		if status == 204 || status == 304 {
			body = nil
		}
		responses[fmt.Sprintf("status %d with good JSON", status)] = page(status, "application/json", body)
	}
	tokens := map[string]func(m mint) string{}
	for _, status := range []int{301, 302, 303, 307, 308} {
		name := fmt.Sprintf("redirect %d to another host", status)
		responses[name] = http.RedirectHandler(strings.Replace(trap, "127.0.0.1", "localhost", 1)+"/jwks.json", status).ServeHTTP
		tokens[name] = func(m mint) string { return keyB().Sign(m.tb, m.issuer.Header(), m.claims) }
	}
	for name, bad := range badKeys(t) {
		responses["alone: "+name], tokens["alone: "+name] = published(bad.jwk), bad.token
	}
	if len(responses) < 52 {
		t.Errorf("got %d key sets, want all of them", len(responses))
	}

	wrongAlgorithm := []string{"alone: alg RS512", "alone: alg PS256", "alone: alg none", "alone: EC", "alone: oct"}
	t.Run("responses", func(t *testing.T) {
		for name, response := range responses {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g, m := guardedBy(t, response)
				if token := tokens[name]; token != nil {
					want := unavailable
					if slices.Contains(wrongAlgorithm, name) {
						want = invalid // the guard rejects the alg before it needs a key
					}
					g.assert(t, token(m), want)
				}
				g.assert(t, m.good, unavailable)
			})
		}
	})
	if n := caught.Load(); n != 0 {
		t.Errorf("the guard followed a redirect %d times, want never", n)
	}
}

// TestBadKeysBesideGoodOnes: the good key of the set works, and the bad one is ignored.
func TestBadKeysBesideGoodOnes(t *testing.T) {
	t.Parallel()
	for name, bad := range badKeys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, m := guardedBy(t, published(bad.jwk, keyB().JWK(nil)))
			token := m.good
			if bad.token != nil {
				token = bad.token(m)
			}
			g.assert(t, token, invalid)
			g.assert(t, keyB().Sign(t, `{"alg":"RS256","kid":"`+keyB().ID+`"}`, m.claims), accepted)
		})
	}
}

func TestKeySetsThatAreAccepted(t *testing.T) {
	t.Parallel()
	key := keyA()
	for name, jwks := range map[string][]map[string]any{
		"use and alg absent":           {key.JWK(map[string]any{"use": nil, "alg": nil})},
		"unknown members":              {key.JWK(map[string]any{"ext": true, "https://issuer.example/note": 1})},
		"key_ops verify":               {key.JWK(map[string]any{"key_ops": []string{"sign", "verify"}})},
		"key_ops null":                 {key.JWK(map[string]any{"key_ops": json.RawMessage("null")})},
		"beside keys that are not RSA": {{"kty": "oct", "kid": "other", "k": "c2VjcmV0"}, key.JWK(nil), {"kty": "new"}},
		"beside an ambiguous kid":      {keyB().JWK(nil), key.JWK(nil), keyB().JWK(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, m := guardedBy(t, published(jwks...))
			g.assert(t, m.good, accepted)
		})
	}
}

// Some providers publish certificates that a JOSE library cannot parse. Members that the guard does not use have no effect,
// neither in the key of the token nor in another key.
func TestMembersOfKeysThatAreIgnored(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"empty": `[]`, "an empty string": `[""]`, "not base64": `["!!!"]`, "not a certificate": `["AAAA"]`, "a string": `"AAAA"`,
		"a number": `1`, "null": `null`, "an object": `{"a":{}}`, "nested": `[[["AAAA"]]]`, "duplicate names": `{"a":1,"a":2}`,
		"invalid UTF-8": "\"\xff\xfe\"", "half a surrogate": `"\ud800"`, "long": `"` + strings.Repeat("A", 100_000) + `"`,
		"an unusual number": `1e400`,
	}
	text := func(key *authztest.Key, member, value string) string {
		raw, err := json.Marshal(key.JWK(nil))
		must(t, err)
		return strings.TrimSuffix(string(raw), "}") + `,"` + member + `":` + value + "}"
	}
	for name, value := range values {
		for _, member := range []string{"x5c", "x5t", "x5t#S256", "x5u", "ext", "oth", "https://issuer.example/note"} {
			t.Run(member+" "+name, func(t *testing.T) {
				t.Parallel()
				g, m := guardedBy(t, page(200, "application/json", []byte(`{"keys":[`+text(keyB(), member, value)+`,`+text(keyA(), member, value)+`]}`)))
				g.assert(t, m.good, accepted)
			})
		}
	}
}

// A key that is itself damaged does not affect the others.
func TestDamagedKeysBesideGoodOnes(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(keyB().JWK(nil))
	must(t, err)
	raw, err := json.Marshal(keyA().JWK(nil))
	must(t, err)
	damaged := strings.TrimSuffix(string(raw), "}")
	for name, key := range map[string]string{
		"a member twice": damaged + `,"n":"AQAB"}`, "a kid twice": damaged + `,"kid":"` + keyA().ID + `"}`, "invalid UTF-8 in n": strings.Replace(string(raw), `"n":"`, "\"n\":\"\xff", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, m := guardedBy(t, page(200, "application/json", []byte(`{"keys":[`+key+`,`+string(good)+`]}`)))
			g.assert(t, keyB().Sign(t, `{"alg":"RS256","kid":"`+keyB().ID+`"}`, m.claims), accepted)
			g.assert(t, m.good, invalid)
		})
	}
}

// The log says once per set why a key is not used, whether or not another key is.
func TestSkippedKeysAreLogged(t *testing.T) {
	t.Parallel()
	with := func(kid, member string, value any) map[string]any {
		return keyB().JWK(map[string]any{"kid": kid, member: value})
	}
	jwks := []map[string]any{
		with("encrypts", "use", "enc"), with("other-alg", "alg", "PS256"), with("signs", "key_ops", []string{"sign"}),
		with("elliptic", "kty", "EC"), with("private", "d", "AQAB"), with("weak", "n", "AQAB"), with("even", "e", "BA"),
		with("odd-type", "alg", 1), with("twice", "x", 1), with("twice", "x", 2),
		{"kty": "RSA"},
	}
	want := map[string]string{
		"encrypts": "use", "other-alg": "alg", "signs": "key_ops", "elliptic": "kty", "private": "private", "weak": "bits",
		"even": "exponent", "odd-type": "alg", "twice": "same kid", `""`: "kid",
	}
	for name, set := range map[string][]map[string]any{
		"beside a good key": append(slices.Clone(jwks), keyA().JWK(nil)), "alone": jwks,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				keys := authz.NewKeys(ctx, jwksURL, &endpoint{jwks: set}, slog.New(slog.NewTextHandler(&log, nil)))
				for range 100 {
					_, _ = keys.Find(t.Context(), keyA().ID)
				}
				time.Sleep(time.Hour) // the set stays the same
				cancel()
				synctest.Wait()
				for kid, reason := range want {
					lines := regexp.MustCompile(`(?m)^.*skipped a key.* kid=`+kid+` .*$`).FindAllString(log.String(), -1)
					if len(lines) != 1 || !strings.Contains(lines[0], reason) {
						t.Errorf("%s: got %q, want one line with %q", kid, lines, reason)
					}
				}
				if strings.Contains(log.String(), "kid="+keyA().ID+" ") {
					t.Errorf("the log names the good key: %s", log.String())
				}
			})
		})
	}
}

// JSON names are case-sensitive (RFC 7517 section 4, RFC 8259): KEYS is no member of a key set, and KID none of a key.
func TestKeySetMembersInAnotherCase(t *testing.T) {
	t.Parallel()
	text := func(key *authztest.Key, change map[string]any) string {
		raw, err := json.Marshal(key.JWK(change))
		must(t, err)
		return string(raw)
	}
	id := keyA().ID
	forged := text(keyB(), map[string]any{"kid": id})
	for name, test := range map[string]struct {
		set  string
		want verdict
	}{
		"KEYS beside keys": {`{"keys":[` + text(keyA(), nil) + `],"KEYS":[` + forged + `]}`, invalid},
		"KEYS alone":       {`{"KEYS":[` + forged + `]}`, unavailable},
		"KID beside kid":   {`{"keys":[` + strings.TrimSuffix(text(keyB(), nil), "}") + `,"KID":"` + id + `"}]}`, invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, m := guardedBy(t, page(200, "application/json", []byte(test.set)))
			g.assert(t, keyB().Sign(t, m.issuer.Header(), m.claims), test.want)
		})
	}
}

// With exponent 3, a careless verifier takes the cube root of a block that only begins like the padded digest
// (Bleichenbacher 2006). The key is legal, so the forged signature has to fail.
func TestCubeRootSignature(t *testing.T) {
	t.Parallel()
	g, m := guardedBy(t, published(keyA().JWK(map[string]any{"e": "Aw"})))
	digest := sha256.Sum256([]byte(m.parts[0] + "." + m.parts[1]))
	block := slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 8), []byte{0}, digestInfo, digest[:])
	block = append(block, bytes.Repeat([]byte{0xff}, 256-len(block))...)
	three, low, high := big.NewInt(3), new(big.Int), new(big.Int).Lsh(big.NewInt(1), 700)
	for target, one := new(big.Int).SetBytes(block), big.NewInt(1); new(big.Int).Sub(high, low).Cmp(one) > 0; {
		middle := new(big.Int).Rsh(new(big.Int).Add(low, high), 1)
		if new(big.Int).Exp(middle, three, nil).Cmp(target) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	if cube := new(big.Int).Exp(low, three, nil).FillBytes(make([]byte, 256)); !bytes.Equal(cube[:60], block[:60]) {
		t.Fatal("the cube root in this test is wrong")
	}
	g.assert(t, m.signed(low.FillBytes(make([]byte, 256))), invalid)
}

// With a redirect from https to plain http, or with an untrusted certificate, anyone on the network could choose the keys.
func TestKeysOverTLS(t *testing.T) {
	t.Parallel()
	trap, caught := newTrap(t)
	redirecting := httptest.NewTLSServer(http.RedirectHandler(trap+"/jwks.json", http.StatusFound))
	t.Cleanup(redirecting.Close)
	untrusted := httptest.NewUnstartedServer(page(200, "application/json", authztest.KeySet(keyA())))
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	issuer := authztest.NewIssuerWith(t, keyA())
	m := newMint(t, issuer)
	for name, keys := range map[string]*authz.Keys{
		"a redirect":               newKeys(t, redirecting.URL+"/.well-known/jwks.json", redirecting.Client().Transport),
		"an untrusted certificate": newKeys(t, untrusted.URL+"/jwks.json", nil),
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuardedFor(t, issuer, keys, nil)
			g.assert(t, m.good, unavailable)
			g.assert(t, keyB().Sign(t, issuer.Header(), m.claims), unavailable)
		})
	}
	if n := caught.Load(); n != 0 {
		t.Errorf("the guard followed the redirect %d times, want never", n)
	}
}
