package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"go.opentelemetry.io/otel"

	"menu-api/config"
	"menu-api/server"
)

func newLogger(cfg config.Config, out io.Writer) *slog.Logger {
	return slog.New(newLogHandler(cfg, out, isTerminal(out)))
}

// newServerLogger returns a logger for a server that runs until the context ends, and what it writes to. A person who
// watches a terminal waits for no line.
func newServerLogger(ctx context.Context, cfg config.Config, stdout io.Writer) (*slog.Logger, *logWriter) {
	writer, terminal := newLogWriter(stdout), isTerminal(stdout)
	if terminal {
		writer.writeThrough()
	}
	context.AfterFunc(ctx, writer.writeThrough)
	return slog.New(urgent{newLogHandler(cfg, writer, terminal), writer}), writer
}

func newLogHandler(cfg config.Config, out io.Writer, terminal bool) slog.Handler {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" || cfg.LogFormat == "" && terminal {
		return slog.NewTextHandler(out, options)
	}
	return slog.NewJSONHandler(out, options)
}

func isTerminal(out io.Writer) bool {
	file, isFile := out.(*os.File)
	return isFile && isatty.IsTerminal(file.Fd())
}

// newTracing returns nil when nothing is to be traced.
func newTracing(ctx context.Context, cfg config.Config, metrics *server.Metrics, log *slog.Logger) (*server.Tracing, error) {
	if cfg.TracesEndpoint == "" {
		return nil, nil //nolint:nilnil // a nil Tracing is one that does nothing
	}
	// What the SDK has to say of its own settings would go to standard error, and not as a line of the log.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "error", err) }))
	tracing, err := server.NewTracing(ctx, server.TracingOptions{
		Endpoint: cfg.TracesEndpoint, Headers: cfg.TracesHeaders, Version: version(), Metrics: metrics, Logger: log,
	})
	if err == nil {
		log.Info("traces", "url", cfg.TracesEndpoint)
	}
	return tracing, err
}

// serveMetrics serves the metrics on a listener of their own: they are not for those who read the menu.
func serveMetrics(ctx context.Context, addr string, metrics *server.Metrics, log *slog.Logger) (stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("METRICS_ADDR: %w", err)
	}
	log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	return serveBeside(listener, metrics.Handler(), log), nil
}

// serveBeside serves a listener that is not the API's until stop is called. What goes wrong there does not stop the API.
func serveBeside(listener net.Listener, handler http.Handler, log *slog.Logger) (stop func()) {
	// Profiles take 30 s by default. net/http ends the context of a request also when ReadTimeout is over.
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
