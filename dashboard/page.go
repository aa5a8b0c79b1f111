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

func (d *Dashboard) serveMenu(c *gin.Context) {
	d.serve(c, http.StatusOK, bootstrap{Menu: d.menu(c)})
}

// serveItem serves the page of one item. For a missing item, it serves the same page with status 404: the page tells people,
// and the status tells programs.
func (d *Dashboard) serveItem(c *gin.Context) {
	item, found, err := d.options.Item(c.Request.Context(), c.Param("id"))
	status := http.StatusOK
	if err != nil {
		_ = c.Error(err) // for the log; the page requests the item again
		item = nil
	} else if !found {
		status, item = http.StatusNotFound, nil
	}
	d.serve(c, status, bootstrap{Menu: d.menu(c), Item: item})
}

// serveCallback serves the page to which the identity provider redirects. It shows another page at once, so it has no menu.
func (d *Dashboard) serveCallback(c *gin.Context) {
	d.serve(c, http.StatusOK, bootstrap{})
}

// menu returns the first page of the menu, or nil.
func (d *Dashboard) menu(c *gin.Context) any {
	menu, err := d.options.Menu(c.Request.Context())
	if err != nil {
		_ = c.Error(err) // for the log; the page requests the menu again
		return nil
	}
	return menu
}

func (d *Dashboard) serve(c *gin.Context, status int, data bootstrap) {
	data.Settings = d.options.Settings
	html, err := d.page.render(data)
	if err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	sum := sha256.Sum256(html)
	// The tag is weak because it also identifies the compressed page (RFC 9110 section 8.8.1).
	etag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
	c.Header("Cache-Control", "no-cache") // browsers keep the page but revalidate it before each use
	c.Header("ETag", etag)
	c.Writer.Header().Add("Vary", "Accept-Encoding")
	if status == http.StatusOK && strings.Contains(c.GetHeader("If-None-Match"), etag[2:]) {
		c.Status(http.StatusNotModified)
		return
	}
	if acceptedCoding(c.Request, "gzip") == "gzip" {
		c.Header("Content-Encoding", "gzip")
		// Speed matters more than size here, because every request renders the page again.
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is valid, and a buffer accepts everything
		_, _ = z.Write(html)
		_ = z.Close()
		html = b.Bytes()
	}
	c.Header("Content-Length", strconv.Itoa(len(html)))
	c.Data(status, "text/html; charset=utf-8", html)
}
