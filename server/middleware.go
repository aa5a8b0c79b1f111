package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"

	"menu-api/items"
	"menu-api/items/feed"
)

const requestIDHeader = "X-Request-Id"

// requestID sets the id of the request, which connects its response, its log lines and a client's bug report. It uses the id
// that the client sent, if that is valid. The id is stored in the header of the response.
func requestID(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !isUsableID(id) {
		id = rand.Text()
	}
	c.Header(requestIDHeader, id)
}

func idOf(c *gin.Context) string { return c.Writer.Header().Get(requestIDHeader) }

// isUsableID reports whether a request id from a client is safe in the log and in a response.
func isUsableID(id string) bool {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return id != "" && len(id) <= 64 && strings.Trim(id, safe) == ""
}

// recoverPanics turns a panic into a 500, and its stack into a log line.
func recoverPanics(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			switch p := recover(); {
			case p == nil:
				if panicked, ok := errors.AsType[*items.PanicError](lastError(c)); ok {
					logPanic(log, c, panicked.Value, panicked.Stack)
				}
			case p == http.ErrAbortHandler: //nolint:errorlint // net/http compares the value as well
				panic(p)
			default:
				logPanic(log, c, p, debug.Stack())
				if c.Writer.Written() {
					panic(http.ErrAbortHandler) // a partial response must not look complete
				}
				items.Fail(c, errPanic)
			}
		}()
		c.Next()
	}
}

// securityHeaders sets the headers that have an effect on every response. nosniff keeps a browser from running a JSON text
// as a script or showing it as a page. Everything else that protects a page is in pageHeaders.
func securityHeaders(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	if overTLS(c) {
		c.Header("Strict-Transport-Security", "max-age=31536000") // RFC 6797; over plain HTTP it must not be sent
	}
}

// pageHeaders sets the headers that have an effect only on a document and its assets. A page that needs more replaces the
// content security policy, which allows nothing.
func pageHeaders(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("Cross-Origin-Resource-Policy", "same-origin")
}

// requestTimeout is how long the handlers of one request may wait for the store or the keys.
const requestTimeout = items.ReadTimeout

// limitTime sets the deadline of a request. The routes that read the menu do not need it: they set a deadline only if they have
// to wait. Event streams have no deadline.
func limitTime(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), requestTimeout)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// opensStream reports whether the request opens an event stream, which lasts until the client leaves.
func opensStream(c *gin.Context) bool {
	return c.FullPath() == feed.Path && c.Request.Method == http.MethodGet
}

func isProbe(c *gin.Context) bool { return c.FullPath() == "/healthz" || c.FullPath() == "/readyz" }

// crossOrigin responds to preflights and sets the CORS headers for single-page applications on other origins (Fetch standard,
// section 3.2). It runs on the engine, because on a group a preflight gets 404. It never allows credentials: the API accepts
// only the Authorization header. Nil origins mean every origin.
func crossOrigin(origins []string) gin.HandlerFunc {
	config := cors.Config{
		AllowAllOrigins: origins == nil,
		AllowMethods:    []string{"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"},
		ExposeHeaders:   exposedHeaders,
		MaxAge:          10 * time.Minute,
	}
	if origins != nil {
		config.AllowOriginFunc = func(origin string) bool { return slices.Contains(origins, origin) }
	}
	return cors.New(config)
}

// exposedHeaders are the response headers that a page may read, in the spelling of the library.
var exposedHeaders = []string{
	"Etag", "Location", "Link", "Retry-After", "Www-Authenticate", requestIDHeader, "Ratelimit", "Ratelimit-Policy",
}

// maxAllowedHeaders is how long the list of headers in a preflight may be, in bytes.
const maxAllowedHeaders = 4 << 10

// allowHeaders allows the headers that a preflight asks for: no credentials need protection, and tracing libraries and
// frameworks add headers that no list contains.
func allowHeaders(c *gin.Context) {
	asked := c.GetHeader("Access-Control-Request-Headers")
	if c.Request.Method == http.MethodOptions && asked != "" && len(asked) <= maxAllowedHeaders && asked != "*" {
		c.Header("Access-Control-Allow-Headers", asked)
	}
}

// abortForeignOrigins aborts a request from an origin that is not on the list, with a problem document instead of the empty
// 403 of the CORS library. It also adds the CORS headers that every response needs.
func abortForeignOrigins(origins []string) gin.HandlerFunc {
	if origins == nil {
		// On every response, as in the NestJS application: a shared cache may give a page the response that curl got.
		exposed := strings.Join(exposedHeaders, ",")
		return func(c *gin.Context) {
			c.Header("Access-Control-Allow-Origin", "*")
			c.Header("Access-Control-Expose-Headers", exposed)
		}
	}
	return func(c *gin.Context) {
		c.Header("Vary", "Origin") // on every response, for the same reason
		origin, host := c.GetHeader("Origin"), c.Request.Host
		own := origin == "" || origin == "http://"+host || origin == "https://"+host
		if !own && !slices.Contains(origins, origin) {
			items.Fail(c, errOrigin)
		}
	}
}

// readyz reports whether the server can take requests. An identity provider that is down does not count: reads still work.
func (s *Server) readyz(c *gin.Context) {
	select {
	case <-s.draining:
		items.Fail(c, errDraining)
		return
	default:
	}
	if err := s.store.Ping(c.Request.Context()); err != nil {
		items.Fail(c, fmt.Errorf("%w: %w", items.ErrUnavailable, err))
		return
	}
	alive(c)
}

func alive(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
}
