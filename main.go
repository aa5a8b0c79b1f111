// Menu API is a restaurant menu as a REST API: anyone reads it, and only holders of the right permission change it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"menu-api/authz"
	"menu-api/authz/devidp"
	"menu-api/config"
	"menu-api/dashboard"
	"menu-api/docs"
	"menu-api/items"
	"menu-api/server"
)

func main() {
	ballast := tune(os.Getenv)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once, whatever the first one is still waiting for.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	runtime.KeepAlive(ballast)
	if err != nil {
		fmt.Fprintln(os.Stderr, "menu-api:", err)
		os.Exit(exitStatus(err))
	}
}

// tune sets up the runtime of Go, apart from what the environment says. It returns what has to be kept for that.
// docs/performance.md has the figures.
func tune(getenv func(string) string) (ballast []byte) {
	if getenv("GOGC") == "" {
		// A heap of two megabytes would be collected dozens of times a second. With this beside it, which is never touched and
		// so takes no memory, it may grow by four more before it is: a tenth more requests for 4 MB.
		ballast = make([]byte, 4<<20)
	}
	if getenv("GOMAXPROCS") == "" {
		// One more than there are cores: a commit that waits for the disk keeps its place for a while.
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	return ballast
}

// exitStatus is 2 for a configuration that cannot be used, else 1.
func exitStatus(err error) int {
	if _, ok := errors.AsType[*config.Error](err); ok {
		return 2
	}
	return 1
}

// run is the program, apart from the process it runs in. It returns when the command is done or the context ends.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var envFile string
	// with loads the settings before it does anything.
	with := func(mode config.Mode, do func(cfg config.Config, args []string) error) func(*cobra.Command, []string) error {
		return func(_ *cobra.Command, args []string) error {
			cfg, err := config.Load(mode, envFile, getenv)
			if err != nil {
				return err
			}
			return do(cfg, args)
		}
	}
	serveCommand := &cobra.Command{
		Use: "serve", Args: cobra.NoArgs,
		Short: "Serve the API for the tokens of an Auth0 tenant (the default)",
		RunE:  with(config.Serve, func(cfg config.Config, _ []string) error { return serve(ctx, cfg, stdout) }),
	}
	root := &cobra.Command{
		Use: "menu-api", Args: cobra.NoArgs,
		Short:         "A restaurant menu as a secure REST API",
		Long:          "A restaurant menu as a secure REST API. Without a command it serves the API (see serve).",
		RunE:          serveCommand.RunE,
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand, &cobra.Command{
		Use: "dev", Args: cobra.NoArgs,
		Short: "Serve the API with an identity provider for development, for which no account is needed",
		RunE:  with(config.Dev, func(cfg config.Config, _ []string) error { return dev(ctx, cfg, stdout) }),
	}, &cobra.Command{
		Use: "token admin|customer", Args: developmentUser,
		Short: "Print an access token from the running development identity provider",
		RunE:  with(config.Dev, func(cfg config.Config, args []string) error { return printToken(ctx, cfg, args[0], stdout) }),
	}, &cobra.Command{
		Use: "healthcheck", Args: cobra.NoArgs,
		Short: "Ask the local server whether it is ready; exit status 0 or 1",
		RunE: func(c *cobra.Command, args []string) error {
			err := with(config.Client, func(cfg config.Config, _ []string) error { return healthcheck(ctx, cfg) })(c, args)
			if err != nil {
				// Not wrapped: whatever is wrong, also in the settings, the status is 1. Docker reserves 2.
				err = fmt.Errorf("not ready: %v", err) //nolint:errorlint // see above
			}
			return err
		},
	}, &cobra.Command{
		Use: "version", Args: cobra.NoArgs,
		Short: "Print the version of this program",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(stdout, version())
			return err
		},
	}, backupCommand(ctx, with), restoreCommand(ctx, with), exportCommand(ctx, with, stdout), importCommand(ctx, with))
	root.Version = strings.TrimPrefix(version(), "menu-api ") // which the library puts in front
	root.PersistentFlags().StringVar(&envFile, "env-file", config.DefaultEnvFile, "file with settings, under those of the environment")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetOut(stdout)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// serve runs the API until the context ends.
func serve(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	log, out := newServerLogger(ctx, cfg, stdout)
	defer out.writeThrough()
	return serveAPI(ctx, cfg, log, func(addr net.Addr) {
		log.Info("listening", "addr", addr.String(), "issuer", cfg.Issuer, "database", cfg.Database, "version", version())
		if !cfg.RequirePermissions {
			log.Warn("AUTHZ_REQUIRE_PERMISSIONS is false: every valid access token may change the menu")
		}
		_ = out.flush() // whoever started it waits for these lines
	})
}

// dev runs the API beside an identity provider of its own until the context ends.
func dev(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	log, out := newServerLogger(ctx, cfg, stdout)
	defer out.writeThrough()
	listeners, err := server.Listen(ctx, "127.0.0.1", cfg.DevIDPPort)
	if err != nil {
		return listenError("DEV_IDP_PORT", err)
	}
	cfg = cfg.WithDevIDPPort(server.PortOf(listeners))
	provider, err := devidp.New(devidp.Options{
		Issuer:      cfg.Issuer,
		ClientID:    cfg.ClientID,
		Audiences:   cfg.Audiences,
		Permissions: items.Permissions(),
		Logger:      log,

		TokenLifetime: cfg.DevTokenLifetime,
	})
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		defer serveBeside(listener, provider, log)() // ends after the API, which asks it for keys
	}
	return serveAPI(ctx, cfg, log, func(addr net.Addr) {
		printBanner(out, cfg, addr) // in its place among the lines of the log
		_ = out.flush()
	})
}

// serveAPI builds the API from its parts, says where it listens, and serves it until the context ends.
func serveAPI(ctx context.Context, cfg config.Config, log *slog.Logger, announce func(net.Addr)) (err error) {
	metrics := server.NewMetrics()
	tracing, err := newTracing(ctx, cfg, metrics, log)
	if err != nil {
		return err
	}
	defer tracing.Shutdown(ctx) // after all else has ended, bounded by itself
	store, check, err := openMenu(ctx, cfg, metrics, tracing, log)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // told to stop before there was anything to stop
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }() // last: requests need it to the end

	// The keys outlive ctx: requests that are in progress when it ends still have their tokens checked.
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	guard, err := authz.NewGuard(authz.Options{
		Issuer:             cfg.Issuer,
		Audiences:          cfg.Audiences,
		ClockSkew:          cfg.ClockSkew,
		Keys:               authz.NewKeys(background, cfg.JWKSURL, tracing.Transport(nil), log),
		RequirePermissions: cfg.RequirePermissions,
	})
	if err != nil {
		return err
	}
	follower := items.NewFollower(store, log)
	var running sync.WaitGroup
	running.Go(func() { follower.Run(background) })
	defer func() { stopBackground(); running.Wait() }()
	metrics.WatchKeys(guard.KeyStats)
	api, err := server.New(server.Options{
		Store: store, Follower: follower, Guard: guard, Logger: log, Metrics: metrics, Tracing: tracing,
		Docs:                  docs.Settings{Issuer: cfg.Issuer, ClientID: cfg.ClientID, Audience: cfg.Audiences[0]},
		Dashboard:             dashboard.Settings{Issuer: cfg.Issuer, ClientID: cfg.ClientID, Audience: cfg.Audiences[0]},
		CORSOrigins:           cfg.CORSOrigins,
		TrustedProxies:        prefixes(cfg),
		WritesPerMinute:       cfg.WritesPerMinute,
		AuthFailuresPerMinute: cfg.AuthFailuresPerMinute,
		MaxConcurrent:         cfg.MaxConcurrent,
		MaxEventClients:       cfg.MaxEventClients,
		HideErrorDetails:      cfg.HideErrorDetails,
		ShutdownGrace:         cfg.ShutdownGrace,
	})
	if err != nil {
		return err
	}
	metrics.GaugeFunc("event_clients", "Clients that follow the menu.", func() float64 { return float64(api.EventClients()) })
	if cfg.MetricsAddr != "" {
		stop, err := serveMetrics(ctx, cfg.MetricsAddr, metrics, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	listeners, err := server.Listen(ctx, cfg.Host, cfg.Port)
	if err != nil {
		return listenError("PORT", err)
	}
	announce(listeners[0].Addr())
	ctx, end := context.WithCancel(ctx)
	defer end()
	damage := make(chan error, 1)
	running.Go(func() {
		if err := check(background); err != nil && background.Err() == nil {
			damage <- err
			end() // what a damaged database answers is not to be believed
		}
	})
	err = api.Serve(ctx, listeners...)
	log.Info("stopped")
	select {
	case found := <-damage:
		return errors.Join(found, err)
	default:
		return err
	}
}

// listenError names the setting to change: the port's if another program has it, else the host's.
func listenError(portKey string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%s: %w", portKey, err)
	}
	return fmt.Errorf("HOST: %w", err)
}

func prefixes(cfg config.Config) []string {
	networks := make([]string, len(cfg.TrustedProxies))
	for i, network := range cfg.TrustedProxies {
		networks[i] = network.String()
	}
	return networks
}

// printBanner tells a newcomer where everything is and what to paste.
func printBanner(w io.Writer, cfg config.Config, addr net.Addr) {
	_, port, _ := net.SplitHostPort(addr.String())
	api := "http://localhost:" + port
	settings := ""
	if cfg.DevIDPPort != 7001 {
		settings = "DEV_IDP_PORT=" + strconv.Itoa(cfg.DevIDPPort) + " "
	}
	_, _ = fmt.Fprintf(w, `
  Menu API, for DEVELOPMENT: anyone who reaches the identity provider below can sign in as administrator.

    Dashboard           %[1]s/
    Menu                %[1]s/items
    API reference       %[1]s/docs
    Identity provider   %[2]s
    Database            %[3]s

  Read the menu:

    curl %[1]s/items

  Add an item:

    TOKEN=$(%[4]sgo run . token admin)
    curl %[1]s/items -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
      -d '{"item":{"name":"Soup","price":4.5,"description":"Warm","image":""}}'

  Ctrl-C stops it.

`, api, cfg.Issuer, cfg.Database, settings)
}

// developmentUser checks the argument of the token command.
func developmentUser(_ *cobra.Command, args []string) error {
	if len(args) != 1 || (args[0] != "admin" && args[0] != "customer") {
		return errors.New("name one development user: token admin, or token customer")
	}
	return nil
}

// printToken prints an access token of the development identity provider.
func printToken(ctx context.Context, cfg config.Config, user string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	form := url.Values{
		"grant_type": {"password"},
		"client_id":  {cfg.ClientID},
		"audience":   {cfg.Audiences[0]},
		"username":   {user},
		"password":   {user},
		"scope":      {"openid profile email"},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.Issuer+"oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the development identity provider does not answer on %s; start it with `menu-api dev`", cfg.Issuer)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer); err != nil || answer.AccessToken == "" {
		return fmt.Errorf("%s gave no token (%s): %s", cfg.Issuer, response.Status, answer.Description)
	}
	_, err = fmt.Fprintln(stdout, answer.AccessToken)
	return err
}

// healthcheck returns nil if the server on this machine is ready. Containers run it, which have no curl.
func healthcheck(ctx context.Context, cfg config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	host := cfg.Host
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	target := "http://" + net.JoinHostPort(host, strconv.Itoa(cfg.Port)) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", target, response.Status)
	}
	return nil
}

// version describes the build: the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "menu-api (unknown build)"
	}
	name, modified := info.Main.Version, ""
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			if name == "" || name == "(devel)" {
				name = setting.Value
			}
		case "vcs.modified":
			if setting.Value == "true" {
				modified = " (modified)"
			}
		}
	}
	return fmt.Sprintf("menu-api %s%s %s", name, modified, info.GoVersion)
}
