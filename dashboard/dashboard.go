// Package dashboard serves the menu as a web page: the single-page application whose source is in this folder. `make
// dashboard` builds it, and the binary embeds it. The caller provides the menu, so this package does not import package items.
package dashboard

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"menu-api/content"
)

// Settings tell the page the name and the currency of the menu, and how to sign users in. They come with every page and not
// from the build, so one binary serves any tenant.
type Settings struct {
	Name     string `json:"name"`     // of the menu
	Currency string `json:"currency"` // the ISO 4217 code
	Issuer   string `json:"issuer"`   // the URL of the identity provider, to whose origin the page may connect; empty for none
	ClientID string `json:"clientId"` // of the page. Without it, the page explains that sign-in is not configured.
	Audience string `json:"audience"` // of the tokens that the page requests
}

// PageSize is the number of items that the page starts with, and the number that it requests at a time.
const PageSize = 100

// Options configure a dashboard.
type Options struct {
	Settings Settings
	// Menu returns the first PageSize items, as something that encodes as JSON. If it fails, the page starts without them and
	// requests them itself.
	Menu func(ctx context.Context) (any, error)
	// Item returns the item for the page of one item, nil if no item has the id.
	Item func(ctx context.Context, id string) (*Item, error)
	// Cache returns the page with the key that is cached, or what render returns. It may respond with an error itself; it then
	// aborts the handler chain.
	Cache func(c *gin.Context, key string, render func(context.Context) (*content.Content, error)) (*content.Content, error)
}

// Item is an item of the menu as the page needs it.
type Item struct {
	JSON                     any    // encodes as the item
	Name, Description, Image string // for link previews. Image is an absolute URL, or empty.
}

// Dashboard is the page and its assets.
type Dashboard struct {
	options Options
	policy  string
	page    []byte                      // the HTML, with a slot for the data that the application starts with
	empty   *content.Content            // the page without data
	unknown *content.Content            // the same for a path that does not exist
	assets  map[string]*content.Content // by path
}

// dist contains the output of the build: index.html and the assets. Without a build, it contains only a placeholder.
//
//go:embed all:dist
var dist embed.FS

// New returns the embedded dashboard. It returns an error if the issuer is not a URL or the build is incomplete.
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
	if d.empty, err = d.newPage(bootstrap{}, nil); err != nil {
		return nil, err
	}
	unknown := *d.empty
	unknown.Status = http.StatusNotFound
	d.unknown = &unknown
	if d.assets, err = readAssets(built); err != nil {
		return nil, err
	}
	return d, nil
}

// Mount adds the routes. Each asset has its own route, so any other path is unknown to the router.
func (d *Dashboard) Mount(router gin.IRouter) {
	pages := router.Group("/", d.headers)
	for _, method := range []string{"GET", "HEAD"} {
		pages.Handle(method, "/", d.serveMenu)
		pages.Handle(method, "/menu/:id", d.serveItem)
		pages.Handle(method, "/profile", d.serveMenu)
		pages.Handle(method, "/activity", d.serveMenu)
		pages.Handle(method, "/callback", d.empty.Serve) // it shows another page at once, so it has no menu
		for name, asset := range d.assets {
			pages.Handle(method, "/"+name, asset.Serve)
		}
	}
}

// contentTypes is fixed, because the types that the mime package knows depend on the machine.
var contentTypes = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// readAssets returns the assets of a build. It returns an error if a compressed copy or a content type is missing.
func readAssets(built fs.FS) (map[string]*content.Content, error) {
	compressed, err := fs.Glob(built, "assets/*.gz")
	assets := map[string]*content.Content{}
	for _, file := range compressed {
		name := strings.TrimSuffix(file, ".gz")
		contentType := contentTypes[path.Ext(name)]
		if contentType == "" {
			return nil, fmt.Errorf("dashboard: %s has an unknown content type", name)
		}
		if assets[name], err = content.NewBuilt(contentType, built, name); err != nil {
			return nil, err
		}
	}
	return assets, err
}

// headers replaces an API's security headers with those of a page. Assets get them too, because a worker runs under the
// policy of its own script.
func (d *Dashboard) headers(c *gin.Context) {
	c.Header("Content-Security-Policy", d.policy)
	c.Header("Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "+
		"microphone=(), midi=(), payment=(), usb=()")
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
}

// contentPolicy returns the Content-Security-Policy. It allows our own scripts and styles but no inline code, connections to
// the API and the identity provider, and images from anywhere, since the menu links to them.
func contentPolicy(issuer string) (string, error) {
	connect, frame := "'self'", "'none'"
	if issuer != "" {
		u, err := url.Parse(issuer)
		// A host with any of these characters could end a directive and begin another.
		if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"") {
			return "", fmt.Errorf("dashboard: the issuer %q is not a URL", issuer)
		}
		frame = u.Scheme + "://" + u.Host // the SDK renews a session in a hidden frame
		connect += " " + frame
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; img-src 'self' data: https: http:; " +
		"connect-src " + connect + "; frame-src " + frame + "; form-action 'none'; base-uri 'none'; frame-ancestors 'none'", nil
}
