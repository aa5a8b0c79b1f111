package devidp

import (
	"crypto/rand"
	_ "embed" // of the stylesheet
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

//go:embed style.css
var style string

// pagePolicy allows the stylesheet and pictures in data: URLs, and nothing else: no script, and no frame around the page.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"

// page writes a page. The caller may have set a Content-Security-Policy; the default is pagePolicy.
func (p *Provider) page(w http.ResponseWriter, status int, page g.Node) {
	if w.Header().Get("Content-Security-Policy") == "" {
		w.Header().Set("Content-Security-Policy", pagePolicy+"; form-action 'none'")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = page.Render(w) // fails if the client has disconnected
}

// errorPage shows an error to the user.
func (p *Provider) errorPage(w http.ResponseWriter, status int, message string) {
	p.page(w, status, simplePage(http.StatusText(status), message))
}

func (p *Provider) writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // fails only if the client has disconnected
}

func stylesheet(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "style.css", time.Time{}, strings.NewReader(style))
}

// messagePage posts an authorization response to the window that contains the frame or opened the popup. Auth0's
// single-page SDK waits for this message. Pages of another origin have to be able to frame the page and to run its script.
func (p *Provider) messagePage(w http.ResponseWriter, origin string, response map[string]string) {
	message, _ := json.Marshal(response) //nolint:errchkjson // text has no error; it escapes everything that could end a script
	script := fmt.Sprintf("\n(window.opener || parent).postMessage({type: \"authorization_response\", response: %s}, %q);\n", message, origin)
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; script-src 'nonce-"+nonce+"'")
	p.page(w, http.StatusOK, h.Doctype(h.HTML(h.Lang("en"),
		h.Head(h.Meta(h.Charset("utf-8")), h.TitleEl(g.Text("Authorization response"))),
		h.Body(h.Script(g.Attr("nonce", nonce), g.Raw(script))),
	)))
}

// document is the frame of every page. The pages are trees of nodes that escape every text and attribute. They do not use
// html/template, because a program that can run a template keeps all methods of all types (see docs/performance.md).
func document(title string, content ...g.Node) g.Node {
	return h.Doctype(h.HTML(h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.Meta(h.Name("color-scheme"), h.Content("light dark")),
			h.TitleEl(g.Text(title+" · Development identity provider")),
			h.Link(h.Rel("icon"), h.Href("data:,")),
			h.Link(h.Rel("stylesheet"), h.Href("/style.css")),
		),
		h.Body(h.Main(
			h.P(h.Class("banner"),
				h.Strong(g.Text("Development identity provider.")), g.Text(" For your own machine only: anyone can sign in as anyone."),
			),
			h.H1(g.Text(title)),
			g.Group(content),
		)),
	))
}

func simplePage(title, text string) g.Node {
	return document(title, h.P(h.Class("lead"), g.Text(text)))
}

// home shows what an application needs to be configured for this provider.
func (p *Provider) home(w http.ResponseWriter, _ *http.Request) {
	term := func(name string, value ...g.Node) g.Node { return g.Group{h.Dt(g.Text(name)), h.Dd(value...)} }
	link := func(path string) g.Node { return h.A(h.Href(path), g.Text(path)) }
	p.page(w, http.StatusOK, document("Menu API sign-in",
		h.P(h.Class("lead"), g.Text("It replaces an Auth0 tenant during development, and issues real RS256 tokens to everyone.")),
		h.Dl(
			term("Issuer", inCode(p.options.Issuer)),
			term("Client id", inCode(p.options.ClientID)),
			term("Audience", inCode(p.options.Audiences...)),
			term("Metadata", link("/.well-known/openid-configuration")),
			term("Keys", link("/.well-known/jwks.json")),
			g.Map(p.users, func(u *user) g.Node {
				return term("User", inCode(u.Login), g.Text("with the password "), inCode(u.Login), g.Text("· "+u.About))
			}),
		),
		h.H2(g.Text("A token for curl")),
		h.Pre(inCode("TOKEN=$(menu-api token admin)")),
	))
}

// signInPage offers the users, in a form that is posted to action. It names the application and the API, so that developers see
// which settings the application uses.
func (p *Provider) signInPage(req *authorizationRequest, action string) g.Node {
	return document("Sign in",
		h.P(h.Class("lead"),
			h.B(g.Text(p.options.ClientID)), g.Text(" at "), inCode(originOf(req.redirect)),
			g.Text(" asks you to sign in. It will use the API "), inCode(req.audience), g.Text(" on your behalf."),
		),
		h.Form(h.Method("post"), h.Action(action), h.Aria("describedby", "hint"),
			g.Map(p.users, func(u *user) g.Node {
				return h.Button(h.Class("person"), h.Type("submit"), h.Name("user"), h.Value(u.Login),
					h.Img(h.Src(u.Picture), h.Alt(""), h.Width("44"), h.Height("44")),
					h.Span(h.B(g.Text(u.Name)), h.Small(g.Text(u.About)), inCode(u.Permissions...)),
				)
			}),
		),
		h.P(h.Class("hint"), h.ID("hint"), g.Text("Pick a person. No password is needed.")),
	)
}

func inCode(texts ...string) g.Node {
	return g.Map(texts, func(text string) g.Node { return g.Group{h.Code(g.Text(text)), g.Text(" ")} })
}

func avatar(letter, colour string) string {
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="%s"/>`+
		`<text x="32" y="43" font-family="sans-serif" font-size="32" text-anchor="middle" fill="#fff">%s</text></svg>`, colour, letter)
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg))
}
