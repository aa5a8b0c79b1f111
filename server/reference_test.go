package server_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"menu-api/docs/docstest"
	"menu-api/server"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/reference.md")

// TestReference compares the routes and the problem types in docs/reference.md with the OpenAPI document and the code.
func TestReference(t *testing.T) {
	t.Parallel()
	var routes strings.Builder
	routes.WriteString("\n| request | who | what it does |\n|---|---|---|\n")
	for _, op := range docstest.Operations() {
		if op.Method == "HEAD" {
			continue
		}
		who := "anyone"
		if scopes, guarded := op.Scopes(); len(scopes) > 0 {
			who = "`" + strings.Join(scopes, "`, `") + "`"
		} else if guarded {
			who = "any valid token"
		}
		fmt.Fprintf(&routes, "| `%s %s` | %s | %s |\n", op.Method, op.Path, who, op.Summary)
	}
	const file = "../docs/reference.md"
	docstest.CheckGenerated(t, *update, file, "\n<!-- Generated from openapi.yaml: go test ./server -run TestReference -update -->\n", "<!-- End -->", routes.String()+"\n")
	docstest.CheckGenerated(t, *update, file, "\n<!-- Generated from server/problem.go: go test ./server -run TestReference -update -->\n", "<!-- End -->",
		"\n| type | status | detail |\n|---|---|---|\n"+server.ProblemTable()+"\n")
}
