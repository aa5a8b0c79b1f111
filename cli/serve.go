package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"menu-api/authz"
	"menu-api/config"
	"menu-api/dashboard"
	"menu-api/docs"
	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// serveCommand serves the API of one tenant. Everything that differs between tenants is a setting, so it has no flags.
func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Args: noArgs,
		Short: "Serve the API, with tokens from Auth0 or another OpenID provider (the default command)",
		RunE: a.with(config.Serve, func(c *cobra.Command, cfg config.Config, _ []string) error {
			a.tuneGC()
			return serve(c.Context(), cfg, c.OutOrStdout())
		}),
	}
}

// serve runs the API until the context ends.
func serve(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	log, out := serverLogger(cfg, stdout)
	defer out.Close()
	return serveAPI(ctx, cfg, log, out, func(addr net.Addr) {
		log.Info("listening", "addr", addr.String(), "issuer", cfg.Issuer, "jwks_url", cfg.JWKSURL, "database", cfg.Database,
			"env_file", cfg.EnvFile, "version", version())
		if !cfg.RequirePermissions {
			log.Warn("AUTHZ_REQUIRE_PERMISSIONS is false: every valid access token may change the menu")
		}
	})
}

// serveAPI builds the API from its parts, announces its address, and serves it until the context ends. The parts end in the
// reverse order: first the server, then the work in the background, then the database, and the traces of all of them last.
func serveAPI(ctx context.Context, cfg config.Config, log *slog.Logger, out *telemetry.LogWriter, announce func(net.Addr)) (err error) {
	metrics := telemetry.NewMetrics()
	metrics.CounterFunc("log_lines_lost_total", "Log lines that could not be written.", func() float64 { return float64(out.Lost()) })
	tracing, err := newTracing(ctx, cfg, metrics, log)
	if err != nil {
		return err
	}
	defer tracing.Shutdown(ctx) // after everything else has ended; it has its own time limit
	// The store invalidates the cache with every write, so both are made together.
	cache := items.NewResponseCache()
	store, watch, err := openMenu(ctx, cfg, cache, metrics, tracing, log)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // stopped during the start
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }() // last, because requests need it

	// The keys outlive ctx: requests that are in progress when it ends still have their tokens checked.
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer func() { stopBackground(); running.Wait() }()
	guard, err := authz.NewGuard(authz.Options{
		Issuer: cfg.Issuer, Audiences: cfg.Audiences, ClockSkew: cfg.ClockSkew, RequirePermissions: cfg.RequirePermissions,
		Keys: authz.NewKeys(background, cfg.JWKSURL, tracing.Transport(), log),
	})
	if err != nil {
		return err
	}
	changes := feed.New(store, log)
	running.Go(func() { changes.Run(background) })
	running.Go(func() { prune(background, store, cfg.HistoryRetention, log) })
	// Reads get 503 while memory is scarce, before the kernel ends the process.
	memory := newMemoryWatch(memoryLimit())
	running.Go(func() { memory.run(background) })
	api, err := server.New(server.Options{
		Store: store, Cache: cache, Feed: changes, Guard: guard, Logger: log, Metrics: metrics, Tracing: tracing,
		Docs: docs.Settings{Issuer: cfg.Issuer, ClientID: cfg.ClientID, Audience: cfg.Audiences[0]},
		Dashboard: dashboard.Settings{
			Name: cfg.MenuName, Currency: cfg.Currency, Issuer: cfg.Issuer, ClientID: cfg.ClientID, Audience: cfg.Audiences[0],
		},
		CORSOrigins: cfg.CORSOrigins, TrustedProxies: cfg.TrustedProxies,
		WritesPerMinute: cfg.WritesPerMinute, ReadsPerMinute: cfg.ReadsPerMinute, AuthFailuresPerMinute: cfg.AuthFailuresPerMinute,
		MaxConcurrent: cfg.MaxConcurrent, MaxConnectionsPerAddress: cfg.MaxConnectionsPerAddress, MaxEventClients: cfg.MaxEventClients,
		MemoryScarce: memory.isScarce, HideErrorDetails: cfg.HideErrorDetails, ShutdownGrace: cfg.ShutdownGrace,
	})
	if err != nil {
		return err
	}
	if cfg.MetricsAddr != "" {
		stop, err := serveMetrics(ctx, cfg.MetricsAddr, metrics, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	// From here on clients can connect, so everything that can fail comes before.
	listeners, err := server.Listen(ctx, cfg.Host, cfg.Port)
	if err != nil {
		return listenError("HOST", "PORT", err)
	}
	announce(listeners[0].Addr())
	ctx, end := context.WithCancel(ctx)
	defer end()
	var unusable error // set if the database may give wrong answers, or lose what is written to it
	// The watch first reads the whole file, which a start must not wait for.
	running.Go(func() {
		if unusable = watch(background); unusable != nil {
			end()
		}
	})
	err = api.Serve(ctx, listeners...)
	log.Info("stopped")
	stopBackground()
	running.Wait()
	return errors.Join(unusable, err)
}

// listenError names the setting to change: the port if another program uses it, otherwise the host.
func listenError(hostKey, portKey string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%s: %w", portKey, err)
	}
	return fmt.Errorf("%s: %w", hostKey, err)
}
