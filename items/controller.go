package items

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"menu-api/content"
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
		id, ok := ParseID(text)
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
func (ctl Controller) List(c *gin.Context) error {
	request := c.Request // load may outlast the handler, and with it the context c
	return ctl.read(c, ctl.Path+"?"+request.URL.RawQuery, func(ctx context.Context) (*response, error) {
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
		page, err := represent(ctl.Menu(menu, listing.paged))
		return &response{Content: page, link: link}, err
	})
}

// Get responds with one item.
func (ctl Controller) Get(c *gin.Context) error {
	id, err := ctl.ID(c.Param("id"))
	if err != nil {
		return err
	}
	return ctl.read(c, ctl.Path+"/"+strconv.FormatInt(id, 10), func(ctx context.Context) (*response, error) {
		item, err := ctl.Service.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		body, err := ctl.represent(item)
		return &response{Content: body}, err
	})
}

// read responds to a GET or HEAD from the response cache, or from load, which reads the store.
func (ctl Controller) read(c *gin.Context, key string, load func(context.Context) (*response, error)) error {
	begin, count := func() error { return ctl.access.BeginRead(c) }, func() error { return ctl.access.CountRead(c) }
	found, err := ctl.cache.get(c.Request.Context(), key, begin, count, load)
	if err != nil {
		return err
	}
	if err := checkIfMatch(c.Request.Header.Values("If-Match"), found.ETag()); err != nil {
		return err
	}
	if found.link != "" {
		c.Header("Link", found.link)
	}
	found.Serve(c)
	return nil
}

// Create adds the item in the body.
func (ctl Controller) Create(c *gin.Context) error {
	body, err := readBody(c, MaxBody, mediaJSON)
	if err != nil {
		return err
	}
	input, err := ctl.Decode(body, "")
	if err != nil {
		return err
	}
	info, err := ctl.auditInfoWithKey(c, body)
	if err != nil {
		return err
	}
	item, err := ctl.Service.Create(c.Request.Context(), info, input)
	if err == nil {
		c.Header("Location", ctl.Path+"/"+strconv.FormatInt(item.ID, 10))
	}
	return ctl.written(c, http.StatusCreated, item, err)
}

// Replace makes the item what the body says. Without an id in the path, as in the NestJS application's PUT /items, the body
// names the item.
func (ctl Controller) Replace(c *gin.Context) error {
	return ctl.update(c, ctl.Service.Replace, mediaJSON)
}

// Patch changes the fields in the body (RFC 7396).
func (ctl Controller) Patch(c *gin.Context) error {
	return ctl.update(c, ctl.Service.Patch, mediaMergePatch, mediaJSON)
}

// update calls write with the id in the path, the item in the body and the preconditions. The media type and the size of the
// body are checked before anything that the request says.
func (ctl Controller) update(
	c *gin.Context, write func(context.Context, AuditInfo, int64, *Input, Condition) (Item, error), accepts ...string,
) error {
	body, err := readBody(c, MaxBody, accepts...)
	if err != nil {
		return err
	}
	input, err := ctl.Decode(body, c.Param("id"))
	if err != nil {
		return err
	}
	id := noID
	if c.Param("id") != "" {
		if id, err = ctl.ID(c.Param("id")); err != nil {
			return err
		}
	}
	condition, err := ctl.condition(c)
	if err != nil {
		return err
	}
	item, err := write(c.Request.Context(), ctl.AuditInfo(c), id, input, condition)
	return ctl.written(c, http.StatusOK, item, err)
}

// patchMenu changes several items: the body is a merge patch (RFC 7396) of the menu as GET /items has it. It responds with
// the changed items.
func (ctl Controller) patchMenu(c *gin.Context) error {
	body, err := readBody(c, maxMenuPatch, mediaMergePatch, mediaJSON)
	if err != nil {
		return err
	}
	patch, err := decodeMenuPatch(body)
	if err != nil {
		return err
	}
	info, err := ctl.auditInfoWithKey(c, body)
	if err != nil {
		return err
	}
	condition, err := ctl.menuCondition(c)
	if err != nil {
		return err
	}
	has := func(permission string) bool { return ctl.access.Has(c, permission) }
	changed, err := ctl.Service.PatchMenu(c.Request.Context(), info, patch, has, condition)
	if missing, ok := errors.AsType[*PermissionError](err); ok {
		ctl.access.Require(missing.Permission)(c) // which responds with 403
		return nil
	}
	return Respond(c, http.StatusOK, menuByID(changed), err)
}

// Delete removes the item and responds with what it was.
func (ctl Controller) Delete(c *gin.Context) error {
	id, err := ctl.ID(c.Param("id"))
	if err != nil {
		return err
	}
	condition, err := ctl.condition(c)
	if err != nil {
		return err
	}
	item, err := ctl.Service.Delete(c.Request.Context(), ctl.AuditInfo(c), id, condition)
	return ctl.written(c, http.StatusOK, item, err)
}

// restore needs no body: the history has the item.
func (ctl Controller) restore(c *gin.Context) error {
	id, err := ctl.ID(c.Param("id"))
	if err != nil {
		return err
	}
	info, err := ctl.auditInfoWithKey(c, nil)
	if err != nil {
		return err
	}
	item, err := ctl.Service.Restore(c.Request.Context(), info, id)
	return ctl.written(c, http.StatusOK, item, err)
}

// history responds with the changes of an item, also of a deleted one.
func (ctl Controller) history(c *gin.Context) error {
	id, err := ctl.ID(c.Param("id"))
	if err != nil {
		return err
	}
	p := newParams(c.Request, "limit", "after")
	limit, before := p.limit(), p.version("after")
	if err := p.problem(); err != nil {
		return err
	}
	changes, next, err := ctl.Service.History(c.Request.Context(), id, before, limit)
	if err == nil && next > 0 {
		c.Header("Link", nextLink(c.Request.URL.Path, p.values, limit, strconv.FormatInt(next, 10)))
	}
	return Respond(c, http.StatusOK, changes, err)
}

// recent responds with the newest changes of the whole menu.
func (ctl Controller) recent(c *gin.Context) error {
	p := newParams(c.Request, "limit", "after")
	limit, before := p.limit(), p.changeKey("after")
	if err := p.problem(); err != nil {
		return err
	}
	changes, next, err := ctl.Service.Recent(c.Request.Context(), before, limit)
	if err == nil && next != nil {
		c.Header("Link", nextLink(c.Request.URL.Path, p.values, limit, formatChangeKey(*next)))
	}
	return Respond(c, http.StatusOK, changes, err)
}

// AuditInfo returns what the history records about a write of the request at this moment.
func (ctl Controller) AuditInfo(c *gin.Context) AuditInfo {
	storable := func(text string) string { return strings.ReplaceAll(text, "\x00", "\uFFFD") } // PostgreSQL cannot store U+0000
	subject, name := ctl.access.Caller(c)
	return AuditInfo{By: storable(subject), Name: storable(name), At: time.Now()}
}

// auditInfoWithKey is AuditInfo for a request that may have an idempotency key: one that would add or change something twice if
// it were sent twice. PUT, PATCH and DELETE of an item have the same result each time.
func (ctl Controller) auditInfoWithKey(c *gin.Context, body []byte) (AuditInfo, error) {
	info := ctl.AuditInfo(c)
	var err error
	info.Key, err = idempotencyKey(c.Request, body)
	return info, err
}

// represent encodes an item and tags it with its version, so that an item which was changed and changed back has a new
// ETag. The digest is in the tag as well: after a backup was restored, a version can come again with other content.
func (ctl Controller) represent(item Item) (*content.Content, error) {
	body, err := json.Marshal(ctl.Item(item))
	etag := `"` + strconv.FormatInt(item.Version, 10) + "-" + content.Tag(body)[1:]
	return content.NewTagged(jsonUTF8, etag, body), err
}

// written responds to a write with the item as it is now, or as it was before it was deleted. It returns err unless it is nil.
func (ctl Controller) written(c *gin.Context, status int, item Item, err error) error {
	if err != nil {
		return err
	}
	current, err := ctl.represent(item)
	if err != nil {
		return err
	}
	method := c.Request.Method
	if method != http.MethodDelete {
		c.Header("ETag", current.ETag())
	}
	if ctl.NoContent && (method == http.MethodPatch || method == http.MethodDelete) {
		c.Status(http.StatusNoContent)
		return nil
	}
	c.Data(status, jsonUTF8, current.Body())
	return nil
}

// Respond sends the value as JSON. It returns err unless it is nil.
func Respond(c *gin.Context, status int, value any, err error) error {
	if err != nil {
		return err
	}
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.Data(status, jsonUTF8, body)
	return nil
}

// Handler makes a Gin handler of a function that returns an error, as every handler of this package does. The error becomes the
// response.
func Handler(do func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := do(c); err != nil {
			Fail(c, err)
		}
	}
}

// Fail hands an error to renderProblems in package server, and aborts the handler chain. It also sets a status, so that a
// failure without a renderer does not look like a success.
func Fail(c *gin.Context, err error) {
	c.Status(http.StatusInternalServerError)
	_ = c.Error(err)
	c.Abort()
}
