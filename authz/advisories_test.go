package authz_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"menu-api/authz/authztest"
)

// jwe returns a compact JWE of a header and four more segments.
func jwe(header string, segments ...string) string {
	token := authztest.Encode(header)
	for _, segment := range segments {
		token += "." + authztest.Encode(segment)
	}
	return token
}

// encrypted returns a real JWE for the public key of the recipient, by default that of the issuer.
func (m mint) encrypted(recipient jose.Recipient, options *jose.EncrypterOptions, plain []byte) string {
	m.tb.Helper()
	if recipient.Key == nil {
		recipient.Key = &m.key.Private.PublicKey
	}
	recipient.KeyID = m.key.ID
	encrypter, err := jose.NewEncrypter(jose.A128CBC_HS256, recipient, options)
	must(m.tb, err)
	object, err := encrypter.Encrypt(plain)
	must(m.tb, err)
	token, err := object.CompactSerialize()
	must(m.tb, err)
	return token
}

// bomb returns a token that is not too long and decompresses to 8 MiB.
func (m mint) bomb() string {
	m.tb.Helper()
	token := m.encrypted(jose.Recipient{Algorithm: jose.RSA_OAEP}, &jose.EncrypterOptions{Compression: jose.DEFLATE}, bytes.Repeat([]byte("0"), 8<<20))
	if len(token) > 16<<10 {
		m.tb.Fatalf("the bomb has %d bytes: the guard would reject its length", len(token))
	}
	return token
}

// forged returns a token that is signed with the key of a forger, and contains it.
func (m mint) forged() string {
	return keyB().Sign(m.tb, m.named(`{"alg":"RS256","kid":"KID","jwk":`+
		string(authztest.KeySet(keyB())[len(`{"keys":[`):len(authztest.KeySet(keyB()))-2])+`,"jku":"https://evil.example/keys"}`), m.claims)
}

// TestAdvisories sends tokens for the published advisories against go-jose v2, which verifies the signatures, and against
// libraries like it. Most of them concern JWE. No JWE reaches a library: the guard only accepts three segments and RS256.
// TestTokenAttacks has the tokens for CVE-2015-9235 (HMAC with the public key) and CVE-2018-0114 (embedded keys).
func TestAdvisories(t *testing.T) {
	t.Parallel()
	g := newTenant(t)
	m := newMint(t, g.issuer)
	h, p, s := m.parts[0], m.parts[1], m.parts[2]
	header := func(text string) string { return authztest.Encode(m.named(text)) }
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	type tokens map[string]verdict
	advisories := map[string]tokens{}

	// With ECDH-ES, a sender picks points off the curve and learns the private key from the responses. We have no private key.
	point := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, authztest.Encode(strings.Repeat("\x01", 32)), authztest.Encode(strings.Repeat("\x02", 32)))
	curve := `{"alg":"ECDH-ES","enc":"A128GCM","kid":"KID","epk":` + point + `}`
	advisories["CVE-2016-9121, invalid curve"] = tokens{
		jwe(m.named(curve), "", "0123456789ab", "cipher", "0123456789abcdef"):     malformed,
		header(curve) + "." + p + "." + s:                                         invalid,
		header(`{"alg":"RS256","kid":"KID","epk":`+point+`}`) + "." + p + "." + s: invalid,
		header(`{"alg":"RS256","kid":"KID","jwk":`+point+`}`) + "." + p + "." + s: invalid,
	}

	// A JWS with several signatures counts as one signer's token if another's signature verifies. The compact form has one.
	other := strings.Split(keyB().Sign(t, g.issuer.Header(), m.claims), ".")
	signature := func(parts []string) string { return fmt.Sprintf(`{"protected":%q,"signature":%q}`, parts[0], parts[2]) }
	flattened := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)
	signatures := tokens{
		flattened: malformed, strings.Replace(flattened, "{", `{"a.b.c":0,`, 1): malformed, m.good + "." + other[2]: malformed,
	}
	for _, list := range []string{signature(m.parts) + "," + signature(other), signature(other) + "," + signature(m.parts), signature(m.parts), ""} {
		signatures[fmt.Sprintf(`{"payload":%q,"signatures":[%s]}`, p, list)] = malformed
	}
	advisories["CVE-2016-9122, multiple signatures"] = signatures

	// On 32 bits, the length of the associated data overflowed, and with it the CBC-HMAC check.
	oaep := m.encrypted(jose.Recipient{Algorithm: jose.RSA_OAEP}, nil, []byte(m.good))
	_, rest, _ := strings.Cut(oaep, ".")
	advisories["CVE-2016-9123, CBC-HMAC overflow"] = tokens{
		oaep: malformed,
		header(`{"alg":"RSA-OAEP","enc":"A128CBC-HS256","kid":"KID","pad":"`+strings.Repeat("A", 30_000)+`"}`) + "." + rest: malformed,
	}

	// Gigabytes of plain text compress to a few bytes. We decompress nothing; a JWS has no compression.
	advisories["CVE-2024-28180, decompression bomb"] = tokens{m.bomb(): malformed}
	zipped := (&jose.EncrypterOptions{Compression: jose.DEFLATE}).WithContentType("JWT")
	advisories["CVE-2024-28122, zip"] = tokens{
		m.key.Sign(t, m.named(`{"alg":"RS256","kid":"KID","zip":"DEF"}`), "\x4b\x4c\x1c\x05\xa3\x60\x14\x8c\x5c\x00"): malformed,
		m.encrypted(jose.Recipient{Algorithm: jose.RSA_OAEP}, zipped, []byte(m.good)):                                 malformed,
	}

	// strings.Split allocates a string for every dot. We check the length first, and count the dots.
	dots := tokens{m.good + strings.Repeat(".", 10_000): malformed}
	for _, n := range []int{3, 4, 10_000, 900_000} { // the last is about net/http's default limit
		dots[strings.Repeat(".", n)] = malformed
	}
	advisories["CVE-2025-27144, excessive dots"] = dots

	// The sender of a PBES2 token chooses the number of hashes (also CVE-2023-50658). We derive no key.
	hashes := m.named(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","kid":"KID","p2c":2147483647,"p2s":"c2FsdHNhbHQ"}`)
	advisories["GHSA-2c7c-3mj9-8fqh, billion hashes"] = tokens{
		jwe(hashes, strings.Repeat("k", 24), "0123456789ab", "cipher", "0123456789abcdef"): malformed,
		authztest.Encode(hashes) + "." + p + "." + s:                                       invalid,
	}

	// Unwrapping an empty or short encrypted key panics. We unwrap no key.
	wrapped := tokens{}
	for _, alg := range []string{"A128KW", "A256KW", "ECDH-ES+A128KW", "PBES2-HS256+A128KW"} {
		for _, key := range []string{"", "short"} {
			wrapped[jwe(m.named(`{"alg":"`+alg+`","enc":"A128GCM","kid":"KID"}`), key, "0123456789ab", "cipher", "0123456789abcdef")] = malformed
		}
	}
	advisories["CVE-2026-34986, key unwrap panic"] = wrapped

	// Deeply nested JSON overflows the stack of go-jose's parser. 16 KiB have room for some thousand levels, and the guard
	// rejects deeper levels before the library reads them.
	advisories["CVE-2026-116586, nested JSON"] = tokens{
		m.header(`{"alg":"RS256","kid":"KID","jwk":` + nested(5000) + `}`):                    invalid,
		keyB().Sign(t, m.named(`{"alg":"RS256","kid":"KID","x":`+nested(5000)+`}`), m.claims): invalid,

		m.literal("aud", nested(5000)):        invalid,
		m.header(strings.Repeat("[", 11_000)): malformed,
		m.payload(nested(300_000)):            malformed,
	}

	// In Java, a signature of two zeros verified for every ECDSA key. We reject ECDSA.
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	advisories["CVE-2022-21449, psychic signature"] = tokens{
		header(`{"alg":"ES256","kid":"KID"}`) + "." + p + "." + authztest.Encode(strings.Repeat("\x00", 64)):  invalid,
		h + "." + p + "." + authztest.Encode(strings.Repeat("\x00", 256)):                                     invalid,
		m.encrypted(jose.Recipient{Algorithm: jose.ECDH_ES, Key: &elliptical.PublicKey}, nil, []byte(m.good)): malformed,
	}

	assertVEX(t, slices.Collect(maps.Keys(advisories)))
	for name, list := range advisories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for token, want := range list {
				g.assert(t, token, want)
			}
		})
	}
}

// assertVEX checks docs/menu-api.openvex.json, which tells scanners that open advisories do not affect the program. Each
// statement is for the version of go-jose in go.mod and for an advisory that the test tries.
func assertVEX(t *testing.T, tried []string) {
	t.Helper()
	document, err := os.ReadFile("../docs/menu-api.openvex.json")
	must(t, err)
	var vex struct {
		Statements []struct {
			Vulnerability struct{ Name string }
			Products      []struct {
				Subcomponents []struct {
					ID string `json:"@id"`
				}
			}
			Status string
		}
	}
	must(t, json.Unmarshal(document, &vex))
	modules, err := os.ReadFile("../go.mod")
	must(t, err)
	version := regexp.MustCompile(`go-jose\.v2 (v\S+)`).FindSubmatch(modules)
	for _, statement := range vex.Statements {
		name := statement.Vulnerability.Name
		if statement.Status != "not_affected" || !slices.ContainsFunc(tried, func(s string) bool { return strings.HasPrefix(s, name+",") }) {
			t.Errorf("%s: got the status %s, want not_affected and an attack in this test", name, statement.Status)
		}
		if got, want := statement.Products[0].Subcomponents[0].ID, "pkg:golang/gopkg.in/go-jose/go-jose.v2@"+string(version[1]); got != want {
			t.Errorf("%s: the statement is for %s, want %s", name, got, want)
		}
	}
	if len(vex.Statements) == 0 {
		t.Error("got no statements")
	}
}

// The advisories are about memory. The rejection of any token takes little.
func TestRejectionsTakeLittleMemory(t *testing.T) { //nolint:paralleltest // it measures what the whole process allocates
	g := newTenant(t)
	m := newMint(t, g.issuer)
	for name, token := range map[string]string{
		"dots": strings.Repeat(".", 900_000), "a bomb": m.bomb(), "a long segment": m.parts[0] + "." + strings.Repeat("A", 900_000) + "." + m.parts[2],
	} {
		const times, most = 20, 64 << 10
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range times {
			g.post("/", "Bearer "+token)
		}
		runtime.ReadMemStats(&after)
		// The request itself contains the token.
		if each := (after.TotalAlloc-before.TotalAlloc)/times - uint64(len(token)); each > most {
			t.Errorf("%s: a rejection takes %d bytes, want at most %d", name, each, most)
		}
	}
}

// Attacks at the same time do not affect a valid token.
func TestAdvisoriesAtTheSameTime(t *testing.T) {
	t.Parallel()
	g := newTenant(t)
	m := newMint(t, g.issuer)
	tokens := map[string]verdict{
		strings.Repeat(".", 10_000): malformed, m.bomb(): malformed, m.forged(): invalid, m.parts[0] + "." + m.parts[1] + ".": malformed,
		m.good: accepted,
	}
	var wg sync.WaitGroup
	for range 10 {
		for token, want := range tokens {
			wg.Go(func() { g.assert(t, token, want) })
		}
	}
	wg.Wait()
}
