package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
)

// connections counts the open connections of each peer: an address, or a /64 of IPv6.
type connections struct {
	perPeer int // the bound for a peer that is not trusted, 0 is no bound
	total   int // the bound for all peers, 0 is no bound
	trusted []netip.Prefix

	silent sync.Map // the connections that have not sent a request yet

	mu    sync.Mutex
	open  int
	peers map[string]int
}

// newConnections bounds the connections per peer. The bound for all peers is ten times as many, so that one peer cannot
// use them up, and one for each event stream, because proxies can have them all.
func newConnections(perPeer, eventClients int, trusted []string) (*connections, error) {
	c := &connections{perPeer: perPeer, peers: map[string]int{}}
	if perPeer > 0 && eventClients > 0 {
		c.total = 10*perPeer + eventClients
	}
	for _, text := range trusted {
		if addr, err := netip.ParseAddr(text); err == nil {
			text = netip.PrefixFrom(addr, addr.BitLen()).String()
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		c.trusted = append(c.trusted, prefix)
	}
	return c, nil
}

// track is the ConnState hook of http.Server. It closes a connection that exceeds a limit.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	switch state { //nolint:exhaustive // an idle connection stays open
	case http.StateNew:
		c.silent.Store(conn, nil)
		if !c.add(peerOf(conn)) {
			_ = conn.Close()
		}
	case http.StateActive:
		c.silent.Delete(conn)
	case http.StateClosed, http.StateHijacked:
		c.remove(peerOf(conn))
		c.silent.Delete(conn)
	}
}

// closeSilent closes the connections that have not sent a request yet.
func (c *connections) closeSilent() {
	c.silent.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close() //nolint:forcetypeassert // the only type in it
		return true
	})
}

// peerOf returns the address at the other end of the connection.
func peerOf(conn net.Conn) string {
	address := conn.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// add counts a connection until remove is called. It returns false if there are too many.
func (c *connections) add(peer string) bool {
	key := network(peer)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	c.peers[key]++
	if c.total > 0 && c.open > c.total {
		return false
	}
	return c.perPeer == 0 || c.peers[key] <= c.perPeer || c.trusts(peer)
}

func (c *connections) trusts(peer string) bool {
	addr, err := netip.ParseAddr(peer)
	addr = addr.Unmap().WithZone("")
	return err == nil && slices.ContainsFunc(c.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func (c *connections) remove(peer string) {
	key := network(peer)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.peers[key]--; c.peers[key] == 0 {
		delete(c.peers, key)
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}
