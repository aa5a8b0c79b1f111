package docs

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// document is the OpenAPI document with the endpoints of an identity provider. It is rendered at the first request.
type document struct {
	endpoints  endpoints
	yaml, json func() content
}

// newDocument replaces the endpoints of the development provider, which openapi.yaml contains.
func newDocument(e endpoints) *document {
	text := sync.OnceValue(func() []byte {
		return []byte(strings.NewReplacer(
			"http://localhost:7001/authorize", e.Authorization,
			"http://localhost:7001/oauth/token", e.Token,
		).Replace(OpenAPI))
	})
	return &document{
		endpoints: e,
		yaml:      sync.OnceValue(func() content { return newContent("application/yaml", text()) }),
		json:      sync.OnceValue(func() content { return newContent("application/json", mustConvertToJSON(text())) }),
	}
}

// mustConvertToJSON keeps the order of the YAML, which is the order for readers. It cannot fail outside of tests: the
// document is part of the program.
func mustConvertToJSON(text []byte) []byte {
	var compact bytes.Buffer
	converted, err := yaml.YAMLToJSON(text)
	if err == nil {
		err = json.Compact(&compact, converted)
	}
	if err != nil {
		panic("docs: openapi.yaml: " + err.Error())
	}
	return compact.Bytes()
}
