package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"menu-api/authz"
	"menu-api/items"
	"menu-api/server/telemetry"
)

// instrument adds logs and metrics to every request. It comes early in the chain, so it also sees the requests that later
// middleware aborts.
func instrument(log *slog.Logger, metrics *telemetry.Metrics) gin.HandlerFunc {
	return func(c *gin.Context) {
		started := time.Now()
		metrics.InFlight.Inc()
		defer metrics.InFlight.Dec()
		c.Next()
		took := time.Since(started)
		countRequest(metrics, c, took)
		logRequest(log, c, took)
	}
}

func countRequest(metrics *telemetry.Metrics, c *gin.Context, took time.Duration) {
	method := c.Request.Method
	if c.FullPath() == "" {
		method = "any" // a client can make up methods
	}
	labels := []string{method, routeOf(c), strconv.Itoa(c.Writer.Status())}
	metrics.Requests.WithLabelValues(labels...).Inc()
	if !strings.HasPrefix(c.Writer.Header().Get("Content-Type"), "text/event-stream") { // its client decides how long it lasts
		metrics.Duration.WithLabelValues(labels...).Observe(took.Seconds())
	}
	if problem := problemTypeOf(c); problem != "" {
		metrics.Problems.WithLabelValues(problem).Inc()
	}
	if outcome := authz.Outcome(c); outcome != "" {
		metrics.Authentication.WithLabelValues(outcome).Inc()
	}
	if limited, ok := errors.AsType[*rateLimitError](lastError(c)); ok {
		metrics.RateLimited.WithLabelValues(limited.policy).Inc()
	}
}

// logRequest writes the access log. It logs the template of the route, and neither a query, which may contain secrets, nor
// a header. The error is the cause of a failure, which the client does not see. docs/operations.md lists the fields.
func logRequest(log *slog.Logger, c *gin.Context, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case c.Writer.Status() >= http.StatusInternalServerError:
		level = slog.LevelError
	case isProbe(c):
		level = slog.LevelDebug // a probe every few seconds would bury the rest
	}
	// A line takes more time than anything else here, so do not build one that is not written.
	if !log.Enabled(c.Request.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", idOf(c)),
		slog.String("method", c.Request.Method),
		slog.String("route", routeOf(c)),
		slog.String("path", shorten(c.Request.URL.Path)),
		slog.Int("status", c.Writer.Status()),
		slog.Int("bytes", max(0, c.Writer.Size())),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("client", c.ClientIP()),
	}
	if principal, ok := authz.PrincipalOf(c); ok {
		attrs = append(attrs, slog.String("subject", shorten(principal.Subject)))
	}
	if id := telemetry.TraceID(c.Request.Context()); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	if problem := problemTypeOf(c); problem != "" {
		attrs = append(attrs, slog.String("problem", problem))
	}
	if err := lastError(c); err != nil {
		attrs = append(attrs, slog.String("error", shorten(err.Error())))
	}
	line := slog.NewRecord(time.Now(), level, "request", 0) // LogAttrs would look up the caller, which no line shows
	line.AddAttrs(attrs...)
	_ = log.Handler().Handle(c.Request.Context(), line)
}

func logPanic(log *slog.Logger, c *gin.Context, value any, stack []byte) {
	log.ErrorContext(c.Request.Context(), "panic", "request_id", idOf(c), "panic", fmt.Sprint(value), "stack", string(stack))
}

// shorten keeps text from a client from filling the log.
func shorten(s string) string {
	const most = 500
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// routeOf returns the template of the route. There are few, unlike paths.
func routeOf(c *gin.Context) string {
	if route := c.FullPath(); route != "" {
		return route
	}
	return "unmatched"
}

func lastError(c *gin.Context) error {
	if failure := c.Errors.Last(); failure != nil {
		return failure.Err
	}
	return nil
}

// traceRequests records each request as a span. It skips probes, which would bury the rest, and event streams, whose spans
// would end when their clients leave.
func traceRequests(tracing *telemetry.Tracing) gin.HandlerFunc {
	return func(c *gin.Context) {
		if isProbe(c) || opensStream(c) {
			return
		}
		name := "HTTP"
		attributes := []attribute.KeyValue{
			semconv.URLPath(c.Request.URL.Path), // without the query, which may contain secrets
			semconv.ClientAddress(c.ClientIP()),
			semconv.UserAgentOriginal(c.Request.UserAgent()),
			semconv.HTTPResponseHeader("x-request-id", idOf(c)),
		}
		if route := c.FullPath(); route == "" {
			attributes = append(attributes, semconv.HTTPRequestMethodOther) // a client can make up methods
		} else {
			name = c.Request.Method + " " + route
			attributes = append(attributes, semconv.HTTPRequestMethodKey.String(c.Request.Method), semconv.HTTPRoute(route))
		}
		ctx, span := tracing.StartRequest(c.Request.Context(), c.Request.Header, name, attributes...)
		defer span.End()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
		span.SetAttributes(semconv.HTTPResponseStatusCode(c.Writer.Status()))
		if problem := problemTypeOf(c); problem != "" {
			span.SetAttributes(semconv.ErrorTypeKey.String(problem))
		}
		if c.Writer.Status() >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "") // the cause is in the log, under the trace id
		}
	}
}

// ObserveStore returns an observer that measures each operation of the store and, if it belongs to a request that is traced,
// records it as a span. tracing may be nil.
func ObserveStore(metrics *telemetry.Metrics, tracing *telemetry.Tracing) items.Observer {
	return func(ctx context.Context, operation string) (context.Context, func(error)) {
		start := time.Now()
		ctx, span := tracing.StartOperation(ctx, "store "+operation)
		return ctx, func(err error) {
			outcome := storeOutcome(err)
			metrics.Store.WithLabelValues(operation, outcome).Observe(time.Since(start).Seconds())
			span.SetAttributes(attribute.String("store.outcome", outcome))
			if outcome != "ok" && outcome != "refused" {
				span.SetStatus(codes.Error, outcome) // the cause is in the log
			}
			span.End()
		}
	}
}

// storeOutcomes are the outcomes of a store operation besides ok and failed. "refused" means that the store worked and
// rejected the operation. The first match counts.
var storeOutcomes = []struct {
	err  error
	name string
}{
	{items.ErrUncertain, "uncertain"},
	{context.Canceled, "canceled"},
	{context.DeadlineExceeded, "timeout"},
	{items.ErrUnavailable, "unavailable"},
	{items.ErrNotFound, "refused"},
	{items.ErrConflict, "refused"},
	{items.ErrNotDeleted, "refused"},
	{items.ErrKeyReused, "refused"},
	{items.ErrExists, "refused"},
	{items.ErrBadHistory, "refused"},
}

func storeOutcome(err error) string {
	if err == nil {
		return "ok"
	}
	for _, outcome := range storeOutcomes {
		if errors.Is(err, outcome.err) {
			return outcome.name
		}
	}
	return "failed"
}
