package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"menu-api/authz"
	"menu-api/dashboard"
	"menu-api/docs"
	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/server/telemetry"
)

// Options are the parts of a server and its settings. A limit of 0 means no limit.
type Options struct {
	Store     items.Store
	Cache     *items.ResponseCache // that the Store invalidates (see items.Instrument)
	Feed      *feed.ChangeFeed     // of the store. It must run as long as the server.
	Guard     *authz.Guard
	Logger    *slog.Logger
	Metrics   *telemetry.Metrics // of this server alone. Another listener serves them, see Metrics.Handler.
	Tracing   *telemetry.Tracing // of the requests; may be nil
	Docs      docs.Settings
	Dashboard dashboard.Settings

	CORSOrigins    []string // whose pages may call the API. Nil means every origin.
	TrustedProxies []string // addresses and networks from which X-Forwarded-For counts

	WritesPerMinute       int // of one subject
	ReadsPerMinute        int // of the store, for one address. A response from the cache does not count.
	AuthFailuresPerMinute int // of one address
	MaxConcurrent         int // requests in progress
	MaxEventClients       int // open event streams, which MaxConcurrent does not count
	// MaxConnectionsPerAddress limits the open connections from one address, except from trusted proxies. The limit for all
	// addresses is ten times as many, plus one for each event stream.
	MaxConnectionsPerAddress int

	MemoryScarce     func() bool   // reports whether reads that need memory must fail
	Heartbeat        time.Duration // of the comments that keep an event stream alive; 0 means 15 seconds
	HideErrorDetails bool          // omits the errors of single fields from responses
	ShutdownGrace    time.Duration // for requests in progress when the shutdown begins
}

// Server is the API over HTTP.
type Server struct {
	store       items.Store
	grace       time.Duration
	http        *http.Server
	draining    chan struct{} // closed when the shutdown begins
	closing     atomic.Bool   // each connection closes after its next response
	connections *connections
	menu        *items.Module
	events      *feed.Module
}

// New returns a server that does not listen yet. It returns an error if a trusted proxy is neither an address nor a network,
// or if the dashboard's issuer is not a URL.
func New(o Options) (*Server, error) {
	s := &Server{store: o.Store, grace: o.ShutdownGrace, draining: make(chan struct{})}
	engine, err := s.routes(o)
	if err != nil {
		return nil, err
	}
	if s.connections, err = newConnections(o.MaxConnectionsPerAddress, o.MaxEventClients, o.TrustedProxies); err != nil {
		return nil, err
	}
	o.Metrics.Register(o.Guard.Metrics()...)
	o.Metrics.GaugeFunc("event_clients", "Open event streams.", func() float64 { return float64(s.events.Clients()) })
	// Without these limits, a slow client could hold the memory of its connection for any length of time.
	s.http = &http.Server{
		Handler:           s.closeConnections(withoutTrailingSlash(engine)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         s.connections.track,
		// The routes respond to OPTIONS * as well.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

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
