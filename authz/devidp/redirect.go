package devidp

import (
	"net/url"
	"strconv"
	"strings"
)

// parseLoopbackURL accepts the URLs that a browser may be sent to, after sign-in and after sign-out: any path at any port
// of this machine, over plain http. It compares parsed components and never prefixes, since "http://localhost" is also the
// beginning of http://localhost.evil.com and http://localhost@evil.com (RFC 9700 section 4.1).
func parseLoopbackURL(raw string) (*url.URL, bool) {
	// Browsers read a backslash as a slash, drop tabs and line feeds, and trim blanks: what they would repair we refuse.
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' || c == '#' }) {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil, false
	}
	if scheme, _, _ := strings.Cut(raw, ":"); scheme != "http" { // url.Parse has put u.Scheme in lower case
		return nil, false
	}
	name, port, hasPort := strings.Cut(u.Host, ":")
	if name != "localhost" && name != "127.0.0.1" {
		return nil, false
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0 || strconv.FormatUint(n, 10) != port) {
		return nil, false
	}
	return u, true
}

// originOf returns the origin of a URL: its scheme, host and port.
func originOf(u *url.URL) string {
	return u.Scheme + "://" + u.Host
}

// withQuery returns a URL with parameters set in its query. Those it already has are kept, as RFC 6749 section 3.1.2 asks.
func withQuery(u *url.URL, set map[string]string) string {
	q := u.Query()
	for name, value := range set {
		if value != "" {
			q.Set(name, value)
		}
	}
	with := *u
	with.RawQuery = q.Encode()
	return with.String()
}
