package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/viper"
	"golang.org/x/net/http/httpguts"
)

// parser turns the text of each setting into its value and collects what is wrong on the way.
type parser struct {
	values   *viper.Viper
	problems []Problem
}

func (p *parser) fail(key, format string, args ...any) {
	p.problems = append(p.problems, Problem{Key: key, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) text(key string) string { return strings.TrimSpace(p.values.GetString(key)) }

// off reports whether a setting is spelled as switched off.
func off(s string) bool {
	s = strings.ToLower(s)
	return s == "" || s == "off" || s == "none"
}

func (p *parser) bool(key string) bool {
	b, err := strconv.ParseBool(p.text(key))
	if err != nil {
		p.fail(key, "must be true or false, not %q", p.text(key))
	}
	return b
}

func (p *parser) port(key string) int {
	n, err := strconv.ParseUint(p.text(key), 10, 16)
	if err != nil {
		p.fail(key, "must be a port number from 0 to 65535, not %q", p.text(key))
	}
	return int(n)
}

func (p *parser) count(key string) int {
	n, err := strconv.ParseUint(p.text(key), 10, 31)
	if err != nil {
		p.fail(key, "must be a whole number, 0 for no limit, not %q", p.text(key))
	}
	return int(n)
}

func (p *parser) duration(key string, least, most time.Duration) time.Duration {
	d, err := time.ParseDuration(p.text(key))
	switch {
	case err != nil:
		p.fail(key, "must be a duration with its unit, such as 30s, not %q", p.text(key))
	case d < least || d > most:
		p.fail(key, "must be from %s to %s, not %s", least, most, d)
	}
	return d
}

func (p *parser) level(key string) slog.Level {
	switch strings.ToLower(p.text(key)) {
	case "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	p.fail(key, "must be debug, info, warn or error, not %q", p.text(key))
	return slog.LevelInfo
}

func (p *parser) oneOf(key string, allowed ...string) string {
	text := strings.ToLower(p.text(key))
	if text == "" || slices.Contains(allowed, text) {
		return text
	}
	p.fail(key, "must be %s or empty, not %q", strings.Join(allowed, ", "), text)
	return ""
}

// list splits a comma separated setting; blanks and empty parts fall away.
func (p *parser) list(key string) []string {
	var parts []string
	for part := range strings.SplitSeq(p.text(key), ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// names is a list that, where it is set, has an entry.
func (p *parser) names(key string) []string {
	names := p.list(key)
	if len(names) == 0 && p.text(key) != "" {
		p.fail(key, "must name at least one")
	}
	return names
}

// host takes an IP address or a host name, in brackets or not.
func (p *parser) host(key string) string {
	host := strings.Trim(p.text(key), "[]")
	if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":/ \t@") {
		p.fail(key, "must be an IP address or a host name without a port, not %q", host)
	}
	return host
}

func (p *parser) address(key string) string {
	text := p.text(key)
	if off(text) {
		return ""
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		p.fail(key, "must be host:port, such as 127.0.0.1:9090, not %q", text)
	}
	return text
}

// collector takes the base URL of a collector, plain http included: it often runs beside the program.
func (p *parser) collector(key string) string {
	text := p.text(key)
	if off(text) {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		p.fail(key, "must be the URL of a collector that takes OTLP over HTTP, such as http://localhost:4318")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		p.fail(key, "must not hold a user name, a query or a fragment; an API key goes into OTEL_EXPORTER_OTLP_HEADERS")
	}
	return text
}

// headers takes name=value pairs, separated by commas, the values percent-encoded. They may be secrets, so they are not
// quoted.
func (p *parser) headers(key string) Headers {
	var headers Headers
	for _, part := range p.list(key) {
		name, encoded, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if !ok || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			p.fail(key, "must be pairs such as x-api-key=value, separated by commas, with commas and percent signs in a value as %%2C and %%25")
			return nil
		}
		if headers == nil {
			headers = Headers{}
		}
		headers[name] = value
	}
	return headers
}

func (p *parser) networks(key string) []netip.Prefix {
	if off(p.text(key)) {
		return nil
	}
	var networks []netip.Prefix
	for _, part := range p.list(key) {
		network, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil {
			network, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			p.fail(key, "must be IP addresses or networks such as 10.0.0.0/8, separated by commas; %q is neither", part)
			continue
		}
		networks = append(networks, network)
	}
	return networks
}

// origins takes serialised origins (RFC 6454 section 6.1), or * alone. Nil means every origin.
func (p *parser) origins(key string) []string {
	parts := p.names(key)
	if len(parts) == 1 && parts[0] == "*" {
		return nil
	}
	origins := make([]string, 0, len(parts))
	for _, part := range parts {
		u, err := url.Parse(part)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Contains(u.Host, "*") ||
			strings.TrimSuffix(part, "/") != u.Scheme+"://"+u.Host {
			p.fail(key, "must be * alone, or origins such as https://menu.example.com separated by commas; %q is not one", part)
			continue
		}
		// Browsers send the host in lower case, and the port only where it is not the scheme's own (RFC 6454 section 4).
		origin := strings.ToLower(strings.TrimSuffix(part, "/"))
		origins = append(origins, strings.TrimSuffix(origin, map[string]string{"http": ":80", "https": ":443"}[u.Scheme]))
	}
	return origins
}

// issuer accepts an Auth0 domain as people copy it: bare, with https://, with or without the trailing slash. Auth0's iss
// claim ends in a slash; an issuer with a path belongs to another provider and is kept as it is written, since iss is
// compared to the letter.
func (p *parser) issuer(key string) string {
	text := p.text(key)
	if text == "" {
		return ""
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, ok := p.secureURL(key, text)
	if !ok {
		return ""
	}
	if strings.Contains(u.Path, "//") || strings.Contains(u.Path, ".well-known") {
		p.fail(key, "must be the issuer alone, such as https://tenant.eu.auth0.com/")
	}
	u.Host = strings.ToLower(u.Host)
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

func (p *parser) jwksURL(key, issuer string) string {
	text := p.text(key)
	if text == "" {
		return jwksURL(issuer)
	}
	u, ok := p.secureURL(key, text)
	if !ok {
		return ""
	}
	return u.String()
}

// jwksURL is where Auth0 and most OpenID providers publish their keys.
func jwksURL(issuer string) string {
	if issuer == "" {
		return ""
	}
	return strings.TrimSuffix(issuer, "/") + "/.well-known/jwks.json"
}

// secureURL parses an address from which trust is drawn: https, or http to this machine alone.
func (p *parser) secureURL(key, text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		p.fail(key, "must be an https URL, such as https://tenant.eu.auth0.com/")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		p.fail(key, "must not hold a user name, a query or a fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		p.fail(key, "must use https: over http anyone on the way could swap the signing keys (http is for localhost alone)")
	default:
		return u, true
	}
	return nil, false
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

// database takes an SQLite file or a PostgreSQL URL. The value may hold a password, so it is not quoted.
func (p *parser) database(key string) DatabaseURL {
	text := p.text(key)
	if strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") {
		// The driver's own parser, since it takes more than a URL: several hosts, for one. Its error hides the password.
		if _, err := pgxpool.ParseConfig(text); err != nil {
			p.fail(key, "must be a URL such as postgres://user:password@host:5432/database; the driver says: %s", firstLine(err))
		}
		return DatabaseURL(text)
	}
	file, ok := strings.CutPrefix(text, "sqlite:")
	switch {
	// What looks like a URI, a home folder or a host would become a strange file name.
	case !ok, strings.ContainsAny(file, "?#"), strings.HasPrefix(file, "~"), strings.HasPrefix(file, "file:"),
		strings.HasPrefix(file, "//") && !strings.HasPrefix(file, "///"):
		p.fail(key, "must be sqlite: and a plain file name, such as sqlite:data/menu.db or sqlite:/data/menu.db, or a postgres:// URL")
	case file == "" || strings.HasSuffix(file, "/") || path.Base(file) == "." || strings.Contains(file, ":memory:"):
		p.fail(key, "must name a file, such as sqlite:data/menu.db; a menu kept in memory would be lost at every restart")
	}
	return DatabaseURL(text)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// SQLiteFile returns the file name of an SQLite database. It is false for a database of another kind.
func (d DatabaseURL) SQLiteFile() (file string, ok bool) {
	file, ok = strings.CutPrefix(string(d), "sqlite:")
	if rest, isURL := strings.CutPrefix(file, "//"); isURL {
		return rest, ok // sqlite:///data/menu.db is the absolute /data/menu.db
	}
	return file, ok
}
