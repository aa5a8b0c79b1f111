package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// newInstrumentedAPI returns an API with its metrics, including those of the store.
func newInstrumentedAPI(tb testing.TB, change func(*server.Options)) (*api, *telemetry.Metrics) {
	tb.Helper()
	metrics := telemetry.NewMetrics()
	return newAPI(tb, func(o *server.Options) {
		o.Metrics, o.Store = metrics, items.Instrument(o.Store, nil, server.ObserveStore(metrics, nil))
		if change != nil {
			change(o)
		}
	}), metrics
}

// scrape returns the metrics as Prometheus gets them, each series with its value.
func scrape(tb testing.TB, metrics *telemetry.Metrics) (text string, series map[string]string) {
	tb.Helper()
	recorder := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if recorder.Code != http.StatusOK {
		tb.Fatalf("got %d %s", recorder.Code, recorder.Body)
	}
	series = map[string]string{}
	for line := range strings.Lines(recorder.Body.String()) {
		if i := strings.LastIndexByte(line, ' '); line[0] != '#' && i > 0 {
			series[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return recorder.Body.String(), series
}

func assertSeries(tb testing.TB, series, want map[string]string) {
	tb.Helper()
	for name, value := range want {
		if got := series[name]; got != value {
			tb.Errorf("got %s %q, want %s", name, got, value)
		}
	}
}

func TestMetricsOfRequests(t *testing.T) {
	t.Parallel()
	a, metrics := newInstrumentedAPI(t, nil)
	a.do("GET", "/items/1", "").assertStatus(t, 200)
	a.do("GET", "/items/99", "").assertStatus(t, 404)
	a.do("GET", "/items/abc", "").assertStatus(t, 400)
	a.do("GET", "/made/up", "").assertStatus(t, 404)
	a.do("TRACE", "/items", "").assertStatus(t, 405)
	a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201)
	_, series := scrape(t, metrics)
	assertSeries(t, series, map[string]string{
		`http_requests_total{method="GET",route="/items/:id",status="200"}`:                         "1",
		`http_requests_total{method="any",route="unmatched",status="405"}`:                          "1",
		`http_request_duration_seconds_count{method="GET",route="/items/:id",status="404"}`:         "1",
		`http_request_duration_seconds_bucket{method="POST",route="/items",status="201",le="+Inf"}`: "1",
		`http_requests_in_flight`:                                                   "0",
		`http_problems_total{type="no-such-item"}`:                                  "1",
		`http_problems_total{type="no-such-route"}`:                                 "1",
		`http_problems_total{type="invalid-request"}`:                               "1",
		`http_problems_total{type="method-not-allowed"}`:                            "1",
		`auth_requests_total{outcome="ok"}`:                                         "1",
		`store_operation_duration_seconds_count{operation="get",outcome="ok"}`:      "1",
		`store_operation_duration_seconds_count{operation="get",outcome="refused"}`: "1",
		`store_operation_duration_seconds_count{operation="create",outcome="ok"}`:   "1",
	})
}

func TestMetricsOfAuthentication(t *testing.T) {
	t.Parallel()
	a, metrics := newInstrumentedAPI(t, func(o *server.Options) { o.AuthFailuresPerMinute = 3 })
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	expired := a.issuer.TokenWith(t, items.Permissions(), map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	foreign := a.issuer.TokenWith(t, items.Permissions(), map[string]any{"aud": "https://other.example.com"})
	for _, headers := range [][]string{
		a.admin(), a.as("update:items"), nil,
		{"Authorization", "Basic x"},
		bearer("x.y"), bearer(expired), bearer(foreign), bearer(foreign), bearer(foreign), // the last two exceed the limit
	} {
		a.do("POST", "/items", soup, headers...)
	}
	a.do("GET", "/items", "", bearer("garbage")...).assertStatus(t, 200) // public: the API ignores the token
	_, series := scrape(t, metrics)
	assertSeries(t, series, map[string]string{
		`auth_requests_total{outcome="ok"}`:                "1",
		`auth_requests_total{outcome="forbidden"}`:         "1",
		`auth_requests_total{outcome="missing"}`:           "2",
		`auth_requests_total{outcome="malformed"}`:         "1",
		`auth_requests_total{outcome="expired"}`:           "1",
		`auth_requests_total{outcome="invalid"}`:           "3",
		`rate_limit_refusals_total{limit="auth-failures"}`: "2",
		`http_problems_total{type="too-many-requests"}`:    "2",
		`http_problems_total{type="permission-missing"}`:   "1",
	})
}

func TestMetricsOfTheWriteLimit(t *testing.T) {
	t.Parallel()
	a, metrics := newInstrumentedAPI(t, func(o *server.Options) { o.WritesPerMinute = 1 })
	for range 3 {
		a.do("POST", "/items", soup, a.admin()...)
	}
	_, series := scrape(t, metrics)
	assertSeries(t, series, map[string]string{
		`rate_limit_refusals_total{limit="writes"}`: "2",
		`auth_requests_total{outcome="ok"}`:         "3",
	})
}

func TestMetricsOfTheKeys(t *testing.T) {
	t.Parallel()
	a, metrics := newInstrumentedAPI(t, nil)
	a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201)
	_, series := scrape(t, metrics)
	assertSeries(t, series, map[string]string{
		`jwks_keys`: "1",
		`jwks_fetches_total{cause="background",outcome="ok"}`:     "1",
		`jwks_fetches_total{cause="background",outcome="failed"}`: "0",
		`jwks_fetches_total{cause="unknown_kid",outcome="ok"}`:    "0",
	})
	if age := series["jwks_age_seconds"]; age == "" || age == "+Inf" {
		t.Errorf("got age %q, want seconds", age)
	}
	unknown := func(i int) []string {
		return []string{"Authorization", "Bearer " + a.issuer.Sign(t, fmt.Sprintf(`{"alg":"RS256","kid":"made-up-%d"}`, i), `{"sub":"x"}`)}
	}
	for i, want := range []int{401, 401, 503, 503, 503} { // after two fetches, the next one is 16 s later
		r := a.do("POST", "/items", soup, unknown(i)...)
		r.assertStatus(t, want)
		if want == 503 {
			assertHeader(t, r, "Retry-After", "16")
		}
	}
	_, series = scrape(t, metrics)
	assertSeries(t, series, map[string]string{
		`jwks_fetches_total{cause="unknown_kid",outcome="ok"}`:      "2",
		`jwks_fetches_total{cause="unknown_kid",outcome="refused"}`: "3",
		`auth_requests_total{outcome="invalid"}`:                    "2",
		`auth_requests_total{outcome="keys_unavailable"}`:           "3",
	})
}

// Without keys, writes get 503, and reads are not affected.
func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	issuer := authztest.NewIssuer(t)
	issuer.Answer(http.NotFound)
	a, metrics := newInstrumentedAPI(t, func(o *server.Options) { o.Guard = newGuard(t, issuer, o.Logger) })
	r := a.do("POST", "/items", soup, a.admin()...)
	r.assertStatus(t, 503)
	r.mustProblem(t)
	if got := r.header.Get("Retry-After"); got == "" || got == "0" {
		t.Errorf("got Retry-After %q, want seconds", got)
	}
	a.do("GET", "/items", "").assertStatus(t, 200)
	a.do("GET", "/readyz", "").assertStatus(t, 200)
	_, series := scrape(t, metrics)
	assertSeries(t, series, map[string]string{
		`jwks_keys`:        "0",
		`jwks_age_seconds`: "+Inf",
		`jwks_fetches_total{cause="background",outcome="failed"}`: "1",
		`auth_requests_total{outcome="keys_unavailable"}`:         "1",
		`http_problems_total{type="signing-keys-unavailable"}`:    "1",
	})
}

func TestMetricsOfStoreFailures(t *testing.T) {
	t.Parallel()
	failures := map[string]error{
		"unavailable": fmt.Errorf("%w: disk I/O error", items.ErrUnavailable),
		"uncertain":   items.ErrUncertain,
		"canceled":    context.Canceled,
		"timeout":     context.DeadlineExceeded,
		"failed":      errors.New("no such column"),
	}
	metrics := telemetry.NewMetrics()
	for _, failure := range failures {
		store := items.Instrument(brokenStore{nil, func(context.Context) error { return failure }}, nil, server.ObserveStore(metrics, nil))
		if _, err := store.Get(t.Context(), 1); !errors.Is(err, failure) {
			t.Errorf("got %v, want %v", err, failure)
		}
	}
	_, series := scrape(t, metrics)
	for outcome := range failures {
		assertSeries(t, series, map[string]string{
			fmt.Sprintf(`store_operation_duration_seconds_count{operation="get",outcome=%q}`, outcome): "1",
		})
	}
}

// The names and help texts follow the conventions of Prometheus.
func TestMetricsFollowConventions(t *testing.T) {
	t.Parallel()
	a, metrics := newInstrumentedAPI(t, nil)
	metrics.WatchFiles("menu.db", "menu.db-wal")
	a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201)
	a.do("POST", "/items", soup).assertStatus(t, 401)
	text, _ := scrape(t, metrics)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	must(t, err)
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// An event stream counts when it ends, and not as a slow request. A rejected one counts like any other request.
func TestMetricsOfEventStreams(t *testing.T) {
	t.Parallel()
	a, metrics := newInstrumentedAPI(t, func(o *server.Options) { o.MaxEventClients = 1 })
	stream := a.follow()
	_, series := scrape(t, metrics)
	assertSeries(t, series, map[string]string{`http_requests_in_flight`: "1"})
	a.do("GET", feed.Path, "").assertStatus(t, 503)
	stream.close()
	waitFor(t, func() bool {
		_, series = scrape(t, metrics)
		return series[`http_requests_total{method="GET",route="/items/events",status="200"}`] == "1"
	})
	assertSeries(t, series, map[string]string{
		`http_requests_in_flight`: "0",
		`http_request_duration_seconds_count{method="GET",route="/items/events",status="200"}`: "",
		`http_request_duration_seconds_count{method="GET",route="/items/events",status="503"}`: "1",
		`http_problems_total{type="too-many-event-clients"}`:                                   "1",
	})
}
