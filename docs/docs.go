// Package docs serves the documentation of the API: the OpenAPI document, and a reference page that shows it, sends
// requests and signs users in.
package docs

import (
	_ "embed"
	"net/http"

	"github.com/gin-gonic/gin"

	"menu-api/content"
)

// OpenAPI is the OpenAPI document as it is in the repository. The served document has the endpoints of the configured
// identity provider.
//
//go:embed openapi.yaml
var OpenAPI string

// Settings describe the identity provider to the document and the page.
type Settings struct {
	Issuer   string // the URL of the provider
	ClientID string // of the page. If it is empty, the page asks for it.
	Audience string // of the tokens that the page requests
}

// Module holds the routes of this package.
type Module struct {
	provider *provider
	index    *content.Content
	callback *content.Content
	assets   map[string]gin.HandlerFunc
}

// NewModule returns the document and the page for an identity provider.
func NewModule(settings Settings) *Module {
	return &Module{
		provider: newProvider(settings.Issuer),
		index:    newIndex(settings),
		callback: content.New(mediaHTML, must(page.ReadFile("page/callback.html"))),
		assets:   newAssets(),
	}
}

// Mount adds the routes. They need no token.
func (m *Module) Mount(public gin.IRouter) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		public.Handle(method, "/openapi.yaml", func(c *gin.Context) { m.provider.document(c.Request.Context()).yaml().Serve(c) })
		public.Handle(method, "/openapi.json", func(c *gin.Context) { m.provider.document(c.Request.Context()).json().Serve(c) })
		public.Handle(method, "/docs", m.serveIndex)
		public.Handle(method, "/docs/callback", m.serveCallback)
		for name, serve := range m.assets {
			public.Handle(method, "/docs/assets/"+name, serve)
		}
	}
}
