package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// page is the HTML on either side of what the application starts with.
type page struct{ before, after []byte }

// slot is where the build leaves room for it. A block of data is no script: the policy on scripts does not concern it.
const slot = `<script type="application/json" id="bootstrap">null</script>`

// notBuilt is shown when the binary was compiled without the page.
//
//go:embed notbuilt.html
var notBuilt []byte

// readPage returns the page of a build, or one that says how to build it.
func readPage(built fs.FS) (*page, error) {
	html, err := fs.ReadFile(built, "index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return &page{before: notBuilt}, nil
	}
	if err != nil {
		return nil, err
	}
	before, after, found := bytes.Cut(html, []byte(slot))
	if !found {
		return nil, errors.New("dashboard: the built index.html has no place for what the page starts with; run make dashboard")
	}
	return &page{before: before, after: after}, nil
}

// render returns the page that starts with the data.
func (p *page) render(data bootstrap) ([]byte, error) {
	if p.after == nil {
		return p.before, nil
	}
	// The encoder writes <, > and & as \u003c, \u003e and \u0026. So no text of an item can end the block of data.
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	opening, closing, _ := strings.Cut(slot, "null")
	return bytes.Join([][]byte{p.before, []byte(opening), encoded, []byte(closing), p.after}, nil), nil
}

// bootstrap is what the application starts with.
type bootstrap struct {
	Settings Settings `json:"settings"`
	// Menu is the first page of the menu, null when it could not be had.
	Menu any `json:"menu"`
	// Item is the item of the address, null when there is none.
	Item any `json:"item"`
}

func (d *Dashboard) serveMenu(c *gin.Context) {
	d.serve(c, http.StatusOK, bootstrap{Settings: d.options.Settings, Menu: d.menu(c)})
}

// serveItem serves the page of one item. Of an item that is not there it is the same page, which says so, under the
// status that says so to those that cannot see it.
func (d *Dashboard) serveItem(c *gin.Context) {
	item, found, err := d.options.Item(c.Request.Context(), c.Param("id"))
	status := http.StatusOK
	switch {
	case err != nil:
		_ = c.Error(err) // for the log; the page asks again
		item = nil
	case !found:
		status, item = http.StatusNotFound, nil
	}
	d.serve(c, status, bootstrap{Settings: d.options.Settings, Menu: d.menu(c), Item: item})
}

// serveBare serves the page to which the identity provider sends people back, and which goes on to another at once.
func (d *Dashboard) serveBare(c *gin.Context) {
	d.serve(c, http.StatusOK, bootstrap{Settings: d.options.Settings})
}

// menu returns the first page of the menu, or nil.
func (d *Dashboard) menu(c *gin.Context) any {
	menu, err := d.options.Menu(c.Request.Context())
	if err != nil {
		_ = c.Error(err) // for the log; the page asks again
		return nil
	}
	return menu
}

func (d *Dashboard) serve(c *gin.Context, status int, data bootstrap) {
	html, err := d.page.render(data)
	if err != nil {
		c.Status(http.StatusInternalServerError)
		_ = c.Error(err)
		c.Abort()
		return
	}
	sum := sha256.Sum256(html)
	// Weak, since it stands for the compressed page as well (RFC 9110 section 8.8.1).
	etag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
	c.Header("Cache-Control", "no-cache") // kept by browsers, asked for again before each use
	c.Header("ETag", etag)
	c.Writer.Header().Add("Vary", "Accept-Encoding")
	if status == http.StatusOK && matches(c.Request, etag) {
		c.Status(http.StatusNotModified)
		return
	}
	if choose(c.Request.Header.Values("Accept-Encoding"), "gzip") == "gzip" {
		c.Header("Content-Encoding", "gzip")
		html = compress(html)
	}
	c.Header("Content-Length", strconv.Itoa(len(html)))
	c.Data(status, "text/html; charset=utf-8", html)
}

// compress is quick rather than thorough: the page is made anew for each request.
func compress(html []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is legal
	_, _ = z.Write(html)                            // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}
