package server_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"menu-api/items"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// collector is a receiver of OTLP over HTTP.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	raw      []byte
	resource map[string]string
	spans    []*tracepb.Span
}

func newCollector(tb testing.TB) *collector {
	tb.Helper()
	c := &collector{resource: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collectorpb.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &request) != nil || len(request.ProtoReflect().GetUnknown()) > 0 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests, c.raw = append(c.requests, r), append(c.raw, body...)
		for _, of := range request.GetResourceSpans() {
			for _, a := range of.GetResource().GetAttributes() {
				c.resource[a.GetKey()] = a.GetValue().GetStringValue()
			}
			for _, scope := range of.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		response, _ := proto.Marshal(&collectorpb.ExportTraceServiceResponse{})
		_, _ = w.Write(response)
	}))
	tb.Cleanup(c.Close)
	return c
}

// mustFind returns the only span with the name.
func (c *collector) mustFind(tb testing.TB, name string) *tracepb.Span {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*tracepb.Span
	var names []string
	for _, span := range c.spans {
		names = append(names, span.GetName())
		if span.GetName() == name {
			found = append(found, span)
		}
	}
	if len(found) != 1 {
		tb.Fatalf("got %d spans %q among %q, want one", len(found), name, names)
	}
	return found[0]
}

func attributesOf(span *tracepb.Span) map[string]string {
	attributes := map[string]string{}
	for _, a := range span.GetAttributes() {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_IntValue:
			attributes[a.GetKey()] = fmt.Sprint(v.IntValue)
		case *commonpb.AnyValue_ArrayValue:
			attributes[a.GetKey()] = v.ArrayValue.GetValues()[0].GetStringValue()
		default:
			attributes[a.GetKey()] = a.GetValue().GetStringValue()
		}
	}
	return attributes
}

// newTracedAPI returns an API that sends its spans to the endpoint. tracing.Shutdown sends the last of them.
func newTracedAPI(tb testing.TB, endpoint string, change func(*server.Options)) (a *api, metrics *telemetry.Metrics, tracing *telemetry.Tracing) {
	tb.Helper()
	a, metrics = newInstrumentedAPI(tb, func(o *server.Options) {
		var err error
		o.Tracing, err = telemetry.NewTracing(context.Background(), telemetry.TracingOptions{
			Endpoint: endpoint, Headers: map[string]string{"X-Api-Key": "hunter2"}, Version: "v1.2.3", Metrics: o.Metrics, Logger: o.Logger,
		})
		must(tb, err)
		tracing = o.Tracing
		if change != nil {
			change(o)
		}
		o.Store = items.Instrument(o.Store, nil, server.ObserveStore(o.Metrics, tracing))
	})
	tb.Cleanup(func() { tracing.Shutdown(context.Background()) })
	return a, metrics, tracing
}

func TestTraces(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	a, metrics, tracing := newTracedAPI(t, c.URL+"/", nil)
	token := a.issuer.Token(t, items.Permissions()...)
	const traceID, callerID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	a.do("POST", "/items?access_token="+token, soup, "Authorization", "Bearer "+token, "X-Request-Id", "my-request",
		"Traceparent", "00-"+traceID+"-"+callerID+"-01", "X-Forwarded-For", "192.0.2.1").assertStatus(t, 201)
	a.do("GET", "/items/99", "", "Traceparent", "00-zz-zz-01").assertStatus(t, 404)
	a.do("M"+strings.Repeat("x", 5000), "/made/up", "", "User-Agent", strings.Repeat("y", 5000)).assertStatus(t, 404)
	a.do("GET", "/healthz", "").assertStatus(t, 200)
	tracing.Shutdown(t.Context())

	created := c.mustFind(t, "POST /items")
	if got := hex.EncodeToString(created.GetTraceId()) + " " + hex.EncodeToString(created.GetParentSpanId()); got != traceID+" "+callerID {
		t.Errorf("got trace and parent %s, want those of the caller", got)
	}
	if created.GetKind() != tracepb.Span_SPAN_KIND_SERVER || created.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("got kind %s with status %s", created.GetKind(), created.GetStatus())
	}
	got := attributesOf(created)
	for name, want := range map[string]string{
		"http.request.method": "POST", "http.route": "/items", "url.path": "/items", "http.response.status_code": "201",
		"client.address": "127.0.0.1", "http.response.header.x-request-id": "my-request", "error.type": "",
	} {
		if got[name] != want {
			t.Errorf("got %s %q, want %q", name, got[name], want)
		}
	}
	stored := c.mustFind(t, "store create")
	if !bytes.Equal(stored.GetParentSpanId(), created.GetSpanId()) || attributesOf(stored)["store.outcome"] != "ok" {
		t.Errorf("got %v, want a successful child of the request", stored)
	}
	missing := c.mustFind(t, "GET /items/:id")
	if len(missing.GetParentSpanId()) > 0 || missing.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_UNSET || attributesOf(missing)["error.type"] != "no-such-item" {
		t.Errorf("got %v, want a new trace without an error", missing)
	}
	odd := attributesOf(c.mustFind(t, "HTTP"))
	if odd["http.request.method"] != "_OTHER" || len(odd["user_agent.original"]) > 500 {
		t.Errorf("got %v, want short values", odd)
	}
	if len(c.spans) != 6 { // two of them read the store: the item, and whether it was deleted
		t.Errorf("got %d spans, want no probe among them: %v", len(c.spans), c.spans)
	}

	for _, secret := range []string{token[:40], token[len(token)-40:], "access_token", "Bearer", "hunter2"} {
		if strings.Contains(string(c.raw), secret) || strings.Contains(a.log.String(), secret) {
			t.Errorf("the spans or the log contain %q", secret)
		}
	}
	if r := c.requests[0]; r.URL.Path != "/v1/traces" || r.Header.Get("X-Api-Key") != "hunter2" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("got a request to %s with %v", r.URL, r.Header)
	}
	if c.resource["service.name"] != "menu-api" || c.resource["service.version"] != "v1.2.3" {
		t.Errorf("got resource %v", c.resource)
	}
	for line := range strings.Lines(a.log.String()) {
		var entry struct {
			RequestID string `json:"request_id"`
			TraceID   string `json:"trace_id"`
			Route     string
		}
		must(t, json.Unmarshal([]byte(line), &entry))
		if entry.RequestID == "my-request" && entry.TraceID != traceID {
			t.Errorf("got trace id %q in the log, want the caller's: %s", entry.TraceID, line)
		}
		if entry.Route == "/healthz" && entry.TraceID != "" {
			t.Errorf("got a trace id for a probe: %s", line)
		}
	}
	_, series := scrape(t, metrics)
	assertSeries(t, series, map[string]string{`trace_spans_total{outcome="sent"}`: "6"})
}

// A failure of the server is an error of the span. Only the log has its cause, which can contain SQL.
func TestTracesOfFailures(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	a, _, tracing := newTracedAPI(t, c.URL, func(o *server.Options) {
		o.Store = brokenStore{o.Store, func(context.Context) error { return errors.New("SELECT secret FROM nowhere") }}
	})
	a.do("GET", "/items/1", "").assertStatus(t, 500)
	tracing.Shutdown(t.Context())
	for name, status := range map[string]string{"GET /items/:id": "", "store get": "failed"} {
		span := c.mustFind(t, name)
		if got := span.GetStatus(); got.GetCode() != tracepb.Status_STATUS_CODE_ERROR || got.GetMessage() != status {
			t.Errorf("%s: got status %v, want an error %q", name, got, status)
		}
	}
	if strings.Contains(string(c.raw), "secret") {
		t.Error("the spans contain the cause")
	}
}

// TestTracesOfOutgoingRequests: requests to other services are part of a trace, and carry its id.
func TestTracesOfOutgoingRequests(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	_, _, tracing := newTracedAPI(t, c.URL, nil)
	var traceparent string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { traceparent = r.Header.Get("Traceparent") }))
	defer other.Close()
	client := http.Client{Transport: tracing.Transport()}
	request, err := http.NewRequest(http.MethodGet, other.URL+"/keys", http.NoBody)
	must(t, err)
	response, err := client.Do(request)
	must(t, err)
	_ = response.Body.Close()
	if _, err := client.Get("http://127.0.0.1:1/"); err == nil {
		t.Error("got a response from a port without a server")
	}
	tracing.Shutdown(t.Context())
	if request.Header.Get("Traceparent") != "" {
		t.Error("the request of the caller was changed")
	}
	var found bool
	for _, span := range c.spans {
		want := "00-" + hex.EncodeToString(span.GetTraceId()) + "-" + hex.EncodeToString(span.GetSpanId()) + "-01"
		found = found || traceparent == want && span.GetKind() == tracepb.Span_SPAN_KIND_CLIENT
	}
	if !found || len(c.spans) != 2 {
		t.Errorf("got traceparent %q, want that of one of the two spans %v", traceparent, c.spans)
	}
}

// If the collector is down, rejects spans or never responds, requests are not affected, the log has one warning, and the shutdown
// does not wait.
func TestCollectorFailures(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10") // ms, so that there are many exports
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "1000")
	rejecting := httptest.NewServer(http.NotFoundHandler())
	defer rejecting.Close()
	hangs := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	defer hanging.Close()
	defer close(hangs)
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	for name, endpoint := range map[string]string{"rejects": rejecting.URL, "hangs": hanging.URL, "is down": down.URL} {
		t.Run(name, func(t *testing.T) {
			a, metrics, tracing := newTracedAPI(t, endpoint, nil)
			lost := func() string {
				_, series := scrape(t, metrics)
				return series[`trace_spans_total{outcome="lost"}`]
			}
			for i := range 20 {
				a.do("GET", fmt.Sprint("/items?limit=", i+1), "").assertStatus(t, 200) // each a read of the store
				time.Sleep(15 * time.Millisecond)                                      // so that an export begins
			}
			tracing.Shutdown(t.Context())
			if name != "hangs" && lost() != "40" {
				t.Errorf("got %q spans lost, want 40", lost())
			}
			waitFor(t, func() bool { return lost() != "" })
			if n := strings.Count(a.log.String(), "does not accept spans"); n != 1 {
				t.Errorf("got %d warnings, want one:\n%s", n, a.log)
			}
			if strings.Contains(a.log.String(), "hunter2") {
				t.Error("the log contains the header")
			}
			a.do("GET", "/items/1", "").assertStatus(t, 200)
		})
	}
}

// The SDK itself reads these variables.
func TestTracesFollowTheEnvironment(t *testing.T) {
	t.Run("names", func(t *testing.T) {
		t.Setenv("OTEL_SERVICE_NAME", "lunch-menu")
		t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
		c := newCollector(t)
		a, _, tracing := newTracedAPI(t, c.URL, nil)
		a.do("GET", "/items", "").assertStatus(t, 200)
		tracing.Shutdown(t.Context())
		if c.resource["service.name"] != "lunch-menu" || c.resource["deployment.environment.name"] != "test" {
			t.Errorf("got resource %v", c.resource)
		}
	})
	t.Run("sampler", func(t *testing.T) {
		t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
		c := newCollector(t)
		a, _, tracing := newTracedAPI(t, c.URL, nil)
		a.do("GET", "/items", "").assertStatus(t, 200)
		tracing.Shutdown(t.Context())
		if len(c.spans) > 0 {
			t.Errorf("got %v, want no spans", c.spans)
		}
	})
	t.Run("a mistake", func(t *testing.T) {
		t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "no pair")
		_, err := telemetry.NewTracing(t.Context(), telemetry.TracingOptions{Endpoint: "http://localhost:4318"})
		if err == nil || !strings.Contains(err.Error(), "OTEL_RESOURCE_ATTRIBUTES") {
			t.Errorf("got %v, want an error that names the variable", err)
		}
	})
}
