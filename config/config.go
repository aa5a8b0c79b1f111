// Package config loads the settings of the service. Environment variables override the .env file, which overrides the
// defaults.
package config

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config holds every setting, checked and normalised. The table in settings.go says what each one means.
type Config struct { //nolint:recvcheck // only settings fills it
	EnvFile  string   // the settings file that was read, if any
	Warnings []string // settings that are probably mistakes; never a part of a value

	Host string // empty means all interfaces
	Port int    // 0 means any free port

	Issuer             string   // the exact iss claim of a token (RFC 7519 section 4.1.1)
	Audiences          []string // a token's aud claim must contain one of them (RFC 7519 section 4.1.3)
	JWKSURL            string   // the issuer's signing keys (RFC 7517)
	ClientID           string   // the dashboard's client_id
	RequirePermissions bool
	ClockSkew          time.Duration

	Database       DatabaseURL
	DatabaseNotify bool
	MigrateOnStart bool
	SeedMenu       bool
	// HistoryRetention is how long changes are kept; 0 means for ever.
	HistoryRetention time.Duration

	CORSOrigins              []string // nil means every origin
	TrustedProxies           []string // networks
	WritesPerMinute          int      // 0 means no limit, here and below
	ReadsPerMinute           int
	AuthFailuresPerMinute    int
	MaxConcurrent            int
	MaxConnectionsPerAddress int
	MaxEventClients          int
	HideErrorDetails         bool

	MenuName string
	Currency string // an ISO 4217 code

	LogLevel       slog.Level
	LogFormat      string // text, json, or empty for text on a terminal and JSON elsewhere
	MetricsAddr    string // host:port; empty means off
	TracesEndpoint string // the base URL of an OTLP collector; empty means off
	TracesHeaders  Headers
	TracesDisabled bool
	ShutdownGrace  time.Duration

	DevIDPPort       int
	DevIDPHost       string
	DevTokenLifetime time.Duration
}

// WithDevIDPPort returns the settings with the development identity provider, and therefore the issuer, on another port.
// The issuer names localhost, not an address: browsers treat the two as different sites, and a login across sites fails.
func (c Config) WithDevIDPPort(port int) Config {
	c.DevIDPPort = port
	c.Issuer = fmt.Sprintf("http://localhost:%d/", port)
	c.JWKSURL = jwksURL(c.Issuer)
	return c
}

// DatabaseURL names a database. It never prints a secret.
type DatabaseURL string

// String returns the file, or the host, port and name of the database. It leaves out the rest of a URL, because a password
// can be in several places.
func (d DatabaseURL) String() string {
	if strings.HasPrefix(string(d), "sqlite:") {
		return string(d)
	}
	c, err := parsePostgres(string(d))
	if err != nil {
		return "(unreadable database URL)"
	}
	return "postgres://" + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// GoString hides the password from %#v.
func (d DatabaseURL) GoString() string { return strconv.Quote(d.String()) }

// MarshalText hides the password from the log and from JSON.
func (d DatabaseURL) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// SQLiteFile returns the file name of an SQLite database. It returns false for other databases.
func (d DatabaseURL) SQLiteFile() (file string, ok bool) {
	file, ok = strings.CutPrefix(string(d), "sqlite:")
	file, err := url.PathUnescape(strings.TrimPrefix(file, "//")) // sqlite:///data/menu.db is the absolute path /data/menu.db
	return file, ok && err == nil
}

// Headers are HTTP headers whose values can be secret. They print only their names.
type Headers map[string]string

// String returns the names.
func (h Headers) String() string { return fmt.Sprint(slices.Sorted(maps.Keys(h))) }

// GoString hides the values from %#v.
func (h Headers) GoString() string { return h.String() }

// MarshalText hides the values from the log and from JSON.
func (h Headers) MarshalText() ([]byte, error) { return []byte(h.String()), nil }
