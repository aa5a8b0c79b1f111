package dashboard

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"

	"github.com/gin-gonic/gin"

	"menu-api/content"
)

// page is the HTML, with a slot for the data that the application starts with.
type page []byte

// The element in which the build leaves room for the data. It is not a script, so the policy on scripts does not apply.
const (
	slotStart = `<script type="application/json" id="bootstrap">`
	slotEnd   = `</script>`
)

// notBuilt is the page of a binary that was compiled without the dashboard.
//
//go:embed notbuilt.html
var notBuilt []byte

// readPage returns the page of a build, or one that explains how to build it.
func readPage(built fs.FS) (page, error) {
	html, err := fs.ReadFile(built, "index.html")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notBuilt, nil
	case err == nil && !bytes.Contains(html, []byte(slotStart+"null"+slotEnd)):
		err = errors.New("dashboard: the built index.html has no slot for the data; run make dashboard")
	}
	return html, err
}

// bootstrap is the data that the application starts with.
type bootstrap struct {
	Settings Settings `json:"settings"`
	// Menu is the first page of the menu, null if it is not available.
	Menu any `json:"menu"`
	// Item is the item of the URL, null if there is none.
	Item any `json:"item"`
}

// render returns the page with the data in its slot, if it has one.
func (p page) render(data bootstrap) ([]byte, error) {
	// The encoder writes <, > and & as \u003c, \u003e and \u0026, so no text of an item can end the element.
	encoded, err := json.Marshal(data)
	return bytes.Replace(p, []byte(slotStart+"null"), append([]byte(slotStart), encoded...), 1), err
}

// newPage returns a page that starts with the menu and an item, each of which may be nil.
func (d *Dashboard) newPage(menu, item any) (*content.Content, error) {
	html, err := d.page.render(bootstrap{Settings: d.options.Settings, Menu: menu, Item: item})
	return content.New("text/html; charset=utf-8", html), err
}

func (d *Dashboard) serveMenu(c *gin.Context) {
	d.serve(c, "/", func(ctx context.Context) (*content.Content, error) {
		menu, err := d.options.Menu(ctx)
		if err != nil {
			return nil, err
		}
		return d.newPage(menu, nil)
	})
}

// serveItem serves the page of one item. For a missing item, it serves the same page with status 404: the page tells people,
// and the status tells programs.
func (d *Dashboard) serveItem(c *gin.Context) {
	id := c.Param("id")
	d.serve(c, "/menu/"+id, func(ctx context.Context) (*content.Content, error) {
		item, found, err := d.options.Item(ctx, id)
		if err != nil {
			return nil, err
		}
		if !found {
			item = nil
		}
		menu, err := d.options.Menu(ctx)
		if err != nil {
			return nil, err
		}
		page, err := d.newPage(menu, item)
		if !found {
			page.Status = http.StatusNotFound
		}
		return page, err
	})
}

// serveCallback serves the page to which the identity provider redirects. It shows another page at once, so it has no menu.
func (d *Dashboard) serveCallback(c *gin.Context) {
	c.Header("Cache-Control", "no-cache")
	d.empty.Serve(c)
}

// serve responds with a page with data. If the data is not available, the page starts without it, and requests it.
func (d *Dashboard) serve(c *gin.Context, key string, render func(context.Context) (*content.Content, error)) {
	page, err := d.options.Cache(c, key, render)
	if c.IsAborted() {
		return
	}
	if err != nil {
		_ = c.Error(err) // for the log
		page = d.empty
	}
	c.Header("Cache-Control", "no-cache") // browsers keep the page but revalidate it before each use
	page.Serve(c)
}
