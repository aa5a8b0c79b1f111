// Package dashboard serves the menu as a web page: the single-page application whose source is in this folder, built by
// `make dashboard` and embedded. It knows neither the menu nor who may change it; what the page starts with is handed in.
package dashboard

import (
	"context"
	"embed"
	"io/fs"

	"github.com/gin-gonic/gin"
)

// Settings is what the page has to know to let people sign in. They come with every page, not from the build, so that one
// binary serves any tenant.
type Settings struct {
	// Issuer is the identity provider's URL, empty if there is none. The page may connect to its origin and to no other.
	Issuer string `json:"issuer"`
	// ClientID is the application's id there. Without it nobody can sign in, and the page says so to its operator.
	ClientID string `json:"clientId"`
	// Audience is the identifier of this API, for which the page asks a token.
	Audience string `json:"audience"`
}

// PageSize is how many items the page starts with, and how many it asks for at a time.
const PageSize = 100

// Options are the parts of a dashboard.
type Options struct {
	Settings Settings
	// Menu returns the first PageSize items, as something that encodes as JSON. When it fails the page is served without,
	// and asks itself.
	Menu func(ctx context.Context) (any, error)
	// Item returns what the page of one item shows, and false if there is no item with this id.
	Item func(ctx context.Context, id string) (item any, found bool, err error)
}

// Dashboard is the page and its assets.
type Dashboard struct {
	options Options
	policy  string
	page    *page
	assets  []asset
}

// dist is what the build leaves: index.html, and the assets, compressed. Without a build there is only a placeholder.
//
//go:embed all:dist
var dist embed.FS

// New returns the dashboard that was embedded. It returns an error if the issuer is not a URL or the build is not one of
// this package's.
func New(options Options) (*Dashboard, error) {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return newDashboard(built, options)
}

func newDashboard(built fs.FS, options Options) (*Dashboard, error) {
	policy, err := contentPolicy(options.Settings.Issuer)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{options: options, policy: policy}
	if d.page, err = readPage(built); err != nil {
		return nil, err
	}
	if d.assets, err = readAssets(built); err != nil {
		return nil, err
	}
	return d, nil
}

// Mount adds the routes: those of the application's own paths, which all serve the page, and one for each asset, so that
// what is no asset is no route.
func (d *Dashboard) Mount(router gin.IRouter) {
	for _, method := range []string{"GET", "HEAD"} {
		router.Handle(method, "/", d.headers, d.serveMenu)
		router.Handle(method, "/menu/:id", d.headers, d.serveItem)
		router.Handle(method, "/profile", d.headers, d.serveMenu)
		router.Handle(method, "/callback", d.headers, d.serveBare)
		for _, asset := range d.assets {
			router.Handle(method, "/"+asset.name, d.headers, asset.serve)
		}
	}
}
