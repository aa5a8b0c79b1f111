// Package whatabyte serves the menu in the second published contract, which the WHATABYTE dashboards use: flat bodies,
// prices in cents and ids as text, under /api/menu.
package whatabyte

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"menu-api/items"
)

// Path is where the menu is.
const Path = "/api/menu/items"

// unknownID is an id that no item has.
const unknownID = -1

var contract = items.Contract{
	Path: Path,
	// Ids are opaque here. Text that cannot be an id is the id of no item.
	ID: func(text string) (int64, error) {
		if id, ok := items.ParseID(text); ok {
			return id, nil
		}
		return unknownID, nil
	},
	Decode:    decode,
	Item:      func(item items.Item) any { return dtoOf(item) },
	Menu:      func(menu []items.Item, _ bool) any { return dtosOf(menu) },
	NoContent: true,
}

// controller adds the routes that only this contract has.
type controller struct{ items.Controller }

// Mount adds the routes over the menu: reads for anyone, the rest for callers with the permission on each line.
func Mount(menu *items.Module, public, guarded gin.IRouter) {
	ctl, require := controller{menu.Controller(contract)}, menu.Require

	for _, method := range []string{"GET", "HEAD"} {
		public.Handle(method, Path, items.Handler(ctl.List))
		public.Handle(method, Path+"/:id", items.Handler(ctl.Get))
	}

	guarded.POST(Path, require(items.CreateItems), items.Handler(ctl.Create))
	guarded.PUT(Path+"/:id", require(items.UpdateItems), items.Handler(ctl.Replace))
	guarded.PATCH(Path+"/:id", require(items.UpdateItems), items.Handler(ctl.Patch))
	guarded.DELETE(Path+"/:id", require(items.DeleteItems), items.Handler(ctl.Delete))
	guarded.DELETE(Path, require(items.Permissions()...), items.Handler(ctl.deleteAll))
	guarded.POST("/api/menu/reset", require(items.Permissions()...), items.Handler(ctl.reset))
}

func (ctl controller) deleteAll(c *gin.Context) error {
	_, err := ctl.Service.Reset(c.Request.Context(), ctl.AuditInfo(c), nil)
	if err == nil {
		c.Status(http.StatusNoContent)
	}
	return err
}

func (ctl controller) reset(c *gin.Context) error {
	menu, err := ctl.Service.Reset(c.Request.Context(), ctl.AuditInfo(c), items.DefaultMenu())
	return items.Respond(c, http.StatusOK, dtosOf(menu), err)
}
