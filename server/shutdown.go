package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	// drainDelay is the length of each of the two phases in which clients can leave by themselves.
	drainDelay = 500 * time.Millisecond
	// lastAccepts is how long a closed listener goes on accepting the connections in its queue.
	lastAccepts = 20 * time.Millisecond
)

// shutdown stops the server without cutting a request off. ended gets a value when Serve returns, for each listener.
//
// http.Server.Shutdown comes last, because it alone would cut requests off: it resets the connections in the queues of the
// listeners, closes idle connections to which a client is just sending a request, and drops a request that it reads after it
// was called.
func (s *Server) shutdown(listeners []*drainingListener, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	delay := min(drainDelay, s.grace/4)

	// From now on /readyz fails, so that load balancers choose another server. Requests are still served. Event streams end:
	// their clients connect again, elsewhere.
	close(s.draining)
	s.waitForClients(ctx, delay)

	// There are no new connections, and each open one ends with its next response. A busy client gets the time to send one
	// more request.
	for _, l := range listeners {
		_ = l.Close()
	}
	for range listeners {
		<-ended //nolint:errcheck // the listener is closed
	}
	s.closing.Store(true)
	s.waitForClients(ctx, delay)

	// A browser opens connections in advance. Shutdown would wait five seconds for their first request.
	s.connections.closeSilent()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
		return fmt.Errorf("requests still in progress after SHUTDOWN_GRACE (%s) were cut off", s.grace)
	}
	return nil
}

// waitForClients returns when all connections are closed, or after the delay.
func (s *Server) waitForClients(ctx context.Context, delay time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, delay)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.connections.count() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// closeConnections tells the client to close its connection after the response once the server is closing. It does the same
// where the end of a request is ambiguous (RFC 9112 section 6.1: Transfer-Encoding with Content-Length, or in HTTP/1.0), so
// that nothing after it is taken for another request. net/http hides which of the headers there were.
func (s *Server) closeConnections(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.closing.Load() || len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// drainingListener closes in two steps. Closing a socket resets the connections in its queue, whose clients may have sent a
// request already. So after Close, Accept empties the queue first.
type drainingListener struct{ net.Listener }

// Close makes Accept end soon.
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
