package config

import (
	"regexp"
	"time"
)

// setting is one row of the table below.
type setting struct {
	key      string
	fallback string // the default
	parse    func(text string) error
	doc      string // the text in .env.example and in docs/reference.md
}

var (
	// freeText are the settings that people read, so quotes and # can be part of them.
	freeText = []string{"MENU_NAME"}

	// aliases are other names of settings. Auth0's samples call the issuer AUTH0_DOMAIN.
	aliases = map[string]string{"AUTH0_ISSUER_URL": "AUTH0_DOMAIN"}

	// composeKey matches the keys of .env that Docker Compose and deploy/compose.yaml use.
	composeKey = regexp.MustCompile(`^(COMPOSE_|DOCKER_|POSTGRES_)|^SITE$`)
)

// settings states every setting once. Load, .env.example and docs/reference.md follow this table; a test compares the
// two files with it, and `go test ./config -update` rewrites them.
func (c *Config) settings(mode Mode) []setting {
	dev := func(fallback string) string {
		if mode == Dev {
			return fallback
		}
		return ""
	}
	return []setting{
		{"AUTH0_ISSUER_URL", "", into(&c.Issuer, issuer), "Required by `serve`. Your Auth0 tenant, such as tenant.eu.auth0.com, or another OpenID provider that signs access tokens with RS256. AUTH0_DOMAIN is another name of this setting."},
		{"AUTH0_AUDIENCE", dev("https://menu.example.com"), into(&c.Audiences, list), "Required by `serve`. The identifier of your API in Auth0. Separate several with commas; a token needs one of them."},
		{"AUTH0_JWKS_URL", "", into(&c.JWKSURL, keySet), "The URL of the signing keys, if it is not .well-known/jwks.json under the issuer. https, or http on localhost."},
		{"AUTH0_CLIENT_ID", dev("menu-dashboard"), into(&c.ClientID, plain), "The client id of the single-page application that signs users in. It is not a secret."},
		{"PORT", "7000", into(&c.Port, port), "The port of the API. 0 means any free port."},
		{"HOST", dev("127.0.0.1"), into(&c.Host, host), "The address to listen on. Empty means all interfaces; under `dev`, only this machine."},
		{"AUTHZ_REQUIRE_PERMISSIONS", "true", into(&c.RequirePermissions, boolean), "false lets every valid access token write, as the tutorial's first chapter does."},
		{"AUTHZ_CLOCK_SKEW", "60s", into(&c.ClockSkew, duration(0, 5*time.Minute)), "The tolerated difference between the provider's clock and this machine's, at most 5m."},
		{"DATABASE_URL", "sqlite:data/menu.db", into(&c.Database, database), "An SQLite file, whose folder is created if it is missing. For several replicas, a PostgreSQL database: postgres://user:password@host:5432/menu"},
		{"DATABASE_NOTIFY", "true", into(&c.DatabaseNotify, boolean), "Replicas announce changes to each other with PostgreSQL's NOTIFY. With false they look for changes four times a second, which also works where NOTIFY does not."},
		{"MIGRATE_ON_START", "true", into(&c.MigrateOnStart, boolean), "false leaves migrations of the database to `menu-api migrate up`. `serve` then refuses a schema that is too old."},
		{"MENU_NAME", "Menu", into(&c.MenuName, menuName), "The name of the menu, at most 100 characters: on the page, in its title, in link previews and in print."},
		{"MENU_CURRENCY", "USD", into(&c.Currency, currencyCode), "The currency of the prices on the page: an ISO 4217 code such as EUR, with at most two decimals. JPY has whole units."},
		{"SEED_MENU", "true", into(&c.SeedMenu, boolean), "false leaves a new database empty. An existing database stays as it is."},
		{"HISTORY_RETENTION", "", into(&c.HistoryRetention, optional(duration(24*time.Hour, 100*365*24*time.Hour))), "How long changes stay in the history, such as 2160h for 90 days, at least 24h. The newest state of every item stays, also of deleted ones. Empty means for ever."},
		{"CORS_ALLOWED_ORIGINS", "*", into(&c.CORSOrigins, origins), "The origins whose pages may call the API, such as https://menu.example.com, separated by commas. * means every origin."},
		{"TRUSTED_PROXIES", "", into(&c.TrustedProxies, optional(networks)), "The addresses or networks of the proxies in front of this server, separated by commas. X-Forwarded-For counts only from them."},
		{"RATE_LIMIT_WRITES_PER_MINUTE", "600", into(&c.WritesPerMinute, count), "Writes per minute for each token subject. 0 means no limit."},
		{"RATE_LIMIT_READS_PER_MINUTE", "6000", into(&c.ReadsPerMinute, count), "Reads per minute for each client address, counting only reads that reach the database. 0 means no limit."},
		{"RATE_LIMIT_AUTH_FAILURES_PER_MINUTE", "300", into(&c.AuthFailuresPerMinute, count), "Failed authentications per minute for each client address. 0 means no limit."},
		{"MAX_CONCURRENT_REQUESTS", "1000", into(&c.MaxConcurrent, count), "Requests served at the same time. Further requests get 503 at once. Clients that get the same response of the menu count as one. 0 means no limit."},
		{"MAX_CONNECTIONS_PER_ADDRESS", "512", into(&c.MaxConnectionsPerAddress, count), "Open connections from each address, or each /64 of IPv6, except TRUSTED_PROXIES. Further connections are closed. 0 means no limit."},
		{"MAX_EVENT_CLIENTS", "10000", into(&c.MaxEventClients, count), "Clients that follow the menu live (GET /items/events) at the same time, in addition to those requests. 0 means no limit."},
		{"DISABLE_ERROR_MESSAGES", "false", into(&c.HideErrorDetails, boolean), "true leaves out of error responses which field is invalid and why."},
		{"LOG_LEVEL", "info", into(&c.LogLevel, logLevel), "debug, info, warn or error."},
		{"LOG_FORMAT", "", into(&c.LogFormat, logFormat), "text or json. Empty means text on a terminal and json elsewhere."},
		{"METRICS_ADDR", "", into(&c.MetricsAddr, optional(address)), "The host:port of Prometheus metrics (/metrics) and profiles, such as 127.0.0.1:9090. Empty means off."},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "", into(&c.TracesEndpoint, optional(collector)), "An OpenTelemetry collector for traces (OTLP over HTTP), such as http://localhost:4318. Empty means off. Only the environment sets other OpenTelemetry variables: see docs/operations.md."},
		{"OTEL_EXPORTER_OTLP_HEADERS", "", into(&c.TracesHeaders, headers), "Headers for the collector, as name=value pairs separated by commas. Usually a secret."},
		{"OTEL_SDK_DISABLED", "false", into(&c.TracesDisabled, boolean), "true sends no traces, even if a collector is set."},
		{"SHUTDOWN_GRACE", "10s", into(&c.ShutdownGrace, duration(time.Second, 10*time.Minute)), "The time that requests in progress get to finish after a stop signal."},
		{"DEV_IDP_PORT", "7001", into(&c.DevIDPPort, port), "The port of the development identity provider. Only `dev` and `token` use it."},
		{"DEV_IDP_HOST", "127.0.0.1", into(&c.DevIDPHost, host), "The address that the development identity provider listens on. Beyond this machine, anyone can sign in as administrator."},
		{"DEV_TOKEN_LIFETIME", "24h", into(&c.DevTokenLifetime, duration(time.Second, 30*24*time.Hour)), "The lifetime of the development provider's access tokens. A short one shows how an application renews them; then also set AUTHZ_CLOCK_SKEW=0s."},
	}
}

// into returns a function that parses a text and stores the value.
func into[T any](target *T, parse func(text string) (T, error)) func(text string) error {
	return func(text string) (err error) {
		*target, err = parse(text)
		return err
	}
}
