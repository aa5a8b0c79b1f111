package dashboard

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"menu-api/content"
)

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
func readPage(built fs.FS) ([]byte, error) {
	html, err := fs.ReadFile(built, "index.html")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notBuilt, nil
	case err == nil && (!bytes.Contains(html, []byte(slotStart+"null"+slotEnd)) || !bytes.Contains(html, []byte(titleSlot))):
		err = errors.New("dashboard: the built index.html has no slot for the data, or for the title; run make dashboard")
	}
	return html, err
}

// bootstrap is the data that the application starts with.
type bootstrap struct {
	Settings Settings `json:"settings"`
	// Menu is the first page of the menu, null if it is not available.
	Menu any `json:"menu"`
	// Item is the item of the URL, null if no item has the id.
	Item any `json:"item"`
}

// The title in the source is replaced by the title and the link preview of each page.
const titleSlot = `<title>Menu</title>`

// head returns the title of a page, for a tab, and what other programs show for a link to it (https://ogp.me). item is the item
// that the page shows, or nil.
func (d *Dashboard) head(item *Item) g.Node {
	name := d.options.Settings.Name
	title, description, image := name, "What is on the menu today.", ""
	if item != nil {
		title, description, image = item.Name+" · "+name, cmp.Or(item.Description, "On the menu today."), item.Image
	}
	property := func(name, value string) g.Node { return h.Meta(g.Attr("property", name), h.Content(value)) }
	return g.Group{
		h.TitleEl(g.Text(title)),
		h.Meta(h.Name("description"), h.Content(description)),
		property("og:type", "website"),
		property("og:site_name", name),
		property("og:title", title),
		property("og:description", description),
		g.If(image != "", property("og:image", image)),
	}
}

// render returns the page with its head and the data, as far as it has slots for them.
func (d *Dashboard) render(data bootstrap, item *Item) ([]byte, error) {
	before, after, hasSlots := bytes.Cut(d.page, []byte(slotStart+"null"))
	if !hasSlots {
		return d.page, nil
	}
	data.Settings = d.options.Settings
	// The encoder writes <, > and & as \u003c, \u003e and \u0026, so no text of an item can end the element.
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	var head bytes.Buffer
	_ = d.head(item).Render(&head) // a buffer accepts everything
	return slices.Concat(bytes.Replace(before, []byte(titleSlot), head.Bytes(), 1), []byte(slotStart), encoded, after), nil
}

// newPage returns a page that starts with the data.
func (d *Dashboard) newPage(data bootstrap, item *Item) (*content.Content, error) {
	html, err := d.render(data, item)
	return content.New("text/html; charset=utf-8", html), err
}

func (d *Dashboard) serveMenu(c *gin.Context) {
	d.serve(c, "/", func(ctx context.Context) (*content.Content, error) {
		menu, err := d.options.Menu(ctx)
		if err != nil {
			return nil, err
		}
		return d.newPage(bootstrap{Menu: menu}, nil)
	})
}

// serveItem serves the page of one item. For a missing item, it serves the same page with status 404: the page tells people,
// and the status tells programs.
func (d *Dashboard) serveItem(c *gin.Context) {
	id := c.Param("id")
	d.serve(c, "/menu/"+id, func(ctx context.Context) (*content.Content, error) {
		item, err := d.options.Item(ctx, id)
		if err != nil {
			return nil, err
		}
		menu, err := d.options.Menu(ctx)
		if err != nil {
			return nil, err
		}
		data := bootstrap{Menu: menu}
		if item != nil {
			data.Item = item.JSON
		}
		page, err := d.newPage(data, item)
		if item == nil {
			page.Status = http.StatusNotFound
		}
		return page, err
	})
}

// AcceptsPage reports whether a request for an unknown path comes from a browser that shows a page, and not from a client of
// the API.
func AcceptsPage(c *gin.Context) bool {
	method := c.Request.Method
	return (method == http.MethodGet || method == http.MethodHead) &&
		c.NegotiateFormat("application/problem+json", gin.MIMEJSON, gin.MIMEHTML) == gin.MIMEHTML
}

// ServeUnknown serves the page for a path that does not exist, with status 404. It reads nothing from the store.
func (d *Dashboard) ServeUnknown(c *gin.Context) {
	d.headers(c)
	c.Writer.Header().Add("Vary", "Accept")
	d.unknown.Serve(c)
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
	page.Serve(c)
}
