package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/storetest"
	"menu-api/server"
)

// running is a server with its own listener.
type running struct {
	*api
	stop func()        // starts the shutdown
	done chan struct{} // closed at its end
	err  error         // what Serve returned
}

// serve starts a server. silent, if not nil, counts the connections that have had no response.
func serve(tb testing.TB, change func(*server.Options), silent *atomic.Int64) *running {
	tb.Helper()
	a, options := newParts(tb)
	if change != nil {
		change(&options)
	}
	options.Feed = storetest.MustFollow(tb, options.Store)
	s := newServer(tb, options)
	listeners, err := server.Listen(context.Background(), "127.0.0.1", 0)
	must(tb, err)
	if silent != nil {
		for i, l := range listeners {
			listeners[i] = countingListener{l.(*net.TCPListener), silent}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{api: a, stop: cancel, done: make(chan struct{})}
	a.url = "http://" + listeners[0].Addr().String()
	go func() {
		defer close(r.done)
		r.err = s.Serve(ctx, listeners...)
	}()
	tb.Cleanup(func() {
		a.client.CloseIdleConnections() // otherwise the shutdown would wait for them briefly
		cancel()
		<-r.done
	})
	return r
}

// countingListener counts the connections that the server accepted but closed without a response.
type countingListener struct {
	*net.TCPListener
	silent *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.TCPListener.Accept()
	if err != nil {
		return nil, err
	}
	l.silent.Add(1)
	return &countingConn{Conn: conn, silent: l.silent}, nil
}

type countingConn struct {
	net.Conn
	silent *atomic.Int64
	once   sync.Once
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.once.Do(func() { c.silent.Add(-1) })
	return c.Conn.Write(p)
}

// TestNoRequestIsCutOff stops the server under a load of writes, on open and on new connections. Until
// connections are refused, every request gets a response, and every 201 is an item on the disk.
func TestNoRequestIsCutOff(t *testing.T) {
	t.Parallel()
	var store items.Store
	var silent atomic.Int64
	r := serve(t, func(o *server.Options) { store = o.Store }, &silent)
	token := r.issuer.Token(t, items.CreateItems)
	var created atomic.Int64
	var wg sync.WaitGroup
	for worker := range 16 {
		kept := worker%2 == 0
		// Without the check against the document, which could hold up a client for longer than the drain delay.
		client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
		t.Cleanup(client.CloseIdleConnections)
		wg.Go(func() {
			for {
				request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/items", strings.NewReader(soup))
				if err != nil {
					t.Error(err)
					return
				}
				request.Close = !kept
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Authorization", "Bearer "+token)
				response, err := client.Do(request)
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					return
				case errors.Is(err, syscall.ECONNRESET) && !kept:
					// The listener closed between the client's connect and Accept. silent proves that the server had not accepted
					// the connection.
					return
				case err != nil:
					t.Errorf("a request was cut off: %v", err)
					return
				case response.StatusCode == http.StatusCreated:
					created.Add(1)
				default:
					t.Errorf("got %s, want 201", response.Status)
				}
				_, _ = io.Copy(io.Discard, response.Body) // otherwise the connection is not reused
				_ = response.Body.Close()
			}
		})
	}
	waitFor(t, func() bool { return created.Load() > 100 })
	r.stop()
	wg.Wait()
	<-r.done
	if r.err != nil {
		t.Errorf("Serve: %v", r.err)
	}
	if n := silent.Load(); n != 0 {
		t.Errorf("got %d connections that were accepted and closed without a response, want none", n)
	}
	menu, err := store.List(context.Background(), items.Query{})
	must(t, err)
	if got, want := int64(len(menu)), created.Load()+3; got != want {
		t.Errorf("got %d items, want %d: three from the start and one for each 201", got, want)
	}
}

func TestReadinessEndsFirst(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	r := serve(t, func(o *server.Options) {
		o.Store = brokenStore{o.Store, func(context.Context) error {
			select {
			case <-arrived: // only the first call waits
			default:
				close(arrived)
				<-release
			}
			return nil
		}}
	}, nil)
	r.do("GET", "/items", "").assertStatus(t, 200) // loads the document, which may take longer than the drain delay
	slow := make(chan answer)
	go func() { slow <- r.do("GET", "/items/1", "") }()
	<-arrived
	r.stop()
	waitFor(t, func() bool { return r.do("GET", "/readyz", "").status == 503 })
	r.do("GET", "/items", "").assertStatus(t, 200) // still served
	close(release)
	if got := <-slow; got.status != 200 || got.body != burger {
		t.Errorf("the request in progress: got %d %s, want its response", got.status, got.body)
	}
	<-r.done
	if r.err != nil {
		t.Errorf("Serve: %v", r.err)
	}
}

func TestGraceIsBounded(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	r := serve(t, func(o *server.Options) {
		o.ShutdownGrace = time.Second
		o.Store = brokenStore{o.Store, func(ctx context.Context) error {
			close(arrived)
			<-ctx.Done()
			return ctx.Err()
		}}
	}, nil)
	go func() {
		request, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, r.url+"/items/1", http.NoBody)
		if response, err := r.client.Do(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	<-arrived
	start := time.Now()
	r.stop()
	<-r.done
	if r.err == nil || !strings.Contains(r.err.Error(), "SHUTDOWN_GRACE") {
		t.Errorf("got %v, want an error that names SHUTDOWN_GRACE", r.err)
	}
	if waited := time.Since(start); waited > 8*time.Second { // a request may take ten
		t.Errorf("waited %s for a grace of 1s", waited)
	}
}

// Browsers open connections in advance. The shutdown does not wait for a connection without a request.
func TestShutdownDoesNotWaitForUnusedConnections(t *testing.T) {
	t.Parallel()
	r := serve(t, func(o *server.Options) { o.ShutdownGrace = 2 * time.Second }, nil)
	mustDial(t, r.url)
	r.do("GET", "/items", "").assertStatus(t, 200) // by now the server has accepted both connections
	start := time.Now()
	r.stop()
	<-r.done
	if waited := time.Since(start); r.err != nil || waited > 1900*time.Millisecond {
		t.Errorf("got %v after %s, want a shutdown within 2s", r.err, waited)
	}
}

func TestShutdownWithoutClientsIsImmediate(t *testing.T) {
	t.Parallel()
	r := serve(t, nil, nil)
	start := time.Now()
	r.stop()
	<-r.done
	if waited := time.Since(start); r.err != nil || waited > time.Second {
		t.Errorf("got %v after %s, want an immediate shutdown", r.err, waited)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	listeners, err := server.Listen(context.Background(), "127.0.0.1", 0)
	must(t, err)
	t.Cleanup(func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	})
	for _, l := range listeners {
		if port := l.Addr().(*net.TCPAddr).Port; port != server.PortOf(listeners) {
			t.Errorf("got ports %d and %d, want the same for both families", port, server.PortOf(listeners))
		}
	}
	if _, err := server.Listen(context.Background(), "127.0.0.1", server.PortOf(listeners)); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Errorf("got %v for a port in use, want an error that says so", err)
	}
	if len(listeners) == 2 { // with IPv6, a program that uses the port only on ::1 conflicts, too
		_ = listeners[0].Close()
		if _, err := server.Listen(context.Background(), "127.0.0.1", server.PortOf(listeners)); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("got %v for a port in use on ::1, want EADDRINUSE", err)
		}
	}
	if _, err := server.Listen(context.Background(), "192.0.2.1", 0); err == nil {
		t.Error("got no error for an address of another machine")
	}
}

// A listener that fails ends the server with the reason.
func TestBrokenListener(t *testing.T) {
	t.Parallel()
	_, options := newParts(t)
	s := newServer(t, options)
	listeners, err := server.Listen(context.Background(), "127.0.0.1", 0)
	must(t, err)
	for _, l := range listeners {
		_ = l.Close()
	}
	if err := s.Serve(context.Background(), listeners...); err == nil {
		t.Error("got no error")
	}
}
