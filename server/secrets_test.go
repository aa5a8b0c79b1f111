package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"menu-api/items"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// failingStore fails in the way that failure selects. Its errors contain details that no client may see.
type failingStore struct {
	items.Store
	failure *atomic.Int32
}

const (
	noFailure = iota
	failUnavailable
	failSlow
	failBug
	failPanic
	failures // their number
)

func (s failingStore) fail() error {
	switch s.failure.Load() {
	case failUnavailable:
		return fmt.Errorf("%w: sqlite: disk I/O error (522) in /var/lib/hidden/menu.db", items.ErrUnavailable)
	case failSlow:
		return fmt.Errorf("pgx: SELECT hidden: %w", context.DeadlineExceeded)
	case failBug:
		return errors.New("modernc.org/sqlite: INSERT INTO hidden VALUES (/var/lib/hidden)")
	case failPanic:
		panic("SELECT * FROM hidden /var/lib/hidden store.go:42")
	}
	return nil
}

// unlessFailing calls the store, or fails.
func unlessFailing[T any](s failingStore, call func() (T, error)) (result T, err error) {
	if err := s.fail(); err != nil {
		return result, err
	}
	return call()
}

func (s failingStore) List(ctx context.Context, query items.Query) ([]items.Item, error) {
	return unlessFailing(s, func() ([]items.Item, error) { return s.Store.List(ctx, query) })
}

func (s failingStore) Get(ctx context.Context, id int64) (items.Item, error) {
	return unlessFailing(s, func() (items.Item, error) { return s.Store.Get(ctx, id) })
}

func (s failingStore) Create(ctx context.Context, info items.AuditInfo, item items.Item) (items.Item, error) {
	return unlessFailing(s, func() (items.Item, error) { return s.Store.Create(ctx, info, item) })
}

func (s failingStore) Update(ctx context.Context, info items.AuditInfo, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	return unlessFailing(s, func() (items.Item, error) { return s.Store.Update(ctx, info, id, change) })
}

func (s failingStore) Delete(ctx context.Context, info items.AuditInfo, id int64, allow func(items.Item) error) (items.Item, error) {
	return unlessFailing(s, func() (items.Item, error) { return s.Store.Delete(ctx, info, id, allow) })
}

func (s failingStore) Ping(ctx context.Context) error {
	_, err := unlessFailing(s, func() (struct{}, error) { return struct{}{}, s.Store.Ping(ctx) })
	return err
}

// TestNothingLeaks sends valid and invalid requests of every kind while the store works and while it fails. Then it searches all
// responses, the log and the metrics for secrets.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	var failure atomic.Int32
	metrics := telemetry.NewMetrics()
	r := serve(t, func(o *server.Options) {
		o.Store = failingStore{o.Store, &failure}
		o.Metrics = metrics
		o.AuthFailuresPerMinute = 200 // some of the failures are over the limit
		o.CORSOrigins = []string{"https://menu.example.com"}
	}, nil)

	issued := r.issuer.Token(t, items.Permissions()...)
	parts := strings.Split(issued, ".")
	other := strings.Split(r.issuer.TokenWith(t, nil, map[string]any{"sub": "auth0|other"}), ".")
	none := strings.Split(r.issuer.Sign(t, `{"alg":"none","typ":"JWT"}`, `{"sub":"x"}`), ".")
	tokens := map[string]string{
		"valid":               issued,
		"without permission":  r.issuer.Token(t),
		"odd permissions":     r.issuer.TokenWith(t, nil, map[string]any{"permissions": "create:items"}),
		"expired":             r.issuer.TokenWith(t, items.Permissions(), map[string]any{"exp": 1}),
		"not yet":             r.issuer.TokenWith(t, items.Permissions(), map[string]any{"nbf": 9_999_999_999}),
		"no exp":              r.issuer.TokenWith(t, items.Permissions(), map[string]any{"exp": nil}),
		"exp that is no date": r.issuer.TokenWith(t, items.Permissions(), map[string]any{"exp": "tomorrow"}),
		"another issuer":      r.issuer.TokenWith(t, items.Permissions(), map[string]any{"iss": "https://issuer.example.org/of-someone-else"}),
		"another audience":    r.issuer.TokenWith(t, items.Permissions(), map[string]any{"aud": "https://audience.example.org/of-someone-else"}),
		"another signature":   parts[0] + "." + parts[1] + "." + other[2],
		"other claims":        parts[0] + "." + other[1] + "." + parts[2],
		"no signature":        parts[0] + "." + parts[1] + ".",
		"alg none":            none[0] + "." + none[1] + "." + none[2],
		"an unknown kid":      r.issuer.Sign(t, `{"alg":"RS256","typ":"JWT","kid":"kid-that-nobody-knows-0123456789"}`, `{"sub":"x"}`),
		"another type":        r.issuer.Sign(t, fmt.Sprintf(`{"alg":"RS256","typ":"type-that-nobody-knows+jwt","kid":%q}`, r.issuer.Key().ID), `{"sub":"x"}`),
		"claims no JSON":      r.issuer.Sign(t, r.issuer.Header(), `{"secret-claim-in-no-json`),
		"header no JSON":      r.issuer.Sign(t, `{"secret-header-in-no-json`, `{"sub":"x"}`),
		"duplicate claims":    r.issuer.Sign(t, r.issuer.Header(), `{"secret-claim-sent-twice":1,"secret-claim-sent-twice":2}`),
		"padded":              parts[0] + "=." + parts[1] + "==." + parts[2] + "=",
		"not base64":          strings.Replace(issued, ".", ".!!", 1),
		"four segments":       issued + "." + parts[2],
		"two segments":        parts[0] + "." + parts[1],
		"opaque":              "opaque-token-of-another-provider-0123456789abcdef",
		"too long":            issued + strings.Repeat("A0b1C2d3", 3000),
	}
	type call struct {
		method, path, body string
		headers            []string
	}
	var calls []call
	for _, token := range tokens {
		bearer := []string{"Authorization", "Bearer " + token}
		calls = append(calls, []call{
			{"POST", "/items", soup, bearer},
			{"PUT", "/items", soda, bearer},
			{"PUT", "/items/1", soup, bearer},
			{"PATCH", "/items/2", `{"item":{"price":2}}`, bearer},
			{"PATCH", "/items/2", `{"item":{"price":2}}`, append([]string{"If-Match", `"stale"`}, bearer...)},
			{"DELETE", "/items/99", "", bearer},
			{"DELETE", "/items/abc", "", bearer},
			{"GET", "/me", "", bearer},
			{"GET", "/api/menu/items", "", bearer},
			{"POST", "/api/menu/items", formSoup, bearer},
			{"PUT", "/api/menu/items/1", formSoup, bearer},
			{"PATCH", "/api/menu/items/1", `{"price":"2.00"}`, bearer},
			{"DELETE", "/api/menu/items/99", "", bearer},
			{"HEAD", "/items/events", "", append([]string{"Last-Event-ID", token}, bearer...)},
			{"GET", "/items", "", bearer},
			{"GET", "/items/1", "", append([]string{"Origin", "https://menu.example.com"}, bearer...)},
			{"GET", "/items/1", "", append([]string{"Origin", "https://evil.example.com"}, bearer...)},
			{"TRACE", "/items", "", bearer},
			{"OPTIONS", "/items", "", bearer},
			{"POST", "/nope", soup, bearer},
			{"POST", "/items", soup, []string{"Authorization", "Basic " + token}},
			{"POST", "/items", soup, []string{"Authorization", token}},
			{"POST", "/items", soup, []string{"Authorization", "Bearer"}},
			{"POST", "/items", soup, []string{"X-Authorization", "Bearer " + token, "Proxy-Authorization", "Bearer " + token, "X-Api-Key", token}},
			{"POST", "/items?access_token=" + token, soup, nil},
			{"GET", "/items?access_token=" + token, "", nil},
			{"GET", "/items/1?access_token=" + token + "&id_token=" + token, "", nil},
			{"POST", "/items", soup, []string{"Cookie", "access_token=" + token + "; session=" + token}},
			{"POST", "/items", "access_token=" + token, []string{"Content-Type", "application/x-www-form-urlencoded"}},
			{"GET", "/items", "", []string{"Referer", "https://menu.example.com/#access_token=" + token, "User-Agent", token}},
		}...)
	}
	// These writes are wrong although the token is valid. A token in the wrong place must not leak either.
	valid := []string{"Authorization", "Bearer " + issued}
	for _, body := range []string{
		"", " ", "null", "[]", `{"item":`, `{"item":{}}`, `{"item":{"name":1,"price":"x"}}`, soup + soup, `{"item":{"name":"a","name":"b"}}`, "\xff",
		`{"item":{"name":"a","price":1e400,"description":"","image":"javascript:alert(1)"}}`, `{"token":"` + issued + `"}`,
		`{"item":{"name":"a","price":1,"description":"","image":"https://x/","token":"` + issued + `"}}`,
		`{"item":{"name":"a","price":"` + issued + `","description":"","image":"` + issued + `"}}`, `{"item":{"name":` + issued + `}}`, issued,
		strings.Repeat("[", 20_000), `{"item":{"name":"` + strings.Repeat("a", 70_000) + `"}}`,
	} {
		calls = append(calls, call{"POST", "/items", body, valid}, call{"PATCH", "/items/1", body, valid}, call{"PUT", "/items/1", body, valid})
	}
	for _, path := range []string{
		"/", "/healthz", "/readyz", "/items/0", "/items/99", "/items/abc", "/items/%ff", "/items/..%2f..%2fetc%2fpasswd", "/metrics", "/debug/pprof/", "/items/1'%20OR%20'1'='1",
	} {
		calls = append(calls, call{"GET", path, "", nil}, call{"HEAD", path, "", nil}, call{"DELETE", path, "", valid})
	}
	calls = append(calls,
		call{"POST", "/items", soup, append([]string{"Content-Type", "text/plain"}, valid...)},
		call{"POST", "/items", soup, append([]string{"Content-Encoding", "gzip"}, valid...)},
		call{"POST", "/items", soup, append([]string{"X-Request-Id", "has blanks"}, valid...)},
		call{"OPTIONS", "/items", "", []string{"Origin", "https://evil.example.com", "Access-Control-Request-Method", "POST"}},
		call{"OPTIONS", "/items", "", []string{"Origin", "https://menu.example.com", "Access-Control-Request-Method", "POST"}},
	)

	lines := map[string]bool{} // of the responses, without duplicates: most are alike
	statuses, total := map[int]int{}, 0
	keep := func(got answer) {
		statuses[got.status]++
		total++
		id := got.header.Get(requestID)
		for name, values := range got.header {
			if name != "Etag" && name != requestID { // random letters can spell any word
				lines[fmt.Sprint(name, values)] = true
			}
		}
		lines[strings.ReplaceAll(got.body, id, "")] = true
	}
	for f := range int32(failures) {
		failure.Store(f)
		for _, c := range calls {
			// With such a token, only reads reach the store. A panic is the failure whose log has most details of the request.
			isInvalid := c.headers != nil && !slices.Contains(c.headers, valid[1])
			if f != noFailure && isInvalid && (f != failPanic || c.method != "GET") {
				continue
			}
			keep(r.do(c.method, c.path, c.body, c.headers...))
		}
		// net/http rejects these, and may log them.
		for _, raw := range []string{
			"POST /items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + issued + "\x00\r\n\r\n",
			"POST /items HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer " + issued + "\r\n\r\n",
			"POST /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + issued + "\r\nAuthorization: Bearer " + issued + "\r\n\r\n",
			"POST /items HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + issued + "\r\n\r\n",
			"POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: " + issued + "\r\n\r\n",
			"POST /items HTTP/1.1\r\nHost: x\r\nExpect: " + issued + "\r\n\r\n",
			issued + " /items HTTP/1.1\r\nHost: x y\r\n\r\n",
		} {
			keep(exchangeOnce(t, r.url, raw))
		}
	}
	failure.Store(noFailure)

	// If one of these is missing, the search has missed a kind of response.
	for _, status := range []int{200, 201, 204, 400, 401, 403, 404, 405, 412, 413, 415, 429, 500, 503} {
		if statuses[status] == 0 {
			t.Errorf("no response has the status %d: %v", status, statuses)
		}
	}
	recorder := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	exposed, err := io.ReadAll(recorder.Body)
	must(t, err)
	outputs := map[string]string{"responses": strings.Join(slices.Sorted(maps.Keys(lines)), "\n"), "log": r.log.String(), "metrics": string(exposed)}
	t.Logf("searched %d calls: responses of %d bytes, a log of %d, metrics of %d; statuses %v",
		total, len(outputs["responses"]), len(outputs["log"]), len(outputs["metrics"]), statuses)
	for _, want := range []string{
		`"msg":"panic"`, "goroutine ", "INSERT INTO hidden", "token is expired", `"route":"/items"`, `"status":201`, `"subject":"auth0|someone"`, `"duration_ms":`,
	} {
		if !strings.Contains(outputs["log"], want) {
			t.Errorf("the log does not contain %q, which its readers need", want)
		}
	}

	const n = 16
	pieces := map[string]string{} // every piece of n characters of a segment, and the name of its token
	for name, token := range tokens {
		for segment := range strings.SplitSeq(strings.ReplaceAll(token, "!!", ""), ".") {
			for i := range len(segment) - n + 1 {
				pieces[segment[i:i+n]] = name
			}
		}
	}
	for where, output := range outputs {
		for i := range len(output) - n + 1 {
			if name, found := pieces[output[i:i+n]]; found {
				t.Errorf("the %s contain a piece of the token %q, in %q", where, name, output[max(0, i-80):i+n])
				break
			}
		}
	}
	// Only the log may contain paths, code and SQL.
	inside := regexp.MustCompile(`(?i)\b(SELECT|INSERT|UPDATE [a-z]+ SET|PRAGMA|goroutine [0-9])|\.go:[0-9]|` +
		`(^|[^a-z.])/(var|tmp|home|root|usr|etc|work|proc|build)/|menu\.db|hidden|` +
		`modernc|sqlite|postgres|pgx|goose|jose|go-jwt|gin-gonic|runtime error|0xc0[0-9a-f]{6}`)
	for _, where := range []string{"responses", "metrics"} {
		for _, found := range slices.Compact(inside.FindAllString(outputs[where], 20)) {
			t.Errorf("the %s expose the internal detail %q, in %q", where, found, around(outputs[where], found))
		}
	}
	for _, secret := range []string{"Bearer ey", "bearer ey", "access_token", "id_token", "session="} {
		if strings.Contains(outputs["log"], secret) || strings.Contains(outputs["metrics"], secret) {
			t.Errorf("the log or the metrics contain %q, in %q", secret, around(outputs["log"], secret))
		}
	}
}

// around returns the text around a part.
func around(s, part string) string {
	i := strings.Index(s, part)
	if i < 0 {
		return ""
	}
	return s[max(0, i-80):min(len(s), i+len(part)+80)]
}
