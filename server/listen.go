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
// as well where there is one, since programs take localhost for either. Returns syscall.EADDRINUSE, wrapped in what to do
// about it, if another program has the port.
func Listen(ctx context.Context, host string, port int) ([]net.Listener, error) {
	first, err := listen(ctx, host, port)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, inUseError{port}
	case err != nil:
		return nil, err
	}
	listeners := []net.Listener{first}
	if host != "127.0.0.1" {
		return listeners, nil
	}
	second, err := listen(ctx, "::1", PortOf(listeners))
	switch {
	case err == nil:
		return append(listeners, second), nil
	case !errors.Is(err, syscall.EADDRINUSE):
		return listeners, nil // this machine has no IPv6
	}
	_ = first.Close()
	if port == 0 {
		return Listen(ctx, host, port) // the port that was free on one address is taken on the other: try the next
	}
	return nil, inUseError{port}
}

// inUseError is a syscall.EADDRINUSE that says what to do.
type inUseError struct{ port int }

func (e inUseError) Error() string {
	return fmt.Sprintf("port %d is in use by another program; stop it or choose another port", e.port)
}

func (e inUseError) Unwrap() error { return syscall.EADDRINUSE }

func listen(ctx context.Context, host string, port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

// PortOf returns the TCP port of what Listen returned.
func PortOf(listeners []net.Listener) int {
	addr, _ := listeners[0].Addr().(*net.TCPAddr)
	return addr.Port
}
