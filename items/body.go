package items

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxBody is the maximum size of a request body, in bytes.
	MaxBody = 64 << 10
	// maxMenuPatch is that of a patch of the menu, which has at most maxPatchedItems entries.
	maxMenuPatch    = 1 << 20
	maxPatchedItems = 10_000
)

// The media types of request bodies.
const (
	mediaJSON       = "application/json"
	mediaMergePatch = "application/merge-patch+json" // RFC 7396
)

// ErrBody says that reading the body failed.
var ErrBody = errors.New("the request body could not be read")

// MediaTypeError says that a body has a format or an encoding that the route does not accept.
type MediaTypeError struct {
	Got     string // the Content-Type
	Coding  string // the Content-Encoding, if that is the problem
	Accepts []string
}

// Error says what was sent and what to send. A header may contain any bytes; a response is text.
func (e *MediaTypeError) Error() string {
	if e.Coding != "" {
		return "the request body came with Content-Encoding: " + shorten(strings.ToValidUTF8(e.Coding, "?")) + "; send it uncompressed, without this header"
	}
	got := "without a Content-Type"
	if e.Got != "" {
		got = "as " + shorten(strings.ToValidUTF8(e.Got, "?"))
	}
	return fmt.Sprintf("the request body came %s; send it with Content-Type: %s", got, strings.Join(e.Accepts, " or "))
}

// readBody reads the request's body, which must be of one of the media types and not longer than the limit.
//
// The error is a *MediaTypeError, a *http.MaxBytesError, a *ValidationError, or an ErrBody.
func readBody(c *gin.Context, limit int64, accepts ...string) ([]byte, error) {
	if err := checkMediaType(c.Request, accepts); err != nil {
		return nil, err
	}
	if c.Request.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit} // known before the first byte is read
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return asUTF8(body)
}

func checkMediaType(r *http.Request, accepts []string) error {
	// Joined as in RFC 9110 section 5.3, so that a second header of the same name counts.
	if coding := strings.Join(r.Header.Values("Content-Encoding"), ", "); coding != "" && !strings.EqualFold(coding, "identity") {
		return &MediaTypeError{Coding: coding}
	}
	sent := strings.Join(r.Header.Values("Content-Type"), ", ")
	if sent == "" && r.ContentLength == 0 {
		return nil // no body; the decoder reports that
	}
	media, params, err := mime.ParseMediaType(sent)
	// JSON is UTF-8 (RFC 8259 section 8.1); a client that announces another charset would be misread.
	if charset, set := params["charset"]; err == nil && (!set || strings.EqualFold(charset, "utf-8")) {
		if slices.Contains(accepts, media) {
			return nil
		}
	}
	return &MediaTypeError{Got: sent, Accepts: accepts}
}

// asUTF8 returns the body without a byte order mark. The error is a *ValidationError that names the encoding if it is not
// UTF-8, which JSON must be (RFC 8259 section 8.1). The first two characters of an object are ASCII, so zero bytes show UTF-16
// and UTF-32, even without a byte order mark (RFC 4627 section 3).
func asUTF8(body []byte) ([]byte, error) {
	start := [4]byte{'.', '.', '.', '.'} // for a shorter body
	copy(start[:], body)
	var encoding string
	switch a, b, c, d := start[0], start[1], start[2], start[3]; {
	case a == 0xff && b == 0xfe && c == 0 && d == 0, a != 0 && b == 0 && c == 0 && d == 0:
		encoding = "UTF-32LE"
	case a == 0 && b == 0 && c == 0xfe && d == 0xff, a == 0 && b == 0 && c == 0 && d != 0:
		encoding = "UTF-32BE"
	case a == 0xff && b == 0xfe, a != 0 && b == 0:
		encoding = "UTF-16LE"
	case a == 0xfe && b == 0xff, a == 0 && b != 0:
		encoding = "UTF-16BE"
	default:
		return bytes.TrimPrefix(body, []byte("\ufeff")), nil
	}
	return nil, &ValidationError{Detail: "The request body is encoded as " + encoding + ". JSON must be UTF-8."}
}

// DecodeInput reads a body of /items: {"item":{...}}, the form of the NestJS application, or the item bare. It drops and
// changes nothing silently: what is wrong with single fields is kept in the input, and reported when it is validated.
//
// The error is a *ValidationError.
func DecodeInput(body []byte) (*Input, error) {
	object, err := ParseObject(body, "request body", `{"item":{...}}`)
	if err != nil {
		return nil, err
	}
	in, members := NewInput(""), object
	if item, wrapped := object["item"]; wrapped {
		if item.Kind() != jsontext.KindBeginObject {
			return nil, &ValidationError{
				Detail: "The item is not a JSON object.",
				Fields: []FieldError{{Field: "item", Message: "must be an object"}},
			}
		}
		in, members = NewInput("item."), membersOf(item)
		for name := range object {
			if name != "item" {
				in.unknown = append(in.unknown, shorten(name))
			}
		}
	}
	for name, value := range members {
		in.Add(name, value)
	}
	return in, nil
}

// menuPatch is a merge patch of the menu (RFC 7396), by id in ascending order.
type menuPatch []itemPatch

// itemPatch is one entry of a menuPatch.
type itemPatch struct {
	ID int64
	// Input is nil if the entry deletes the item.
	Input *Input
}

// decodeMenuPatch reads a body such as {"1":{"price":6.5},"9":null}. What is wrong with single fields is kept in the inputs.
//
// The error is a *ValidationError.
func decodeMenuPatch(body []byte) (menuPatch, error) {
	object, err := ParseObject(body, "request body", `{"1":{...},"2":null}`)
	if err != nil {
		return nil, err
	}
	if len(object) > maxPatchedItems {
		return nil, &ValidationError{Detail: fmt.Sprintf("The request body has more than %d entries. Send several requests.", maxPatchedItems)}
	}
	var invalid problems
	patch := make(menuPatch, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		id, ok := ParseID(name)
		entry := itemPatch{ID: id}
		switch kind := object[name].Kind(); {
		case !ok:
			invalid.add(shorten(name), "must be the id of an item: a positive integer, such as 1")
		case kind == jsontext.KindBeginObject:
			entry.Input = NewInput(name + ".")
			for field, value := range membersOf(object[name]) {
				entry.Input.Add(field, value)
			}
		case kind != jsontext.KindNull:
			invalid.add(name, "must be an object with the fields to change, or null")
		}
		patch = append(patch, entry)
	}
	slices.SortFunc(patch, func(a, b itemPatch) int { return cmp.Compare(a.ID, b.ID) })
	return patch, invalidPatch(invalid)
}

// maxPatchErrors is how many invalid fields of a menu patch are reported at most.
const maxPatchErrors = 1000

func invalidPatch(invalid problems) error {
	invalid = invalid[:min(len(invalid), maxPatchErrors)]
	return invalid.err("The changes are not valid. See errors for each invalid field.")
}

// Object is the members of a JSON object by name.
type Object map[string]jsontext.Value

// ParseObject reads text that must be one JSON object and nothing else. what is the text, such as "request body", and
// example an object to send; both are for the messages.
//
// The error is a *ValidationError.
func ParseObject(text []byte, what, example string) (Object, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(text))
	value, err := decoder.ReadValue()
	switch {
	case errors.Is(err, io.EOF):
		return nil, &ValidationError{Detail: "The " + what + " is empty. Send an item as JSON: " + example + "."}
	case err != nil:
		return nil, syntaxError(what, err)
	case value.Kind() != jsontext.KindBeginObject:
		return nil, &ValidationError{Detail: "The " + what + " is not a JSON object. Send an item as " + example + "."}
	}
	members := membersOf(value)
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &ValidationError{Detail: "The " + what + " has trailing data after its JSON object."}
	}
	return members, nil
}

// membersOf returns the members of an object that has been read before, so that no error is possible. json.Unmarshal would take
// several times as long.
func membersOf(value jsontext.Value) Object {
	members := Object{}
	// The decoder neither copies nor changes a buffer, unlike a reader. The first read has made the checks.
	decoder := jsontext.NewDecoder(bytes.NewBuffer(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, err := decoder.ReadToken() // the opening brace
	for err == nil && decoder.PeekKind() == jsontext.KindString {
		var token jsontext.Token
		if token, err = decoder.ReadToken(); err == nil {
			name := token.String() // the token is valid until the next read
			members[name], err = decoder.ReadValue()
		}
	}
	return members
}

// syntaxError says where a text stops being JSON, and in which field.
func syntaxError(what string, err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &ValidationError{Detail: "The " + what + " is not valid JSON: it ends too early."}
	}
	// A JSON pointer (RFC 6901) as a path: /item/price is item.price.
	field := shorten(strings.Join(slices.Collect(syntax.JSONPointer.Tokens()), "."))
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return &ValidationError{
			Detail: "The " + what + " names a field more than once.",
			Fields: []FieldError{{Field: field, Message: "appears more than once"}},
		}
	}
	invalid := &ValidationError{
		Detail: fmt.Sprintf("The %s is not valid JSON: %v at byte %d.", what, syntax.Err, syntax.ByteOffset+1),
	}
	if field != "" {
		invalid.Fields = []FieldError{{Field: field, Message: "is not valid JSON"}}
	}
	return invalid
}

// shorten keeps a name that the client made up from filling the response.
func shorten(name string) string {
	const most = 100
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}
