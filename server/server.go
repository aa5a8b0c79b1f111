package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"menu-api/authz"
	"menu-api/dashboard"
	"menu-api/docs"
	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/server/telemetry"
)

// Options are the parts of a server and its settings.
type Options struct {
	Store items.Store
	// Cache is the response cache that the Store invalidates (see items.Instrument). If it is nil, New adds one.
	Cache *items.ResponseCache
	// Feed publishes the changes of the store. It must run as long as the server. If it is nil, the server publishes no events.
	Feed   *feed.ChangeFeed
	Guard  *authz.Guard
	Logger *slog.Logger
	// Metrics counts the requests. It is served on another listener, see Metrics.Handler.
	Metrics *telemetry.Metrics
	// Docs describes the identity provider to the API reference.
	Docs docs.Settings
	// Tracing records the requests as spans. It may be nil.
	Tracing *telemetry.Tracing
	// Dashboard holds the settings of the web page.
	Dashboard dashboard.Settings
	// CORSOrigins are the origins whose pages may call the API. Nil means every origin.
	CORSOrigins []string
	// TrustedProxies are the addresses and networks of proxies. The server uses X-Forwarded-For only from them.
	TrustedProxies []string
	// WritesPerMinute limits the writes of one subject. 0 means no limit.
	WritesPerMinute int
	// ReadsPerMinute limits the reads of the store for one address. 0 means no limit. A response from the cache does not count.
	ReadsPerMinute int
	// AuthFailuresPerMinute limits the requests with invalid tokens from one address. 0 means no limit.
	AuthFailuresPerMinute int
	// MaxConcurrent limits the requests in progress. 0 means no limit.
	MaxConcurrent int
	// MaxConnectionsPerAddress limits the open connections from one address, except from trusted proxies. The limit for all
	// addresses is ten times as many, plus one for each event stream. 0 means no limit.
	MaxConnectionsPerAddress int
	// MaxEventClients limits the open event streams, which MaxConcurrent does not count. 0 means no limit.
	MaxEventClients int
	// MemoryScarce reports whether reads that need memory must fail. It may be nil.
	MemoryScarce func() bool
	// Heartbeat is the interval of the comments that keep an event stream alive. 0 means 15 seconds.
	Heartbeat time.Duration
	// HideErrorDetails omits the errors of single fields from responses.
	HideErrorDetails bool
	// ShutdownGrace is how long requests in progress may take after the shutdown has begun.
	ShutdownGrace time.Duration
}

// Server is the API over HTTP.
type Server struct {
	store       items.Store
	grace       time.Duration
	http        *http.Server
	draining    chan struct{} // closed when the shutdown begins
	closing     atomic.Bool   // each connection closes after its next response
	connections *connections
	silent      sync.Map // the connections that have not sent a request yet
	menu        *items.Module
	events      *feed.Module
}

// New returns a server that does not listen yet. It returns an error if a trusted proxy is neither an address nor a network,
// or if the dashboard's issuer is not a URL.
func New(o Options) (*Server, error) {
	if o.Cache == nil {
		o.Cache = items.NewResponseCache()
		o.Store = items.Instrument(o.Store, o.Cache, nil)
	}
	s := &Server{store: o.Store, grace: o.ShutdownGrace, draining: make(chan struct{})}
	engine, err := s.routes(o)
	if err != nil {
		return nil, err
	}
	if s.connections, err = newConnections(o.MaxConnectionsPerAddress, o.MaxEventClients, o.TrustedProxies); err != nil {
		return nil, err
	}
	// Without these limits, a slow client could hold the memory of its connection for any length of time.
	s.http = &http.Server{
		Handler:           s.closeConnections(withoutTrailingSlash(engine)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         s.trackConnection,
		// The routes respond to OPTIONS * as well.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// EventClients returns how many clients follow the menu.
func (s *Server) EventClients() int64 { return s.events.Clients() }

// Serve serves the listeners until the context ends. Then it stops without cutting off a request (see shutdown). It returns nil
// if every request was completed.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	ended := make(chan error, len(listeners))
	var draining []*drainingListener
	for _, listener := range listeners {
		l := &drainingListener{Listener: listener}
		draining = append(draining, l)
		go func() { ended <- s.http.Serve(l) }()
	}
	select {
	case err := <-ended:
		_ = s.http.Close()
		return err
	case <-ctx.Done():
		return s.shutdown(draining, ended) //nolint:contextcheck // it begins when ctx has ended
	}
}
