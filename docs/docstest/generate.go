package docstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// Request is a request made from the document.
type Request struct {
	Operation Operation
	// Target is the path with the query.
	Target string
	Header map[string]string
	Body   []byte
	// Valid says that the document allows the request as it is.
	Valid bool
	// BodyInvalid says that the document does not allow the body.
	BodyInvalid bool
}

// Draw makes a request for the operation: as the document has it, at its bounds, or with something wrong in it.
func (c *Contract) Draw(t *rapid.T, op Operation) Request {
	r := Request{Operation: op, Target: op.Path, Header: map[string]string{}, Valid: true}
	query := url.Values{}
	for _, parameter := range c.parameters(op) {
		name, in := parameter.text("name"), parameter.text("in")
		if in != "path" && !rapid.Bool().Draw(t, "with "+name) {
			continue
		}
		value, valid := c.drawParameter(t, parameter)
		r.Valid = r.Valid && valid
		switch in {
		case "path":
			r.Target = strings.ReplaceAll(r.Target, "{"+name+"}", url.PathEscape(value))
		case "query":
			query.Set(name, value)
		case "header":
			r.Header[name] = value
		}
	}
	if len(query) > 0 {
		r.Target += "?" + query.Encode()
	}
	if op.node.has("requestBody") {
		c.drawBody(t, op, &r)
	}
	return r
}

func (c *Contract) parameters(op Operation) []node {
	var all []node
	for _, holder := range []node{op.pathItem, op.node} {
		list, _ := holder.object["parameters"].([]any)
		for i, entry := range list {
			object, _ := entry.(map[string]any)
			all = append(all, c.resolve(node{holder.pointer + "/parameters/" + strconv.Itoa(i), object}))
		}
	}
	return all
}

// junk is what no parameter is meant to be.
var junk = []string{"", " ", "-1", "0", "1.5", "1e9", "99999999999999999999", "null", "'; DROP TABLE items;--", "%00", "ä", "\u2028", "../../etc/passwd", strings.Repeat("x", 5000)}

func (c *Contract) drawParameter(t *rapid.T, parameter node) (value string, valid bool) {
	name := parameter.text("name")
	if rapid.IntRange(0, 3).Draw(t, "junk in "+name) == 0 {
		value := rapid.SampledFrom(junk).Draw(t, name)
		if value == "" && parameter.text("in") == "path" {
			value = "-" // an empty one makes another path
		}
		return value, false
	}
	switch name {
	case "id": // mostly one that there may be
		return strconv.Itoa(rapid.SampledFrom([]int{1, 2, 3, 4, 5, 99}).Draw(t, name)), true
	case "after": // only a server knows which are
		return rapid.SampledFrom([]string{"1", "2", "200.1", "YnVyZ2Vy.1"}).Draw(t, name), false
	case "If-Match", "If-None-Match":
		return rapid.SampledFrom([]string{"*", `"1-x"`, `W/"1-x"`, `"a", "b"`}).Draw(t, name), true
	case "Idempotency-Key":
		return rapid.StringMatching(`"?[A-Za-z0-9-]{1,40}`).Draw(t, name), false
	}
	return fmt.Sprint(c.draw(t, c.get(parameter, "schema"), name)), true
}

func (c *Contract) drawBody(t *rapid.T, op Operation, r *Request) {
	content := c.get(c.get(op.node, "requestBody"), "content")
	media := rapid.SampledFrom(slices.Sorted(maps.Keys(content.object))).Draw(t, "media type")
	schema := c.get(c.get(content, media), "schema")
	body := c.draw(t, schema, "body")
	spoiled := rapid.IntRange(0, 2).Draw(t, "spoil") == 0
	if spoiled {
		body = c.spoil(t, body)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body, r.Header["Content-Type"] = encoded, media
	compiled, err := c.schema(schema)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if op.Method == http.MethodPost {
		dropID(value) // it is ignored where an item is added, whatever it is
	}
	r.BodyInvalid = err != nil || compiled.Validate(value) != nil
	switch rapid.IntRange(0, 11).Draw(t, "transfer") {
	case 0:
		r.Header["Content-Type"], r.Valid = rapid.SampledFrom([]string{"text/plain", "", "application/xml", "application/json; charset=latin1"}).Draw(t, "type"), false
	case 1:
		r.Body, r.BodyInvalid = encoded[:rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")], true
	case 2:
		behind := rapid.SampledFrom([]string{"x", "{}", "\x00", "\xff"}).Draw(t, "behind")
		r.Body, r.BodyInvalid = slices.Concat(encoded, []byte(behind)), true
	case 3:
		r.Body, r.BodyInvalid = append(bytes.Repeat([]byte(" "), 70_000), encoded...), true
	}
	// A schema cannot say all that may be wrong: an id that is not that of the path, a price with three decimals.
	r.Valid = r.Valid && !r.BodyInvalid && !spoiled
}

// dropID removes the id from an item, wrapped or bare.
func dropID(body any) {
	object, _ := body.(map[string]any)
	delete(object, "id")
	if item, wrapped := object["item"].(map[string]any); wrapped {
		delete(item, "id")
	}
}

// spoil puts something wrong into one place of a body.
func (c *Contract) spoil(t *rapid.T, body any) any {
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
		object[name] = c.spoil(t, object[name])
	default:
		object[name] = wrong
	}
	return object
}

// draw makes a value that a schema allows.
func (c *Contract) draw(t *rapid.T, schema node, name string) any {
	schema = c.resolve(schema)
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if list, ok := schema.object[keyword].([]any); ok {
			i := rapid.IntRange(0, len(list)-1).Draw(t, name+" "+keyword)
			return c.draw(t, schema.at(keyword, i), name)
		}
	}
	if list, ok := schema.object["allOf"].([]any); ok {
		merged := map[string]any{}
		for i := range list {
			part, _ := c.draw(t, schema.at("allOf", i), name).(map[string]any)
			maps.Copy(merged, part)
		}
		return merged
	}
	if value, ok := schema.object["const"]; ok {
		return value
	}
	if values, ok := schema.object["enum"].([]any); ok {
		return rapid.SampledFrom(values).Draw(t, name)
	}
	kind := schema.text("type")
	if kinds, ok := schema.object["type"].([]any); ok {
		kind, _ = rapid.SampledFrom(kinds).Draw(t, name+" type").(string)
	}
	switch kind {
	case "object":
		return c.drawObject(t, schema)
	case "integer":
		return drawInteger(t, schema, name)
	case "number": // those of the document are prices, which have two decimals
		return json.Number(strconv.FormatFloat(float64(rapid.IntRange(0, 100_000_000).Draw(t, name))/100, 'f', -1, 64))
	case "string":
		return drawText(t, schema, name)
	default:
		return nil
	}
}

func (n node) at(list string, i int) node {
	entries, _ := n.object[list].([]any)
	object, _ := entries[i].(map[string]any)
	return node{n.pointer + "/" + list + "/" + strconv.Itoa(i), object}
}

func (c *Contract) drawObject(t *rapid.T, schema node) any {
	object := map[string]any{}
	required, _ := schema.object["required"].([]any)
	properties := c.get(schema, "properties")
	for _, name := range slices.Sorted(maps.Keys(properties.object)) {
		isRequired := slices.Contains(required, any(name))
		if isRequired || name != "id" && rapid.Bool().Draw(t, "with "+name) { // an id must be that of the path
			object[name] = c.draw(t, c.get(properties, name), name)
		}
	}
	return object
}

func drawInteger(t *rapid.T, schema node, name string) any {
	bound := func(keyword string, otherwise int64) int64 {
		number, _ := schema.object[keyword].(json.Number)
		if n, err := number.Int64(); err == nil {
			return n
		}
		return otherwise
	}
	least, most := bound("minimum", 0), bound("maximum", 1000)
	return rapid.OneOf(rapid.SampledFrom([]int64{least, most}), rapid.Int64Range(least, most)).Draw(t, name)
}

func drawText(t *rapid.T, schema node, name string) any {
	if name == "image" { // there is more to a URL than its pattern
		return rapid.SampledFrom([]string{"", "https://example.com/soup.png", "HTTP://[::1]:8080/?a=b#c", "https://münchen.example/ä"}).Draw(t, name)
	}
	if pattern := schema.text("pattern"); pattern != "" {
		return rapid.StringMatching(pattern).Draw(t, name)
	}
	most, least := 20, 0
	if number, ok := schema.object["maxLength"].(json.Number); ok {
		if n, err := number.Int64(); err == nil && n < 3000 {
			most = int(n)
		}
	}
	if number, ok := schema.object["minLength"].(json.Number); ok {
		if n, err := number.Int64(); err == nil {
			least = int(n)
		}
	}
	letters := rapid.SampledFrom([]rune("aZ09-äß漢🍲\"\\/<&"))
	length := rapid.OneOf(rapid.Just(least), rapid.Just(most), rapid.IntRange(least, min(most, 30))).Draw(t, name+" length")
	return string(rapid.SliceOfN(letters, length, length).Draw(t, name))
}
