package devidp

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// The pages, as trees of nodes that escape every text and attribute they are given. They are not templates of
// html/template: a program that can run one keeps every exported method of every type (see docs/performance.md).

// document is what all pages have around them.
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
				h.Strong(g.Text("Development identity provider.")), g.Text(" For your own machine only: nobody is checked here."),
			),
			h.H1(g.Text(title)),
			g.Group(content),
		)),
	))
}

// simplePage says one thing.
func simplePage(title, lead string) g.Node {
	return document(title, h.P(h.Class("lead"), g.Text(lead)))
}

// scriptPage runs a script, which must not hold what a client wrote unless it is escaped.
func scriptPage(title, nonce, script string) g.Node {
	return h.Doctype(h.HTML(h.Lang("en"),
		h.Head(h.Meta(h.Charset("utf-8")), h.TitleEl(g.Text(title))),
		h.Body(h.Script(g.Attr("nonce", nonce), g.Raw(script))),
	))
}

func (p *Provider) homePage() g.Node {
	return document("Menu API sign-in",
		h.P(h.Class("lead"), g.Text("It stands in for an Auth0 tenant while you develop, and issues real RS256 tokens to everyone who asks.")),
		h.Dl(
			h.Dt(g.Text("Issuer")), h.Dd(inCode(p.issuer.String())),
			h.Dt(g.Text("Client id")), h.Dd(inCode(p.clientID)),
			h.Dt(g.Text("Audience")), h.Dd(codes(p.audiences)),
			h.Dt(g.Text("Metadata")), h.Dd(h.A(h.Href("/.well-known/openid-configuration"), g.Text("openid-configuration"))),
			h.Dt(g.Text("Keys")), h.Dd(h.A(h.Href("/.well-known/jwks.json"), g.Text("jwks.json"))),
		),
		h.H2(g.Text("A token for curl")),
		h.Pre(inCode("TOKEN=$(menu-api token admin)")),
		h.H2(g.Text("Who can sign in")),
		h.Table(
			h.THead(h.Tr(column("User name"), column("Password"), column("Permissions"))),
			h.TBody(g.Map(p.users, func(u *user) g.Node {
				permissions := codes(u.Permissions)
				if len(u.Permissions) == 0 {
					permissions = g.Text("none")
				}
				return h.Tr(h.Td(inCode(u.Login)), h.Td(inCode(u.Login)), h.Td(permissions))
			})),
		),
	)
}

// signInForm is what the sign-in page asks.
type signInForm struct {
	Application, Origin, Audience string
	Token                         string // the page's CSRF token
}

func (p *Provider) signInForm(f signInForm) g.Node {
	return document("Sign in",
		h.P(h.Class("lead"),
			h.B(g.Text(f.Application)), g.Text(" at "), inCode(f.Origin), g.Text(" asks you to sign in. It is going to use the API "),
			inCode(f.Audience), g.Text(" on your behalf."),
		),
		h.Form(h.Method("post"), h.Action("/login"), h.Aria("describedby", "hint"),
			h.Input(h.Type("hidden"), h.Name("token"), h.Value(f.Token)),
			g.Map(p.users, func(u *user) g.Node {
				return h.Button(h.Class("person"), h.Type("submit"), h.Name("user"), h.Value(u.Login),
					h.Img(h.Src(u.Picture), h.Alt(""), h.Width("44"), h.Height("44")),
					h.Span(h.B(g.Text(u.Name)), h.Small(g.Text(u.About)), codes(u.Permissions)),
				)
			}),
		),
		h.P(h.Class("hint"), h.ID("hint"), g.Text("Pick a person. No password is needed.")),
	)
}

func column(title string) g.Node { return h.Th(h.Scope("col"), g.Text(title)) }

func inCode(text string) g.Node { return h.Code(g.Text(text)) }

func codes(texts []string) g.Node {
	return g.Map(texts, func(text string) g.Node { return g.Group{inCode(text), g.Text(" ")} })
}
