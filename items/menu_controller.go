package items

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// MenuPath is where the second contract begins.
const MenuPath = "/api/menu/items"

// menuController answers the requests of the second contract, which WHATABYTE dashboards speak. It is the same menu: what
// differs is the form of bodies and answers.
type menuController struct{ controller }

func (ctl menuController) list(c *gin.Context) {
	ctl.readList(c, MenuPath, func(_ listing, menu []Item) (representation, error) { return representMenuItems(menu) })
}

func (ctl menuController) get(c *gin.Context) {
	ctl.readItem(c, MenuPath, menuID(c), representMenuItem)
}

func (ctl menuController) create(c *gin.Context) {
	ctl.createAt(c, MenuPath, parseMenuDraft, representMenuItem)
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
