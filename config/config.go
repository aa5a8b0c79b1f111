// Package config reads the settings of the service: the environment first, then a .env file, then the defaults.
package config

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is every setting of the service, checked and normalised. .env.example explains each key.
type Config struct {
	// Host is the address to listen on. Empty means all interfaces.
	Host string
	// Port is the TCP port of the API, 0 to 65535; 0 asks the operating system for a free one.
	Port int

	// Issuer is the exact value that a token's iss claim must have (RFC 7519 section 4.1.1).
	Issuer string
	// Audiences are the API identifiers of which a token's aud claim must hold at least one (RFC 7519 section 4.1.3).
	Audiences []string
	// JWKSURL is where the issuer publishes its signing keys (RFC 7517).
	JWKSURL string
	// ClientID is the client_id of the dashboard, a public single-page application.
	ClientID string
	// RequirePermissions is false when any valid access token may write.
	RequirePermissions bool
	// ClockSkew is how far the issuer's clock may be from ours, 0 to 5 minutes.
	ClockSkew time.Duration

	// Database says where the menu is kept.
	Database DatabaseURL
	// DatabaseNotify lets replicas tell each other of changes through PostgreSQL's NOTIFY. Without it they find them by
	// looking.
	DatabaseNotify bool
	// SeedMenu fills a new database with the default menu.
	SeedMenu bool

	// CORSOrigins are the origins whose pages may call the API. Nil means every origin.
	CORSOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For header is believed.
	TrustedProxies []netip.Prefix
	// WritesPerMinute bounds the writes of one token subject. 0 means no bound.
	WritesPerMinute int
	// MaxConcurrent bounds the requests that are served at the same time. 0 means no bound.
	MaxConcurrent int
	// MaxEventClients bounds the clients that follow the menu live at the same time. 0 means no bound.
	MaxEventClients int
	// AuthFailuresPerMinute bounds the failed authentications from one client address. 0 means no bound.
	AuthFailuresPerMinute int
	// HideErrorDetails leaves field-level messages out of error answers.
	HideErrorDetails bool

	// LogLevel is the least level that is logged.
	LogLevel slog.Level
	// LogFormat is "text", "json", or "" for text on a terminal and JSON elsewhere.
	LogFormat string
	// MetricsAddr is the host:port of the metrics listener. Empty means that there is none.
	MetricsAddr string
	// TracesEndpoint is the base URL of an OpenTelemetry collector, which takes OTLP over HTTP. Empty means that nothing is
	// traced.
	TracesEndpoint string
	// TracesHeaders go with everything that is sent to the collector.
	TracesHeaders Headers
	// ShutdownGrace is how long requests in progress may take to finish after a stop signal.
	ShutdownGrace time.Duration

	// DevIDPPort is the TCP port of the development identity provider.
	DevIDPPort int
	// DevTokenLifetime is how long the access tokens of that provider are good for, 1 second to 30 days.
	DevTokenLifetime time.Duration
}

// DevIssuer is the issuer of the development identity provider. It always says localhost, never an address: a browser
// treats the two as different sites, and a login across sites fails.
func (c Config) DevIssuer() string {
	return fmt.Sprintf("http://localhost:%d/", c.DevIDPPort)
}

// WithDevIDPPort returns the settings with the development identity provider, and so the issuer, on another port.
func (c Config) WithDevIDPPort(port int) Config {
	c.DevIDPPort = port
	c.Issuer = c.DevIssuer()
	c.JWKSURL = jwksURL(c.Issuer)
	return c
}

// DatabaseURL names a database. It prints without its password.
type DatabaseURL string

// String returns the file, or the user, host and name of a database, and nothing else of a URL: passwords stand in more
// than one place.
func (d DatabaseURL) String() string {
	if strings.HasPrefix(string(d), "sqlite:") {
		return string(d)
	}
	c, err := pgxpool.ParseConfig(string(d))
	if err != nil {
		return "(unreadable database URL)"
	}
	host := net.JoinHostPort(c.ConnConfig.Host, strconv.Itoa(int(c.ConnConfig.Port)))
	return "postgres://" + c.ConnConfig.User + "@" + host + "/" + c.ConnConfig.Database
}

// GoString keeps %#v from printing the password.
func (d DatabaseURL) GoString() string { return fmt.Sprintf("%q", d.String()) }

// LogValue keeps a log from printing the password.
func (d DatabaseURL) LogValue() slog.Value { return slog.StringValue(d.String()) }

// Headers are HTTP headers that may hold a secret. They print without their values.
type Headers map[string]string

// String returns the names.
func (h Headers) String() string { return fmt.Sprint(slices.Sorted(maps.Keys(h))) }

// GoString keeps %#v from printing the values.
func (h Headers) GoString() string { return h.String() }

// LogValue keeps a log from printing the values.
func (h Headers) LogValue() slog.Value { return slog.StringValue(h.String()) }
