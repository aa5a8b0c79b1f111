// Package docs serves the documentation of the API: the OpenAPI document, and a reference page that shows it, sends
// requests and signs users in.
package docs

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// OpenAPI is the OpenAPI document as it is in the repository. The served document has the endpoints of the configured
// identity provider.
//
//go:embed openapi.yaml
var OpenAPI string

// Settings describe the identity provider to the document and the page.
type Settings struct {
	// Issuer is the URL of the provider.
	Issuer string
	// ClientID is the single-page application that the page signs in as. If it is empty, the page asks for it.
	ClientID string
	// Audience is the API identifier for which the page requests tokens.
	Audience string
}

// Module holds the routes of this package.
type Module struct {
	provider *provider
	index    content
	callback content
	assets   map[string]gin.HandlerFunc
}

// NewModule returns the document and the page for an identity provider.
func NewModule(settings Settings) *Module {
	return &Module{
		provider: newProvider(settings.Issuer),
		index:    newIndex(settings),
		callback: newContent("text/html; charset=utf-8", must(page.ReadFile("page/callback.html"))),
		assets:   newAssets(),
	}
}

// Mount adds the routes. They need no token.
func (m *Module) Mount(public gin.IRouter) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		public.Handle(method, "/openapi.yaml", func(c *gin.Context) { m.provider.document(c.Request.Context()).yaml().serve(c) })
		public.Handle(method, "/openapi.json", func(c *gin.Context) { m.provider.document(c.Request.Context()).json().serve(c) })
		public.Handle(method, "/docs", m.serveIndex)
		public.Handle(method, "/docs/callback", m.serveCallback)
		for name, serve := range m.assets {
			public.Handle(method, "/docs/assets/"+name, serve)
		}
	}
}

// content is a response body with its media type and its ETag.
type content struct {
	mediaType string
	body      []byte
	etag      string
}

func newContent(mediaType string, body []byte) content {
	sum := sha256.Sum256(body)
	return content{mediaType, body, `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`}
}

// serve responds to a GET or HEAD, with 304 if the client already has the content (RFC 9110 section 15.4.5).
func (s content) serve(c *gin.Context) {
	c.Header("Cache-Control", "no-cache") // caches may store it, but must revalidate it before each use
	c.Header("ETag", s.etag)
	for tag := range strings.SplitSeq(strings.Join(c.Request.Header.Values("If-None-Match"), ","), ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == s.etag || tag == "*" {
			c.Status(http.StatusNotModified)
			return
		}
	}
	c.Header("Content-Length", strconv.Itoa(len(s.body))) // net/http does not know it for a HEAD
	c.Data(http.StatusOK, s.mediaType, s.body)
}
