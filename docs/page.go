package docs

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	swaggerui "github.com/swaggest/swgui/v5/static"
)

// page holds our part of the reference page: it starts Swagger UI, which a Go module contains, under a strict policy.
//
//go:embed page
var page embed.FS

func newIndex(settings Settings) content {
	// This encoder escapes the characters that would end the script element around the settings.
	bootstrap, err := json.Marshal(map[string]string{"clientId": settings.ClientID, "audience": settings.Audience})
	if err != nil {
		panic(err) // impossible: strings can be encoded
	}
	html := bytes.Replace(mustRead(page, "page/index.html"), []byte("{}"), bootstrap, 1)
	return newContent("text/html; charset=utf-8", html)
}

// serveIndex responds with the page. It loads nothing from elsewhere, and calls only this API and the provider's token
// endpoint.
func (m *Module) serveIndex(c *gin.Context) {
	token := m.provider.document(c.Request.Context()).endpoints.tokenOrigin()
	c.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self' "+token+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	m.index.serve(c)
}

// serveCallback responds with the page to which the identity provider redirects the window that the index page opened.
func (m *Module) serveCallback(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	m.callback.serve(c)
}

// asset is a file of the page. It is read at the first request and then kept, so that no later request copies or
// compresses it. Most processes serve no assets.
type asset struct {
	identity func() content
	gzip     func() content // nil if the file is not compressed
}

func newAssets() map[string]asset {
	const script, style = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
	plain := func(files fs.FS, name, mediaType string) asset {
		return asset{identity: sync.OnceValue(func() content { return newContent(mediaType, mustRead(files, name)) })}
	}
	compressed := func(name, mediaType string) asset {
		zipped := sync.OnceValue(func() content { return newContent(mediaType, mustRead(swaggerui.FS, name)) })
		return asset{gzip: zipped, identity: sync.OnceValue(func() content { return newContent(mediaType, mustUnzip(zipped().body)) })}
	}
	return map[string]asset{
		"init.js":              plain(page, "page/init.js", script),
		"callback.js":          plain(page, "page/callback.js", script),
		"page.css":             plain(page, "page/page.css", style),
		"favicon.png":          plain(swaggerui.FS, "favicon-32x32.png", "image/png"),
		"swagger-ui-bundle.js": compressed("swagger-ui-bundle.js.gz", script),
		"swagger-ui.css":       compressed("swagger-ui.css.gz", style),
	}
}

func (a asset) serve(c *gin.Context) {
	body := a.identity
	if a.gzip != nil {
		c.Header("Vary", "Accept-Encoding")
		if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
			c.Header("Content-Encoding", "gzip")
			body = a.gzip
		}
	}
	body().serve(c)
}

func mustRead(files fs.FS, name string) []byte {
	body, err := fs.ReadFile(files, name)
	if err != nil {
		panic("docs: " + err.Error()) // impossible: the file is embedded
	}
	return body
}

func mustUnzip(zipped []byte) (body []byte) {
	reader, err := gzip.NewReader(bytes.NewReader(zipped))
	if err == nil {
		body, err = io.ReadAll(reader)
	}
	if err != nil {
		panic("docs: " + err.Error()) // impossible: the file is embedded
	}
	return body
}
