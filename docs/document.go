package docs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// The endpoints that the document has as it was written: those of the development provider.
var written = endpoints{Authorization: "http://localhost:7001/authorize", Token: "http://localhost:7001/oauth/token"} //nolint:gosec // addresses

// document serves the OpenAPI document with the addresses of the configured identity provider in it.
type document struct {
	provider *provider

	mu       sync.Mutex
	rendered endpoints // those of the renditions below
	asYAML   rendition
	asJSON   rendition
}

// rendition is a body with its media type and its validator.
type rendition struct {
	body        []byte
	contentType string
	etag        string
}

func newRendition(contentType string, body []byte) rendition {
	sum := sha256.Sum256(body)
	return rendition{body, contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`}
}

func newDocument(issuer string) *document { return &document{provider: newProvider(issuer)} }

func (d *document) yaml(c *gin.Context) {
	asYAML, _ := d.render(d.provider.endpoints(c.Request.Context()))
	send(c, asYAML)
}

func (d *document) json(c *gin.Context) {
	_, asJSON := d.render(d.provider.endpoints(c.Request.Context()))
	send(c, asJSON)
}

// render returns the document with the endpoints in it. It does its work once, as the endpoints do not change once they
// are known.
func (d *document) render(e endpoints) (asYAML, asJSON rendition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rendered != e {
		text := []byte(strings.NewReplacer(written.Authorization, e.Authorization, written.Token, e.Token).Replace(OpenAPI))
		converted, err := yamlToJSON(text)
		if err != nil {
			panic("docs: openapi.yaml: " + err.Error()) // it is part of the program, and tests read it
		}
		d.asYAML = newRendition("application/yaml", text)
		d.asJSON = newRendition("application/json", converted)
		d.rendered = e
	}
	return d.asYAML, d.asJSON
}

// send answers a GET or HEAD, with 304 when the client has the rendition already (RFC 9110 section 15.4.5).
func send(c *gin.Context, r rendition) {
	c.Header("Cache-Control", "no-cache") // kept by caches, asked for again before each use
	c.Header("ETag", r.etag)
	for _, line := range c.Request.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == r.etag || tag == "*" {
				c.Status(http.StatusNotModified)
				return
			}
		}
	}
	c.Header("Content-Length", strconv.Itoa(len(r.body))) // said outright, for the answer to a HEAD
	c.Data(http.StatusOK, r.contentType, r.body)
}

// yamlToJSON converts a document and keeps its order, in which its author wants it to be read.
func yamlToJSON(text []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := writeJSON(jsontext.NewEncoder(&out), &root); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func writeJSON(out *jsontext.Encoder, node *yaml.Node) error {
	opening, closing := jsontext.BeginObject, jsontext.EndObject
	switch node.Kind {
	case yaml.DocumentNode:
		return writeJSON(out, node.Content[0])
	case yaml.ScalarNode:
		return writeScalar(out, node)
	case yaml.SequenceNode:
		opening, closing = jsontext.BeginArray, jsontext.EndArray
	case yaml.MappingNode:
	default:
		return fmt.Errorf("line %d: nothing that JSON has", node.Line)
	}
	if err := out.WriteToken(opening); err != nil {
		return err
	}
	for i, child := range node.Content {
		var err error
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			err = out.WriteToken(jsontext.String(child.Value)) // a key is a string, also where YAML sees a number
		} else {
			err = writeJSON(out, child)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", child.Line, err)
		}
	}
	return out.WriteToken(closing)
}

func writeScalar(out *jsontext.Encoder, node *yaml.Node) error {
	switch node.Tag {
	case "!!str":
		return out.WriteToken(jsontext.String(node.Value))
	case "!!int", "!!float": // in the notation of JSON, or the encoder refuses it
		return out.WriteValue(jsontext.Value(node.Value))
	case "!!bool":
		return out.WriteToken(jsontext.Bool(node.Value == "true"))
	case "!!null":
		return out.WriteToken(jsontext.Null)
	default:
		return fmt.Errorf("line %d: a %s, which JSON does not have", node.Line, node.Tag)
	}
}
