package docs

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"menu-api/content"
)

// document is the OpenAPI document with the endpoints of an identity provider. It is rendered at the first request.
type document struct {
	endpoints  endpoints
	expires    time.Time // when to ask the provider again. Zero means never, because the metadata does not change.
	yaml, json func() *content.Content
}

// newDocument replaces the endpoints of the development provider, which openapi.yaml contains. It replaces text, because a
// YAML encoder would lose the comments and the order.
func newDocument(e endpoints) *document {
	text := []byte(strings.NewReplacer(
		"http://localhost:7001/authorize", e.Authorization,
		"http://localhost:7001/oauth/token", e.Token,
	).Replace(OpenAPI))
	return &document{
		endpoints: e,
		yaml:      sync.OnceValue(func() *content.Content { return content.New("application/yaml", text) }),
		json: sync.OnceValue(func() *content.Content {
			var compact bytes.Buffer // has the order of the YAML, which is the order for readers
			err := json.Compact(&compact, must(yaml.YAMLToJSON(text)))
			return content.New("application/json", must(compact.Bytes(), err))
		}),
	}
}

func (d *document) isFresh() bool { return d.expires.IsZero() || time.Now().Before(d.expires) }
