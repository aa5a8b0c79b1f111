package server

import (
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
)

// normalizeForwardedFor writes each address in X-Forwarded-For in the form that Gin understands: without a port, and an
// IPv4-mapped address as IPv4. Several header lines are one list (RFC 9110 section 5.3). Gin would read only the first line,
// which the client may have sent.
func normalizeForwardedFor(c *gin.Context) {
	const name = "X-Forwarded-For"
	lines := c.Request.Header.Values(name)
	if len(lines) == 0 {
		return
	}
	addresses := strings.Split(strings.Join(lines, ","), ",")
	for i, text := range addresses {
		text = strings.TrimSpace(text)
		if withPort, err := netip.ParseAddrPort(text); err == nil {
			text = withPort.Addr().String()
		}
		if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
			text = addr.Unmap().WithZone("").String()
		}
		addresses[i] = text
	}
	c.Request.Header.Set(name, strings.Join(addresses, ", "))
}

// overTLS reports whether the client's connection is encrypted, directly or according to a trusted proxy. The two addresses
// differ only if Gin trusts the proxy.
func overTLS(c *gin.Context) bool {
	return c.Request.TLS != nil || c.GetHeader("X-Forwarded-Proto") == "https" && c.ClientIP() != c.RemoteIP()
}

// network returns the address range of one client: an IPv4 address, or an IPv6 /64, because a client can choose any address in
// its /64. It treats an IPv4-mapped IPv6 address as the IPv4 address.
func network(client string) string {
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return client
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
