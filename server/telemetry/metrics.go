package telemetry

import (
	"errors"
	"math"
	"net/http"
	"net/http/pprof"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the metrics of the program, for Prometheus. The table in docs/operations.md is generated from their
// help texts.
//
// Their labels come from fixed sets: a path, a made-up method or a subject would let clients create series.
type Metrics struct {
	InFlight       prometheus.Gauge
	Requests       *prometheus.CounterVec   // by method, route and status
	Duration       *prometheus.HistogramVec // by method, route and status
	Problems       *prometheus.CounterVec   // by type
	Authentication *prometheus.CounterVec   // by outcome
	RateLimited    *prometheus.CounterVec   // by limit
	Store          *prometheus.HistogramVec // by operation and outcome
	Spans          *prometheus.CounterVec   // by outcome

	registry *prometheus.Registry
}

// NewMetrics returns metrics with their own registry, so that several servers can run in one process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		InFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "Requests in progress, including event streams.",
		}),
		Requests: counters("http_requests_total", "Finished requests, by method, route template and status. The method is any where no route matched.", "method", "route", "status"),
		Duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Duration of requests, without event streams.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14), // 0.5 ms to 4 s
		}, []string{"method", "route", "status"}),
		Problems:       counters("http_problems_total", "Problem documents sent, by the last part of their type.", "type"),
		Authentication: counters("auth_requests_total", "Requests to guarded routes: ok, missing, malformed, invalid, expired, forbidden or keys_unavailable.", "outcome"),
		RateLimited:    counters("rate_limit_refusals_total", "Responses with status 429: writes of a subject, reads of an address, or auth-failures of an address.", "limit"),
		Store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "store_operation_duration_seconds",
			Help:    "Duration of database operations: ok, refused (not found, stale), unavailable, uncertain, timeout, canceled or failed.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 13), // 0.1 ms to 6 s
		}, []string{"operation", "outcome"}),
		Spans: counters("trace_spans_total", "Spans that the collector accepted (sent) or did not accept (lost).", "outcome"),
	}
	m.Register(m.InFlight, m.Requests, m.Duration, m.Problems, m.Authentication, m.RateLimited, m.Store, m.Spans,
		collectors.NewGoCollector(),
		collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Register adds metrics that others define.
func (m *Metrics) Register(more ...prometheus.Collector) { m.registry.MustRegister(more...) }

// GaugeFunc adds a gauge that calls value with every scrape.
func (m *Metrics) GaugeFunc(name, help string, value func() float64) {
	m.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// CounterFunc adds a counter that calls value with every scrape.
func (m *Metrics) CounterFunc(name, help string, value func() float64) {
	m.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// WatchFiles adds the sizes of an SQLite database and of its write-ahead log. A missing file has the size 0, because SQLite
// creates it when it is needed.
func (m *Metrics) WatchFiles(database, wal string) {
	for name, file := range map[string]string{"database": database, "wal": wal} {
		m.StoreSize(name, func() (int64, error) {
			info, err := os.Stat(file)
			switch {
			case errors.Is(err, os.ErrNotExist):
				return 0, nil
			case err != nil:
				return 0, err
			}
			return info.Size(), nil
		})
	}
}

// StoreSize adds the size of a part of the database. It calls size with every scrape.
func (m *Metrics) StoreSize(part string, size func() (int64, error)) {
	m.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "store_file_size_bytes",
		Help:        "Size of the database, and of SQLite's write-ahead log (wal).",
		ConstLabels: prometheus.Labels{"file": part},
	}, func() float64 {
		bytes, err := size()
		if err != nil {
			return math.NaN()
		}
		return float64(bytes)
	}))
}

// Handler serves the metrics in the text format of Prometheus at /metrics, and the profiles of net/http/pprof under
// /debug/pprof/. It is for operators only.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	// One metric that fails does not hide the others.
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
