// Package server combines the parts of the API into one HTTP handler, and maps every error to a response.
package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
	"menu-api/dashboard"
	"menu-api/docs"
	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/items/whatabyte"
)

func init() { gin.SetMode(gin.ReleaseMode) } // the debug mode prints to standard output, which is for the log

// routes adds all routes. Middleware runs in the order of the list, so earlier middleware also sees the responses of later.
func (s *Server) routes(o Options) (*gin.Engine, error) {
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false // see withoutTrailingSlash
	engine.UseRawPath = true             // %2F is part of an id, not a separator: a proxy in front would disagree
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := engine.SetTrustedProxies(o.TrustedProxies); err != nil {
		return nil, err
	}
	engine.Use(requestID)
	if len(o.TrustedProxies) > 0 {
		engine.Use(normalizeForwardedFor)
	}
	if o.Tracing != nil {
		engine.Use(traceRequests(o.Tracing))
	}
	engine.Use(
		instrument(o.Logger, o.Metrics),
		renderProblems(o.HideErrorDetails),
		recoverPanics(o.Logger),
		securityHeaders,
		abortForeignOrigins(o.CORSOrigins),
		allowHeaders,
		crossOrigin(o.CORSOrigins),
		limitResponses(o.MaxConcurrent),
	)
	engine.NoMethod(takeSlot, noMethod)

	// A public route may respond from the cache. It takes a slot and sets a deadline only if it reads the store.
	public := engine.Group("/")
	bounded := engine.Group("/", takeSlot, limitTime)
	// A request waits for the issuer's keys without a slot, so that an issuer that hangs does not block the other requests.
	guarded := engine.Group("/", limitTime, limitAuthFailures(o.AuthFailuresPerMinute, o.Guard.Authenticate), takeSlot)

	for _, method := range []string{"GET", "HEAD"} {
		bounded.Handle(method, "/healthz", alive)
		bounded.Handle(method, "/readyz", s.readyz)
		guarded.Handle(method, "/me", me(o.Guard))
	}
	reads := newReadLimits(o.ReadsPerMinute, o.MemoryScarce)
	s.menu = items.NewModule(o.Store, o.Cache, items.Access{
		Require:   requireWithin(o.Guard, o.WritesPerMinute),
		Caller:    caller,
		Has:       o.Guard.Allows,
		BeginRead: reads.beginUntilResponse,
		CountRead: reads.start,
	})
	s.menu.Mount(public, guarded)
	whatabyte.Mount(s.menu, public, guarded)
	// The cache must not keep what another process has changed.
	o.Feed.OnChange(o.Cache.Changed)
	s.events = feed.NewModule(o.Feed, feed.Options{
		MaxClients: o.MaxEventClients, Heartbeat: o.Heartbeat, BeginRead: reads.beginCounted, Closing: s.draining,
	})
	s.events.Mount(public.Group("/", reads.requireMemory))

	page, err := dashboard.New(dashboard.Options{
		Settings: o.Dashboard,
		Menu:     func(ctx context.Context) (any, error) { return s.menu.Overview(ctx, dashboard.PageSize) },
		Item:     s.itemOfPage,
		Cache:    s.menu.Page,
	})
	if err != nil {
		return nil, err
	}
	// A browser gets a page, and a client of the API a problem document.
	engine.NoRoute(takeSlot, func(c *gin.Context) {
		if dashboard.AcceptsPage(c) {
			pageHeaders(c)
			page.ServeUnknown(c)
			return
		}
		noRoute(c)
	})
	page.Mount(bounded.Group("/", pageHeaders))

	docs.NewModule(o.Docs).Mount(engine.Group("/", takeSlot, pageHeaders))

	return engine, nil
}

// itemOfPage returns the item that a page of the dashboard shows, nil if no item has the id.
func (s *Server) itemOfPage(ctx context.Context, id string) (*dashboard.Item, error) {
	found, err := s.menu.Find(ctx, id)
	if errors.Is(err, items.ErrNotFound) {
		return nil, nil
	}
	return &dashboard.Item{JSON: found, Name: found.Name, Description: found.Description, Image: found.Image}, err
}

// caller returns who makes a request that has passed the guard.
func caller(c *gin.Context) (subject, name string) {
	principal, _ := authz.PrincipalOf(c)
	return principal.Subject, principal.Name
}

// withoutTrailingSlash serves /items/ as /items, as the NestJS application does. Gin would redirect, and clients drop the
// Authorization header or the body when they follow a redirect.
func withoutTrailingSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) > 1 {
			r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
			r.URL.RawPath = strings.TrimSuffix(r.URL.RawPath, "/")
		}
		next.ServeHTTP(w, r)
	})
}

func noRoute(c *gin.Context) {
	if strings.HasPrefix(c.Request.URL.Path, "/api") {
		items.Fail(c, errNoAPIRoute)
		return
	}
	items.Fail(c, errNoRoute)
}

// noMethod responds to a method that the path does not support. Gin has set the Allow header, which is all that OPTIONS asks
// for.
func noMethod(c *gin.Context) {
	if c.Request.Method == http.MethodOptions {
		c.Status(http.StatusNoContent)
		return
	}
	items.Fail(c, errNoMethod)
}
