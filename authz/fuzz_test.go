package authz_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"menu-api/authz/authztest"
)

// FuzzAuthorization: of all headers, the guard accepts only the token that the issuer signed.
func FuzzAuthorization(f *testing.F) {
	g := newGuarded(f, nil)
	good := g.issuer.Token(f, permission)
	segments := strings.Split(good, ".")
	for _, seed := range []string{
		"Bearer " + good, "bearer  " + good, "Bearer " + good + "=", "Basic dXNlcjpwYXNz", "Bearer", "Bearer a.b.c", "",
		"Bearer " + segments[0] + "." + segments[1] + ".", "Bearer " + authztest.Encode(`{"alg":"none"}`) + "." + segments[1] + ".",
		"Bearer " + authztest.Encode(`{"alg":"RS256","kid":"x"}`) + "." + segments[1] + "." + segments[2],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		got := g.post("/", authorization)
		scheme, token, _ := strings.Cut(authorization, " ")
		isGood := strings.EqualFold(scheme, "Bearer") && strings.TrimLeft(token, " ") == good
		if (got.Code == http.StatusOK) != isGood {
			t.Errorf("got %d for %q, want 200 for the issuer's token and nothing else", got.Code, authorization)
		}
		if !slices.Contains([]int{200, 401, 503}, got.Code) {
			t.Errorf("got %d for %q", got.Code, authorization)
		}
		if challenge := got.Header().Get("WWW-Authenticate"); (got.Code == 401) != strings.HasPrefix(challenge, missing.challenge) {
			t.Errorf("got %d with challenge %q", got.Code, challenge)
		}
	})
}

// FuzzSigned: of the tokens with the issuer's signature, the guard accepts only those that another JSON parser finds valid.
func FuzzSigned(f *testing.F) {
	g := newGuarded(f, nil)
	now := time.Now().Unix()
	claims := func(format string, args ...any) string {
		return fmt.Sprintf(`{"iss":%q,"aud":%q,`+format+`}`, append([]any{g.issuer.URL, authztest.Audience}, args...)...)
	}
	for _, seed := range []string{
		claims(`"exp":%d,"permissions":["create:items"]`, now+1_000_000), claims(`"exp":%d`, now-1), claims(`"exp":1e308`),
		claims(`"exp":"%d"`, now+99), claims(`"exp":%d,"exp":1`, now+99), claims(`"exp":%d,"nbf":1e400`, now+99), `{}`, `[]`, `null`, ``,
		claims(`"exp":%d,"permissions":"create:items"`, now+99), claims(`"exp":%d,"permissions":[null,"create:items"]`, now+99),
	} {
		f.Add(g.issuer.Header(), seed)
	}
	for _, header := range []string{`{}`, `{"alg":"RS256","crit":[]}`, `{"alg":"RS256","alg":"RS256"}`, `null`} {
		f.Add(header, claims(`"exp":%d`, now+1_000_000))
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		got := g.post("/", "Bearer "+g.issuer.Sign(t, header, payload))
		if !slices.Contains([]int{200, 401, 403, 503}, got.Code) {
			t.Errorf("got %d for %q %q", got.Code, header, payload)
		}
		if got.Code == http.StatusOK || got.Code == http.StatusForbidden { // authenticated
			if problem := g.distrust(header, payload, got.Code == http.StatusOK); problem != "" {
				t.Errorf("got %d for %q %q, but %s", got.Code, header, payload, problem)
			}
		}
	})
}

// distrust returns what is wrong with a token that the guard accepted, according to the standard library.
func (g guarded) distrust(header, payload string, holds bool) string {
	var h struct{ Alg, Kid string }
	var c struct {
		Iss         string          `json:"iss"`
		Aud         json.RawMessage `json:"aud"`
		Exp         *float64        `json:"exp"`
		Nbf         float64         `json:"nbf"`
		Permissions []*string       `json:"permissions"`
	}
	if json.Unmarshal([]byte(header), &h) != nil || h.Alg != "RS256" || h.Kid != g.issuer.Key().ID {
		return "the header is not that of the issuer"
	}
	if err := json.Unmarshal([]byte(payload), &c); err != nil && holds {
		return "the claims cannot be read: " + err.Error()
	}
	soon := float64(time.Now().Unix()) + 61
	switch {
	case c.Iss != g.issuer.URL:
		return "iss is another"
	case !strings.Contains(string(c.Aud), authztest.Audience) && !strings.Contains(string(c.Aud), `\u`):
		return "aud is another"
	case c.Exp == nil || *c.Exp < soon-122:
		return "exp is missing or past"
	case c.Nbf > soon:
		return "nbf is in the future"
	case holds && !slices.ContainsFunc(c.Permissions, func(p *string) bool { return p != nil && *p == permission }):
		return "it does not grant the permission"
	}
	return ""
}
