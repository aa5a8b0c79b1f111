package server

import (
	"errors"
	"math"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"menu-api/authz"
)

// Metrics counts what the server does, for Prometheus. docs/operations.md says what each metric tells.
//
// Their labels come from fixed sets: a path, a made-up method or a subject would give every client a series of its own.
type Metrics struct {
	registry       *prometheus.Registry
	inFlight       prometheus.Gauge
	requests       *prometheus.CounterVec
	duration       *prometheus.HistogramVec
	problems       *prometheus.CounterVec
	authentication *prometheus.CounterVec
	refusals       *prometheus.CounterVec
	store          *prometheus.HistogramVec
	spans          *prometheus.CounterVec
}

// NewMetrics returns metrics of their own registry, so that several servers can run in one process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "Requests that are being served, event streams included.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Requests that were served to their end, by method, route template and status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "How long requests took, by method, route template and status. Without event streams.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14), // 0.5 ms to 4 s
		}, []string{"method", "route", "status"}),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_problems_total",
			Help: "Problem documents that were sent, by the last part of their type.",
		}, []string{"type"}),
		authentication: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "auth_requests_total",
			Help: "Requests to guarded routes, by what became of their access token.",
		}, []string{"outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rate_limit_refusals_total",
			Help: "Requests that were answered 429, by the limit that they were over.",
		}, []string{"limit"}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "store_operation_duration_seconds",
			Help:    "How long the database took, by operation and outcome.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 13), // 0.1 ms to 6 s
		}, []string{"operation", "outcome"}),
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trace_spans_total",
			Help: "Spans for the collector, by whether it took them.",
		}, []string{"outcome"}),
	}
	m.registry.MustRegister(m.inFlight, m.requests, m.duration, m.problems, m.authentication, m.refusals, m.store, m.spans,
		collectors.NewGoCollector(),
		collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' text format at /metrics, and the profiles of net/http/pprof under
// /debug/pprof/. It is for operators alone.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	// What can be told is told, even where a part of it cannot.
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// GaugeFunc adds a gauge that is asked for its value with every scrape.
func (m *Metrics) GaugeFunc(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

func (m *Metrics) counterFunc(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// count counts a request that was served to its end.
func (m *Metrics) count(c *gin.Context, took time.Duration) {
	method := c.Request.Method
	if c.FullPath() == "" {
		method = "any"
	}
	labels := []string{method, routeOf(c), strconv.Itoa(c.Writer.Status())}
	m.requests.WithLabelValues(labels...).Inc()
	if !isStream(c) { // a stream lasts as long as its client likes
		m.duration.WithLabelValues(labels...).Observe(took.Seconds())
	}
	if problem := problemTypeOf(c); problem != "" {
		m.problems.WithLabelValues(problem).Inc()
	}
	if outcome := authOutcome(c); outcome != "" {
		m.authentication.WithLabelValues(outcome).Inc()
	}
	if limited, ok := errors.AsType[*rateLimitError](lastError(c)); ok {
		m.refusals.WithLabelValues(limited.policy).Inc()
	}
}

func isStream(c *gin.Context) bool {
	return strings.HasPrefix(c.Writer.Header().Get("Content-Type"), "text/event-stream")
}

func lastError(c *gin.Context) error {
	if failure := c.Errors.Last(); failure != nil {
		return failure.Err
	}
	return nil
}

// authOutcomes are the values of the label outcome, apart from ok.
var authOutcomes = []struct {
	err  error
	name string
}{
	{authz.ErrMissing, "missing"},
	{authz.ErrMalformed, "malformed"},
	{authz.ErrExpired, "expired"},
	{authz.ErrInvalid, "invalid"},
	{authz.ErrForbidden, "forbidden"},
	{authz.ErrKeysUnavailable, "keys_unavailable"},
}

// authOutcome says what the guard made of a request, "" where there is none. The guard's error need not be the last: a
// limit on bad tokens adds its own.
func authOutcome(c *gin.Context) string {
	for _, failure := range c.Errors {
		for _, outcome := range authOutcomes {
			if errors.Is(failure.Err, outcome.err) {
				return outcome.name
			}
		}
	}
	if _, ok := authz.PrincipalOf(c); ok {
		return "ok"
	}
	return ""
}

// WatchKeys adds the state of the issuer's signing keys.
func (m *Metrics) WatchKeys(stats func() authz.KeyStats) {
	m.GaugeFunc("jwks_keys", "Signing keys of the issuer that are at hand.", func() float64 { return float64(stats().Keys) })
	m.GaugeFunc("jwks_age_seconds", "How long ago the signing keys were asked for. +Inf without any.", func() float64 {
		if s := stats(); s.Keys > 0 {
			return s.Age.Seconds()
		}
		return math.Inf(1)
	})
	for _, fetches := range []struct {
		cause, outcome string
		count          func(authz.KeyStats) uint64
	}{
		{"background", "ok", func(s authz.KeyStats) uint64 { return s.Background.OK }},
		{"background", "failed", func(s authz.KeyStats) uint64 { return s.Background.Failed }},
		{"unknown_kid", "ok", func(s authz.KeyStats) uint64 { return s.UnknownKid.OK }},
		{"unknown_kid", "failed", func(s authz.KeyStats) uint64 { return s.UnknownKid.Failed }},
		{"unknown_kid", "refused", func(s authz.KeyStats) uint64 { return s.UnknownKid.Refused }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "jwks_fetches_total",
			Help:        "Requests for the issuer's signing keys, by cause and outcome. Refused ones were not made.",
			ConstLabels: prometheus.Labels{"cause": fetches.cause, "outcome": fetches.outcome},
		}, func() float64 { return float64(fetches.count(stats())) }))
	}
}
