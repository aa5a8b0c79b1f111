package authz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
	"menu-api/authz/authztest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

const permission = "create:items"

// guarded is a server with one guarded route.
type guarded struct {
	*httptest.Server
	issuer *authztest.Issuer
	cause  chan error // why the last request was refused
}

func newGuarded(tb testing.TB, change func(*authz.Options)) *guarded {
	tb.Helper()
	issuer := authztest.NewIssuer(tb)
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	options := authz.Options{
		Issuer:             issuer.URL,
		Audiences:          []string{"https://other.example.com", authztest.Audience},
		ClockSkew:          time.Minute,
		Keys:               authz.NewKeys(ctx, issuer.JWKSURL(), nil, slog.New(slog.DiscardHandler)),
		RequirePermissions: true,
	}
	if change != nil {
		change(&options)
	}
	guard, err := authz.NewGuard(options)
	if err != nil {
		tb.Fatal(err)
	}
	g := &guarded{issuer: issuer, cause: make(chan error, 1)}
	engine := gin.New()
	engine.Use(func(c *gin.Context) {
		c.Next()
		if last := c.Errors.Last(); last != nil {
			select {
			case g.cause <- last.Err:
			default:
			}
		}
	})
	engine.POST("/", guard.Authenticate, guard.Require(permission), func(c *gin.Context) {
		principal, ok := authz.PrincipalOf(c)
		c.JSON(http.StatusOK, gin.H{"ran": true, "known": ok, "subject": principal.Subject, "permissions": principal.Permissions})
	})
	engine.POST("/unauthenticated", guard.Require(permission), func(c *gin.Context) { c.String(http.StatusOK, "ran") })
	g.Server = httptest.NewServer(engine)
	tb.Cleanup(g.Close)
	return g
}

// post sends a request with the Authorization headers and returns the answer and its body.
func (g *guarded) post(tb testing.TB, path string, authorization ...string) (*http.Response, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, g.URL+path, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header["Authorization"] = authorization
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body strings.Builder
	if err := response.Write(&body); err != nil {
		tb.Fatal(err)
	}
	return response, body.String()
}

const (
	realmOnly = `Bearer realm="menu-api"`
	malformed = realmOnly + `, error="invalid_token", error_description="The access token is malformed"`
	invalid   = realmOnly + `, error="invalid_token", error_description="The access token is not valid for this API"`
	expired   = realmOnly + `, error="invalid_token", error_description="The access token expired"`
	forbidden = realmOnly + `, error="insufficient_scope", scope="create:items"`
)

func TestGuard(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	issuer := g.issuer
	holder := []string{permission}
	good := issuer.Token(t, permission)
	segments := strings.Split(good, ".")
	now := time.Now()
	with := func(name string, value any) string { return issuer.TokenWith(t, holder, map[string]any{name: value}) }
	claims, err := json.Marshal(issuer.Claims(holder, nil))
	if err != nil {
		t.Fatal(err)
	}
	header := func(format string) string {
		return issuer.Sign(t, fmt.Sprintf(format, issuer.Key().ID), string(claims))
	}
	raw := func(format string) string {
		return issuer.Sign(t, issuer.Header(), fmt.Sprintf(format, issuer.URL, authztest.Audience, now.Unix()+3600))
	}

	type want struct {
		status    int
		challenge string
	}
	ok := want{status: 200}
	refused := want{401, invalid}
	broken := want{401, malformed}
	tests := map[string]struct {
		authorization []string
		want          want
	}{
		"valid":                   {[]string{"Bearer " + good}, ok},
		"scheme in lower case":    {[]string{"bearer " + good}, ok},
		"scheme in upper case":    {[]string{"BEARER " + good}, ok},
		"no header":               {nil, want{401, realmOnly}},
		"two headers":             {[]string{"Bearer " + good, "Bearer " + good}, want{401, realmOnly}},
		"another scheme":          {[]string{"Basic dXNlcjpwYXNz"}, want{401, realmOnly}},
		"a scheme alone":          {[]string{"Bearer"}, want{401, realmOnly}},
		"an empty token":          {[]string{"Bearer "}, want{401, realmOnly}},
		"no scheme":               {[]string{good}, want{401, realmOnly}},
		"a scheme that begins so": {[]string{"BearerX " + good}, want{401, realmOnly}},

		"garbage":               {[]string{"Bearer garbage"}, broken},
		"two tokens in one":     {[]string{"Bearer " + good + " " + good}, broken},
		"two segments":          {[]string{"Bearer " + segments[0] + "." + segments[1]}, broken},
		"four segments":         {[]string{"Bearer " + good + ".x"}, broken},
		"ten thousand dots":     {[]string{"Bearer " + strings.Repeat(".", 10_000)}, broken},
		"very long":             {[]string{"Bearer " + segments[0] + "." + strings.Repeat("a", 20_000) + "." + segments[2]}, broken},
		"no signature":          {[]string{"Bearer " + segments[0] + "." + segments[1] + "."}, broken},
		"padding":               {[]string{"Bearer " + segments[0] + "=." + segments[1] + "." + segments[2]}, broken},
		"standard base64":       {[]string{"Bearer " + segments[0] + "." + segments[1] + ".+/+/"}, broken},
		"loose last bits":       {[]string{"Bearer " + segments[0] + "." + segments[1] + "." + looseLastBits(segments[2])}, broken},
		"header is no JSON":     {[]string{"Bearer " + issuer.Sign(t, "x", string(claims))}, broken},
		"header is an array":    {[]string{"Bearer " + issuer.Sign(t, "[]", string(claims))}, broken},
		"header with trailer":   {[]string{"Bearer " + issuer.Sign(t, issuer.Header()+"{}", string(claims))}, broken},
		"header member twice":   {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"alg":"RS256"}`)}, broken},
		"claims are no JSON":    {[]string{"Bearer " + issuer.Sign(t, issuer.Header(), "x")}, broken},
		"claims are a string":   {[]string{"Bearer " + issuer.Sign(t, issuer.Header(), `"x"`)}, broken},
		"claim twice":           {[]string{"Bearer " + raw(`{"iss":"evil","iss":%q,"aud":%q,"exp":%d,"permissions":["create:items"]}`)}, broken},
		"claim twice, nested":   {[]string{"Bearer " + raw(`{"iss":%q,"aud":%q,"exp":%d,"permissions":["create:items"],"x":{"a":1,"a":2}}`)}, broken},
		"claims not UTF-8":      {[]string{"Bearer " + raw("{\"iss\":%q,\"aud\":%q,\"exp\":%d,\"permissions\":[\"create:items\"],\"x\":\"\xff\"}")}, broken},
		"no JSON in the middle": {[]string{"Bearer a.b.c"}, broken},

		"signature of another token": {[]string{"Bearer " + segments[0] + "." + segments[1] + "." + strings.Split(issuer.Token(t), ".")[2]}, refused},
		"claims of another token":    {[]string{"Bearer " + segments[0] + "." + strings.Split(issuer.Token(t), ".")[1] + "." + segments[2]}, refused},
		"signed with another key":    {[]string{"Bearer " + authztest.NewKey(t).Sign(t, issuer.Header(), string(claims))}, refused},
		"alg none":                   {[]string{"Bearer " + header(`{"alg":"none","kid":%q}`)}, refused},
		"alg None":                   {[]string{"Bearer " + header(`{"alg":"None","kid":%q}`)}, refused},
		"alg HS256":                  {[]string{"Bearer " + header(`{"alg":"HS256","kid":%q}`)}, refused},
		"alg RS512":                  {[]string{"Bearer " + header(`{"alg":"RS512","kid":%q}`)}, refused},
		"alg rs256":                  {[]string{"Bearer " + header(`{"alg":"rs256","kid":%q}`)}, refused},
		"alg missing":                {[]string{"Bearer " + header(`{"kid":%q}`)}, refused},
		"alg an array":               {[]string{"Bearer " + header(`{"alg":["RS256"],"kid":%q}`)}, refused},
		"alg null":                   {[]string{"Bearer " + header(`{"alg":null,"kid":%q}`)}, refused},
		"header null":                {[]string{"Bearer " + issuer.Sign(t, "null", string(claims))}, refused},
		"crit":                       {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"crit":["exp"],"exp":1}`)}, refused},
		"b64":                        {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"b64":true}`)}, refused},
		"kid missing":                {[]string{"Bearer " + issuer.Sign(t, `{"alg":"RS256"}`, string(claims))}, refused},
		"kid empty":                  {[]string{"Bearer " + issuer.Sign(t, `{"alg":"RS256","kid":""}`, string(claims))}, refused},
		"kid a number":               {[]string{"Bearer " + issuer.Sign(t, `{"alg":"RS256","kid":1}`, string(claims))}, refused},
		"kid unknown":                {[]string{"Bearer " + issuer.Sign(t, `{"alg":"RS256","kid":"../../etc/passwd"}`, string(claims))}, refused},
		"no typ":                     {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q}`)}, ok},
		"typ at+jwt":                 {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"typ":"at+jwt"}`)}, ok},
		"typ application/at+jwt":     {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"typ":"Application/AT+JWT"}`)}, ok},
		"typ logout+jwt":             {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"typ":"logout+jwt"}`)}, refused},
		"typ a number":               {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"typ":1}`)}, refused},
		"typ null":                   {[]string{"Bearer " + header(`{"alg":"RS256","kid":%q,"typ":null}`)}, refused},
		"embedded key of a forger":   {[]string{"Bearer " + forged(t, issuer, string(claims))}, refused},

		"issuer of another tenant":   {[]string{"Bearer " + with("iss", "https://evil.example/")}, refused},
		"issuer without its slash":   {[]string{"Bearer " + with("iss", strings.TrimSuffix(issuer.URL, "/"))}, refused},
		"issuer with more":           {[]string{"Bearer " + with("iss", issuer.URL+"x")}, refused},
		"issuer in another case":     {[]string{"Bearer " + with("iss", strings.ToUpper(issuer.URL))}, refused},
		"issuer missing":             {[]string{"Bearer " + with("iss", nil)}, refused},
		"audience alone":             {[]string{"Bearer " + with("aud", authztest.Audience)}, ok},
		"audience that is ours too":  {[]string{"Bearer " + with("aud", "https://other.example.com")}, ok},
		"an ID token":                {[]string{"Bearer " + with("aud", "a-client")}, refused},
		"audience that begins so":    {[]string{"Bearer " + with("aud", authztest.Audience+".evil.example")}, refused},
		"audience missing":           {[]string{"Bearer " + with("aud", nil)}, refused},
		"audience empty":             {[]string{"Bearer " + with("aud", []string{})}, refused},
		"audience a number":          {[]string{"Bearer " + with("aud", 1)}, refused},
		"expired":                    {[]string{"Bearer " + with("exp", now.Unix()-61)}, want{401, expired}},
		"expired, within the skew":   {[]string{"Bearer " + with("exp", now.Unix()-30)}, ok},
		"no expiry":                  {[]string{"Bearer " + with("exp", nil)}, refused},
		"expiry a string":            {[]string{"Bearer " + with("exp", fmt.Sprint(now.Unix()+3600))}, refused},
		"expiry null":                {[]string{"Bearer " + raw(`{"iss":%q,"aud":%q,"x":%d,"exp":null,"permissions":["create:items"]}`)}, refused},
		"expiry negative":            {[]string{"Bearer " + with("exp", -1)}, refused},
		"expiry out of range":        {[]string{"Bearer " + raw(`{"iss":%q,"aud":%q,"x":%d,"exp":1e308,"permissions":["create:items"]}`)}, refused},
		"expiry beyond numbers":      {[]string{"Bearer " + raw(`{"iss":%q,"aud":%q,"x":%d,"exp":1e400,"permissions":["create:items"]}`)}, refused},
		"expiry with a fraction":     {[]string{"Bearer " + with("exp", float64(now.Unix())+3600.5)}, ok},
		"not yet valid":              {[]string{"Bearer " + with("nbf", now.Unix()+120)}, refused},
		"valid soon, in the skew":    {[]string{"Bearer " + with("nbf", now.Unix()+30)}, ok},
		"issued in the future":       {[]string{"Bearer " + with("iat", now.Unix()+120)}, refused},
		"issued soon, in the skew":   {[]string{"Bearer " + with("iat", now.Unix()+30)}, ok},
		"not before, as a string":    {[]string{"Bearer " + with("nbf", "0")}, refused},
		"subject a number":           {[]string{"Bearer " + with("sub", 1)}, refused},
		"no permissions":             {[]string{"Bearer " + with("permissions", nil)}, want{403, forbidden}},
		"permissions empty":          {[]string{"Bearer " + with("permissions", []string{})}, want{403, forbidden}},
		"permissions a string":       {[]string{"Bearer " + with("permissions", permission)}, want{403, forbidden}},
		"permissions an object":      {[]string{"Bearer " + with("permissions", map[string]bool{permission: true})}, want{403, forbidden}},
		"permissions nested":         {[]string{"Bearer " + with("permissions", []any{[]string{permission}})}, want{403, forbidden}},
		"permissions of mixed types": {[]string{"Bearer " + with("permissions", []any{permission, 1})}, want{403, forbidden}},
		"permissions with a null":    {[]string{"Bearer " + with("permissions", []any{nil, permission})}, want{403, forbidden}},
		"permissions null":           {[]string{"Bearer " + raw(`{"iss":%q,"aud":%q,"exp":%d,"permissions":null}`)}, want{403, forbidden}},
		"a longer permission":        {[]string{"Bearer " + with("permissions", []string{permission + "2"})}, want{403, forbidden}},
		"another case":               {[]string{"Bearer " + with("permissions", []string{"Create:Items"})}, want{403, forbidden}},
		"another permission":         {[]string{"Bearer " + issuer.Token(t, "update:items")}, want{403, forbidden}},
		"scope is no permission":     {[]string{"Bearer " + issuer.TokenWith(t, nil, map[string]any{"scope": permission})}, want{403, forbidden}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { // one after the other: a refetch for an unknown kid is shared
			response, body := g.post(t, "/", test.authorization...)
			if response.StatusCode != test.want.status {
				t.Errorf("got %d, want %d", response.StatusCode, test.want.status)
			}
			if got := response.Header.Get("WWW-Authenticate"); got != test.want.challenge {
				t.Errorf("got challenge %q, want %q", got, test.want.challenge)
			}
			if ran := strings.Contains(body, `"ran":true`); ran != (test.want.status == 200) {
				t.Errorf("the handler ran: %v", ran)
			}
			if got := response.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("got Cache-Control %q, want no-store", got)
			}
			if test.want.status == 200 {
				return
			}
			if cause := (<-g.cause).Error(); len(test.authorization) > 0 && strings.Contains(cause, segments[2]) {
				t.Errorf("the cause for the log holds the token: %s", cause)
			}
		})
	}
}

// looseLastBits changes the bits of the last character that no byte uses: it decodes to the same signature in a decoder
// that does not look.
func looseLastBits(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, segment[len(segment)-1])
	return segment[:len(segment)-1] + string(alphabet[last^1])
}

// forged returns a token that is signed with a forger's key and brings that key along.
func forged(tb testing.TB, issuer *authztest.Issuer, claims string) string {
	tb.Helper()
	key := authztest.NewKey(tb)
	jwk, err := json.Marshal(key.JWK(map[string]any{"kid": issuer.Key().ID}))
	if err != nil {
		tb.Fatal(err)
	}
	return key.Sign(tb, fmt.Sprintf(`{"alg":"RS256","kid":%q,"jwk":%s,"jku":"https://evil.example/keys"}`, issuer.Key().ID, jwk), claims)
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	_, body := g.post(t, "/", "Bearer "+g.issuer.Token(t, permission, "update:items"))
	if want := `{"known":true,"permissions":["create:items","update:items"],"ran":true,"subject":"auth0|someone"}`; !strings.Contains(body, want) {
		t.Errorf("got %s, want %s", body, want)
	}
}

func TestPermissionsCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(o *authz.Options) { o.RequirePermissions = false })
	if response, _ := g.post(t, "/", "Bearer "+g.issuer.Token(t)); response.StatusCode != 200 {
		t.Errorf("got %d for a valid token, want 200", response.StatusCode)
	}
	if response, _ := g.post(t, "/", "Bearer garbage"); response.StatusCode != 401 {
		t.Errorf("got %d for garbage, want 401", response.StatusCode)
	}
	if response, _ := g.post(t, "/unauthenticated"); response.StatusCode != 401 {
		t.Errorf("got %d on a route whose authentication was forgotten, want 401", response.StatusCode)
	}
}

// Without Authenticate there is no principal, and nobody passes.
func TestRequireAloneLetsNobodyIn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	response, body := g.post(t, "/unauthenticated", "Bearer "+g.issuer.Token(t, permission))
	if response.StatusCode != 401 || strings.Contains(body, "ran") {
		t.Errorf("got %d %s, want 401 and no handler", response.StatusCode, body)
	}
}

func TestClockSkewOfZero(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(o *authz.Options) { o.ClockSkew = 0 })
	token := g.issuer.TokenWith(t, []string{permission}, map[string]any{"exp": time.Now().Unix() - 1})
	if response, _ := g.post(t, "/", "Bearer "+token); response.StatusCode != 401 {
		t.Errorf("got %d, want 401", response.StatusCode)
	}
}

func TestNoKeysIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(o *authz.Options) {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		o.Keys = authz.NewKeys(ctx, "http://127.0.0.1:1/keys", nil, slog.New(slog.DiscardHandler))
	})
	response, _ := g.post(t, "/", "Bearer "+g.issuer.Token(t, permission))
	if response.StatusCode != 503 || response.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("got %d with challenge %q, want 503 without one", response.StatusCode, response.Header.Get("WWW-Authenticate"))
	}
}

func TestNewGuardRefusesEmptyOptions(t *testing.T) {
	t.Parallel()
	if _, err := authz.NewGuard(authz.Options{Audiences: []string{"x"}}); err == nil {
		t.Error("got no error without an issuer")
	}
	if _, err := authz.NewGuard(authz.Options{Issuer: "x"}); err == nil {
		t.Error("got no error without an audience")
	}
}
