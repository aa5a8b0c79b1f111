package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"menu-api/config"
)

// env holds environment variables.
type env map[string]string

func (e env) get(key string) string { return e[key] }

// tenant returns the settings that Serve requires, which the NestJS application's .env contains, and more.
func tenant(more env) env {
	e := env{"AUTH0_ISSUER_URL": "https://tenant.eu.auth0.com/", "AUTH0_AUDIENCE": "https://menu.example.com"}
	maps.Copy(e, more)
	return e
}

func mustLoad(tb testing.TB, mode config.Mode, envFile string, e env) config.Config {
	tb.Helper()
	c, err := config.Load(mode, envFile, e.get)
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	return c
}

func mustWrite(tb testing.TB, content string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "settings.env")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"EUR": "EUR", "eur": "EUR", "JPY": "JPY"} {
		if got := mustLoad(t, config.Serve, "", tenant(env{"MENU_CURRENCY": text})).Currency; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	_, err := config.Load(config.Serve, "", tenant(env{"MENU_CURRENCY": "KWD"}).get)
	if err == nil || !strings.Contains(err.Error(), "MENU_CURRENCY must be a currency with at most two decimals; KWD has 3") {
		t.Errorf("got error %v, want one about the decimals", err)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := config.Config{
		Port:                     7000,
		Issuer:                   "https://tenant.eu.auth0.com/",
		Audiences:                []string{"https://menu.example.com"},
		JWKSURL:                  "https://tenant.eu.auth0.com/.well-known/jwks.json",
		RequirePermissions:       true,
		ClockSkew:                time.Minute,
		Database:                 "sqlite:data/menu.db",
		DatabaseNotify:           true,
		MigrateOnStart:           true,
		SeedMenu:                 true,
		MenuName:                 "Menu",
		Currency:                 "USD",
		WritesPerMinute:          600,
		ReadsPerMinute:           6000,
		AuthFailuresPerMinute:    300,
		MaxConcurrent:            1000,
		MaxConnectionsPerAddress: 512,
		MaxEventClients:          10000,
		LogLevel:                 slog.LevelInfo,
		ShutdownGrace:            10 * time.Second,
		DevIDPPort:               7001,
		DevIDPHost:               "127.0.0.1",
		DevTokenLifetime:         24 * time.Hour,
	}
	if got := mustLoad(t, config.Serve, ".env", tenant(nil)); !reflect.DeepEqual(got, want) {
		t.Errorf("serve: got %+v\nwant %+v", got, want)
	}
	want.Host, want.Issuer, want.JWKSURL = "127.0.0.1", "http://localhost:7001/", "http://localhost:7001/.well-known/jwks.json"
	want.ClientID = "menu-dashboard"
	if got := mustLoad(t, config.Dev, ".env", nil); !reflect.DeepEqual(got, want) {
		t.Errorf("dev: got %+v\nwant %+v", got, want)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := mustWrite(t, "# from the tutorial\nPORT=7100\nexport HOST=\"127.0.0.1\"\nAUTH0_ISSUER_URL=tenant.eu.auth0.com\nAUTH0_AUDIENCE=from-file\nLOG_LEVEL=\n")
	got := mustLoad(t, config.Serve, file, env{"AUTH0_AUDIENCE": "from-environment", "HOST": ""})
	if got.Port != 7100 || got.Host != "127.0.0.1" {
		t.Errorf("got port %d and host %q, want the values in the file", got.Port, got.Host)
	}
	if !slices.Equal(got.Audiences, []string{"from-environment"}) {
		t.Errorf("got audiences %v, want the value in the environment", got.Audiences)
	}
	if got.LogLevel != slog.LevelInfo {
		t.Errorf("got level %v, want the default for an empty value", got.LogLevel)
	}
}

func TestDevIgnoresTenant(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, config.Dev, ".env", tenant(env{"DEV_IDP_PORT": "7301", "AUTH0_JWKS_URL": "https://elsewhere.example/keys"}))
	if got.Issuer != "http://localhost:7301/" || got.JWKSURL != "http://localhost:7301/.well-known/jwks.json" {
		t.Errorf("got issuer %q with keys at %q, want the development provider", got.Issuer, got.JWKSURL)
	}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"tenant.eu.auth0.com":                "https://tenant.eu.auth0.com/",
		"tenant.eu.auth0.com/":               "https://tenant.eu.auth0.com/",
		"https://tenant.eu.auth0.com":        "https://tenant.eu.auth0.com/",
		"https://tenant.eu.auth0.com/":       "https://tenant.eu.auth0.com/",
		" https://Tenant.EU.auth0.com/ ":     "https://tenant.eu.auth0.com/",
		"http://localhost:9000":              "http://localhost:9000/",
		"http://127.0.0.1:9000/":             "http://127.0.0.1:9000/",
		"http://[::1]:9000":                  "http://[::1]:9000/",
		"https://id.example.com/realms/menu": "https://id.example.com/realms/menu", // the iss of other providers has no slash
	} {
		got := mustLoad(t, config.Serve, ".env", tenant(env{"AUTH0_ISSUER_URL": given}))
		if got.Issuer != want {
			t.Errorf("%q: got issuer %q, want %q", given, got.Issuer, want)
		}
		if keys := strings.TrimSuffix(want, "/") + "/.well-known/jwks.json"; got.JWKSURL != keys {
			t.Errorf("%q: got keys at %q, want %q", given, got.JWKSURL, keys)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		given env
		get   func(config.Config) any
		want  string
	}{
		"several audiences": {env{"AUTH0_AUDIENCE": "a, b,,c "}, func(c config.Config) any { return c.Audiences }, "[a b c]"},
		"another key set":   {env{"AUTH0_JWKS_URL": "https://keys.example/jwks"}, func(c config.Config) any { return c.JWKSURL }, "https://keys.example/jwks"},
		"every origin":      {env{"CORS_ALLOWED_ORIGINS": "*"}, func(c config.Config) any { return c.CORSOrigins == nil }, "true"},
		"some origins":      {env{"CORS_ALLOWED_ORIGINS": "https://Menu.example/, http://localhost:4040"}, func(c config.Config) any { return c.CORSOrigins }, "[https://menu.example http://localhost:4040]"},
		"origins of applications": {
			env{"CORS_ALLOWED_ORIGINS": "capacitor://localhost, tauri://localhost,ionic://localhost/,chrome-extension://abcdefghijklmnop,app://x:80"},
			func(c config.Config) any { return c.CORSOrigins }, "[capacitor://localhost tauri://localhost ionic://localhost chrome-extension://abcdefghijklmnop app://x:80]",
		},
		"an origin with an IDN": {
			env{"CORS_ALLOWED_ORIGINS": "https://Käse.example:8443,http://日本.example:80"},
			func(c config.Config) any { return c.CORSOrigins }, "[https://xn--kse-qla.example:8443 http://xn--wgv71a.example]",
		},
		"an origin's own port": {env{"CORS_ALLOWED_ORIGINS": "http://a:80,https://b:443,http://c:443"}, func(c config.Config) any { return c.CORSOrigins }, "[http://a https://b http://c:443]"},
		"no proxies":           {env{"TRUSTED_PROXIES": "none"}, func(c config.Config) any { return c.TrustedProxies }, "[]"},
		"proxies":              {env{"TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1,2001:db8::1"}, func(c config.Config) any { return c.TrustedProxies }, "[10.0.0.0/8 192.0.2.1/32 2001:db8::1/128]"},
		"metrics off":          {env{"METRICS_ADDR": "off"}, func(c config.Config) any { return c.MetricsAddr == "" }, "true"},
		"metrics on":           {env{"METRICS_ADDR": ":9090"}, func(c config.Config) any { return c.MetricsAddr }, ":9090"},
		"traces off":           {env{"OTEL_EXPORTER_OTLP_ENDPOINT": "none"}, func(c config.Config) any { return c.TracesEndpoint == "" }, "true"},
		"traces on":            {env{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, func(c config.Config) any { return c.TracesEndpoint }, "http://collector:4318"},
		"headers for traces": {
			env{"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=a%2Cb%25, x-team = menu"},
			func(c config.Config) any { return map[string]string(c.TracesHeaders) }, "map[x-api-key:a,b% x-team:menu]",
		},
		"no limit":         {env{"RATE_LIMIT_WRITES_PER_MINUTE": "0"}, func(c config.Config) any { return c.WritesPerMinute }, "0"},
		"no skew":          {env{"AUTHZ_CLOCK_SKEW": "0"}, func(c config.Config) any { return c.ClockSkew }, "0s"},
		"permissions off":  {env{"AUTHZ_REQUIRE_PERMISSIONS": "false"}, func(c config.Config) any { return c.RequirePermissions }, "false"},
		"level":            {env{"LOG_LEVEL": "DEBUG"}, func(c config.Config) any { return c.LogLevel }, "DEBUG"},
		"token lifetime":   {env{"DEV_TOKEN_LIFETIME": "90s"}, func(c config.Config) any { return c.DevTokenLifetime }, "1m30s"},
		"format":           {env{"LOG_FORMAT": "json"}, func(c config.Config) any { return c.LogFormat }, "json"},
		"an IPv6 host":     {env{"HOST": "[::1]"}, func(c config.Config) any { return c.Host }, "::1"},
		"a free port":      {env{"PORT": "0"}, func(c config.Config) any { return c.Port }, "0"},
		"a relative file":  {env{"DATABASE_URL": "sqlite:menu.db"}, sqliteFile, "menu.db"},
		"an absolute file": {env{"DATABASE_URL": "sqlite:/data/menu.db"}, sqliteFile, "/data/menu.db"},
		"two PostgreSQL hosts": {
			env{"DATABASE_URL": "postgres://menu:secret@one,two:5433/menu?target_session_attrs=read-write"},
			func(c config.Config) any { return c.Database.String() }, "postgres://one:5432/menu",
		},
		"an absolute file, as URL": {env{"DATABASE_URL": "sqlite:///data/menu.db"}, sqliteFile, "/data/menu.db"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := fmt.Sprint(test.get(mustLoad(t, config.Serve, ".env", tenant(test.given)))); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ key, value string }{
		"a port that is a word":           {"PORT", "http"},
		"a port too high":                 {"PORT", "65536"},
		"a negative port":                 {"PORT", "-1"},
		"a host with a port":              {"HOST", "localhost:7000"},
		"a plain http issuer":             {"AUTH0_ISSUER_URL", "http://tenant.eu.auth0.com/"},
		"an issuer like localhost":        {"AUTH0_ISSUER_URL", "http://localhost.evil.example/"},
		"an issuer with a query":          {"AUTH0_ISSUER_URL", "https://tenant.eu.auth0.com/?x=1"},
		"an issuer with a user":           {"AUTH0_ISSUER_URL", "https://me:secret@tenant.eu.auth0.com/"},
		"an issuer of another scheme":     {"AUTH0_ISSUER_URL", "ftp://tenant.eu.auth0.com/"},
		"an issuer without a host":        {"AUTH0_ISSUER_URL", "https://"},
		"a plain http key set":            {"AUTH0_JWKS_URL", "http://keys.example/jwks"},
		"a discovery document as issuer":  {"AUTH0_ISSUER_URL", "https://tenant.eu.auth0.com/.well-known/openid-configuration"},
		"an issuer with two slashes":      {"AUTH0_ISSUER_URL", "https://tenant.eu.auth0.com//"},
		"a key set without a scheme":      {"AUTH0_JWKS_URL", "keys.example/jwks"},
		"an audience of only commas":      {"AUTH0_AUDIENCE", ","},
		"origins of only commas":          {"CORS_ALLOWED_ORIGINS", ", ,"},
		"a database with options":         {"DATABASE_URL", "sqlite:menu.db?mode=ro"},
		"a database in a home folder":     {"DATABASE_URL", "sqlite:~/menu.db"},
		"a database as file URI":          {"DATABASE_URL", "sqlite:file:menu.db"},
		"an SQLite database on a host":    {"DATABASE_URL", "sqlite://user:secret@host/menu.db"},
		"an invalid bool":                 {"AUTHZ_REQUIRE_PERMISSIONS", "yes please"},
		"a skew without a unit":           {"AUTHZ_CLOCK_SKEW", "60"},
		"a skew too long":                 {"AUTHZ_CLOCK_SKEW", "6m"},
		"a negative skew":                 {"AUTHZ_CLOCK_SKEW", "-1s"},
		"an unsupported database":         {"DATABASE_URL", "mysql://root:secret@localhost/menu"},
		"a database without a file":       {"DATABASE_URL", "sqlite:"},
		"a database that is a folder":     {"DATABASE_URL", "sqlite:data/"},
		"a database in memory":            {"DATABASE_URL", "sqlite::memory:"},
		"a PostgreSQL port":               {"DATABASE_URL", "postgres://menu:secret@db:99999/menu"},
		"a PostgreSQL option":             {"DATABASE_URL", "postgres://menu:secret@db/menu?pool_max_conns=many"},
		"an unknown sslmode":              {"DATABASE_URL", "postgres://menu:secret@db/menu?sslmode=sometimes"},
		"an invalid notify":               {"DATABASE_NOTIFY", "perhaps"},
		"an invalid seed":                 {"SEED_MENU", "maybe"},
		"a name that is too long":         {"MENU_NAME", strings.Repeat("x", 101)},
		"an unknown currency":             {"MENU_CURRENCY", "Dollar"},
		"a currency with three decimals":  {"MENU_CURRENCY", "KWD"},
		"an origin with a path":           {"CORS_ALLOWED_ORIGINS", "https://menu.example/app"},
		"an origin without a scheme":      {"CORS_ALLOWED_ORIGINS", "menu.example"},
		"an origin with a wildcard":       {"CORS_ALLOWED_ORIGINS", "https://*.example"},
		"a wildcard among origins":        {"CORS_ALLOWED_ORIGINS", "https://menu.example,*"},
		"the null origin":                 {"CORS_ALLOWED_ORIGINS", "null"},
		"an application without a host":   {"CORS_ALLOWED_ORIGINS", "capacitor://"},
		"an application with a path":      {"CORS_ALLOWED_ORIGINS", "capacitor://localhost/app"},
		"an application with any host":    {"CORS_ALLOWED_ORIGINS", "chrome-extension://*"},
		"a file as origin":                {"CORS_ALLOWED_ORIGINS", "file://menu"},
		"an origin with a user":           {"CORS_ALLOWED_ORIGINS", "https://me@menu.example"},
		"a proxy name":                    {"TRUSTED_PROXIES", "proxy.example"},
		"a limit below zero":              {"RATE_LIMIT_WRITES_PER_MINUTE", "-1"},
		"a limit that is not a number":    {"RATE_LIMIT_AUTH_FAILURES_PER_MINUTE", "many"},
		"a bool that is a number":         {"DISABLE_ERROR_MESSAGES", "2"},
		"an unknown level":                {"LOG_LEVEL", "loud"},
		"an unknown format":               {"LOG_FORMAT", "xml"},
		"a metrics address without colon": {"METRICS_ADDR", "9090"},
		"a collector without a scheme":    {"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"},
		"a collector with a password":     {"OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:secret@collector"},
		"a collector with a query":        {"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector/?key=secret"},
		"a header without a value":        {"OTEL_EXPORTER_OTLP_HEADERS", "secret"},
		"a header with a blank":           {"OTEL_EXPORTER_OTLP_HEADERS", "x key=secret"},
		"a header with a line break":      {"OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret%0Ax: y"},
		"a header with a bad encoding":    {"OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret%zz"},
		"a grace of 0s":                   {"SHUTDOWN_GRACE", "0s"},
		"an invalid provider port":        {"DEV_IDP_PORT", "x"},
		"a token lifetime of 0s":          {"DEV_TOKEN_LIFETIME", "0s"},
		"a token lifetime too long":       {"DEV_TOKEN_LIFETIME", "721h"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(config.Serve, ".env", tenant(env{test.key: test.value}).get)
			var bad *config.Error
			if !errors.As(err, &bad) {
				t.Fatalf("got error %v, want a *config.Error", err)
			}
			if len(bad.Problems) != 1 || bad.Problems[0].Key != test.key {
				t.Errorf("got problems %v, want one with %s", bad.Problems, test.key)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line for the key, without the secret", err)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Serve, ".env", env{"PORT": "x", "LOG_LEVEL": "y"}.get)
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"PORT", "LOG_LEVEL", "AUTH0_ISSUER_URL", "AUTH0_AUDIENCE", "menu-api dev"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to contain %s", err, want)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 4 {
		t.Errorf("got %q on %d lines, want one line for each of 4 keys", err, got)
	}
}

// A misspelled key can be the reason why a required one is missing.
func TestProblemsAndWarnings(t *testing.T) {
	t.Parallel()
	file := mustWrite(t, "AUTH0_AUDIENCE=menu\nAUTH0_DOMAN=secret.example.com\n")
	_, err := config.Load(config.Serve, file, env{}.get)
	want := "configuration: AUTH0_ISSUER_URL is required (see .env.example); `menu-api dev` needs no tenant\n  " +
		file + ": AUTH0_DOMAN is not a setting; did you mean AUTH0_DOMAIN?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestDevProblems(t *testing.T) {
	t.Parallel()
	for key, value := range (env{"AUTH0_AUDIENCE": ",", "DEV_IDP_PORT": "7000"}) {
		var bad *config.Error
		if _, err := config.Load(config.Dev, "", env{key: value}.get); !errors.As(err, &bad) || bad.Problems[0].Key != key {
			t.Errorf("%s=%s: got %v, want a problem with %s", key, value, err, key)
		}
	}
}

func TestEnvFileProblems(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, file := range map[string]string{
		"missing":        filepath.Join(folder, "missing.env"),
		"a folder":       folder,
		"not a setting":  mustWrite(t, "PORT=7000\nthe secret is out\n"),
		"UTF-16":         mustWrite(t, "\xff\xfeP\x00=\x00"),
		"a binary":       mustWrite(t, "\x00\x01secret\x02"),
		"a shell script": mustWrite(t, "#!/bin/sh\nif true; then secret; fi\n"),
	} {
		_, err := config.Load(config.Dev, file, env{}.get)
		var bad *config.Error
		if !errors.As(err, &bad) || bad.Problems[0].Key != file {
			t.Errorf("%s: got %v, want a *config.Error that names the file", name, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %q, want no text of the file", name, err)
		}
	}
}

// TestEnvExample loads .env.example: it contains the defaults.
func TestEnvExample(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, config.Serve, "../.env.example", tenant(nil))
	got.EnvFile = ""
	if want := mustLoad(t, config.Serve, ".env", tenant(nil)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want the defaults %+v", got, want)
	}
}

func sqliteFile(c config.Config) any {
	file, _ := c.Database.SQLiteFile()
	return file
}

func TestHeadersHideValues(t *testing.T) {
	t.Parallel()
	h := config.Headers{"x-api-key": "hunter2"}
	printed := fmt.Sprintf("%v %+v %#v %s", h, config.Config{TracesHeaders: h}, config.Config{TracesHeaders: h}, h)
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("start", "headers", h)
	if printed += b.String(); strings.Contains(printed, "hunter2") || !strings.Contains(printed, "x-api-key") {
		t.Errorf("got %s, want the name without the value", printed)
	}
}
