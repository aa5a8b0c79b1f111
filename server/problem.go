package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// problem is the body of every error response (RFC 9457 section 3.1).
type problem struct {
	Type     string             `json:"type"`
	Title    string             `json:"title"`
	Status   int                `json:"status"`
	Detail   string             `json:"detail"`
	Instance string             `json:"instance"` // the request id, under which the log has the cause
	Errors   []items.FieldError `json:"errors,omitempty"`

	retryAfter time.Duration // sent as Retry-After if positive
	etag       string        // sent as ETag unless empty
}

// typePrefix makes a URN of the slug of a problem type. The types have no page to point to.
const typePrefix = "urn:problem-type:menu-api:"

// statusClientClosedRequest is the status in the log for a client that has hung up. No client sees it.
const statusClientClosedRequest = 499

var (
	errNoRoute     = errors.New("no such route")
	errNoAPIRoute  = fmt.Errorf("%w under /api", errNoRoute)
	errNoMethod    = errors.New("no such method on the route")
	errOrigin      = errors.New("the origin is not on the list")
	errDraining    = errors.New("the server is shutting down")
	errPanic       = errors.New("panic")
	errBusy        = errors.New("too many requests at the same time")
	errRateLimited = errors.New("rate limited")
)

// problems maps each error to its status, the slug of its type, what to do, and when to retry. The first match counts, so a
// special case comes before the general one: ErrOpaque is also an ErrMalformed. The cause goes to the log; the client sees only
// this text, and what problemOf adds.
var problems = []struct {
	matches    func(error) bool
	status     int
	slug       string
	detail     string
	retryAfter time.Duration
}{
	{is(errNoAPIRoute), 404, "no-such-route", "There is nothing at this path. The menu is at /api/menu/items, and at /items in another form.", 0},
	{is(errNoRoute), 404, "no-such-route", "There is nothing at this path. The menu is at /items.", 0},
	{is(errNoMethod), 405, "method-not-allowed", "This path does not support this method. The Allow header lists the methods that it supports.", 0},
	{is(errOrigin), 403, "origin-not-allowed", "Pages from this origin may not call this API. Its operator sets the list in CORS_ALLOWED_ORIGINS.", 0},

	{is(authz.ErrMissing), 401, "token-missing", "This request needs an access token, sent once, as: Authorization: Bearer <token>", 0},
	{is(authz.ErrOpaque), 401, "token-malformed", "The access token is opaque, not a JWT: request one for this API (with Auth0, set the audience to this API's identifier).", 0},
	{is(authz.ErrEncrypted), 401, "token-malformed", "The access token is encrypted (a JWE), so only its issuer can read it: request a signed one for this API (with Auth0, set the audience to this API's identifier and turn off token encryption).", 0},
	{is(authz.ErrTooLong), 401, "token-malformed", "The access token is longer than " + strconv.Itoa(authz.MaxToken) + " bytes: configure the identity provider to put fewer claims into it.", 0},
	{is(authz.ErrMalformed), 401, "token-malformed", "The access token is not a well-formed JWT. Send it whole and unchanged.", 0},
	{is(authz.ErrExpired), 401, "token-expired", "The access token expired. Sign in again to get a new one.", 0},
	{is(authz.ErrInvalid), 401, "token-invalid", "The access token is not valid for this API. Ask your identity provider for one with this API's audience.", 0},
	{is(authz.ErrForbidden), 403, "permission-missing", "The access token does not have the permission for this request.", 0},
	{is(authz.ErrKeysUnavailable), 503, "signing-keys-unavailable", "The identity provider's signing key for this token is not available right now. Try again after the time in Retry-After.", 0},
	{is(errRateLimited), 429, "too-many-requests", "Too many requests. See Retry-After.", 0},

	{as[*items.MediaTypeError], 415, "unsupported-media-type", "", 0},
	{as[*http.MaxBytesError], 413, "body-too-large", "", 0},
	{isSlowBody, 408, "body-too-slow", "The request body did not arrive in time.", 0},
	{is(items.ErrBody), 400, "body-unreadable", "The request body could not be read to its end.", 0},
	{as[*items.ValidationError], 400, "invalid-request", "", 0},
	{is(items.ErrDeleted), 404, "item-deleted", "The item with this id was deleted. It can be restored.", 0},
	{is(items.ErrNotFound), 404, "no-such-item", "No item has this id.", 0},
	{is(items.ErrConflict), 412, "precondition-failed", "The item, or the menu, does not match If-Match or If-None-Match. The ETag header has the current ETag; read again before you change it.", 0},
	{is(items.ErrNotDeleted), 409, "item-not-deleted", "The item is on the menu. Only a deleted item can be restored.", 0},
	{is(items.ErrKeyReused), 422, "idempotency-key-reused", "This Idempotency-Key was used for another request. Use a new key for each request, and the same key for its retries.", 0},
	{is(items.ErrKeyInFlight), 409, "idempotency-key-in-flight", "A request with this Idempotency-Key is still in progress. Try again to get its response.", time.Second},

	// A write that may have been made must not look like one that was not, so ErrUncertain comes first.
	{is(items.ErrUncertain), 503, "outcome-unknown", "The connection to the database was lost, so the change may or may not have been made. Check before you try again, or try again with the same Idempotency-Key.", time.Second},
	{is(context.Canceled), statusClientClosedRequest, "client-closed-request", "The client closed the connection.", 0},
	{is(items.ErrUnavailable), 503, "store-unavailable", "The menu is not available right now. Nothing was changed. Try again.", time.Second},
	{is(context.DeadlineExceeded), 503, "store-unavailable", "The menu is not available right now. Nothing was changed. Try again.", time.Second},
	{is(items.ErrSearchTooSlow), 503, "search-too-slow", "The search took too long. Try again later, or list the menu without q.", time.Second},
	{is(errBusy), 503, "too-busy", "The server is handling as many requests as it can. Try again.", time.Second},
	{is(feed.ErrTooManyClients), 503, "too-many-event-clients", "The maximum number of event streams is open. Try again later, or poll /items.", 10 * time.Second},
	{is(errDraining), 503, "shutting-down", "The server is shutting down. Try again.", time.Second},
	{is(feed.ErrEnded), 503, "shutting-down", "The server is shutting down. Try again.", time.Second},
	{func(error) bool { return true }, 500, "internal-error", "Something went wrong on our side. The request id in instance helps to find the cause.", 0},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func isSlowBody(err error) bool {
	return errors.Is(err, items.ErrBody) && errors.Is(err, os.ErrDeadlineExceeded)
}

// problemOf returns the problem for an error, with what only the error knows: most of it is about the client's own input.
func problemOf(err error) problem {
	var p problem
	for _, row := range problems {
		if row.matches(err) {
			title := cmp.Or(http.StatusText(row.status), "Client Closed Request")
			p = problem{Type: typePrefix + row.slug, Title: title, Status: row.status, Detail: row.detail, retryAfter: row.retryAfter}
			break
		}
	}
	var (
		invalid     *items.ValidationError
		unknown     *items.UnknownItemsError
		media       *items.MediaTypeError
		tooLarge    *http.MaxBytesError
		stale       *items.StaleError
		forbidden   *authz.ForbiddenError
		noKeys      *authz.KeysUnavailableError
		rateLimited *rateLimitError
	)
	switch {
	case errors.As(err, &forbidden):
		p.Detail = "The access token does not have the permission " + forbidden.Permission + "."
	case errors.As(err, &noKeys):
		p.retryAfter = noKeys.RetryAfter
	case errors.As(err, &rateLimited):
		p.Detail, p.retryAfter = rateLimited.detail, rateLimited.retryAfter
	case errors.As(err, &media):
		p.Detail = strings.ToUpper(media.Error()[:1]) + media.Error()[1:] + "."
	case errors.As(err, &tooLarge):
		p.Detail = "The request body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes."
	case errors.As(err, &invalid):
		p.Detail, p.Errors = invalid.Detail, invalid.Fields
	case errors.As(err, &unknown):
		p.Detail = unknownDetail(unknown.IDs)
	case errors.As(err, &stale):
		p.etag = stale.ETag
	}
	return p
}

// unknownDetail names the ids in a request that no item ever had.
func unknownDetail(ids []int64) string {
	const most = 20
	names := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		names = append(names, strconv.FormatInt(id, 10))
	}
	detail := "There never was an item with the id " + strings.Join(names, ", ")
	if more := len(ids) - len(names); more > 0 {
		detail += " and " + strconv.Itoa(more) + " more"
	}
	return detail + ". Nothing was changed."
}

type problemKey struct{}

// problemTypeOf returns the slug of the problem in the response, "" without one.
func problemTypeOf(c *gin.Context) string { return c.GetString(problemKey{}) }

// renderProblems responds with the problem of the last error that a handler has added.
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
			c.Header("Cache-Control", "no-store") // errors must not be cached
		}
		if !sent.ended {
			// Before net/http sends the response, it reads the rest of the body. A client that sends it slowly, or never,
			// gets the response sooner.
			_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(unreadBodyTimeout))
		}
		c.Data(p.Status, "application/problem+json", body)
	}
}

// unreadBodyTimeout is how long an error response waits for the rest of the body. After that, the connection ends.
const unreadBodyTimeout = 250 * time.Millisecond

// sentBody knows whether the body of a request was read to its end. After that, net/http reads on the connection to notice
// when the client hangs up. A read deadline would then cancel all later requests on the connection.
type sentBody struct {
	io.ReadCloser
	ended bool
}

// watchBody watches the body while the next handlers read it. It copies the request, because net/http looks at the type of
// the original body after the handlers.
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

// wholeSeconds rounds up, so that no client retries too early.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
