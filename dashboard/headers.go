package dashboard

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
)

// headers replaces the headers of an API by those of a page. They go on the assets as well: a worker lives under the
// policy that its own script came with.
func (d *Dashboard) headers(c *gin.Context) {
	c.Header("Content-Security-Policy", d.policy)
	c.Header("Permissions-Policy", permissions)
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
}

// permissions turns off what the page has no use for, so that nothing that gets into it has either.
const permissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), usb=()"

// contentPolicy is the Content-Security-Policy: scripts and styles of ours alone, none of them inline; connections to the
// API and the identity provider; pictures from anywhere, since the menu links to them.
func contentPolicy(issuer string) (string, error) {
	connect, frame := "'self'", "'none'"
	if issuer != "" {
		provider, err := originOf(issuer)
		if err != nil {
			return "", err
		}
		connect, frame = connect+" "+provider, provider
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"worker-src 'self'",
		"img-src 'self' data: https: http:",
		"connect-src " + connect,
		"frame-src " + frame, // the SDK renews a session in a hidden frame
		"form-action 'none'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; "), nil
}

// originOf returns the origin of a URL. It refuses what could end a directive of the policy and begin another.
func originOf(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"") {
		return "", fmt.Errorf("dashboard: the issuer %q is not a URL", link)
	}
	return u.Scheme + "://" + u.Host, nil
}
