package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// farewell is how long each of the two phases lasts in which clients may leave by themselves.
	farewell = 500 * time.Millisecond
	// lastAccepts is how long a listener that is closed goes on taking the connections that wait in its queue.
	lastAccepts = 20 * time.Millisecond
)

// drain stops without cutting a request off. net/http's Shutdown would: it drops the requests that it reads after it was
// called, and the connections that the operating system has accepted but the program has not. ended has an entry for
// each listener whose Serve has returned.
func (s *Server) drain(listeners []*drainingListener, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	wait := min(farewell, s.grace/4)

	// Load balancers are told to go elsewhere (readyz). Everyone is still served, but for those who follow the menu: they
	// come back by themselves, elsewhere.
	s.phase.Store(unready)
	close(s.stopping)
	waitUntil(ctx, wait, func() bool { return s.connections.open() == 0 })

	// No new connections. Those that are open are closed with the next answer (Connection: close). One that is idle when
	// the server closes it may have a request on its way, so clients that are at work get the time to send it.
	for _, l := range listeners {
		_ = l.Close()
	}
	for range listeners {
		<-ended //nolint:errcheck // that it has ended is all there is to know
	}
	s.phase.Store(closing)
	waitUntil(ctx, wait, func() bool { return s.connections.open() == 0 })
	waitUntil(ctx, s.grace, func() bool { return s.connections.busy() == 0 })

	cut := s.connections.busy()
	_ = s.http.Close() // of the connections; the listeners are closed
	if cut > 0 {
		return fmt.Errorf("%d requests still in progress after SHUTDOWN_GRACE (%s) were cut off", cut, s.grace)
	}
	return nil
}

// The phases of a server's life, in their order.
const (
	serving int32 = iota
	unready
	closing
)

func waitUntil(ctx context.Context, most time.Duration, condition func() bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// closeConnections has a client close its connection after the answer once the server is closing. It does the same where
// a request may have been framed in two ways (RFC 9112 section 6.1: Transfer-Encoding beside Content-Length, or in
// HTTP/1.0), so that what one of the two calls the next request is never read. net/http hides which headers there were.
func (s *Server) closeConnections(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.phase.Load() == closing || len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// connections knows what each connection is doing.
type connections struct {
	byConn sync.Map // of *connection by net.Conn
}

type connection struct {
	state  atomic.Int32 // a http.ConnState
	opened time.Time
}

// track is a http.Server's ConnState hook. It runs twice for each request, so it takes no lock that others may hold.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.byConn.Store(conn, &connection{opened: time.Now()}) // StateNew is 0
	case http.StateActive, http.StateIdle:
		if known, ok := c.byConn.Load(conn); ok {
			known.(*connection).state.Store(int32(state)) //nolint:forcetypeassert,gosec // there is nothing else in it, and the states are few
		}
	case http.StateClosed, http.StateHijacked:
		c.byConn.Delete(conn)
	}
}

func (c *connections) open() int { return c.count(func(*connection) bool { return true }) }

// busy counts the connections with a request in progress or, since they are new, on its way. One on which nothing came
// for a while is a browser's, opened in case it is needed.
func (c *connections) busy() int {
	return c.count(func(conn *connection) bool {
		switch http.ConnState(conn.state.Load()) {
		case http.StateActive:
			return true
		case http.StateNew:
			return time.Since(conn.opened) < farewell
		default:
			return false
		}
	})
}

func (c *connections) count(counts func(*connection) bool) (n int) {
	c.byConn.Range(func(_, conn any) bool {
		if counts(conn.(*connection)) { //nolint:forcetypeassert // there is nothing else in it
			n++
		}
		return true
	})
	return n
}

// drainingListener closes in two steps. Closing a socket resets the connections in its queue, with the requests that
// their clients have sent already. So Close gives Accept a last moment to empty the queue.
type drainingListener struct{ net.Listener }

// Close has Accept end soon.
func (l *drainingListener) Close() error {
	if d, ok := l.Listener.(interface{ SetDeadline(t time.Time) error }); ok && d.SetDeadline(time.Now().Add(lastAccepts)) == nil {
		return nil
	}
	return l.Listener.Close()
}

// Accept returns the next connection. It returns net.ErrClosed when Close was called and the queue is empty.
func (l *drainingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		_ = l.Listener.Close()
		return nil, net.ErrClosed
	}
	return conn, err
}
