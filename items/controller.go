package items

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"
)

// controller answers the requests to /items: it decodes, calls the service, and answers. An error goes to the error
// renderer, which knows what each means in HTTP.
type controller struct {
	service *Service
	answers *answers
	subject func(*gin.Context) string
}

// list answers with an object keyed by id, as the NestJS application does, or, when the query has a parameter of ours,
// with an array: the keys of a JavaScript object have no order of their own.
func (ctl controller) list(c *gin.Context) {
	ctl.readList(c, "/items", func(listing listing, menu []Item) (representation, error) {
		if listing.paged {
			return representList(menu)
		}
		return representMenu(menu)
	})
}

func (ctl controller) get(c *gin.Context) {
	if id, ok := pathID(c); ok {
		ctl.readItem(c, "/items", id, representItem)
	}
}

// readList answers with the items that the query asks for, in the form of the contract at the path.
func (ctl controller) readList(c *gin.Context, path string, represent func(listing, []Item) (representation, error)) {
	asked := question{route: path, query: c.Request.URL.RawQuery}
	ctl.read(c, asked, func(ctx context.Context) (*answer, error) {
		listing, err := parseListing(c.Request)
		if err != nil {
			return nil, err
		}
		menu, next, err := ctl.service.List(ctx, listing.query)
		if err != nil {
			return nil, err
		}
		found := &answer{}
		if next != nil {
			found.link = listing.next(path, next)
		}
		found.representation, err = represent(listing, menu)
		return found, err
	})
}

// readItem answers with an item, in the form of the contract at the path.
func (ctl controller) readItem(c *gin.Context, path string, id int64, represent func(Item) (representation, error)) {
	ctl.read(c, question{route: path + "/:id", id: id}, func(ctx context.Context) (*answer, error) {
		item, err := ctl.service.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		rep, err := represent(item)
		return &answer{representation: rep}, err
	})
}

// read answers a GET or HEAD from memory, or with what find makes of the store.
func (ctl controller) read(c *gin.Context, asked question, find func(context.Context) (*answer, error)) {
	found, err := ctl.answers.get(c.Request.Context(), asked, find)
	if err != nil {
		fail(c, err)
		return
	}
	if found.link != "" {
		c.Header("Link", found.link)
	}
	read(c, found.representation)
}

func (ctl controller) create(c *gin.Context) { ctl.createAt(c, "/items", parseDraft, representItem) }

// createAt adds the item in the body, in the form of the contract at the path.
func (ctl controller) createAt(
	c *gin.Context, path string, parse func([]byte) (*Draft, error), represent func(Item) (representation, error),
) {
	body, err := readBody(c, mediaJSON)
	if err != nil {
		fail(c, err)
		return
	}
	draft, err := parse(body)
	if err != nil {
		fail(c, err)
		return
	}
	author, err := ctl.authorOnce(c, body)
	if err != nil {
		fail(c, err)
		return
	}
	item, err := ctl.service.Create(c.Request.Context(), author, draft)
	if err == nil {
		c.Header("Location", path+"/"+strconv.FormatInt(item.ID, 10))
	}
	written(c, http.StatusCreated, item, err, represent)
}

// restore needs no body: what the item was is in its history.
func (ctl controller) restore(c *gin.Context) {
	id, ok := pathID(c)
	if !ok {
		return
	}
	author, err := ctl.authorOnce(c, nil)
	if err != nil {
		fail(c, err)
		return
	}
	item, err := ctl.service.Restore(c.Request.Context(), author, id)
	written(c, http.StatusOK, item, err, representItem)
}

func (ctl controller) history(c *gin.Context) {
	id, ok := pathID(c)
	if !ok {
		return
	}
	p := newParams(c.Request, "limit", "after")
	limit, before := p.limit(), p.version("after")
	if err := p.problem(); err != nil {
		fail(c, err)
		return
	}
	changes, next, err := ctl.service.History(c.Request.Context(), id, before, limit)
	if err != nil {
		fail(c, err)
		return
	}
	rep, err := representList(changes)
	if err != nil {
		fail(c, err)
		return
	}
	if next > 0 {
		c.Header("Link", nextLink(c.Request.URL.Path, url.Values{
			"limit": {strconv.Itoa(limit)}, "after": {strconv.FormatInt(next, 10)},
		}))
	}
	send(c, http.StatusOK, rep)
}

// author is who makes the request.
func (ctl controller) author(c *gin.Context) Author { return Author{Subject: ctl.subject(c)} }

// authorOnce is the author of a request that may have an idempotency key.
func (ctl controller) authorOnce(c *gin.Context, body []byte) (Author, error) {
	key, err := idempotencyKey(c.Request, body)
	return Author{Subject: ctl.subject(c), Key: key}, err
}

// replaceNamed is the NestJS application's PUT /items: the item in the body names its id.
func (ctl controller) replaceNamed(c *gin.Context) {
	if draft, err := readDraft(c, mediaJSON); err != nil {
		fail(c, err)
	} else {
		ctl.replaceItem(c, noID, draft)
	}
}

func (ctl controller) replace(c *gin.Context) {
	if id, draft, ok := idAndDraft(c, mediaJSON); ok {
		ctl.replaceItem(c, id, draft)
	}
}

func (ctl controller) replaceItem(c *gin.Context, id int64, draft *Draft) {
	item, err := ctl.service.Replace(c.Request.Context(), ctl.author(c), id, draft, writeCondition(c.Request.Header, representItem))
	written(c, http.StatusOK, item, err, representItem)
}

func (ctl controller) patch(c *gin.Context) {
	id, draft, ok := idAndDraft(c, mediaMergePatch, mediaJSON)
	if !ok {
		return
	}
	item, err := ctl.service.Patch(c.Request.Context(), ctl.author(c), id, draft, writeCondition(c.Request.Header, representItem))
	written(c, http.StatusOK, item, err, representItem)
}

func (ctl controller) delete(c *gin.Context) {
	id, ok := pathID(c)
	if !ok {
		return
	}
	item, err := ctl.service.Delete(c.Request.Context(), ctl.author(c), id, writeCondition(c.Request.Header, representItem))
	written(c, http.StatusOK, item, err, representItem)
}

// idAndDraft reads the id in the path and the item in the body, and answers the request if one of them is none. The body
// goes first: its type and size are judged before anything that the request says.
func idAndDraft(c *gin.Context, accepts ...string) (id int64, draft *Draft, ok bool) {
	draft, err := readDraft(c, accepts...)
	if err != nil {
		fail(c, err)
		return noID, nil, false
	}
	id, ok = pathID(c)
	return id, draft, ok
}

// pathID reads the id in the path, and answers the request if it is none.
func pathID(c *gin.Context) (id int64, ok bool) {
	id, ok = parseID(c.Param("id"))
	if !ok {
		fail(c, &ValidationError{
			Detail: "The id in the path is not a positive integer.",
			Fields: []FieldError{{Field: "id", Message: "must be a positive integer, such as 1"}},
		})
	}
	return id, ok
}

// read answers a GET or HEAD, with 304 when the client has the representation already (RFC 9110 section 15.4.5).
func read(c *gin.Context, rep representation) {
	h := c.Writer.Header()
	h["Cache-Control"] = noCache
	h["Etag"] = rep.etags
	if ifMatch := c.Request.Header["If-Match"]; len(ifMatch) > 0 && !anyMatch(ifMatch, rep.etag, false) {
		fail(c, &StaleError{ETag: rep.etag})
		return
	}
	if anyMatch(c.Request.Header["If-None-Match"], rep.etag, true) {
		c.Status(http.StatusNotModified)
		return
	}
	send(c, http.StatusOK, rep)
}

// countedByHTTP is the longest body of which net/http says the length by itself, in bytes.
const countedByHTTP = 2048

// The headers that are the same in every answer are shared by all.
var (
	noCache  = []string{"no-cache"} // kept by caches, asked for again before each use
	jsonType = []string{"application/json; charset=utf-8"}
)

// written answers a write with the item as it is now, or was before it was deleted.
func written(c *gin.Context, status int, item Item, err error, represent func(Item) (representation, error)) {
	if err != nil {
		fail(c, err)
		return
	}
	rep, err := represent(item)
	if err != nil {
		fail(c, err)
		return
	}
	if c.Request.Method != http.MethodDelete {
		c.Writer.Header()["Etag"] = rep.etags
	}
	send(c, status, rep)
}

func send(c *gin.Context, status int, rep representation) {
	h := c.Writer.Header()
	h["Content-Type"] = jsonType
	// net/http counts what is short, but not for a HEAD. A header that it does not have to copy and sort is time saved.
	if len(rep.body) > countedByHTTP || c.Request.Method == http.MethodHead {
		h["Content-Length"] = rep.length
	}
	c.Status(status)
	_, _ = c.Writer.Write(rep.body) // the client has hung up
}

// fail hands an error to the renderer, as its namesake in server does: neither package can import it from the other. The
// status is set here already, so that a forgotten renderer cannot make a failure look like a success.
func fail(c *gin.Context, err error) {
	c.Status(http.StatusInternalServerError)
	_ = c.Error(err)
	c.Abort()
}
