// Package telemetry has the log, the metrics and the traces of the server. It imports neither our packages, nor Gin, nor an
// engine.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// TracingOptions are the settings of a Tracing. The OpenTelemetry SDK reads the others from the environment: OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_* and so on.
type TracingOptions struct {
	Endpoint string            // the base URL of the collector, without /v1/traces
	Headers  map[string]string // of every export. They may hold a secret.
	Version  string            // of the program
	Metrics  *Metrics          // count the spans
	Logger   *slog.Logger
}

// Tracing records spans of OpenTelemetry and sends them to a collector in the background. The names are those of the
// semantic conventions for HTTP spans. A nil Tracing does nothing.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// traceContext reads and writes the traceparent header (W3C Trace Context).
var traceContext propagation.TraceContext

// maxAttribute bounds the text that a client can put into a span, in characters, unless OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT is
// set.
const maxAttribute = 500

// NewTracing returns a Tracing. It does not wait for the collector. It returns an error if OTEL_RESOURCE_ATTRIBUTES is not
// valid.
func NewTracing(ctx context.Context, o TracingOptions) (*Tracing, error) {
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("menu-api"), semconv.ServiceVersion(o.Version)),
		resource.WithFromEnv()) // overrides the above
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxAttribute
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(otlptrace.NewUnstarted(newOTLPClient(o))),
		sdktrace.WithResource(about),
		sdktrace.WithRawSpanLimits(limits))
	return &Tracing{provider: provider, tracer: provider.Tracer("menu-api/server")}, nil
}

// shutdownTimeout bounds Shutdown.
const shutdownTimeout = 3 * time.Second

// Shutdown sends the remaining spans. Those that the collector does not accept in time are lost. Shutdown does not depend on
// whether the context has ended, because it is called at the end of the program.
func (t *Tracing) Shutdown(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the client counts the lost spans
}

// StartRequest starts the span of a request that the server received, in the trace that the traceparent header names or in
// a new one.
func (t *Tracing) StartRequest(ctx context.Context, header http.Header, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	ctx = traceContext.Extract(ctx, propagation.HeaderCarrier(header))
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
}

// StartOperation starts the span of a step in a request. Without a trace, as in background work, the span records nothing.
func (t *Tracing) StartOperation(ctx context.Context, name string) (context.Context, trace.Span) {
	if t == nil || TraceID(ctx) == "" {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name)
}

// TraceID returns the id of the trace that the context belongs to, "" without one.
func TraceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		return span.TraceID().String()
	}
	return ""
}

// Transport returns http.DefaultTransport, but each request gets a span and a traceparent header.
func (t *Tracing) Transport() http.RoundTripper {
	if t == nil {
		return http.DefaultTransport
	}
	return tracedTransport{t.tracer}
}

type tracedTransport struct{ tracer trace.Tracer }

// RoundTrip implements http.RoundTripper. The span ends with the header of the response.
func (t tracedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(request.Context(), request.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(request.Method),
		semconv.ServerAddress(request.URL.Hostname()),
		semconv.URLFull(request.URL.Redacted()),
	))
	defer span.End()
	request = request.Clone(ctx) // a RoundTripper must not change the request
	traceContext.Inject(ctx, propagation.HeaderCarrier(request.Header))
	response, err := http.DefaultTransport.RoundTrip(request)
	switch {
	case err != nil:
		span.SetStatus(codes.Error, err.Error())
	default:
		span.SetAttributes(semconv.HTTPResponseStatusCode(response.StatusCode))
		if response.StatusCode >= http.StatusBadRequest {
			span.SetStatus(codes.Error, "")
		}
	}
	return response, err
}
