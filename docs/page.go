package docs

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	swaggerui "github.com/swaggest/swgui/v5/static"
)

// page is the reference page: Swagger UI, whose files come from a Go module, and a few of our own that start it under a
// strict policy.
type page struct {
	provider  *provider
	indexHTML rendition
	assets    map[string]asset
}

// asset is a file in the form in which it is embedded. It is read when somebody asks for it: few do, and a copy of all of
// them would take more memory than the menu.
type asset struct {
	contentType string
	gzipped     bool
	read        func() []byte
	etag        func() string
}

func newAsset(contentType string, files fs.FS, name string) asset {
	read := func() []byte { return mustRead(files, name) }
	return asset{
		contentType: contentType, gzipped: path.Ext(name) == ".gz", read: read,
		etag: sync.OnceValue(func() string { return newRendition(contentType, read()).etag }),
	}
}

//go:embed page
var own embed.FS

func newPage(settings Settings, d *document) *page {
	p := &page{provider: d.provider, assets: map[string]asset{}}
	for _, name := range []string{"init.js", "callback.js", "page.css"} {
		p.assets[name] = newAsset(typeOf(name), own, "page/"+name)
	}
	for _, name := range []string{"swagger-ui-bundle.js", "swagger-ui.css"} {
		p.assets[name] = newAsset(typeOf(name), swaggerui.FS, name+".gz")
	}
	p.assets["favicon.png"] = newAsset("image/png", swaggerui.FS, "favicon-32x32.png")
	// This encoder escapes what would end the element that the settings stand in.
	bootstrap, err := json.Marshal(map[string]string{"clientId": settings.ClientID, "audience": settings.Audience})
	if err != nil {
		panic(err) // strings do encode
	}
	html := bytes.Replace(mustRead(own, "page/index.html"), []byte("{}"), bootstrap, 1)
	p.indexHTML = newRendition(typeOf(".html"), html)
	return p
}

func mustRead(files fs.FS, name string) []byte {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		panic("docs: " + err.Error()) // it is embedded
	}
	return content
}

// typeOf has a table of its own: that of the mime package depends on the machine.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	default:
		return "text/html; charset=utf-8"
	}
}

// index is the page. Nothing on it comes from elsewhere, and all that it calls is this API and the provider's token
// endpoint.
func (p *page) index(c *gin.Context) {
	token := originOf(p.provider.endpoints(c.Request.Context()).Token)
	c.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self' "+token+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	send(c, p.indexHTML)
}

// callback is where the identity provider sends the browser back to, in the window that the page has opened.
func (p *page) callback(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	send(c, newRendition(typeOf(".html"), mustRead(own, "page/callback.html")))
}

func (a asset) serve(c *gin.Context) {
	embedded := rendition{a.read(), a.contentType, a.etag()}
	if !a.gzipped {
		send(c, embedded)
		return
	}
	c.Header("Vary", "Accept-Encoding")
	if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
		c.Header("Content-Encoding", "gzip")
		send(c, embedded)
		return
	}
	var plain []byte
	unzip, err := gzip.NewReader(bytes.NewReader(embedded.body))
	if err == nil {
		plain, err = io.ReadAll(unzip)
	}
	if err != nil {
		panic("docs: " + err.Error()) // it is embedded
	}
	send(c, newRendition(a.contentType, plain))
}
