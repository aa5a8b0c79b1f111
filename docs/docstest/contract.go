// Package docstest checks requests and responses of the API against its OpenAPI document. Only tests import it.
//
// libopenapi-validator checks parameters, status codes, media types, headers and bodies. This package adds the rules that
// OpenAPI cannot express: the headers of every response, responses without an operation, responses without a body, and
// server-sent events.
package docstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	validation "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/radix"
	"github.com/pb33f/libopenapi-validator/responses"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"

	"menu-api/docs"
)

// contract is the OpenAPI document with its validators.
type contract struct {
	model     *v3.Document
	paths     *radix.PathTree
	requests  validator.Validator
	responses responses.ResponseBodyValidator
	headers   responses.ResponseBodyValidator // like responses, without the body
	schemas   schema_validation.SchemaValidator
}

// everywhere are the headers of every response. The introduction of the document describes them.
var everywhere = []string{"X-Content-Type-Options"}

// standard are the headers of HTTP, CORS and pages, which the document does not repeat.
var standard = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Date", "Connection", "Vary", "Allow",
	"Access-Control-Expose-Headers", "Strict-Transport-Security",
	"Content-Security-Policy", "Referrer-Policy", "Cross-Origin-Resource-Policy",
}

// load panics if the document is invalid, because no test could run.
var load = sync.OnceValue(func() *contract {
	document, err := libopenapi.NewDocument([]byte(docs.OpenAPI))
	if err != nil {
		panic("docstest: openapi.yaml: " + err.Error())
	}
	built, err := document.BuildV3Model()
	if err != nil {
		panic("docstest: openapi.yaml: " + err.Error())
	}
	model := &built.Model
	formats := config.WithFormatAssertions()
	// Strict mode rejects headers that the document does not describe. In bodies it would also reject the keys of the menu,
	// and the schemas reject unknown fields anyway.
	strict := []config.Option{
		formats, config.WithStrictMode(), config.WithStrictIgnorePaths("$.body.**"),
		config.WithStrictIgnoredHeaders(slices.Concat(everywhere, standard)...),
	}
	return &contract{
		model:     model,
		paths:     radix.BuildPathTree(model),
		requests:  validator.NewValidatorFromV3Model(model, formats, config.WithoutSecurityValidation()),
		responses: responses.NewResponseBodyValidator(model, strict...),
		headers:   responses.NewResponseBodyValidator(model, append(strict, config.WithoutResponseBodyValidation())...),
		schemas:   schema_validation.NewSchemaValidator(formats),
	}
})

var checking sync.Mutex

// Check returns an error if the document does not allow the exchange. A nil body means that the caller did not read the
// response to its end. Many tests send invalid requests on purpose, so Check requires a valid request only if the API
// accepted it.
func Check(request *http.Request, response *http.Response, body []byte) error {
	// libopenapi writes to the model while it renders a schema, so concurrent checks would be a data race.
	checking.Lock()
	defer checking.Unlock()
	c := load()
	body, err := Decompress(response.Header, body)
	if err != nil {
		return err
	}
	if response.Header.Get("X-Request-Id") == "" && slices.Contains(beforeHandlers, response.StatusCode) {
		return nil
	}
	item, path, found := c.paths.Lookup(strings.TrimSuffix(request.URL.EscapedPath(), "/"))
	var operation *v3.Operation
	if found {
		operation = item.GetOperations().GetOrZero(strings.ToLower(request.Method))
	}
	var described *v3.Response
	var errs []error
	if operation != nil {
		described = operation.Responses.Codes.GetOrZero(strconv.Itoa(response.StatusCode))
		if response.StatusCode < http.StatusMultipleChoices {
			errs = append(errs, c.checkRequest(request, item, path))
		}
	} else {
		component, err := componentFor(request, response, body, found)
		if err != nil || component == "" {
			return err
		}
		described = c.model.Components.Responses.GetOrZero(component)
		// The validator finds a response through an operation.
		item = &v3.PathItem{Get: &v3.Operation{Responses: &v3.Responses{
			Codes: orderedmap.ToOrderedMap(map[string]*v3.Response{strconv.Itoa(response.StatusCode): described}),
		}}}
	}
	for _, name := range everywhere {
		if response.Header.Get(name) == "" {
			errs = append(errs, fmt.Errorf("header %s is missing", name))
		}
	}
	check := c.responses
	switch {
	case request.Method == http.MethodHead || described != nil && orderedmap.Len(described.Content) == 0:
		check = c.headers
		if len(body) > 0 {
			errs = append(errs, fmt.Errorf("got a body of %d bytes, want none", len(body)))
		}
	case body == nil:
		check = c.headers
	case response.Header.Get("Content-Type") == "text/event-stream":
		errs = append(errs, c.checkEvents(string(body)))
	}
	asGet, copied := *request, *response
	if operation == nil {
		asGet.Method = http.MethodGet
	}
	copied.Body = io.NopCloser(bytes.NewReader(body))
	_, problems := check.ValidateResponseBodyWithPathItem(&asGet, &copied, item, path)
	return errors.Join(append(errs, join(problems))...)
}

// Decompress returns the body of a response without its content coding.
func Decompress(header http.Header, body []byte) ([]byte, error) {
	var reader io.Reader = bytes.NewReader(body)
	var err error
	switch coding := header.Get("Content-Encoding"); {
	case coding == "" || len(body) == 0:
		return body, nil
	case coding == "gzip":
		reader, err = gzip.NewReader(reader)
	case coding == "zstd":
		reader, err = zstd.NewReader(reader)
	default:
		err = fmt.Errorf("unknown Content-Encoding %q", coding)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// checkRequest checks the parameters and the body of a request. It needs GetBody, because the body has been sent. The API
// ignores an invalid X-Request-Id or Last-Event-ID, and the id in the body of a POST.
func (c *contract) checkRequest(request *http.Request, item *v3.PathItem, path string) error {
	copied := request.Clone(request.Context())
	copied.Header.Del("X-Request-Id")
	copied.Header.Del("Last-Event-ID")
	copied.Body = http.NoBody
	switch {
	case request.GetBody != nil:
		reader, err := request.GetBody()
		if err != nil {
			return err
		}
		body, err := io.ReadAll(reader)
		if err != nil {
			return err
		}
		body = bytes.TrimPrefix(body, []byte("\ufeff")) // the API accepts a byte order mark
		if request.Method == http.MethodPost {
			body = withoutID(body)
		}
		copied.Body = io.NopCloser(bytes.NewReader(withLowerNames(path, body)))
	case request.Body != nil && request.Body != http.NoBody:
		return nil
	}
	_, problems := c.requests.ValidateHttpRequestWithPathItem(copied, item, path)
	return join(problems)
}

// withoutID removes the id from an item, wrapped or bare.
func withoutID(body []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return body
	}
	delete(object, "id")
	if item, wrapped := object["item"]; wrapped {
		object["item"] = withoutID(item)
	}
	encoded, err := json.Marshal(object)
	if err != nil {
		return body
	}
	return encoded
}

// withLowerNames writes the names of members in the second contract in their canonical form, because OpenAPI cannot express
// that they are case-insensitive. If a name appears in two spellings, the body stays as it is.
func withLowerNames(path string, body []byte) []byte {
	var object, renamed map[string]json.RawMessage
	if !strings.HasPrefix(path, "/api/menu/") || json.Unmarshal(body, &object) != nil || object == nil {
		return body
	}
	renamed = map[string]json.RawMessage{}
	for name, value := range object {
		canonical := strings.ReplaceAll(strings.ToLower(name), "soldout", "soldOut")
		if _, taken := renamed[canonical]; taken {
			return body
		}
		renamed[canonical] = value
	}
	encoded, err := json.Marshal(renamed)
	if err != nil {
		return body
	}
	return encoded
}

func join(problems []*validation.ValidationError) (err error) {
	for _, problem := range problems {
		err = errors.Join(err, problem)
	}
	return err
}

// beforeHandlers are the statuses of net/http's own responses to requests that are not HTTP, in plain text. The
// introduction of the document describes them.
var beforeHandlers = []int{
	http.StatusBadRequest, http.StatusExpectationFailed, http.StatusRequestHeaderFieldsTooLarge,
	http.StatusNotImplemented, http.StatusHTTPVersionNotSupported,
}

// pages are the paths of pages and their files. The document does not describe them, but it describes their errors.
var pages = []string{"/", "/menu/", "/profile", "/callback", "/assets/", "/docs"}

// componentFor returns the name of the shared response that the document has for a request without an operation, or ""
// if the document allows the response without a description.
func componentFor(request *http.Request, response *http.Response, body []byte, knownPath bool) (string, error) {
	path, status, mediaType := request.URL.EscapedPath(), response.StatusCode, response.Header.Get("Content-Type")
	isPage := slices.ContainsFunc(pages, func(page string) bool {
		return path == page || page != "/" && strings.HasPrefix(path, strings.TrimSuffix(page, "/")+"/")
	})
	switch {
	case status == http.StatusForbidden:
		return "OriginNotAllowed", nil
	case status == http.StatusServiceUnavailable:
		return "Unavailable", nil
	case request.Method == http.MethodOptions && status == http.StatusNoContent && len(body) == 0:
		return "", nil
	case status == http.StatusMethodNotAllowed && (knownPath || isPage):
		return "MethodNotAllowed", nil
	case status == http.StatusNotFound && strings.HasPrefix(path, "/menu/") && strings.HasPrefix(mediaType, "text/html"):
		return "", nil // the page for a missing item
	case status == http.StatusNotFound && !knownPath && strings.HasPrefix(mediaType, "text/html"):
		return "", nil // the page for an unknown path
	case status == http.StatusNotFound && !knownPath:
		return "NoSuchRoute", nil
	case isPage && status < http.StatusBadRequest:
		return "", nil
	case isPage && (status == http.StatusInternalServerError || status == http.StatusTooManyRequests) && mediaType == "application/problem+json":
		return "", nil // a page with the menu can fail; the response keeps the page's headers
	default:
		return "", fmt.Errorf("the document does not describe status %d for %s %s", status, request.Method, path)
	}
}

// checkEvents checks the complete events of a stream (HTML section 9.2.6). OpenAPI 3.1 cannot describe them.
func (c *contract) checkEvents(stream string) error {
	blocks := strings.Split(stream, "\n\n")
	for _, block := range blocks[:len(blocks)-1] { // the part after the last empty line is incomplete
		fields := map[string]string{}
		for line := range strings.SplitSeq(strings.Trim(block, "\n"), "\n") {
			name, value, _ := strings.Cut(line, ":")
			fields[name] = strings.TrimPrefix(value, " ")
		}
		event, isEvent := fields["event"]
		switch {
		case !isEvent && fields["data"] == "":
			continue // a comment or a retry time
		case !slices.Contains([]string{"ready", "change", "reset"}, event):
			return fmt.Errorf("the document does not describe the event %q", block)
		case event != "change" && fields["data"] != "{}":
			return fmt.Errorf("the event %q does not have the data {}", block)
		case event == "change":
			schema := c.model.Components.Schemas.GetOrZero("ChangeEvent").Schema()
			if _, problems := c.schemas.ValidateSchemaString(schema, fields["data"]); len(problems) > 0 {
				return fmt.Errorf("the event %q: %w", block, join(problems))
			}
		}
	}
	return nil
}
