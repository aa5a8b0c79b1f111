// Package docs serves the description of the API: the OpenAPI document, and a reference page that shows it, tries requests
// and signs in for them.
package docs

import (
	_ "embed"

	"github.com/gin-gonic/gin"
)

// OpenAPI is the OpenAPI document, as it was written. What is served has the addresses of the identity provider put in.
//
//go:embed openapi.yaml
var OpenAPI string

// Settings are what the document and the page have to know of the identity provider.
type Settings struct {
	// Issuer is where people sign in, with a slash at the end.
	Issuer string
	// ClientID is the single-page application that the page signs in as. Without one it asks for it.
	ClientID string
	// Audience is the API identifier that tokens are asked for.
	Audience string
}

// Module is the routes of this package.
type Module struct {
	document *document
	page     *page
}

// NewModule returns the document and the page for an identity provider.
func NewModule(settings Settings) *Module {
	d := newDocument(settings.Issuer)
	return &Module{document: d, page: newPage(settings, d)}
}

// Mount adds the routes. All of them are for anyone.
func (m *Module) Mount(public gin.IRouter) {
	for _, method := range []string{"GET", "HEAD"} {
		public.Handle(method, "/openapi.yaml", m.document.yaml)
		public.Handle(method, "/openapi.json", m.document.json)
		public.Handle(method, "/docs", m.page.index)
		public.Handle(method, "/docs/callback", m.page.callback)
		for name, asset := range m.page.assets {
			public.Handle(method, "/docs/assets/"+name, asset.serve)
		}
	}
}
