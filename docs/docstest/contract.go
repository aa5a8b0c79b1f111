// Package docstest holds answers of the API against its OpenAPI document.
//
// OpenAPI 3.1 describes bodies and headers in JSON Schema 2020-12, so a validator for that does the most part. What is
// here finds the operation and its answer, and is stricter than OpenAPI asks: what is not described is wrong.
package docstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"menu-api/docs"
)

// Contract is the OpenAPI document, ready to judge.
type Contract struct {
	root     map[string]any
	compiler *jsonschema.Compiler

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema
}

// Load returns the contract. It panics if the document is none: nothing could be tested.
var Load = sync.OnceValue(func() *Contract {
	c, err := parse(docs.OpenAPI)
	if err != nil {
		panic("docstest: openapi.yaml: " + err.Error())
	}
	return c
})

// resource is the name of the document to the compiler of schemas.
const resource = "file:///openapi.json"

func parse(text string) (*Contract, error) {
	var plain any
	if err := yaml.Unmarshal([]byte(text), &plain); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)) // which keeps numbers exact
	if err != nil {
		return nil, err
	}
	root, ok := document.(map[string]any)
	if !ok {
		return nil, errors.New("is not an object")
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource(resource, document); err != nil {
		return nil, err
	}
	return &Contract{root: root, compiler: compiler, schemas: map[string]*jsonschema.Schema{}}, nil
}

// node is an object of the document, and where it stands there, as a JSON pointer.
type node struct {
	pointer string
	object  map[string]any
}

func (n node) has(name string) bool { _, ok := n.object[name]; return ok }

func (n node) text(name string) string { s, _ := n.object[name].(string); return s }

// get returns a member that is an object, after the reference that it may be.
func (c *Contract) get(n node, name string) node {
	object, _ := n.object[name].(map[string]any)
	return c.resolve(node{n.pointer + "/" + escape(name), object})
}

func (c *Contract) resolve(n node) node {
	ref, isRef := n.object["$ref"].(string)
	if !isRef {
		return n
	}
	at := node{"#", c.root}
	for token := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		object, _ := at.object[token].(map[string]any)
		at = node{at.pointer + "/" + escape(token), object}
	}
	return at
}

// escape writes a member's name as a part of a JSON pointer in a URL (RFC 6901 section 6).
func escape(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// schema returns the compiled schema at a place of the document.
func (c *Contract) schema(at node) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.schemas[at.pointer]; ok {
		return s, nil
	}
	s, err := c.compiler.Compile(resource + at.pointer)
	if err == nil {
		c.schemas[at.pointer] = s
	}
	return s, err
}

// find returns the operation of a request. Without one, known tells whether the path is in the document.
func (c *Contract) find(method, path string) (op Operation, known, found bool) {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	paths := c.get(node{"#", c.root}, "paths")
	best := ""
	for template := range paths.object {
		// A path without a template goes before one with it (OpenAPI section 4.8.8).
		if matches(template, path) && (best == "" || strings.Count(template, "{") < strings.Count(best, "{")) {
			best = template
		}
	}
	if best == "" {
		return Operation{}, false, false
	}
	item := c.get(paths, best)
	op = Operation{method, best, c.get(item, strings.ToLower(method)), item}
	return op, true, op.node.object != nil && method == strings.ToUpper(method)
}

func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if strings.HasPrefix(want[i], "{") {
			if got[i] == "" && i == len(want)-1 { // as the router has it
				return false
			}
		} else if unescaped, err := url.PathUnescape(got[i]); err != nil || unescaped != want[i] {
			return false
		}
	}
	return true
}

// Answer is what came back for a request.
type Answer struct {
	Method string
	// Path is escaped, without the query.
	Path   string
	Status int
	Header http.Header
	Body   []byte
}

// Check returns what is wrong with an answer, nil if the document allows it. What is wrong comes as one error per line.
func (c *Contract) Check(a Answer) error {
	response, err := c.responseFor(a)
	if err != nil || response.object == nil {
		return err
	}
	return errors.Join(c.checkHeaders(a, response), c.checkBody(a, response))
}

// pages are what is served beside the API. The document does not describe them, but their errors are the API's.
var pages = []string{"/", "/menu/", "/profile", "/callback", "/assets/", "/docs"}

func isPage(path string) bool {
	return slices.ContainsFunc(pages, func(page string) bool {
		return path == page || page != "/" && strings.HasPrefix(path, strings.TrimSuffix(page, "/")+"/")
	})
}

// beforeHandlers are the statuses with which net/http itself refuses what is not HTTP to it, in plain text. The document
// has them in its introduction.
var beforeHandlers = []int{
	http.StatusBadRequest, http.StatusExpectationFailed, http.StatusRequestHeaderFieldsTooLarge,
	http.StatusNotImplemented, http.StatusHTTPVersionNotSupported,
}

// responseFor returns what the document says of an answer with this status. It is empty where there is nothing to say.
func (c *Contract) responseFor(a Answer) (node, error) {
	responses := c.get(c.get(node{"#", c.root}, "components"), "responses")
	op, known, found := c.find(a.Method, a.Path)
	switch {
	case a.Header.Get("X-Request-Id") == "" && slices.Contains(beforeHandlers, a.Status):
		return node{}, nil
	case found:
		all := c.get(op.node, "responses")
		status := strconv.Itoa(a.Status)
		if !all.has(status) {
			return node{}, fmt.Errorf("%s does not have the status %s", op.ID(), status)
		}
		return c.get(all, status), nil
	case a.Status == http.StatusForbidden:
		return c.get(responses, "OriginNotAllowed"), nil
	case a.Status == http.StatusServiceUnavailable:
		return c.get(responses, "Unavailable"), nil
	case a.Method == http.MethodOptions:
		if a.Status != http.StatusNoContent || len(a.Body) > 0 {
			return node{}, fmt.Errorf("OPTIONS is answered with %d and %d bytes, want 204 and none", a.Status, len(a.Body))
		}
		return node{}, nil
	case a.Status == http.StatusMethodNotAllowed && (known || isPage(a.Path)):
		return c.get(responses, "MethodNotAllowed"), nil
	case a.Status == http.StatusNotFound && strings.HasPrefix(a.Path, "/menu/") && strings.HasPrefix(a.Header.Get("Content-Type"), "text/html"):
		return node{}, nil // the page, which says that there is no such item
	case a.Status == http.StatusNotFound && !known:
		return c.get(responses, "NoSuchRoute"), nil
	case isPage(a.Path) && a.Status == http.StatusInternalServerError && a.Header.Get("Content-Type") == "application/problem+json":
		return node{}, nil // a page reads the menu, and may meet a bug there; it has the headers of a page still
	case isPage(a.Path) && a.Status < http.StatusBadRequest:
		return node{}, nil
	default:
		return node{}, fmt.Errorf("%d is no answer to %s on a path that the document does not have it on", a.Status, a.Method)
	}
}

// everywhere are the headers that every answer has. The document has them in its introduction.
var everywhere = []string{"X-Content-Type-Options"}

// ofHTTP are the headers of HTTP, CORS and pages, which need no description.
var ofHTTP = []string{
	"Content-Type", "Content-Length", "Date", "Connection", "Vary", "Allow",
	"Access-Control-Expose-Headers", "Strict-Transport-Security",
	"Content-Security-Policy", "Referrer-Policy", "Cross-Origin-Resource-Policy",
}

func (c *Contract) checkHeaders(a Answer, response node) error {
	var wrong []error
	described := c.get(response, "headers")
	for name := range described.object {
		header := c.get(described, name)
		required, _ := header.object["required"].(bool)
		values := a.Header.Values(name)
		switch {
		case len(values) > 1:
			wrong = append(wrong, fmt.Errorf("header %s is there %d times", name, len(values)))
		case len(values) == 1:
			if err := c.checkHeader(header, values[0]); err != nil {
				wrong = append(wrong, fmt.Errorf("header %s: %w", name, err))
			}
		case required:
			wrong = append(wrong, fmt.Errorf("header %s is missing", name))
		}
	}
	for _, name := range everywhere {
		if a.Header.Get(name) == "" {
			wrong = append(wrong, fmt.Errorf("header %s is missing", name))
		}
	}
	for name := range a.Header {
		isDescribed := func(described string) bool { return strings.EqualFold(described, name) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(described.object)), isDescribed) &&
			!slices.Contains(everywhere, name) && !slices.Contains(ofHTTP, name) {
			wrong = append(wrong, fmt.Errorf("header %s is not described", name))
		}
	}
	return errors.Join(wrong...)
}

func (c *Contract) checkHeader(header node, value string) error {
	schema, err := c.schema(node{header.pointer + "/schema", nil})
	if err != nil {
		return err
	}
	if c.get(header, "schema").text("type") == "integer" {
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q is not an integer", value)
		}
		return schema.Validate(n)
	}
	return schema.Validate(value)
}

func (c *Contract) checkBody(a Answer, response node) error {
	content := c.get(response, "content")
	switch {
	case a.Method == http.MethodHead || len(content.object) == 0:
		if len(a.Body) > 0 {
			return fmt.Errorf("there is a body of %d bytes, want none", len(a.Body))
		}
		return nil
	case a.Body == nil:
		return nil // it was not read
	}
	media, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if !content.has(media) {
		return fmt.Errorf("the Content-Type is %q, want one of %v", media, slices.Sorted(maps.Keys(content.object)))
	}
	schema, err := c.schema(node{c.get(content, media).pointer + "/schema", nil})
	if err != nil {
		return err
	}
	if media == "text/event-stream" {
		return c.checkEvents(string(a.Body))
	}
	var value any = string(a.Body)
	if strings.HasSuffix(media, "json") {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(a.Body)); err != nil {
			return fmt.Errorf("the body is not JSON: %w", err)
		}
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("the body: %w", err)
	}
	return nil
}

// checkEvents holds the complete events of a stream against what the document says of them (HTML section 9.2.6).
func (c *Contract) checkEvents(stream string) error {
	schema, err := c.schema(node{"#/components/schemas/ChangeEvent", nil})
	if err != nil {
		return err
	}
	blocks := strings.Split(stream, "\n\n")
	for _, block := range blocks[:len(blocks)-1] { // what comes after the last empty line is cut off
		fields := map[string]string{}
		for line := range strings.SplitSeq(strings.Trim(block, "\n"), "\n") {
			name, value, _ := strings.Cut(line, ":")
			fields[name] = strings.TrimPrefix(value, " ")
		}
		event, isEvent := fields["event"]
		switch {
		case !isEvent && fields["data"] == "":
			continue // a comment, or a hint when to come back
		case !slices.Contains([]string{"ready", "change", "reset"}, event):
			return fmt.Errorf("the event %q is not described", block)
		case event != "change" && fields["data"] != "{}":
			return fmt.Errorf("the event %q does not have {} as its data", block)
		case event == "change":
			data, err := jsonschema.UnmarshalJSON(strings.NewReader(fields["data"]))
			if err != nil {
				return fmt.Errorf("the event %q does not have JSON as its data", block)
			}
			if err := schema.Validate(data); err != nil {
				return fmt.Errorf("the event %q: %w", block, err)
			}
		}
	}
	return nil
}
