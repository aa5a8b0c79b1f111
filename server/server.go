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
	// Feed publishes the changes of the store. It must run as long as the server. If it is nil, no events are published.
	Feed   *feed.ChangeFeed
	Guard  *authz.Guard
	Logger *slog.Logger
	// Metrics counts the requests. It is served on another listener, see Metrics.Handler.
	Metrics *telemetry.Metrics
	// Docs is what the reference has to know of the identity provider.
	Docs docs.Settings
	// Tracing records the requests as spans. It may be nil.
	Tracing *telemetry.Tracing
	// Dashboard is what the web page has to know of the identity provider.
	Dashboard dashboard.Settings
	// CORSOrigins may call the API from a page. Nil means every origin.
	CORSOrigins []string
	// TrustedProxies are the addresses and networks whose X-Forwarded-For is believed.
	TrustedProxies []string
	// WritesPerMinute bounds the writes of one subject, 0 is no bound.
	WritesPerMinute int
	// ReadsPerMinute bounds the reads of the store for one address, 0 is no bound. Other reads do not count.
	ReadsPerMinute int
	// AuthFailuresPerMinute bounds the failed tokens from one address, 0 is no bound.
	AuthFailuresPerMinute int
	// MaxConcurrent bounds the requests that are served at the same time, 0 is no bound.
	MaxConcurrent int
	// MaxConnectionsPerAddress bounds the open connections from one address, except from trusted proxies. Ten times as many,
	// plus one for each event stream, is the bound for all addresses. 0 is no bound.
	MaxConnectionsPerAddress int
	// MaxEventClients bounds the event streams at the same time, which MaxConcurrent does not count. 0 is no bound.
	MaxEventClients int
	// MemoryScarce reports whether reads that need memory must fail. It may be nil.
	MemoryScarce func() bool
	// Heartbeat is how often an event stream says that it is alive. 0 is items.DefaultHeartbeat.
	Heartbeat time.Duration
	// HideErrorDetails leaves out what is wrong with which field.
	HideErrorDetails bool
	// ShutdownGrace is how long requests in progress may take once the server is told to stop.
	ShutdownGrace time.Duration
}

// Server is the API over HTTP.
type Server struct {
	store       items.Store
	grace       time.Duration
	http        *http.Server
	draining    chan struct{} // closed when the shutdown begins
	closing     atomic.Bool   // connections are to close
	connections *connections
	silent      sync.Map // of connections without a request so far
	menu        *items.Module
	events      *feed.Module
}

// New returns a server that does not listen yet. It returns an error if a trusted proxy is not an address or network, or
// the dashboard's issuer is not a URL.
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
	// Without these limits one slow client per connection holds memory for as long as it likes.
	s.http = &http.Server{
		Handler:           s.closeConnections(withoutTrailingSlash(engine)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         s.trackConnection,
		// OPTIONS * is answered by the routes like everything else.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// Handler returns the API as an http.Handler.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// EventClients returns how many clients follow the menu.
func (s *Server) EventClients() int64 { return s.events.Clients() }

// Serve serves the listeners until the context ends, then stops without cutting a request off (see shutdown). It returns
// nil after an orderly stop.
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
		return s.shutdown(draining, ended)
	}
}
