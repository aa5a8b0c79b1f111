package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// otlpClient sends spans to a collector as OTLP over HTTP with binary Protobuf (OTLP 1.x, section OTLP/HTTP). It is an
// otlptrace.Client in the place of otlptracehttp, which links the whole of gRPC (see docs/adr/0016-light-otlp-client.md).
type otlpClient struct {
	url     string
	headers map[string]string
	http    *http.Client
	metrics *Metrics
	log     *slog.Logger

	// The SDK makes one export at a time, so these need no lock.
	warned time.Time
	lost   int // since the last warning
}

const (
	exportTimeout = 10 * time.Second // as OTLP has it
	// warnEvery is the shortest time between two warnings about a collector that does not accept spans.
	warnEvery = time.Minute
)

func newOTLPClient(o TracingOptions) *otlpClient {
	return &otlpClient{
		url:     strings.TrimSuffix(o.Endpoint, "/") + "/v1/traces",
		headers: o.Headers,
		metrics: o.Metrics,
		log:     o.Logger,
		http: &http.Client{
			Timeout: exportTimeout,
			// A redirect would send the headers, which may hold a secret, to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Start implements otlptrace.Client.
func (c *otlpClient) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *otlpClient) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. Spans that the collector does not accept are lost, counted, and logged once per
// warnEvery. It never returns an error, because the SDK would log one for every batch.
func (c *otlpClient) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	n := 0
	for _, of := range spans {
		for _, scope := range of.GetScopeSpans() {
			n += len(scope.GetSpans())
		}
	}
	outcome := "sent"
	if err := c.post(ctx, spans); err != nil {
		outcome = "lost"
		c.lost += n
		if time.Since(c.warned) >= warnEvery {
			c.log.Warn("traces: the collector does not accept spans", "url", c.url, "error", err, "spans_lost", c.lost)
			c.warned, c.lost = time.Now(), 0
		}
	}
	c.metrics.Spans.WithLabelValues(outcome).Add(float64(n))
	return nil
}

func (c *otlpClient) post(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// On the wire, TracesData equals the request message of the collector's service.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // lets the connection be reused
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the collector responded with %s", response.Status)
	}
	return nil
}
