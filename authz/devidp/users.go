package devidp

import (
	"encoding/base64"
	"fmt"
	"time"
)

// user is somebody, or some machine, that tokens are issued to.
type user struct {
	Login       string // user name and, since this is a development provider, also the password
	Subject     string
	Name        string
	Email       string
	Picture     string // a data: URL, so that no network is needed to show it
	UpdatedAt   string
	About       string
	Roles       []string
	Permissions []string
}

// developers returns the two people one may sign in as.
func developers(permissions []string, now time.Time) []*user {
	updated := now.UTC().Format(time.RFC3339)
	return []*user{
		{
			Login: "admin", Subject: "auth0|dev-admin", Name: "Avery Admin", Email: "admin@example.com",
			Picture: avatar("A", "#b4232a"), UpdatedAt: updated, About: "Administrator: may do everything",
			Roles: []string{"menu-admin"}, Permissions: permissions,
		},
		{
			Login: "customer", Subject: "auth0|dev-customer", Name: "Casey Customer", Email: "customer@example.com",
			Picture: avatar("C", "#1f6f5c"), UpdatedAt: updated, About: "Customer: no role, no permissions",
			Roles: []string{}, Permissions: []string{},
		},
	}
}

func avatar(letter, colour string) string {
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="%s"/>`+
		`<text x="32" y="43" font-family="sans-serif" font-size="32" text-anchor="middle" fill="#fff">%s</text></svg>`, colour, letter)
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg))
}

// userBy returns the person for whom is reports true, or nil.
func (p *Provider) userBy(is func(*user) bool) *user {
	for _, u := range p.users {
		if is(u) {
			return u
		}
	}
	return nil
}
