package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"
	"golang.org/x/text/currency"
)

// Each function below parses the text of a setting, which is neither empty nor surrounded by blanks. Its error completes
// a sentence that begins with the key. It quotes the text only if that cannot be secret.

func plain(text string) (string, error) { return text, nil }

// optional also accepts "off" and "none" for no value.
func optional[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (value T, err error) {
		if strings.EqualFold(text, "off") || strings.EqualFold(text, "none") {
			return value, nil
		}
		return parse(text)
	}
}

// must returns parse with an error that says what the text must be.
func must[T any](be string, parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (T, error) {
		value, err := parse(text)
		if err != nil {
			err = fmt.Errorf("must be %s, not %q", be, text)
		}
		return value, err
	}
}

func number(bits int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.ParseUint(text, 10, bits)
		return int(n), err //nolint:gosec // the caller's bits fit into an int
	}
}

var (
	boolean   = must("true or false", strconv.ParseBool)
	port      = must("a port number from 0 to 65535", number(16))
	count     = must("a positive whole number, or 0 for no limit", number(31))
	host      = must("an IP address or a host name without a port", hostName)
	address   = must("host:port, such as 127.0.0.1:9090", hostAndPort)
	logFormat = must("text, json or empty", func(text string) (format string, err error) {
		if format = strings.ToLower(text); format != "text" && format != "json" {
			err = errors.New("unknown format")
		}
		return format, err
	})
	logLevel = must("debug, info, warn or error", func(text string) (level slog.Level, err error) {
		err = level.UnmarshalText([]byte(text))
		return level, err
	})
)

func duration(least, most time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return 0, fmt.Errorf("must be a duration in hours, minutes or seconds, such as 36h or 30s, not %q", text)
		case d < least || d > most:
			short := strings.NewReplacer("h0m0s", "h", "m0s", "m") // 24h0m0s is hard to read
			return 0, fmt.Errorf("must be from %s to %s, not %s", short.Replace(least.String()), short.Replace(most.String()), text)
		}
		return d, nil
	}
}

// list splits at commas and ignores empty parts, but not all of them.
func list(text string) (parts []string, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if startsWithQuote(part) {
			return nil, errors.New("contains a quotation mark, which a shell or Docker left in: write the values without quotes")
		}
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return nil, errors.New("must contain at least one value")
	}
	return parts, nil
}

// hostName accepts an IP address, with or without brackets, or a host name.
func hostName(text string) (string, error) {
	host := strings.Trim(text, "[]")
	_, err := netip.ParseAddr(host)
	if err != nil && !strings.ContainsAny(host, ":/ \t@") {
		err = nil
	}
	return host, err
}

// menuName counts characters and not bytes: a limit in bytes would halve it for Greek or Cyrillic names.
func menuName(text string) (string, error) {
	const most = 100
	if utf8.RuneCountInString(text) > most {
		return "", fmt.Errorf("must have at most %d characters", most)
	}
	return text, nil
}

// currencyCode accepts an ISO 4217 code. Prices have two decimals, so a currency with more would lose the last one.
func currencyCode(text string) (string, error) {
	unit, err := currency.ParseISO(text)
	if err != nil {
		return "", fmt.Errorf("must be an ISO 4217 code such as EUR, not %q", text)
	}
	if decimals, _ := currency.Standard.Rounding(unit); decimals > 2 {
		return "", fmt.Errorf("must be a currency with at most two decimals; %s has %d", unit, decimals)
	}
	return unit.String(), nil
}

// hostAndPort accepts an empty host, which means all interfaces.
func hostAndPort(text string) (string, error) {
	_, number, err := net.SplitHostPort(text)
	if err == nil {
		_, err = port(number)
	}
	return text, err
}

// networks returns an address as the network that contains only it, so that later code handles one form.
func networks(text string) (networks []string, err error) {
	parts, err := list(text)
	for _, part := range parts {
		network, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil {
			network, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("must be IP addresses or networks such as 10.0.0.0/8, separated by commas; %q is neither", part)
		}
		networks = append(networks, network.String())
	}
	return networks, err
}

// origins accepts serialised origins (RFC 6454 section 6.1), or only *, for which it returns nil. Applications and browser
// extensions have origins of other schemes than http and https, such as capacitor://localhost.
func origins(text string) ([]string, error) {
	origins, err := list(text)
	if len(origins) == 1 && origins[0] == "*" {
		return nil, nil
	}
	for i, part := range origins {
		if origins[i], err = origin(strings.ToLower(strings.TrimSuffix(part, "/"))); err != nil {
			return nil, fmt.Errorf("must be * alone, or origins such as https://menu.example.com separated by commas; %q is not an origin", part)
		}
	}
	return origins, err
}

// origin returns an origin as browsers send it: an internationalised domain name in Punycode, and without the default port of
// the scheme (RFC 6454 section 6.2).
func origin(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || strings.ContainsAny(u.Host, "*%") || text != u.Scheme+"://"+u.Host:
		return "", errors.New("not an origin")
	case u.Scheme == "file" || u.Scheme == "data": // browsers send null for these
		return "", errors.New("not an origin")
	case u.Scheme != "http" && u.Scheme != "https":
		return text, nil
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		host, err := idna.Lookup.ToASCII(u.Hostname())
		if err != nil {
			return "", err
		}
		text = strings.Replace(text, u.Hostname(), host, 1)
	}
	return strings.TrimSuffix(text, map[string]string{"http": ":80", "https": ":443"}[u.Scheme]), nil
}

// headers accepts name=value pairs with percent-encoded values. The values can be secret.
func headers(text string) (Headers, error) {
	pairs, err := list(text)
	headers := Headers{}
	for _, pair := range pairs {
		name, encoded, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if !ok || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, errors.New("must be pairs such as x-api-key=value, separated by commas, with commas and percent signs in a value as %2C and %25")
		}
		headers[name] = value
	}
	return headers, err
}

// collector also accepts plain http, because a collector often runs beside the program.
func collector(text string) (string, error) {
	if _, err := webURL(text); err != nil {
		return "", errors.New("must be a URL without user name, query and fragment, such as http://localhost:4318; an API key belongs in OTEL_EXPORTER_OTLP_HEADERS")
	}
	return text, nil
}

// issuer accepts an Auth0 domain as people copy it: with or without https:// and the trailing slash, which Auth0's iss
// claim has. An issuer with a path belongs to another provider and stays as it is, because iss must match exactly.
func issuer(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := secureURL(text)
	if err != nil {
		return "", err
	}
	if strings.Contains(u.Path, "//") || strings.Contains(u.Path, ".well-known") {
		return "", errors.New("must be only the issuer, such as https://tenant.eu.auth0.com/")
	}
	u.Host = strings.ToLower(u.Host)
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

// keySet accepts the URL of the keys unchanged, because providers publish them at any path.
func keySet(text string) (string, error) {
	_, err := secureURL(text)
	return text, err
}

// secureURL parses a URL that trust depends on: https, or http to this machine.
func secureURL(text string) (*url.URL, error) {
	u, err := webURL(text)
	if err != nil {
		return nil, errors.New("must be an https URL without user name, query and fragment, such as https://tenant.eu.auth0.com/")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	isLoopback := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	if u.Scheme == "http" && !isLoopback {
		return nil, errors.New("must use https: with http, an attacker on the network could replace the signing keys (only localhost may use http)")
	}
	return u, nil
}

// webURL parses an http or https URL without user name, query and fragment.
func webURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil && (u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		err = errors.New("not a plain URL")
	}
	return u, err
}

// database accepts an SQLite file or a PostgreSQL URL, which can contain a password.
func database(text string) (DatabaseURL, error) {
	if isPostgres(text) {
		_, err := parsePostgres(text)
		return DatabaseURL(text), err
	}
	file, ok := strings.CutPrefix(text, "sqlite:")
	switch {
	// A URI, a home folder or a host would become a strange file name.
	case !ok, strings.ContainsAny(file, "?#"), strings.HasPrefix(file, "~"), strings.HasPrefix(file, "file:"),
		strings.HasPrefix(file, "//") && !strings.HasPrefix(file, "///"):
		return "", errors.New("must be sqlite: and a plain file name, such as sqlite:data/menu.db or sqlite:/data/menu.db, or a postgres:// URL")
	case file == "" || strings.HasSuffix(file, "/") || path.Base(file) == "." || strings.Contains(file, ":memory:"):
		return "", errors.New("must name a file, such as sqlite:data/menu.db; a menu in memory would be lost at every restart")
	case !strings.Contains(file, "%"):
		return DatabaseURL(text), nil
	}
	name, ok := DatabaseURL(text).SQLiteFile()
	undecoded := strings.TrimPrefix(file, "//")
	if _, err := os.Stat(undecoded); err == nil && name != undecoded {
		return "", fmt.Errorf("has percent-escapes, but a file with the undecoded name %s exists: write each %% as %%25 to use it, or rename it", undecoded)
	}
	if !ok || strings.ContainsRune(name, 0) {
		return "", errors.New("must have %25 for each % in the file name, because % begins an escape such as %20 for a space")
	}
	return DatabaseURL(text), nil
}

func isPostgres(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// parsePostgres parses a PostgreSQL URL. The driver accepts more than URLs, such as several hosts. It also accepts special
// characters in a password, but with @ or / it takes a part of the password for the host or the database, and prints it.
// So these are errors here. An error quotes no part of the URL.
func parsePostgres(text string) (*pgconn.Config, error) {
	const encode = "write special characters of a user name or password percent-encoded, such as %40 for @, %2F for / and %25 for %"
	scheme, rest, _ := strings.Cut(text, "://")
	login, place, hasLogin := strings.Cut(rest, "@")
	switch {
	case !isPostgres(text):
		return nil, errors.New("must be a postgres:// URL")
	case hasLogin && (strings.Contains(login, "/") || strings.Contains(place, "@")):
		return nil, errors.New("is ambiguous: " + encode)
	}
	config, err := pgxpool.ParseConfig(text)
	if err == nil {
		return &config.ConnConfig.Config, nil
	}
	// The driver's message quotes the URL, so find the part that it does not accept.
	if !hasLogin {
		place = rest
	}
	server, _, _ := strings.Cut(place, "?")
	if _, err := pgxpool.ParseConfig(scheme + "://" + server); err != nil {
		return nil, errors.New("has an invalid host, port or database name: it must be a URL such as postgres://user:password@host:5432/database")
	}
	if _, err := pgxpool.ParseConfig(scheme + "://" + place); err != nil {
		return nil, errors.New("has an invalid parameter after ?, such as an unknown sslmode or a certificate that is not readable")
	}
	return nil, errors.New("has an invalid user name or password: " + encode)
}
