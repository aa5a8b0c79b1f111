package docstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pb33f/go-yaml"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"pgregory.net/rapid"
)

// The library renders example values, but not values that rapid can shrink, values at the bounds, or invalid values.
// Therefore this file generates requests itself.

// Request is a request generated from the document.
type Request struct {
	Operation   Operation
	Target      string // path and query
	Header      map[string]string
	Body        []byte
	Valid       bool // the document allows the request
	BodyInvalid bool // the document does not allow the body
}

// Draw generates a request for the operation: valid, at the bounds, or invalid.
func Draw(t *rapid.T, op Operation) Request {
	r := Request{Operation: op, Target: op.Path, Header: map[string]string{}, Valid: true}
	query := url.Values{}
	for _, parameter := range slices.Concat(op.item.Parameters, op.Parameters) {
		if parameter.In != "path" && !rapid.Bool().Draw(t, "with "+parameter.Name) {
			continue
		}
		value, valid := drawParameter(t, parameter)
		r.Valid = r.Valid && valid
		switch parameter.In {
		case "path":
			r.Target = strings.ReplaceAll(r.Target, "{"+parameter.Name+"}", url.PathEscape(value))
		case "query":
			query.Set(parameter.Name, value)
		case "header":
			r.Header[parameter.Name] = value
		}
	}
	if len(query) > 0 {
		r.Target += "?" + query.Encode()
	}
	if op.RequestBody != nil {
		drawBody(t, op, &r)
	}
	return r
}

// junk are values that no parameter allows.
var junk = []string{"", " ", "-1", "0", "1.5", "1e9", "99999999999999999999", "null", "'; DROP TABLE items;--", "%00", "ä", "\u2028", "../../etc/passwd", strings.Repeat("x", 5000)}

func drawParameter(t *rapid.T, parameter *v3.Parameter) (value string, valid bool) {
	name := parameter.Name
	if rapid.IntRange(0, 3).Draw(t, "junk in "+name) == 0 {
		value := rapid.SampledFrom(junk).Draw(t, name)
		if value == "" && parameter.In == "path" {
			value = "-" // an empty value would make another path
		}
		return value, false
	}
	switch name {
	case "id": // usually the id of an item that exists
		return strconv.Itoa(rapid.SampledFrom([]int{1, 2, 3, 4, 5, 99}).Draw(t, name)), true
	case "after": // only a server knows its valid page keys
		return rapid.SampledFrom([]string{"1", "2", "200.1", "YnVyZ2Vy.1"}).Draw(t, name), false
	case "If-Match", "If-None-Match":
		return rapid.SampledFrom([]string{"*", `"1-x"`, `W/"1-x"`, `"a", "b"`}).Draw(t, name), true
	case "Idempotency-Key":
		return rapid.StringMatching(`"?[A-Za-z0-9-]{1,40}`).Draw(t, name), false
	}
	return fmt.Sprint(draw(t, parameter.Schema, name)), true
}

func drawBody(t *rapid.T, op Operation, r *Request) {
	media := rapid.SampledFrom(slices.Collect(op.RequestBody.Content.KeysFromOldest())).Draw(t, "media type")
	body := draw(t, op.RequestBody.Content.GetOrZero(media).Schema, "body")
	spoiled := rapid.IntRange(0, 2).Draw(t, "spoil") == 0
	if spoiled {
		body = spoil(t, body)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body, r.Header["Content-Type"] = encoded, media
	r.BodyInvalid = !allowsBody(t, op, media, encoded)
	switch rapid.IntRange(0, 11).Draw(t, "transfer") {
	case 0:
		r.Header["Content-Type"], r.Valid = rapid.SampledFrom([]string{"text/plain", "", "application/xml", "application/json; charset=latin1"}).Draw(t, "type"), false
	case 1:
		r.Body, r.BodyInvalid = encoded[:rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")], true
	case 2:
		trailing := rapid.SampledFrom([]string{"x", "{}", "\x00", "\xff"}).Draw(t, "trailing")
		r.Body, r.BodyInvalid = slices.Concat(encoded, []byte(trailing)), true
	case 3:
		tooMuch := 70_000
		if op.OperationId == "patchItems" {
			tooMuch = 1 << 20
		}
		r.Body, r.BodyInvalid = append(bytes.Repeat([]byte(" "), tooMuch), encoded...), true
	}
	// A schema cannot express every rule: an id that must match the path, a price with two decimals.
	r.Valid = r.Valid && !r.BodyInvalid && !spoiled
}

func allowsBody(t *rapid.T, op Operation, media string, body []byte) bool {
	if op.Method == http.MethodPost {
		body = withoutID(body) // the API ignores it
	}
	body = withLowerNames(op.Path, body)
	request, err := http.NewRequestWithContext(t.Context(), op.Method, "http://localhost"+op.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", media)
	checking.Lock()
	defer checking.Unlock()
	valid, _ := load().requests.GetRequestBodyValidator().ValidateRequestBodyWithPathItem(request, op.item, op.Path)
	return valid
}

// spoil replaces, removes or adds one member of a body.
func spoil(t *rapid.T, body any) any {
	object, ok := body.(map[string]any)
	wrong := rapid.SampledFrom([]any{nil, true, -1, 1.005, 1e300, "", "x", "-1", "9.999", strings.Repeat("ä", 3000), []any{}, map[string]any{}}).Draw(t, "wrong")
	if !ok || len(object) == 0 {
		return wrong
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(object))).Draw(t, "where")
	switch rapid.IntRange(0, 3).Draw(t, "how") {
	case 0:
		delete(object, name)
	case 1:
		object[rapid.SampledFrom([]string{"Name", "cost", "", "__proto__", "id", "item"}).Draw(t, "added")] = wrong
	case 2:
		object[name] = spoil(t, object[name])
	default:
		object[name] = wrong
	}
	return object
}

// draw generates a value that a schema allows.
func draw(t *rapid.T, proxy *base.SchemaProxy, name string) any {
	schema := proxy.Schema()
	if choices := slices.Concat(schema.OneOf, schema.AnyOf); len(choices) > 0 {
		return draw(t, rapid.SampledFrom(choices).Draw(t, name+" choice"), name)
	}
	if len(schema.AllOf) > 0 {
		merged := map[string]any{}
		for _, part := range schema.AllOf {
			object, _ := draw(t, part, name).(map[string]any)
			maps.Copy(merged, object)
		}
		return merged
	}
	if schema.Const != nil {
		return mustDecode(t, schema.Const)
	}
	if len(schema.Enum) > 0 {
		return mustDecode(t, rapid.SampledFrom(schema.Enum).Draw(t, name))
	}
	switch rapid.SampledFrom(schema.Type).Draw(t, name+" type") {
	case "object":
		return drawObject(t, schema)
	case "integer":
		least, most := int64(valueOr(schema.Minimum, 0)), int64(valueOr(schema.Maximum, 1000))
		return rapid.OneOf(rapid.SampledFrom([]int64{least, most}), rapid.Int64Range(least, most)).Draw(t, name)
	case "number": // every number in the document is a price, which has two decimals, or a price in cents
		if valueOr(schema.Maximum, 0) > 1_000_000 {
			return rapid.IntRange(0, 100_000_000).Draw(t, name)
		}
		return json.Number(strconv.FormatFloat(float64(rapid.IntRange(0, 100_000_000).Draw(t, name))/100, 'f', -1, 64))
	case "string":
		return drawText(t, schema, name)
	case "boolean":
		return rapid.Bool().Draw(t, name)
	default:
		return nil
	}
}

func mustDecode(t *rapid.T, node *yaml.Node) (value any) {
	if err := node.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func drawObject(t *rapid.T, schema *base.Schema) any {
	object := map[string]any{}
	for name, property := range schema.Properties.FromOldest() {
		isRequired := slices.Contains(schema.Required, name)
		if isRequired || name != "id" && rapid.Bool().Draw(t, "with "+name) { // an id must match the path
			object[name] = draw(t, property, name)
		}
	}
	return object
}

func drawText(t *rapid.T, schema *base.Schema, name string) string {
	if name == "image" { // a pattern cannot express every rule for a URL
		return rapid.SampledFrom([]string{"", "https://example.com/soup.png", "HTTP://[::1]:8080/?a=b#c", "https://münchen.example/ä"}).Draw(t, name)
	}
	if schema.Pattern != "" {
		return rapid.StringMatching(schema.Pattern).Draw(t, name)
	}
	least, most := int(valueOr(schema.MinLength, 0)), int(valueOr(schema.MaxLength, math.MaxInt32))
	if most > 3000 {
		most = 20
	}
	letters := rapid.SampledFrom([]rune("aZ09-äß漢🍲\"\\/<&"))
	length := rapid.OneOf(rapid.Just(least), rapid.Just(most), rapid.IntRange(least, min(most, 30))).Draw(t, name+" length")
	return string(rapid.SliceOfN(letters, length, length).Draw(t, name))
}

func valueOr[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}
