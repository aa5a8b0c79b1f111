package server_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"menu-api/authz"
	"menu-api/docs/docstest"
	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/server"
)

// beside matches the routes of pages, which are not in the OpenAPI document.
var beside = regexp.MustCompile(`^/($|docs($|/)|menu/:id$|activity$|profile$|callback$|assets/)`)

// TestDocumentAndRoutesAgree: every route is in the document, and everything in the document is a route.
func TestDocumentAndRoutesAgree(t *testing.T) {
	t.Parallel()
	_, options := newParts(t)
	options.Feed = feed.New(options.Store, options.Logger)
	routes, err := server.RoutesOf(options)
	must(t, err)
	described := map[string]bool{}
	for _, op := range docstest.Operations() {
		described[op.Method+" "+op.Path] = true
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	served := map[string]bool{}
	for _, route := range routes {
		name := route.Method + " " + parameter.ReplaceAllString(route.Path, "{$1}")
		served[name] = true
		if !beside.MatchString(route.Path) && !described[name] {
			t.Errorf("%s is not in docs/openapi.yaml", name)
		}
	}
	for name := range described {
		if !served[name] {
			t.Errorf("%s is in docs/openapi.yaml, but there is no such route", name)
		}
	}
}

// TestDocumentAndGuardAgree: an operation needs exactly the permissions that the document lists.
func TestDocumentAndGuardAgree(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for _, op := range docstest.Operations() {
		if op.OperationId == "streamItemEvents" { // the stream does not end
			continue
		}
		t.Run(op.OperationId, func(t *testing.T) {
			path := strings.ReplaceAll(op.Path, "{id}", "1")
			scopes, guarded := op.Scopes()
			if anyone := a.do(op.Method, path, "", "Last-Event-ID", "x", "Authorization", ""); (anyone.status == 401) != guarded {
				t.Errorf("without a token: got %d, and the document says that it needs one: %v", anyone.status, guarded)
			}
			for _, scope := range scopes {
				others := slices.DeleteFunc(items.Permissions(), func(p string) bool { return p == scope })
				refused := a.do(op.Method, path, "", a.as(others...)...)
				if want := `scope="` + scope + `"`; refused.status != 403 || !strings.Contains(refused.header.Get("WWW-Authenticate"), want) {
					t.Errorf("with all permissions but %s: got %d with %q, want 403 with %s",
						scope, refused.status, refused.header.Get("WWW-Authenticate"), want)
				}
				if !strings.Contains(op.Description, "`"+scope+"`") {
					t.Errorf("its description does not mention the permission %s", scope)
				}
			}
			if allowed := a.do(op.Method, path, "", a.as(scopes...)...); guarded && (allowed.status == 401 || allowed.status == 403) {
				t.Errorf("with %v: got %d, want the request to be allowed", scopes, allowed.status)
			}
		})
	}
}

// TestDocumentedProblemsAreTrue: the document has every type of problem, with the texts of the API.
func TestDocumentedProblemsAreTrue(t *testing.T) {
	t.Parallel()
	failures := map[string]error{
		"no-such-route":             server.ErrNoRoute,
		"method-not-allowed":        server.ErrNoMethod,
		"origin-not-allowed":        server.ErrOrigin,
		"token-missing":             authz.ErrMissing,
		"token-malformed":           authz.ErrMalformed,
		"token-opaque":              authz.ErrOpaque,
		"token-encrypted":           authz.ErrEncrypted,
		"token-too-long":            authz.ErrTooLong,
		"token-expired":             authz.ErrExpired,
		"token-invalid":             authz.ErrInvalid,
		"permission-missing":        &authz.ForbiddenError{Permission: items.CreateItems},
		"signing-keys-unavailable":  &authz.KeysUnavailableError{Cause: errors.New("no keys")},
		"unsupported-media-type":    &items.MediaTypeError{Got: "text/plain", Accepts: []string{"application/json"}},
		"body-too-large":            &http.MaxBytesError{Limit: items.MaxBody},
		"body-too-slow":             fmt.Errorf("%w: %w", items.ErrBody, os.ErrDeadlineExceeded),
		"body-unreadable":           items.ErrBody,
		"invalid-request":           &items.ValidationError{Detail: "The item is not valid. See errors for each invalid field."},
		"no-such-item":              items.ErrNotFound,
		"item-deleted":              items.ErrDeleted,
		"precondition-failed":       items.ErrConflict,
		"item-not-deleted":          items.ErrNotDeleted,
		"idempotency-key-reused":    items.ErrKeyReused,
		"idempotency-key-in-flight": items.ErrKeyInFlight,
		"outcome-unknown":           items.ErrUncertain,
		"store-unavailable":         items.ErrUnavailable,
		"too-many-event-clients":    feed.ErrTooManyClients,
		"too-busy":                  server.ErrBusy,
		"search-too-slow":           items.ErrSearchTooSlow,
		"shutting-down":             server.ErrDraining,
		"internal-error":            server.ErrPanic,
	}
	for _, slug := range server.ProblemTypes() {
		if failures[slug] == nil && slug != "too-many-requests" && slug != "client-closed-request" { // only in the log
			t.Errorf("problem.go has the type %s, and this test has no error for it", slug)
		}
	}
	examples, err := docstest.ProblemExamples()
	must(t, err)
	delete(examples, "too-many-requests") // its detail depends on the settings
	for slug, failure := range failures {
		found := examples[slug]
		if len(found) == 0 {
			t.Errorf("docs/openapi.yaml has no example of the type %s", slug)
		}
		for _, example := range found {
			typ, title, status, detail := server.Problem(failure)
			got := fmt.Sprint(example.Type, example.Title, example.Status, example.Detail)
			if want := fmt.Sprint(typ, title, status, detail); got != want {
				t.Errorf("docs/openapi.yaml has the example\n%q, but the API says\n%q", got, want)
			}
		}
		delete(examples, slug)
	}
	for slug := range maps.Keys(examples) {
		t.Errorf("docs/openapi.yaml has an example of the type %s, which the API does not have", slug)
	}
}
