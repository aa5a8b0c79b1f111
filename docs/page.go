package docs

import (
	"bytes"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"
	swaggerui "github.com/swaggest/swgui/v5/static"

	"menu-api/content"
)

// page holds our part of the reference page: it starts Swagger UI, which a Go module contains, under a strict policy.
//
//go:embed page
var page embed.FS

const mediaHTML = "text/html; charset=utf-8"

func newIndex(settings Settings) *content.Content {
	// This encoder escapes the characters that would end the script element around the settings.
	bootstrap := must(json.Marshal(map[string]string{"clientId": settings.ClientID, "audience": settings.Audience}))
	html := bytes.Replace(must(page.ReadFile("page/index.html")), []byte("{}"), bootstrap, 1)
	return content.New(mediaHTML, html)
}

// serveIndex responds with the page. It loads nothing from elsewhere, and calls only this API and the provider's token
// endpoint.
func (m *Module) serveIndex(c *gin.Context) {
	token := originOf(m.provider.document(c.Request.Context()).endpoints.Token)
	c.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self' "+token+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	m.index.Serve(c)
}

// serveCallback responds with the page to which the identity provider redirects the window that the index page opened.
func (m *Module) serveCallback(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	m.callback.Serve(c)
}

// newAssets returns the handlers of the page's files. A file is read at the first request and then kept, so that no later
// request copies or compresses it. Most processes serve no assets.
func newAssets() map[string]gin.HandlerFunc {
	const script, style = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
	asset := func(files fs.FS, name, mediaType string) gin.HandlerFunc {
		file := sync.OnceValue(func() *content.Content {
			body := must(fs.ReadFile(files, name))
			if strings.HasSuffix(name, ".gz") {
				body = must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(body)))))
			}
			return content.New(mediaType, body)
		})
		return func(c *gin.Context) { file().Serve(c) }
	}
	return map[string]gin.HandlerFunc{
		"init.js":              asset(page, "page/init.js", script),
		"callback.js":          asset(page, "page/callback.js", script),
		"page.css":             asset(page, "page/page.css", style),
		"favicon.png":          asset(swaggerui.FS, "favicon-32x32.png", "image/png"),
		"swagger-ui-bundle.js": asset(swaggerui.FS, "swagger-ui-bundle.js.gz", script),
		"swagger-ui.css":       asset(swaggerui.FS, "swagger-ui.css.gz", style),
	}
}

// must returns a value made from the embedded files. It cannot fail outside of tests: the files are part of the program.
func must[T any](value T, err error) T {
	if err != nil {
		panic("docs: " + err.Error())
	}
	return value
}
