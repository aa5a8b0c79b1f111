package main

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

	"menu-api/config"
	"menu-api/server"
)

func newLogger(cfg config.Config, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	file, isFile := out.(*os.File)
	if cfg.LogFormat == "text" || cfg.LogFormat == "" && isFile && isatty.IsTerminal(file.Fd()) {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
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
