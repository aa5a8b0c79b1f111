package authz_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"menu-api/authz/authztest"
)

// The published advisories against go-jose v2, which verifies the signatures, and against libraries like it. Most are
// about JWE, which the guard never gets to: a token has three segments and says RS256, or no library sees it.

// advisories shares one guard among the tests below: none of them changes it.
type advisories struct {
	*guarded
	good   string
	parts  []string
	claims string
}

func newAdvisories(tb testing.TB) advisories {
	tb.Helper()
	g := newGuarded(tb, nil)
	claims, err := json.Marshal(g.issuer.Claims([]string{permission}, nil))
	if err != nil {
		tb.Fatal(err)
	}
	good := g.issuer.Sign(tb, g.issuer.Header(), string(claims))
	a := advisories{g, good, strings.Split(good, "."), string(claims)}
	if response, body := a.post(tb, "/", "Bearer "+good); response.StatusCode != 200 {
		tb.Fatalf("got %s for the token that the attacks begin with", body)
	}
	return a
}

func (a advisories) assertRefused(tb testing.TB, token, challenge string) {
	tb.Helper()
	response, body := a.post(tb, "/", "Bearer "+token)
	if response.StatusCode != 401 || response.Header.Get("WWW-Authenticate") != challenge || strings.Contains(body, "ran") {
		tb.Errorf("got %s, want 401 with %s", body, challenge)
	}
}

// jwe makes a compact JWE of a header and four more segments.
func jwe(header string, segments ...string) string {
	token := authztest.Encode(header)
	for _, segment := range segments {
		token += "." + authztest.Encode(segment)
	}
	return token
}

// encrypted is a real JWE, to the issuer's public key unless another is given.
func (a advisories) encrypted(tb testing.TB, recipient jose.Recipient, options *jose.EncrypterOptions, plain []byte) string {
	tb.Helper()
	if recipient.Key == nil {
		recipient.Key = &a.issuer.Key().Private.PublicKey
	}
	recipient.KeyID = a.issuer.Key().ID
	encrypter, err := jose.NewEncrypter(jose.A128CBC_HS256, recipient, options)
	if err != nil {
		tb.Fatal(err)
	}
	object, err := encrypter.Encrypt(plain)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// With ECDH-ES a sender picks points off the curve and learns the private key from the answers; here no private key exists
// and no JWE is decrypted.
func TestCVE_2016_9121_InvalidCurve(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	point := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, authztest.Encode(strings.Repeat("\x01", 32)), authztest.Encode(strings.Repeat("\x02", 32)))
	header := fmt.Sprintf(`{"alg":"ECDH-ES","enc":"A128GCM","kid":%q,"epk":%s}`, a.issuer.Key().ID, point)
	a.assertRefused(t, jwe(header, "", "0123456789ab", "cipher", "0123456789abcdef"), malformed)
	// In the header of a JWS the point is not looked at, or is no key that counts.
	a.assertRefused(t, authztest.Encode(header)+"."+a.parts[1]+"."+a.parts[2], invalid)
	for _, name := range []string{"epk", "jwk"} {
		header := fmt.Sprintf(`{"alg":"RS256","kid":%q,%q:%s}`, a.issuer.Key().ID, name, point)
		a.assertRefused(t, authztest.Encode(header)+"."+a.parts[1]+"."+a.parts[2], invalid)
	}
}

// A JWS with several signatures passes for one signer's word when another's verifies; here the only form is the compact
// one, which has room for one signature.
func TestCVE_2016_9122_MultipleSignatures(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	forged := strings.Split(authztest.NewKey(t).Sign(t, a.issuer.Header(), a.claims), ".")
	signature := func(parts []string) string {
		return fmt.Sprintf(`{"protected":%q,"signature":%q}`, parts[0], parts[2])
	}
	for _, signatures := range []string{
		signature(a.parts) + "," + signature(forged), signature(forged) + "," + signature(a.parts), signature(a.parts), "",
	} {
		a.assertRefused(t, fmt.Sprintf(`{"payload":%q,"signatures":[%s]}`, a.parts[1], signatures), malformed)
	}
	flattened := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, a.parts[1], a.parts[0], a.parts[2])
	a.assertRefused(t, flattened, malformed)
	a.assertRefused(t, strings.Replace(flattened, "{", `{"a.b.c":0,`, 1), malformed) // three segments, if one counts dots
	a.assertRefused(t, a.good+"."+forged[2], malformed)
}

// On 32 bits the length of the associated data overflowed, and with it the CBC-HMAC check; here no JWE is decrypted, and
// no token is longer than 16 KiB.
func TestCVE_2016_9123_CBCHMACOverflow(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	token := a.encrypted(t, jose.Recipient{Algorithm: jose.RSA_OAEP}, nil, []byte(a.good))
	a.assertRefused(t, token, malformed)
	header := fmt.Sprintf(`{"alg":"RSA-OAEP","enc":"A128CBC-HS256","kid":%q,"pad":%q}`, a.issuer.Key().ID, strings.Repeat("A", 30_000))
	_, rest, _ := strings.Cut(token, ".")
	a.assertRefused(t, authztest.Encode(header)+"."+rest, malformed)
}

// bomb is 8 MiB in a token that is short enough to be looked at.
func (a advisories) bomb(tb testing.TB) string {
	tb.Helper()
	token := a.encrypted(tb, jose.Recipient{Algorithm: jose.RSA_OAEP}, &jose.EncrypterOptions{Compression: jose.DEFLATE}, bytes.Repeat([]byte("0"), 8<<20))
	if len(token) > 16<<10 {
		tb.Fatalf("the bomb has %d bytes: its length would be what is refused", len(token))
	}
	return token
}

// A JWE's plaintext of gigabytes compresses to a few bytes; here nothing is decompressed.
func TestCVE_2024_28180_DecompressionBomb(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	a.assertRefused(t, a.bomb(t), malformed)
}

// The same in another library, jwx; a JWS has no compression, so zip in its header means nothing, and claims that are
// compressed are no JSON.
func TestCVE_2024_28122_Zip(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	header := fmt.Sprintf(`{"alg":"RS256","kid":%q,"zip":"DEF"}`, a.issuer.Key().ID)
	a.assertRefused(t, a.issuer.Sign(t, header, "\x4b\x4c\x1c\x05\xa3\x60\x14\x8c\x5c\x00"), malformed)
	nested := a.encrypted(t, jose.Recipient{Algorithm: jose.RSA_OAEP}, (&jose.EncrypterOptions{Compression: jose.DEFLATE}).WithContentType("JWT"), []byte(a.good))
	a.assertRefused(t, nested, malformed)
}

// strings.Split makes a slice of as many strings as there are dots; here the dots are counted before, and a token of more
// than 16 KiB is not even counted.
func TestCVE_2025_27144_ExcessiveDots(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	for _, dots := range []int{3, 4, 10_000, 900_000} { // the last is about what net/http lets through where nobody sets a limit
		a.assertRefused(t, strings.Repeat(".", dots), malformed)
	}
	a.assertRefused(t, a.good+strings.Repeat(".", 10_000), malformed)
}

// What the advisories are about is memory: the refusal of a token, however it is built, takes next to none.
func TestRefusalsTakeLittleMemory(t *testing.T) { //nolint:paralleltest // it measures what the whole process allocates
	a := newAdvisories(t)
	for name, token := range map[string]string{
		"dots": strings.Repeat(".", 900_000), "a bomb": a.bomb(t), "a long segment": a.parts[0] + "." + strings.Repeat("A", 900_000) + "." + a.parts[2],
	} {
		const times, most = 20, 64 << 10
		request := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+token)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range times {
			a.Config.Handler.ServeHTTP(httptest.NewRecorder(), request)
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / times; each > most {
			t.Errorf("%s: a refusal takes %d bytes, want at most %d", name, each, most)
		}
	}
}

// A PBES2 recipient lets the sender say how often to hash, billions of times (the go-jose advisory of 2023, and
// CVE-2023-50658 in jose2go); here no key is derived from anything a token says.
func TestGHSA_2c7c_3mj9_8fqh_BillionHashes(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	header := fmt.Sprintf(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","kid":%q,"p2c":2147483647,"p2s":"c2FsdHNhbHQ"}`, a.issuer.Key().ID)
	a.assertRefused(t, jwe(header, strings.Repeat("k", 24), "0123456789ab", "cipher", "0123456789abcdef"), malformed)
	a.assertRefused(t, authztest.Encode(header)+"."+a.parts[1]+"."+a.parts[2], invalid)
}

// Unwrapping an empty or short encrypted key panics; here no key is unwrapped.
func TestCVE_2026_34986_KeyUnwrapPanic(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	for _, alg := range []string{"A128KW", "A256KW", "ECDH-ES+A128KW", "PBES2-HS256+A128KW"} {
		for _, wrapped := range []string{"", "short"} {
			header := fmt.Sprintf(`{"alg":%q,"enc":"A128GCM","kid":%q}`, alg, a.issuer.Key().ID)
			a.assertRefused(t, jwe(header, wrapped, "0123456789ab", "cipher", "0123456789abcdef"), malformed)
		}
	}
}

// JSON that is nested deeply enough overflows the stack of go-jose's parser, which no recover catches; here a token of
// 16 KiB has room for some thousand levels, and what is deeper is refused before the library sees it.
func TestCVE_2026_116586_NestedJSON(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, test := range map[string]struct{ token, want string }{
		"header":           {a.issuer.Sign(t, fmt.Sprintf(`{"alg":"RS256","kid":%q,"jwk":%s}`, a.issuer.Key().ID, nested(5000)), a.claims), invalid},
		"extra header":     {authztest.NewKey(t).Sign(t, fmt.Sprintf(`{"alg":"RS256","kid":%q,"x":%s}`, a.issuer.Key().ID, nested(5000)), a.claims), invalid},
		"claims":           {a.issuer.TokenWith(t, nil, map[string]any{"aud": json.RawMessage(nested(5000))}), invalid},
		"deeper than JSON": {a.issuer.Sign(t, strings.Repeat("[", 11_000), a.claims), malformed},
		"a million":        {a.issuer.Sign(t, a.issuer.Header(), nested(300_000)), malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.assertRefused(t, test.token, test.want)
		})
	}
}

// A verifier that lets the token choose HMAC takes the public key, which everyone has, for its secret; here the algorithm
// is RS256 or nothing.
func TestCVE_2015_9235_AlgorithmConfusion(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	public := &a.issuer.Key().Private.PublicKey
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{
		"PKIX PEM":  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
		"PKCS1 PEM": pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)}),
		"DER":       pkix, "modulus": public.N.Bytes(), "key set": authztest.KeySet(a.issuer.Key()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input := authztest.Encode(fmt.Sprintf(`{"alg":"HS256","typ":"JWT","kid":%q}`, a.issuer.Key().ID)) + "." + a.parts[1]
			mac := hmac.New(sha256.New, secret)
			_, _ = mac.Write([]byte(input))
			a.assertRefused(t, input+"."+authztest.Encode(string(mac.Sum(nil))), invalid)
		})
	}
}

// A verifier that takes the key from the token's header lets everyone sign; here keys come from the issuer's set alone.
func TestCVE_2018_0114_EmbeddedKey(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	a.assertRefused(t, forged(t, a.issuer, a.claims), invalid)
}

// A signature of two zeros verified for every ECDSA key in Java; here ECDSA is refused, and an RSA signature of zeros is
// none.
func TestCVE_2022_21449_PsychicSignature(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	header := authztest.Encode(fmt.Sprintf(`{"alg":"ES256","kid":%q}`, a.issuer.Key().ID))
	a.assertRefused(t, header+"."+a.parts[1]+"."+authztest.Encode(strings.Repeat("\x00", 64)), invalid)
	a.assertRefused(t, a.parts[0]+"."+a.parts[1]+"."+authztest.Encode(strings.Repeat("\x00", 256)), invalid)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.assertRefused(t, a.encrypted(t, jose.Recipient{Algorithm: jose.ECDH_ES, Key: &key.PublicKey}, nil, []byte(a.good)), malformed)
}

// Every one of the tokens above at the same time leaves the guard at work: nothing is held, locked or broken.
func TestAdvisoriesAtTheSameTime(t *testing.T) {
	t.Parallel()
	a := newAdvisories(t)
	tokens := []string{strings.Repeat(".", 10_000), a.bomb(t), forged(t, a.issuer, a.claims), a.parts[0] + "." + a.parts[1] + "."}
	var wg sync.WaitGroup
	for range 10 {
		for _, token := range tokens {
			wg.Go(func() {
				if response, body := a.post(t, "/", "Bearer "+token); response.StatusCode != 401 {
					t.Errorf("got %s, want 401", body)
				}
			})
		}
		wg.Go(func() {
			if response, body := a.post(t, "/", "Bearer "+a.good); response.StatusCode != 200 {
				t.Errorf("got %s for a good token in between, want 200", body)
			}
		})
	}
	wg.Wait()
}
