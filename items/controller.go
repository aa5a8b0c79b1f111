package items

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Contract is one published JSON form of the menu. Two are served: /items, and package whatabyte.
type Contract struct {
	// Path is where the menu is, such as /items.
	Path string
	// ID reads the id in a path. An error is the response to the request.
	ID func(text string) (int64, error)
	// Decode reads the body of a write. pathID is the id in the path, "" without one.
	Decode func(body []byte, pathID string) (*Input, error)
	// Item and Menu return what encoding/json encodes for one item and for a list. A list is paged if the query has a
	// parameter of this API.
	Item func(Item) any
	Menu func(menu []Item, paged bool) any
	// NoContent says that PATCH and DELETE respond with 204 and no body.
	NoContent bool
}

// itemsContract is the contract of the NestJS application. Its list is an object keyed by id, except where the client asks
// for an order: the keys of a JavaScript object have none.
var itemsContract = Contract{
	Path: "/items",
	ID: func(text string) (int64, error) {
		id, ok := parseID(text)
		if !ok {
			return noID, &ValidationError{
				Detail: "The id in the path is not a positive integer.",
				Fields: []FieldError{{Field: "id", Message: "must be a positive integer, such as 1"}},
			}
		}
		return id, nil
	},
	Decode: func(body []byte, _ string) (*Input, error) { return DecodeInput(body) },
	Item:   func(item Item) any { return item },
	Menu: func(menu []Item, paged bool) any {
		if paged {
			return menu
		}
		return menuByID(menu)
	},
}

// Controller serves the requests of one contract: it decodes, calls the service, and responds. Errors go to the error
// renderer, which knows the HTTP status of each.
type Controller struct {
	Contract
	Service *Service

	cache  *ResponseCache
	access Access
}

// List responds with the items that the query asks for.
func (ctl Controller) List(c *gin.Context) {
	request := c.Request // load may outlast the handler, and with it the context c
	key := cacheKey{route: ctl.Path, query: request.URL.RawQuery}
	ctl.read(c, key, func(ctx context.Context) (*response, error) {
		listing, err := parseListing(request)
		if err != nil {
			return nil, err
		}
		menu, next, err := ctl.Service.List(ctx, listing.query)
		if err != nil {
			return nil, err
		}
		link := ""
		if next != nil {
			link = listing.next(ctl.Path, next)
		}
		rep, err := represent(ctl.Menu(menu, listing.paged))
		return &response{Content: rep.share(), link: link}, err
	})
}

// Get responds with one item.
func (ctl Controller) Get(c *gin.Context) {
	id, ok := ctl.pathID(c)
	if !ok {
		return
	}
	ctl.read(c, cacheKey{route: ctl.Path + "/:id", id: id}, func(ctx context.Context) (*response, error) {
		item, err := ctl.Service.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		rep, err := ctl.represent(item)
		return &response{Content: rep.share()}, err
	})
}

// read responds to a GET or HEAD from the response cache, or from load, which reads the store.
func (ctl Controller) read(c *gin.Context, key cacheKey, load func(context.Context) (*response, error)) {
	begin, count := func() error { return ctl.access.BeginRead(c) }, func() error { return ctl.access.CountRead(c) }
	found, err := ctl.cache.get(c.Request.Context(), key, begin, count, load)
	if err == nil {
		err = checkIfMatch(c.Request.Header.Values("If-Match"), found.ETag())
	}
	if err != nil {
		Fail(c, err)
		return
	}
	if found.link != "" {
		c.Header("Link", found.link)
	}
	found.Serve(c)
}

// Create adds the item in the body.
func (ctl Controller) Create(c *gin.Context) {
	body, err := ReadBody(c, MediaJSON)
	if err != nil {
		Fail(c, err)
		return
	}
	input, err := ctl.Decode(body, "")
	if err != nil {
		Fail(c, err)
		return
	}
	info, err := ctl.auditInfoWithKey(c, body)
	if err != nil {
		Fail(c, err)
		return
	}
	item, err := ctl.Service.Create(c.Request.Context(), info, input)
	if err == nil {
		c.Header("Location", ctl.Path+"/"+strconv.FormatInt(item.ID, 10))
	}
	ctl.written(c, http.StatusCreated, item, err)
}

// Replace makes the item what the body says. Without an id in the path, as in the NestJS application's PUT /items, the body
// names the item.
func (ctl Controller) Replace(c *gin.Context) {
	if id, input, may, ok := ctl.readUpdate(c, MediaJSON); ok {
		item, err := ctl.Service.Replace(c.Request.Context(), ctl.AuditInfo(c), id, input, may)
		ctl.written(c, http.StatusOK, item, err)
	}
}

// Patch changes the fields in the body (RFC 7396).
func (ctl Controller) Patch(c *gin.Context) {
	if id, input, may, ok := ctl.readUpdate(c, MediaMergePatch, MediaJSON); ok {
		item, err := ctl.Service.Patch(c.Request.Context(), ctl.AuditInfo(c), id, input, may)
		ctl.written(c, http.StatusOK, item, err)
	}
}

// patchMenu changes several items: the body is a merge patch (RFC 7396) of the menu as GET /items has it. It responds with
// the changed items.
func (ctl Controller) patchMenu(c *gin.Context) {
	body, err := readBody(c, maxMenuPatch, MediaMergePatch, MediaJSON)
	if err != nil {
		Fail(c, err)
		return
	}
	patch, err := DecodeMenuPatch(body)
	if err != nil {
		Fail(c, err)
		return
	}
	info, err := ctl.auditInfoWithKey(c, body)
	if err != nil {
		Fail(c, err)
		return
	}
	condition, ok := ctl.menuCondition(c)
	if !ok {
		return
	}
	may := func(permission string) bool { return ctl.access.Has(c, permission) }
	changed, err := ctl.Service.PatchMenu(c.Request.Context(), info, patch, may, condition)
	if missing, ok := errors.AsType[*PermissionError](err); ok {
		ctl.access.Require(missing.Permission)(c) // which responds with 403
		return
	}
	Respond(c, http.StatusOK, menuByID(changed), err)
}

// Delete removes the item and responds with what it was.
func (ctl Controller) Delete(c *gin.Context) {
	id, ok := ctl.pathID(c)
	if !ok {
		return
	}
	if may, ok := ctl.condition(c); ok {
		item, err := ctl.Service.Delete(c.Request.Context(), ctl.AuditInfo(c), id, may)
		ctl.written(c, http.StatusOK, item, err)
	}
}

// restore needs no body: the history has the item.
func (ctl Controller) restore(c *gin.Context) {
	id, ok := ctl.pathID(c)
	if !ok {
		return
	}
	info, err := ctl.auditInfoWithKey(c, nil)
	if err != nil {
		Fail(c, err)
		return
	}
	item, err := ctl.Service.Restore(c.Request.Context(), info, id)
	ctl.written(c, http.StatusOK, item, err)
}

func (ctl Controller) history(c *gin.Context) {
	id, ok := ctl.pathID(c)
	if !ok {
		return
	}
	p := newParams(c.Request, "limit", "after")
	limit, before := p.limit(), p.version("after")
	if err := p.problem(); err != nil {
		Fail(c, err)
		return
	}
	changes, next, err := ctl.Service.History(c.Request.Context(), id, before, limit)
	if err == nil && next > 0 {
		c.Header("Link", nextLink(c.Request.URL.Path, url.Values{
			"limit": {strconv.Itoa(limit)}, "after": {strconv.FormatInt(next, 10)},
		}))
	}
	Respond(c, http.StatusOK, changes, err)
}

// recent responds with the newest changes of the whole menu.
func (ctl Controller) recent(c *gin.Context) {
	p := newParams(c.Request, "limit", "after")
	limit, before := p.limit(), p.changeKey("after")
	if err := p.problem(); err != nil {
		Fail(c, err)
		return
	}
	changes, next, err := ctl.Service.Recent(c.Request.Context(), before, limit)
	if err == nil && next != nil {
		c.Header("Link", nextLink(c.Request.URL.Path, url.Values{"limit": {strconv.Itoa(limit)}, "after": {formatChangeKey(*next)}}))
	}
	Respond(c, http.StatusOK, changes, err)
}

// AuditInfo returns what the history records about a write of the request at this moment.
func (ctl Controller) AuditInfo(c *gin.Context) AuditInfo {
	storable := func(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") } // PostgreSQL cannot store U+0000
	subject, name := ctl.access.Caller(c)
	return AuditInfo{By: storable(subject), Name: storable(name), At: time.Now()}
}

// auditInfoWithKey is AuditInfo for a request that may have an idempotency key.
func (ctl Controller) auditInfoWithKey(c *gin.Context, body []byte) (AuditInfo, error) {
	info := ctl.AuditInfo(c)
	var err error
	info.Key, err = idempotencyKey(c.Request, body)
	return info, err
}

// pathID reads the id in the path. If it is not valid, it responds and returns false.
func (ctl Controller) pathID(c *gin.Context) (id int64, ok bool) {
	id, err := ctl.ID(c.Param("id"))
	if err != nil {
		Fail(c, err)
	}
	return id, err == nil
}

// readUpdate reads the item in the body, the id in the path and the preconditions, in this order: the media type and the
// size of a body are checked before anything that the request says. If one of them is not valid, it responds and returns
// false.
func (ctl Controller) readUpdate(c *gin.Context, accepts ...string) (id int64, input *Input, may Condition, ok bool) {
	body, err := ReadBody(c, accepts...)
	if err == nil {
		input, err = ctl.Decode(body, c.Param("id"))
	}
	if err != nil {
		Fail(c, err)
		return noID, nil, nil, false
	}
	if c.Param("id") != "" {
		if id, ok = ctl.pathID(c); !ok {
			return noID, nil, nil, false
		}
	}
	may, ok = ctl.condition(c)
	return id, input, may, ok
}

// represent encodes an item and tags it with its version, so that an item which was changed and changed back has a new
// ETag. The digest is in the tag as well: after a backup was restored, a version can come again with other content.
func (ctl Controller) represent(item Item) (representation, error) {
	rep, err := represent(ctl.Item(item))
	rep.etag = `"` + strconv.FormatInt(item.Version, 10) + "-" + rep.etag[1:]
	return rep, err
}

// written responds to a write with the item as it is now, or as it was before it was deleted.
func (ctl Controller) written(c *gin.Context, status int, item Item, err error) {
	if err != nil {
		Fail(c, err)
		return
	}
	rep, err := ctl.represent(item)
	if err != nil {
		Fail(c, err)
		return
	}
	method := c.Request.Method
	if method != http.MethodDelete {
		c.Header("ETag", rep.etag)
	}
	if ctl.NoContent && (method == http.MethodPatch || method == http.MethodDelete) {
		c.Status(http.StatusNoContent)
		return
	}
	c.Data(status, jsonUTF8, rep.body)
}

// Respond sends the value as JSON or, if err is not nil, hands err to the error renderer.
func Respond(c *gin.Context, status int, value any, err error) {
	var rep representation
	if err == nil {
		rep, err = represent(value)
	}
	if err != nil {
		Fail(c, err)
		return
	}
	c.Data(status, jsonUTF8, rep.body)
}

// Fail hands an error to renderProblems in package server, and aborts the handler chain. It also sets a status, so that a
// failure without a renderer does not look like a success.
func Fail(c *gin.Context, err error) {
	c.Status(http.StatusInternalServerError)
	_ = c.Error(err)
	c.Abort()
}
