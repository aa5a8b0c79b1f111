package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"menu-api/authz"
	"menu-api/items"
	"menu-api/items/feed"
)

// problem is the one shape of an error answer (RFC 9457 section 3.1).
type problem struct {
	Type     string             `json:"type"`
	Title    string             `json:"title"`
	Status   int                `json:"status"`
	Detail   string             `json:"detail"`
	Instance string             `json:"instance"` // the request id, under which the log has the cause
	Errors   []items.FieldError `json:"errors,omitempty"`

	retryAfter time.Duration // sent as Retry-After when positive
	etag       string        // sent as ETag when set
}

// typePrefix makes a problem type of a slug. A URN, since the types have no page of their own to point to.
const typePrefix = "urn:problem-type:menu-api:"

// statusClientClosedRequest is what the log shows for a client that hung up. Nobody is there to read it as an answer.
const statusClientClosedRequest = 499

var (
	errNoRoute     = errors.New("no such route")
	errNoMethod    = errors.New("no such method on the route")
	errOrigin      = errors.New("the origin is not on the list")
	errDraining    = errors.New("the server is shutting down")
	errPanic       = errors.New("panic")
	errBusy        = errors.New("too many requests at the same time")
	errRateLimited = errors.New("rate limited")
)

// problemOf is the one place where an error becomes a status and a text for the client. What an error says itself is for
// the log; only the errors of items about the client's own input are passed on.
func problemOf(err error) problem {
	var (
		invalid     *items.ValidationError
		media       *items.MediaTypeError
		tooLarge    *http.MaxBytesError
		stale       *items.StaleError
		forbidden   *authz.ForbiddenError
		noKeys      *authz.KeysUnavailableError
		rateLimited *rateLimitError
	)
	switch {
	case errors.Is(err, errNoRoute):
		return newProblem(http.StatusNotFound, "no-such-route", "There is nothing at this path. The menu is at /items.")
	case errors.Is(err, errNoMethod):
		return newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "This path does not have this method. The Allow header lists those it has.")
	case errors.Is(err, errOrigin):
		return newProblem(http.StatusForbidden, "origin-not-allowed", "Pages from this origin may not call this API. Its operator sets the list in CORS_ALLOWED_ORIGINS.")

	case errors.Is(err, authz.ErrMissing):
		return newProblem(http.StatusUnauthorized, "token-missing", "This request needs an access token, sent once, as: Authorization: Bearer <token>")
	case errors.Is(err, authz.ErrMalformed):
		return newProblem(http.StatusUnauthorized, "token-malformed", "The access token is not a well-formed JWT. Send it whole and unchanged.")
	case errors.Is(err, authz.ErrExpired):
		return newProblem(http.StatusUnauthorized, "token-expired", "The access token expired. Sign in again to get a new one.")
	case errors.Is(err, authz.ErrInvalid):
		return newProblem(http.StatusUnauthorized, "token-invalid", "The access token is not valid for this API. Ask your identity provider for one with this API's audience.")
	case errors.As(err, &forbidden):
		return newProblem(http.StatusForbidden, "permission-missing", "The access token does not hold the permission "+forbidden.Permission+".")
	case errors.Is(err, authz.ErrForbidden):
		return newProblem(http.StatusForbidden, "permission-missing", "The access token does not hold the permission for this.")
	case errors.As(err, &noKeys):
		p := newProblem(http.StatusServiceUnavailable, "signing-keys-unavailable", "The identity provider's signing keys cannot be had right now, so no token can be checked. Try again.")
		p.retryAfter = noKeys.RetryAfter
		return p
	case errors.As(err, &rateLimited):
		p := newProblem(http.StatusTooManyRequests, "too-many-requests", rateLimited.detail)
		p.retryAfter = rateLimited.retryAfter
		return p

	case errors.As(err, &media):
		return newProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", capitalise(media.Error())+".")
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "body-too-large", "The request body is larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes.")
	case errors.Is(err, items.ErrBody) && errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, "body-too-slow", "The request body did not arrive in time.")
	case errors.Is(err, items.ErrBody):
		return newProblem(http.StatusBadRequest, "body-unreadable", "The request body could not be read to its end.")
	case errors.As(err, &invalid):
		p := newProblem(http.StatusBadRequest, "invalid-request", invalid.Detail)
		p.Errors = invalid.Fields
		return p
	case errors.Is(err, items.ErrNotFound):
		return newProblem(http.StatusNotFound, "no-such-item", "No item has this id.")
	case errors.Is(err, items.ErrConflict):
		p := newProblem(http.StatusPreconditionFailed, "precondition-failed", "The item is not what If-Match or If-None-Match asks for. Its ETag is in the ETag header; get it again before you change it.")
		if errors.As(err, &stale) {
			p.etag = stale.ETag
		}
		return p

	case errors.Is(err, items.ErrNotDeleted):
		return newProblem(http.StatusConflict, "item-not-deleted", "The item is on the menu. Only a deleted item can be restored.")
	case errors.Is(err, items.ErrKeyReused):
		return newProblem(http.StatusUnprocessableEntity, "idempotency-key-reused", "This Idempotency-Key was used for another request. Take a new key for each request, and the same one for its retries.")
	case errors.Is(err, items.ErrKeyInFlight):
		p := newProblem(http.StatusConflict, "idempotency-key-in-flight", "A request with this Idempotency-Key is still in progress. Try again to get its answer.")
		p.retryAfter = time.Second
		return p

	case errors.Is(err, items.ErrUncertain):
		p := newProblem(http.StatusServiceUnavailable, "outcome-unknown", "The connection to the menu was lost on the way, so the change may or may not have been made. Look before you try again, or try again with the same Idempotency-Key.")
		p.retryAfter = time.Second
		return p
	case errors.Is(err, context.Canceled):
		return newProblem(statusClientClosedRequest, "client-closed-request", "The client closed the connection.")
	case errors.Is(err, items.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		p := newProblem(http.StatusServiceUnavailable, "store-unavailable", "The menu cannot be reached right now. Nothing was changed. Try again.")
		p.retryAfter = time.Second
		return p
	case errors.Is(err, errBusy):
		p := newProblem(http.StatusServiceUnavailable, "too-busy", "The server has as many requests as it can serve at a time. Try again.")
		p.retryAfter = time.Second
		return p
	case errors.Is(err, feed.ErrTooManyClients):
		p := newProblem(http.StatusServiceUnavailable, "too-many-event-clients", "As many clients follow the menu as this server allows. Try again later, or read /items now and then.")
		p.retryAfter = 10 * time.Second
		return p
	case errors.Is(err, errDraining), errors.Is(err, feed.ErrEnded):
		p := newProblem(http.StatusServiceUnavailable, "shutting-down", "The server is shutting down. Try again.")
		p.retryAfter = time.Second
		return p
	default:
		return newProblem(http.StatusInternalServerError, "internal-error", "Something went wrong on our side. The request id in instance helps to find out what.")
	}
}

func newProblem(status int, slug, detail string) problem {
	title := http.StatusText(status)
	if title == "" {
		title = "Client Closed Request"
	}
	return problem{Type: typePrefix + slug, Title: title, Status: status, Detail: detail}
}

type problemKey struct{}

// problemTypeOf returns the slug of the problem that the request was answered with, "" without one.
func problemTypeOf(c *gin.Context) string {
	slug, _ := c.Get(problemKey{})
	s, _ := slug.(string)
	return s
}

// renderProblems answers a request that a handler failed with the problem of its last error.
func renderProblems(hideDetails bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		sent := watchBody(c)
		c.Next()
		failure := c.Errors.Last()
		if failure == nil || c.Writer.Written() {
			return
		}
		p := problemOf(failure.Err)
		p.Instance = idOf(c)
		c.Set(problemKey{}, strings.TrimPrefix(p.Type, typePrefix))
		if hideDetails && p.Status == http.StatusBadRequest {
			p.Detail, p.Errors = "The request is not valid.", nil
		}
		if p.retryAfter > 0 {
			c.Header("Retry-After", strconv.Itoa(wholeSeconds(p.retryAfter)))
		}
		if p.etag != "" {
			c.Header("ETag", p.etag)
		}
		body, err := json.Marshal(p)
		if err != nil {
			panic("server: a problem document does not encode: " + err.Error())
		}
		if c.Writer.Header().Get("Cache-Control") == "" {
			c.Header("Cache-Control", "no-store") // an error is never worth keeping
		}
		if !sent.ended {
			// net/http reads a body that nobody read before it sends the answer. A client that is slow with it, or never
			// sends it, is told sooner.
			_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(unreadBodyTimeout))
		}
		c.Header("Content-Length", strconv.Itoa(len(body)))
		c.Data(p.Status, "application/problem+json", body)
	}
}

func capitalise(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// unreadBodyTimeout is how long a refusal waits for the rest of the body. The connection ends when it has not come.
const unreadBodyTimeout = 250 * time.Millisecond

// sentBody knows whether a request's body was read to its end. From then on net/http itself reads on the connection, to see
// whether the client hangs up, and would take a deadline for that: all later requests on it would be cancelled.
type sentBody struct {
	io.ReadCloser
	ended bool
}

// watchBody watches the body of the request for the handlers that come. net/http keeps the request as it was: it looks at
// the body's type after the handlers.
func watchBody(c *gin.Context) *sentBody {
	if c.Request.Body == http.NoBody {
		return &sentBody{ended: true}
	}
	watched := *c.Request
	body := &sentBody{ReadCloser: watched.Body}
	watched.Body = body
	c.Request = &watched
	return body
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// wholeSeconds rounds up: a client that comes back early is refused again.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// fail hands an error to renderProblems. The status is set already, so that nothing can make it look like a success.
func fail(c *gin.Context, err error) {
	c.Status(http.StatusInternalServerError)
	_ = c.Error(err)
	c.Abort()
}
