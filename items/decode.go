package items

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// parseDraft reads a body: {"item":{...}}, the form of the NestJS application, or the item bare. It is strict: nothing a
// client sent is dropped or bent unseen. What is wrong with single fields is kept in the draft, to be reported together
// with what its validation finds.
//
// The error is a *ValidationError.
func parseDraft(body []byte) (*Draft, error) {
	object, err := parseObject(body, `{"item":{...}}`)
	if err != nil {
		return nil, err
	}
	d := newDraft()
	if item, wrapped := object.get("item"); wrapped {
		d.prefix = "item."
		for _, m := range object {
			if m.name != "item" {
				d.unknown = append(d.unknown, shorten(m.name))
			}
		}
		if item.Kind() != jsontext.KindBeginObject {
			return nil, &ValidationError{
				Detail: "The item is not a JSON object.",
				Fields: []FieldError{{Field: "item", Message: "must be an object"}},
			}
		}
		object = membersOf(item)
	}
	for _, m := range object {
		d.read(m.name, m.value)
	}
	return d, nil
}

// object is the members of a JSON object in their order, each name once.
type object []member

type member struct {
	name  string
	value jsontext.Value
}

func (o object) get(name string) (jsontext.Value, bool) {
	for _, m := range o {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// parseObject reads a body that must be one JSON object and nothing else. like is what it should look like.
func parseObject(body []byte, like string) (object, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(body))
	value, err := decoder.ReadValue()
	switch {
	case errors.Is(err, io.EOF):
		return nil, &ValidationError{Detail: "The request body is empty. Send an item as JSON: " + like + "."}
	case err != nil:
		return nil, syntaxError(err)
	case value.Kind() != jsontext.KindBeginObject:
		return nil, &ValidationError{Detail: "The request body is not a JSON object. Send an item as " + like + "."}
	}
	members := membersOf(value)
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &ValidationError{Detail: "The request body has trailing data after its JSON object."}
	}
	return members, nil
}

// membersOf lists the members of an object that has been read before, so that no error is left to come.
func membersOf(value jsontext.Value) object {
	var members object
	// A buffer, other than a reader, is neither copied nor changed by the decoder. What was looked for when the object was
	// read is not looked for again.
	decoder := jsontext.NewDecoder(bytes.NewBuffer(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, err := decoder.ReadToken() // the opening brace
	for err == nil && decoder.PeekKind() == jsontext.KindString {
		var m member
		var token jsontext.Token
		if token, err = decoder.ReadToken(); err == nil {
			m.name = token.String()
			m.value, err = decoder.ReadValue()
			members = append(members, m)
		}
	}
	return members
}

// syntaxError says where a body stops being JSON, and in which field.
func syntaxError(err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &ValidationError{Detail: "The request body is not valid JSON: it ends too early."}
	}
	field := fieldPath(syntax.JSONPointer)
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return &ValidationError{
			Detail: "The request body names a field more than once.",
			Fields: []FieldError{{Field: field, Message: "appears more than once"}},
		}
	}
	invalid := &ValidationError{
		Detail: fmt.Sprintf("The request body is not valid JSON: %v at byte %d.", syntax.Err, syntax.ByteOffset),
	}
	if field != "" {
		invalid.Fields = []FieldError{{Field: field, Message: "is not valid JSON"}}
	}
	return invalid
}

// fieldPath writes a JSON pointer (RFC 6901) as a path: /item/price is item.price.
func fieldPath(pointer jsontext.Pointer) string {
	return shorten(strings.Join(slices.Collect(pointer.Tokens()), "."))
}

// shorten keeps a name that the client made up from filling the answer.
func shorten(name string) string {
	const most = 100
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}
