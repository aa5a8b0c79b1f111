package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// TracingOptions are the settings of a Tracing. What they leave open is for the variables that the OpenTelemetry SDK reads
// from the environment by itself: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_* and the
// like.
type TracingOptions struct {
	// Endpoint is the base URL of the collector, without /v1/traces.
	Endpoint string
	// Headers go with every export. They may hold a secret.
	Headers map[string]string
	// Version is the program's.
	Version string
	// Metrics count the spans.
	Metrics *Metrics
	Logger  *slog.Logger
}

// Tracing records spans of OpenTelemetry and sends them to a collector in the background. The names are those of the
// semantic conventions for HTTP spans. A nil Tracing does nothing, at no cost.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// traceContext reads and writes the traceparent header (W3C Trace Context).
var traceContext propagation.TraceContext

// maxAttribute is how many characters of what a client made up go into a span, unless OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT
// says otherwise.
const maxAttribute = 500

// NewTracing returns a Tracing. It does not wait for the collector. It returns an error if OTEL_RESOURCE_ATTRIBUTES cannot
// be read.
func NewTracing(ctx context.Context, o TracingOptions) (*Tracing, error) {
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("menu-api"), semconv.ServiceVersion(o.Version)),
		resource.WithFromEnv()) // wins over the above
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

// shutdownTimeout bounds how long the last spans may take, also when the collector does not answer.
const shutdownTimeout = 3 * time.Second

// Shutdown sends the spans that are left. Those that a collector does not take in time are lost. It makes no difference
// whether the context has ended: the end of the program is when it is called.
func (t *Tracing) Shutdown(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the client has counted what was lost
}

// observe records a request as a span in the trace that the request names, or in a new one.
func (t *Tracing) observe(c *gin.Context) {
	if !isTraced(c) {
		return
	}
	method, name := semconv.HTTPRequestMethodOther, "HTTP"
	if route := c.FullPath(); route != "" { // the method is one of ours, too
		method, name = semconv.HTTPRequestMethodKey.String(c.Request.Method), c.Request.Method+" "+route
	}
	ctx := traceContext.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		method,
		semconv.URLPath(c.Request.URL.Path), // without the query, which may hold secrets
		semconv.ClientAddress(c.ClientIP()),
		semconv.UserAgentOriginal(c.Request.UserAgent()),
		semconv.HTTPResponseHeader("x-request-id", idOf(c)),
	))
	defer span.End()
	if route := c.FullPath(); route != "" {
		span.SetAttributes(semconv.HTTPRoute(route))
	}
	c.Request = c.Request.WithContext(ctx)
	c.Next()
	status := c.Writer.Status()
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if problem := problemTypeOf(c); problem != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(problem))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "") // the cause is in the log, under the trace id
	}
}

// isTraced leaves out probes, which would bury the rest, and event streams, whose spans would end when their clients
// leave.
func isTraced(c *gin.Context) bool { return !isProbe(c) && !opensStream(c) }

// Transport returns the transport with a span for each request, which tells the other side the trace. Nil stands for
// http.DefaultTransport.
func (t *Tracing) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	if t == nil {
		return base
	}
	return tracedTransport{base, t.tracer}
}

type tracedTransport struct {
	base   http.RoundTripper
	tracer trace.Tracer
}

// RoundTrip implements http.RoundTripper. The span ends with the header of the answer.
func (t tracedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(request.Context(), request.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(request.Method),
		semconv.ServerAddress(request.URL.Hostname()),
		semconv.URLFull(request.URL.Redacted()),
	))
	defer span.End()
	request = request.Clone(ctx) // a RoundTripper must not change the request
	traceContext.Inject(ctx, propagation.HeaderCarrier(request.Header))
	response, err := t.base.RoundTrip(request)
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

// traceIDOf returns the id of the trace that the request is a part of, "" without one.
func traceIDOf(c *gin.Context) string {
	if span := trace.SpanContextFromContext(c.Request.Context()); span.IsValid() {
		return span.TraceID().String()
	}
	return ""
}

// operation starts the span of an operation of the store. Only a request's operations have one: nobody waits for those
// in the background.
func (t *Tracing) operation(ctx context.Context, name string) (_ context.Context, end func(outcome string)) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, func(string) {}
	}
	ctx, span := t.tracer.Start(ctx, "store "+name)
	return ctx, func(outcome string) {
		span.SetAttributes(attribute.String("store.outcome", outcome))
		if outcome != outcomeOK && outcome != outcomeRefused {
			span.SetStatus(codes.Error, outcome) // the cause is in the log
		}
		span.End()
	}
}
