package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// RoutesOf returns the routes of a server.
func RoutesOf(o Options) (gin.RoutesInfo, error) {
	engine, err := (&Server{store: o.Store}).routes(o)
	if err != nil {
		return nil, err
	}
	return engine.Routes(), nil
}

// Handler returns the API as an http.Handler.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Problem returns what a client sees of an error.
func Problem(err error) (typ, title string, status int, detail string) {
	p := problemOf(err)
	return p.Type, p.Title, p.Status, p.Detail
}

// The errors of this package.
var (
	ErrNoRoute  = errNoRoute
	ErrNoMethod = errNoMethod
	ErrOrigin   = errOrigin
	ErrDraining = errDraining
	ErrPanic    = errPanic
	ErrBusy     = errBusy
)

// ProblemTypes returns the slugs of all problem types.
func ProblemTypes() []string {
	slugs := make([]string, len(problems))
	for i, row := range problems {
		slugs[i] = row.slug
	}
	return slugs
}

// AddConnections counts a connection from each peer, and removes them all. It returns how many were within the limits, and
// how many are still counted at the end.
func AddConnections(perPeer, eventClients int, trusted, peers []string) (accepted, left int, err error) {
	c, err := newConnections(perPeer, eventClients, trusted)
	if err != nil {
		return 0, 0, err
	}
	for _, peer := range peers {
		if c.add(peer) {
			accepted++
		}
	}
	for _, peer := range peers {
		c.remove(peer)
	}
	return accepted, c.open + len(c.peers), nil
}

// ProblemTable returns the problem types as the rows of a Markdown table: the type, the status and the detail.
func ProblemTable() string {
	var rows []string
	for _, row := range problems {
		if row.status != statusClientClosedRequest { // no client sees it
			detail := strings.ReplaceAll(row.detail, "<", "&lt;")
			rows = append(rows, fmt.Sprintf("| %#q | %d | %s |\n", row.slug, row.status, detail))
		}
	}
	return strings.Join(slices.Compact(rows), "")
}
