package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// Mode is what the settings are loaded for.
type Mode int

const (
	// Serve needs an issuer and an audience.
	Serve Mode = iota
	// Dev brings its own issuer and listens on loopback unless a host is asked for.
	Dev
	// Client is for the commands that talk to a server which is already running: nothing is required.
	Client
)

// DefaultEnvFile is the settings file that is read from the working folder when it is there.
const DefaultEnvFile = ".env"

// defaults holds every key. A key that is not here does not exist.
var defaults = map[string]string{
	"HOST":                                "",
	"PORT":                                "7000",
	"AUTH0_ISSUER_URL":                    "",
	"AUTH0_AUDIENCE":                      "",
	"AUTH0_JWKS_URL":                      "",
	"AUTH0_CLIENT_ID":                     "",
	"AUTHZ_REQUIRE_PERMISSIONS":           "true",
	"AUTHZ_CLOCK_SKEW":                    "60s",
	"DATABASE_URL":                        "sqlite:data/menu.db",
	"DATABASE_NOTIFY":                     "true",
	"SEED_MENU":                           "true",
	"CORS_ALLOWED_ORIGINS":                "*",
	"TRUSTED_PROXIES":                     "",
	"RATE_LIMIT_WRITES_PER_MINUTE":        "600",
	"RATE_LIMIT_AUTH_FAILURES_PER_MINUTE": "300",
	"MAX_CONCURRENT_REQUESTS":             "1000",
	"MAX_EVENT_CLIENTS":                   "10000",
	"DISABLE_ERROR_MESSAGES":              "false",
	"LOG_LEVEL":                           "info",
	"LOG_FORMAT":                          "",
	"METRICS_ADDR":                        "",
	"OTEL_EXPORTER_OTLP_ENDPOINT":         "",
	"OTEL_EXPORTER_OTLP_HEADERS":          "",
	"SHUTDOWN_GRACE":                      "10s",
	"DEV_IDP_PORT":                        "7001",
	"DEV_TOKEN_LIFETIME":                  "24h",
}

// devDefaults are the defaults that differ in Dev.
var devDefaults = map[string]string{
	"HOST":            "127.0.0.1",
	"AUTH0_AUDIENCE":  "https://menu.example.com",
	"AUTH0_CLIENT_ID": "menu-dashboard",
}

// Keys returns the name of every setting, sorted.
func Keys() []string {
	keys := make([]string, 0, len(defaults))
	for key := range defaults {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Load reads the settings: the environment (through getenv) before envFile before the defaults. An empty value counts
// as unset. A missing envFile is an error only when it is not DefaultEnvFile; "" is no file at all.
//
// The error is an *Error that holds every problem.
func Load(mode Mode, envFile string, getenv func(string) string) (Config, error) {
	values, err := newSource(mode, envFile, getenv)
	if err != nil {
		return Config{}, &Error{Problems: []Problem{{envFile, err.Error()}}}
	}
	p := &parser{values: values}
	c := Config{
		Host:                  p.host("HOST"),
		Port:                  p.port("PORT"),
		ClientID:              p.text("AUTH0_CLIENT_ID"),
		RequirePermissions:    p.bool("AUTHZ_REQUIRE_PERMISSIONS"),
		ClockSkew:             p.duration("AUTHZ_CLOCK_SKEW", 0, 5*time.Minute),
		Database:              p.database("DATABASE_URL"),
		DatabaseNotify:        p.bool("DATABASE_NOTIFY"),
		SeedMenu:              p.bool("SEED_MENU"),
		CORSOrigins:           p.origins("CORS_ALLOWED_ORIGINS"),
		TrustedProxies:        p.networks("TRUSTED_PROXIES"),
		WritesPerMinute:       p.count("RATE_LIMIT_WRITES_PER_MINUTE"),
		AuthFailuresPerMinute: p.count("RATE_LIMIT_AUTH_FAILURES_PER_MINUTE"),
		MaxConcurrent:         p.count("MAX_CONCURRENT_REQUESTS"),
		MaxEventClients:       p.count("MAX_EVENT_CLIENTS"),
		HideErrorDetails:      p.bool("DISABLE_ERROR_MESSAGES"),
		LogLevel:              p.level("LOG_LEVEL"),
		LogFormat:             p.oneOf("LOG_FORMAT", "text", "json"),
		MetricsAddr:           p.address("METRICS_ADDR"),
		TracesEndpoint:        p.collector("OTEL_EXPORTER_OTLP_ENDPOINT"),
		TracesHeaders:         p.headers("OTEL_EXPORTER_OTLP_HEADERS"),
		ShutdownGrace:         p.duration("SHUTDOWN_GRACE", time.Second, 10*time.Minute),
		DevIDPPort:            p.port("DEV_IDP_PORT"),
		DevTokenLifetime:      p.duration("DEV_TOKEN_LIFETIME", time.Second, 30*24*time.Hour),
	}
	p.identity(mode, &c)
	if len(p.problems) > 0 {
		return Config{}, &Error{Problems: p.problems}
	}
	return c, nil
}

// identity reads who issues the tokens and for whom.
func (p *parser) identity(mode Mode, c *Config) {
	if mode == Dev {
		// The development provider is the issuer, whatever tenant a .env file names.
		*c = c.WithDevIDPPort(c.DevIDPPort)
		c.Audiences = p.names("AUTH0_AUDIENCE")
		if c.Port == c.DevIDPPort && c.Port != 0 {
			p.fail("DEV_IDP_PORT", "must be another port than PORT")
		}
		return
	}
	c.Issuer = p.issuer("AUTH0_ISSUER_URL")
	c.JWKSURL = p.jwksURL("AUTH0_JWKS_URL", c.Issuer)
	c.Audiences = p.names("AUTH0_AUDIENCE")
	if mode != Serve {
		return
	}
	const hint = "is not set; set it to your tenant's (see .env.example), or run `menu-api dev`, which needs no tenant"
	for _, key := range []string{"AUTH0_ISSUER_URL", "AUTH0_AUDIENCE"} {
		if p.text(key) == "" {
			p.fail(key, hint)
		}
	}
}

// newSource layers the environment over the file over the defaults. The environment is read through getenv and not by
// viper itself, so that tests that run in parallel can each have their own.
func newSource(mode Mode, envFile string, getenv func(string) string) (*viper.Viper, error) {
	v := viper.New()
	if envFile != "" {
		v.SetConfigFile(envFile)
		v.SetConfigType("dotenv")
		if err := v.ReadInConfig(); err != nil && !(errors.Is(err, fs.ErrNotExist) && envFile == DefaultEnvFile) {
			return nil, fileError(err)
		}
	}
	fallback := maps.Clone(defaults)
	if mode == Dev {
		maps.Copy(fallback, devDefaults)
	}
	for key, value := range fallback {
		v.SetDefault(key, value)
		// An empty value is unset, in the file and in the environment: .env.example lists keys without a value.
		if strings.TrimSpace(v.GetString(key)) == "" {
			v.Set(key, value)
		}
		if value := getenv(key); strings.TrimSpace(value) != "" {
			v.Set(key, value)
		}
	}
	return v, nil
}

// fileError says why a settings file cannot be used without quoting the file, which may hold secrets: the parser's own
// message repeats the line.
func fileError(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot be read: %w", path.Err)
	}
	return errors.New("is not a settings file: every line must be KEY=value, a # comment, or empty, and quotes must be closed")
}
