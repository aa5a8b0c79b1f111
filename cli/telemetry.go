package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"

	"menu-api/config"
	"menu-api/server/telemetry"
)

// serverLogger returns the logger of a command that serves. If the reader of standard output ends, the server goes on without
// a log: Go ends a program at SIGPIPE unless it asks for the signal. The first lines are the warnings about the settings.
func serverLogger(cfg config.Config, stdout io.Writer) (*slog.Logger, *telemetry.LogWriter) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	log, out := telemetry.NewServerLogger(stdout, cfg.LogFormat, cfg.LogLevel)
	for _, warning := range cfg.Warnings {
		log.Warn(warning) //nolint:sloglint // the text names the key
	}
	return log, out
}

// newTracing returns nil if tracing is off.
func newTracing(ctx context.Context, cfg config.Config, metrics *telemetry.Metrics, log *slog.Logger) (*telemetry.Tracing, error) {
	if cfg.TracesEndpoint == "" || cfg.TracesDisabled {
		return nil, nil //nolint:nilnil // a nil Tracing does nothing
	}
	// Without this, the SDK reports wrong settings on standard error instead of the log.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces: OpenTelemetry reports an error", "error", err) }))
	tracing, err := telemetry.NewTracing(ctx, telemetry.TracingOptions{
		Endpoint: cfg.TracesEndpoint, Headers: cfg.TracesHeaders, Version: version(), Metrics: metrics, Logger: log,
	})
	if err == nil {
		log.Info("traces", "url", cfg.TracesEndpoint)
	}
	return tracing, err
}

// serveMetrics serves the metrics on a separate listener, which only operators should reach.
func serveMetrics(ctx context.Context, addr string, metrics *telemetry.Metrics, log *slog.Logger) (stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("METRICS_ADDR: %w", err)
	}
	log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	if bound, ok := listener.Addr().(*net.TCPAddr); ok && !bound.IP.IsLoopback() {
		log.Warn("METRICS_ADDR is not a loopback address: anyone who reaches it can read the metrics and profiles", "addr", addr)
	}
	return serveBeside(listener, rejectForeignHosts(addr, metrics.Handler()), log), nil
}

// rejectForeignHosts rejects the requests of a web page whose domain resolves to this machine (DNS rebinding). Their Host
// header names that domain. Allowed are addresses, names without a dot, such as localhost or that of a container, and the
// host of METRICS_ADDR.
func rejectForeignHosts(addr string, next http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ".") && !strings.EqualFold(host, own) {
			http.Error(w, "This listener does not serve the host "+strconv.Quote(host)+".", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveBeside serves a listener that is not the API's until stop is called. An error there does not stop the API.
func serveBeside(listener net.Listener, handler http.Handler, log *slog.Logger) (stop func()) {
	// Without limits, a slow client would keep its connection. Profiles take 30 s by default. net/http ends the context of a request also when ReadTimeout is over.
	const longest = 2 * time.Minute
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       longest,
		WriteTimeout:      longest,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("listener ended", "addr", listener.Addr().String(), "error", err)
		}
	}()
	return func() { _ = srv.Close() }
}
