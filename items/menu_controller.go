package items

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// MenuPath is where the second contract begins.
const MenuPath = "/api/menu/items"

// menuController answers the requests of the second contract, which WHATABYTE dashboards speak. It is the same menu: what
// differs is the form of bodies and answers.
type menuController struct{ controller }

func (ctl menuController) list(c *gin.Context) {
	asked := question{route: MenuPath, query: c.Request.URL.RawQuery}
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
			found.link = listing.next(MenuPath, next)
		}
		found.representation, err = representMenuItems(menu)
		return found, err
	})
}

func (ctl menuController) get(c *gin.Context) {
	id := menuID(c)
	ctl.read(c, question{route: MenuPath + "/:id", id: id}, func(ctx context.Context) (*answer, error) {
		item, err := ctl.service.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		rep, err := representMenuItem(item)
		return &answer{representation: rep}, err
	})
}

func (ctl menuController) create(c *gin.Context) {
	body, err := readBody(c, mediaJSON)
	if err != nil {
		fail(c, err)
		return
	}
	draft, err := parseMenuDraft(body)
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
		c.Header("Location", MenuPath+"/"+strconv.FormatInt(item.ID, 10))
	}
	written(c, http.StatusCreated, item, err, representMenuItem)
}

func (ctl menuController) replace(c *gin.Context) {
	if draft, ok := menuDraft(c, mediaJSON); ok {
		item, err := ctl.service.Replace(c.Request.Context(), ctl.author(c), menuID(c), draft, menuCondition(c))
		written(c, http.StatusOK, item, err, representMenuItem)
	}
}

// patch answers without the item, as the contract has it. The ETag tells which version it is now.
func (ctl menuController) patch(c *gin.Context) {
	draft, ok := menuDraft(c, mediaMergePatch, mediaJSON)
	if !ok {
		return
	}
	item, err := ctl.service.Patch(c.Request.Context(), ctl.author(c), menuID(c), draft, menuCondition(c))
	if err != nil {
		fail(c, err)
		return
	}
	rep, err := representMenuItem(item)
	if err != nil {
		fail(c, err)
		return
	}
	c.Header("ETag", rep.etag)
	c.Status(http.StatusNoContent)
}

func (ctl menuController) delete(c *gin.Context) {
	if _, err := ctl.service.Delete(c.Request.Context(), ctl.author(c), menuID(c), menuCondition(c)); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

func (ctl menuController) deleteAll(c *gin.Context) {
	if _, err := ctl.service.Reset(c.Request.Context(), ctl.author(c), nil); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

func (ctl menuController) reset(c *gin.Context) {
	menu, err := ctl.service.Reset(c.Request.Context(), ctl.author(c), DefaultMenu())
	if err != nil {
		fail(c, err)
		return
	}
	rep, err := representMenuItems(menu)
	if err != nil {
		fail(c, err)
		return
	}
	send(c, http.StatusOK, rep)
}

// nobody is an id that no item has.
const nobody int64 = -1

// menuID reads the id in the path. Ids are opaque here: what cannot be one is that of no item.
func menuID(c *gin.Context) int64 {
	id, ok := parseID(c.Param("id"))
	if !ok {
		return nobody
	}
	return id
}

// menuDraft reads the item in the body, and answers the request if it is none.
func menuDraft(c *gin.Context, accepts ...string) (*Draft, bool) {
	body, err := readBody(c, accepts...)
	if err != nil {
		fail(c, err)
		return nil, false
	}
	draft, err := parseMenuDraft(body)
	if err != nil {
		fail(c, err)
		return nil, false
	}
	draft.forPath(c.Param("id"))
	return draft, true
}

func menuCondition(c *gin.Context) Condition {
	return writeCondition(c.Request.Header, representMenuItem)
}
