package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/server"
)

// The tests of package authz try every form of token and key set. These tests send some of them to a running server.

// forgerKey belongs to no issuer.
var forgerKey = sync.OnceValue(func() *authztest.Key { return authztest.NewKey(&testing.B{}) })

// forge returns a token with every permission and a forger's signature.
func forge(tb testing.TB, issuer *authztest.Issuer, header string) string {
	tb.Helper()
	claims, err := json.Marshal(issuer.Claims(items.Permissions(), nil))
	must(tb, err)
	return forgerKey().Sign(tb, header, string(claims))
}

// verdict is the server's response to a token.
type verdict struct {
	status    int
	challenge string
}

var (
	missing     = verdict{401, `Bearer realm="menu-api"`}
	malformed   = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token is malformed"`}
	invalid     = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token is not valid for this API"`}
	expired     = verdict{401, `Bearer realm="menu-api", error="invalid_token", error_description="The access token expired"`}
	unavailable = verdict{status: 503}
	accepted    = verdict{status: 201}
)

// assertVerdict checks the whole response to a POST with the token. If the item was created, it deletes the item again.
func (a *api) assertVerdict(tb testing.TB, want verdict, r answer) {
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
		tb.Errorf("got Location %q for a rejected request", location)
	}
	if retry := r.header.Get("Retry-After"); (want.status == 503) != (retry != "" && retry != "0") {
		tb.Errorf("got Retry-After %q with status %d", retry, r.status)
	}
}

// assertUntouched checks that the menu is the same as before the attacks.
func (a *api) assertUntouched(tb testing.TB, before string) {
	tb.Helper()
	if got := a.do("GET", "/items", "").body; got != before {
		tb.Errorf("the menu changed: got %s, want %s", got, before)
	}
}

// assertLogWithout checks that the log contains no segment of the token.
func (a *api) assertLogWithout(tb testing.TB, token string) {
	tb.Helper()
	log := a.log.String()
	for segment := range strings.SplitSeq(token, ".") {
		if len(segment) >= 20 && strings.Contains(log, segment[:min(60, len(segment))]) {
			tb.Errorf("the log contains the token: %.60s", segment)
		}
	}
}

// TestTokensInOtherPlaces sends a valid token in wrong places, and headers that a client library would not send.
func TestTokensInOtherPlaces(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	good := a.issuer.Token(t, items.CreateItems)
	parts := strings.Split(good, ".")
	before := a.do("GET", "/items", "").body
	verdicts := map[string]verdict{"accepted": accepted, "missing": missing, "malformed": malformed, "400 bare": {status: 400}, "431 bare": {status: 431}}
	placeholders := strings.NewReplacer("<TOKEN>", good, "<TOKEN START>", good[:30], "<TOKEN REST>", good[30:],
		"<HEADER>", parts[0], "<CLAIMS>", parts[1], "<SIGNATURE>", parts[2], "<BASIC>", base64.StdEncoding.EncodeToString([]byte("x:"+good)),
		"<LONG KID>", a.issuer.Sign(t, `{"alg":"RS256","kid":"`+strings.Repeat("k", 64<<10)+`"}`, "{}"))
	for _, row := range table(t, "places.txt", 4) {
		want, ok := verdicts[row[0]]
		if !ok {
			t.Fatalf("%s: unknown verdict %q", row[1], row[0])
		}
		t.Run(row[1], func(t *testing.T) {
			r := a.postRaw(t, placeholders.Replace(row[2]), placeholders.Replace(expand(unescape(t, row[3]))), good)
			if !strings.HasSuffix(row[0], " bare") {
				a.assertVerdict(t, want, r)
				return
			}
			r.assertStatus(t, want.status)
			assertHeader(t, r, "Content-Type", "text/plain; charset=utf-8")
			assertHeader(t, r, "WWW-Authenticate", "")
			if strings.Contains(r.body, parts[2][:20]) || len(r.body) > 100 {
				t.Errorf("got %q, want only the status", r.body)
			}
		})
	}
	a.assertLogWithout(t, good)
	a.assertUntouched(t, before)
}

// postRaw sends a POST with exactly these headers. With a header Trailer, the token follows the body; with X-Form, it is in the
// body.
func (a *api) postRaw(tb testing.TB, path, head, token string) answer {
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
	// The server may respond and disconnect before it has read everything, so an error of the write does not matter.
	go func() {
		_, _ = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: menu.example.com\r\n"+head+"\r\n"+body)
	}()
	return mustAnswer(tb, conn)
}

// TestTokensOfTheWrongKind: most of these are a mistake in the application's settings, and the response says what to change.
func TestTokensOfTheWrongKind(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	good := a.issuer.Token(t, items.CreateItems)
	parts := strings.Split(good, ".")
	const (
		opaque    = "The access token is opaque, not a JWT: request one for this API (with Auth0, set the audience to this API's identifier)."
		encrypted = "The access token is encrypted (a JWE), so only its issuer can read it: request a signed one for this API (with Auth0, set the audience to this API's identifier and turn off token encryption)."
		tooLong   = "The access token is longer than 16384 bytes: configure the identity provider to put fewer claims into it."
		cut       = "The access token is not a well-formed JWT. Send it whole and unchanged."
	)
	// Without an audience, Auth0 encrypts the token for itself. The second segment is empty, since there is no key to wrap.
	auth0 := authztest.Encode(`{"alg":"dir","enc":"A256GCM","iss":"https://tenant.eu.auth0.com/"}`) + "..aXYxMjM0NTY3ODkw.Y2lwaGVydGV4dA.dGFnMTIzNDU2Nzg5MDEy"
	for name, test := range map[string]struct{ token, detail string }{
		"opaque, Auth0":           {"Mp7tBqkU1JHkYV_2hr9-Wl0DxZfoC8Qy", opaque},
		"opaque, a UUID":          {"e2a6f4d8-4ec1-4b8e-9b6f-0b7f4d9f3a11", opaque},
		"opaque, hexadecimal":     {"eb5d1a1f0c9e4f5ab8a7d6c5b4a39281", opaque},
		"opaque, base64":          {"AQIDBAUG+/8=", opaque},
		"opaque, Google":          {"ya29.a0AfH6SMBx-1_2", opaque},
		"opaque, with two dots":   {"v1.local.AbCdEf", opaque},
		"opaque, of one letter":   {"x", opaque},
		"encrypted, Auth0":        {auth0, encrypted},
		"encrypted, with a key":   {authztest.Encode(`{ "alg":"RSA-OAEP","enc":"A128GCM"}`) + ".a2V5.aXY.Y2lwaGVy.dGFn", encrypted},
		"too long":                {parts[0] + "." + strings.Repeat("A", 20<<10) + "." + parts[2], tooLong},
		"too long and opaque":     {strings.Repeat("A", 20<<10), tooLong},
		"cut in the claims":       {good[:len(parts[0])+20], cut},
		"a missing signature":     {parts[0] + "." + parts[1], cut},
		"in quotes":               {`"` + good + `"`, cut},
		"five segments, no JWE":   {good + ".AAAA.AAAA", cut},
		"a placeholder":           {"<token>", cut},
		"as JSON":                 {`{"access_token":"` + good + `"}`, cut},
		"with spaces and letters": {"my token", cut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := a.do("POST", "/items", soup, "Authorization", "Bearer "+test.token)
			a.assertVerdict(t, malformed, r)
			if p := r.mustProblem(t); p.Detail != test.detail || p.Type != "urn:problem-type:menu-api:token-malformed" {
				t.Errorf("got %s with %q, want token-malformed with %q", p.Type, p.Detail, test.detail)
			}
			if strings.Contains(r.body, test.token) && len(test.token) > 10 {
				t.Errorf("the response repeats the token: %s", r.body)
			}
		})
	}
}

// TestEveryWriteIsGuarded sends one token of each kind to every route that changes the menu.
func TestEveryWriteIsGuarded(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	before := a.do("GET", "/items", "").body
	forged := forge(t, a.issuer, a.issuer.Header())
	attacks := []struct {
		name  string
		token string
		want  verdict
	}{
		{"none", authztest.Encode(`{"alg":"none"}`) + "." + authztest.Encode("{}") + ".", malformed},
		{"forged", forged, invalid},
		{"expired", a.issuer.TokenWith(t, items.Permissions(), map[string]any{"exp": 1}), expired},
		{"without the permission", a.issuer.Token(t, "read:items"), verdict{status: 403}},
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
		{"DELETE", "/api/menu/items", items.CreateItems}, // it needs the others, too
		{"POST", "/api/menu/reset", items.CreateItems},
	}
	for _, route := range routes {
		for _, attack := range attacks {
			t.Run(route.method+" "+route.path+" "+attack.name, func(t *testing.T) {
				want := attack.want
				if want.status == 403 {
					want.challenge = `Bearer realm="menu-api", error="insufficient_scope", scope="` + route.permission + `"`
				}
				a.assertVerdict(t, want, a.do(route.method, route.path, `{"item":{"id":1,"name":"Hacked","price":0,"description":"","image":""}}`, "Authorization", "Bearer "+attack.token))
			})
		}
	}
	a.assertUntouched(t, before)
	t.Logf("%d requests", len(routes)*len(attacks))
}

// TestAttackersCannotFillTheLog: before the library checks the signature, its errors quote header members that it cannot parse.
// Without a limit, an attacker could write kilobytes of text into the log with each request.
func TestAttackersCannotFillTheLog(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	text := strings.Repeat("attacker's text ", 600)
	headers := map[string]string{
		"jwk":             `{"alg":"RS256","kid":"KID","jwk":"` + text + `"}`,
		"kty of a jwk":    `{"alg":"RS256","kid":"KID","jwk":{"kty":"` + text + `"}}`,
		"x5c":             `{"alg":"RS256","kid":"KID","x5c":["` + text + `"]}`,
		"nonce":           `{"alg":"RS256","kid":"KID","nonce":["` + text + `"]}`,
		"an extra header": `{"alg":"RS256","kid":"KID","x":"` + text + `"}`,
		"kid":             `{"alg":"RS256","kid":"` + text + `"}`,
		"alg":             `{"alg":"` + text + `","kid":"KID"}`,
		"typ":             `{"alg":"RS256","kid":"KID","typ":"` + text + `"}`,
	}
	for name, header := range headers {
		t.Run(name, func(t *testing.T) {
			a.assertVerdict(t, invalid, a.do("POST", "/items", soup, "Authorization", "Bearer "+forge(t, a.issuer, strings.ReplaceAll(header, "KID", a.issuer.Key().ID))))
		})
	}
	for line := range strings.Lines(a.log.String()) {
		if len(line) > 1024 {
			t.Errorf("the log has a line of %d bytes: %.200s", len(line), line)
		}
	}
	t.Logf("%d tokens", len(headers))
}

// An issuer that hangs affects only the tokens with unknown kids. The requests that wait for it do not hold slots of other
// requests.
func TestHangingIssuerHoldsNoSlots(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.MaxConcurrent, o.AuthFailuresPerMinute = 5, 10 })
	a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201) // the keys are known
	hanging := make(chan struct{})
	a.issuer.Answer(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hanging:
		case <-r.Context().Done():
		}
	})
	var wg sync.WaitGroup
	var immediate atomic.Int64
	for i := range 100 {
		token := a.issuer.Sign(t, fmt.Sprintf(`{"alg":"RS256","kid":"made-up-%d"}`, i), `{"sub":"x"}`)
		wg.Go(func() {
			r := a.do("POST", "/items", soup, "Authorization", "Bearer "+token)
			immediate.Add(1)
			a.assertVerdict(t, unavailable, r) // not 429: an unknown kid is not a failed authentication
			if p := r.mustProblem(t); p.Type != "urn:problem-type:menu-api:signing-keys-unavailable" {
				t.Errorf("got %s, want signing-keys-unavailable", p.Type)
			}
		})
	}
	for until := time.Now().Add(3 * time.Second); immediate.Load() < 68 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	if got := immediate.Load(); got != 68 {
		t.Errorf("got %d of 100 rejected while the issuer hangs, want all but 32", got)
	}
	for range 20 {
		a.do("GET", "/items/1", "").assertStatus(t, 200)
		a.do("GET", "/nowhere", "").assertStatus(t, 404)
		a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201)
	}
	close(hanging)
	wg.Wait()
}

// A key set that arrives slowly ends with the fetch's timeout of five seconds. Reads do not wait for it.
func TestKeySetThatTrickles(t *testing.T) {
	t.Parallel()
	issuer := authztest.NewIssuer(t)
	issuer.Answer(func(w http.ResponseWriter, r *http.Request) {
		for _, b := range authztest.KeySet(issuer.Key()) {
			if _, err := w.Write([]byte{b}); err != nil || r.Context().Err() != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})
	a := newAPI(t, func(o *server.Options) { o.Guard = newGuard(t, issuer, o.Logger) })
	good := issuer.Token(t, items.CreateItems)
	var writing atomic.Bool
	writing.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer writing.Store(false)
		a.assertVerdict(t, unavailable, a.do("POST", "/items", soup, "Authorization", "Bearer "+good))
	})
	reads := 0
	for ; writing.Load(); reads++ {
		a.do("GET", "/items", "", "Authorization", "Bearer "+good).assertStatus(t, 200)
		a.do("GET", "/readyz", "").assertStatus(t, 200)
		time.Sleep(20 * time.Millisecond)
	}
	wg.Wait()
	if reads < 3 {
		t.Errorf("got %d reads while the token waited, want them not to wait", reads)
	}
}
