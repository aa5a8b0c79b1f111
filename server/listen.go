package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Listen opens the TCP port on the host; an empty host is all interfaces, port 0 a free one. For 127.0.0.1 it opens ::1
// as well where there is one, since programs take localhost for either. The error says what to do about a port in use.
func Listen(ctx context.Context, host string, port int) ([]net.Listener, error) {
	first, err := listen(ctx, host, port)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use by another program; stop it or choose another port", port)
	case err != nil:
		return nil, err
	}
	listeners := []net.Listener{first}
	if host == "127.0.0.1" {
		if second, err := listen(ctx, "::1", PortOf(listeners)); err == nil {
			listeners = append(listeners, second)
		}
	}
	return listeners, nil
}

func listen(ctx context.Context, host string, port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

// PortOf returns the TCP port of what Listen returned.
func PortOf(listeners []net.Listener) int {
	addr, _ := listeners[0].Addr().(*net.TCPAddr)
	return addr.Port
}
