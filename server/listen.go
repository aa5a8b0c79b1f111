package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Listen opens the TCP port on the host. An empty host means all interfaces, and port 0 means any free port. For 127.0.0.1, it
// also opens ::1 if the machine has IPv6, because localhost can mean either. If another program uses the port, the error
// is a syscall.EADDRINUSE with advice.
func Listen(ctx context.Context, host string, port int) ([]net.Listener, error) {
	first, err := listen(ctx, host, port)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, inUse(port)
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
		return listeners, nil // the machine has no IPv6
	}
	_ = first.Close()
	if port == 0 {
		return Listen(ctx, host, port) // the port is free on one address and in use on the other: try another one
	}
	return nil, inUse(port)
}

func inUse(port int) error {
	return fmt.Errorf("port %d is in use by another program; stop it or choose another port (%w)", port, syscall.EADDRINUSE)
}

func listen(ctx context.Context, host string, port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

// PortOf returns the TCP port of listeners from Listen.
func PortOf(listeners []net.Listener) int {
	addr, _ := listeners[0].Addr().(*net.TCPAddr)
	return addr.Port
}
