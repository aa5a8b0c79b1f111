package authz_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	_ "embed" // of the attacks
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-jose/go-jose/v4"

	"menu-api/authz"
	"menu-api/authz/authztest"
)

// attack is a token and the verdict it must get. A few tokens are accepted: they show that the others are rejected for the
// reason in their name.
type attack struct {
	name  string
	token string
	want  verdict
}

// tenant is the issuer under attack. Its name differs from the URL of its keys, so that the tests can imitate the name.
const tenant = "https://tenant.example.com/"

func newTenant(tb testing.TB) guarded {
	tb.Helper()
	issuer := authztest.NewIssuerWith(tb, keyA())
	keys := newKeys(tb, issuer.JWKSURL(), nil)
	authz.AllowRefetches(keys)
	issuer.URL = tenant
	return newGuardedFor(tb, issuer, keys, nil)
}

// mint creates tokens. In a header, KID is replaced by the id of the issuer's key.
type mint struct {
	tb     testing.TB
	issuer *authztest.Issuer
	key    *authztest.Key
	claims string   // of a valid token with the permission
	good   string   // that token
	parts  []string // its segments
}

func newMint(tb testing.TB, issuer *authztest.Issuer) mint {
	tb.Helper()
	claims, err := json.Marshal(issuer.Claims([]string{permission}, nil))
	must(tb, err)
	good := issuer.Sign(tb, issuer.Header(), string(claims))
	return mint{tb, issuer, issuer.Key(), string(claims), good, strings.Split(good, ".")}
}

func (m mint) named(header string) string {
	return strings.NewReplacer("KID", m.key.ID, "UPPER", strings.ToUpper(m.key.ID), "ESCAPED", `\u006b`+m.key.ID[1:]).Replace(header)
}

// header returns a token with the header, ordinary claims and the issuer's signature.
func (m mint) header(header string) string { return m.key.Sign(m.tb, m.named(header), m.claims) }

// payload returns a token with the payload, an ordinary header and the issuer's signature.
func (m mint) payload(payload string) string { return m.key.Sign(m.tb, m.issuer.Header(), payload) }

// literal returns a token of the issuer with one claim changed to a JSON text.
func (m mint) literal(claim, value string) string {
	return m.issuer.TokenWith(m.tb, []string{permission}, map[string]any{claim: json.RawMessage(value)})
}

// and returns a token of the issuer with members appended to its claims.
func (m mint) and(members string) string {
	return m.payload(strings.TrimSuffix(m.claims, "}") + "," + members + "}")
}

// signed returns the good token with another signature.
func (m mint) signed(signature []byte) string {
	return m.parts[0] + "." + m.parts[1] + "." + authztest.Encode(string(signature))
}

func (m mint) signature() []byte {
	return m.must(base64.RawURLEncoding.DecodeString(m.parts[2]))
}

// over returns the issuer's signature of a text.
func (m mint) over(input string) []byte {
	digest := sha256.Sum256([]byte(input))
	return m.must(rsa.SignPKCS1v15(rand.Reader, m.key.Private, crypto.SHA256, digest[:]))
}

// jose returns a token that another library signs.
func (m mint) jose(alg jose.SignatureAlgorithm, key any) string {
	m.tb.Helper()
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", m.key.ID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	must(m.tb, err)
	jws, err := signer.Sign([]byte(m.claims))
	must(m.tb, err)
	token, err := jws.CompactSerialize()
	must(m.tb, err)
	return token
}

func (m mint) mac(alg func() hash.Hash, header string, secret []byte) string {
	input := authztest.Encode(m.named(header)) + "." + m.parts[1]
	mac := hmac.New(alg, secret)
	_, _ = io.WriteString(mac, input)
	return input + "." + authztest.Encode(string(mac.Sum(nil)))
}

func (m mint) must(raw []byte, err error) []byte {
	m.tb.Helper()
	must(m.tb, err)
	return raw
}

//go:embed testdata/attacks.json
var attacksJSON []byte

// listed returns the attacks in testdata/attacks.json, by family. A header or payload is a JSON value, or a string with its
// text. "append" is an object or text with members that are appended to the claims. In a claim, "NOW-61" is replaced by a number.
func listed(m mint) map[string][]attack {
	var families []struct {
		Family  string
		Attacks []struct {
			Name, Want              string
			Header, Payload, Append json.RawMessage
			Set                     map[string]json.RawMessage
			Remove                  []string
		}
	}
	must(m.tb, json.Unmarshal(attacksJSON, &families))
	verdicts := map[string]verdict{"accepted": accepted, "expired": expired, "forbidden": forbidden, "invalid": invalid, "malformed": malformed}
	number := regexp.MustCompile(`"NOW([+-]\d+)(\.\d+)?"`)
	text := func(raw json.RawMessage) (s string) {
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		return s
	}
	all := map[string][]attack{}
	for _, family := range families {
		for _, a := range family.Attacks {
			change := map[string]any{}
			for claim, value := range a.Set {
				change[claim] = json.RawMessage(number.ReplaceAllFunc(value, func(match []byte) []byte {
					parts := number.FindSubmatch(match)
					offset, _ := strconv.ParseInt(string(parts[1]), 10, 64)
					return append(strconv.AppendInt(nil, time.Now().Unix()+offset, 10), parts[2]...)
				}))
			}
			for _, claim := range a.Remove {
				change[claim] = nil
			}
			header := m.issuer.Header()
			if a.Header != nil {
				header = m.named(text(a.Header))
			}
			payload := string(m.must(json.Marshal(m.issuer.Claims([]string{permission}, change))))
			if a.Payload != nil {
				payload = strings.ReplaceAll(text(a.Payload), "CLAIMS", m.claims)
			}
			if members := text(a.Append); members != "" {
				members = strings.TrimSuffix(strings.TrimPrefix(members, "{"), "}")
				payload = strings.TrimSuffix(m.claims, "}") + "," + members + "}"
			}
			want, ok := verdicts[a.Want]
			if !ok {
				m.tb.Fatalf("%s: unknown verdict %q", a.Name, a.Want)
			}
			all[family.Family] = append(all[family.Family], attack{a.Name, m.key.Sign(m.tb, header, payload), want})
		}
	}
	return all
}

// TestTokenAttacks tries every known way to forge or confuse a token (RFC 8725, 6750, 9068). testdata/attacks.json lists
// most of them; the functions below compute the others.
func TestTokenAttacks(t *testing.T) {
	t.Parallel()
	g := newTenant(t)
	m := newMint(t, g.issuer)
	trap, caught := newTrap(t)
	families := listed(m)
	families["alg none"] = algNone(m)
	families["HMAC with the public key"] = publicKeyAsSecret(m)
	families["other algorithms"] = otherAlgorithms(m)
	families["embedded keys"] = embeddedKeys(m, trap)
	families["long and nested"] = bombs(m)
	families["base64"] = encodings(m)
	families["dots and serialisations"] = serialisations(m)
	families["signature"] = signatures(m)
	families["text"] = texts(m)
	total := 0
	for _, family := range slices.Sorted(maps.Keys(families)) {
		total += len(families[family])
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			for _, attack := range families[family] {
				t.Run(attack.name, func(t *testing.T) {
					got := g.post("/", "Bearer "+attack.token)
					assertVerdict(t, got, attack.want)
					for segment := range strings.SplitSeq(attack.token, ".") {
						if len(segment) >= 20 && strings.Contains(got.Header().Get("Cause"), segment[:min(60, len(segment))]) {
							t.Errorf("the cause for the log contains the token: %.60s", segment)
						}
					}
				})
			}
		})
	}
	t.Cleanup(func() {
		if n := caught.Load(); n != 0 {
			t.Errorf("the guard requested keys from the attacker %d times, want never", n)
		}
	})
	if total < 550 {
		t.Errorf("got %d tokens, want all of them", total)
	}
}

// digestInfo precedes a SHA-256 digest in an RS256 signature (RFC 8017 section 9.2).
var digestInfo = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// newTrap starts a web site of an attacker, which counts its requests.
func newTrap(tb testing.TB) (url string, caught *atomic.Int64) {
	tb.Helper()
	caught = &atomic.Int64{}
	keys := authztest.KeySetOf(keyB().JWK(nil), keyB().JWK(map[string]any{"kid": keyA().ID}))
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		caught.Add(1)
		_, _ = w.Write(keys)
	}))
	tb.Cleanup(trap.Close)
	return trap.URL, caught
}

// texts returns tokens with JSON in other encodings, and with long values.
func texts(m mint) []attack {
	wide := func(s string) string {
		var b strings.Builder
		for _, unit := range utf16.Encode([]rune(s)) {
			b.Write([]byte{byte(unit), byte(unit >> 8)})
		}
		return b.String()
	}
	entries := func(n int) string { return "[" + strings.Repeat(`"p",`, n) + `"` + permission + `"]` }
	header := m.issuer.Header()
	return []attack{
		{"valid", m.good, accepted},
		{"header in UTF-16", m.header(wide(header)), malformed},
		{"header in UTF-16 with a BOM", m.header(wide("\ufeff" + header)), malformed},
		{"header with invalid UTF-8", m.header(strings.Replace(header, "{", "{\"x\":\"\xc0\xaf\",", 1)), malformed},
		{"payload in UTF-16", m.payload(wide(m.claims)), malformed},
		{"payload with overlong UTF-8", m.and("\"x\":\"\xc0\xae\""), malformed},
		{"payload that is not encoded, b64 false", m.unencoded(), malformed},
		{"kid of 8 KiB", m.header(`{"alg":"RS256","kid":"` + strings.Repeat("k", 8<<10) + `"}`), invalid},
		{"kid of 16 KiB", m.header(`{"alg":"RS256","kid":"` + strings.Repeat("k", 16<<10) + `"}`), malformed}, // longer than a token may be
		{"exp of 10,000 digits", m.literal("exp", strings.Repeat("9", 10_000)), invalid},
		{"3,000 permissions", m.literal("permissions", entries(2_800)), accepted},
		{"10,000 permissions", m.literal("permissions", entries(10_000)), malformed},
	}
}

// unencoded returns a token of RFC 7797, whose payload is not encoded and contains no dot.
func (m mint) unencoded() string {
	input := authztest.Encode(m.named(`{"alg":"RS256","kid":"KID","b64":false,"crit":["b64"]}`)) + `.{"sub":"x"}`
	return input + "." + authztest.Encode(string(m.over(input)))
}

func algNone(m mint) (attacks []attack) {
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "none ", "\\u006eone"} {
		header := authztest.Encode(m.named(`{"alg":"` + alg + `","typ":"JWT","kid":"KID"}`))
		attacks = append(attacks,
			attack{fmt.Sprintf("%q, two segments", alg), header + "." + m.parts[1], malformed},
			attack{fmt.Sprintf("%q, no signature", alg), header + "." + m.parts[1] + ".", malformed},
			attack{fmt.Sprintf("%q, a made-up signature", alg), header + "." + m.parts[1] + ".AAAA", invalid},
			attack{fmt.Sprintf("%q, the issuer's signature", alg), m.header(`{"alg":"` + alg + `","kid":"KID"}`), invalid},
			attack{fmt.Sprintf("%q, no kid", alg), m.header(`{"alg":"` + alg + `"}`), invalid},
		)
	}
	return attacks
}

// publicKeyAsSecret signs with HMAC and public data. A library that lets the token choose the algorithm would use the
// public key as the secret.
func publicKeyAsSecret(m mint) (attacks []attack) {
	public := &m.key.Private.PublicKey
	pkix := m.must(x509.MarshalPKIXPublicKey(public))
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	pkixPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
	secrets := []struct {
		name   string
		secret []byte
	}{
		{"PKIX PEM", pkixPEM},
		{"PKIX PEM without its last line break", pkixPEM[:len(pkixPEM)-1]},
		{"PKIX DER", pkix},
		{"PKCS1 PEM", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})},
		{"PKCS1 DER", pkcs1},
		{"modulus", public.N.Bytes()},
		{"modulus as in the JWK", []byte(authztest.Encode(string(public.N.Bytes())))},
		{"JWK", m.must(json.Marshal(m.key.JWK(nil)))},
		{"JWKS document", authztest.KeySet(m.key)},
		{"kid", []byte(m.key.ID)},
		{"nothing", nil},
	}
	for _, s := range secrets {
		attacks = append(attacks,
			attack{"HS256, " + s.name, m.mac(sha256.New, `{"alg":"HS256","typ":"JWT","kid":"KID"}`, s.secret), invalid},
			attack{"HS384, " + s.name, m.mac(sha512.New384, `{"alg":"HS384","typ":"JWT","kid":"KID"}`, s.secret), invalid},
			attack{"HS512, " + s.name, m.mac(sha512.New, `{"alg":"HS512","typ":"JWT","kid":"KID"}`, s.secret), invalid},
			attack{"HS256 called RS256, " + s.name, m.mac(sha256.New, `{"alg":"RS256","typ":"JWT","kid":"KID"}`, s.secret), invalid},
		)
	}
	return attacks
}

// otherAlgorithms returns tokens with valid signatures, by the key of the issuer if the algorithm supports RSA.
func otherAlgorithms(m mint) (attacks []attack) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		token := m.jose(alg, m.key.Private)
		attacks = append(attacks,
			attack{string(alg), token, invalid},
			attack{string(alg) + " called RS256", m.parts[0] + "." + m.parts[1] + "." + strings.Split(token, ".")[2], invalid},
		)
	}
	for alg, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(m.tb, err)
		attacks = append(attacks, attack{string(alg), m.jose(alg, key), invalid})
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(m.tb, err)
	sign := func(hash crypto.Hash, length int) []byte {
		digest := sha256.Sum256([]byte(m.parts[0] + "." + m.parts[1]))
		return m.must(rsa.SignPKCS1v15(rand.Reader, m.key.Private, hash, digest[:length]))
	}
	return append(attacks,
		attack{"RS256, the same library", m.jose(jose.RS256, m.key.Private), accepted},
		attack{"EdDSA", m.jose(jose.EdDSA, edwards), invalid},
		attack{"ES256K", m.header(`{"alg":"ES256K","kid":"KID"}`), invalid},
		attack{"RS1", m.header(`{"alg":"RS1","kid":"KID"}`), invalid},
		attack{"RS256 over a SHA-1 DigestInfo", m.signed(sign(crypto.SHA1, 20)), invalid}, // SHA-1 collides
		attack{"RS256 without DigestInfo", m.signed(sign(0, 32)), invalid},                // nothing names the hash
	)
}

// embeddedKeys returns tokens with a valid signature of a forger. The guard rejects them because it ignores keys in a token (RFC
// 8725 section 3.10).
func embeddedKeys(m mint, trap string) []attack {
	forger := keyB()
	jwk := func(kid string) string {
		return string(m.must(json.Marshal(forger.JWK(map[string]any{"kid": kid}))))
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate := m.must(x509.CreateCertificate(rand.Reader, template, template, &forger.Private.PublicKey, forger.Private))
	x5c := base64.StdEncoding.EncodeToString(certificate)
	thumbprint := sha256.Sum256(certificate)
	by := func(header string) string { return forger.Sign(m.tb, m.named(header), m.claims) }
	return []attack{
		{"a forger's signature alone", by(`{"alg":"RS256","kid":"KID"}`), invalid},
		{"jwk under the issuer's kid", by(`{"alg":"RS256","kid":"KID","jwk":` + jwk(m.key.ID) + `}`), invalid},
		{"jwk under its own kid", by(`{"alg":"RS256","kid":"` + forger.ID + `","jwk":` + jwk(forger.ID) + `}`), invalid},
		{"jwk without a kid", by(`{"alg":"RS256","jwk":` + jwk(forger.ID) + `}`), invalid},
		{"jku", by(`{"alg":"RS256","kid":"KID","jku":"` + trap + `/jwks.json"}`), invalid},
		{"jku, an unknown kid", by(`{"alg":"RS256","kid":"` + forger.ID + `","jku":"` + trap + `/jwks.json"}`), invalid},
		{"jku that begins with the issuer", by(`{"alg":"RS256","kid":"` + forger.ID + `","jku":"` + tenant + `@` + strings.TrimPrefix(trap, "http://") + `/"}`), invalid},
		{"x5u", by(`{"alg":"RS256","kid":"KID","x5u":"` + trap + `/chain.pem"}`), invalid},
		{"x5c", by(`{"alg":"RS256","kid":"KID","x5c":["` + x5c + `"]}`), invalid},
		{"x5c and x5t#S256", by(`{"alg":"RS256","kid":"KID","x5c":["` + x5c + `"],"x5t#S256":"` + authztest.Encode(string(thumbprint[:])) + `"}`), invalid},
		{"invalid x5c", by(`{"alg":"RS256","kid":"KID","x5c":["AAAA"]}`), invalid},
		{"invalid jwk", by(`{"alg":"RS256","kid":"KID","jwk":{"kty":"RSA","n":"","e":""}}`), invalid},
		{"jwk null", by(`{"alg":"RS256","kid":"KID","jwk":null}`), invalid},
		{"kid a URL", by(`{"alg":"RS256","kid":"` + trap + `/jwks.json"}`), invalid},
		{"iss a URL with keys", forger.Sign(m.tb, `{"alg":"RS256","kid":"`+forger.ID+`"}`, strings.Replace(m.claims, tenant, trap+"/", 1)), invalid},
		{"all of them", by(`{"alg":"RS256","kid":"KID","jwk":` + jwk(m.key.ID) + `,"jku":"` + trap + `","x5u":"` + trap + `","x5c":["` + x5c + `"]}`), invalid},
		{"a jwk that is a secret, with HS256", m.mac(sha256.New, `{"alg":"HS256","kid":"KID","jwk":{"kty":"oct","k":"c2VjcmV0"}}`, []byte("secret")), invalid},
		{"a jku in a token of the issuer is ignored", m.header(`{"alg":"RS256","kid":"KID","jku":"` + trap + `"}`), accepted},
	}
}

// bombs returns tokens that are large or deeply nested.
func bombs(m mint) []attack {
	nest := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	header := func(value string) string { return `{"alg":"RS256","kid":"KID","x":` + value + `}` }
	forged := func(header, payload string) string { return keyB().Sign(m.tb, m.named(header), payload) }
	var names strings.Builder
	for i := range 1000 {
		_, _ = fmt.Fprintf(&names, `,"n%d":0`, i)
	}
	return []attack{
		{"arrays in the header", forged(header(nest("[", "]", 5000)), m.claims), invalid},
		{"objects in the header", forged(header(strings.Repeat(`{"a":`, 1900)+"0"+strings.Repeat("}", 1900)), m.claims), invalid},
		{"arrays in the header, never closed", forged(header(strings.Repeat("[", 11_000)), m.claims), malformed},
		{"nothing but brackets in the header", forged(strings.Repeat("[", 11_000), m.claims), malformed},
		{"arrays in the payload", forged(header("0"), `{"x":`+nest("[", "]", 5000)+`}`), invalid},
		{"objects in the payload", forged(header("0"), `{"x":`+strings.Repeat(`{"a":`, 1900)+"0"+strings.Repeat("}", 1900)+`}`), invalid},
		{"arrays in the payload, never closed", forged(header("0"), strings.Repeat("[", 11_000)), malformed},
		{"objects in the payload, never closed", forged(header("0"), strings.Repeat(`{"":`, 2_500)), malformed},
		{"a string never closed", forged(header("0"), `{"a":"`+strings.Repeat(`\u0041`, 1_800)), malformed},
		{"a thousand names", forged(header("0"), `{"a":0`+names.String()+`}`), invalid},
		{"a thousand names in the header", forged(header("0"+names.String()), m.claims), invalid},
		{"jwk of arrays", forged(header(`0,"jwk":`+nest("[", "]", 4000)), m.claims), invalid},
		{"jwk of objects", forged(header(`0,"jwk":`+strings.Repeat(`{"jwk":`, 1400)+"0"+strings.Repeat("}", 1400)), m.claims), invalid},
		// These have the issuer's signature: legal JSON, of the maximal length.
		{"aud of arrays, signed", m.literal("aud", nest("[", "]", 4500)), invalid},
		{"sub of arrays, signed", m.literal("sub", nest("[", "]", 4500)), invalid},
		{"exp of arrays, signed", m.literal("exp", nest("[", "]", 4500)), invalid},
		{"permissions of arrays, signed", m.literal("permissions", nest("[", "]", 4500)), forbidden},
		{"arrays in a claim that the guard ignores, signed", m.and(`"x":` + nest("[", "]", 4500)), accepted},
		{"arrays in a header that the guard ignores, signed", m.header(header(nest("[", "]", 4500))), accepted},
	}
}

func encodings(m mint) (attacks []attack) {
	last := func(segment string) string { // the same bytes for a decoder that ignores the unused bits
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		return segment[:len(segment)-1] + string(alphabet[strings.IndexByte(alphabet, segment[len(segment)-1])^1])
	}
	for i, segment := range []string{"header", "payload", "signature"} {
		change := func(to string) string {
			parts := append([]string(nil), m.parts...)
			parts[i] = to
			return strings.Join(parts, ".")
		}
		part := m.parts[i]
		for name, to := range map[string]string{
			"padding": part + "=", "two of padding": part + "==", "a space inside": part[:9] + " " + part[9:], "a space before": " " + part + "x",
			"a tab inside": part[:9] + "\t" + part[9:], "percent-encoded line break": part[:9] + "%0A" + part[9:], "plus": part[:9] + "+" + part[10:],
			"slash": part[:9] + "/" + part[10:], "empty": "", "one character": "A", "a quote": part + `"`, "non-ASCII": part[:9] + "é" + part[9:],
			"full-width": part[:9] + "Ａ" + part[10:], "an impossible length": part + strings.Repeat("A", (5-len(part)%4)%4),
		} {
			if name == "a space before" && i == 0 {
				continue // between the scheme and the token, HTTP allows several
			}
			attacks = append(attacks, attack{segment + ", " + name, change(to), malformed})
		}
		if len(part)%4 != 0 {
			attacks = append(attacks, attack{segment + ", unused bits", change(last(part)), malformed})
		}
	}
	return attacks
}

func serialisations(m mint) []attack {
	h, p, s := m.parts[0], m.parts[1], m.parts[2]
	general := fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s)
	flattened := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)
	return []attack{
		{"no dot", h + p + s, malformed},
		{"one dot", h + "." + p, malformed},
		{"two dots alone", "..", malformed},
		{"three dots", m.good + ".", malformed},
		{"a dot before", "." + m.good, malformed},
		{"two dots in a row", h + ".." + p + "." + s, malformed},
		{"four dots", m.good + ".AAAA.AAAA", malformed},
		{"four dots alone", "....", malformed},
		{"10,000 dots", strings.Repeat(".", 10_000), malformed},
		{"10,000 dots after it", m.good + strings.Repeat(".", 10_000), malformed},
		{"dots percent-encoded", strings.ReplaceAll(m.good, ".", "%2E"), malformed},
		{"detached payload", h + ".." + s, malformed},
		{"JWE", m.encrypted(jose.Recipient{Algorithm: jose.RSA_OAEP}, nil, []byte(m.good)), malformed},
		{"JWE header in three segments", authztest.Encode(m.named(`{"alg":"RSA-OAEP","enc":"A128GCM","kid":"KID"}`)) + "." + p + "." + s, invalid},
		{"JWS as JSON, general", general, malformed},
		{"JWS as JSON, flattened", flattened, malformed},
		{"JWS as JSON with two dots", strings.Replace(flattened, "{", `{"a.b.c":1,`, 1), malformed},
		{"JWS as JSON in base64", authztest.Encode(flattened), malformed},
		{"JWS as JSON as the header", authztest.Encode(general) + "." + p + "." + s, invalid},
		{"a token in a token", m.key.Sign(m.tb, m.named(`{"alg":"RS256","kid":"KID","cty":"JWT"}`), m.good), malformed},
		{"twice in a row", m.good + m.good, malformed},
		{"in quotes", `"` + m.good + `"`, malformed},
		{"20 KiB", h + "." + strings.Repeat("A", 20<<10) + "." + s, malformed},
		{"60 KiB", h + "." + strings.Repeat("A", 60<<10) + "." + s, malformed},
	}
}

func signatures(m mint) []attack {
	good := m.signature()
	h, p, s := m.parts[0], m.parts[1], m.parts[2]
	flip := func(i int) []byte {
		changed := slices.Clone(good)
		changed[i] ^= 1
		return changed
	}
	modulus := m.key.Private.N
	malleable := new(big.Int).Add(new(big.Int).SetBytes(good), modulus).Bytes() // the same number modulo n
	negative := new(big.Int).Sub(modulus, new(big.Int).SetBytes(good)).FillBytes(make([]byte, len(good)))
	digest := sha256.Sum256([]byte(h + "." + p))
	padded := slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 202), []byte{0}, digestInfo, digest[:])
	other := strings.Split(m.literal("sub", `"auth0|another"`), ".")
	reversed := slices.Clone(good)
	slices.Reverse(reversed)
	reencoded := authztest.Encode(strings.Replace(m.issuer.Header(), ",", ", ", 1))
	return []attack{
		{"a byte short", m.signed(good[:len(good)-1]), invalid},
		{"a byte short in front", m.signed(good[1:]), invalid},
		{"a byte longer", m.signed(slices.Concat(good, []byte{0})), invalid},
		{"a zero in front", m.signed(append([]byte{0}, good...)), invalid},
		{"twice", m.signed(slices.Concat(good, good)), invalid},
		{"empty", h + "." + p + ".", malformed},
		{"of one byte", m.signed([]byte{0}), invalid},
		{"of zeros", m.signed(make([]byte, len(good))), invalid},
		{"one", m.signed(append(make([]byte, len(good)-1), 1)), invalid},
		{"all ones", m.signed(bytes.Repeat([]byte{0xff}, len(good))), invalid},
		{"the modulus", m.signed(modulus.Bytes()), invalid},
		{"plus the modulus", m.signed(malleable), invalid},
		{"negated", m.signed(negative), invalid},
		{"the padded digest itself", m.signed(padded), invalid},
		{"the digest", m.signed(digest[:]), invalid},
		{"first bit", m.signed(flip(0)), invalid},
		{"last bit", m.signed(flip(len(good) - 1)), invalid},
		{"reversed", m.signed(reversed), invalid},
		{"of another token", h + "." + p + "." + other[2], invalid},
		{"claims of another token", h + "." + other[1] + "." + s, invalid},
		{"a re-encoded header", reencoded + "." + p + "." + s, invalid},
		{"a re-encoded payload", h + "." + authztest.Encode(strings.Replace(m.claims, ",", ", ", 1)) + "." + s, invalid},
		{"of the payload alone", m.signed(m.over(p)), invalid},
		{"of header and payload without their dot", m.signed(m.over(h + p)), invalid},
		{"of what is not encoded", m.signed(m.over(m.issuer.Header() + "." + m.claims)), invalid},
		{"in hexadecimal", m.signed([]byte(fmt.Sprintf("%x", good))), invalid},
		{"another one of the issuer's", m.signed(m.over(h + "." + p)), accepted},
	}
}
